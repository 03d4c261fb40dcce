//! A trained detector: loading, saving, predicting.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData, activation};
use crossbeam_channel::bounded;
use guideway_core::{BBox, Reporter, Warning};
use rand::RngExt as _;
use rayon::prelude::*;

use crate::boxes::{Candidate, Point, points, suppress};
use crate::config::DetectorConfig;
use crate::device::DeviceChoice;
use crate::error::{SourceError, TrainError};
use crate::loader::random;
use crate::network::{Network, Outputs};
use crate::params::{ParamSet, parse, to_safetensors, write_atomically};
use crate::picture::{Picture, Placement, Tone, Window, draw};
use crate::sample::{Sample, SampleSource};

/// File names inside a model folder.
const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.toml";
const CLASSES: &str = "classes.json";

/// The objects found in one image, strongest first.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Prediction {
    /// The sample's id.
    pub id: String,
    /// Boxes in pixels of the sample's `width × height`, inside of it.
    pub boxes: Vec<BBox>,
    /// Score of each box, `0..=1`.
    pub scores: Vec<f32>,
    /// Class of each box: an index into [`Detector::classes`].
    pub classes: Vec<u32>,
}

/// The class probabilities that one level of the network gives each cell of its grid.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbabilityMap {
    /// Input pixels per cell.
    pub stride: usize,
    /// Rows of cells.
    pub height: usize,
    /// Columns of cells.
    pub width: usize,
    /// `[classes, height, width]`, row by row, each in `0..=1`; classes are independent and need not sum to 1.
    pub values: Vec<f32>,
    /// What goes into the output layer of the classes: `[channels, height, width]`, row by row. Empty unless asked for.
    pub features: Vec<f32>,
}

/// The probability maps of one image, finest level first, before any suppression.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbabilityMaps {
    /// One per stride.
    pub levels: Vec<ProbabilityMap>,
    /// Input pixels per image pixel.
    pub scale: f64,
    /// Input pixels left of and above the image: cell centre `(c + ½)·stride` lies at `((c + ½)·stride − offset) / scale`.
    pub offset: [f64; 2],
}

/// Everything that the network says about one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Inference {
    /// The objects.
    pub prediction: Prediction,
    /// The maps, when asked for.
    pub maps: Option<ProbabilityMaps>,
    /// The last backbone stage, averaged over the image: one value per channel. Empty unless asked for.
    pub embedding: Vec<f32>,
}

/// What [`Detector::predict`] returns besides boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The probability maps.
    pub maps: bool,
    /// The features below the probability maps, with the maps.
    pub features: bool,
    /// The embedding.
    pub embedding: bool,
}

/// What a prediction run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PredictSummary {
    /// Images predicted.
    pub images: u64,
    /// Images left out because they could not be decoded; each was a warning.
    pub broken: u64,
}

/// A network with its weights and classes.
#[derive(Debug)]
pub struct Detector {
    config: DetectorConfig,
    classes: Vec<String>,
    network: Network,
    points: Vec<Point>,
    device: Device,
}

/// Decoded images, ready for the network.
struct Ready {
    images: Vec<f32>,
    placed: Vec<(String, [f64; 2], Placement)>,
    broken: Vec<TrainError>,
}

impl Detector {
    /// A detector with random weights, a function of the configuration's seed.
    ///
    /// # Errors
    /// [`TrainError::ConfigValue`], [`TrainError::DeviceNotBuilt`], or [`TrainError::NoSamples`] without classes.
    pub fn new(config: DetectorConfig, classes: Vec<String>, device: DeviceChoice) -> Result<Self, TrainError> {
        config.validate()?;
        if classes.is_empty() {
            return Err(TrainError::NoSamples {
                reason: "there are no classes".to_owned(),
            });
        }
        let device = device.open()?;
        let network = Network::new(&config.model, classes.len(), config.train.seed, &device);
        Ok(Self::from_parts(config, classes, network, device))
    }

    pub(crate) fn from_parts(config: DetectorConfig, classes: Vec<String>, network: Network, device: Device) -> Self {
        Self {
            points: points(&config.model),
            config,
            classes,
            network,
            device,
        }
    }

    /// The configuration that it was trained with.
    pub fn config(&self) -> &DetectorConfig {
        &self.config
    }

    /// Changes the thresholds; the weights stay.
    ///
    /// # Errors
    /// [`TrainError::ConfigValue`].
    pub fn set_predict(&mut self, predict: crate::config::PredictConfig) -> Result<(), TrainError> {
        let mut config = self.config.clone();
        config.predict = predict;
        config.validate()?;
        self.config = config;
        Ok(())
    }

    /// The classes by name; predictions give indices into it.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How many weights it has.
    ///
    /// # Errors
    /// [`TrainError::Device`] when the device does not give them.
    pub fn parameters(&self) -> Result<usize, TrainError> {
        Ok(self.network.params()?.count())
    }

    pub(crate) fn params(&self) -> Result<ParamSet, TrainError> {
        self.network.params()
    }

    /// Writes `model.safetensors`, `config.toml` and `classes.json` into a folder, which is made if need be.
    /// The same detector gives the same bytes.
    ///
    /// # Errors
    /// [`TrainError::Io`] with the file that could not be written.
    pub fn save(&self, folder: &Path) -> Result<(), TrainError> {
        std::fs::create_dir_all(folder).map_err(TrainError::io("create", folder))?;
        let path = folder.join(WEIGHTS);
        let bytes = to_safetensors(&[("", &self.network.params()?)], None, &path)?;
        write_atomically(&path, &bytes)?;
        write_atomically(&folder.join(CONFIG), self.config.to_toml()?.as_bytes())?;
        let path = folder.join(CLASSES);
        let classes = serde_json::to_vec(&self.classes).map_err(|source| TrainError::Json {
            path: path.clone(),
            source,
        })?;
        write_atomically(&path, &classes)
    }

    /// Reads what [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::ConfigSyntax`], [`TrainError::ConfigValue`], [`TrainError::Json`],
    /// [`TrainError::Weights`] for a damaged file, [`TrainError::WeightsMismatch`] for one of another network.
    pub fn load(folder: &Path, device: DeviceChoice) -> Result<Self, TrainError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path)
                .map(|bytes| (path.clone(), bytes))
                .map_err(TrainError::io("read", path))
        };
        let (path, config) = read(CONFIG)?;
        let config = DetectorConfig::from_toml(&String::from_utf8_lossy(&config)).map_err(|source| {
            let source = Box::new(source);
            TrainError::ModelConfig { path, source }
        })?;
        let (path, classes) = read(CLASSES)?;
        let classes: Vec<String> =
            serde_json::from_slice(&classes).map_err(|source| TrainError::Json { path, source })?;
        let mut detector = Self::new(config, classes, device)?;
        let (path, bytes) = read(WEIGHTS)?;
        let mut params = detector.network.params()?;
        params.read(&parse(&bytes, &path)?, "", &path)?;
        detector.network = detector.network.with_params(&params);
        Ok(detector)
    }

    /// A copy that lacks a random part of its pyramid's channels: one pass of Monte Carlo dropout (Gal and Ghahramani, "Dropout as a Bayesian
    /// Approximation", ICML 2016), with the same channels dropped for every image. Several copies with different seeds are an ensemble without
    /// training one.
    ///
    /// # Errors
    /// [`TrainError::ConfigValue`] for a rate outside 0 to 0.9; [`TrainError::Device`].
    pub fn with_dropout(&self, rate: f64, seed: u64) -> Result<Self, TrainError> {
        if !(0.0..=0.9).contains(&rate) {
            return Err(TrainError::ConfigValue {
                key: "dropout",
                value: rate.to_string(),
                rule: "0 to 0.9",
            });
        }
        let mut rng = random(&[b"dropout", &seed.to_le_bytes()]);
        let keep: Vec<bool> = (0..self.config.model.neck)
            .map(|_| rng.random::<f64>() >= rate)
            .collect();
        let network = self.network.clone().thinned(&keep, 1.0 - rate)?;
        Ok(Self::from_parts(
            self.config.clone(),
            self.classes.clone(),
            network,
            self.device.clone(),
        ))
    }

    /// Predicts every sample, in order, and hands each result to `sink`. Images are decoded while the network works;
    /// memory holds two batches. On the CPU an image's result does not depend on the batch it is in.
    ///
    /// # Errors
    /// [`TrainError::Source`] when the source or the sink fails; [`TrainError::Device`]. An image that cannot be decoded
    /// is no error but a warning `broken-image`.
    pub fn predict(
        &self,
        source: &dyn SampleSource,
        wanted: Wanted,
        reporter: &dyn Reporter,
        sink: &mut dyn FnMut(Inference) -> Result<(), SourceError>,
    ) -> Result<PredictSummary, TrainError> {
        Self::predict_together(&[self], source, wanted, reporter, &mut |mut inferences| {
            inferences.pop().map_or(Ok(()), &mut *sink)
        })
    }

    /// As [`Self::predict`], with several detectors: `sink` gets what each says about an image, in their order. Images are read and decoded
    /// once. The first detector's batch size counts.
    ///
    /// # Errors
    /// As [`Self::predict`], and [`TrainError::InputSizes`] for detectors that take images of different sizes.
    pub fn predict_together(
        members: &[&Self],
        source: &dyn SampleSource,
        wanted: Wanted,
        reporter: &dyn Reporter,
        sink: &mut dyn FnMut(Vec<Inference>) -> Result<(), SourceError>,
    ) -> Result<PredictSummary, TrainError> {
        let Some(leader) = members.first() else {
            return Ok(PredictSummary::default());
        };
        let size = |detector: &Self| [detector.config.model.input_width, detector.config.model.input_height];
        let input = size(leader);
        if let Some(other) = members.iter().find(|member| size(member) != input) {
            return Err(TrainError::InputSizes {
                first: input,
                other: size(other),
            });
        }
        let task = reporter.begin("predicting", Some(source.len() as u64), "images");
        let batch = leader.config.predict.batch;
        let mut summary = PredictSummary::default();
        std::thread::scope(|scope| {
            let (sender, receiver) = bounded(1);
            std::thread::Builder::new()
                .name("predict-loader".to_owned())
                .spawn_scoped(scope, move || {
                    for first in (0..source.len()).step_by(batch) {
                        let ready = prepare(source, first..(first + batch).min(source.len()), input);
                        // The receiver is gone when the prediction failed.
                        if sender.send((first, ready)).is_err() {
                            break;
                        }
                    }
                })
                .map_err(|err| TrainError::Loader {
                    reason: err.to_string(),
                })?;
            for (first, ready) in receiver {
                let ready = ready?;
                let count = (ready.placed.len() + ready.broken.len()) as u64;
                summary.images += ready.placed.len() as u64;
                for err in &ready.broken {
                    summary.broken += 1;
                    let TrainError::Image { sample, reason } = err else {
                        continue;
                    };
                    reporter.warn(Warning {
                        code: "broken-image".to_owned(),
                        message: format!("the image cannot be decoded: {reason}; nothing is predicted for it"),
                        location: sample.clone(),
                        count: 1,
                    });
                }
                let mut all = vec![Vec::with_capacity(members.len()); ready.placed.len()];
                for member in members {
                    for (all, inference) in all.iter_mut().zip(member.infer(&ready, wanted)?) {
                        all.push(inference);
                    }
                }
                for inferences in all {
                    sink(inferences).map_err(|source| TrainError::Source {
                        first,
                        last: first + count.saturating_sub(1) as usize,
                        source,
                    })?;
                }
                task.advance(count);
            }
            Ok(summary)
        })
    }

    /// All predictions of a source, in order, in memory.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn predict_all(
        &self,
        source: &dyn SampleSource,
        reporter: &dyn Reporter,
    ) -> Result<Vec<Prediction>, TrainError> {
        let mut all = Vec::new();
        self.predict(source, Wanted::default(), reporter, &mut |inference| {
            all.push(inference.prediction);
            Ok(())
        })?;
        Ok(all)
    }

    fn infer(&self, ready: &Ready, wanted: Wanted) -> Result<Vec<Inference>, TrainError> {
        let count = ready.placed.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let model = &self.config.model;
        let shape = [count, 3, model.input_height, model.input_width];
        let images = Tensor::from_data(TensorData::new(ready.images.clone(), shape), &self.device);
        let outputs = self.network.forward(&images);
        let maps = Maps::read(&outputs, wanted)?;
        let embeddings = if wanted.embedding {
            let pooled = outputs.features.mean_dims(&[2, 3]);
            read(pooled, "the embedding")?
        } else {
            Vec::new()
        };
        let width = embeddings.len() / count;
        Ok((0..count)
            .into_par_iter()
            .zip(&ready.placed)
            .map(|(image, (id, size, placement))| Inference {
                prediction: self.boxes(&maps, image, id.clone(), *size, placement),
                maps: wanted.maps.then(|| maps.of_image(image, &model.strides, placement)),
                embedding: embeddings[image * width..(image + 1) * width].to_vec(),
            })
            .collect())
    }

    fn boxes(&self, maps: &Maps, image: usize, id: String, size: [f64; 2], placement: &Placement) -> Prediction {
        let predict = &self.config.predict;
        let threshold = predict.score_threshold as f32;
        let mut candidates = Vec::new();
        let mut first = 0;
        for level in &maps.levels {
            let area = level.height * level.width;
            for class in 0..level.classes {
                let start = (image * level.classes + class) * area;
                for (cell, &score) in level.probabilities[start..start + area].iter().enumerate() {
                    if score >= threshold {
                        let value = |side: usize| level.boxes[(image * 4 + side) * area + cell];
                        let bbox = self.points[first + cell].decode([value(0), value(1), value(2), value(3)]);
                        candidates.push(Candidate { bbox, score, class });
                    }
                }
            }
            first += area;
        }
        let mut prediction = Prediction {
            id,
            ..Prediction::default()
        };
        for candidate in suppress(candidates, predict.nms_iou, predict.max_detections) {
            let bbox = placement.invert(candidate.bbox).clip(size[0], size[1]);
            // A box that lies in the padding only.
            if bbox.is_valid() {
                prediction.boxes.push(bbox);
                prediction.scores.push(candidate.score);
                prediction.classes.push(candidate.class as u32);
            }
        }
        prediction
    }
}

/// Reads, decodes and places a range of samples.
fn prepare(source: &dyn SampleSource, range: std::ops::Range<usize>, input: [usize; 2]) -> Result<Ready, TrainError> {
    let indices: Vec<usize> = range.clone().collect();
    let samples = source.fetch(&indices).map_err(|source| TrainError::Source {
        first: range.start,
        last: range.end.saturating_sub(1),
        source,
    })?;
    let length = 3 * input[0] * input[1];
    let place = |sample: Sample| {
        let picture = Picture::decode(&sample, input, 1.0)?;
        let placement = Placement::fit(picture.size, input);
        let mut image = vec![0.0; length];
        draw(
            &picture,
            &placement,
            Tone::PLAIN,
            Window::whole(input),
            input,
            &mut image,
        );
        Ok((image, sample.id, picture.size, placement))
    };
    let placed: Vec<Result<_, TrainError>> = samples.into_par_iter().map(place).collect();
    let mut ready = Ready {
        images: Vec::with_capacity(length * indices.len()),
        placed: Vec::new(),
        broken: Vec::new(),
    };
    for result in placed {
        match result {
            Ok((image, id, size, placement)) => {
                ready.images.extend_from_slice(&image);
                ready.placed.push((id, size, placement));
            }
            Err(err) => ready.broken.push(err),
        }
    }
    Ok(ready)
}

fn read(tensor: Tensor<4>, what: &'static str) -> Result<Vec<f32>, TrainError> {
    tensor.try_into_vec_as::<f32>().map_err(|err| TrainError::Device {
        what,
        reason: err.to_string(),
    })
}

/// A batch's outputs as numbers.
struct Maps {
    levels: Vec<LevelMaps>,
}

struct LevelMaps {
    classes: usize,
    height: usize,
    width: usize,
    probabilities: Vec<f32>,
    boxes: Vec<f32>,
    features: Vec<f32>,
}

impl Maps {
    fn read(outputs: &Outputs, wanted: Wanted) -> Result<Self, TrainError> {
        let levels = outputs.classes.iter().zip(&outputs.boxes).zip(&outputs.class_features);
        let levels = levels.map(|((classes, boxes), features)| {
            let [_, count, height, width] = classes.dims();
            Ok(LevelMaps {
                classes: count,
                height,
                width,
                probabilities: read(activation::sigmoid(classes.clone()), "the class scores")?,
                boxes: read(boxes.clone(), "the boxes")?,
                features: if wanted.maps && wanted.features {
                    read(features.clone(), "the class features")?
                } else {
                    Vec::new()
                },
            })
        });
        Ok(Self {
            levels: levels.collect::<Result<_, TrainError>>()?,
        })
    }

    fn of_image(&self, image: usize, strides: &[usize], placement: &Placement) -> ProbabilityMaps {
        let levels = self.levels.iter().zip(strides).map(|(level, stride)| {
            let length = level.classes * level.height * level.width;
            let images = level.probabilities.len() / length.max(1);
            let features = level.features.len() / images.max(1);
            ProbabilityMap {
                stride: *stride,
                height: level.height,
                width: level.width,
                values: level.probabilities[image * length..(image + 1) * length].to_vec(),
                features: level.features[image * features..(image + 1) * features].to_vec(),
            }
        });
        ProbabilityMaps {
            levels: levels.collect(),
            scale: placement.scale[0],
            offset: placement.offset,
        }
    }
}
