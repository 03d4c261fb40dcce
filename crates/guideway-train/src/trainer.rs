//! The training loop and its checkpoints.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Tensor, TensorData};
use guideway_core::Reporter;
use serde::{Deserialize, Serialize};

use crate::boxes::points;
use crate::config::DetectorConfig;
use crate::detector::{Detector, Prediction};
use crate::device::DeviceChoice;
use crate::error::{SourceError, TrainError};
use crate::loader::{Batch, Loader};
use crate::loss::loss;
use crate::network::Network;
use crate::optim::{Optimizer, learning_rate};
use crate::params::{ParamSet, parse, stored_text, to_safetensors, write_atomically};
use crate::sample::SampleSource;

const CHECKPOINT: &str = "checkpoint.safetensors";
const HISTORY: &str = "history.json";
const MODEL: &str = "model";
/// Version of the text inside a checkpoint.
const VERSION: u32 = 1;

/// A training to be done.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    /// What and how.
    pub config: &'a DetectorConfig,
    /// The classes that the labels' indices mean. The configuration's own list wins if it is not empty, and must then
    /// be what the labels mean.
    pub classes: &'a [String],
    /// What is learnt from.
    pub train: &'a dyn SampleSource,
    /// What is evaluated on; the best evaluation's weights are kept. Without it the last weights are.
    pub validation: Option<&'a dyn SampleSource>,
    /// Where `checkpoint.safetensors`, `history.json` and the folder `model` go.
    pub folder: &'a Path,
    /// The processor.
    pub device: DeviceChoice,
    /// Continue from the folder's checkpoint if there is one. Otherwise it is overwritten.
    pub resume: bool,
    /// The detector to start from (fine-tuning), of the same network and classes; random weights when `None`.
    pub start: Option<&'a Detector>,
    /// When it becomes true, the training writes a checkpoint after the current step and returns.
    pub stop: Option<&'a AtomicBool>,
}

/// Turns predictions on the validation samples into one number, the higher the better: average precision.
pub type Evaluator<'a> = dyn FnMut(&[Prediction]) -> Result<f64, SourceError> + 'a;

/// One epoch of a training.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Epochs completed, from 1.
    pub epoch: usize,
    /// Steps completed.
    pub step: u64,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean loss over the epoch's steps.
    pub loss: f64,
    /// The classes' part.
    pub class_loss: f64,
    /// The boxes' part, before its weight.
    pub box_loss: f64,
    /// Mean norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// The evaluation after this epoch, if there was one.
    pub metric: Option<f64>,
}

/// How a training went; `history.json` holds the same.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// By epoch.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights were kept because its evaluation was the best.
    pub best_epoch: Option<usize>,
    /// That evaluation.
    pub best_metric: Option<f64>,
    /// The training ended before its last epoch because evaluations no longer improved.
    pub stopped_early: bool,
}

/// A finished or interrupted training.
#[derive(Debug)]
pub struct Trained {
    /// The detector: the best evaluation's weights, or the last moving average.
    pub detector: Detector,
    /// Losses and metrics.
    pub history: History,
    /// `false` when it was stopped through [`Training::stop`]: the same call with `resume` continues it.
    pub finished: bool,
    /// The step that it continued from.
    pub resumed_at: Option<u64>,
}

/// What a checkpoint holds besides weights. Restoring it and the weights restores the training exactly: batches and
/// their variation are functions of the seed and the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    version: u32,
    /// The parts of the configuration that decide the result.
    config: DetectorConfig,
    classes: Vec<String>,
    samples: usize,
    /// The next step.
    step: u64,
    /// Steps that changed the weights: a batch of broken images does not.
    updates: u64,
    /// Sums over the epoch so far: loss, class loss, box loss, gradient norm, number of steps.
    sums: [f64; 5],
    history: History,
    /// Evaluations since the best one.
    without_gain: usize,
}

struct State {
    optimizer: Optimizer,
    best: Option<ParamSet>,
    progress: Progress,
}

impl State {
    fn write(&self, path: &Path) -> Result<(), TrainError> {
        let text = serde_json::to_string(&self.progress).map_err(|source| TrainError::Json {
            path: path.to_owned(),
            source,
        })?;
        let optimizer = &self.optimizer;
        let mut sets = vec![
            ("model.", &optimizer.weights),
            ("ema.", &optimizer.average),
            ("first.", &optimizer.first),
            ("second.", &optimizer.second),
        ];
        if let Some(best) = &self.best {
            sets.push(("best.", best));
        }
        write_atomically(path, &to_safetensors(&sets, Some(text), path)?)
    }

    /// Reads a checkpoint into a fresh state.
    fn restore(&mut self, path: &Path) -> Result<(), TrainError> {
        let bytes = std::fs::read(path).map_err(TrainError::io("read", path))?;
        let text = stored_text(&bytes, path)?.ok_or_else(|| TrainError::Weights {
            path: path.to_owned(),
            reason: "it is no checkpoint: it has weights only".to_owned(),
        })?;
        let progress: Progress = serde_json::from_str(&text).map_err(|source| TrainError::Json {
            path: path.to_owned(),
            source,
        })?;
        let fresh = &self.progress;
        let differs = [
            (progress.version != fresh.version, "another format version"),
            (progress.config != fresh.config, "another configuration"),
            (progress.classes != fresh.classes, "other classes"),
            (progress.samples != fresh.samples, "another number of samples"),
        ];
        if let Some((_, what)) = differs.into_iter().find(|(differs, _)| *differs) {
            return Err(TrainError::CheckpointMismatch {
                path: path.to_owned(),
                what,
            });
        }
        let file = parse(&bytes, path)?;
        self.optimizer.weights.read(&file, "model.", path)?;
        self.optimizer.average.read(&file, "ema.", path)?;
        self.optimizer.first.read(&file, "first.", path)?;
        self.optimizer.second.read(&file, "second.", path)?;
        self.optimizer.step = progress.updates;
        if progress.history.best_epoch.is_some() {
            let mut best = self.optimizer.weights.zeros();
            best.read(&file, "best.", path)?;
            self.best = Some(best);
        }
        self.progress = progress;
        Ok(())
    }
}

/// Trains a detector.
///
/// On the CPU the result is a function of the configuration and the samples: the same bits on any number of threads,
/// in one go or resumed after a crash at any moment. `evaluate` receives the predictions on the validation samples.
///
/// Samples with broken images are left out with a warning `broken-image`, boxes without area with `invalid-box`.
///
/// # Errors
/// Any [`TrainError`]: a bad configuration, an unreadable source or folder, a class out of range, a loss that is no
/// number, a checkpoint of another training.
pub fn train(
    training: &Training<'_>,
    evaluate: &mut Evaluator<'_>,
    reporter: &dyn Reporter,
) -> Result<Trained, TrainError> {
    let config = training.config;
    config.validate()?;
    let classes = if config.model.classes.is_empty() {
        training.classes
    } else {
        &config.model.classes
    };
    let none = |reason: &str| TrainError::NoSamples {
        reason: reason.to_owned(),
    };
    if classes.is_empty() {
        return Err(none("there are no classes"));
    }
    if training.train.is_empty() {
        return Err(none("the training split is empty"));
    }
    let plain = training.device.open()?;
    let config = DetectorConfig {
        train: config.train.over(training.train.len()),
        ..config.clone()
    };
    let training = &Training {
        config: &config,
        ..*training
    };
    let run = Run {
        training,
        classes,
        reporter,
        checkpoint: training.folder.join(CHECKPOINT),
        device: plain.clone().autodiff(),
        plain,
    };
    std::fs::create_dir_all(training.folder).map_err(TrainError::io("create", training.folder))?;
    run.train(evaluate)
}

struct Run<'a> {
    training: &'a Training<'a>,
    classes: &'a [String],
    reporter: &'a dyn Reporter,
    checkpoint: PathBuf,
    /// With gradients.
    device: Device,
    /// Without.
    plain: Device,
}

impl Run<'_> {
    fn train(&self, evaluate: &mut Evaluator<'_>) -> Result<Trained, TrainError> {
        let (training, config) = (self.training, self.training.config);
        let mut network = Network::new(&config.model, self.classes.len(), config.train.seed, &self.device);
        if let Some(start) = training.start {
            let weights = self.start_from(start, &network)?;
            network = network.with_params(&weights);
        }
        let mut state = State {
            optimizer: Optimizer::new(network.params()?),
            best: None,
            progress: self.fresh_progress(),
        };
        let mut resumed_at = None;
        if training.resume && self.checkpoint.exists() {
            state.restore(&self.checkpoint)?;
            resumed_at = Some(state.progress.step);
            network = network.with_params(&state.optimizer.weights);
        }
        let loader = Loader::new(training.train, config, self.classes.len(), self.reporter);
        let (per_epoch, steps) = (loader.steps_per_epoch(), loader.steps());
        let task = self.reporter.begin("training", Some(steps), "steps");
        task.advance(state.progress.step);
        let mut finished = true;
        std::thread::scope(|scope| {
            let mut batches = loader.start(scope, state.progress.step, config.train.loader_threads)?;
            while state.progress.step < steps && !state.progress.history.stopped_early {
                let batch = batches.next().ok_or_else(|| TrainError::Loader {
                    reason: "it ended before the last batch".to_owned(),
                })??;
                let rate = learning_rate(&config.train, state.progress.step, per_epoch, steps);
                if !batch.targets.is_empty() {
                    network = self.step(network, batch, rate, &mut state)?;
                }
                state.progress.step += 1;
                let steps_done = state.progress.step;
                if steps_done.is_multiple_of(per_epoch) {
                    self.end_epoch(&mut state, (steps_done / per_epoch) as usize, rate, evaluate)?;
                    if let Some(record) = state.progress.history.epochs.last() {
                        task.note(&note(record));
                    }
                }
                task.advance(1);
                let stop = training.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
                let last = steps_done == steps || state.progress.history.stopped_early;
                if stop || last || steps_done.is_multiple_of(config.train.checkpoint_every as u64) {
                    state.write(&self.checkpoint)?;
                }
                if stop && !last {
                    finished = false;
                    break;
                }
            }
            // Tells the loader's threads to stop.
            drop(batches);
            Ok::<(), TrainError>(())
        })?;
        self.finish(state, finished, resumed_at)
    }

    /// The weights of the detector to start from, if they fit.
    fn start_from(&self, start: &Detector, own: &Network) -> Result<ParamSet, TrainError> {
        let wrong = |reason| TrainError::Start { reason };
        if start.classes() != self.classes {
            return Err(wrong(format!(
                "it knows the classes {}, and is to learn {}",
                start.classes().join(", "),
                self.classes.join(", ")
            )));
        }
        let params = start.params()?;
        match own.params()?.difference(&params) {
            None => Ok(params),
            Some(reason) => Err(wrong(reason)),
        }
    }

    fn fresh_progress(&self) -> Progress {
        let mut config = self.training.config.clone();
        // These do not change the result, so a resumed training may set them anew.
        let defaults = DetectorConfig::default();
        config.train.loader_threads = defaults.train.loader_threads;
        config.train.cache_mb = defaults.train.cache_mb;
        config.train.checkpoint_every = defaults.train.checkpoint_every;
        config.predict.batch = defaults.predict.batch;
        Progress {
            version: VERSION,
            config,
            classes: self.classes.to_vec(),
            samples: self.training.train.len(),
            step: 0,
            updates: 0,
            sums: [0.0; 5],
            history: History::default(),
            without_gain: 0,
        }
    }

    /// One forward and backward pass and one step of the optimizer.
    fn step(&self, network: Network, batch: Batch, rate: f64, state: &mut State) -> Result<Network, TrainError> {
        let config = self.training.config;
        let shape = [
            batch.targets.len(),
            3,
            config.model.input_height,
            config.model.input_width,
        ];
        let images = Tensor::from_data(TensorData::new(batch.images, shape), &self.device);
        let outputs = network.forward(&images);
        let points = points(&config.model);
        let loss = loss(&outputs, &points, &batch.targets, config.train.box_weight, &self.device)?;
        let number = |tensor: Tensor<1>| {
            tensor
                .try_into_scalar::<f32>()
                .map(f64::from)
                .map_err(|err| TrainError::Device {
                    what: "the loss",
                    reason: err.to_string(),
                })
        };
        let gradients = loss.total.backward();
        let values = [number(loss.total)?, number(loss.class)?, number(loss.boxes)?];
        let gradients = network.gradients(&gradients)?;
        let norm = state.optimizer.advance(&gradients, rate, &config.train);
        if !(values[0].is_finite() && norm.is_finite()) {
            return Err(TrainError::Diverged {
                step: state.progress.step,
                loss: values[0],
            });
        }
        state.progress.updates = state.optimizer.step;
        let terms = [values[0], values[1], values[2], norm, 1.0];
        for (sum, term) in state.progress.sums.iter_mut().zip(terms) {
            *sum += term;
        }
        Ok(network.with_params(&state.optimizer.weights))
    }

    fn end_epoch(
        &self,
        state: &mut State,
        epoch: usize,
        rate: f64,
        evaluate: &mut Evaluator<'_>,
    ) -> Result<(), TrainError> {
        let config = &self.training.config.train;
        let [loss, class_loss, box_loss, norm, count] = std::mem::take(&mut state.progress.sums);
        if count == 0.0 {
            return Err(TrainError::NoSamples {
                reason: "no image of the training split could be decoded".to_owned(),
            });
        }
        let last = epoch == config.epochs;
        let due = last || (config.eval_every > 0 && epoch.is_multiple_of(config.eval_every));
        let metric = match self.training.validation.filter(|source| due && !source.is_empty()) {
            Some(source) => {
                let detector = self.detector(&state.optimizer.average);
                let predictions = detector.predict_all(source, self.reporter)?;
                Some(evaluate(&predictions).map_err(|source| TrainError::Evaluate { epoch, source })?)
            }
            None => None,
        };
        let history = &mut state.progress.history;
        history.epochs.push(EpochRecord {
            epoch,
            step: state.progress.step,
            learning_rate: rate,
            loss: loss / count,
            class_loss: class_loss / count,
            box_loss: box_loss / count,
            gradient_norm: norm / count,
            metric,
        });
        let Some(metric) = metric else { return Ok(()) };
        // A metric that is no number is never the best.
        if metric.is_finite() && history.best_metric.is_none_or(|best| metric > best) {
            history.best_metric = Some(metric);
            history.best_epoch = Some(epoch);
            state.best = Some(state.optimizer.average.clone());
            state.progress.without_gain = 0;
        } else {
            state.progress.without_gain += 1;
            let patience = config.patience;
            history.stopped_early = patience > 0 && state.progress.without_gain >= patience && !last;
        }
        Ok(())
    }

    fn detector(&self, params: &ParamSet) -> Detector {
        let config = self.training.config;
        let network = Network::new(&config.model, self.classes.len(), config.train.seed, &self.plain);
        let network = network.with_params(params);
        Detector::from_parts(config.clone(), self.classes.to_vec(), network, self.plain.clone())
    }

    fn finish(&self, state: State, finished: bool, resumed_at: Option<u64>) -> Result<Trained, TrainError> {
        let folder = self.training.folder;
        let history = state.progress.history;
        let path = folder.join(HISTORY);
        let text = serde_json::to_vec_pretty(&history).map_err(|source| TrainError::Json {
            path: path.clone(),
            source,
        })?;
        write_atomically(&path, &text)?;
        let detector = self.detector(state.best.as_ref().unwrap_or(&state.optimizer.average));
        if finished {
            detector.save(&folder.join(MODEL))?;
        }
        Ok(Trained {
            detector,
            history,
            finished,
            resumed_at,
        })
    }
}

fn note(record: &EpochRecord) -> String {
    match record.metric {
        Some(metric) => format!("epoch {}: loss {:.3}, metric {metric:.4}", record.epoch, record.loss),
        None => format!("epoch {}: loss {:.3}", record.epoch, record.loss),
    }
}
