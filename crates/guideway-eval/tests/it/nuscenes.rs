//! Against nuscenes-devkit 1.2.0, against a plain twin, and what files can have wrong with them.

use std::error::Error as _;
use std::path::Path;
use std::sync::Mutex;

use guideway_core::{Cuboid, DVec3, Hint as _, Reporter, Se3, Silent, Task, Warning};
use guideway_eval::EvalError;
use guideway_eval::bootstrap::{BootstrapParams, intervals_of};
use guideway_eval::nuscenes::files::{evaluate, read_database, read_split, read_submission};
use guideway_eval::nuscenes::{Matches, NuScenesParams, TpMetric, match_detections};
use guideway_eval::objects3d::{Detections3d, Keep, Slice, Truth3d, bins};
use guideway_testkit::{Compared, cases, json};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

fn check_case(case: &Path, compared: &mut Compared) {
    let expected = json(&case.join("expected.json"));
    let config: NuScenesParams = serde_json::from_value(expected["summary"]["cfg"].clone()).unwrap();
    let params = NuScenesParams::default();
    assert_eq!(
        NuScenesParams {
            class_range: params.class_range.clone(),
            ..config.clone()
        },
        params
    );
    for (name, range) in params.class_range.iter() {
        assert_eq!(config.class_range.get(name), Some(range));
    }

    let folder = case.join("v1.0-synth");
    let scenes = read_split(&folder.join("splits.json"), "synth_all").unwrap();
    let database = read_database(&folder, Some(&scenes), &params, &Silent).unwrap();
    let truth = database.truth(&params, &Silent).unwrap();
    let submission = read_submission(&case.join("predictions.json"), &truth, &params, &Silent).unwrap();
    let (report, _) = evaluate(&truth, &submission, &params).unwrap();

    // through JSON, so that names and nesting are those of the devkit
    let got: Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    let name = case.display().to_string();
    for part in ["before_filter", "after_filter"] {
        compared.all(&format!("{name}: {part}"), &got[part], &expected[part]);
    }
    let mut summary = expected["summary"].clone();
    for other in ["cfg", "eval_time"] {
        summary.as_object_mut().unwrap().remove(other);
    }
    compared.all(&format!("{name}: summary"), &got["summary"], &summary);

    for check in expected["box_velocity_check"].as_array().unwrap() {
        let token = check["token"].as_str().unwrap();
        let row = database.token.iter().position(|known| known == token).unwrap();
        for (axis, expected) in check["velocity"].as_array().unwrap().iter().enumerate() {
            let got = Some(database.velocity[row][axis]).filter(|v| !v.is_nan());
            compared.number(&format!("{name}: velocity of {token}"), got, expected.as_f64());
        }
    }
}

#[test]
fn every_case_equals_nuscenes_devkit() {
    let Some(cases) = cases("ref_nuscenes_det/visible") else {
        return;
    };
    assert!(cases.len() >= 3);
    let mut compared = Compared::within(TOLERANCE);
    for case in &cases {
        check_case(case, &mut compared);
    }
    compared.finish(501);
}

/// Labels and noisy detections of them on a few frames, with ties, unknown velocities, missing attributes and empty boxes.
pub(crate) fn scene(seed: u64, frames: u32, classes: u32) -> (Truth3d, Detections3d) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut ego = Vec::new();
    for frame in 0..frames {
        ego.push(DVec3::new(
            1000.0 + 5.0 * f64::from(frame),
            -300.0,
            rng.random_range(-1.0..1.0),
        ));
    }
    let mut truth = Truth3d::new(ego, classes);
    let mut detections = Detections3d::default();
    let cuboid = |rng: &mut ChaCha8Rng, center: DVec3, spread: f64| {
        let size = [4.0, 2.0, 1.5].map(|s: f64| s * rng.random_range(1.0 - spread..1.0 + spread));
        let yaw = rng.random_range(-3.2..3.2);
        Cuboid::new(Se3::from_yaw(yaw, center).unwrap(), size).unwrap()
    };
    for frame in 0..frames {
        for _ in 0..rng.random_range(0..8_u32) {
            let class = rng.random_range(0..classes);
            let away = DVec3::new(rng.random_range(-45.0..45.0), rng.random_range(-45.0..45.0), 0.0);
            let center = truth.ego[frame as usize] + away;
            let row = truth.len();
            truth.push(frame, class, cuboid(&mut rng, center, 0.2));
            if rng.random_bool(0.8) {
                truth.velocity[row] = [rng.random_range(-9.0..9.0), rng.random_range(-9.0..9.0)];
            }
            truth.attribute[row] = rng.random_bool(0.7).then(|| rng.random_range(0..3_u32));
            truth.points[row] = Some(rng.random_range(0..10_u32));
            for _ in 0..rng.random_range(0..4_u32) {
                let noise = DVec3::new(
                    rng.random_range(-2.0..2.0),
                    rng.random_range(-2.0..2.0),
                    rng.random_range(-0.5..0.5),
                );
                let class = if rng.random_bool(0.1) {
                    rng.random_range(0..classes)
                } else {
                    class
                };
                let row = detections.len();
                // one decimal: many ties, and zeros
                let score = f64::from(rng.random_range(0..=10_u32)) / 10.0;
                detections.push(frame, class, cuboid(&mut rng, center + noise, 0.2), score);
                if rng.random_bool(0.9) {
                    detections.velocity[row] = [rng.random_range(-9.0..9.0), rng.random_range(-9.0..9.0)];
                }
                detections.attribute[row] = rng.random_bool(0.7).then(|| rng.random_range(0..3_u32));
            }
        }
    }
    (truth, detections)
}

fn params() -> NuScenesParams {
    NuScenesParams {
        class_range: [("car", 50.0), ("barrier", 30.0), ("traffic_cone", 40.0)]
            .into_iter()
            .collect(),
        ..NuScenesParams::default()
    }
}

fn run(truth: &Truth3d, detections: &Detections3d) -> Matches {
    match_detections(truth, detections, &Keep::default(), &params()).unwrap()
}

/// The recalls of both benchmarks, with the rounding of `numpy.linspace`: some lie on the recall of a detection.
pub(crate) fn recall_at(percent: u32) -> f64 {
    if percent == 100 { 1.0 } else { f64::from(percent) * 0.01 }
}

/// The rules as they are told, with one pass over the whole set per threshold: AP, and the errors in the order of reports.
fn plain(
    truth: &Truth3d,
    detections: &Detections3d,
    class: u32,
    limit: f64,
    range: f64,
    period: f64,
) -> (f64, [f64; 5]) {
    let away = |frame: u32, c: &Cuboid| (c.center - truth.ego[frame as usize]).truncate().length();
    let is_label = |row: &usize| {
        truth.class[*row] == class
            && away(truth.frame[*row], &truth.cuboid[*row]) < range
            && truth.points[*row] != Some(0)
    };
    let labels: Vec<usize> = (0..truth.len()).filter(is_label).collect();
    let mut rows: Vec<usize> = (0..detections.len())
        .filter(|row| detections.class[*row] == class)
        .filter(|row| away(detections.frame[*row], &detections.cuboid[*row]) < range)
        .collect();
    rows.sort_by(|a, b| detections.score[*a].total_cmp(&detections.score[*b]).then(a.cmp(b)));
    rows.reverse();
    let mut taken = vec![false; truth.len()];
    let (mut precision, mut recall, mut score, mut hits) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
    let mut errors: Vec<(f64, [f64; 5])> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let (d, mut nearest, mut least) = (&detections.cuboid[*row], None, f64::INFINITY);
        for label in &labels {
            let apart = (d.center - truth.cuboid[*label].center).truncate().length();
            if truth.frame[*label] == detections.frame[*row] && !taken[*label] && apart < least {
                (nearest, least) = (Some(*label), apart);
            }
        }
        if let Some(label) = nearest.filter(|_| least < limit) {
            taken[label] = true;
            hits += 1.0;
            let g = &truth.cuboid[label];
            let both = g.length.min(d.length) * g.width.min(d.width) * g.height.min(d.height);
            let mut turn = (g.yaw() - d.yaw()).abs() % period;
            turn = turn.min(period - turn);
            let (v, w) = (truth.velocity[label], detections.velocity[*row]);
            errors.push((
                detections.score[*row],
                [
                    least,
                    1.0 - both / (g.volume() + d.volume() - both),
                    turn,
                    (v[0] - w[0]).hypot(v[1] - w[1]),
                    match truth.attribute[label] {
                        None => f64::NAN,
                        some if some == detections.attribute[*row] => 0.0,
                        _ => 1.0,
                    },
                ],
            ));
        }
        precision.push(hits / (place + 1) as f64);
        recall.push(hits / labels.len() as f64);
        score.push(detections.score[*row]);
    }
    if errors.is_empty() {
        return (0.0, [1.0; 5]);
    }
    // the last point at or before x, and the next one
    let line = |x: f64, xs: &[f64], ys: &[f64], right: f64| {
        let at = (0..xs.len()).rev().find(|i| xs[*i] <= x);
        match at {
            None => ys[0],
            Some(last) if last + 1 == xs.len() => {
                if x > xs[last] {
                    right
                } else {
                    ys[last]
                }
            }
            Some(i) => ys[i] + (x - xs[i]) * (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i]),
        }
    };
    let at = |ys: &[f64]| -> Vec<f64> { (0..=100).map(|i| line(recall_at(i), &recall, ys, 0.0)).collect() };
    let (sampled, confidence) = (at(&precision), at(&score));
    let ap = sampled[11..].iter().map(|p| (p - 0.1).max(0.0)).sum::<f64>() / 90.0 / 0.9;
    let last = (0..=100).rev().find(|i| confidence[*i] != 0.0).unwrap_or(0);
    if last < 11 {
        return (ap, [1.0; 5]);
    }
    let mut means = [0.0; 5];
    for (metric, mean) in means.iter_mut().enumerate() {
        let known: Vec<f64> = errors.iter().map(|e| e.1[metric]).collect();
        let running: Vec<f64> = (1..=known.len())
            .map(|n| {
                let known: Vec<f64> = known[..n].iter().copied().filter(|e| !e.is_nan()).collect();
                if known.is_empty() {
                    0.0
                } else {
                    known.iter().sum::<f64>() / known.len() as f64
                }
            })
            .collect();
        let running = if known.iter().all(|e| e.is_nan()) {
            vec![1.0; known.len()]
        } else {
            running
        };
        let xs: Vec<f64> = errors.iter().rev().map(|e| e.0).collect();
        let ys: Vec<f64> = running.iter().rev().copied().collect();
        let end = ys[ys.len() - 1];
        *mean = confidence[11..=last]
            .iter()
            .map(|c| line(*c, &xs, &ys, end))
            .sum::<f64>()
            / (last - 10) as f64;
    }
    (ap, means)
}

/// The rows of some frames, under the same numbers of frames.
pub(crate) fn only(truth: &Truth3d, detections: &Detections3d, frames: &[bool]) -> (Truth3d, Detections3d) {
    let mut t = Truth3d::new(truth.ego.clone(), truth.classes);
    for row in 0..truth.len() {
        if frames[truth.frame[row] as usize] {
            let place = t.len();
            t.push(truth.frame[row], truth.class[row], truth.cuboid[row]);
            t.velocity[place] = truth.velocity[row];
            t.attribute[place] = truth.attribute[row];
            t.points[place] = truth.points[row];
        }
    }
    let mut d = Detections3d::default();
    for row in 0..detections.len() {
        if frames[detections.frame[row] as usize] {
            let place = d.len();
            d.push(
                detections.frame[row],
                detections.class[row],
                detections.cuboid[row],
                detections.score[row],
            );
            d.velocity[place] = detections.velocity[row];
            d.attribute[place] = detections.attribute[row];
        }
    }
    (t, d)
}

/// Each frame so many times, copy after copy.
pub(crate) fn repeated(truth: &Truth3d, detections: &Detections3d, times: &[u32]) -> (Truth3d, Detections3d) {
    let mut first = Vec::new();
    let mut ego = Vec::new();
    for (frame, times) in times.iter().enumerate() {
        first.push(ego.len() as u32);
        ego.extend(std::iter::repeat_n(truth.ego[frame], *times as usize));
    }
    let first = first.as_slice();
    let copies = |frame: u32| (0..times[frame as usize]).map(move |copy| first[frame as usize] + copy);
    let (mut t, mut d) = (Truth3d::new(ego, truth.classes), Detections3d::default());
    for row in 0..truth.len() {
        for frame in copies(truth.frame[row]) {
            let place = t.len();
            t.push(frame, truth.class[row], truth.cuboid[row]);
            t.velocity[place] = truth.velocity[row];
            t.attribute[place] = truth.attribute[row];
            t.points[place] = truth.points[row];
        }
    }
    for row in 0..detections.len() {
        for frame in copies(detections.frame[row]) {
            let place = d.len();
            d.push(
                frame,
                detections.class[row],
                detections.cuboid[row],
                detections.score[row],
            );
            d.velocity[place] = detections.velocity[row];
            d.attribute[place] = detections.attribute[row];
        }
    }
    (t, d)
}

/// The same computation on this many threads.
pub(crate) fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(f)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_plain_twin_finds_the_same(seed in any::<u64>()) {
        let (truth, detections) = scene(seed, 6, 3);
        let report = run(&truth, &detections).report();
        let params = params();
        for ((name, range), class) in params.class_range.iter().zip(0..) {
            let period = if name == "barrier" { std::f64::consts::PI } else { std::f64::consts::TAU };
            for limit in &params.dist_ths {
                let (ap, errors) = plain(&truth, &detections, class, *limit, *range, period);
                let got = report.label_aps.get(name).unwrap().get(&format!("{limit:?}")).unwrap();
                prop_assert!((got - ap).abs() < 1e-12, "{name} {limit}: {got} {ap}");
                if (*limit - params.dist_th_tp).abs() > 0.0 {
                    continue;
                }
                for (metric, error) in TpMetric::ALL.into_iter().zip(errors) {
                    let got = report.label_tp_errors.get(name).unwrap().get(metric.name()).unwrap();
                    let undefined = params.undefined_errors.get(name).is_some_and(|u| u.contains(&metric));
                    prop_assert_eq!(got.is_none(), undefined);
                    if let Some(got) = got {
                        prop_assert!((got - error).abs() < 1e-9, "{name} {metric:?}: {got} {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_slice_of_frames_is_an_evaluation_of_them(seed in any::<u64>(), mask in prop::collection::vec(any::<bool>(), 6)) {
        let (truth, detections) = scene(seed, 6, 3);
        let slices = [Slice::new("some").frames(mask.clone()), Slice::new("all")];
        let matches = run(&truth, &detections);
        let reports = matches.evaluate_slices(&slices).unwrap();
        let (few, found) = only(&truth, &detections, &mask);
        prop_assert_eq!(&reports[0].report, &run(&few, &found).report());
        prop_assert_eq!(&reports[1].report, &matches.report());
    }

    #[test]
    fn a_matching_within_a_slice_says_the_same_of_its_draws(
        seed in any::<u64>(),
        times in prop::collection::vec(0..4_u32, 6),
        frames in prop::option::of(prop::collection::vec(any::<bool>(), 6)),
        every in 1..4_usize,
    ) {
        let (truth, detections) = scene(seed, 6, 3);
        let matches = run(&truth, &detections);
        let slice = Slice {
            labels: Some((0..truth.len()).map(|row| row % every == 0).collect()),
            detections: Some((0..detections.len()).map(|row| row % 2 == 0).collect()),
            frames,
            ..Slice::new("some")
        };
        let within = matches.within(&slice).unwrap();
        prop_assert!(within.rows.detections() <= matches.rows.detections());
        for part in [slice.clone(), slice.times(times)] {
            // to the bit, where a class without labels has no number
            let [own, all] = [&within, &matches].map(|matches| format!("{:?}", matches.report_of_part(&part).unwrap()));
            prop_assert_eq!(own, all);
        }
    }

    #[test]
    fn frames_that_count_so_many_times_are_copies(seed in any::<u64>(), times in prop::collection::vec(0..4_u32, 6)) {
        let (truth, detections) = scene(seed, 6, 3);
        let matches = run(&truth, &detections);
        let mask: Vec<bool> = times.iter().map(|times| *times > 0).collect();
        let slices = [
            Slice::new("ones").times(vec![1; 6]),
            Slice::new("flags").times(mask.iter().map(|is_in| u32::from(*is_in)).collect()),
            Slice::new("mask").frames(mask),
            Slice::new("times").times(times.clone()),
            Slice::new("twice").times(vec![2; 6]),
        ];
        let reports = matches.evaluate_slices(&slices).unwrap();
        prop_assert_eq!(&reports[0].report, &matches.report());
        prop_assert_eq!(&reports[1].report, &reports[2].report);
        prop_assert_eq!(reports[1].labels, reports[2].labels);
        for (report, times) in [(&reports[3], times.clone()), (&reports[4], vec![2; 6])] {
            let (truth, detections) = repeated(&truth, &detections, &times);
            let copied = run(&truth, &detections);
            prop_assert_eq!(report.labels, copied.rows.labels());
            prop_assert_eq!(&report.report, &copied.report());
        }
        // a draw has the same numbers, without the classes that it lost
        let drawn = matches.report_of_draw(&times).unwrap();
        let whole = &reports[3].report;
        for (name, class) in params().class_range.names().zip(&matches.rows.per_class) {
            let lost = !class.label.is_empty() && class.positives(&slices[3]) == 0;
            let expected = whole.mean_dist_aps.get(name).filter(|_| !lost);
            prop_assert_eq!(drawn.mean_dist_aps.get(name), expected);
            prop_assert_eq!(drawn.label_tp_errors.get(name).is_some(), !lost);
        }
        let known: Vec<f64> = drawn.mean_dist_aps.values().copied().collect();
        if !known.is_empty() {
            prop_assert!((drawn.mean_ap - known.iter().sum::<f64>() / known.len() as f64).abs() < 1e-12);
        }
    }

    #[test]
    fn slices_of_a_partition_share_nothing(seed in any::<u64>()) {
        let (truth, detections) = scene(seed, 8, 3);
        let matches = run(&truth, &detections);
        let parts = bins("range_m", &[0.0, 15.0, 30.0, f64::INFINITY], &truth.range_xy(), &detections.range_xy(&truth));
        let reports = matches.evaluate_slices(&parts).unwrap();
        prop_assert_eq!(reports.iter().map(|r| r.labels).sum::<u64>(), matches.rows.labels());
        for class in &matches.rows.per_class {
            for threshold in 0..4 {
                let all: Vec<_> = class.ranked(threshold, &Slice::default()).collect();
                let mut shared: Vec<_> = parts.iter().flat_map(|part| class.ranked(threshold, part)).collect();
                shared.sort_unstable();
                prop_assert_eq!(&shared, &all);
            }
        }
        // one to one
        for threshold in 0..4 {
            let pairs = matches.rows.assignment(threshold);
            for (label, detection) in pairs.label.iter().enumerate() {
                if let Some(detection) = detection {
                    prop_assert_eq!(pairs.detection[*detection as usize], Some(label as u32));
                    prop_assert!(pairs.label_kept[label] && pairs.detection_kept[*detection as usize]);
                }
            }
            let hits = pairs.detection.iter().flatten().count();
            prop_assert_eq!(pairs.label.iter().flatten().count(), hits);
        }
    }

    #[test]
    fn threads_and_places_do_not_matter(seed in any::<u64>()) {
        let (truth, detections) = scene(seed, 30, 3);
        let matches = run(&truth, &detections);
        for threads in [1, 3] {
            let other = on_threads(threads, || run(&truth, &detections));
            prop_assert_eq!(format!("{:?}", other.rows), format!("{:?}", matches.rows));
            prop_assert_eq!(on_threads(threads, || other.report()), matches.report());
        }
        // moved by a power of two, nothing is rounded differently enough to show
        let (mut far, mut found) = (truth, detections);
        let shift = DVec3::new(4096.0, -8192.0, 16.0);
        far.ego.iter_mut().for_each(|ego| *ego += shift);
        far.cuboid.iter_mut().chain(&mut found.cuboid).for_each(|cuboid| cuboid.center += shift);
        let (a, b) = (matches.report(), run(&far, &found).report());
        prop_assert!((a.nd_score - b.nd_score).abs() < 1e-9);
    }

    #[test]
    fn labels_as_detections_score_one(seed in any::<u64>()) {
        let (mut truth, _) = scene(seed, 12, 3);
        truth.velocity.fill([1.0, 2.0]);
        truth.attribute.fill(Some(1));
        let mut detections = Detections3d::default();
        for row in 0..truth.len() {
            detections.push(truth.frame[row], truth.class[row], truth.cuboid[row], 0.5);
        }
        detections.velocity.fill([1.0, 2.0]);
        detections.attribute.fill(Some(1));
        truth.points.fill(None);
        let matches = run(&truth, &detections);
        prop_assume!(matches.rows.per_class.iter().all(|class| !class.label.is_empty()));
        prop_assert!((matches.report().nd_score - 1.0).abs() < 1e-9, "{:?}", matches.report());
    }
}

/// A data base of one frame, and a submission for it, as text that a test can spoil.
fn files() -> Vec<(&'static str, String)> {
    let token = |n: u32| format!("{n:032x}");
    vec![
        (
            "scene.json",
            format!(r#"[{{"token": "{}", "name": "scene-1"}}]"#, token(1)),
        ),
        (
            "sample.json",
            format!(
                r#"[{{"token": "{}", "timestamp": 1500000, "scene_token": "{}"}}]"#,
                token(2),
                token(1)
            ),
        ),
        (
            "sensor.json",
            format!(r#"[{{"token": "{}", "channel": "LIDAR_TOP"}}]"#, token(3)),
        ),
        (
            "calibrated_sensor.json",
            format!(r#"[{{"token": "{}", "sensor_token": "{}"}}]"#, token(4), token(3)),
        ),
        (
            "sample_data.json",
            format!(
                r#"[{{"sample_token": "{}", "ego_pose_token": "{}", "calibrated_sensor_token": "{}", "is_key_frame": true}}]"#,
                token(2),
                token(5),
                token(4)
            ),
        ),
        (
            "ego_pose.json",
            format!(r#"[{{"token": "{}", "translation": [0, 0, 0]}}]"#, token(5)),
        ),
        (
            "category.json",
            r#"[{"token": "odd \" token", "name": "vehicle.car"}]"#.to_owned(),
        ),
        (
            "attribute.json",
            r#"[{"token": "a", "name": "vehicle.moving"}, {"token": "b", "name": "flying"}]"#.to_owned(),
        ),
        (
            "instance.json",
            r#"[{"token": "i", "category_token": "odd \" token"}]"#.to_owned(),
        ),
        (
            "sample_annotation.json",
            format!(
                concat!(
                    r#"[{{"token": "n", "sample_token": "{}", "instance_token": "i", "attribute_tokens": ["a"], "#,
                    r#""translation": [9, 0, 0], "size": [2, 4, 1.5], "rotation": [1, 0, 0, 0], "prev": "", "next": "", "#,
                    r#""num_lidar_pts": 5, "num_radar_pts": 0}}]"#
                ),
                token(2)
            ),
        ),
        (
            "results.json",
            format!(
                concat!(
                    r#"{{"meta": {{}}, "results": {{"{0}": [{{"sample_token": "{0}", "translation": [9.1, 0, 0], "#,
                    r#""size": [2, 4, 1.5], "rotation": [1, 0, 0, 0], "velocity": [NaN, 0], "detection_name": "car", "#,
                    r#""detection_score": 0.7, "attribute_name": "vehicle.moving"}}]}}}}"#
                ),
                token(2)
            ),
        ),
    ]
}

/// Keeps the warnings.
#[derive(Default)]
pub(crate) struct Collect(pub(crate) Mutex<Vec<Warning>>);

impl Reporter for Collect {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) -> Box<dyn Task> {
        Silent.begin(what, total, unit)
    }

    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning);
    }
}

/// The outcome as text: the error with causes and hint, or what `show` makes of the result, and the warnings. `folder` is not shown.
pub(crate) fn told<T>(
    result: Result<T, EvalError>,
    show: impl Fn(T) -> String,
    warned: &Collect,
    folder: &Path,
) -> String {
    let mut lines = Vec::new();
    match result {
        Ok(value) => lines.push(show(value)),
        Err(err) => {
            lines.push(format!("error: {err}"));
            if let Some(source) = err.source() {
                lines.push(format!("  caused by: {source}"));
            }
            lines.push(format!("  hint: {}", err.hint().unwrap_or_default()));
        }
    }
    for w in warned.0.lock().unwrap().iter() {
        lines.push(format!(
            "warning {} ×{} in {}: {}",
            w.code, w.count, w.location, w.message
        ));
    }
    lines
        .join("\n")
        .replace(&format!("{}/", folder.display()), "")
        .replace(&folder.display().to_string(), "FOLDER")
}

/// What comes of the files with every `from` in one of them replaced.
fn spoiled(file: &str, from: &str, to: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files() {
        let text = if name == file { text.replace(from, to) } else { text };
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let warned = Collect::default();
    let params = NuScenesParams::default();
    let result = read_database(folder.path(), None, &params, &warned)
        .and_then(|database| database.truth(&params, &warned))
        .and_then(|truth| {
            let submission = read_submission(&folder.path().join("results.json"), &truth, &params, &warned)?;
            evaluate(&truth, &submission, &params)
        });
    let show = |(report, _): (guideway_eval::nuscenes::files::FilesReport, Matches)| {
        let car = report.summary.label_tp_errors.get("car").unwrap().clone();
        format!(
            "AP of cars {:.3}, velocity error {:?}, {} of {} boxes",
            report.summary.mean_dist_aps.get("car").unwrap(),
            car.get("vel_err").unwrap(),
            report.after_filter.pred,
            report.before_filter.pred
        )
    };
    told(result, show, &warned, folder.path())
}

#[test]
fn what_is_wrong_with_files_is_told() {
    let cases = [
        ("", "", ""),
        ("sample.json", "1500000", "\"now\""),
        ("sample.json", "]", ""),
        ("sample.json", "[{", "{"),
        ("sample_annotation.json", "[2, 4, 1.5]", "[2, 0, 1.5]"),
        ("sample_annotation.json", "[1, 0, 0, 0]", "[0, 0, 0, 0]"),
        ("sample_annotation.json", "[9, 0, 0]", "[NaN, 0, 0]"),
        ("sample_annotation.json", r#"["a"]"#, r#"["a", "b"]"#),
        ("sample_annotation.json", r#"["a"]"#, r#"["b"]"#),
        ("sample_annotation.json", r#""next": """#, r#""next": "gone""#),
        ("sample_annotation.json", r#""i""#, r#""j""#),
        ("sample_data.json", "true", "false"),
        ("ego_pose.json", "00005", "00006"),
        ("scene.json", "00001", "00009"),
        ("results.json", "0.7", "NaN"),
        ("results.json", "0.7", "7e0"),
        ("results.json", "[2, 4, 1.5]", "[2, -4, 1.5]"),
        ("results.json", "\"car\"", "\"kar\""),
        ("results.json", "vehicle.moving", "flying"),
        ("results.json", "vehicle.moving", ""),
        ("results.json", r#""detection_score": 0.7, "#, ""),
        ("results.json", "0.7", r#"0.7, "num_pts": 0"#),
        ("results.json", "00002", "00003"),
        (
            "results.json",
            r#": [{"sample_token""#,
            r#": [], "x": [{"sample_token""#,
        ),
        ("results.json", "\"results\"", "\"result\""),
        ("results.json", r#""meta": {}, "#, ""),
        ("results.json", "}]}}", ""),
        ("results.json", "}]}}", "}]}} more"),
        ("results.json", "[{", "{"),
    ];
    let mut out: Vec<String> = Vec::new();
    for (file, from, to) in cases {
        out.push(format!("--- {file}: {from} -> {to}\n{}\n", spoiled(file, from, to)));
    }
    insta::assert_snapshot!(out.concat());
}

type Spoil = fn(&mut Truth3d, &mut Detections3d, &mut Keep);

#[test]
fn columns_that_are_not_whole_are_refused() {
    let params = params();
    let car = Cuboid::from_slice(&[1.0, 0.0, 0.0, 4.0, 2.0, 1.5, 1.0, 0.0, 0.0, 0.0]).unwrap();
    let fresh = || {
        let mut truth = Truth3d::new(vec![DVec3::ZERO], 3);
        truth.push(0, 0, car);
        let mut detections = Detections3d::default();
        detections.push(0, 0, car, 0.5);
        (truth, detections)
    };
    let spoils: [Spoil; 10] = [
        |t, _, _| t.velocity.clear(),
        |t, _, _| t.frame[0] = 1,
        |t, _, _| t.ego[0].x = f64::NAN,
        |t, _, _| t.cuboid[0].width = 0.0,
        |t, _, _| t.cuboid[0].rotation *= 2.0,
        |_, d, _| d.class[0] = 3,
        |_, d, _| d.score[0] = f64::INFINITY,
        |_, d, _| d.cuboid[0].center.z = f64::NAN,
        |_, d, _| d.attribute.push(None),
        |_, _, k| k.labels = Some(Vec::new()),
    ];
    let mut out: Vec<String> = Vec::new();
    for spoil in spoils {
        let (mut truth, mut detections) = fresh();
        let mut keep = Keep::default();
        spoil(&mut truth, &mut detections, &mut keep);
        let err = match_detections(&truth, &detections, &keep, &params).unwrap_err();
        out.push(format!("{err}\n  {}\n", err.hint().unwrap()));
    }
    let (truth, detections) = fresh();
    let matches = match_detections(&truth, &detections, &Keep::default(), &params).unwrap();
    let err = matches
        .evaluate_slices(&[Slice::new("night").frames(vec![])])
        .unwrap_err();
    out.push(format!("{err}\n  {}\n", err.hint().unwrap()));
    let err = matches.report_of_draw(&[1, 1, 1, 1, 1]).unwrap_err();
    assert_eq!(
        err.to_string(),
        "slice `draw`: its mask of times has 5 entries, and there are 1"
    );
    for params in [
        NuScenesParams {
            dist_ths: vec![2.0, 1.0],
            ..params.clone()
        },
        NuScenesParams {
            dist_th_tp: 3.0,
            ..params.clone()
        },
        NuScenesParams {
            min_recall: 1.0,
            ..params.clone()
        },
        NuScenesParams {
            class_range: [("car", 1.0)].into_iter().collect(),
            ..params.clone()
        },
    ] {
        let err = match_detections(&truth, &detections, &Keep::default(), &params).unwrap_err();
        out.push(format!("{err}\n"));
    }
    insta::assert_snapshot!(out.concat());
}

#[test]
fn nothing_at_all_scores_nothing() {
    let truth = Truth3d::new(vec![DVec3::ZERO; 3], 3);
    let report = run(&truth, &Detections3d::default()).report();
    assert!(report.nd_score.abs() < f64::EPSILON && report.mean_ap.abs() < f64::EPSILON);
    assert_eq!(
        report.label_tp_errors.get("car").unwrap().get("vel_err"),
        Some(&Some(1.0))
    );
    let none = Truth3d::new(Vec::new(), 3);
    assert_eq!(run(&none, &Detections3d::default()).report(), report);
}

/// Labels and detections of a large set: 30 of each in every frame.
pub(crate) fn large(frames: u32, classes: u32) -> (Truth3d, Detections3d) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut truth = Truth3d::new(vec![DVec3::ZERO; frames as usize], classes);
    let mut detections = Detections3d::default();
    for frame in 0..frames {
        for _ in 0..30 {
            let class = rng.random_range(0..classes);
            let center = DVec3::new(rng.random_range(-28.0..28.0), rng.random_range(-28.0..28.0), 0.0);
            let pose = Se3::from_yaw(rng.random_range(-3.0..3.0), center).unwrap();
            let cuboid = Cuboid::new(pose, [4.0, 2.0, 1.5]).unwrap();
            truth.push(frame, class, cuboid);
            let noise = DVec3::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0), 0.0);
            let moved = Cuboid {
                center: center + noise,
                ..cuboid
            };
            detections.push(frame, class, moved, rng.random());
        }
    }
    (truth, detections)
}

/// Prints how long it took, which must be less than a minute.
#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the time is printed and in no result"
)]
pub(crate) fn timed<R>(what: &str, f: impl FnOnce() -> R) -> R {
    let start = std::time::Instant::now();
    let result = f();
    let took = start.elapsed();
    println!("{what} {took:.2?}");
    assert!(took.as_secs() < 60, "{what} took {took:?}");
    result
}

#[test]
fn twice_the_frames_change_no_number_by_much() {
    // curves are read between their points, of which there are more then
    let params = NuScenesParams::default();
    let (truth, detections) = large(300, params.classes());
    let matches = match_detections(&truth, &detections, &Keep::default(), &params).unwrap();
    let (once, twice) = (matches.report(), matches.report_of_draw(&[2; 300]).unwrap());
    assert!(
        (once.mean_ap - twice.mean_ap).abs() < 1e-3,
        "{} {}",
        once.mean_ap,
        twice.mean_ap
    );
    assert!((once.nd_score - twice.nd_score).abs() < 1e-3);
    for (name, error) in once.tp_errors.iter() {
        let (a, b) = (error.unwrap(), twice.tp_errors.get(name).unwrap().unwrap());
        assert!((a - b).abs() < 5e-3, "{name} {a} {b}");
    }
}

#[test]
#[ignore = "a measurement: cargo test --release -p guideway-eval -- --ignored --nocapture draws_take"]
fn draws_take_milliseconds() {
    let params = NuScenesParams::default();
    // 64,000 labels and as many detections, 40 recordings
    let frames = 2134;
    let (truth, detections) = large(frames, params.classes());
    let groups: Vec<u32> = (0..frames).map(|frame| frame % 40).collect();
    let bootstrap = BootstrapParams {
        resamples: 100,
        ..BootstrapParams::default()
    };
    let matches = match_detections(&truth, &detections, &Keep::default(), &params).unwrap();
    for threads in [1, 2] {
        on_threads(threads, || {
            let ends = timed(&format!("nuScenes, {threads} threads: 100 draws"), || {
                let draw = |times: &[u32]| vec![Some(matches.report_of_draw(times).unwrap().nd_score)];
                intervals_of(&groups, &bootstrap, draw).unwrap()
            });
            println!("  NDS {:.4} {ends:.4?}", matches.report().nd_score);
        });
    }
}

#[test]
#[ignore = "a measurement: cargo test --release -p guideway-eval -- --ignored --nocapture large_sets"]
fn large_sets_take_seconds() {
    let params = NuScenesParams::default();
    let (truth, detections) = large(40_000, params.classes());
    let edges = [0.0, 10.0, 20.0, 30.0];
    let slices = bins("range_m", &edges, &truth.range_xy(), &detections.range_xy(&truth));
    for threads in [1, 2] {
        on_threads(threads, || {
            let matches = timed(&format!("nuScenes, {threads} threads: matching"), || {
                match_detections(&truth, &detections, &Keep::default(), &params).unwrap()
            });
            let report = timed("  report", || matches.report());
            let parts = timed("  three slices", || matches.evaluate_slices(&slices).unwrap());
            println!("  NDS {:.4}, {:.4} near", report.nd_score, parts[0].report.nd_score);
        });
    }
}
