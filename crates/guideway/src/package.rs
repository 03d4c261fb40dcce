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
    /// written anew.
    pub fn package_model(&self, model: &str, dir: &Path, reporter: &dyn Reporter) -> Result<PackageReport, Error> {
        let started = clock::now_ns();
        let record = self.model_record(model)?;
        let occupied = dir.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if occupied && packaged(dir).as_deref() != Some(&record.model_id) {
            return Err(Error::usage(
                format!("the folder {} is not empty", dir.display()),
                "name a new folder, or one that holds a package of the same model".to_owned(),
            ));
        }
        let task = reporter.begin("Packaging", Some(FILES.len() as u64 + 2), "files");
        std::fs::create_dir_all(dir).map_err(|source| Error::io("make the folder", dir, source))?;
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
        let mut card = vec![format!(
            "# {}\n\nA detector of {}.\n\n| | |\n| --- | --- |\n| id | {} |\n| weights, BLAKE3 | {} |\n| made by | {} |\n",
            record.name,
            record.classes.join(", "),
            record.model_id,
            record.digest,
            clock::code_version(),
        )];
        let dataset = record.dataset_id.as_ref().and_then(|id| self.dataset(id).ok());
        if let Some(dataset) = &dataset {
            card.push(format!(
                "| learnt from | {}: {} frames with {} labels of {} recordings |\n| its content, BLAKE3 | {} |\n",
                dataset.name, dataset.frames, dataset.labels, dataset.recordings, dataset.hash
            ));
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
        });
        let bytes = serde_json::to_vec_pretty(&manifest).map_err(|err| Error::corrupt("the manifest", err))?;
        write_atomic(&dir.join("manifest.json"), &bytes)?;
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

/// The model whose package a folder holds.
fn packaged(dir: &Path) -> Option<String> {
    let bytes = std::fs::read(dir.join("manifest.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    Some(manifest["model_id"].as_str()?.to_owned())
}
