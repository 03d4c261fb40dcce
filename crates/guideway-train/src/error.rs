//! What can go wrong while training, saving, loading and predicting.

use std::path::PathBuf;

use guideway_core::Hint;
use guideway_core::hint::for_io;

/// A sample source failed: the facade wraps the store's error, a test its own.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration is not the TOML that a detector needs.
    #[error("the configuration is not valid: {message}")]
    ConfigSyntax {
        /// What the parser said, with line and column.
        message: String,
        /// The known key nearest to an unknown one.
        suggestion: Option<String>,
    },
    /// A value of the configuration is out of range.
    #[error("the configuration sets `{key}` to {value}: {rule}")]
    ConfigValue {
        /// The key, with its table: `train.batch`.
        key: &'static str,
        /// The value found.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// The device is not in this build, or the machine has none.
    #[error("this build cannot use the device `{device}`")]
    DeviceNotBuilt {
        /// As given: `cuda`, `wgpu`.
        device: &'static str,
    },
    /// Detectors that are to see the same images take them in different sizes.
    #[error("the models take images of {}×{} and {}×{} pixels", first[0], first[1], other[0], other[1])]
    InputSizes {
        /// Width and height that the first takes.
        first: [usize; 2],
        /// Width and height that another takes.
        other: [usize; 2],
    },
    /// No such device name.
    #[error("there is no device `{name}`: it is one of cpu, cuda and wgpu")]
    DeviceUnknown {
        /// As given.
        name: String,
    },
    /// The source holds nothing to train on.
    #[error("nothing to train on: {reason}")]
    NoSamples {
        /// Why nothing is left.
        reason: String,
    },
    /// The source could not be read.
    #[error("could not read samples {first} to {last}")]
    Source {
        /// First index asked for.
        first: usize,
        /// Last index asked for.
        last: usize,
        /// The source's own error.
        #[source]
        source: SourceError,
    },
    /// The evaluation callback failed.
    #[error("the evaluation after epoch {epoch} failed")]
    Evaluate {
        /// Epochs completed.
        epoch: usize,
        /// The callback's own error.
        #[source]
        source: SourceError,
    },
    /// A label's class is not among the classes of the model.
    #[error("sample {sample} has a box of class {class}, but there are {classes} classes")]
    ClassOutOfRange {
        /// The sample's id.
        sample: String,
        /// The class index found.
        class: u32,
        /// How many classes the model has.
        classes: usize,
    },
    /// The loss is no longer a number.
    #[error("the loss became {loss} at step {step}")]
    Diverged {
        /// Step, from 0.
        step: u64,
        /// The loss.
        loss: f64,
    },
    /// A file could not be read or written.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `rename`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A weight file is damaged or is no weight file.
    #[error("{} is not a whole safetensors file: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A weight file does not fit the network that the configuration describes.
    #[error("{} does not fit the network: {reason}", path.display())]
    WeightsMismatch {
        /// The file.
        path: PathBuf,
        /// Which tensor differs and how.
        reason: String,
    },
    /// The detector to start from does not fit the one to be trained.
    #[error("cannot start from this model: {reason}")]
    Start {
        /// What differs.
        reason: String,
    },
    /// A checkpoint was made by a different training.
    #[error("the checkpoint {} was made with {what}", path.display())]
    CheckpointMismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The configuration in a model folder is damaged.
    #[error("{} is no detector's configuration", path.display())]
    ModelConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<Self>,
    },
    /// A JSON file of a model folder is damaged.
    #[error("{} is not valid JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and what.
        #[source]
        source: serde_json::Error,
    },
    /// An image could not be decoded.
    #[error("the image of {sample} cannot be decoded: {reason}")]
    Image {
        /// The sample's id.
        sample: String,
        /// What the decoder said.
        reason: String,
    },
    /// The framework failed to move values off the device.
    #[error("could not read {what} from the device: {reason}")]
    Device {
        /// Which values.
        what: &'static str,
        /// What the framework said.
        reason: String,
    },
    /// A thread could not be started or ended early.
    #[error("a loader thread failed: {reason}")]
    Loader {
        /// What happened.
        reason: String,
    },
}

impl Hint for TrainError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::ConfigSyntax {
                suggestion: Some(name), ..
            } => Some(format!("did you mean `{name}`?")),
            Self::DeviceNotBuilt { device } => Some(format!(
                "build with `cargo build --release --features {device}`, or use `--device cpu`"
            )),
            Self::InputSizes { .. } => {
                Some("take models of one `model.input_width` and `model.input_height`".to_owned())
            }
            Self::DeviceUnknown { .. } => Some("name one of these, or leave it out to compute on the CPU".to_owned()),
            Self::NoSamples { .. } => Some(
                "`guideway dataset show NAME` lists splits and classes; warnings name images that cannot be decoded"
                    .to_owned(),
            ),
            Self::ClassOutOfRange { .. } => {
                Some("give the list of classes that the labels were indexed with".to_owned())
            }
            Self::Diverged { .. } => Some("lower `train.learning_rate` or raise `train.warmup_epochs`".to_owned()),
            Self::CheckpointMismatch { .. } => {
                Some("train into another folder, or delete the checkpoint to start again".to_owned())
            }
            Self::Start { .. } => Some("give both the same [model] section and the same classes".to_owned()),
            Self::Weights { .. } | Self::WeightsMismatch { .. } | Self::Json { .. } | Self::ModelConfig { .. } => {
                Some("the file was changed or copied in part: restore it, or train again under another name".to_owned())
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("a file of the model is gone: restore it, or train again under another name".to_owned())
            }
            Self::Io { source, .. } => for_io(source),
            Self::ConfigValue { .. } | Self::ConfigSyntax { .. } => {
                Some("`guideway docs schema detector` lists every key with its meaning and range".to_owned())
            }
            Self::Image { .. } => Some("leave the image out, or put it back from where it came".to_owned()),
            Self::Device { .. } => Some("use `--device cpu`, a smaller `train.batch`, or a smaller input".to_owned()),
            Self::Source { .. } | Self::Evaluate { .. } | Self::Loader { .. } => None,
        }
    }
}

impl TrainError {
    /// For `map_err` on file operations.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
