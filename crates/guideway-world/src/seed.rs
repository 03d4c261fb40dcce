//! Seeds in a tree: every random choice has a name, so that adding one changes no other.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A node of the tree of seeds.
///
/// ```
/// use guideway_world::Seed;
/// let drive = Seed::new(1).child("drive").index(7);
/// assert_eq!(drive, Seed::new(1).child("drive").index(7));
/// assert_ne!(drive.child("weather"), drive.child("traffic"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(u64);

impl Seed {
    /// The root of a tree.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The number itself.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The child of this name.
    #[must_use]
    pub fn child(self, name: &str) -> Self {
        self.hashed(*b"name", name.as_bytes())
    }

    /// The child of this number.
    #[must_use]
    pub fn index(self, index: u64) -> Self {
        self.hashed(*b"item", &index.to_le_bytes())
    }

    /// A generator that starts here. Two calls give the same numbers.
    pub fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0)
    }

    fn hashed(self, kind: [u8; 4], part: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0.to_le_bytes()).update(&kind).update(part);
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self(u64::from_le_bytes(first))
    }
}
