//! What a frame comes down to for one class: who can be whose. Overlaps are computed here, once for all levels.

use guideway_core::{BBox, BevBox};

use super::arrays::{Detection, Label, Object, Role};
use super::params::MinOverlap;

/// Image, ground, volume: the three kinds of overlap.
pub(super) const KINDS: usize = 3;

/// A label of the class or of a neighbour.
#[derive(Debug, Clone, Copy)]
pub(super) struct LabelCase {
    pub(super) height: f64,
    pub(super) truncation: f64,
    pub(super) occlusion: i32,
    pub(super) alpha: f64,
    /// Of the class itself, not of a neighbour.
    pub(super) same: bool,
}

/// A detection that can play a role.
#[derive(Debug, Clone, Copy)]
pub(super) struct DetectionCase {
    pub(super) score: f64,
    /// In whole pixels.
    pub(super) height: f64,
    pub(super) alpha: f64,
    /// Of the class itself: others are there because they are so small that some level ignores them.
    pub(super) same: bool,
}

/// Who overlaps by more than the minimum.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// Where the pairs of each label begin, and where the last ones end.
    starts: Vec<usize>,
    /// Detection and overlap, in the order of labels, then detections.
    overlapping: Vec<(u32, f64)>,
    /// Is the detection in a `DontCare` area?
    pub(super) swallowed: Vec<bool>,
}

impl Pairs {
    pub(super) fn of(&self, label: usize) -> &[(u32, f64)] {
        &self.overlapping[self.starts[label]..self.starts[label + 1]]
    }

    /// Which of so many detections could take a label at all.
    pub(super) fn paired(&self, detections: usize) -> Vec<bool> {
        let mut paired = vec![false; detections];
        for (d, _) in &self.overlapping {
            paired[*d as usize] = true;
        }
        paired
    }
}

/// A frame, for one class.
#[derive(Debug, Default)]
pub(super) struct FrameCase {
    pub(super) labels: Vec<LabelCase>,
    pub(super) detections: Vec<DetectionCase>,
    pub(super) pairs: [Pairs; KINDS],
}

/// The geometry of a row.
struct Shape {
    bbox: BBox,
    bev: BevBox,
    bev_area: f64,
    /// From the lower to the upper y: the top of the box is the lower one.
    span: [f64; 2],
    volume: f64,
}

impl Shape {
    fn new(object: &Object) -> Self {
        let [height, width, length] = object.dimensions;
        let [x, y, z] = object.location;
        // Both signs turned is half a turn, so the rectangle stays; one alone leaves it inside out, which `BevBox` takes as flat.
        let (length, width) = if length < 0.0 && width < 0.0 {
            (-length, -width)
        } else {
            (length, width)
        };
        let bev = BevBox {
            center: [x, z],
            length,
            width,
            yaw: -object.rotation_y,
        };
        Self {
            bbox: object.bbox,
            bev,
            bev_area: bev.area(),
            span: [y - height, y],
            volume: bev.area() * height,
        }
    }

    /// Area on the ground, and volume, that both cover.
    fn shared(&self, other: &Self) -> [f64; 2] {
        let area = self.bev.intersection_area(&other.bev);
        let tall = self.span[1].min(other.span[1]) - self.span[0].max(other.span[0]);
        [area, area * tall.max(0.0)]
    }
}

/// Which kinds are wanted.
pub(super) type Wanted = [bool; KINDS];

/// Intersection over union in the image, on the ground, in space. Where nothing is shared it is 0, whatever the union is.
fn overlaps(a: &Shape, b: &Shape, wanted: Wanted) -> [f64; KINDS] {
    let image = if wanted[0] { a.bbox.iou(b.bbox) } else { 0.0 };
    if !wanted[1] && !wanted[2] {
        return [image, 0.0, 0.0];
    }
    let [area, volume] = a.shared(b);
    [
        image,
        ratio(area, a.bev_area + b.bev_area - area),
        ratio(volume, a.volume + b.volume - volume),
    ]
}

/// The part of a detection that lies in an area.
fn covered(detection: &Shape, area: &Shape, wanted: Wanted) -> [f64; KINDS] {
    let image = if wanted[0] {
        ratio(detection.bbox.intersection_area(area.bbox), detection.bbox.area())
    } else {
        0.0
    };
    if !wanted[1] && !wanted[2] {
        return [image, 0.0, 0.0];
    }
    let [ground, volume] = detection.shared(area);
    [
        image,
        ratio(ground, detection.bev_area),
        ratio(volume, detection.volume),
    ]
}

fn ratio(part: f64, whole: f64) -> f64 {
    if part > 0.0 { part / whole } else { 0.0 }
}

/// Of a label and its role, of a detection and its role.
pub(super) type Row<'a, T> = (&'a T, Role);

/// The case of one frame. `tallest` is the largest minimum height of all levels, px.
pub(super) fn frame_case<'a>(
    labels: impl Iterator<Item = Row<'a, Label>>,
    detections: impl Iterator<Item = Row<'a, Detection>>,
    min_overlap: MinOverlap,
    wanted: Wanted,
    tallest: f64,
) -> FrameCase {
    let least = [min_overlap.image, min_overlap.ground, min_overlap.volume];
    let mut case = FrameCase::default();
    let mut shapes = Vec::new();
    for (detection, role) in detections {
        let object = &detection.object;
        let one = DetectionCase {
            score: detection.score,
            height: object.bbox.height().abs().trunc(),
            alpha: object.alpha,
            same: role == Role::Same,
        };
        if one.same || one.height < tallest {
            case.detections.push(one);
            shapes.push(Shape::new(object));
        }
    }
    for (pairs, wanted) in case.pairs.iter_mut().zip(wanted) {
        if wanted {
            pairs.starts.push(0);
            pairs.swallowed.resize(shapes.len(), false);
        }
    }
    for (label, role) in labels {
        let object = &label.object;
        if role == Role::DontCare {
            let area = Shape::new(object);
            for (d, shape) in shapes.iter().enumerate().filter(|(d, _)| case.detections[*d].same) {
                let covered = covered(shape, &area, wanted);
                for kind in (0..KINDS).filter(|kind| wanted[*kind]) {
                    case.pairs[kind].swallowed[d] |= covered[kind] > least[kind];
                }
            }
        }
        if role == Role::DontCare || role == Role::Other {
            continue;
        }
        case.labels.push(LabelCase {
            height: object.bbox.height(),
            truncation: label.truncation,
            occlusion: label.occlusion,
            alpha: object.alpha,
            same: role == Role::Same,
        });
        let own = Shape::new(object);
        for (d, shape) in shapes.iter().enumerate() {
            let overlaps = overlaps(shape, &own, wanted);
            for kind in (0..KINDS).filter(|kind| wanted[*kind]) {
                if overlaps[kind] > least[kind] {
                    case.pairs[kind].overlapping.push((d as u32, overlaps[kind]));
                }
            }
        }
        for (pairs, wanted) in case.pairs.iter_mut().zip(wanted) {
            if wanted {
                pairs.starts.push(pairs.overlapping.len());
            }
        }
    }
    case
}
