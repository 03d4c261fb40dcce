//! Several simulated labelers that share the frames.

use rand::RngExt as _;

use crate::config::{LabelerConfig, LabelersFile};
use crate::error::LabelError;
use crate::labeler::{Estimate, Labeler};
use crate::money::{Currency, Money};
use crate::simulated::SimulatedLabeler;
use crate::stream::Streams;
use crate::task::{Answer, Task};

/// Simulated labelers, and who gets which frame.
///
/// A frame goes to the labeler who wins a draw of its own: the shares are those of the file, and a further labeler takes frames from
/// the others without moving any between them.
///
/// ```
/// use guideway_label::{Labeler as _, Pool};
/// let pool = Pool::from_toml("[[labelers]]\nname = \"a\"\nshare = 3.0\n[[labelers]]\nname = \"b\"")?;
/// let of_a = (0..1000).filter(|i| pool.assign(&format!("frame-{i}")).name() == "a").count();
/// assert!((700..800).contains(&of_a));
/// # Ok::<(), guideway_label::LabelError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    file: LabelersFile,
    /// At least one, in the order of the file.
    labelers: Vec<SimulatedLabeler>,
}

impl Default for Pool {
    /// One labeler with the defaults of [`LabelerConfig`].
    fn default() -> Self {
        Self::checked(LabelersFile::default())
    }
}

impl Pool {
    /// The labelers of a file.
    ///
    /// # Errors
    /// [`LabelError::Parameter`] for a value out of range.
    pub fn new(file: LabelersFile) -> Result<Self, LabelError> {
        file.validate()?;
        Ok(Self::checked(file))
    }

    /// Reads a labelers file.
    ///
    /// # Errors
    /// As [`LabelersFile::from_toml`].
    pub fn from_toml(text: &str) -> Result<Self, LabelError> {
        LabelersFile::from_toml(text).map(Self::checked)
    }

    /// One labeler who gives back the truth as it is, for the default time and price ([`LabelerConfig::perfect`]).
    pub fn perfect() -> Self {
        Self::checked(LabelersFile {
            labelers: vec![LabelerConfig::perfect()],
            ..LabelersFile::default()
        })
    }

    fn checked(file: LabelersFile) -> Self {
        let one = |config: &LabelerConfig| SimulatedLabeler::checked(config.clone(), file.seed, file.currency);
        Self {
            labelers: file.labelers.iter().map(one).collect(),
            file,
        }
    }

    /// The file that it was made from.
    pub fn file(&self) -> &LabelersFile {
        &self.file
    }

    /// Currency of all prices.
    pub fn currency(&self) -> Currency {
        self.file.currency
    }

    /// Everybody, in the order of the file.
    pub fn labelers(&self) -> &[SimulatedLabeler] {
        &self.labelers
    }

    /// Who labels this frame: always the same for the same seed, names and shares, whatever the order in the file.
    pub fn assign(&self, frame_id: &str) -> &SimulatedLabeler {
        // Exponential waiting times with the shares as rates: who comes first is drawn by share.
        let waits = |labeler: &SimulatedLabeler| {
            let streams = Streams {
                seed: self.file.seed,
                labeler: labeler.name(),
                frame_id,
            };
            let at: f64 = streams.of("assigned", "").random();
            -(1.0 - at).ln() / labeler.config().share
        };
        self.sharing()
            .map(|labeler| (waits(labeler), labeler))
            .min_by(|(a, left), (b, right)| a.total_cmp(b).then_with(|| left.name().cmp(right.name())))
            // Somebody has a share: the file was checked.
            .map_or(&self.labelers[0], |(_, labeler)| labeler)
    }

    fn sharing(&self) -> impl Iterator<Item = &SimulatedLabeler> {
        self.labelers.iter().filter(|labeler| labeler.config().share > 0.0)
    }
}

impl Labeler for Pool {
    fn name(&self) -> &'static str {
        "simulated labelers"
    }

    /// The answer of the labeler to whom the frame is assigned.
    ///
    /// # Errors
    /// As [`SimulatedLabeler`]'s.
    fn label(&self, task: &Task<'_>) -> Result<Answer, LabelError> {
        self.assign(task.frame_id).label(task)
    }

    /// Means over the labelers by their shares, and the most that any of them takes. Who labels a given frame is known before:
    /// [`Pool::assign`] has a closer estimate.
    ///
    /// # Errors
    /// [`LabelError::TooMuchMoney`] for a price beyond counting.
    fn estimate(&self, boxes: u64) -> Result<Estimate, LabelError> {
        let shares: f64 = self.sharing().map(|labeler| labeler.config().share).sum();
        let (mut seconds, mut micros) = (0.0, 0.0);
        let mut price_at_most = Money::zero(self.currency());
        for labeler in self.sharing() {
            let one = labeler.estimate(boxes)?;
            let weight = labeler.config().share / shares;
            seconds += weight * one.seconds;
            micros += weight * one.price.micros() as f64;
            if one.price_at_most > price_at_most {
                price_at_most = one.price_at_most;
            }
        }
        let price = Money::at_least(micros, self.currency())?;
        Ok(Estimate {
            seconds,
            price: if price > price_at_most { price_at_most } else { price },
            price_at_most,
        })
    }
}
