//! A model to take away: its files, and a card that says what it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use guideway_core::Reporter;
use guideway_store::{NodeKind, NodeRef};
use serde::Serialize;
use serde_json::json;

use crate::atomic::write_atomic;
use crate::clock;
use crate::error::Error;
use crate::evaluate::EvalReport;
use crate::train::model_node;
use crate::workspace::Workspace;

/// What a trained model consists of.
const FILES: [&str; 3] = ["model.safetensors", "config.toml", "classes.json"];

/// Written last: a package without it is not whole.
const MANIFEST: &str = "manifest.json";

/// A package that was written.
#[derive(Debug, Clone, Serialize)]
pub struct PackageReport {
    /// The model.
    pub model: String,
    /// The folder.
    pub dir: PathBuf,
    /// Its files with their BLAKE3 digests.
    pub files: BTreeMap<String, String>,
}

impl Workspace {
    /// Writes a model into a folder: weights, configuration and classes as they are; `card.md` with its origin and every evaluation of it; and
    /// `manifest.json` with the digest of each file, written last: a package without it is not whole. Into a folder that holds the same model, it is
    /// written anew; and into one in which a package was begun and not finished.
    pub fn package_model(&self, model: &str, dir: &Path, reporter: &dyn Reporter) -> Result<PackageReport, Error> {
        let started = clock::now_ns();
        let record = self.trained_model(model)?;
        if !is_free(dir, &record.model_id)? {
            return Err(Error::usage(
                format!("the folder {} is not empty", dir.display()),
                "name a new folder, or one that holds a package of the same model".to_owned(),
            ));
        }
        let task = reporter.begin("Packaging", Some(FILES.len() as u64 + 2), "files");
        std::fs::create_dir_all(dir).map_err(|source| Error::io("make the folder", dir, source))?;
        // Until the end it is not whole.
        match std::fs::remove_file(dir.join(MANIFEST)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("replace", &dir.join(MANIFEST), source));
            }
            _ => {}
        }
        let weights = self.settings().data.join(&record.path);
        let from = weights.parent().unwrap_or(Path::new(""));
        let mut files = BTreeMap::new();
        let mut keep = |name: &str, bytes: &[u8]| -> Result<(), Error> {
            write_atomic(&dir.join(name), bytes)?;
            files.insert(name.to_owned(), blake3::hash(bytes).to_hex().to_string());
            task.advance(1);
            Ok(())
        };
        for name in FILES {
            let path = from.join(name);
            let bytes = std::fs::read(&path).map_err(|source| Error::io("read", &path, source))?;
            if name == FILES[0] && blake3::hash(&bytes).to_hex().as_str() != record.digest {
                return Err(Error::corrupt(
                    path.display().to_string(),
                    "its digest is not that of the model that was trained",
                ));
            }
            keep(name, &bytes)?;
        }
        let summary = self.model(&record.name)?;
        let evaluations: Vec<EvalReport> = self
            .evaluations()?
            .into_iter()
            .filter(|report| report.model_id == record.model_id)
            .collect();
        let run = match &record.run_id {
            Some(run) => self.block_on(self.store().find_run(run))?,
            None => None,
        };
        let mut card = vec![format!(
            "# {}\n\nA detector of {}.\n\n| | |\n| --- | --- |\n| id | {} |\n| weights, BLAKE3 | {} |\n",
            record.name,
            record.classes.join(", "),
            record.model_id,
            record.digest,
        )];
        if let Some(run) = &run {
            card.push(format!("| trained by | {} |\n", run.code_version));
        }
        let param = |key: &str| Some(run.as_ref()?.params[key].as_str()?.to_owned());
        let mut dataset_hash = None;
        if let Some(id) = &record.dataset_id {
            let dataset = self.dataset(id)?;
            let split = param("train_split").and_then(|name| dataset.splits.iter().find(|split| split.name == name));
            if let Some(split) = split {
                card.push(format!(
                    "| learnt from | {}:{}, {} frames with {} labels |\n",
                    dataset.name, split.name, split.frames, split.labels
                ));
            }
            card.push(format!("| the dataset's content, BLAKE3 | {} |\n", dataset.hash));
            dataset_hash = Some(dataset.hash);
        }
        let start = match param("start") {
            Some(start) => Some(self.model_record(&start)?),
            None => None,
        };
        if let Some(start) = &start {
            card.push(format!("| went on from | {}, weights {} |\n", start.name, start.digest));
        }
        if evaluations.is_empty() {
            card.push("\nIt was not evaluated.\n".to_owned());
        }
        for report in &evaluations {
            card.push(format!(
                "\n## On {} ({} frames, {} labels)\n\n| metric | value | 95 % interval |\n| --- | ---: | ---: |\n",
                report.on, report.frames, report.labels
            ));
            let digits = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
            for metric in report
                .metrics
                .iter()
                .filter(|metric| ["AP", "AP50", "AP75"].contains(&metric.metric.as_str()))
            {
                let slice = if metric.slice == "all" {
                    String::new()
                } else {
                    format!(", {}", metric.slice)
                };
                let (lower, upper) = (digits(metric.lower), digits(metric.upper));
                card.push(format!(
                    "| {}{slice} | {} | {lower} to {upper} |\n",
                    metric.metric,
                    digits(metric.value)
                ));
            }
        }
        card.push(format!("\n## Configuration\n\n```toml\n{}```\n", summary.config));
        keep("card.md", card.concat().as_bytes())?;
        let manifest = json!({
            "format": "guideway-model 1", "model": record.name, "model_id": record.model_id, "classes": record.classes, "files": files,
            "dataset_hash": dataset_hash, "start": start.map(|start| start.digest),
        });
        let bytes = serde_json::to_vec_pretty(&manifest).map_err(|err| Error::corrupt("the manifest", err))?;
        write_atomic(&dir.join(MANIFEST), &bytes)?;
        let dir = dir.canonicalize().map_err(|source| Error::io("find", dir, source))?;
        let operation = clock::operation("package", &self.settings().user, started)
            .input(model_node(&record))
            .output(NodeRef::new(NodeKind::Artifact, dir.display().to_string()).with_detail(manifest));
        let transaction = self.block_on(self.store().begin())?;
        self.block_on(transaction.commit(operation))?;
        Ok(PackageReport {
            model: record.name,
            dir,
            files,
        })
    }
}

/// May a model's package be written into a folder? Where there is nothing else: it is not there, empty, or holds that model's, whole or begun.
fn is_free(dir: &Path, model_id: &str) -> Result<bool, Error> {
    let entries = match dir.read_dir() {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(source) => return Err(Error::io("read the folder", dir, source)),
        Ok(entries) => entries,
    };
    if let Some(holds) = packaged(dir) {
        return Ok(holds == model_id);
    }
    for entry in entries {
        let entry = entry.map_err(|source| Error::io("read the folder", dir, source))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let own = |file: &str| name == file || name.strip_suffix(".partial") == Some(file);
        let own = FILES.iter().chain(&["card.md", MANIFEST]).any(|file| own(file));
        if !own {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The model whose package a folder holds.
fn packaged(dir: &Path) -> Option<String> {
    let bytes = std::fs::read(dir.join(MANIFEST)).ok()?;
    let manifest: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    Some(manifest["model_id"].as_str()?.to_owned())
}
