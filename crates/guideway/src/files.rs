//! Result files made elsewhere: evaluated without a workspace.

use std::path::{Path, PathBuf};

use guideway_core::Reporter;
use guideway_eval::coco::{CocoParams, CocoReport, IouType};
use guideway_eval::kitti::{KittiParams, KittiReport};
use guideway_eval::mot::files::{Kitti, MotChallenge};
use guideway_eval::mot::{ClassRules, TrackParams, TrackReport};
use guideway_eval::nuscenes::NuScenesParams;
use guideway_eval::{av2, coco, kitti, nuscenes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind};

/// The format of result files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultFormat {
    /// COCO instances JSON and COCO results JSON.
    Coco,
    /// Folders of the KITTI object benchmark: a text file of labels and one of results per frame.
    Kitti,
    /// The tables of a nuScenes data base, and a detection submission.
    NuScenes,
    /// Argoverse 2: Feather files of labels and of detections.
    Av2,
    /// Folders of `MOTChallenge`, or of KITTI tracking where there is a `label_02`.
    Mot,
}

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct FilesOptions {
    /// Format of both sides.
    pub format: ResultFormat,
    /// Ground truth: a file or folder.
    pub gt: PathBuf,
    /// Predictions: a file or folder.
    pub pred: PathBuf,
    /// COCO: boxes or masks.
    pub iou_type: IouType,
    /// A JSON file of classes, thresholds, ranges and whatever else the format's evaluation has; its official configuration when `None`. See
    /// [`default_params`].
    pub params: Option<PathBuf>,
    /// nuScenes: the scenes that `splits.json` in the data base lists under this name, all scenes when `None`. KITTI tracking: the end of the sequence map's name, `training`
    /// when `None`.
    pub split: Option<String>,
    /// Argoverse 2: the folder of the logs, with their maps and poses, from which the region of interest is made.
    pub maps: Option<PathBuf>,
}

/// What came out. Each kind's JSON has the names and nesting of its reference implementation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FilesReport {
    /// The twelve numbers of pycocotools, overall and per category.
    Coco(CocoReport),
    /// KITTI: per class, metric and level of difficulty.
    Kitti(KittiReport),
    /// nuScenes' summary.
    NuScenes(Box<nuscenes::files::FilesReport>),
    /// Argoverse 2: per category.
    Av2(av2::files::FilesReport),
    /// HOTA, CLEAR and identity: per sequence and class, and combined.
    Tracks(TrackReport),
}

/// Parameters of tracking metrics on boxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MotParams {
    metrics: TrackParams,
    classes: Vec<ClassRules>,
    /// How files are read: of these two, the one that the layout asks for.
    kitti: Kitti,
    mot_challenge: MotChallenge,
}

impl MotParams {
    /// Those of the benchmark that folders of this layout belong to.
    fn of(is_kitti: bool) -> Self {
        Self {
            metrics: TrackParams::default(),
            classes: if is_kitti {
                ClassRules::kitti()
            } else {
                vec![ClassRules::mot17()]
            },
            kitti: Kitti::default(),
            mot_challenge: MotChallenge::default(),
        }
    }
}

/// The official parameters of a format's evaluation, as the JSON that [`FilesOptions::params`] takes. Those of tracking depend on the layout of the ground truth's folder.
pub fn default_params(format: ResultFormat, gt: Option<&Path>) -> Result<Value, Error> {
    let value = match format {
        ResultFormat::Coco => serde_json::to_value(CocoParams::default()),
        ResultFormat::Kitti => serde_json::to_value(KittiParams::official()),
        ResultFormat::NuScenes => serde_json::to_value(NuScenesParams::default()),
        ResultFormat::Av2 => serde_json::to_value(av2::Av2Params::default()),
        ResultFormat::Mot => serde_json::to_value(MotParams::of(gt.is_some_and(is_kitti_tracking))),
    };
    value.map_err(|err| {
        Error::failed(
            format!("cannot write the parameters: {err}"),
            "report this: it is a defect of guideway",
        )
    })
}

/// Evaluates predictions against ground truth, both in files.
pub fn evaluate_files(options: &FilesOptions, reporter: &dyn Reporter) -> Result<FilesReport, Error> {
    let FilesOptions { gt, pred, .. } = options;
    let given = options.params.as_deref();
    Ok(match options.format {
        ResultFormat::Coco => {
            let params = read_params(given, CocoParams::default)?;
            FilesReport::Coco(coco::files::evaluate_paths(
                gt,
                pred,
                options.iou_type,
                &params,
                reporter,
            )?)
        }
        ResultFormat::Kitti => {
            let params = read_params(given, KittiParams::official)?;
            FilesReport::Kitti(kitti::files::evaluate_paths(gt, pred, &params, reporter)?)
        }
        ResultFormat::NuScenes => {
            use nuscenes::files::{evaluate, read_database, read_split, read_submission};

            let params = read_params(given, NuScenesParams::default)?;
            let scenes = match &options.split {
                Some(split) => Some(read_split(&gt.join("splits.json"), split)?),
                None => None,
            };
            let database = read_database(gt, scenes.as_deref(), &params, reporter)?;
            let truth = database.truth(&params, reporter)?;
            let submission = read_submission(pred, &truth, &params, reporter)?;
            FilesReport::NuScenes(Box::new(evaluate(&truth, &submission, &params)?.0))
        }
        ResultFormat::Av2 => {
            let params = read_params(given, av2::Av2Params::default)?;
            let inputs = av2::files::read_inputs(gt, pred, &params, reporter)?;
            FilesReport::Av2(av2::files::evaluate(&inputs, options.maps.as_deref(), &params)?.0)
        }
        ResultFormat::Mot => {
            let is_kitti = is_kitti_tracking(gt);
            let params = read_params(given, || MotParams::of(is_kitti))?;
            let MotParams { metrics, classes, .. } = &params;
            FilesReport::Tracks(if is_kitti {
                let split = options.split.as_deref().unwrap_or("training");
                params
                    .kitti
                    .evaluate_folder(gt, split, pred, classes, metrics, reporter)?
            } else {
                params
                    .mot_challenge
                    .evaluate_folder(gt, pred, classes, metrics, reporter)?
            })
        }
    })
}

fn is_kitti_tracking(gt: &Path) -> bool {
    gt.join("label_02").is_dir()
}

fn read_params<P: DeserializeOwned>(path: Option<&Path>, official: impl FnOnce() -> P) -> Result<P, Error> {
    let Some(path) = path else { return Ok(official()) };
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    serde_json::from_str(&text).map_err(|source| {
        ErrorKind::ParamsFile {
            path: path.to_owned(),
            source,
        }
        .into()
    })
}
