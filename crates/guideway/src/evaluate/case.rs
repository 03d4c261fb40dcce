//! What an evaluation is computed from: labels and predictions as columns, with what is needed to name them again.

use std::collections::BTreeMap;
use std::path::Path;

use guideway_core::{IdBuilder, Silent};
use guideway_eval::coco::{CocoParams, Confusion, Detections, GroundTruth, IouType, Matches, match_detections};
use guideway_eval::events::{Event, SpaceEventParams, find_events_in_space};
use guideway_schema::{EventRow, FrameRow, LabelRow, PredictionRow};
use guideway_store::{Columns, Dataset, Sample, SampleLabel};
use guideway_train::Prediction;

use super::rules::{Asked, InSpace};
use super::{EvalReport, MOST_CURVES, PUSH_ROWS, class_name};
use crate::atomic::write_atomic;
use crate::error::Error;
use crate::placement::Moment;
use crate::plot::{ConfusionPlot, LinePlot, Series};
use crate::workspace::{Workspace, quote};

/// The labels of some rows of a dataset as columns, with what is needed to name them again.
pub(crate) struct Truth {
    pub(crate) arrays: GroundTruth,
    pub(super) frames: Vec<FrameInfo>,
    pub(super) labels: Vec<LabelInfo>,
    pub(super) classes: Vec<String>,
}

pub(super) struct FrameInfo {
    pub(super) frame_id: String,
    pub(super) recording_id: String,
    pub(super) sensor_id: String,
    pub(super) group_id: String,
    pub(super) timestamp_ns: Option<i64>,
}

/// What a label says beyond its box.
pub(super) struct LabelInfo {
    pub(super) label_id: String,
    pub(super) track_id: Option<String>,
    /// As in the tables.
    pub(super) cuboid_frame: Option<String>,
    pub(super) cuboid: Vec<f64>,
    pub(super) occlusion: Option<i64>,
}

impl From<FrameRow> for FrameInfo {
    fn from(row: FrameRow) -> Self {
        Self {
            frame_id: row.frame_id,
            recording_id: row.recording_id,
            sensor_id: row.sensor_id,
            group_id: row.group_id,
            timestamp_ns: row.timestamp_ns,
        }
    }
}

impl<'a> From<&'a FrameInfo> for Moment<'a> {
    fn from(frame: &'a FrameInfo) -> Self {
        Self {
            sensor_id: &frame.sensor_id,
            stamp_ns: frame.timestamp_ns,
        }
    }
}

impl From<&LabelRow> for LabelInfo {
    fn from(label: &LabelRow) -> Self {
        Self {
            label_id: label.label_id.clone(),
            track_id: label.track_id.clone(),
            cuboid_frame: label.cuboid_frame.clone(),
            cuboid: label.cuboid.clone(),
            occlusion: label.occlusion,
        }
    }
}

impl From<&SampleLabel> for LabelInfo {
    fn from(label: &SampleLabel) -> Self {
        Self {
            label_id: label.label_id.clone(),
            track_id: label.track_id.clone(),
            cuboid_frame: label.cuboid_frame.clone(),
            cuboid: label.cuboid.clone(),
            occlusion: label.occlusion,
        }
    }
}

impl Truth {
    /// Reads the labels of these rows, without media. Labels of other classes are left out.
    pub(crate) fn new(
        workspace: &Workspace,
        dataset: &Dataset,
        rows: &[u64],
        classes: &[String],
    ) -> Result<Self, Error> {
        let index: BTreeMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let mut truth = Self {
            arrays: GroundTruth::new(rows.len() as u32, classes.len() as u32),
            frames: Vec::with_capacity(rows.len()),
            labels: Vec::new(),
            classes: classes.to_vec(),
        };
        let mut truncation = Vec::new();
        let mut sizes = Vec::with_capacity(rows.len());
        for part in rows.chunks(PUSH_ROWS) {
            for sample in workspace.block_on(dataset.take(part, Columns::WithoutMedia))? {
                let image = truth.frames.len() as u32;
                let size = |value: Option<i64>| value.and_then(|v| u32::try_from(v).ok()).unwrap_or(0);
                sizes.push([size(sample.width), size(sample.height)]);
                truth.add_labels(&sample, image, &index, &mut truncation);
                truth.frames.push(FrameInfo {
                    frame_id: sample.frame_id,
                    recording_id: sample.recording_id,
                    sensor_id: sample.sensor_id,
                    group_id: sample.group_id,
                    timestamp_ns: sample.timestamp_ns,
                });
            }
        }
        truth.arrays.truncation = Some(truncation);
        if sizes.iter().all(|[width, height]| *width > 0 && *height > 0) {
            truth.arrays.image_size = Some(sizes);
        }
        Ok(truth)
    }

    fn add_labels(&mut self, sample: &Sample, image: u32, index: &BTreeMap<&str, u32>, truncation: &mut Vec<f64>) {
        for label in &sample.labels {
            let (Some(class), Some(bbox)) = (index.get(label.class.as_str()), label.bbox()) else {
                continue;
            };
            self.arrays.push(image, *class, bbox.to_xywh());
            if let (Some(area), Some(last)) = (label.area, self.arrays.area.last_mut()) {
                *last = area;
            }
            if let Some(last) = self.arrays.crowd.last_mut() {
                *last = label.is_crowd;
            }
            if let Some(last) = self.arrays.ignore.last_mut() {
                *last = label.is_ignored;
            }
            truncation.push(label.truncation.unwrap_or(0.0));
            self.labels.push(label.into());
        }
    }

    /// Group number of each image.
    pub(super) fn groups(&self) -> Vec<u32> {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        for frame in &self.frames {
            let next = numbers.len() as u32;
            numbers.entry(&frame.group_id).or_insert(next);
        }
        self.frames
            .iter()
            .map(|frame| numbers.get(frame.group_id.as_str()).copied().unwrap_or(0))
            .collect()
    }

    pub(super) fn image_of(&self) -> BTreeMap<&str, u32> {
        self.frames
            .iter()
            .map(|frame| frame.frame_id.as_str())
            .zip(0..)
            .collect()
    }

    /// AP at IoU 0.50 of predictions whose class indices are this truth's.
    pub(crate) fn ap50(&self, predictions: &[Prediction]) -> Result<f64, Error> {
        let images = self.image_of();
        let mut detections = Detections::default();
        for found in predictions {
            let Some(image) = images.get(found.id.as_str()) else {
                continue;
            };
            for ((bbox, class), score) in found.boxes.iter().zip(&found.classes).zip(&found.scores) {
                detections.push(*image, *class, bbox.to_xywh(), f64::from(*score));
            }
        }
        let params = CocoParams {
            iou_thresholds: vec![0.5],
            ..CocoParams::default()
        };
        let matches = match_detections(&self.arrays, &detections, IouType::Bbox, &params)?;
        Ok(matches.accumulate(None)?.ap(None, 0, None).unwrap_or(0.0))
    }
}

/// Everything that an evaluation is computed from.
pub(super) struct Case {
    pub(super) truth: Truth,
    pub(super) detections: Detections,
    /// The rows of the detections.
    pub(super) rows: Vec<PredictionRow>,
    pub(super) matches: Matches,
    /// The objects of the frames that are asked about space; [`Workspace::case`] looks for none.
    pub(super) space: InSpace,
}

/// What is wrong in a frame. Its rows are those of [`Case::space`], or of the boxes.
#[derive(Debug, Clone)]
pub(super) struct Wrong {
    pub(super) event: Event,
    pub(super) in_space: bool,
}

impl Workspace {
    /// What an evaluation was computed from. What was left out of it was said when it was made.
    pub(super) fn case_of(&self, report: &EvalReport, dataset: &Dataset, rows: &[u64]) -> Result<Case, Error> {
        let mut case = self.case(dataset, rows, &report.predict_run_id)?;
        if report.frames_in_space > 0 {
            case.space = self.in_space((dataset, rows), &report.predict_run_id, &Silent)?;
        }
        Ok(case)
    }

    /// The labels of some rows of a dataset, and the predictions of a run on them.
    pub(super) fn case(&self, dataset: &Dataset, rows: &[u64], predict_run: &str) -> Result<Case, Error> {
        let truth = Truth::new(self, dataset, rows, dataset.classes())?;
        let predictions: Vec<PredictionRow> = self.rows(&format!(
            "SELECT * FROM predictions WHERE run_id = {} ORDER BY prediction_id",
            quote(predict_run)
        ))?;
        let images = truth.image_of();
        let index: BTreeMap<&str, u32> = truth.classes.iter().map(String::as_str).zip(0..).collect();
        let mut detections = Detections::default();
        let mut kept = Vec::new();
        for row in predictions {
            if let (Some(image), Some(class)) = (images.get(row.frame_id.as_str()), index.get(row.class.as_str())) {
                let xywh = [row.x_min, row.y_min, row.x_max - row.x_min, row.y_max - row.y_min];
                detections.push(*image, *class, xywh, row.score);
                kept.push(row);
            }
        }
        let matches = match_detections(&truth.arrays, &detections, IouType::Bbox, &CocoParams::default())?;
        Ok(Case {
            truth,
            detections,
            rows: kept,
            matches,
            space: InSpace::default(),
        })
    }
}

impl Case {
    /// What is wrong with boxes (`found`) in the frames that are asked about them, and in space in the others.
    pub(super) fn wrong(&self, found: Vec<Event>, params: &SpaceEventParams) -> Result<Vec<Wrong>, Error> {
        let space = &self.space;
        let in_space = find_events_in_space(&space.truth, &space.detections, &space.keep, params)?;
        let about_boxes = found
            .into_iter()
            .filter(|event| space.asked(event.image) == Asked::Boxes)
            .map(|event| Wrong { event, in_space: false });
        let in_space = in_space.into_iter().map(|event| Wrong { event, in_space: true });
        Ok(about_boxes.chain(in_space).collect())
    }

    /// Is every frame asked about space, and none about boxes?
    pub(super) fn is_in_space(&self) -> bool {
        let frames = self.truth.frames.len() as u64;
        frames > 0 && self.space.frames() == frames
    }

    /// Labels and predictions in the frames that are asked about boxes, and those in space in the others.
    pub(super) fn sizes(&self) -> [u64; 2] {
        let boxes = |images: &[u32]| {
            let of = images.iter().filter(|image| self.space.asked(**image) == Asked::Boxes);
            of.count() as u64
        };
        [
            boxes(&self.truth.arrays.image) + self.space.truth.len() as u64,
            boxes(&self.detections.image) + self.space.detections.len() as u64,
        ]
    }

    /// The label that is named.
    pub(super) fn label(&self, wrong: &Wrong) -> Option<&LabelInfo> {
        let labels = if wrong.in_space {
            &self.space.labels
        } else {
            &self.truth.labels
        };
        labels.get(wrong.event.label? as usize)
    }

    pub(super) fn event_row(&self, wrong: &Wrong, run_id: &str) -> EventRow {
        let event = &wrong.event;
        let frame = self.truth.frames.get(event.image as usize);
        let label = self.label(wrong).map(|label| label.label_id.clone());
        let detection = event.detection.map(|row| row as usize);
        let boxed = detection.and_then(|row| self.rows.get(row)).filter(|_| !wrong.in_space);
        let solid = detection
            .and_then(|row| self.space.rows.get(row))
            .filter(|_| wrong.in_space);
        let prediction_id = boxed
            .map(|row| &row.prediction_id)
            .or(solid.map(|row| &row.prediction_id));
        let corners = |[x, y, w, h]: [f64; 4]| vec![x, y, x + w, y + h];
        let label_box = event
            .label
            .filter(|_| !wrong.in_space)
            .and_then(|row| self.truth.arrays.boxes.get(row as usize))
            .copied();
        let name = |class: Option<u32>| class.map(|class| class_name(class, &self.truth.classes));
        EventRow {
            event_id: IdBuilder::new("event")
                .text(run_id)
                .text(event.kind.name())
                .text(frame.map_or("", |frame| &frame.frame_id))
                .text(label.as_deref().unwrap_or(""))
                .text(prediction_id.map_or("", String::as_str))
                .finish(),
            run_id: run_id.to_owned(),
            kind: event.kind.name().to_owned(),
            recording_id: frame.map(|frame| frame.recording_id.clone()).unwrap_or_default(),
            frame_id: frame.map(|frame| frame.frame_id.clone()).unwrap_or_default(),
            start_ns: frame.and_then(|frame| frame.timestamp_ns),
            end_ns: frame.and_then(|frame| frame.timestamp_ns),
            class: name(event.label_class),
            predicted_class: name(event.detection_class),
            label_id: label,
            prediction_id: prediction_id.cloned(),
            score: event.score,
            iou: event.iou,
            label_box: label_box.map(corners).unwrap_or_default(),
            predicted_box: boxed
                .map(|row| vec![row.x_min, row.y_min, row.x_max, row.y_max])
                .unwrap_or_default(),
            severity: Some(event.severity),
            cause: event.cause(),
        }
    }

    /// The precision–recall curves of the most frequent classes.
    pub(super) fn precision_recall(&self, title: &str) -> Result<LinePlot, Error> {
        let mut curves = self.matches.curves(0, 0, None)?;
        curves.sort_by(|a, b| b.support.cmp(&a.support).then(a.class.cmp(&b.class)));
        let shown = curves.len().min(MOST_CURVES);
        Ok(LinePlot {
            title: if shown < curves.len() {
                format!("Precision–recall at IoU 0.50: {title} ({shown} most frequent classes)")
            } else {
                format!("Precision–recall at IoU 0.50: {title}")
            },
            x_label: "recall".to_owned(),
            y_label: "precision".to_owned(),
            y_range: Some((0.0, 1.02)),
            series: curves
                .iter()
                .take(shown)
                .map(|curve| Series {
                    name: format!("{} ({})", class_name(curve.class, &self.truth.classes), curve.support),
                    points: curve
                        .recall
                        .iter()
                        .copied()
                        .zip(curve.precision.iter().copied())
                        .collect(),
                    band: Vec::new(),
                })
                .collect(),
        })
    }

    pub(super) fn confusion_plot(&self, title: &str, mixed: &Confusion) -> ConfusionPlot {
        let mut names = self.truth.classes.clone();
        names.push("background".to_owned());
        ConfusionPlot {
            title: format!("Confusion: {title}"),
            names,
            counts: mixed.counts.clone(),
        }
    }

    /// Draws the precision–recall curves and the confusion matrix.
    pub(super) fn plots(&self, folder: &Path, title: &str, mixed: &Confusion) -> Result<Vec<(String, String)>, Error> {
        let mut plots = Vec::new();
        for (name, file, svg) in [
            (
                "precision–recall",
                "precision-recall.svg",
                self.precision_recall(title)?.to_svg()?,
            ),
            (
                "confusion",
                "confusion.svg",
                self.confusion_plot(title, mixed).to_svg()?,
            ),
        ] {
            let path = folder.join(file);
            write_atomic(&path, svg.as_bytes())?;
            plots.push((name.to_owned(), path.display().to_string()));
        }
        Ok(plots)
    }
}
