//! What a sensor saw over time: labels and tracks, frame by frame.

use std::collections::BTreeMap;

use guideway_core::{BBox, DVec3, TimeNs};
use guideway_eval::assign::PairMatrix;
use guideway_eval::mot::nuscenes::{CenterBox, CenterFrame, CenterScene};
use guideway_eval::mot::{
    BoxSequence, CenterDistance, ClassRules, Followed, Follower, RuleFilter, Switch, TrackFrame, TrackParams,
    similarities,
};
use guideway_schema::TrackRow;

use super::Labelled;
use crate::error::Error;
use crate::evaluate::case::Case;

/// Distance of two centres on the ground at which they have nothing in common, m: CLEAR matches within half of it.
const NOTHING_IN_COMMON_M: f64 = 4.0;

/// A sensor's frames by time: what [`Follower`] is fed with.
#[derive(Default)]
pub(super) struct Sequence {
    pub(super) name: String,
    pub(super) group: u32,
    /// Index of each frame, by time.
    pub(super) images: Vec<u32>,
    pub(super) stamps: Vec<i64>,
    /// Rows of labels and of tracks in each frame.
    pub(super) labels: Vec<Vec<Seen>>,
    pub(super) tracks: Vec<Vec<Seen>>,
    /// Boxes of labels that do not count.
    pub(super) ignored: Vec<Vec<[f64; 4]>>,
}

/// An object in a frame, on either side.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Row of the label, or of the track.
    pub(super) row: u32,
    pub(super) class: u32,
    /// Number of its identity within the sequence.
    pub(super) identity: u64,
    /// x, y, width and height, px.
    pub(super) bbox: [f64; 4],
    /// In the world, m.
    pub(super) center: DVec3,
    pub(super) score: f64,
}

impl Case {
    /// The frames of each sensor by time, and how many labels have no identity.
    pub(super) fn sequences(&self, rows: &[TrackRow], labelled: &[Labelled]) -> (Vec<Sequence>, u64) {
        let truth = &self.truth;
        let groups = truth.groups();
        let mut images: BTreeMap<(&str, &str), Vec<(i64, u32)>> = BTreeMap::new();
        for (image, frame) in (0..).zip(&truth.frames) {
            if let Some(stamp) = frame.timestamp_ns {
                images
                    .entry((&frame.recording_id, &frame.sensor_id))
                    .or_default()
                    .push((stamp, image));
            }
        }
        let mut labels_of: Vec<Vec<u32>> = vec![Vec::new(); truth.frames.len()];
        for (row, label) in (0..).zip(labelled) {
            labels_of[label.image as usize].push(row);
        }
        let image_of = truth.image_of();
        let class_of: BTreeMap<&str, u32> = truth.classes.iter().map(String::as_str).zip(0..).collect();
        let mut tracks_of: Vec<Vec<u32>> = vec![Vec::new(); truth.frames.len()];
        for (row, track) in (0..).zip(rows) {
            // Where a track coasts nobody saw anything.
            if let (Some(image), true) = (image_of.get(track.frame_id.as_str()), track.prediction_id.is_some()) {
                tracks_of[*image as usize].push(row);
            }
        }
        let mut without_identity = 0;
        let mut sequences = Vec::with_capacity(images.len());
        for ((recording, sensor), mut of_sensor) in images {
            of_sensor.sort_unstable();
            let mut sequence = Sequence {
                name: format!("{recording} {sensor}"),
                group: of_sensor.first().map_or(0, |(_, image)| groups[*image as usize]),
                ..Sequence::default()
            };
            let mut objects: BTreeMap<&str, u64> = BTreeMap::new();
            let mut identities: BTreeMap<&str, u64> = BTreeMap::new();
            for (stamp, image) in of_sensor {
                let (mut labels, mut ignored) = (Vec::new(), Vec::new());
                for row in &labels_of[image as usize] {
                    let label = &labelled[*row as usize];
                    let Some(track) = label.identity.as_deref().filter(|_| label.counts) else {
                        without_identity += u64::from(label.counts);
                        ignored.push(label.bbox);
                        continue;
                    };
                    let next = objects.len() as u64;
                    labels.push(Seen {
                        row: *row,
                        class: label.class,
                        identity: *objects.entry(track).or_insert(next),
                        bbox: label.bbox,
                        center: label.center,
                        score: 0.0,
                    });
                }
                let mut tracks = Vec::new();
                for row in &tracks_of[image as usize] {
                    let track = &rows[*row as usize];
                    // Classes that the dataset does not have are nobody's.
                    let Some(class) = class_of.get(track.class.as_str()) else {
                        continue;
                    };
                    let corner = |value: Option<f64>| value.unwrap_or(0.0);
                    let next = identities.len() as u64;
                    tracks.push(Seen {
                        row: *row,
                        class: *class,
                        identity: *identities.entry(&track.track_id).or_insert(next),
                        bbox: BBox::new(
                            corner(track.x_min),
                            corner(track.y_min),
                            corner(track.x_max),
                            corner(track.y_max),
                        )
                        .to_xywh(),
                        center: match track.cuboid.as_slice() {
                            [x, y, z, ..] => DVec3::new(*x, *y, *z),
                            _ => DVec3::ZERO,
                        },
                        score: track.score,
                    });
                }
                sequence.images.push(image);
                sequence.stamps.push(stamp);
                sequence.labels.push(labels);
                sequence.tracks.push(tracks);
                sequence.ignored.push(ignored);
            }
            sequences.push(sequence);
        }
        // A sensor of which nothing is labelled has nothing to say.
        sequences.retain(|sequence| sequence.labels.iter().any(|labels| !labels.is_empty()));
        (sequences, without_identity)
    }
}

impl Sequence {
    pub(super) fn in_image(&self, class: u32, params: &TrackParams) -> Result<Followed, Error> {
        let mut boxes = BoxSequence {
            name: self.name.clone(),
            frames: self.images.len() as u32,
            ..BoxSequence::default()
        };
        for (frame, ((labels, tracks), ignored)) in (0..).zip(self.labels.iter().zip(&self.tracks).zip(&self.ignored)) {
            for seen in labels {
                boxes
                    .labels
                    .push(frame, seen.identity, i64::from(seen.class), seen.bbox);
            }
            for seen in tracks {
                boxes
                    .tracks
                    .push(frame, seen.identity, i64::from(seen.class), seen.bbox, seen.score);
            }
            boxes.ignored.extend(ignored.iter().map(|region| (frame, *region)));
        }
        let rules = ClassRules {
            class: Some(i64::from(class)),
            predicted: Some(i64::from(class)),
            max_ignored: Some(0.5),
            ..ClassRules::everything("")
        };
        let mut filter = RuleFilter::new(&rules, boxes.format)?;
        let mut follower = Follower::new(params, &self.name)?;
        for ((at, frame), stamp) in boxes.each_frame()?.enumerate().zip(&self.stamps) {
            let place = || format!("frame {at} of {}", self.name);
            follower.push(TimeNs(*stamp), filter.apply(&frame, &place)?)?;
        }
        Ok(follower.finish()?)
    }

    pub(super) fn in_world(&self, class: u32, params: &TrackParams) -> Result<Followed, Error> {
        let mut follower = Follower::new(params, &self.name)?;
        for ((labels, tracks), stamp) in self.labels.iter().zip(&self.tracks).zip(&self.stamps) {
            let side = |seen: &[Seen]| -> (Vec<u64>, Vec<[f64; 2]>) {
                let of_class = seen.iter().filter(|seen| seen.class == class);
                of_class
                    .map(|seen| (seen.identity, [seen.center.x, seen.center.y]))
                    .unzip()
            };
            let ((labels, at), (predictions, where_predicted)) = (side(labels), side(tracks));
            let mut frame = TrackFrame {
                labels,
                predictions,
                similarity: PairMatrix::default(),
            };
            let compare = CenterDistance {
                zero: NOTHING_IN_COMMON_M,
            };
            similarities(&compare, &at, &where_predicted, &mut frame.similarity);
            follower.push(TimeNs(*stamp), frame.view())?;
        }
        Ok(follower.finish()?)
    }

    pub(super) fn scene(&self) -> CenterScene {
        let centers = |seen: &[Seen]| {
            seen.iter()
                .map(|seen| CenterBox {
                    track: seen.identity,
                    class: seen.class,
                    center: seen.center.to_array(),
                    score: seen.score,
                })
                .collect()
        };
        let mut scene: CenterScene = self
            .labels
            .iter()
            .zip(&self.tracks)
            .zip(&self.stamps)
            .map(|((labels, tracks), stamp)| CenterFrame {
                time: *stamp,
                labels: centers(labels),
                predictions: centers(tracks),
            })
            .collect();
        // Of two frames of one moment the sweep takes the first.
        scene.dedup_by_key(|frame| frame.time);
        scene
    }

    /// Rows of the label and of the track where an identity switch shows.
    pub(super) fn switched(&self, switch: &Switch, class: u32) -> Option<(u32, u32)> {
        let at = usize::try_from(switch.frame).ok()?;
        let row = |seen: &[Seen], identity: u64| {
            let of_class = seen
                .iter()
                .find(|seen| seen.class == class && seen.identity == identity);
            of_class.map(|seen| seen.row)
        };
        Some((
            row(self.labels.get(at)?, switch.object)?,
            row(self.tracks.get(at)?, switch.to)?,
        ))
    }
}
