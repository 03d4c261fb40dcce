//! `MOTChallenge`: `gt.txt`, `seqinfo.ini` and result files.

use std::path::Path;

use guideway_core::Reporter;

use super::text::{Row, Rows, quoted, text};
use super::{MAX_FRAMES, by_frame, entries, read, read_tracks, reorder, warn_of_empty, warn_of_others};
use crate::coco::files::Input;
use crate::error::{EvalError, Side};
use crate::mot::boxes::{BoxLabels, BoxSequence, BoxTracks, evaluate_each};
use crate::mot::params::{ClassRules, TrackParams};
use crate::mot::report::TrackReport;
use crate::mot::similarity::BoxFormat;

const BOX: [&str; 4] = ["bb_left", "bb_top", "bb_width", "bb_height"];

const LENGTH: &str = "write the number of frames as `seqLength=750`";

/// Reads `MOTChallenge` folders.
///
/// Labels have at least eight columns, predictions seven; a class of predictions, if there is one, is at most `max_class`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MotChallenge {
    /// The largest class that predictions may have: `TrackEval` refuses what is not a pedestrian (1). `None` for any.
    pub max_class: Option<i64>,
}

impl Default for MotChallenge {
    fn default() -> Self {
        Self { max_class: Some(1) }
    }
}

impl MotChallenge {
    /// Evaluates all sequences of a folder `GT` with the predictions in `TRACKER/data`, as [`evaluate_each`] does.
    pub fn evaluate_folder(
        &self,
        gt: &Path,
        tracker: &Path,
        rules: &[ClassRules],
        params: &TrackParams,
        reporter: &dyn Reporter,
    ) -> Result<TrackReport, EvalError> {
        let names = Self::sequences(gt)?;
        let read = |name: &String, reporter: &dyn Reporter| self.read_sequence(gt, tracker, name, reporter);
        let report = evaluate_each(&names, read, rules, params, reporter)?;
        warn_of_others(&tracker.join("data"), names.iter(), reporter)?;
        Ok(report)
    }

    /// The names of the sequences of a folder, ascending: of the folders in it with `gt/gt.txt`.
    pub fn sequences(gt: &Path) -> Result<Vec<String>, EvalError> {
        let mut names = Vec::new();
        for folder in entries(gt)? {
            if let Some(name) = folder.file_name().and_then(|name| name.to_str())
                && folder.join("gt/gt.txt").is_file()
            {
                names.push(name.to_owned());
            }
        }
        if names.is_empty() {
            return Err(EvalError::MissingSequence {
                side: Side::GroundTruth,
                name: gt.display().to_string(),
                problem: "no folder in it has `gt/gt.txt`".to_owned(),
                next: "name the folder that holds a folder for each sequence",
            });
        }
        Ok(names)
    }

    /// One sequence: `seqinfo.ini` and `gt/gt.txt` in `GT/NAME`, and the predictions in `TRACKER/data/NAME.txt`.
    pub fn read_sequence(
        &self,
        gt: &Path,
        tracker: &Path,
        name: &str,
        reporter: &dyn Reporter,
    ) -> Result<BoxSequence, EvalError> {
        let folder = gt.join(name);
        let (info, gt) = (folder.join("seqinfo.ini"), folder.join("gt/gt.txt"));
        let tracks = tracker.join("data").join(format!("{name}.txt"));
        let bytes = read(&info)?;
        let info = info.display().to_string();
        let frames = Self::read_length(Input {
            name: &info,
            bytes: &bytes,
        })?;
        let (gt_bytes, track_bytes) = (read(&gt)?, read_tracks(&tracks, name)?);
        let (gt, tracks) = (gt.display().to_string(), tracks.display().to_string());
        let labels = Self::read_labels(
            Input {
                name: &gt,
                bytes: &gt_bytes,
            },
            frames,
        )?;
        let predictions = self.read_predictions(
            Input {
                name: &tracks,
                bytes: &track_bytes,
            },
            frames,
        )?;
        warn_of_empty(&labels.boxes, BoxFormat::Xywh, gt, reporter);
        warn_of_empty(&predictions.boxes, BoxFormat::Xywh, tracks, reporter);
        Ok(BoxSequence {
            name: name.to_owned(),
            frames,
            first_frame: 1,
            format: BoxFormat::Xywh,
            labels,
            tracks: predictions,
            ignored: Vec::new(),
        })
    }

    /// `seqLength` of a `seqinfo.ini`.
    pub fn read_length(input: Input<'_>) -> Result<u32, EvalError> {
        let text = text(input.bytes);
        for (at, line) in text.lines().enumerate() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            if key.trim().eq_ignore_ascii_case("seqLength") {
                let value = value.trim();
                let frames = value.parse().ok().filter(|frames| *frames <= MAX_FRAMES);
                return frames.ok_or_else(|| EvalError::Line {
                    file: input.name.to_owned(),
                    line: at + 1,
                    column: 2,
                    problem: format!(
                        "`seqLength` is {}, which is not a number of frames up to {MAX_FRAMES}",
                        quoted(value)
                    ),
                    next: LENGTH,
                });
            }
        }
        Err(EvalError::Line {
            file: input.name.to_owned(),
            line: text.lines().count().max(1),
            column: 1,
            problem: "there is no `seqLength=…` up to here".to_owned(),
            next: LENGTH,
        })
    }

    /// A `gt.txt` with at most this many frames.
    pub fn read_labels(input: Input<'_>, frames: u32) -> Result<BoxLabels, EvalError> {
        let text = text(input.bytes);
        let mut rows = Rows::new(input.name, &text);
        let mut out = BoxLabels::default();
        while let Some(row) = rows.next_row() {
            out.frame.push(row.frame(0, 1, frames)?);
            out.track.push(track(&row)?);
            out.boxes.push(row.numbers(2, BOX)?);
            out.mark.push(row.number(6, "mark")?);
            out.class.push(row.whole(7, "class")?);
            out.occlusion.push(0);
            out.truncation.push(0);
        }
        let order = by_frame(&out.frame);
        reorder(&mut out.frame, &order);
        reorder(&mut out.track, &order);
        reorder(&mut out.boxes, &order);
        reorder(&mut out.mark, &order);
        reorder(&mut out.class, &order);
        Ok(out)
    }

    /// A file of predictions with at most this many frames.
    pub fn read_predictions(&self, input: Input<'_>, frames: u32) -> Result<BoxTracks, EvalError> {
        let text = text(input.bytes);
        let mut rows = Rows::new(input.name, &text);
        let mut out = BoxTracks::default();
        while let Some(row) = rows.next_row() {
            let class = if row.len() > 7 { row.whole(7, "class")? } else { 1 };
            if let Some(most) = self.max_class.filter(|most| class > *most) {
                return Err(row.error(
                    7,
                    format!("`class` is {class}, and predictions may have at most {most}"),
                ));
            }
            let frame = row.frame(0, 1, frames)?;
            let track = track(&row)?;
            out.push(frame, track, class, row.numbers(2, BOX)?, row.number(6, "conf")?);
        }
        let order = by_frame(&out.frame);
        reorder(&mut out.frame, &order);
        reorder(&mut out.track, &order);
        reorder(&mut out.boxes, &order);
        reorder(&mut out.score, &order);
        reorder(&mut out.class, &order);
        Ok(out)
    }
}

fn track(row: &Row<'_>) -> Result<u64, EvalError> {
    let id = row.whole(1, "id")?;
    u64::try_from(id).ok().ok_or_else(|| {
        row.error(
            1,
            format!("`id` is {id}: these are detections without tracks, or a mistake"),
        )
    })
}
