//! Mistakes as events, each with what it names.
//!
//! The kinds follow the idea of TIDE (Bolya, Foley, Hays and Hoffman, "TIDE: A General Toolbox for Identifying Object Detection
//! Errors", 2020): every detection that is not a true positive has one main cause, and a label that another mistake already
//! explains is not a miss as well. Per image, with the detections that score at least [`EventParams::min_score`]:
//!
//! 1. Detections are matched class by class as COCO does at [`EventParams::iou`]. Those matched to ignored or crowd labels are no
//!    mistakes.
//! 2. A detection left over is, by the first rule that holds,
//!    - a [`EventKind::FalsePositive`] with cause [`Cause::Duplicate`] when its IoU with a label of its class reaches the threshold:
//!      a better-scored detection has that label;
//!    - a [`EventKind::Confusion`] when its IoU with a label of another class reaches the threshold;
//!    - a [`EventKind::PoorLocalisation`] when its IoU with a label of its class reaches [`EventParams::background_iou`];
//!    - a [`EventKind::FalsePositive`] otherwise, with cause [`Cause::OtherClassNearby`] when its IoU with a label of another class
//!      reaches [`EventParams::background_iou`] and [`Cause::Background`] when not.
//! 3. A counted label that is neither matched nor named by a confusion or poor localisation is a [`EventKind::Miss`].
//!
//! TIDE asks for a poor localisation before a confusion; here the better fit is named first, since an exact box with a wrong name
//! is best described by the name. A false positive by cause `background` or `other_class_nearby` names the label it touches most,
//! if any.
//!
//! [`find_events_in_space`] does the same for objects in space, by the distance of their centres.

mod found;
mod space;

use guideway_core::BBox;
use rayon::prelude::*;

use crate::coco::{
    Assignment, CocoParams, DetectionState, Detections, Geometry, GroundTruth, IouType, assign, by_image,
};
use crate::error::EvalError;

pub use found::{FoundInSpace, FoundPart};
pub use space::{SpaceEventParams, find_events_in_space};

/// The kind of a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A detection of nothing, or a second one of the same.
    FalsePositive,
    /// A label that nothing was matched to.
    Miss,
    /// A detection on a label of another class.
    Confusion,
    /// A detection near a label of its class, but not near enough.
    PoorLocalisation,
    /// A tracker takes an object for another one than before. [`find_events`] knows no tracks; it comes from [`Switch`](crate::mot::Switch).
    IdentitySwitch,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::FalsePositive,
        Self::Miss,
        Self::Confusion,
        Self::PoorLocalisation,
        Self::IdentitySwitch,
    ];

    /// Its name in tables: `false_positive`, `miss`, `confusion`, `poor_localisation`, `identity_switch`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FalsePositive => "false_positive",
            Self::Miss => "miss",
            Self::Confusion => "confusion",
            Self::PoorLocalisation => "poor_localisation",
            Self::IdentitySwitch => "identity_switch",
        }
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Why, where something is known. An event can have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The label was detected already, with a higher score.
    Duplicate,
    /// Nothing labelled is near.
    Background,
    /// A label of another class overlaps a little.
    OtherClassNearby,
    /// A detection was matched to the label, or to one that overlaps it, but its score is too low.
    LowScore,
    /// The object is small: area below [`EventParams::small_area`].
    Small,
    /// Another label overlaps the object: IoU of at least [`EventParams::crowded_iou`].
    Crowded,
    /// The object is cut by the border of the image.
    Truncated,
    /// Hardly a lidar or radar point is on the object: fewer than [`SpaceEventParams::few_points`].
    FewPoints,
    /// It was detected, and the tracker has it wrong.
    Tracker,
}

impl Cause {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Background => "background",
            Self::OtherClassNearby => "other_class_nearby",
            Self::LowScore => "low_score",
            Self::Small => "small",
            Self::Crowded => "crowded",
            Self::Truncated => "truncated",
            Self::FewPoints => "few_points",
            Self::Tracker => "tracker",
        }
    }
}

/// A mistake.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Event {
    /// What kind.
    pub kind: EventKind,
    /// Image index; of objects in space, that of their frame.
    pub image: u32,
    /// Row of the label, if one is involved.
    pub label: Option<u32>,
    /// Class of that label.
    pub label_class: Option<u32>,
    /// Row of the detection; none for a miss without a low-scored detection.
    pub detection: Option<u32>,
    /// Class of that detection.
    pub detection_class: Option<u32>,
    /// IoU of the two; none for objects in space.
    pub iou: Option<f64>,
    /// Score of the detection.
    pub score: Option<f64>,
    /// How much it matters, 0 to 1: the score of a wrong detection (clamped); for a miss 1 minus the score of the low-scored
    /// detection that would have found it, 1 without one.
    pub severity: f64,
    /// Why, in the order of [`Cause`].
    pub causes: Vec<Cause>,
}

impl Event {
    /// The causes' names, joined by commas; `None` without any.
    pub fn cause(&self) -> Option<String> {
        let names: Vec<&str> = self.causes.iter().map(|cause| cause.name()).collect();
        (!names.is_empty()).then(|| names.join(","))
    }
}

/// How mistakes are told apart.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EventParams {
    /// IoU from which a detection matches.
    pub iou: f64,
    /// IoU below which a detection has nothing to do with a label.
    pub background_iou: f64,
    /// Detections below this score are no mistakes, and find nothing.
    pub min_score: f64,
    /// Below this area an object is small, px².
    pub small_area: f64,
    /// IoU from which two labels crowd each other.
    pub crowded_iou: f64,
    /// An object is truncated when this much is outside the image, 0 to 1, or its box comes this near to the border.
    pub truncation: f64,
    /// Distance from the border within which a box counts as cut by it, px.
    pub border: f64,
}

impl Default for EventParams {
    fn default() -> Self {
        Self {
            iou: 0.5,
            background_iou: 0.1,
            min_score: 0.3,
            small_area: 1024.0,
            crowded_iou: 0.3,
            truncation: 0.15,
            border: 1.0,
        }
    }
}

/// Every mistake, by image; within an image detections by row, then misses by row of the label.
pub fn find_events(
    truth: &GroundTruth,
    detections: &Detections,
    iou_type: IouType,
    params: &CocoParams,
    event_params: &EventParams,
) -> Result<Vec<Event>, EvalError> {
    let p = event_params;
    if !(p.background_iou > 0.0 && p.background_iou <= p.iou) {
        return Err(EvalError::Parameter {
            parameter: "background_iou",
            problem: format!("{} is not between 0 and the matching IoU {}", p.background_iou, p.iou),
        });
    }
    let matched = assign(truth, detections, iou_type, params, p.iou, p.min_score)?;
    // the same with every score: tells which misses are only a matter of the threshold
    let unlimited = assign(truth, detections, iou_type, params, p.iou, f64::NEG_INFINITY)?;
    let evaluated = |class: u32| params.classes.as_ref().is_none_or(|classes| classes.contains(&class));
    let finder = Finder {
        truth,
        detections,
        geometry: Geometry::new(truth, detections, iou_type),
        params: p,
        class_agnostic: params.class_agnostic,
        matched,
        unlimited,
    };
    let labels = by_image(truth.images, &truth.image, |row| evaluated(truth.class[row]));
    let kept = by_image(truth.images, &detections.image, |row| {
        finder.matched.detection[row] != DetectionState::Dropped
    });
    let events: Vec<Vec<Event>> = labels
        .par_iter()
        .zip(&kept)
        .enumerate()
        .map(|(image, (labels, kept))| finder.image(image as u32, labels, kept))
        .collect();
    Ok(events.concat())
}

struct Finder<'a> {
    truth: &'a GroundTruth,
    detections: &'a Detections,
    geometry: Geometry<'a>,
    params: &'a EventParams,
    class_agnostic: bool,
    matched: Assignment,
    unlimited: Assignment,
}

/// The label that a detection overlaps most, and by how much.
type Best = Option<(u32, f64)>;

impl Finder<'_> {
    fn image(&self, image: u32, labels: &[u32], kept: &[u32]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut explained = vec![];
        for row in kept {
            if self.matched.detection[*row as usize] == DetectionState::Unmatched {
                let event = self.wrong_detection(image, *row, labels);
                if matches!(event.kind, EventKind::Confusion | EventKind::PoorLocalisation) {
                    explained.extend(event.label);
                }
                events.push(event);
            }
        }
        for row in labels {
            let g = *row as usize;
            if self.truth.is_counted(g) && self.matched.label[g].is_none() && !explained.contains(row) {
                events.push(self.miss(image, *row, labels));
            }
        }
        events
    }

    fn wrong_detection(&self, image: u32, row: u32, labels: &[u32]) -> Event {
        let p = self.params;
        let d = row as usize;
        let class = self.detections.class[d];
        let (mut same, mut other): (Best, Best) = (None, None);
        for label in labels {
            let g = *label as usize;
            if !self.truth.is_counted(g) {
                continue;
            }
            let iou = self.geometry.iou(row, *label, false);
            let is_same = self.class_agnostic || self.truth.class[g] == class;
            let best = if is_same { &mut same } else { &mut other };
            if iou > 0.0 && best.is_none_or(|(_, highest)| iou > highest) {
                *best = Some((*label, iou));
            }
        }
        let reaches = |best: Best, limit: f64| best.filter(|(_, iou)| *iou >= limit);
        let mut causes = Vec::new();
        let (kind, named) = if let Some(best) = reaches(same, p.iou) {
            causes.push(Cause::Duplicate);
            (EventKind::FalsePositive, Some(best))
        } else if let Some(best) = reaches(other, p.iou) {
            (EventKind::Confusion, Some(best))
        } else if let Some(best) = reaches(same, p.background_iou) {
            (EventKind::PoorLocalisation, Some(best))
        } else if let Some(best) = reaches(other, p.background_iou) {
            causes.push(Cause::OtherClassNearby);
            (EventKind::FalsePositive, Some(best))
        } else {
            causes.push(Cause::Background);
            let touched = match (same, other) {
                (Some(a), Some(b)) => Some(if b.1 > a.1 { b } else { a }),
                (a, b) => a.or(b),
            };
            (EventKind::FalsePositive, touched)
        };
        if kind == EventKind::FalsePositive {
            self.object_causes(
                self.detections.boxes[d],
                self.detections.area[d],
                image,
                None,
                &mut causes,
            );
        } else if let Some((label, _)) = named {
            self.label_causes(label, image, labels, &mut causes);
        }
        let score = self.detections.score[d];
        Event {
            kind,
            image,
            label: named.map(|(label, _)| label),
            label_class: named.map(|(label, _)| self.truth.class[label as usize]),
            detection: Some(row),
            detection_class: Some(class),
            iou: named.map(|(_, iou)| iou),
            score: Some(score),
            severity: score.clamp(0.0, 1.0),
            causes,
        }
    }

    fn miss(&self, image: u32, label: u32, labels: &[u32]) -> Event {
        let g = label as usize;
        let low = self.unlimited.label[g];
        let mut causes = Vec::new();
        if low.is_some() {
            causes.push(Cause::LowScore);
        }
        self.label_causes(label, image, labels, &mut causes);
        let score = low.map(|d| self.detections.score[d as usize]);
        Event {
            kind: EventKind::Miss,
            image,
            label: Some(label),
            label_class: Some(self.truth.class[g]),
            detection: low,
            detection_class: low.map(|d| self.detections.class[d as usize]),
            iou: low.map(|d| self.geometry.iou(d, label, false)),
            score,
            severity: 1.0 - score.unwrap_or(0.0).clamp(0.0, 1.0),
            causes,
        }
    }

    fn label_causes(&self, label: u32, image: u32, labels: &[u32], causes: &mut Vec<Cause>) {
        let g = label as usize;
        let truncation = self.truth.truncation.as_ref().map(|column| column[g]);
        self.object_causes(self.truth.boxes[g], self.truth.area[g], image, truncation, causes);
        let own = bbox(self.truth.boxes[g]);
        let crowded = labels.iter().any(|other| {
            *other != label && own.iou(bbox(self.truth.boxes[*other as usize])) >= self.params.crowded_iou
        });
        if crowded {
            causes.push(Cause::Crowded);
        }
        causes.sort_unstable();
    }

    fn object_causes(&self, xywh: [f64; 4], area: f64, image: u32, truncation: Option<f64>, causes: &mut Vec<Cause>) {
        if area < self.params.small_area {
            causes.push(Cause::Small);
        }
        let at_border = self.truth.image_size.as_ref().is_some_and(|sizes| {
            let [width, height] = sizes[image as usize];
            let (b, border) = (bbox(xywh), self.params.border);
            b.x_min < border
                || b.y_min < border
                || b.x_max > f64::from(width) - border
                || b.y_max > f64::from(height) - border
        });
        // what the labeler says is better than what the border suggests
        if truncation.map_or(at_border, |fraction| fraction >= self.params.truncation) {
            causes.push(Cause::Truncated);
        }
    }
}

fn bbox([x, y, w, h]: [f64; 4]) -> BBox {
    BBox::from_xywh(x, y, w, h)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use super::*;

    fn events(truth: &GroundTruth, det: &Detections) -> Vec<Event> {
        find_events(
            truth,
            det,
            IouType::Bbox,
            &CocoParams::default(),
            &EventParams::default(),
        )
        .unwrap()
    }

    #[test]
    fn each_rule_has_its_event() {
        let mut truth = GroundTruth::new(2, 2);
        truth.image_size = Some(vec![[1000, 1000]; 2]);
        truth.push(0, 0, [100.0, 100.0, 100.0, 100.0]); // 0: found, and found again
        truth.push(0, 1, [300.0, 100.0, 100.0, 100.0]); // 1: taken for class 0
        truth.push(0, 0, [500.0, 100.0, 100.0, 100.0]); // 2: badly placed
        truth.push(0, 0, [0.0, 700.0, 20.0, 20.0]); // 3: missed; small and at the border
        truth.push(1, 1, [100.0, 100.0, 100.0, 100.0]); // 4: found with too low a score
        let mut det = Detections::default();
        det.push(0, 0, [100.0, 100.0, 100.0, 100.0], 0.9); // right
        det.push(0, 0, [101.0, 100.0, 100.0, 100.0], 0.8);
        det.push(0, 0, [300.0, 100.0, 100.0, 100.0], 0.7);
        det.push(0, 0, [570.0, 100.0, 100.0, 100.0], 0.6);
        det.push(0, 1, [800.0, 800.0, 100.0, 100.0], 0.5);
        det.push(0, 1, [170.0, 100.0, 100.0, 100.0], 0.4); // overlaps label 0 by 30 of 170
        det.push(1, 1, [100.0, 100.0, 100.0, 100.0], 0.1);
        let found: Vec<String> = events(&truth, &det)
            .iter()
            .map(|e| {
                format!(
                    "{} {:?} {:?} {}",
                    e.kind,
                    e.label,
                    e.detection,
                    e.cause().unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                "false_positive Some(0) Some(1) duplicate",
                "confusion Some(1) Some(2) ",
                "poor_localisation Some(2) Some(3) ",
                "false_positive None Some(4) background",
                "false_positive Some(0) Some(5) other_class_nearby",
                "miss Some(3) None small,truncated",
                "miss Some(4) Some(6) low_score",
            ]
        );
    }

    #[test]
    fn ignored_and_crowd_labels_make_no_events() {
        let mut truth = GroundTruth::new(1, 1);
        truth.push(0, 0, [0.0, 0.0, 100.0, 100.0]);
        truth.push(0, 0, [200.0, 0.0, 100.0, 100.0]);
        truth.crowd[0] = true;
        truth.ignore[1] = true;
        let mut det = Detections::default();
        det.push(0, 0, [10.0, 10.0, 20.0, 20.0], 0.9);
        det.push(0, 0, [40.0, 40.0, 20.0, 20.0], 0.9);
        det.push(0, 0, [200.0, 0.0, 100.0, 100.0], 0.9);
        assert_eq!(events(&truth, &det), []);
    }

    #[test]
    fn crowded_labels_say_so() {
        let mut truth = GroundTruth::new(1, 1);
        truth.push(0, 0, [0.0, 0.0, 100.0, 100.0]);
        truth.push(0, 0, [20.0, 0.0, 100.0, 100.0]);
        let found = events(&truth, &Detections::default());
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|e| e.causes == [Cause::Crowded] && e.severity == 1.0));
    }
}
