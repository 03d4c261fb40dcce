//! The detector's configuration: what `guideway train detector.toml` reads.

use std::collections::BTreeSet;

use guideway_core::hint::closest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// Everything that decides what is trained and how. Every key has a default, so an empty file is a configuration.
///
/// ```
/// use guideway_train::DetectorConfig;
/// let config = DetectorConfig::from_toml("[train]\nepochs = 40\nseed = 7")?;
/// assert_eq!(config.train.epochs, 40);
/// let error = DetectorConfig::from_toml("[train]\nepoch = 40").unwrap_err();
/// assert_eq!(guideway_core::Hint::hint(&error).as_deref(), Some("did you mean `epochs`?"));
/// # Ok::<(), guideway_train::TrainError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorConfig {
    /// The network.
    pub model: ModelConfig,
    /// How it is trained.
    pub train: TrainConfig,
    /// How images are varied while training.
    pub augment: AugmentConfig,
    /// How its outputs become boxes.
    pub predict: PredictConfig,
}

/// The network's size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Width of the input in pixels, a multiple of 32. Images are scaled to fit and padded.
    pub input_width: usize,
    /// Height of the input in pixels, a multiple of 32.
    pub input_height: usize,
    /// Channels after the first convolution; each stage doubles them. A multiple of 8.
    pub width: usize,
    /// Residual blocks per stage.
    pub depth: usize,
    /// Channels of the feature pyramid and the heads, a multiple of 8.
    pub neck: usize,
    /// Convolutions in each of the two heads before the last one.
    pub head_depth: usize,
    /// Strides of the maps that predict: a run of 4, 8, 16, 32. Small strides find small objects and cost the most.
    pub strides: Vec<usize>,
    /// Classes by name. Left empty, they are taken from the dataset.
    pub classes: Vec<String>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            input_width: 224,
            input_height: 224,
            width: 16,
            depth: 1,
            neck: 48,
            head_depth: 1,
            strides: vec![8, 16, 32],
            classes: Vec::new(),
        }
    }
}

/// How the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training samples.
    pub epochs: usize,
    /// Images to look at in the whole training, in place of `epochs`: as many whole passes as fit, at least one. Sets of unlike size are learnt with equal
    /// effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// Images per step.
    pub batch: usize,
    /// Highest learning rate of AdamW, reached after the warm-up.
    pub learning_rate: f64,
    /// Learning rate at the end of the cosine schedule, as a part of the highest.
    pub final_learning_rate: f64,
    /// Epochs in which the learning rate rises from zero; may be a fraction.
    pub warmup_epochs: f64,
    /// Decay of the weights per step, in units of the learning rate; not applied to biases and normalisation.
    pub weight_decay: f64,
    /// Longest gradient (2-norm over all weights); longer ones are scaled down.
    pub clip_norm: f64,
    /// Decay of the moving average of the weights, which is what gets saved. 0 turns it off.
    pub ema_decay: f64,
    /// Epochs between evaluations on the validation split; 0 evaluates only at the end.
    pub eval_every: usize,
    /// Stop after this many evaluations without a better one; 0 never stops early.
    pub patience: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
    /// Weight of the box loss beside the class loss.
    pub box_weight: f64,
    /// Seed of the weights, the order of the samples and their variation.
    pub seed: u64,
    /// Threads that prepare batches; the result does not depend on it.
    pub loader_threads: usize,
    /// Memory for decoded images, in MB. What does not fit is decoded again each time.
    pub cache_mb: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 100,
            images: None,
            batch: 16,
            learning_rate: 2e-3,
            final_learning_rate: 0.02,
            warmup_epochs: 3.0,
            weight_decay: 0.05,
            clip_norm: 10.0,
            ema_decay: 0.998,
            eval_every: 10,
            patience: 0,
            checkpoint_every: 100,
            box_weight: 5.0,
            seed: 0,
            loader_threads: 2,
            cache_mb: 512,
        }
    }
}

impl TrainConfig {
    /// Passes over so many samples.
    ///
    /// ```
    /// let mut train = guideway_train::DetectorConfig::default().train;
    /// train.images = Some(1000);
    /// assert_eq!((train.epochs_over(300), train.epochs_over(2000)), (3, 1));
    /// train.images = None;
    /// assert_eq!(train.epochs_over(300), train.epochs);
    /// ```
    pub fn epochs_over(&self, samples: usize) -> usize {
        match self.images {
            // No samples are refused elsewhere.
            Some(images) => {
                usize::try_from(images / samples.max(1) as u64).map_or(usize::MAX, |passes| passes.clamp(1, 1_000_000))
            }
            None => self.epochs,
        }
    }

    /// The same, `times` as long; 0 is as 1.
    ///
    /// ```
    /// # use guideway_train::TrainConfig;
    /// let twice = TrainConfig { epochs: 10, images: Some(600), ..TrainConfig::default() }.times(2);
    /// assert_eq!((twice.epochs, twice.images), (20, Some(1200)));
    /// ```
    #[must_use]
    pub fn times(&self, times: u32) -> Self {
        let times = times.max(1);
        Self {
            epochs: self.epochs.saturating_mul(times as usize),
            images: self.images.map(|images| images.saturating_mul(times.into())),
            ..self.clone()
        }
    }

    /// The same, with `images` turned into epochs over so many samples.
    pub(crate) fn over(&self, samples: usize) -> Self {
        Self {
            epochs: self.epochs_over(samples),
            images: None,
            ..self.clone()
        }
    }
}

/// How images are varied while training. Every draw is a function of the seed, the epoch and the sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Probability of mirroring left and right.
    pub flip: f64,
    /// Smallest factor on the size that fits the input.
    pub scale_min: f64,
    /// Largest factor on the size that fits the input; above 1 it crops.
    pub scale_max: f64,
    /// Largest change of width against height: a factor up to `1 + stretch`, either way.
    pub stretch: f64,
    /// Largest shift, as a part of the input's size.
    pub translate: f64,
    /// Largest change of brightness, contrast and saturation: a factor up to `1 ± color`.
    pub color: f64,
    /// Probability of composing four samples into one.
    pub mosaic: f64,
    /// Last part of the epochs without mosaic, so that training ends on whole images.
    pub mosaic_off: f64,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            flip: 0.5,
            scale_min: 0.7,
            scale_max: 1.4,
            stretch: 0.15,
            translate: 0.15,
            color: 0.3,
            mosaic: 0.0,
            mosaic_off: 0.3,
        }
    }
}

/// How the network's outputs become boxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PredictConfig {
    /// Lowest score that is kept. Average precision wants it low.
    pub score_threshold: f64,
    /// Of two boxes of one class that overlap by more than this IoU, the weaker is dropped.
    pub nms_iou: f64,
    /// Most boxes per image.
    pub max_detections: usize,
    /// Images per pass. On the CPU the result does not depend on it.
    pub batch: usize,
}

impl Default for PredictConfig {
    fn default() -> Self {
        Self {
            score_threshold: 0.01,
            nms_iou: 0.6,
            max_detections: 100,
            batch: 16,
        }
    }
}

impl DetectorConfig {
    /// A detector that two processor cores train in a few minutes on a few hundred images.
    pub fn tiny() -> Self {
        let mut config = Self::default();
        config.model.input_width = 160;
        config.model.input_height = 160;
        config.model.neck = 32;
        config.model.strides = vec![16, 32];
        config
    }

    /// Reads a configuration and checks its values.
    ///
    /// # Errors
    /// [`TrainError::ConfigSyntax`] with line and column, and the nearest known key for an unknown one;
    /// [`TrainError::ConfigValue`] for a value out of range.
    pub fn from_toml(text: &str) -> Result<Self, TrainError> {
        let config: Self = toml::from_str(text).map_err(|err| {
            let message = err.to_string();
            TrainError::ConfigSyntax {
                suggestion: unknown_key(err.message()).and_then(suggest),
                message: message.trim_end().to_owned(),
            }
        })?;
        config.validate()?;
        Ok(config)
    }

    /// The configuration as TOML, every key written out.
    ///
    /// # Errors
    /// [`TrainError::ConfigSyntax`] when a number does not fit TOML (a seed above `i64::MAX`).
    pub fn to_toml(&self) -> Result<String, TrainError> {
        toml::to_string(self).map_err(|err| TrainError::ConfigSyntax {
            message: err.to_string(),
            suggestion: None,
        })
    }

    /// The JSON schema of the file, for editors.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`TrainError::ConfigValue`] naming the first key that is out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let model = &self.model;
        let size = "a multiple of 32 from 32 to 4096";
        let side = |n: usize| n.is_multiple_of(32) && (32..=4096).contains(&n);
        check("model.input_width", &model.input_width, size, side(model.input_width))?;
        check(
            "model.input_height",
            &model.input_height,
            size,
            side(model.input_height),
        )?;
        let channels = "a multiple of 8 from 8 to 512";
        let eight = |n: usize| n.is_multiple_of(8) && (8..=512).contains(&n);
        check("model.width", &model.width, channels, eight(model.width))?;
        check("model.neck", &model.neck, channels, eight(model.neck))?;
        check("model.depth", &model.depth, "from 0 to 32", model.depth <= 32)?;
        check(
            "model.head_depth",
            &model.head_depth,
            "from 0 to 8",
            model.head_depth <= 8,
        )?;
        let run = model.strides.windows(2).all(|pair| pair[1] == pair[0] * 2);
        let known = model.strides.iter().all(|stride| [4, 8, 16, 32].contains(stride));
        let rule = "a run of 4, 8, 16, 32, such as [8, 16, 32]";
        let strides = format!("{:?}", model.strides);
        check(
            "model.strides",
            &strides,
            rule,
            run && known && !model.strides.is_empty(),
        )?;
        let names: BTreeSet<&String> = model.classes.iter().collect();
        let rule = "names, each once";
        check(
            "model.classes",
            &format!("{:?}", model.classes),
            rule,
            names.len() == model.classes.len(),
        )?;

        let train = &self.train;
        let count = "from 1 to 1000000";
        let counted = |n: usize| (1..=1_000_000).contains(&n);
        check("train.epochs", &train.epochs, count, counted(train.epochs))?;
        if let Some(images) = train.images {
            let rule = "from 1 to 1000000000000";
            check("train.images", &images, rule, (1..=1_000_000_000_000).contains(&images))?;
        }
        check(
            "train.batch",
            &train.batch,
            "from 1 to 4096",
            (1..=4096).contains(&train.batch),
        )?;
        check(
            "train.checkpoint_every",
            &train.checkpoint_every,
            count,
            counted(train.checkpoint_every),
        )?;
        let threads = (1..=256).contains(&train.loader_threads);
        check("train.loader_threads", &train.loader_threads, "from 1 to 256", threads)?;
        check(
            "train.cache_mb",
            &train.cache_mb,
            "up to 1000000",
            train.cache_mb <= 1_000_000,
        )?;
        let seed = i64::try_from(train.seed).is_ok();
        check("train.seed", &train.seed, "at most 9223372036854775807", seed)?;
        range(
            "train.learning_rate",
            train.learning_rate,
            "above 0, at most 1",
            1e-12,
            1.0,
        )?;
        range(
            "train.final_learning_rate",
            train.final_learning_rate,
            "from 0 to 1",
            0.0,
            1.0,
        )?;
        range(
            "train.warmup_epochs",
            train.warmup_epochs,
            "from 0 to 1000000",
            0.0,
            1e6,
        )?;
        range("train.weight_decay", train.weight_decay, "from 0 to 10", 0.0, 10.0)?;
        range("train.clip_norm", train.clip_norm, "above 0", 1e-12, 1e12)?;
        range("train.ema_decay", train.ema_decay, "from 0 to 0.999999", 0.0, 0.999_999)?;
        range("train.box_weight", train.box_weight, "from 0 to 1000", 0.0, 1e3)?;

        let augment = &self.augment;
        range("augment.flip", augment.flip, "from 0 to 1", 0.0, 1.0)?;
        range("augment.mosaic", augment.mosaic, "from 0 to 1", 0.0, 1.0)?;
        range("augment.mosaic_off", augment.mosaic_off, "from 0 to 1", 0.0, 1.0)?;
        range("augment.scale_min", augment.scale_min, "from 0.1 to 10", 0.1, 10.0)?;
        range("augment.scale_max", augment.scale_max, "from 0.1 to 10", 0.1, 10.0)?;
        let rule = "at least augment.scale_min";
        check(
            "augment.scale_max",
            &augment.scale_max,
            rule,
            augment.scale_max >= augment.scale_min,
        )?;
        range("augment.stretch", augment.stretch, "from 0 to 1", 0.0, 1.0)?;
        range("augment.translate", augment.translate, "from 0 to 0.5", 0.0, 0.5)?;
        range("augment.color", augment.color, "from 0 to 0.9", 0.0, 0.9)?;

        let predict = &self.predict;
        range(
            "predict.score_threshold",
            predict.score_threshold,
            "from 0 to 1",
            0.0,
            1.0,
        )?;
        range("predict.nms_iou", predict.nms_iou, "from 0 to 1", 0.0, 1.0)?;
        check(
            "predict.max_detections",
            &predict.max_detections,
            count,
            counted(predict.max_detections),
        )?;
        check(
            "predict.batch",
            &predict.batch,
            "from 1 to 4096",
            (1..=4096).contains(&predict.batch),
        )
    }
}

fn check(key: &'static str, value: &impl ToString, rule: &'static str, holds: bool) -> Result<(), TrainError> {
    if holds {
        return Ok(());
    }
    Err(TrainError::ConfigValue {
        key,
        value: value.to_string(),
        rule,
    })
}

/// NaN is in no range.
fn range(key: &'static str, value: f64, rule: &'static str, low: f64, high: f64) -> Result<(), TrainError> {
    check(key, &value, rule, value >= low && value <= high)
}

/// The key in "unknown field `x`, expected …".
fn unknown_key(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split('`').next()
}

/// The nearest key of any table.
fn suggest(key: &str) -> Option<String> {
    let all = serde_json::to_value(DetectorConfig::default()).ok()?;
    let mut known = Vec::new();
    for (table, keys) in all.as_object()? {
        known.push(table.clone());
        known.extend(keys.as_object()?.keys().cloned());
    }
    closest(key, known.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use guideway_core::Hint as _;

    use super::*;

    #[test]
    fn defaults_and_presets_are_valid_and_survive_a_round_trip() {
        for config in [DetectorConfig::default(), DetectorConfig::tiny()] {
            config.validate().unwrap();
            let text = config.to_toml().unwrap();
            assert_eq!(DetectorConfig::from_toml(&text).unwrap(), config);
        }
        assert_eq!(DetectorConfig::from_toml("").unwrap(), DetectorConfig::default());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        let error = DetectorConfig::from_toml("[train]\nlearning_rat = 1.0").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert_eq!(error.hint().unwrap(), "did you mean `learning_rate`?");
        let error = DetectorConfig::from_toml("[modle]\nwidth = 8").unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `model`?");
    }

    #[test]
    fn each_bad_value_names_its_key() {
        for (text, key) in [
            ("[model]\ninput_width = 100", "model.input_width"),
            ("[model]\nwidth = 0", "model.width"),
            ("[model]\nstrides = [8, 32]", "model.strides"),
            ("[model]\nstrides = []", "model.strides"),
            ("[model]\nclasses = [\"car\", \"car\"]", "model.classes"),
            ("[train]\nbatch = 0", "train.batch"),
            ("[train]\nimages = 0", "train.images"),
            ("[train]\nlearning_rate = nan", "train.learning_rate"),
            ("[train]\nema_decay = 1.0", "train.ema_decay"),
            ("[augment]\nscale_min = 2.0\nscale_max = 1.0", "augment.scale_max"),
            ("[predict]\nnms_iou = -0.1", "predict.nms_iou"),
        ] {
            let error = DetectorConfig::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }

    #[test]
    fn the_schema_describes_every_key() {
        let schema = DetectorConfig::json_schema();
        for table in ["ModelConfig", "TrainConfig", "AugmentConfig", "PredictConfig"] {
            let properties = schema["$defs"][table]["properties"].as_object().unwrap();
            assert!(!properties.is_empty());
            for (key, value) in properties {
                assert!(value["description"].is_string(), "{table}.{key}");
            }
        }
    }
}
