//! Training a detector on a frozen dataset.

use std::path::{Path, PathBuf};

use guideway_core::{IdBuilder, Reporter, Warning};
use guideway_store::{ModelRecord, NodeKind, NodeRef, RunRecord};
use guideway_train::{Detector, DetectorConfig, DeviceChoice, History, SampleSource as _, TrainError, Training};
use serde::Serialize;
use serde_json::{Value, json};

use crate::atomic::write_atomic;
use crate::clock;
use crate::dataset::dataset_node;
use crate::error::{Error, ErrorKind};
use crate::evaluate::Truth;
use crate::foreign::ImportSummary;
use crate::plot::{LinePlot, Series};
use crate::samples::DatasetSource;
use crate::workspace::Workspace;

/// What decides which weights are kept.
const METRIC: &str = "AP50";

/// How to train.
#[derive(Debug, Clone, Default)]
pub struct TrainOptions {
    /// The frozen dataset.
    pub dataset: String,
    /// Name of the model; from the file, the dataset and the seed when `None`.
    pub name: Option<String>,
    /// The split to learn from.
    pub train_split: String,
    /// The split to watch; `val`, if the dataset has it, when `None`.
    pub val_split: Option<String>,
    /// Seed, instead of the file's.
    pub seed: Option<u64>,
    /// The model to start from (fine-tuning), by name or id; random weights when `None`.
    pub start: Option<String>,
    /// How many times the images or epochs that the file says; 0 and 1 leave them as they are.
    pub times: u32,
    /// Watch nothing: the last weights are kept, whatever splits there are.
    pub unwatched: bool,
    /// `cpu`, `cuda` or `wgpu`; the setting's when `None`.
    pub device: Option<String>,
}

/// A model: trained here, or made elsewhere.
#[derive(Debug, Clone, Serialize)]
pub struct ModelSummary {
    /// Its name.
    pub name: String,
    /// Its id.
    pub model_id: String,
    /// The dataset that it was trained on; empty for one that was made elsewhere, as are weights, folder and configuration.
    pub dataset: String,
    /// Its classes, in the order of its outputs.
    pub classes: Vec<String>,
    /// Best value of the metric on the watched split.
    pub best: Option<f64>,
    /// BLAKE3 of the weights.
    pub digest: String,
    /// The model's folder.
    pub path: String,
    /// Its configuration, TOML.
    pub config: String,
    /// Is only what it predicted known, and no weights?
    pub made_elsewhere: bool,
    /// The predictions that were imported, oldest first.
    pub imports: Vec<ImportSummary>,
}

/// What a training did.
#[derive(Debug, Clone, Serialize)]
pub struct TrainReport {
    /// The model.
    pub model: ModelSummary,
    /// Was it trained just now?
    pub created: bool,
    /// The step at which an interrupted training was taken up again.
    pub resumed_at_step: Option<u64>,
    /// Steps done in all.
    pub steps: u64,
    /// The metric that decided.
    pub metric: String,
    /// Its best value.
    pub best: Option<f64>,
    /// The plots, SVG: name and path.
    pub plots: Vec<(String, String)>,
}

impl Workspace {
    /// Trains a detector on a frozen dataset.
    ///
    /// The same file, dataset, seed and name make the same model: when it is there already nothing is done, and when it was
    /// interrupted, by whatever, training goes on from the last checkpoint to the same weights. [`Interrupt`](crate::Interrupt)
    /// ends it after the current step, with a checkpoint.
    pub fn train(&self, config: &Path, options: &TrainOptions, reporter: &dyn Reporter) -> Result<TrainReport, Error> {
        let started = clock::now_ns();
        let text = std::fs::read_to_string(config).map_err(|source| Error::io("read", config, source))?;
        let wrong = |source| ErrorKind::DetectorFile {
            path: config.to_owned(),
            source,
        };
        let mut detector = DetectorConfig::from_toml(&text).map_err(wrong)?;
        detector.train = detector.train.times(options.times);
        detector.validate().map_err(wrong)?;
        if let Some(seed) = options.seed {
            if i64::try_from(seed).is_err() {
                return Err(Error::usage(
                    format!("the seed is {seed}"),
                    format!("give one of at most {}", i64::MAX),
                ));
            }
            detector.train.seed = seed;
        }
        let device = self.device(options.device.as_deref())?;
        let dataset = self.block_on(self.store().dataset(&options.dataset))?;
        let info = dataset.info().clone();
        if detector.model.classes.is_empty() {
            detector.model.classes.clone_from(&info.classes);
        }
        let classes = detector.model.classes.clone();
        if let Some(missing) = classes.iter().find(|class| !info.classes.contains(*class)) {
            return Err(Error::usage(
                format!(
                    "the class `{missing}` of {} does not occur in dataset {}",
                    config.display(),
                    info.name
                ),
                format!("its classes are {}", info.classes.join(", ")),
            ));
        }
        let train_rows = dataset.rows(&options.train_split)?.collect();
        let val_split = options.val_split.as_deref().unwrap_or("val");
        let val_rows: Option<Vec<u64>> = match &options.val_split {
            _ if options.unwatched => None,
            Some(split) => Some(dataset.rows(split)?.collect()),
            None => info.rows(val_split).map(Iterator::collect),
        };
        if val_rows.is_none() && !options.unwatched {
            reporter.warn(Warning {
                code: "no-validation".to_owned(),
                message: "nothing is watched while training: the dataset has no split `val`".to_owned(),
                location: info.name.clone(),
                count: 1,
            });
        }
        let name = options.name.clone().unwrap_or_else(|| {
            let stem = config
                .file_stem()
                .map_or("detector".into(), |stem| stem.to_string_lossy());
            format!("{stem}-{}-s{}", info.name, detector.train.seed)
        });
        let config_toml = detector.to_toml()?;
        let start = match &options.start {
            Some(start) => Some(self.trained_model(start)?),
            None => None,
        };
        let mut id = IdBuilder::new("model")
            .text(&name)
            .text(&config_toml)
            .text(&info.hash)
            .text(&options.train_split)
            .text(if options.unwatched { "" } else { val_split })
            .text(device.name());
        if let Some(start) = &start {
            id = id.text("from").text(&start.digest);
        }
        let model_id: String = id.finish();
        let folder = self.store().models_dir().join(&model_id);
        if let Some(known) = self.block_on(self.store().find_model(&name))? {
            if known.model_id != model_id {
                return Err(Error::usage(
                    format!("there is a model `{name}` already, made from another file, dataset or seed"),
                    "give this one another name with --name".to_owned(),
                ));
            }
            let history = read_history(&folder)?;
            return self.train_report(&known, &history, false, None);
        }
        std::fs::create_dir_all(&folder).map_err(|source| Error::io("make the folder", &folder, source))?;
        let _lock = lock(&folder, &name)?;

        let train = DatasetSource::new(dataset.clone(), train_rows, &classes);
        let validation = val_rows.map(|rows| {
            (
                Truth::new(self, &dataset, &rows, &classes),
                DatasetSource::new(dataset.clone(), rows, &classes),
            )
        });
        let (mut truth, validation) = match validation {
            Some((truth, source)) => (Some(truth?), Some(source)),
            None => (None, None),
        };
        let start_detector = match &start {
            Some(start) => Some(self.detector(start, device)?),
            None => None,
        };
        let training = Training {
            config: &detector,
            classes: &classes,
            train: &train,
            validation: validation.as_ref().map(|source| source as _),
            folder: &folder,
            device,
            resume: true,
            start: start_detector.as_ref(),
            stop: Some(self.interrupt().flag()),
        };
        let mut evaluate = |predictions: &[guideway_train::Prediction]| match &mut truth {
            Some(truth) => Ok(truth.ap50(predictions)?),
            None => Ok(0.0),
        };
        let trained = guideway_train::train(&training, &mut evaluate, reporter).map_err(|err| match err {
            TrainError::NoSamples { reason } => TrainError::NoSamples {
                reason: format!("{reason}, in {}:{}", info.name, options.train_split),
            },
            other => other,
        })?;
        if !trained.finished {
            let epochs = trained.history.epochs.len();
            return Err(Error::interrupted(
                format!(
                    "model `{name}` has learnt for {epochs} of {} epochs, and its checkpoint is kept in {}",
                    detector.train.epochs_over(train.len()),
                    folder.display()
                ),
                "train it again with the same arguments: it goes on from the checkpoint, to the same weights",
            ));
        }

        for (_, file, plot) in plots(&name, &trained.history) {
            write_atomic(&folder.join(file), plot.to_svg()?.as_bytes())?;
        }
        let weights = folder.join("model/model.safetensors");
        let digest = file_digest(&weights)?;
        let run_id: String = IdBuilder::new("run").text("train").text(&model_id).finish();
        let model = ModelRecord {
            model_id: model_id.clone(),
            name: name.clone(),
            path: format!("models/{model_id}/model/model.safetensors"),
            digest: digest.clone(),
            config: serde_json::to_value(&detector).unwrap_or(Value::Null),
            dataset_id: Some(info.dataset_id.clone()),
            run_id: Some(run_id.clone()),
            classes,
            metrics: json!({ METRIC: trained.history.best_metric, "images": train.len() }),
            created_ns: clock::now_ns(),
        };
        let params = json!({
            "config": detector,
            "train_split": options.train_split,
            "val_split": (!options.unwatched).then_some(val_split),
            "start": start.as_ref().map(|start| &start.model_id),
            "device": device.name(),
        });
        let mut operation = clock::operation("train", &self.settings().user, started)
            .input(dataset_node(&info))
            .params(params.clone());
        operation.inputs.extend(start.as_ref().map(model_node));
        let mut transaction = self.block_on(self.store().begin())?;
        transaction.put_run(RunRecord {
            run_id,
            kind: "train".to_owned(),
            name,
            params,
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: i64::try_from(detector.train.seed).ok(),
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        });
        transaction.put_model(model.clone());
        self.block_on(transaction.commit(operation))?;
        self.train_report(&model, &trained.history, true, trained.resumed_at)
    }

    /// Every model, by name.
    pub fn models(&self) -> Result<Vec<ModelSummary>, Error> {
        let models = self.block_on(self.store().models())?;
        models.iter().map(|model| self.model_summary(model)).collect()
    }

    /// The model of this name, id or id prefix.
    pub fn model(&self, name: &str) -> Result<ModelSummary, Error> {
        let model = self.model_record(name)?;
        self.model_summary(&model)
    }

    pub(crate) fn model_record(&self, name: &str) -> Result<ModelRecord, Error> {
        Ok(self.block_on(self.store().model(name))?)
    }

    /// The model of this name, whose weights are to be used.
    pub(crate) fn trained_model(&self, name: &str) -> Result<ModelRecord, Error> {
        let model = self.model_record(name)?;
        if model.has_weights() {
            Ok(model)
        } else {
            Err(no_weights(&model))
        }
    }

    /// Has this run ended?
    pub(crate) fn is_done(&self, run_id: &str) -> Result<bool, Error> {
        let run = self.block_on(self.store().find_run(run_id))?;
        Ok(run.is_some_and(|run| run.status == "done"))
    }

    /// A model's detector, ready to predict.
    pub(crate) fn detector(&self, model: &ModelRecord, device: DeviceChoice) -> Result<Detector, Error> {
        if !model.has_weights() {
            return Err(no_weights(model));
        }
        let weights = self.settings().data.join(&model.path);
        let folder = weights.parent().map_or_else(|| weights.clone(), Path::to_path_buf);
        Ok(Detector::load(&folder, device)?)
    }

    /// The device asked for, or the setting's.
    pub(crate) fn device(&self, asked: Option<&str>) -> Result<DeviceChoice, Error> {
        if let Some(asked) = asked {
            return Ok(asked.parse()?);
        }
        let setting = self.settings();
        setting.device.parse().map_err(|err: TrainError| {
            let origin = setting.origins().get("device").map(|setting| setting.origin.clone());
            ErrorKind::Setting {
                key: "device".to_owned(),
                message: err.to_string(),
                origin: origin.unwrap_or_default(),
            }
            .into()
        })
    }

    fn model_summary(&self, model: &ModelRecord) -> Result<ModelSummary, Error> {
        let dataset = match &model.dataset_id {
            Some(id) => self
                .block_on(self.store().find_dataset(id))?
                .map_or_else(|| id.clone(), |info| info.name),
            None => String::new(),
        };
        let folder = self.store().models_dir().join(&model.model_id);
        let made_elsewhere = !model.has_weights();
        let (path, config, imports) = if made_elsewhere {
            (String::new(), String::new(), self.imports(model)?)
        } else {
            let config = std::fs::read_to_string(folder.join("model/config.toml")).unwrap_or_default();
            (folder.display().to_string(), config, Vec::new())
        };
        Ok(ModelSummary {
            name: model.name.clone(),
            model_id: model.model_id.clone(),
            dataset,
            classes: model.classes.clone(),
            best: model.metrics.get(METRIC).and_then(Value::as_f64),
            digest: model.digest.clone(),
            path,
            config,
            made_elsewhere,
            imports,
        })
    }

    fn train_report(
        &self,
        model: &ModelRecord,
        history: &History,
        created: bool,
        resumed_at_step: Option<u64>,
    ) -> Result<TrainReport, Error> {
        let model = self.model_summary(model)?;
        Ok(TrainReport {
            plots: plots(&model.name, history)
                .into_iter()
                .map(|(name, file, _)| (name.to_owned(), Path::new(&model.path).join(file).display().to_string()))
                .collect(),
            model,
            created,
            resumed_at_step,
            steps: history.epochs.last().map_or(0, |epoch| epoch.step),
            metric: METRIC.to_owned(),
            best: history.best_metric,
        })
    }
}

/// That the weights of a model are wanted that has none.
fn no_weights(model: &ModelRecord) -> Error {
    Error::usage(
        format!(
            "model `{}` was made elsewhere: its predictions are known, its weights are not",
            model.name
        ),
        "name a model that was trained here; `guideway model ls` tells them apart".to_owned(),
    )
}

/// A model as a node of the lineage.
pub(crate) fn model_node(model: &ModelRecord) -> NodeRef {
    NodeRef::new(NodeKind::Model, model.model_id.clone())
        .with_detail(json!({ "name": model.name, "digest": model.digest }))
}

/// BLAKE3 of a file.
pub(crate) fn file_digest(path: &Path) -> Result<String, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

fn read_history(folder: &Path) -> Result<History, Error> {
    let path = folder.join("history.json");
    let bytes = std::fs::read(&path).map_err(|source| Error::io("read", &path, source))?;
    serde_json::from_slice(&bytes).map_err(|err| Error::corrupt(path.display().to_string(), err))
}

/// Held while a model is trained: two processes must not write the same checkpoint.
fn lock(folder: &Path, name: &str) -> Result<std::fs::File, Error> {
    let path: PathBuf = folder.join(".lock");
    let file = std::fs::File::create(&path).map_err(|source| Error::io("make", &path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::failed(
            format!("another process is training the model `{name}`"),
            "wait for it, or train under another name",
        )),
        Err(std::fs::TryLockError::Error(source)) => Err(Error::io("lock", &path, source)),
    }
}

/// Name, file and content of the plots of a training.
fn plots(name: &str, history: &History) -> Vec<(&'static str, &'static str, LinePlot)> {
    let series = |name: &str, value: &dyn Fn(&guideway_train::EpochRecord) -> Option<f64>| Series {
        name: name.to_owned(),
        points: history
            .epochs
            .iter()
            .filter_map(|epoch| Some((epoch.epoch as f64, value(epoch)?)))
            .collect(),
        band: Vec::new(),
    };
    let plot = |y_label: &str, series: Vec<Series>| LinePlot {
        title: format!("Training of {name}"),
        x_label: "epoch".to_owned(),
        y_label: y_label.to_owned(),
        y_range: None,
        series,
    };
    let losses = vec![
        series("loss", &|epoch| Some(epoch.loss)),
        series("class loss", &|epoch| Some(epoch.class_loss)),
        series("box loss", &|epoch| Some(epoch.box_loss)),
    ];
    let mut plots = vec![("loss", "loss.svg", plot("loss", losses))];
    let metric = series("AP50 on the watched split", &|epoch| epoch.metric);
    if !metric.points.is_empty() {
        plots.push(("metric", "metric.svg", plot(METRIC, vec![metric])));
    }
    plots
}
