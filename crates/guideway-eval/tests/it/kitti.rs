//! The KITTI object benchmark: against the C++ development kit, against a plain twin, and with everything that can be wrong.

use std::error::Error as _;
use std::path::Path;
use std::sync::Mutex;

use guideway_core::{BBox, Hint as _, Reporter, Silent, Task, Warning};
use guideway_eval::kitti::{Detection, GroundTruth, KittiParams, Label, Metric, MinOverlap, Object, evaluate, files};
use guideway_testkit::{Compared, cases, json};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

mod drawn;
mod twin;

const TOLERANCE: f64 = 1e-9;

#[test]
fn every_case_equals_the_development_kit() {
    let Some(cases) = cases("ref_kitti_object/visible") else {
        return;
    };
    assert!(cases.len() >= 3);
    // the kit does not say how many labels count
    let mut compared = Compared::within(TOLERANCE).with_more(&["n_gt"]);
    for case in &cases {
        let mut expected = json(&case.join("expected.json"));
        let params = KittiParams::official();
        let report = files::evaluate_paths(&case.join("label_2"), &case.join("result"), &params, &Silent).unwrap();
        let got: serde_json::Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        let texts = expected.as_object_mut().unwrap();
        for text in ["reference", "note"] {
            assert!(texts.remove(text).is_some());
        }
        compared.all(&case.display().to_string(), &got, &expected);
    }
    compared.finish(4600);
}

/// Labels and noisy detections of them: neighbours, areas, small boxes, 2D-only boxes, duplicates, equal scores.
fn scene(seed: u64, frames: u32) -> (GroundTruth, Vec<Detection>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let names = [
        "Car",
        "Van",
        "Pedestrian",
        "Person_sitting",
        "Cyclist",
        "DontCare",
        "Tram",
        "car",
    ];
    let mut truth = GroundTruth::new(frames, names);
    let mut detections: Vec<Detection> = Vec::new();
    for frame in 0..frames {
        for _ in 0..rng.random_range(0..9_u32) {
            let class = rng.random_range(0..names.len() as u32);
            let (left, top) = (rng.random_range(0.0..600.0), rng.random_range(100.0..200.0));
            let (wide, high) = (rng.random_range(20.0..200.0), rng.random_range(20.0..80.0));
            let mut object = Object {
                frame,
                class,
                bbox: BBox::from_xywh(left, top, wide, high),
                alpha: rng.random_range(-3.0..3.0),
                dimensions: [1.5, rng.random_range(0.6..2.0), rng.random_range(0.8..4.5)],
                location: [rng.random_range(-9.0..9.0), 1.6, rng.random_range(5.0..40.0)],
                rotation_y: rng.random_range(-3.2..3.2),
            };
            if class == 5 {
                object = Object::in_image(frame, class, object.bbox);
            }
            truth.labels.push(Label {
                object,
                truncation: [0.0, 0.0, 0.1, 0.2, 0.4, 0.7, -1.0][rng.random_range(0..7_usize)],
                occlusion: [0, 0, 0, 1, 1, 2, 3][rng.random_range(0..7_usize)],
            });
            for _ in 0..rng.random_range(0..3_u32) {
                let noise = rng.random_range(0.0..0.15);
                let mut near = |value: f64, scale: f64| value + noise * scale * rng.random_range(-1.0..1.0);
                let b = object.bbox;
                let mut found = Object {
                    bbox: BBox::new(
                        near(b.x_min, wide),
                        near(b.y_min, high),
                        near(b.x_max, wide),
                        near(b.y_max, high),
                    ),
                    alpha: near(object.alpha, 3.0),
                    location: object.location.map(|v| near(v, 1.0)),
                    rotation_y: near(object.rotation_y, 1.0),
                    ..object
                };
                if class == 5 || rng.random_bool(0.2) {
                    found.class = [0, 2, 4, 6, 7][rng.random_range(0..5_usize)];
                }
                if rng.random_bool(0.1) {
                    found = Object {
                        alpha: found.alpha,
                        ..Object::in_image(frame, found.class, found.bbox)
                    };
                }
                if found.alpha == -10.0 {
                    found.alpha = 0.5;
                }
                // one decimal: many ties
                let score = f64::from(rng.random_range(-20..=100_i32)) / 10.0;
                detections.push(Detection { object: found, score });
            }
        }
    }
    (truth, detections)
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9 || (a.is_nan() && b.is_nan())
}

fn compare_with_twin(truth: &GroundTruth, detections: &[Detection], params: &KittiParams) -> usize {
    let report = evaluate(truth, detections, params).unwrap();
    let mut compared = 0;
    for class in &params.classes {
        for level in &params.levels {
            for kind in 0..3 {
                let kit = twin::curves(truth, detections, class, level, kind);
                let metric = [Metric::Image, Metric::Ground, Metric::Volume][kind];
                if let Some(own) = report.level(&class.name, metric, &level.name) {
                    for (own, kit) in own.precision.iter().zip(&kit[0]) {
                        assert!(same(*own, *kit), "{} {metric} {}: {own} {kit}", class.name, level.name);
                    }
                    compared += 41;
                }
                if kind == 0
                    && let Some(own) = report.level(&class.name, Metric::Orientation, &level.name)
                {
                    for (own, kit) in own.precision.iter().zip(&kit[1]) {
                        assert!(same(*own, *kit), "{} aos {}: {own} {kit}", class.name, level.name);
                    }
                    compared += 41;
                }
            }
        }
    }
    compared
}

/// Overlaps at which random boxes often match.
fn loose() -> KittiParams {
    let mut params = KittiParams::official();
    for class in &mut params.classes {
        class.min_overlap = MinOverlap {
            image: 0.5,
            ground: 0.3,
            volume: 0.25,
        };
    }
    params
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_twin_agrees(seed in any::<u64>(), frames in 1_u32..25) {
        let (truth, detections) = scene(seed, frames);
        compare_with_twin(&truth, &detections, &loose());
        compare_with_twin(&truth, &detections, &KittiParams::official());
    }

    #[test]
    fn numbers_are_percentages_that_fall_with_recall(seed in any::<u64>()) {
        let (truth, detections) = scene(seed, 12);
        let report = evaluate(&truth, &detections, &loose()).unwrap();
        for class in &report.classes {
            for level in class.metrics.iter().flat_map(|metric| &metric.levels) {
                let known: Vec<f64> = level.precision.iter().copied().filter(|p| !p.is_nan()).collect();
                prop_assert!(known.is_sorted_by(|a, b| a >= b));
                prop_assert!(known.iter().all(|p| (0.0..=1.0).contains(p)));
                prop_assert!(level.averages.iter().all(|(_, v)| v.is_nan() || (0.0..=100.0 + 1e-9).contains(v)));
                for (tp, missed) in level.true_positives.iter().zip(&level.misses) {
                    prop_assert!(tp + missed <= level.positives);
                }
            }
        }
    }

    #[test]
    fn the_order_of_frames_and_of_classes_does_not_matter(seed in any::<u64>()) {
        let (truth, detections) = scene(seed, 10);
        let before = evaluate(&truth, &detections, &loose()).unwrap();
        let (mut turned, mut turned_detections) = (truth.clone(), detections.clone());
        let classes = truth.classes.len() as u32;
        turned.classes.reverse();
        for object in turned
            .labels
            .iter_mut()
            .map(|label| &mut label.object)
            .chain(turned_detections.iter_mut().map(|detection| &mut detection.object))
        {
            object.frame = truth.frames - 1 - object.frame;
            object.class = classes - 1 - object.class;
        }
        // within a frame the order stays, across frames it does not matter
        turned.labels.sort_by_key(|label| label.object.frame);
        turned_detections.sort_by_key(|detection| detection.object.frame);
        let after = evaluate(&turned, &turned_detections, &loose()).unwrap();
        for (a, b) in before.classes.iter().zip(&after.classes) {
            for (a, b) in a.metrics.iter().zip(&b.metrics).flat_map(|(a, b)| a.levels.iter().zip(&b.levels)) {
                prop_assert!(a.precision.iter().zip(&b.precision).all(|(a, b)| same(*a, *b)));
            }
        }
    }

    #[test]
    fn only_the_order_of_scores_matters(seed in any::<u64>()) {
        let (truth, mut detections) = scene(seed, 10);
        let averages = |detections: &[Detection]| {
            serde_json::to_string(&evaluate(&truth, detections, &loose()).unwrap()).unwrap()
        };
        let before = averages(&detections);
        for detection in &mut detections {
            detection.score = detection.score.powi(3) * 7.0 - 3.0;
        }
        prop_assert_eq!(before, averages(&detections));
    }

    #[test]
    fn moving_and_turning_the_world_does_not_change_bev_and_3d(seed in any::<u64>(), turn in -3.0..3.0_f64) {
        let (truth, detections) = scene(seed, 8);
        let before = evaluate(&truth, &detections, &loose()).unwrap();
        let (sin, cos) = turn.sin_cos();
        let moved = |object: &Object| {
            let [x, y, z] = object.location;
            // areas that nobody labelled lie at -1000, and detections near them stay there
            let known = x > -900.0;
            Object {
                location: if known { [cos * x + sin * z + 5.0, y + 1.0, -sin * x + cos * z - 3.0] } else { [x, y, z] },
                rotation_y: if known { object.rotation_y + turn } else { object.rotation_y },
                ..*object
            }
        };
        let mut moved_truth = truth.clone();
        for label in &mut moved_truth.labels {
            label.object = moved(&label.object);
        }
        let moved_detections: Vec<Detection> =
            detections.iter().map(|d| Detection { object: moved(&d.object), ..*d }).collect();
        let after = evaluate(&moved_truth, &moved_detections, &loose()).unwrap();
        for class in ["car", "pedestrian", "cyclist"] {
            for metric in [Metric::Ground, Metric::Volume] {
                let level = |report: &guideway_eval::kitti::KittiReport| {
                    report.level(class, metric, "hard").map(|level| level.precision.clone())
                };
                match (level(&before), level(&after)) {
                    (Some(a), Some(b)) => prop_assert!(a.iter().zip(&b).all(|(a, b)| same(*a, *b))),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }
    }
}

#[test]
fn the_twin_agrees_on_many_frames() {
    let (truth, detections) = scene(11, 200);
    assert!(compare_with_twin(&truth, &detections, &loose()) == 3 * 3 * 4 * 41);
    let report = evaluate(&truth, &detections, &loose()).unwrap();
    assert!(report.average("car", Metric::Volume, "hard", "AP_R40").unwrap() > 5.0);
}

#[test]
fn perfect_detections_of_many_labels_score_a_hundred() {
    let (mut truth, _) = scene(5, 1500);
    truth
        .labels
        .retain(|label| truth.classes[label.object.class as usize] != "DontCare");
    // apart, so that no label can take the detection of another
    for (row, label) in truth.labels.iter_mut().enumerate() {
        label.object.frame = row as u32;
    }
    truth.frames = truth.labels.len() as u32;
    let detections: Vec<Detection> = truth
        .labels
        .iter()
        .enumerate()
        .map(|(row, label)| Detection {
            object: label.object,
            score: row as f64,
        })
        .collect();
    let report = evaluate(&truth, &detections, &KittiParams::official()).unwrap();
    for class in &report.classes {
        assert_eq!(class.metrics.len(), 4);
        for level in class.metrics.iter().flat_map(|metric| &metric.levels) {
            assert!(level.positives > 40);
            assert!(level.averages.iter().all(|(_, value)| (value - 100.0).abs() < 1e-9));
        }
    }
}

#[test]
fn one_thread_or_many_give_the_same_bits() {
    let (truth, detections) = scene(3, 500);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| format!("{:?}", evaluate(&truth, &detections, &loose()).unwrap()))
    };
    let one = run(1);
    for threads in [2, 5] {
        assert!(run(threads) == one);
    }
}

#[test]
fn metrics_need_what_they_measure() {
    let (truth, detections) = scene(1, 40);
    let metrics = |change: fn(&mut Object)| -> Vec<String> {
        let mut detections = detections.clone();
        for detection in &mut detections {
            change(&mut detection.object);
        }
        let report = evaluate(&truth, &detections, &loose()).unwrap();
        let named = |class: &guideway_eval::kitti::ClassReport| {
            let names: Vec<_> = class.metrics.iter().map(|m| m.metric.name()).collect();
            format!("{}: {}", class.name, names.join(" "))
        };
        report.classes.iter().map(named).collect()
    };
    let text = [
        metrics(|_| {}),
        // no orientation, of one class: none for all
        metrics(|o| o.alpha = if o.class == 4 { -10.0 } else { o.alpha }),
        // only in the image
        metrics(|o| {
            *o = Object {
                alpha: o.alpha,
                ..Object::in_image(o.frame, o.class, o.bbox)
            }
        }),
        // only in space
        metrics(|o| o.bbox.x_min = -1.0),
        // pedestrians alone
        metrics(|o| o.class = 2),
    ]
    .map(|lines| lines.join(", "))
    .join("\n");
    insta::assert_snapshot!(text);
}

#[test]
fn nothing_at_all_has_no_numbers() {
    let report = evaluate(&GroundTruth::default(), &[], &KittiParams::official()).unwrap();
    insta::assert_snapshot!(
        serde_json::to_string(&report).unwrap(),
        @r#"{"frames":0,"gt_objects":{},"detections":0,"min_overlap":{"car":0.7,"pedestrian":0.5,"cyclist":0.5},"results":{}}"#
    );
}

#[test]
fn numbers_follow_the_parameters() {
    let (truth, detections) = scene(9, 60);
    let mut params = loose();
    params.classes.truncate(1);
    params.classes[0].name = "Tram".to_owned();
    params.levels.truncate(1);
    params.recall_samples = 11;
    params.averages.truncate(1);
    params.averages[0].step = 1;
    let report = evaluate(&truth, &detections, &params).unwrap();
    let shown: serde_json::Value = serde_json::to_value(&report).unwrap();
    assert_eq!(
        shown["results"]["Tram"]["3d"]["easy"]["precision_11"]
            .as_array()
            .unwrap()
            .len(),
        11
    );
    assert_eq!(shown["min_overlap"]["Tram"]["volume"].as_f64(), Some(0.25));
    let text = serde_json::to_string(&params).unwrap();
    assert_eq!(serde_json::from_str::<KittiParams>(&text).unwrap(), params);
}

#[test]
fn a_sample_where_nothing_is_left_is_undefined() {
    // In the first pass the van takes the small box of the best score, and the car its own. In the second the van overlaps
    // most with the car's, and the small box is left for the car: neither true nor false.
    let car = BBox::new(0.0, 0.0, 100.0, 41.0);
    let mut truth = GroundTruth::new(1, ["Car", "Van"]);
    for class in [1, 0] {
        let object = Object::in_image(0, class, car);
        truth.labels.push(Label {
            object,
            truncation: 0.0,
            occlusion: 0,
        });
    }
    let detection = |bottom, score| Detection {
        object: Object {
            alpha: 0.0,
            ..Object::in_image(0, 0, BBox::new(0.0, 0.0, 100.0, bottom))
        },
        score,
    };
    let detections = [detection(39.0, 2.0), detection(41.0, 1.0)];
    let report = evaluate(&truth, &detections, &KittiParams::official()).unwrap();
    let level = report.level("car", Metric::Image, "easy").unwrap();
    assert!(level.precision[0].is_nan());
    assert_eq!(
        (level.true_positives[0], level.false_positives[0], level.misses[0]),
        (0, 0, 0)
    );
    assert!(report.average("car", Metric::Image, "easy", "AP_R11").unwrap().is_nan());
    assert_eq!(report.average("car", Metric::Image, "easy", "AP_R40"), Some(0.0));
    let shown = serde_json::to_value(&report).unwrap();
    assert!(shown["results"]["car"]["2d"]["easy"]["AP_R11"].is_null());
    compare_with_twin(&truth, &detections, &KittiParams::official());
}

#[test]
fn bad_rows_and_parameters_are_refused() {
    let (truth, detections) = scene(1, 10);
    let refuse = |truth: &GroundTruth, detections: &[Detection], params: &KittiParams| {
        let err = evaluate(truth, detections, params).unwrap_err();
        format!("{err}\n  hint: {}", err.hint().unwrap_or_default())
    };
    let ok = KittiParams::official();
    let mut lines = Vec::new();
    let mut bad = detections.clone();
    bad[2].score = f64::NAN;
    lines.push(refuse(&truth, &bad, &ok));
    let mut bad = detections.clone();
    bad[1].object.location[2] = f64::INFINITY;
    lines.push(refuse(&truth, &bad, &ok));
    let mut bad = detections.clone();
    bad[1].object.class = 8;
    lines.push(refuse(&truth, &bad, &ok));
    let mut bad = truth.clone();
    bad.labels[0].truncation = f64::NAN;
    lines.push(refuse(&bad, &detections, &ok));
    let mut bad = truth.clone();
    bad.frames = 3;
    lines.push(refuse(&bad, &[], &ok));
    let changes: [fn(&mut KittiParams); 9] = [
        |p| p.classes.clear(),
        |p| p.classes[1].name = "CAR".to_owned(),
        |p| p.classes[2].min_overlap.ground = 1.0,
        |p| p.classes[2].min_overlap.image = f64::NAN,
        |p| p.levels.clear(),
        |p| p.levels[1].min_height = f64::NAN,
        |p| p.recall_samples = 1,
        |p| p.averages[0].step = 0,
        |p| p.averages[1].first = 41,
    ];
    for change in changes {
        let mut params = ok.clone();
        change(&mut params);
        lines.push(refuse(&truth, &detections, &params));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

/// Keeps the warnings.
#[derive(Default)]
struct Collect(Mutex<Vec<Warning>>);

impl Reporter for Collect {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) -> Box<dyn Task> {
        Silent.begin(what, total, unit)
    }

    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning);
    }
}

const LABEL: &str = "Car 0.00 0 1.85 387.63 151.54 483.81 203.12 1.67 1.87 3.69 -6.53 2.39 18.49 1.57";

/// The outcome for folders with these files, as text.
fn run(name: &str, labels: &[(&str, &str)], results: &[(&str, &str)]) -> String {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("kitti")
        .join(name.replace(' ', "-"));
    if root.exists() {
        std::fs::remove_dir_all(&root).unwrap();
    }
    for (folder, files) in [("label_2", labels), ("result/data", results)] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
        for (file, text) in files {
            std::fs::write(root.join(folder).join(file), text).unwrap();
        }
    }
    let reporter = Collect::default();
    let mut lines = vec![format!("## {name}")];
    match files::evaluate_paths(&root, &root.join("result"), &KittiParams::official(), &reporter) {
        Ok(report) => {
            let text = |metric| match report.average("car", metric, "easy", "AP_R11") {
                Some(value) => format!("{metric} {value:.2}"),
                None => format!("{metric} -"),
            };
            let numbers: Vec<String> = Metric::ALL.into_iter().map(text).collect();
            lines.push(format!("{} frames, car {}", report.frames, numbers.join(", ")));
        }
        Err(err) => {
            lines.push(format!("error: {err}"));
            if let Some(source) = err.source() {
                lines.push(format!("  caused by: {source}"));
            }
            lines.push(format!("  hint: {}", err.hint().unwrap_or_default()));
        }
    }
    for w in reporter.0.lock().unwrap().iter() {
        lines.push(format!(
            "warning {} ×{} at {}: {}",
            w.code, w.count, w.location, w.message
        ));
    }
    lines.join("\n").replace(&root.display().to_string(), "DIR") + "\n"
}

#[test]
fn errors_of_files_say_what_where_and_what_next() {
    let result = format!("{LABEL} 0.9\n");
    let both = |name: &str, label: &str, result: &str| run(name, &[("000001.txt", label)], &[("000001.txt", result)]);
    let label = |name: &str, from: &str, to: &str| both(name, &LABEL.replacen(from, to, 1), &result);
    let dt = |name: &str, from: &str, to: &str| both(name, LABEL, &result.replacen(from, to, 1));
    let text = [
        both("good", LABEL, &result),
        both("nothing found", LABEL, ""),
        both("no labels", "\n \r\n", &result),
        both("too few columns", "Car 0.00", &result),
        both("a score in the labels", &result, &result),
        both("no score in the results", LABEL, LABEL),
        both("tracking format", &format!("{LABEL}\n0 2 {LABEL}"), &result),
        label("not a number", "387.63", "x"),
        label("NaN in labels", "387.63", "nan"),
        label("half occluded", " 0 ", " 0.5 "),
        dt("infinite score", " 0.9", " 1e999"),
        dt("a comma", "387.63", "387,63"),
        dt("another class", "Car", "Truck"),
        dt("no orientation", "1.85", "-10"),
        dt(
            "only in the image",
            "1.67 1.87 3.69 -6.53 2.39 18.49 1.57",
            "-1 -1 -1 -1000 -1000 -1000 -10",
        ),
        dt("negative length", "3.69", "-3.69"),
        dt(
            "inside out",
            "387.63 151.54 483.81 203.12",
            "483.81 203.12 387.63 151.54",
        ),
        label("odd levels", "0.00 0 ", "1.50 7 "),
        run("no results", &[("000001.txt", LABEL)], &[]),
        run(
            "other frames",
            &[("000001.txt", LABEL)],
            &[("000001.txt", &result), ("000002.txt", &result)],
        ),
        run(
            "fewer results",
            &[("000001.txt", LABEL), ("000002.txt", LABEL), ("000003.txt", LABEL)],
            &[("000002.txt", &result), ("readme.md", "hello")],
        ),
        both("not text", LABEL, "Car\u{0} é"),
    ];
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let nowhere = Path::new("nowhere/label_2");
    let err = files::evaluate_paths(nowhere, nowhere, &KittiParams::official(), &Silent).unwrap_err();
    assert_eq!(err.to_string(), "cannot read nowhere/label_2");
    assert_eq!(err.hint().as_deref(), Some("check the path"));
}

#[test]
fn areas_that_nobody_labelled_are_nothing_to_warn_of() {
    let object = "DontCare -1 -1 -10 477.0 168.9 516.3 182.3 -1 -1 -1 -1000 -1000 -1000 -10";
    let tracking = "DontCare -1 -1 -10 477.0 168.9 516.3 182.3 -1000 -1000 -1000 -10 -1 -1 -1";
    let labels = format!("{object}\n{tracking}\n{LABEL}\n");
    let outcome = run(
        "areas nobody labelled",
        &[("000000.txt", &labels)],
        &[("000000.txt", &format!("{LABEL} 0.9\n"))],
    );
    assert!(outcome.contains("1 frames, car 2d 9.09"), "{outcome}");
    assert!(!outcome.contains("no-size"), "{outcome}");
}
