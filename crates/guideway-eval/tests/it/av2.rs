//! Against av2 0.3.6, against a plain twin, and what files can have wrong with them.

use std::f64::consts::PI;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, NullArray, RecordBatch, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use guideway_core::{Cuboid, DVec3, Silent};
use guideway_eval::av2::files::{FilesReport, evaluate, read_inputs, region_of_interest};
use guideway_eval::av2::{Av2Params, Matches, match_detections};
use guideway_eval::bootstrap::{BootstrapParams, intervals_of};
use guideway_eval::objects3d::{Detections3d, Keep, Slice, Truth3d};
use guideway_testkit::{Compared, cases, data, json};
use proptest::prelude::*;
use serde_json::Value;

use crate::nuscenes::{Collect, large, on_threads, only, recall_at, repeated, scene, timed, told};

const TOLERANCE: f64 = 1e-9;

fn check_case(case: &Path, maps: &Path, compared: &mut Compared) {
    let expected = json(&case.join("expected.json"));
    let params: Av2Params = serde_json::from_value(expected["config"].clone()).unwrap();
    let (gt, dt) = (case.join("gt.feather"), case.join("dt.feather"));
    let inputs = read_inputs(&gt, &dt, &params, &Silent).unwrap();
    let (report, matches) = evaluate(&inputs, Some(maps), &params).unwrap();
    assert_eq!(matches.report(), report.report);

    let got: Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    let name = case.display().to_string();
    for part in [
        "metrics",
        "dts_evaluated",
        "gts_evaluated",
        "n_dts",
        "n_gts",
        "n_sweeps",
    ] {
        compared.all(&format!("{name}: {part}"), &got[part], &expected[part]);
    }
}

#[test]
fn every_case_equals_av2() {
    let (Some(cases), Some(maps)) = (cases("ref_av2_det/visible"), data("av2/sensor/val")) else {
        return;
    };
    assert!(cases.len() >= 3);
    let mut compared = Compared::within(TOLERANCE);
    for case in &cases {
        check_case(case, &maps, &mut compared);
    }
    compared.finish(401);
}

fn params(categories: u32) -> Av2Params {
    Av2Params {
        categories: (0..categories).map(|class| format!("CLASS_{class}")).collect(),
        max_range_m: 40.0,
        max_num_dts_per_category: 5,
        eval_only_roi_instances: false,
        ..Av2Params::default()
    }
}

fn run(truth: &Truth3d, detections: &Detections3d) -> Matches {
    match_detections(truth, detections, &Keep::default(), &params(truth.classes)).unwrap()
}

/// Score, frame and row of a detection, with its label and the distance.
type Found = (f64, u32, usize, Option<(usize, f64)>);

/// The rules as they are told: AP at each threshold, and the errors.
fn plain(truth: &Truth3d, detections: &Detections3d, class: u32, params: &Av2Params) -> (Vec<f64>, [f64; 3]) {
    let away = |frame: u32, c: &Cuboid| (c.center - truth.ego[frame as usize]).length();
    let mut all: Vec<Found> = Vec::new();
    let mut positives = 0.0;
    for frame in 0..truth.ego.len() as u32 {
        let labels: Vec<usize> = (0..truth.len())
            .filter(|row| truth.class[*row] == class && truth.frame[*row] == frame)
            .filter(|row| away(frame, &truth.cuboid[*row]) < params.max_range_m && truth.points[*row] != Some(0))
            .collect();
        positives += labels.len() as f64;
        let mut rows: Vec<usize> = (0..detections.len())
            .filter(|row| detections.class[*row] == class && detections.frame[*row] == frame)
            .filter(|row| away(frame, &detections.cuboid[*row]) < params.max_range_m)
            .collect();
        rows.sort_by(|a, b| detections.score[*b].total_cmp(&detections.score[*a]));
        rows.truncate(params.max_num_dts_per_category as usize);
        let apart = |row: usize, label: usize| (detections.cuboid[row].center - truth.cuboid[label].center).length();
        let nearest = |row: usize| {
            labels
                .iter()
                .copied()
                .min_by(|a, b| apart(row, *a).total_cmp(&apart(row, *b)))
        };
        for (place, row) in rows.iter().enumerate() {
            let label =
                nearest(*row).filter(|label| !rows[..place].iter().any(|before| nearest(*before) == Some(*label)));
            all.push((
                detections.score[*row],
                frame,
                *row,
                label.map(|label| (label, apart(*row, label))),
            ));
        }
    }
    let largest = [2.0, 1.0, PI];
    if positives < 1.0 {
        return (vec![0.0; 4], largest);
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut aps = Vec::new();
    for limit in &params.affinity_thresholds_m {
        let mut hits = 0.0;
        let mut points = Vec::new();
        for (place, found) in all.iter().enumerate() {
            hits += f64::from(u8::from(found.3.is_some_and(|(_, distance)| distance < *limit)));
            points.push((hits / positives, hits / (place + 1) as f64));
        }
        // the best precision from here on
        for i in (1..points.len()).rev() {
            points[i - 1].1 = points[i - 1].1.max(points[i].1);
        }
        let at = |recall: f64| match points.iter().rposition(|p| p.0 <= recall) {
            None => points.first().map_or(0.0, |p| p.1),
            Some(last) if last + 1 == points.len() => {
                if recall > points[last].0 {
                    0.0
                } else {
                    points[last].1
                }
            }
            Some(i) => {
                let (a, b) = (points[i], points[i + 1]);
                a.1 + (recall - a.0) * (b.1 - a.1) / (b.0 - a.0)
            }
        };
        aps.push((0..=100).map(|i| at(recall_at(i))).sum::<f64>() / 101.0);
    }
    let errors: Vec<[f64; 3]> = all
        .iter()
        .filter_map(|found| {
            found
                .3
                .filter(|(_, distance)| *distance < params.tp_threshold_m)
                .map(|pair| (found.2, pair))
        })
        .map(|(row, (label, distance))| {
            let (d, g) = (&detections.cuboid[row], &truth.cuboid[label]);
            let iou = g.length.min(d.length) / g.length.max(d.length)
                * (g.width.min(d.width) / g.width.max(d.width))
                * (g.height.min(d.height) / g.height.max(d.height));
            let turn = (d.yaw() - g.yaw()).abs();
            [distance, 1.0 - iou, turn.min(2.0 * PI - turn)]
        })
        .collect();
    if errors.is_empty() {
        return (aps, largest);
    }
    let mean = |axis: usize| errors.iter().map(|e| e[axis]).sum::<f64>() / errors.len() as f64;
    (aps, [mean(0), mean(1), mean(2)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_plain_twin_finds_the_same(seed in any::<u64>()) {
        let (truth, detections) = scene(seed, 6, 3);
        let report = run(&truth, &detections).report();
        let params = params(3);
        for (name, class) in params.categories.iter().zip(0..) {
            let (aps, [ate, ase, aoe]) = plain(&truth, &detections, class, &params);
            let got = report.metrics.get(name).unwrap();
            for (got, ap) in report.average_precisions.get(name).unwrap().values().zip(&aps) {
                prop_assert!((got - ap).abs() < 1e-12, "{name}: {got} {ap}");
            }
            prop_assert!((got.ate - ate).abs() < 1e-9, "{} {ate}", got.ate);
            prop_assert!((got.ase - ase).abs() < 1e-9, "{} {ase}", got.ase);
            prop_assert!((got.aoe - aoe).abs() < 1e-9, "{} {aoe}", got.aoe);
            let ap = aps.iter().sum::<f64>() / 4.0;
            let cds = ap * (3.0 - ate / 2.0 - ase - aoe / PI) / 3.0;
            prop_assert!((got.ap - ap).abs() < 1e-12 && (got.cds - cds).abs() < 1e-9);
        }
    }

    #[test]
    fn a_slice_of_frames_is_an_evaluation_of_them(seed in any::<u64>(), mask in prop::collection::vec(any::<bool>(), 6)) {
        let (truth, detections) = scene(seed, 6, 3);
        let matches = run(&truth, &detections);
        let slices = [Slice::new("some").frames(mask.clone()), Slice::new("all")];
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
        let (truth, mut detections) = scene(seed, 6, 3);
        // of equal scores in a frame, a copy of the frame would have its own after all of the first's
        for (row, score) in detections.score.iter_mut().enumerate() {
            *score += row as f64 * 1e-6;
        }
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
        for (report, times) in [(&reports[3], times.clone()), (&reports[4], vec![2; 6])] {
            let (truth, detections) = repeated(&truth, &detections, &times);
            let copied = run(&truth, &detections).report();
            prop_assert_eq!(&report.report.labels, &copied.labels);
            prop_assert_eq!(&report.report.average_precisions, &copied.average_precisions);
            for (metrics, expected) in report.report.metrics.values().zip(copied.metrics.values()) {
                for (a, b) in [
                    (metrics.ap, expected.ap),
                    (metrics.ate, expected.ate),
                    (metrics.ase, expected.ase),
                    (metrics.aoe, expected.aoe),
                    (metrics.cds, expected.cds),
                ] {
                    prop_assert!((a - b).abs() < 1e-9, "{a} {b}");
                }
            }
        }
        // errors are means over the matches
        for (once, twice) in reports[0].report.metrics.values().zip(reports[4].report.metrics.values()) {
            for (a, b) in [(once.ate, twice.ate), (once.ase, twice.ase), (once.aoe, twice.aoe)] {
                prop_assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
        }
        // a draw has the same numbers, without the categories that it lost
        let drawn = matches.report_of_draw(&times).unwrap();
        let whole = &reports[3].report;
        let mut aps = Vec::new();
        for (name, class) in matches.params.categories.iter().zip(&matches.rows.per_class) {
            let lost = !class.label.is_empty() && class.positives(&slices[3]) == 0;
            prop_assert_eq!(drawn.metrics.get(name), whole.metrics.get(name).filter(|_| !lost));
            aps.extend(drawn.metrics.get(name).map(|metrics| metrics.ap));
        }
        if !aps.is_empty() {
            let mean = aps.iter().sum::<f64>() / aps.len() as f64;
            prop_assert!((drawn.average().unwrap().ap - mean).abs() < 1e-12);
        }
    }

    #[test]
    fn threads_do_not_matter(seed in any::<u64>()) {
        let (truth, detections) = scene(seed, 30, 3);
        let matches = run(&truth, &detections);
        for threads in [1, 3] {
            let other = on_threads(threads, || run(&truth, &detections));
            prop_assert_eq!(format!("{:?}", other.rows), format!("{:?}", matches.rows));
            prop_assert_eq!(on_threads(threads, || other.report()), matches.report());
        }
    }

    #[test]
    fn spoiled_files_never_panic(at in 0.0..1.0_f64, byte in any::<u8>(), cut in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let (gt, dt) = (folder.path().join("gt.feather"), folder.path().join("dt.feather"));
        write(&gt, &rows("num_interior_pts"), None);
        write(&dt, &rows("score"), Some(CompressionType::LZ4_FRAME));
        let mut bytes = std::fs::read(&dt).unwrap();
        let place = (at * bytes.len() as f64) as usize;
        bytes[place] = byte;
        if cut {
            bytes.truncate(place);
        }
        std::fs::write(&dt, bytes).unwrap();
        // an outcome or an error
        drop(read_inputs(&gt, &dt, &params(1), &Silent));
    }
}

/// A column of a Feather file.
#[derive(Clone)]
enum Column {
    Text(Vec<&'static str>),
    Integers(Vec<i64>),
    Numbers(Vec<Option<f64>>),
    /// Keys of values, as pandas writes categories.
    Categories(Vec<i8>, Vec<Option<&'static str>>),
    /// So many rows of a type that has no values.
    Nothing(usize),
}

/// Two boxes of one sweep, with a last column of this name.
fn rows(last: &'static str) -> Vec<(&'static str, Column)> {
    let numbers = |a: f64, b: f64| Column::Numbers(vec![Some(a), Some(b)]);
    vec![
        ("log_id", Column::Text(vec!["log", "log"])),
        ("timestamp_ns", Column::Integers(vec![5, 5])),
        ("category", Column::Text(vec!["CLASS_0", "CLASS_0"])),
        ("qw", numbers(1.0, 1.0)),
        ("qx", numbers(0.0, 0.0)),
        ("qy", numbers(0.0, 0.0)),
        ("qz", numbers(0.0, 0.0)),
        ("tx_m", numbers(10.0, 20.0)),
        ("ty_m", numbers(0.0, 0.0)),
        ("tz_m", numbers(0.0, 0.0)),
        ("length_m", numbers(4.0, 4.0)),
        ("width_m", numbers(2.0, 2.0)),
        ("height_m", numbers(1.5, 1.5)),
        (last, numbers(1.0, 0.5)),
    ]
}

fn write(path: &Path, columns: &[(&'static str, Column)], compression: Option<CompressionType>) {
    let arrays = columns.iter().map(|(name, column)| {
        let array: ArrayRef = match column {
            Column::Text(values) => Arc::new(StringArray::from(values.clone())),
            Column::Integers(values) => Arc::new(Int64Array::from(values.clone())),
            Column::Numbers(values) => Arc::new(Float64Array::from(values.clone())),
            Column::Categories(keys, values) => {
                let values = Arc::new(StringArray::from(values.clone()));
                Arc::new(DictionaryArray::<Int8Type>::try_new(keys.clone().into(), values).unwrap())
            }
            Column::Nothing(rows) => Arc::new(NullArray::new(*rows)),
        };
        (*name, array, true)
    });
    let batch = RecordBatch::try_from_iter_with_nullable(arrays).unwrap();
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
}

#[test]
fn a_file_may_be_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (gt, dt) = (folder.path().join("gt.feather"), folder.path().join("dt.feather"));
    write(&gt, &rows("num_interior_pts"), None);
    let mut columns = rows("score");
    for (name, column) in &mut columns {
        *column = match *name {
            "log_id" => Column::Text(vec![]),
            "timestamp_ns" => Column::Integers(vec![]),
            "category" => Column::Categories(vec![], vec![]),
            _ => Column::Numbers(vec![]),
        };
    }
    for compression in [None, Some(CompressionType::ZSTD)] {
        write(&dt, &columns, compression);
        let inputs = read_inputs(&gt, &dt, &params(1), &Silent).unwrap();
        assert_eq!((inputs.truth.len(), inputs.detections.len()), (2, 0));
    }
}

type Spoil = Box<dyn Fn(&mut Vec<(&'static str, Column)>)>;

#[test]
fn what_is_wrong_with_files_is_told() {
    let set = |name: &'static str, column: Column| {
        move |columns: &mut Vec<(&'static str, Column)>| {
            for (known, old) in columns.iter_mut() {
                if *known == name {
                    *old = column.clone();
                }
            }
        }
    };
    let spoils: Vec<(&str, Spoil)> = vec![
        ("nothing", Box::new(|_| {})),
        ("no score", Box::new(|columns| drop(columns.pop()))),
        (
            "a size of 0",
            Box::new(set("width_m", Column::Numbers(vec![Some(2.0), Some(0.0)]))),
        ),
        (
            "NaN",
            Box::new(set("tx_m", Column::Numbers(vec![Some(f64::NAN), Some(0.0)]))),
        ),
        (
            "a missing value",
            Box::new(set("ty_m", Column::Numbers(vec![Some(1.0), None]))),
        ),
        (
            "a score of NaN",
            Box::new(set("score", Column::Numbers(vec![Some(f64::NAN), Some(0.0)]))),
        ),
        (
            "a score of 2",
            Box::new(set("score", Column::Numbers(vec![Some(2.0), Some(0.0)]))),
        ),
        ("text for numbers", Box::new(set("tx_m", Column::Text(vec!["1", "2"])))),
        (
            "numbers for text",
            Box::new(set("log_id", Column::Integers(vec![1, 2]))),
        ),
        (
            "an unknown category",
            Box::new(set("category", Column::Text(vec!["CLASS_0", "TRAM"]))),
        ),
        (
            "categories",
            Box::new(set(
                "category",
                Column::Categories(vec![1, 0], vec![Some("TRAM"), Some("CLASS_0")]),
            )),
        ),
        (
            "a category without a name",
            Box::new(set(
                "category",
                Column::Categories(vec![0, 1], vec![Some("CLASS_0"), None]),
            )),
        ),
        ("rows without a type", Box::new(set("score", Column::Nothing(2)))),
        (
            "another sweep",
            Box::new(set("timestamp_ns", Column::Integers(vec![5, 6]))),
        ),
        (
            "no rotation",
            Box::new(set("qw", Column::Numbers(vec![Some(0.0), Some(1.0)]))),
        ),
    ];
    let mut out: Vec<String> = Vec::new();
    for (what, spoil) in spoils {
        let folder = tempfile::tempdir().unwrap();
        let (gt, dt) = (folder.path().join("gt.feather"), folder.path().join("dt.feather"));
        write(&gt, &rows("num_interior_pts"), None);
        let mut columns = rows("score");
        spoil(&mut columns);
        write(&dt, &columns, Some(CompressionType::ZSTD));
        let warned = Collect::default();
        let params = params(1);
        let result = read_inputs(&gt, &dt, &params, &warned).and_then(|inputs| evaluate(&inputs, None, &params));
        let show = |(report, _): (FilesReport, Matches)| {
            format!(
                "AP {:.3} of {} sweeps, {} of {} detections",
                report.report.average().unwrap().ap,
                report.n_sweeps,
                report.dts_evaluated,
                report.n_dts
            )
        };
        out.push(format!("--- {what}\n{}\n", told(result, show, &warned, folder.path())));
    }

    // files and folders that are none
    let folder = tempfile::tempdir().unwrap();
    let (gt, dt) = (folder.path().join("gt.feather"), folder.path().join("dt.feather"));
    write(&gt, &rows("num_interior_pts"), None);
    std::fs::write(&dt, "log_id,score\n").unwrap();
    let warned = Collect::default();
    let params = params(1);
    out.push(format!(
        "--- not Feather\n{}\n",
        told(
            read_inputs(&gt, &dt, &params, &warned),
            |_| String::new(),
            &warned,
            folder.path()
        )
    ));
    write(&dt, &rows("score"), None);
    let inputs = read_inputs(&gt, &dt, &params, &Silent).unwrap();
    let mut map = |what: &str| {
        let keep = region_of_interest(&inputs, folder.path(), &params.roi);
        out.push(format!(
            "--- {what}\n{}\n",
            told(keep, |keep| format!("{keep:?}"), &warned, folder.path())
        ));
    };
    map("no map");
    std::fs::create_dir_all(folder.path().join("log/map")).unwrap();
    map("an empty folder of maps");
    let path = folder.path().join("log/map/log_map_archive_log.json");
    std::fs::write(&path, "{\"drivable_areas\": \n{\"1\": {}}}").unwrap();
    map("an area without a boundary");
    std::fs::write(&path, "{\"drivable_areas\": {}}").unwrap();
    map("no areas");
    let corners = [(-1, -1), (12, -1), (12, 1), (-1, 1)]
        .map(|(x, y)| format!("{{\"x\": {x}, \"y\": {y}, \"z\": 0}}"))
        .join(", ");
    std::fs::write(
        &path,
        format!("{{\"drivable_areas\": {{\"1\": {{\"id\": 1, \"area_boundary\": [{corners}]}}}}}}"),
    )
    .unwrap();
    map("no poses");
    let mut poses = rows("score");
    poses.retain(|(name, _)| !name.contains("_id"));
    set("tx_m", Column::Numbers(vec![Some(0.0), Some(0.0)]))(&mut poses);
    let path = folder.path().join("log/city_SE3_egovehicle.feather");
    write(&path, &poses, None);
    map("all there");
    set("timestamp_ns", Column::Integers(vec![1, 2]))(&mut poses);
    write(&path, &poses, None);
    map("no pose of the sweep");
    let err = evaluate(
        &inputs,
        None,
        &Av2Params {
            eval_only_roi_instances: true,
            ..params.clone()
        },
    )
    .unwrap_err();
    out.push(format!("--- no folder\n{err}\n"));
    insta::assert_snapshot!(out.concat());
}

#[test]
fn nothing_at_all_scores_nothing() {
    let report = run(&Truth3d::new(vec![DVec3::ZERO; 3], 2), &Detections3d::default()).report();
    let average = report.average().unwrap();
    assert!(average.ap.abs() < f64::EPSILON && (average.aoe - PI).abs() < f64::EPSILON);
}

#[test]
#[ignore = "a measurement: cargo test --release -p guideway-eval -- --ignored --nocapture large_sets"]
fn large_sets_take_seconds() {
    let params = Av2Params::default();
    let (truth, detections) = large(40_000, params.categories.len() as u32);
    for threads in [1, 2] {
        on_threads(threads, || {
            let matches = timed(&format!("Argoverse 2, {threads} threads: matching"), || {
                match_detections(&truth, &detections, &Keep::default(), &params).unwrap()
            });
            let report = timed("  report", || matches.report());
            println!("  AP {:.4}", report.average().unwrap().ap);
        });
    }
}

#[test]
#[ignore = "a measurement: cargo test --release -p guideway-eval -- --ignored --nocapture draws_take"]
fn draws_take_milliseconds() {
    let params = params(10);
    // 64,000 labels and as many detections, 40 recordings
    let frames = 2134;
    let (truth, detections) = large(frames, 10);
    let groups: Vec<u32> = (0..frames).map(|frame| frame % 40).collect();
    let bootstrap = BootstrapParams {
        resamples: 100,
        ..BootstrapParams::default()
    };
    let matches = match_detections(&truth, &detections, &Keep::default(), &params).unwrap();
    for threads in [1, 2] {
        on_threads(threads, || {
            let ends = timed(&format!("Argoverse 2, {threads} threads: 100 draws"), || {
                let draw = |times: &[u32]| vec![matches.report_of_draw(times).unwrap().average().map(|all| all.cds)];
                intervals_of(&groups, &bootstrap, draw).unwrap()
            });
            println!("  CDS {ends:.4?}");
        });
    }
}
