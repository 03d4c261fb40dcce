//! Detectors: models, training, prediction. The only crate that names the deep-learning framework.
