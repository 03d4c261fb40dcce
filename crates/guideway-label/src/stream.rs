//! Random numbers with an address: each choice has a stream of its own, so that no choice moves another.

use guideway_core::IdBuilder;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// The streams of one labeler in one frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams<'a> {
    pub(crate) seed: u64,
    pub(crate) labeler: &'a str,
    pub(crate) frame_id: &'a str,
}

impl Streams<'_> {
    /// The stream for one thing (`box`) of one name (a label's id). Two calls give the same numbers.
    pub(crate) fn of(&self, what: &str, name: &str) -> ChaCha8Rng {
        let digits: String = IdBuilder::new("labeler")
            .bytes(&self.seed.to_le_bytes())
            .text(self.labeler)
            .text(self.frame_id)
            .text(what)
            .text(name)
            .finish();
        // An id has 32 digits, one for each byte of the seed.
        let mut seed = [0; 32];
        for (byte, digit) in seed.iter_mut().zip(digits.bytes()) {
            *byte = digit;
        }
        ChaCha8Rng::from_seed(seed)
    }
}
