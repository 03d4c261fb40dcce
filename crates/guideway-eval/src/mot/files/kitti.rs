//! KITTI tracking: `label_02`, seqmaps and result files.

use std::collections::BTreeMap;
use std::path::Path;

use guideway_core::Reporter;
use guideway_core::hint::closest;

use super::text::{Row, Rows, quoted, text};
use super::{MAX_FRAMES, by_frame, read, read_tracks, reorder, warn, warn_of_empty, warn_of_others};
use crate::coco::files::Input;
use crate::error::{EvalError, Side};
use crate::mot::boxes::{BoxLabels, BoxSequence, BoxTracks, evaluate_each};
use crate::mot::params::{ClassRules, TrackParams};
use crate::mot::report::TrackReport;
use crate::mot::similarity::BoxFormat;

const BOX: [&str; 4] = ["left", "top", "right", "bottom"];

/// Numbers for KITTI's class names, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KittiClasses {
    /// Number of each name.
    pub numbers: BTreeMap<String, i64>,
    /// Name of ignore regions.
    pub ignored: String,
}

impl Default for KittiClasses {
    /// `TrackEval`'s numbers. `person_sitting`, the name that the object benchmark has for `person`, is known as well.
    fn default() -> Self {
        let names = [
            ("car", 1),
            ("van", 2),
            ("truck", 3),
            ("pedestrian", 4),
            ("person", 5),
            ("person_sitting", 5),
            ("cyclist", 6),
            ("tram", 7),
            ("misc", 8),
            ("dontcare", 9),
            ("car_2", 1),
        ];
        Self {
            numbers: names.map(|(name, number)| (name.to_owned(), number)).into(),
            ignored: "dontcare".to_owned(),
        }
    }
}

/// Reads KITTI tracking folders.
///
/// Rows with a negative id are left out, as is usual for `DontCare`: those of labels become ignore regions, others are counted in a warning.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kitti {
    /// Class names.
    pub classes: KittiClasses,
}

/// Labels and ignore regions of a file, and how many rows were left out for their negative id.
type LabelFile = (BoxLabels, Vec<(u32, [f64; 4])>, usize);

impl Kitti {
    /// Evaluates all sequences of `GT/evaluate_tracking.seqmap.SPLIT` with the predictions in `TRACKER/data`, as [`evaluate_each`] does.
    pub fn evaluate_folder(
        &self,
        gt: &Path,
        split: &str,
        tracker: &Path,
        rules: &[ClassRules],
        params: &TrackParams,
        reporter: &dyn Reporter,
    ) -> Result<TrackReport, EvalError> {
        let lengths = Self::sequences(gt, split)?;
        let read = |(name, frames): &(String, u32), reporter: &dyn Reporter| {
            self.read_sequence(gt, tracker, name, *frames, reporter)
        };
        let report = evaluate_each(&lengths, read, rules, params, reporter)?;
        warn_of_others(&tracker.join("data"), lengths.iter().map(|(name, _)| name), reporter)?;
        Ok(report)
    }

    /// The sequences of `GT/evaluate_tracking.seqmap.SPLIT` by name, and their numbers of frames.
    pub fn sequences(gt: &Path, split: &str) -> Result<Vec<(String, u32)>, EvalError> {
        let seqmap = gt.join(format!("evaluate_tracking.seqmap.{split}"));
        let bytes = read(&seqmap)?;
        let name = seqmap.display().to_string();
        let mut lengths = Self::read_seqmap(Input {
            name: &name,
            bytes: &bytes,
        })?;
        lengths.sort();
        if lengths.is_empty() {
            return Err(EvalError::MissingSequence {
                side: Side::GroundTruth,
                name,
                problem: "no line in it names a sequence with its length in the fourth column".to_owned(),
                next: "write lines such as `0006 empty 000000 000270`",
            });
        }
        Ok(lengths)
    }

    /// One sequence of this many frames: the labels in `GT/label_02/NAME.txt` and the predictions in `TRACKER/data/NAME.txt`.
    pub fn read_sequence(
        &self,
        gt: &Path,
        tracker: &Path,
        name: &str,
        frames: u32,
        reporter: &dyn Reporter,
    ) -> Result<BoxSequence, EvalError> {
        let file = format!("{name}.txt");
        let (labels, tracks) = (gt.join("label_02").join(&file), tracker.join("data").join(&file));
        let (label_bytes, track_bytes) = (read(&labels)?, read_tracks(&tracks, name)?);
        let (gt, dt) = (labels.display().to_string(), tracks.display().to_string());
        let (labels, ignored, without_label) = self.read_labels(
            Input {
                name: &gt,
                bytes: &label_bytes,
            },
            frames,
        )?;
        let (tracks, without_track) = self.read_predictions(
            Input {
                name: &dt,
                bytes: &track_bytes,
            },
            frames,
        )?;
        for (count, location) in [(without_label, &gt), (without_track, &dt)] {
            let message = "rows with a negative id are left out";
            warn(reporter, "negative-track", message, location.clone(), count);
        }
        warn_of_empty(&labels.boxes, BoxFormat::Xyxy, gt, reporter);
        warn_of_empty(&tracks.boxes, BoxFormat::Xyxy, dt, reporter);
        Ok(BoxSequence {
            name: name.to_owned(),
            frames,
            first_frame: 0,
            format: BoxFormat::Xyxy,
            labels,
            tracks,
            ignored,
        })
    }

    /// The sequences of a seqmap and their numbers of frames: lines of `NAME empty FIRST LENGTH`; shorter ones say nothing.
    pub fn read_seqmap(input: Input<'_>) -> Result<Vec<(String, u32)>, EvalError> {
        let text = text(input.bytes);
        let mut rows = Rows::new(input.name, &text);
        let mut out = Vec::new();
        while let Some(row) = rows.next_row() {
            if row.len() < 4 {
                continue;
            }
            let frames = row.whole(3, "length")?;
            let frames = u32::try_from(frames).ok().filter(|frames| *frames <= MAX_FRAMES);
            let frames =
                frames.ok_or_else(|| row.error(3, format!("`length` is not a number of frames up to {MAX_FRAMES}")))?;
            out.push((row.text(0, "name")?.to_owned(), frames));
        }
        Ok(out)
    }

    /// Labels and ignore regions, and how many other rows had a negative id.
    pub fn read_labels(&self, input: Input<'_>, frames: u32) -> Result<LabelFile, EvalError> {
        let text = text(input.bytes);
        let mut rows = Rows::new(input.name, &text);
        let mut out = BoxLabels::default();
        let mut ignored = Vec::new();
        let mut negative = 0;
        while let Some(row) = rows.next_row() {
            let name = row.text(2, "type")?.to_lowercase();
            let frame = row.frame(0, 0, frames)?;
            let numbers = row.numbers(6, BOX)?;
            if name == self.classes.ignored {
                ignored.push((frame, numbers));
                continue;
            }
            let Some(track) = track(&row)? else {
                negative += 1;
                continue;
            };
            out.frame.push(frame);
            out.track.push(track);
            out.class.push(self.class(&row, &name)?);
            out.boxes.push(numbers);
            out.mark.push(1.0);
            // levels are whole; a fraction, as the object benchmark has it, is dropped as TrackEval drops it
            out.truncation.push(row.number(3, "truncated")?.trunc() as i64);
            out.occlusion.push(row.number(4, "occluded")?.trunc() as i64);
        }
        let order = by_frame(&out.frame);
        reorder(&mut out.frame, &order);
        reorder(&mut out.track, &order);
        reorder(&mut out.class, &order);
        reorder(&mut out.boxes, &order);
        reorder(&mut out.truncation, &order);
        reorder(&mut out.occlusion, &order);
        ignored.sort_by_key(|(frame, _)| *frame);
        Ok((out, ignored, negative))
    }

    /// Predictions, and how many rows had a negative id. A row without score has score 1.
    pub fn read_predictions(&self, input: Input<'_>, frames: u32) -> Result<(BoxTracks, usize), EvalError> {
        let text = text(input.bytes);
        let mut rows = Rows::new(input.name, &text);
        let mut out = BoxTracks::default();
        let mut negative = 0;
        while let Some(row) = rows.next_row() {
            let Some(track) = track(&row)? else {
                negative += 1;
                continue;
            };
            let class = self.class(&row, &row.text(2, "type")?.to_lowercase())?;
            let frame = row.frame(0, 0, frames)?;
            let score = if row.len() > 17 { row.number(17, "score")? } else { 1.0 };
            out.push(frame, track, class, row.numbers(6, BOX)?, score);
        }
        let order = by_frame(&out.frame);
        reorder(&mut out.frame, &order);
        reorder(&mut out.track, &order);
        reorder(&mut out.class, &order);
        reorder(&mut out.boxes, &order);
        reorder(&mut out.score, &order);
        Ok((out, negative))
    }

    /// The number of a class by its name in lower case.
    fn class(&self, row: &Row<'_>, name: &str) -> Result<i64, EvalError> {
        self.classes.numbers.get(name).copied().ok_or_else(|| {
            let known = self.classes.numbers.keys().map(String::as_str);
            let meant = closest(name, known).map_or(String::new(), |meant| format!("; is `{meant}` meant?"));
            row.error(2, format!("`type` is {}, which is no class{meant}", quoted(name)))
        })
    }
}

/// The track of a row; `None` for a negative id.
fn track(row: &Row<'_>) -> Result<Option<u64>, EvalError> {
    Ok(u64::try_from(row.whole(1, "id")?).ok())
}
