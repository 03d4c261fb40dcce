//! Detectors: models, training, prediction. The only crate that names the deep-learning framework.
//!
//! | to | use |
//! |---|---|
//! | say what to train | [`DetectorConfig`], read from TOML |
//! | give it images and boxes | a [`SampleSource`]; [`MemorySource`] for a few |
//! | train, with checkpoints and exact resume | [`train`] with a [`Training`] |
//! | find objects, probability maps and embeddings | [`Detector::load`], [`Detector::predict`] |
//! | know what a detector is worth | [`ConstantPredictor`], which never looks at the image |
//! | choose the processor | [`DeviceChoice`] |
//!
//! On the CPU everything here is deterministic: the same samples, configuration and seed give the same weights and the
//! same boxes, bit for bit, on any number of threads.
//!
//! Inside: [`network`](self) is an anchor-free detector with a residual backbone and a feature pyramid; the assignment of
//! objects to cells follows TOOD; convolution and group normalisation on the CPU have kernels of their own because the
//! framework's backward passes are slow there.

mod assign;
mod boxes;
mod config;
mod constant;
mod detector;
mod device;
mod error;
mod loader;
mod loss;
mod network;
mod ops;
mod optim;
mod params;
mod picture;
mod sample;
mod trainer;

pub use config::{AugmentConfig, DetectorConfig, ModelConfig, PredictConfig, TrainConfig};
pub use constant::ConstantPredictor;
pub use detector::{Detector, Inference, PredictSummary, Prediction, ProbabilityMap, ProbabilityMaps, Wanted};
pub use device::DeviceChoice;
pub use error::{SourceError, TrainError};
pub use sample::{MemorySource, Sample, SampleSource, TrainBox};
pub use trainer::{EpochRecord, Evaluator, History, Trained, Training, train};
