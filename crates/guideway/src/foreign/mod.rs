//! Predictions that were made elsewhere: files of results become rows, under the name of a model of which nothing else is known.

mod av2;
mod coco;
mod found;
mod frames;
mod jsonl;
mod kitti;
mod nuscenes;
mod runs;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use guideway_core::{IdBuilder, Reporter, Warning};
use guideway_eval::kitti::files::result_files;
use guideway_store::{ModelRecord, NodeKind, NodeRef, RunRecord};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock;
use crate::dataset::dataset_node;
use crate::error::Error;
use crate::predict::{PredictReport, is_query};
use crate::train::model_node;
use crate::workspace::Workspace;
use found::Found;
use frames::Frames;
use writer::Writer;

pub use runs::ImportSummary;

/// A format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignFormat {
    /// COCO results JSON: boxes and masks in images.
    Coco,
    /// A folder of KITTI result files: boxes in images, objects in space.
    Kitti,
    /// A nuScenes submission: objects in the world.
    Nuscenes,
    /// Argoverse 2 detections (Feather): objects about the ego vehicle.
    Av2,
    /// A JSON object a line: boxes, objects in space, or both.
    Jsonl,
}

/// What to take in.
#[derive(Debug, Clone)]
pub struct ForeignOptions {
    /// The file, or KITTI's folder.
    pub path: PathBuf,
    /// Its format.
    pub format: ForeignFormat,
    /// What its images are called, if not as `dataset export` calls them: COCO's annotation file, or KITTI's `names.csv`.
    pub images: Option<PathBuf>,
}

/// Where imported predictions come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// The model.
    pub model: String,
    /// The file or folder.
    pub from: String,
    /// Its format.
    pub format: ForeignFormat,
    /// BLAKE3 of its content.
    pub digest: String,
    /// The file that named the images, if there was one.
    pub images: Option<String>,
    /// The dataset whose frames they cover.
    pub dataset_id: String,
    /// BLAKE3 of its content.
    pub dataset_hash: String,
    /// The split that they cover; the whole dataset when none.
    pub split: Option<String>,
    /// Frames that they cover.
    pub frames: u64,
    /// Frames in which something was found.
    pub frames_with: u64,
    /// Results in the file.
    pub results: u64,
    /// Results for other frames, and repeated ones.
    pub left_out: u64,
    /// Boxes taken in.
    pub boxes: u64,
    /// Cuboids taken in.
    pub cuboids: u64,
}

impl Imported {
    /// What an import noted about itself; none for another run.
    pub(crate) fn of_run(run: &RunRecord) -> Option<Self> {
        serde_json::from_value(run.params.get("imported")?.clone()).ok()
    }
}

impl Workspace {
    /// Takes in what a model that was made elsewhere predicted on a dataset or one of its splits; nothing is computed. Frames without results count
    /// as frames without detections.
    ///
    /// The first import makes the model. The same file on the same frames is not taken in twice; of several files the latest counts. Memory grows with
    /// the frames of the dataset and by 16 bytes for each result, and for `coco` and `av2` with the file. [`Interrupt`](crate::Interrupt) ends it with
    /// nothing kept.
    pub fn import_predictions(
        &self,
        model: &str,
        on: &str,
        options: &ForeignOptions,
        reporter: &dyn Reporter,
    ) -> Result<PredictReport, Error> {
        let started = clock::now_ns();
        let known = self.foreign_model(model)?;
        if is_query(on) || on.contains(char::is_whitespace) {
            return Err(Error::usage(
                "results are taken in for a dataset or one of its splits",
                "freeze the frames that the model was run on: `guideway dataset freeze NAME --from \"SELECT …\"`"
                    .to_owned(),
            ));
        }
        if options.images.is_some() && !matches!(options.format, ForeignFormat::Coco | ForeignFormat::Kitti) {
            return Err(Error::usage(
                "--images says what the images of COCO and KITTI results are called; results of other formats name frames themselves",
                "leave it out".to_owned(),
            ));
        }
        let frames = Frames::load(self, on)?;
        let digest = digest(options, reporter)?;
        let name = known.as_ref().map_or(model, |known| known.name.as_str()).to_owned();
        let model_id: String = known.as_ref().map_or_else(
            || IdBuilder::new("model").text("made elsewhere").text(&name).finish(),
            |known| known.model_id.clone(),
        );
        let run_id: String = IdBuilder::new("run")
            .text("import")
            .text(&model_id)
            .text(&frames.info.hash)
            .text(frames.split.as_deref().unwrap_or(""))
            .text(&json!(options.format).to_string())
            .text(&digest)
            .finish();
        if let Some(run) = self.block_on(self.store().find_run(&run_id))?
            && let Some(known) = &known
        {
            return self.count_again(known, run, on, started);
        }

        let mut writer = Writer::new(self, &frames, &run_id, &model_id);
        let task = reporter.begin("Reading results", None, "results");
        let mut sink = |found: Found<'_>| {
            task.advance(1);
            writer.push(found)
        };
        let (path, images) = (options.path.as_path(), options.images.as_deref());
        match options.format {
            ForeignFormat::Coco => coco::read(path, images, &frames, &mut sink, reporter),
            ForeignFormat::Kitti => kitti::read(path, images, &frames, &mut sink, reporter),
            ForeignFormat::Nuscenes => nuscenes::read(path, &frames, &mut sink),
            ForeignFormat::Av2 => av2::read(path, &frames, &mut sink),
            ForeignFormat::Jsonl => jsonl::read(path, &frames, &mut sink, reporter),
        }?;
        drop(task);
        let Some((mut transaction, counts)) = writer.finish(path, options.format, reporter)? else {
            // Somebody else took in the same file at the same time.
            return self.predict_report(run_id, frames.wanted(), false);
        };
        let imported = Imported {
            model: name.clone(),
            from: shown(path)?,
            format: options.format,
            digest: digest.clone(),
            images: images.map(shown).transpose()?,
            dataset_id: frames.info.dataset_id.clone(),
            dataset_hash: frames.info.hash.clone(),
            split: frames.split.clone(),
            frames: frames.wanted(),
            frames_with: counts.frames_with,
            results: counts.results,
            left_out: counts.left_out,
            boxes: counts.boxes,
            cuboids: counts.cuboids,
        };
        let classes = classes(known.as_ref(), &frames.info.classes, &counts.classes);
        let record = ModelRecord {
            model_id: model_id.clone(),
            name: name.clone(),
            path: String::new(),
            digest: String::new(),
            config: json!({ "made": "elsewhere" }),
            dataset_id: None,
            run_id: Some(run_id.clone()),
            classes,
            metrics: json!({}),
            created_ns: started,
        };
        // What is known stays, but for classes that were not seen before.
        let record = match &known {
            Some(known) => ModelRecord {
                classes: record.classes,
                ..known.clone()
            },
            None => record,
        };
        let is_new = known.as_ref() != Some(&record);
        let uri = guideway_core::uri::from_path(Path::new(&imported.from));
        let mut operation = clock::operation("predict", &self.settings().user, started)
            .input(dataset_node(&frames.info))
            .input(NodeRef::new(NodeKind::File, uri).with_detail(json!({ "digest": digest })))
            .params(json!({ "on": on, "imported": imported }));
        if let Some(images) = &imported.images {
            let uri = guideway_core::uri::from_path(Path::new(images));
            operation = operation.input(NodeRef::new(NodeKind::File, uri));
        }
        if is_new {
            transaction.put_model(record);
        } else {
            operation = operation.input(model_node(&record));
        }
        transaction.put_run(RunRecord {
            run_id: run_id.clone(),
            kind: "predict".to_owned(),
            name: format!("{name} on {on}"),
            params: json!({ "model_id": model_id, "on": on, "frames": imported.frames, "imported": imported }),
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: None,
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        });
        self.block_on(transaction.commit(operation))?;
        self.predict_report(run_id, imported.frames, true)
    }

    /// The model of this name that was made elsewhere, if there is one yet.
    fn foreign_model(&self, name: &str) -> Result<Option<ModelRecord>, Error> {
        if name.trim() != name || name.is_empty() || name.contains(char::is_control) {
            return Err(Error::usage(
                format!("`{}` is no name for a model", name.escape_debug()),
                "give one without blanks around it, such as yolo-v9".to_owned(),
            ));
        }
        let known = self.block_on(self.store().find_model(name))?;
        match known {
            Some(known) if known.has_weights() => Err(Error::usage(
                format!(
                    "model `{}` was trained here, and makes its predictions itself",
                    known.name
                ),
                "give the model that was made elsewhere another name".to_owned(),
            )),
            known => Ok(known),
        }
    }
}

/// The classes of a model: those that it is known to have, those of the dataset that it found, in the dataset's order, and others, sorted.
fn classes(known: Option<&ModelRecord>, of_dataset: &[String], found: &BTreeSet<String>) -> Vec<String> {
    let mut classes = known.map_or_else(Vec::new, |known| known.classes.clone());
    let in_order = of_dataset.iter().filter(|class| found.contains(*class));
    for class in in_order.chain(found) {
        if !classes.contains(class) {
            classes.push(class.clone());
        }
    }
    classes
}

/// A path as it is kept: whole.
fn shown(path: &Path) -> Result<String, Error> {
    let whole = path.canonicalize().map_err(|source| Error::io("find", path, source))?;
    Ok(whole.display().to_string())
}

/// BLAKE3 of all that decides what results mean.
fn digest(options: &ForeignOptions, reporter: &dyn Reporter) -> Result<String, Error> {
    let path = &options.path;
    let metadata = path.metadata().map_err(|source| Error::io("read", path, source))?;
    let is_folder = options.format == ForeignFormat::Kitti;
    if metadata.is_dir() != is_folder {
        let (what, hint) = if is_folder {
            ("a file", "KITTI results are a folder with a text file for each frame")
        } else {
            ("a folder", "name the file of results")
        };
        return Err(Error::usage(format!("{} is {what}", path.display()), hint.to_owned()));
    }
    let mut whole = blake3::Hasher::new();
    let mut add = |path: &Path, name: &str| -> Result<(), Error> {
        let mut hasher = blake3::Hasher::new();
        File::open(path)
            .and_then(|file| hasher.update_reader(file).map(drop))
            .map_err(|source| Error::io("read", path, source))?;
        whole.update(&(name.len() as u64).to_le_bytes());
        whole.update(name.as_bytes());
        whole.update(hasher.finalize().as_bytes());
        Ok(())
    };
    if is_folder {
        for file in result_files(path, &guideway_core::Silent)? {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
            add(&file, &name.unwrap_or_default())?;
        }
    } else {
        add(path, "")?;
        if metadata.len() == 0 {
            reporter.warn(Warning {
                code: "empty-file".to_owned(),
                message: "the file of results is empty".to_owned(),
                location: path.display().to_string(),
                count: 1,
            });
        }
    }
    if let Some(images) = &options.images {
        add(images, "images")?;
    }
    Ok(whole.finalize().to_hex().to_string())
}

/// Names of classes as the dataset has them.
struct Spelling {
    exact: BTreeSet<String>,
    /// By the name in lower case; none where classes differ in nothing else.
    folded: BTreeMap<String, Option<String>>,
}

impl Spelling {
    fn new(classes: &[String]) -> Self {
        let mut folded: BTreeMap<String, Option<String>> = BTreeMap::new();
        for class in classes {
            folded
                .entry(class.to_ascii_lowercase())
                .and_modify(|known| *known = None)
                .or_insert_with(|| Some(class.clone()));
        }
        Self {
            exact: classes.iter().cloned().collect(),
            folded,
        }
    }

    /// The dataset's name of a class that differs from it in upper and lower case alone; any other name as it is.
    fn of(&self, class: &str) -> String {
        if self.exact.contains(class) {
            return class.to_owned();
        }
        let folded = self.folded.get(&class.to_ascii_lowercase());
        folded.cloned().flatten().unwrap_or_else(|| class.to_owned())
    }
}
