//! `mine`.

use clap::{Args, ValueEnum};

/// Choose the frames to label next.
///
/// Every frame of the pool gets a score: how unsure the models are of it, or how much they contradict each other. The frames with the highest scores are
/// chosen, or, with --diversity, frames that are both wanted and unlike each other. The choice is kept in the table `selections`, one row for a frame with
/// its score and the class that it was wanted for, ready for `dataset freeze --query` and `query`. Frames that a model was trained on are never chosen.
#[derive(Debug, Args)]
pub(crate) struct MineArgs {
    /// Models by name, or id (its first 4 digits or more will do); several are an ensemble
    #[arg(long = "model", value_name = "MODEL", value_delimiter = ',')]
    pub(crate) models: Vec<String>,

    /// The pool: a SELECT that yields frame_id, a dataset (`night-v1`) or one of its splits (`night-v1:val`)
    #[arg(long, value_name = "SQL|DATASET[:SPLIT]")]
    pub(crate) from: String,

    /// Choose frames that show the like of these objects instead: a SELECT that yields frame_id, x_min, y_min, x_max and y_max; one model describes them
    #[arg(long, value_name = "SQL", conflicts_with_all = ["score", "aggregate", "classes", "per_class", "diversity", "gap", "dropout_passes", "seed"])]
    pub(crate) like: Option<String>,

    /// What frames and objects are to have in common
    #[arg(long, value_enum, default_value_t = InformationArg::FacilityLocationQuery, value_name = "FUNCTION", requires = "like")]
    pub(crate) information: InformationArg,

    /// How many of a frame's strongest detections are looked at
    #[arg(long, default_value_t = 16, value_name = "N", requires = "like")]
    pub(crate) regions: usize,

    /// How much of a likeness is that of the whole pictures, 0 to 1: what is wanted may be the night as well as the cyclist
    #[arg(long, default_value_t = 0.5, value_name = "PART", requires = "like")]
    pub(crate) scene: f64,

    /// How many frames to choose
    #[arg(long, value_name = "N")]
    pub(crate) budget: usize,

    /// How the need for a label is measured
    #[arg(long, value_enum, default_value_t = ScoreArg::MutualInformation, value_name = "SCORE")]
    pub(crate) score: ScoreArg,

    /// How the scores of many places become a frame's: max, mean, sum, or top-K for the mean of the K highest
    #[arg(long, default_value = "max", value_name = "HOW")]
    pub(crate) aggregate: guideway::Aggregate,

    /// Only these classes [default: all that the models know]
    #[arg(long = "class", value_name = "CLASS", value_delimiter = ',')]
    pub(crate) classes: Vec<String>,

    /// Share the budget among the classes, each with its own score: otherwise the class with the highest scores may take all of it
    #[arg(long)]
    pub(crate) per_class: bool,

    /// How not to take the same thing twice
    #[arg(long, value_enum, default_value_t = DiversityArg::TopN, value_name = "HOW")]
    pub(crate) diversity: DiversityArg,

    /// No two frames of one drive within so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) gap: Option<f64>,

    /// Let each model vote so many times, each time without a part of its channels (Monte Carlo dropout)
    #[arg(long, value_name = "N")]
    pub(crate) dropout_passes: Option<u32>,

    /// The part of the channels that a dropout pass lacks
    #[arg(long, default_value_t = 0.2, value_name = "RATE", requires = "dropout_passes")]
    pub(crate) dropout_rate: f64,

    /// Seed of whatever is drawn
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,

    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu")]
    pub(crate) device: Option<String>,

    /// Name of the selection
    #[arg(long, value_name = "NAME")]
    pub(crate) out: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScoreArg {
    /// Entropy of the mean probability at each place
    Entropy,
    /// How much the models contradict each other at each place (BALD); needs several models or dropout
    MutualInformation,
    /// One minus the margin between the two outcomes at each place
    Margin,
    /// Length of the output layer's gradient at each place
    GradientNorm,
    /// Entropy of the found objects' confidences; with --aggregate sum it favours crowded frames
    DetectionEntropy,
    /// How much a frame contradicts the ones before and after it
    TrackDisagreement,
    /// Drawn by lot, without a model: what every other score is to beat
    Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InformationArg {
    /// A likeness of every object, and every frame a likeness (FLQMI)
    FacilityLocationQuery,
    /// The frames most like the objects, alike or not (GCMI)
    GraphCut,
    /// Frames that stand for many frames like the objects (FLVMI); for pools of up to 16,384 frames
    FacilityLocation,
}

impl From<InformationArg> for guideway::Information {
    fn from(information: InformationArg) -> Self {
        match information {
            InformationArg::FacilityLocationQuery => Self::FacilityLocationQuery,
            InformationArg::GraphCut => Self::GraphCut,
            InformationArg::FacilityLocation => Self::FacilityLocation,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiversityArg {
    /// The highest scores, alike or not
    TopN,
    /// Drawn in proportion to score and squared distance from what is taken
    #[value(name = "k-means++")]
    KMeansPlusPlus,
    /// The farthest from what is taken first, weighted by score (k-centre)
    CoreSet,
    /// What explains most of the pool, weighted by score (orthogonal matching pursuit)
    SparseModelling,
    /// k-means++ over gradients (BADGE); the score does not count
    Badge,
}

impl From<ScoreArg> for guideway::Score {
    fn from(score: ScoreArg) -> Self {
        match score {
            ScoreArg::Entropy => Self::Entropy,
            ScoreArg::MutualInformation => Self::MutualInformation,
            ScoreArg::Margin => Self::Margin,
            ScoreArg::GradientNorm => Self::GradientNorm,
            ScoreArg::DetectionEntropy => Self::DetectionEntropy,
            ScoreArg::TrackDisagreement => Self::TrackDisagreement,
            ScoreArg::Random => Self::Random,
        }
    }
}

impl From<DiversityArg> for guideway::Diversity {
    fn from(diversity: DiversityArg) -> Self {
        match diversity {
            DiversityArg::TopN => Self::TopN,
            DiversityArg::KMeansPlusPlus => Self::KMeansPlusPlus,
            DiversityArg::CoreSet => Self::CoreSet,
            DiversityArg::SparseModelling => Self::SparseModelling,
            DiversityArg::Badge => Self::Badge,
        }
    }
}
