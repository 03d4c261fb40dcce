//! Where something is as a sensor sees it, and what stands in front of it.

use guideway_core::{BBox, Cuboid};

use crate::input::View;

/// Where something is in the image, around the vehicle, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Place {
    pub(crate) bbox: Option<BBox>,
    /// Direction and half of the angle that it fills, seen from the vehicle, radians.
    pub(crate) span: Option<(f64, f64)>,
    /// Distance from the vehicle, m.
    pub(crate) range: Option<f64>,
}

impl Place {
    pub(crate) fn new(bbox: Option<BBox>, in_ego: Option<&Cuboid>) -> Self {
        let range = in_ego.map(|cuboid| cuboid.center.truncate().length());
        let span = in_ego.zip(range).map(|(cuboid, range)| {
            let half_size = 0.25 * (cuboid.length + cuboid.width);
            (
                cuboid.center.y.atan2(cuboid.center.x),
                half_size.atan2(range.max(half_size)),
            )
        });
        Self { bbox, span, range }
    }

    /// Between two sightings, at a share of the way from the first to the second.
    pub(crate) fn between(a: &Self, b: &Self, share: f64) -> Self {
        let mix = |x: f64, y: f64| x + share * (y - x);
        Self {
            bbox: a.bbox.zip(b.bbox).map(|(a, b)| {
                BBox::new(
                    mix(a.x_min, b.x_min),
                    mix(a.y_min, b.y_min),
                    mix(a.x_max, b.x_max),
                    mix(a.y_max, b.y_max),
                )
            }),
            span: a
                .span
                .zip(b.span)
                .map(|(a, b)| (a.0 + share * turn(a.0, b.0), mix(a.1, b.1))),
            range: a.range.zip(b.range).map(|(a, b)| mix(a, b)),
        }
    }

    /// Is `other` not clearly behind this?
    fn not_behind(&self, other: &Self) -> bool {
        if let (Some(mine), Some(theirs)) = (self.range, other.range) {
            return theirs < mine;
        }
        match (self.bbox, other.bbox) {
            // On even ground, what is nearer reaches further down in the image.
            (Some(mine), Some(theirs)) => theirs.y_max >= mine.y_max - 0.1 * mine.height(),
            _ => false,
        }
    }

    /// The part of this that nearer things cover, 0..=1: of its box, or of the angle that it fills where there is no box.
    pub(crate) fn covered<'a>(&self, others: impl Iterator<Item = &'a Self>) -> f64 {
        let mut sum = 0.0;
        for other in others.filter(|other| self.not_behind(other)) {
            sum += match (self.bbox, other.bbox, self.span, other.span) {
                (Some(mine), Some(theirs), ..) => mine.intersection_area(theirs) / mine.area().max(1e-9),
                (None, _, Some(mine), Some(theirs)) => {
                    let apart = turn(mine.0, theirs.0).abs();
                    let overlap = (mine.1 + theirs.1 - apart).min(2.0 * mine.1.min(theirs.1));
                    overlap.max(0.0) / (2.0 * mine.1).max(1e-9)
                }
                _ => 0.0,
            };
        }
        sum.min(1.0)
    }

    /// Could this have come from behind `other`, which is within `clearance` of its widths?
    pub(crate) fn comes_from_behind(&self, other: &Self, clearance: f64) -> bool {
        if !self.not_behind(other) {
            return false;
        }
        match (self.bbox, other.bbox, self.span, other.span) {
            (Some(mine), Some(theirs), ..) => grown(mine, clearance).intersection_area(theirs) > 0.0,
            (None, _, Some(mine), Some(theirs)) => {
                turn(mine.0, theirs.0).abs() < mine.1 * (1.0 + 2.0 * clearance) + theirs.1
            }
            _ => false,
        }
    }

    /// Was this already there as `other`, under another name perhaps?
    pub(crate) fn same_as(&self, other: &Self, iou: f64) -> bool {
        match (self.bbox, other.bbox, self.span, other.span) {
            (Some(mine), Some(theirs), ..) => mine.iou(theirs) >= iou,
            (None, _, Some(mine), Some(theirs)) => {
                let near = self.range.zip(other.range).is_some_and(|(a, b)| (a - b).abs() < 3.0);
                near && turn(mine.0, theirs.0).abs() < mine.1.max(theirs.1)
            }
            _ => false,
        }
    }

    /// Is its box cut by the border of the image, or nearer to it than this, px?
    pub(crate) fn at_border(&self, view: View, border: f64) -> bool {
        match (self.bbox, view) {
            (Some(bbox), View::Image { width, height }) => {
                bbox.x_min < border
                    || bbox.y_min < border
                    || bbox.x_max > width - border
                    || bbox.y_max > height - border
            }
            _ => false,
        }
    }

    /// Is it nearer to the left, right or lower border than `widths` of its own widths?
    pub(crate) fn near_sides(&self, view: View, widths: f64) -> bool {
        match (self.bbox, view) {
            (Some(bbox), View::Image { width, height }) => {
                let margin = widths * bbox.width();
                bbox.x_min < margin || bbox.x_max > width - margin || bbox.y_max > height - 1.0
            }
            _ => false,
        }
    }
}

/// The box wider and higher by this share of its width on each side.
fn grown(bbox: BBox, share: f64) -> BBox {
    let by = share * bbox.width();
    BBox::new(bbox.x_min - by, bbox.y_min - by, bbox.x_max + by, bbox.y_max + by)
}

/// From one direction to another the short way, radians in -π..=π.
pub(crate) fn turn(from: f64, to: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    let d = (to - from).rem_euclid(TAU);
    if d > PI { d - TAU } else { d }
}

#[cfg(test)]
mod tests {
    use guideway_core::{DVec3, Se3};

    use super::*;

    fn boxed(x: f64, y: f64, w: f64, h: f64) -> Place {
        Place::new(Some(BBox::from_xywh(x, y, w, h)), None)
    }

    fn around(x: f64, y: f64) -> Place {
        let pose = Se3::from_yaw(0.0, DVec3::new(x, y, 0.0)).unwrap();
        Place::new(None, Some(&Cuboid::new(pose, [4.0, 2.0, 1.5]).unwrap()))
    }

    #[test]
    fn only_what_is_nearer_covers() {
        let far = boxed(100.0, 100.0, 40.0, 40.0);
        let near = boxed(120.0, 100.0, 80.0, 80.0);
        assert_eq!(far.covered([near].iter()), 0.5);
        assert_eq!(near.covered([far].iter()), 0.0);
        let (far, near) = (around(30.0, 0.5), around(10.0, 0.0));
        assert!(far.covered([near].iter()) > 0.9);
        assert_eq!(near.covered([far].iter()), 0.0);
        assert_eq!(around(30.0, 20.0).covered([near].iter()), 0.0);
    }

    #[test]
    fn directions_meet_behind_the_vehicle() {
        assert!((turn(3.1, -3.1) - 0.083).abs() < 1e-3);
        let (far, near) = (around(-30.0, 0.3), around(-10.0, -0.3));
        assert!(far.covered([near].iter()) > 0.9);
        assert!(far.comes_from_behind(&near, 0.5));
    }
}
