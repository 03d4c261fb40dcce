//! Results into rows.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use guideway_core::{IdBuilder, Reporter, Warning};
use guideway_schema::{PredictedCuboidRow, PredictionRow};
use guideway_store::{StoreError, Transaction};

use super::found::{Found, Notes};
use super::frames::Frames;
use super::{ForeignFormat, Spelling};
use crate::error::Error;
use crate::workspace::Workspace;

/// Rows kept in memory before the store's lock is taken.
const ROWS_BEFORE_WRITING: usize = 100_000;
/// Results between two looks at whether to stop.
const RESULTS_BETWEEN_STOPS: u64 = 4096;
/// Digits of a prediction's id that say of which frame it is; the others count.
const FRAME_DIGITS: usize = 24;

/// What was taken in, and what was not.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) results: u64,
    pub(super) left_out: u64,
    pub(super) boxes: u64,
    pub(super) cuboids: u64,
    pub(super) frames_with: u64,
    pub(super) classes: BTreeSet<String>,
}

/// Makes rows of results, and hands them to the store.
pub(super) struct Writer<'a> {
    workspace: &'a Workspace,
    frames: &'a Frames,
    run_id: &'a str,
    model_id: &'a str,
    spelling: Spelling,
    /// Digests of what was taken in.
    seen: HashSet<[u8; 16]>,
    /// Which frames something was found in.
    with: Vec<bool>,
    counts: Counts,
    outside: u64,
    of_other_classes: u64,
    notes: Notes,
    boxes: Vec<PredictionRow>,
    cuboids: Vec<PredictedCuboidRow>,
    transaction: Option<Transaction>,
    /// Was the same taken in by somebody else meanwhile?
    overtaken: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(workspace: &'a Workspace, frames: &'a Frames, run_id: &'a str, model_id: &'a str) -> Self {
        Self {
            workspace,
            frames,
            run_id,
            model_id,
            spelling: Spelling::new(&frames.info.classes),
            seen: HashSet::new(),
            with: vec![false; frames.list.len()],
            counts: Counts::default(),
            outside: 0,
            of_other_classes: 0,
            notes: Notes::default(),
            boxes: Vec::new(),
            cuboids: Vec::new(),
            transaction: None,
            overtaken: false,
        }
    }

    pub(super) fn push(&mut self, found: Found<'_>) -> Result<(), Error> {
        if self.counts.results.is_multiple_of(RESULTS_BETWEEN_STOPS) {
            self.workspace.stop_here(
                || "nothing of these results is kept".to_owned(),
                "run it again: it begins anew, with the same result",
            )?;
        }
        self.counts.results += 1;
        found.check()?;
        let wanted = |place: u32| self.frames.get(place).filter(|frame| frame.wanted);
        let Some((place, frame)) = found.frame.and_then(|place| Some((place, wanted(place)?))) else {
            self.outside += 1;
            self.counts.left_out += 1;
            return Ok(());
        };
        let class = self.spelling.of(found.class);
        if !self.seen.insert(fingerprint(place, &class, &found)) {
            self.counts.left_out += 1;
            let message = || "results that are equal to an earlier one in everything were left out".to_owned();
            self.notes.add(
                "duplicate-result",
                message,
                format_args!("{} of {}", found.at, found.file.display()),
            );
            return Ok(());
        }
        let recording_id = self.frames.recording(frame).map(|row| row.recording_id.clone());
        let recording_id = recording_id.unwrap_or_default();
        let prediction_id = prediction_id(self.run_id, &frame.id, self.counts.results);
        if let Some([x_min, y_min, x_max, y_max]) = found.bbox {
            self.counts.boxes += 1;
            self.boxes.push(PredictionRow {
                prediction_id: prediction_id.clone(),
                run_id: self.run_id.to_owned(),
                model_id: self.model_id.to_owned(),
                frame_id: frame.id.to_string(),
                recording_id: recording_id.clone(),
                class: class.clone(),
                score: found.score,
                x_min,
                y_min,
                x_max,
                y_max,
                mask_rle: found.mask,
            });
        }
        if let Some(solid) = found.solid {
            self.counts.cuboids += 1;
            self.cuboids.push(PredictedCuboidRow {
                prediction_id,
                run_id: self.run_id.to_owned(),
                model_id: self.model_id.to_owned(),
                frame_id: frame.id.to_string(),
                recording_id,
                class: class.clone(),
                score: found.score,
                cuboid_frame: solid.frame.to_owned(),
                cuboid: solid.cuboid.to_vec(),
                velocity: solid.velocity.map_or_else(Vec::new, |velocity| velocity.to_vec()),
                attribute: solid.attribute,
            });
        }
        if !self.spelling.exact.contains(&class) {
            self.of_other_classes += 1;
        }
        self.counts.classes.insert(class);
        if let Some(with) = self.with.get_mut(place as usize) {
            *with = true;
        }
        if self.boxes.len() + self.cuboids.len() >= ROWS_BEFORE_WRITING {
            self.write()?;
        }
        Ok(())
    }

    /// Hands the rows to the store.
    fn write(&mut self) -> Result<(), Error> {
        if self.transaction.is_none() {
            self.transaction = Some(self.workspace.block_on(self.workspace.store().begin())?);
            // Nobody else writes from here on; somebody may have until here.
            self.overtaken = self.workspace.is_done(self.run_id)?;
        }
        let (boxes, cuboids) = (std::mem::take(&mut self.boxes), std::mem::take(&mut self.cuboids));
        if let (Some(transaction), false) = (&mut self.transaction, self.overtaken) {
            self.workspace.block_on(async {
                transaction.push(boxes.into()).await?;
                transaction.push(cuboids.into()).await?;
                Ok::<_, StoreError>(())
            })?;
        }
        Ok(())
    }

    /// Says what was left out, and gives the transaction with all rows in it; none where somebody else has taken in the same.
    pub(super) fn finish(
        mut self,
        path: &Path,
        format: ForeignFormat,
        reporter: &dyn Reporter,
    ) -> Result<Option<(Transaction, Counts)>, Error> {
        let on = match &self.frames.split {
            Some(split) => format!("{}:{split}", self.frames.info.name),
            None => self.frames.info.name.clone(),
        };
        if self.outside > 0 && self.outside == self.counts.results {
            let named = match format {
                ForeignFormat::Kitti => {
                    "; those on `dataset export --to kitti` of a KITTI set need its names.csv: --images names.csv"
                }
                _ => "; `guideway predict --help` says how results name frames",
            };
            return Err(Error::usage(
                format!(
                    "all {} results in {} are for other frames than those of {on}",
                    self.outside,
                    path.display()
                ),
                format!("name the dataset or split that the model was run on{named}"),
            ));
        }
        if self.outside > 0 {
            reporter.warn(Warning {
                code: "outside".to_owned(),
                message: format!("results for frames that are not in {on} were left out"),
                location: path.display().to_string(),
                count: self.outside,
            });
        }
        if self.counts.results == 0 {
            reporter.warn(Warning {
                code: "no-results".to_owned(),
                message: format!("there are no results: nothing is detected in any frame of {on}"),
                location: path.display().to_string(),
                count: 1,
            });
        }
        if self.of_other_classes > 0 {
            let others = self.counts.classes.difference(&self.spelling.exact);
            let others: Vec<&str> = others.map(String::as_str).collect();
            reporter.warn(Warning {
                code: "other-classes".to_owned(),
                message: format!(
                    "predictions of classes that {} lacks, which no evaluation on it counts: {}",
                    self.frames.info.name,
                    others.join(", ")
                ),
                location: path.display().to_string(),
                count: self.of_other_classes,
            });
        }
        std::mem::take(&mut self.notes).send(reporter);
        self.write()?;
        self.counts.frames_with = self.with.iter().filter(|with| **with).count() as u64;
        Ok(self
            .transaction
            .filter(|_| !self.overtaken)
            .map(|transaction| (transaction, self.counts)))
    }
}

/// An id that sorts, among those of a frame, as results stand in the file: so equal scores are told apart as evaluations of the file itself do.
fn prediction_id(run_id: &str, frame_id: &str, number: u64) -> String {
    let mut id: String = IdBuilder::new("prediction").text(run_id).text(frame_id).finish();
    id.truncate(FRAME_DIGITS);
    format!("{id}{number:08x}")
}

/// What a result says, short enough to be kept of every one.
fn fingerprint(place: u32, class: &str, found: &Found<'_>) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&place.to_le_bytes());
    hasher.update(&(class.len() as u64).to_le_bytes());
    hasher.update(class.as_bytes());
    hasher.update(&found.score.to_le_bytes());
    for edge in found.bbox.iter().flatten() {
        hasher.update(&edge.to_le_bytes());
    }
    hasher.update(found.mask.as_deref().unwrap_or("").as_bytes());
    if let Some(solid) = &found.solid {
        hasher.update(solid.frame.as_bytes());
        for value in solid.cuboid.iter().chain(solid.velocity.iter().flatten()) {
            hasher.update(&value.to_le_bytes());
        }
        hasher.update(solid.attribute.as_deref().unwrap_or("").as_bytes());
    }
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hasher.finalize().as_bytes()) {
        *to = *from;
    }
    short
}
