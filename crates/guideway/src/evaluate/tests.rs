//! Mistakes planted into drives through a world come back, each as one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use guideway_core::BBox;
use guideway_core::report::Silent;
use guideway_eval::coco::{CocoParams, Detections, IouType, match_detections};
use guideway_eval::events::{EventKind, EventParams, SpaceEventParams, find_events};
use guideway_schema::{PredictionRow, TrackRow};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::case::{Case, Truth};
use super::rules::InSpace;
use crate::{FreezeOptions, IngestOptions, RecordOptions, TrackSpace, Workspace, WorldSetup, world_record};

/// One small camera, ten times a second.
const RIG: &str = r#"
[[camera]]
name = "front"
position = [1.6, 0.0, 1.5]
width = 224
height = 128
horizontal_fov_deg = 60.0
rate_hz = 10.0
"#;

/// Drives and what is true in them.
fn truth(dir: &Path) -> (Workspace, Truth) {
    let workspace = driven(dir, 3, 8.0);
    let (dataset, rows) = workspace.dataset_split("drives").unwrap();
    let truth = Truth::new(&workspace, &dataset, &rows, dataset.classes()).unwrap();
    (workspace, truth)
}

/// A workspace with a dataset of drives.
pub(super) fn driven(dir: &Path, drives: u32, seconds: f64) -> Workspace {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/experiments/wide.toml");
    let rig = dir.join("rig.toml");
    std::fs::write(&rig, RIG).unwrap();
    let setup = WorldSetup::read(Some(&config), rig.to_str()).unwrap();
    let options = RecordOptions {
        drives,
        seconds,
        seed: 11,
        out: dir.join("logs"),
        compress: true,
    };
    world_record(&setup, &options, &Silent).unwrap();
    let workspace = Workspace::init(&dir.join("ws")).unwrap();
    let options = IngestOptions {
        with_ground_truth: true,
        ..IngestOptions::default()
    };
    workspace.ingest(&[dir.join("logs")], &options, &Silent).unwrap();
    let options = FreezeOptions {
        sql: "SELECT frame_id FROM frames WHERE modality = 'camera'".to_owned(),
        ..FreezeOptions::default()
    };
    workspace.freeze("drives", &options, &Silent).unwrap();
    workspace
}

/// A planted mistake: kind, recording, track (none for a false alarm), first and last stamp, frames.
type Planted = (&'static str, String, Option<String>, i64, i64, i64);

/// A detector that is always right, but for what is planted.
struct Faulty {
    truth: Truth,
    detections: Detections,
    rows: Vec<PredictionRow>,
    /// Each detection's track.
    tracks: Vec<TrackRow>,
    planted: Vec<Planted>,
}

impl Faulty {
    fn new(truth: Truth, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut faulty = Self {
            truth,
            detections: Detections::default(),
            rows: Vec::new(),
            tracks: Vec::new(),
            planted: Vec::new(),
        };
        let mut of_track: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (row, label) in faulty.truth.labels.iter().enumerate() {
            let frame = &faulty.truth.frames[faulty.truth.arrays.image[row] as usize];
            let track = label.track_id.clone().unwrap();
            of_track
                .entry((frame.recording_id.clone(), track))
                .or_default()
                .push(row);
        }
        let mut missed: BTreeSet<usize> = BTreeSet::new();
        let mut confused: BTreeSet<usize> = BTreeSet::new();
        let mut switched: BTreeSet<usize> = BTreeSet::new();
        for ((recording, track), mut rows) in of_track {
            rows.sort_by_key(|row| faulty.stamp(*row));
            // One mistake of 1 to 30 frames about every other object; not across a second in which it is not seen.
            let from = rng.random_range(0..rows.len());
            let most = (from + rng.random_range(1..30_usize)).min(rows.len());
            let mut to = from + 1;
            while to < most && faulty.stamp(rows[to]) - faulty.stamp(rows[to - 1]) <= 1_000_000_000 {
                to += 1;
            }
            let kind = match rng.random_range(0..4_u32) {
                0 => "miss",
                1 => "confusion",
                2 if from > 0 => {
                    // From here on it is another track.
                    switched.extend(&rows[from..]);
                    let stamp = faulty.stamp(rows[from]);
                    faulty
                        .planted
                        .push(("identity_switch", recording, Some(track), stamp, stamp, 1));
                    continue;
                }
                _ => continue,
            };
            let chosen = &rows[from..to];
            if kind == "miss" {
                missed.extend(chosen);
            } else {
                confused.extend(chosen);
            }
            let (first, last) = (faulty.stamp(rows[from]), faulty.stamp(rows[to - 1]));
            faulty
                .planted
                .push((kind, recording, Some(track), first, last, chosen.len() as i64));
        }
        for row in 0..faulty.truth.labels.len() {
            if missed.contains(&row) {
                continue;
            }
            let [image, class] = [faulty.truth.arrays.image[row], faulty.truth.arrays.class[row]];
            let classes = faulty.truth.classes.len() as u32;
            let track = faulty.truth.labels[row].track_id.clone().unwrap();
            let track = if switched.contains(&row) {
                format!("{track} again")
            } else {
                track
            };
            let detected = if confused.contains(&row) {
                (class + 1) % classes
            } else {
                class
            };
            faulty.detect(image, [detected, class], faulty.truth.arrays.boxes[row], (0.9, track));
        }
        faulty.alarms(&mut rng);
        faulty
    }

    fn stamp(&self, label: usize) -> i64 {
        self.truth.frames[self.truth.arrays.image[label] as usize]
            .timestamp_ns
            .unwrap()
    }

    /// Adds a detection; its track may have another class.
    fn detect(&mut self, image: u32, [class, of_track]: [u32; 2], xywh: [f64; 4], (score, track): (f64, String)) {
        let [x, y, w, h] = xywh;
        let frame = &self.truth.frames[image as usize];
        self.tracks.push(TrackRow {
            track_id: track,
            frame_id: frame.frame_id.clone(),
            recording_id: frame.recording_id.clone(),
            class: self.truth.classes[of_track as usize].clone(),
            score,
            prediction_id: Some(format!("p{}", self.rows.len())),
            x_min: Some(x),
            y_min: Some(y),
            x_max: Some(x + w),
            y_max: Some(y + h),
            ..TrackRow::default()
        });
        self.rows.push(PredictionRow {
            prediction_id: format!("p{}", self.rows.len()),
            frame_id: self.truth.frames[image as usize].frame_id.clone(),
            recording_id: self.truth.frames[image as usize].recording_id.clone(),
            class: self.truth.classes[class as usize].clone(),
            score,
            x_min: x,
            y_min: y,
            x_max: x + w,
            y_max: y + h,
            ..PredictionRow::default()
        });
        self.detections.push(image, class, xywh, score);
    }

    /// Three false alarms in each recording, one after the other, where nothing is labelled.
    fn alarms(&mut self, rng: &mut ChaCha8Rng) {
        let mut images: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (image, frame) in (0..).zip(&self.truth.frames) {
            images.entry(frame.recording_id.clone()).or_default().push(image);
        }
        for (recording, mut images) in images {
            images.sort_by_key(|image| self.truth.frames[*image as usize].timestamp_ns);
            for third in 0..3_usize {
                let start = third * images.len() / 3;
                let span = &images[start..start + rng.random_range(1..10_usize)];
                // A strip of the sky moves a little from frame to frame.
                let is_free = |x: f64, y: f64| {
                    (0..self.truth.labels.len()).all(|row| {
                        let [bx, by, bw, bh] = self.truth.arrays.boxes[row];
                        !span.contains(&self.truth.arrays.image[row])
                            || BBox::from_xywh(bx, by, bw, bh).iou(BBox::from_xywh(x, y, 30.0, 14.0)) < 0.05
                    })
                };
                let place = (0..400)
                    .map(|_| (rng.random_range(0.0..100.0), rng.random_range(0.0..70.0)))
                    .find(|(x, y)| is_free(*x, *y) && is_free(x + 9.0, *y));
                let Some((x, y)) = place else { continue };
                let stamps = span
                    .iter()
                    .map(|image| self.truth.frames[*image as usize].timestamp_ns.unwrap());
                let (first, last) = (stamps.clone().min().unwrap(), stamps.max().unwrap());
                self.planted.push((
                    "false_positive",
                    recording.clone(),
                    None,
                    first,
                    last,
                    span.len() as i64,
                ));
                for (step, image) in span.iter().copied().enumerate() {
                    let track = (0.8, format!("alarm {recording} {third}"));
                    self.detect(image, [0, 0], [x + step as f64, y, 30.0, 14.0], track);
                }
            }
        }
    }
}

#[test]
fn planted_mistakes_come_back_as_one_event_each() {
    let dir = tempfile::tempdir().unwrap();
    let (workspace, truth) = truth(dir.path());
    let Faulty {
        truth,
        detections,
        rows,
        tracks,
        planted,
    } = Faulty::new(truth, 5);
    let params = CocoParams::default();
    let matches = match_detections(&truth.arrays, &detections, IouType::Bbox, &params).unwrap();
    let found = find_events(
        &truth.arrays,
        &detections,
        IouType::Bbox,
        &params,
        &EventParams::default(),
    )
    .unwrap();
    let case = Case {
        truth,
        detections,
        rows,
        matches,
        space: InSpace::default(),
    };
    let mut found = case.wrong(found, &SpaceEventParams::default()).unwrap();
    let tracking = case
        .tracking(("tracks", TrackSpace::Image), &tracks, &case.labelled(), "run")
        .unwrap();
    found.extend(tracking.events);
    let events: Vec<_> = found.iter().map(|wrong| case.event_row(wrong, "run")).collect();
    let over_time = workspace.mistakes(&case, &found, &events, "run").unwrap();
    let mut left: BTreeMap<Planted, i64> = BTreeMap::new();
    let kinds = EventKind::ALL.map(EventKind::name);
    for row in &over_time.rows {
        let kind = kinds.into_iter().find(|kind| *kind == row.kind).unwrap();
        let key = (
            kind,
            row.recording_id.clone(),
            row.track_id.clone(),
            row.start_ns.unwrap(),
            row.end_ns.unwrap(),
            row.frames,
        );
        *left.entry(key).or_default() += 1;
    }
    let exact = planted.iter().filter(|planted| left.get(planted) == Some(&1)).count();
    let by_kind = |kind: &str| planted.iter().filter(|planted| planted.0 == kind).count();
    println!(
        "planted {} ({} misses, {} confusions, {} false alarms, {} identity switches), found as exactly one event {exact}, events in all {}",
        planted.len(),
        by_kind("miss"),
        by_kind("confusion"),
        by_kind("false_positive"),
        by_kind("identity_switch"),
        over_time.rows.len()
    );
    assert!(by_kind("miss") >= 20 && by_kind("confusion") >= 20 && by_kind("false_positive") >= 5);
    assert!(by_kind("identity_switch") >= 15);
    assert_eq!(tracking.report.all.switches, by_kind("identity_switch") as u64);
    // What is detected is tracked at once, and nothing else is.
    assert!(tracking.report.all.hota > 0.8 && tracking.report.all.idf1 > 0.7);
    assert!(exact * 100 >= planted.len() * 98);
    assert!(over_time.rows.len() * 98 <= planted.len() * 100);

    // Objects that are labelled in space are known to be somewhere, and the way is known.
    let missed: Vec<_> = over_time.rows.iter().filter(|row| row.kind == "miss").collect();
    assert!(missed.iter().filter(|row| row.distance_m.is_some()).count() * 2 > missed.len());
    assert!(
        over_time
            .rows
            .iter()
            .all(|row| row.severity > 0.0 && row.severity <= 1.0)
    );
    assert!(over_time.driven.hours > 2.5 * 8.0 / 3600.0 && over_time.driven.hours <= 24.0 / 3600.0);
    assert!(over_time.driven.km.is_some_and(|km| km > 0.0 && km < 1.2));
    let all = over_time.driven.rates.iter().find(|rate| rate.slice == "all").unwrap();
    assert_eq!(all.mistakes, over_time.rows.len() as u64);
    let [lower, upper] = all.per_hour_interval.unwrap();
    assert!(all.per_hour.is_some_and(|rate| lower < rate && rate < upper));
}
