//! What tracking input can have wrong with it.

use std::borrow::Borrow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use guideway_core::{Hint as _, Reporter, Task, Warning};
use guideway_eval::EvalError;
use guideway_eval::assign::{PairMatrix, assign_all};
use guideway_eval::coco::CocoParams;
use guideway_eval::coco::files::Input;
use guideway_eval::mot::files::{Kitti, MotChallenge};
use guideway_eval::mot::nuscenes::{CenterBox, CenterFrame, SweepParams, sweep};
use guideway_eval::mot::scalabel::{Category, ScalabelTrackParams, evaluate_det, evaluate_track, read_frames};
use guideway_eval::mot::{
    Accumulator, BoxFormat, BoxFrame, BoxSequence, ClassRules, DistanceView, FirstPass, MotParams, RuleFilter,
    TrackFrame, TrackParams, TrackReport, count_boxes, evaluate_boxes, evaluate_each,
};
use proptest::prelude::*;

/// Keeps the warnings.
#[derive(Default)]
struct Collect(Mutex<Vec<Warning>>);

impl Reporter for Collect {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) -> Box<dyn Task> {
        guideway_core::Silent.begin(what, total, unit)
    }

    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning);
    }
}

impl Collect {
    /// The warnings as lines, without the folders of the test.
    fn lines(&self, folder: &str) -> Vec<String> {
        let warnings = self.0.lock().unwrap();
        let lines = warnings.iter();
        lines
            .map(|w| {
                format!(
                    "  {} ×{} in {}: {}",
                    w.code,
                    w.count,
                    w.location.replace(folder, "."),
                    w.message
                )
            })
            .collect()
    }
}

fn show<T>(outcome: Result<T, EvalError>) -> String {
    match outcome {
        Ok(_) => "fine".to_owned(),
        Err(err) => format!("{err}\n  hint: {}", err.hint().unwrap_or_default()),
    }
}

fn input(text: &str) -> Input<'_> {
    Input {
        name: "file",
        bytes: text.as_bytes(),
    }
}

fn snapshot(cases: &[(&str, String)]) -> String {
    cases
        .iter()
        .map(|(name, got)| format!("## {name}\n{got}\n"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn lines_of_files() {
    let gt = |text: &str| show(MotChallenge::read_labels(input(text), 5));
    let tracks = |text: &str| show(MotChallenge::default().read_predictions(input(text), 5));
    let kitti = |text: &str| show(Kitti::default().read_labels(input(text), 5));
    let kitti_tracks = |text: &str| show(Kitti::default().read_predictions(input(text), 5));
    let cases = [
        ("good", gt("1,1,0,0,5,5,1,1,1\n\n2.0, 1, 0,0,5,5,1,1,1,\n")),
        (
            "byte order mark, blanks, no final line end",
            tracks("\u{feff}1 1 0 0 5 5 0.5"),
        ),
        ("nothing", tracks("")),
        ("not a number", gt("1,1,0,0,5,5,1,1\n1,2,abc,0,5,5,1,1\n")),
        ("NaN", gt("1,1,0,nan,5,5,1,1\n")),
        ("infinite", tracks("1,1,0,0,inf,5,1\n")),
        ("frame 0", gt("0,1,0,0,5,5,1,1\n")),
        ("frame beyond the end", tracks("6,1,0,0,5,5,1\n")),
        ("frame in between", tracks("1.5,1,0,0,5,5,1\n")),
        ("track in between", tracks("1,1.5,0,0,5,5,1\n")),
        ("detections without tracks", tracks("1,-1,0,0,5,5,1\n")),
        ("no class", gt("1,1,0,0,5,5,1\n")),
        ("no confidence", tracks("1,1,0,0,5,5\n")),
        ("predicted car", tracks("1,1,0,0,5,5,1,3\n")),
        ("huge id", tracks("1,1e300,0,0,5,5,1\n")),
        ("binary", tracks("\u{0}\u{1}\u{fffd}")),
        (
            "seqinfo without length",
            show(MotChallenge::read_length(input("[Sequence]\nname=a\n"))),
        ),
        (
            "seqinfo with odd length",
            show(MotChallenge::read_length(input("seqLength=-3\n"))),
        ),
        (
            "seqinfo with more frames than can be",
            show(MotChallenge::read_length(input("seqLength=4294967295\n"))),
        ),
        (
            "kitti, good",
            kitti("0 -1 DontCare -1 -1 -10 0 0 5 5 -1 -1 -1 -1 -1 -1 -1\n0 3 car 0 0 0 0 0 5 5\n"),
        ),
        ("kitti, unknown class", kitti("0 1 Cra 0 0 0 0 0 5 5\n")),
        ("kitti, cut off", kitti("0 1 Car 0 0 0 0 0 5\n")),
        (
            "kitti, odd score",
            kitti_tracks("0 1 Car 0 0 0 0 0 5 5 1 1 1 0 0 0 0 high\n"),
        ),
        ("seqmap", show(Kitti::read_seqmap(input("0001 empty 000000 -4\n")))),
    ];
    insta::assert_snapshot!(snapshot(&cases));
}

proptest! {
    /// Whatever stands in a file, reading it ends with columns that are valid, or with an error.
    #[test]
    fn no_text_panics(text in "([0-9.,+ -]{0,4}|nan|Car|DontCare|\n|,|e9|\\PC){0,40}") {
        let reader = MotChallenge::default();
        drop(MotChallenge::read_labels(input(&text), 5));
        drop(MotChallenge::read_length(input(&text)));
        drop(Kitti::read_seqmap(input(&text)));
        drop(read_frames(input(&text)));
        drop(Kitti::default().read_labels(input(&text), 5));
        drop(Kitti::default().read_predictions(input(&text), 5));
        if let Ok(tracks) = reader.read_predictions(input(&text), 5) {
            let sequence = BoxSequence { frames: 5, tracks, ..BoxSequence::default() };
            prop_assert!(sequence.validate().is_ok());
        }
    }
}

#[test]
fn frames() {
    let params = TrackParams::default();
    let frame = |labels: &[u64], predictions: &[u64], similarity: PairMatrix| {
        let mut first = FirstPass::new(&params).unwrap().named("SEQ", 1);
        let frame = TrackFrame {
            labels: labels.to_vec(),
            predictions: predictions.to_vec(),
            similarity,
        };
        first.push(frame.view())?;
        let mut second = first.second();
        second.push(frame.view())?;
        second.finish()
    };
    let lost = || {
        let view = TrackFrame {
            labels: vec![1],
            predictions: vec![],
            similarity: PairMatrix::new(1, 0, 0.0),
        };
        let mut first = FirstPass::new(&params)?;
        first.push(view.view())?;
        first.second().finish()
    };
    let stranger = || {
        let view = TrackFrame {
            labels: vec![1],
            predictions: vec![],
            similarity: PairMatrix::new(1, 0, 0.0),
        };
        FirstPass::new(&params)?.second().push(view.view())
    };
    let distances = |value: f64| {
        let distances = PairMatrix::new(1, 1, value);
        let view = DistanceView {
            labels: &[1],
            predictions: &[1],
            distances: &distances,
        };
        Accumulator::default().push(view).map(<[_]>::len)
    };
    let odd = |change: fn(&mut TrackParams)| {
        let mut params = TrackParams::default();
        change(&mut params);
        show(params.check())
    };
    let cases = [
        ("nothing", show(frame(&[], &[], PairMatrix::default()))),
        ("good", show(frame(&[1], &[1, 2], PairMatrix::new(1, 2, 1.0)))),
        ("wrong shape", show(frame(&[1, 2], &[1], PairMatrix::new(1, 1, 1.0)))),
        ("NaN", show(frame(&[1], &[1], PairMatrix::new(1, 1, f64::NAN)))),
        ("beyond 1", show(frame(&[1], &[1, 2], PairMatrix::new(1, 2, 1.5)))),
        ("label twice", show(frame(&[4, 4], &[1], PairMatrix::new(2, 1, 0.5)))),
        (
            "prediction twice",
            show(frame(&[4], &[9, 9], PairMatrix::new(1, 2, 0.5))),
        ),
        ("second pass too short", show(lost())),
        ("stranger in the second pass", show(stranger())),
        ("no distance", show(distances(f64::NAN))),
        ("negative distance", show(distances(-1.0))),
        ("infeasible", show(assign_all(&PairMatrix::new(2, 2, f64::INFINITY)))),
        ("alphas", odd(|p| p.alphas = vec![0.5, 0.1])),
        ("threshold", odd(|p| p.clear_threshold = f64::NAN)),
    ];
    insta::assert_snapshot!(snapshot(&cases));
}

#[test]
fn sequences_of_boxes() {
    let good = || {
        let mut sequence = BoxSequence {
            name: "SEQ".to_owned(),
            frames: 2,
            first_frame: 1,
            ..BoxSequence::default()
        };
        sequence.labels.push(0, 1, 1, [0.0, 0.0, 9.0, 9.0]);
        sequence.labels.push(1, 1, 1, [0.0, 0.0, 9.0, 9.0]);
        sequence.tracks.push(0, 1, 1, [0.0, 0.0, 9.0, 9.0], 1.0);
        sequence
    };
    let run = |change: fn(&mut BoxSequence)| {
        let mut sequence = good();
        change(&mut sequence);
        show(evaluate_boxes(
            &[sequence],
            &[ClassRules::mot17()],
            &TrackParams::default(),
        ))
    };
    let motmetrics = |params: MotParams| show(count_boxes(&good(), &params));
    let cases = [
        ("good", run(|_| ())),
        ("column", run(|s| s.labels.mark.truncate(1))),
        ("order", run(|s| s.labels.frame.reverse())),
        ("frame", run(|s| s.tracks.frame[0] = 2)),
        ("NaN", run(|s| s.tracks.boxes[0][2] = f64::NAN)),
        ("negative size", run(|s| s.tracks.boxes[0] = [5.0, 5.0, -3.0, -3.0])),
        ("unknown class", run(|s| s.labels.class[0] = 77)),
        ("unknown class without predictions", run(|s| s.labels.class[1] = 77)),
        ("twice", run(|s| s.tracks.push(0, 1, 1, [0.0; 4], 1.0))),
        ("no frames", run(|s| *s = BoxSequence::default())),
        (
            "a frame with a short column",
            show(
                RuleFilter::new(&ClassRules::mot17(), BoxFormat::Xywh)
                    .unwrap()
                    .apply(
                        &BoxFrame {
                            labels: &[1, 2],
                            ..BoxFrame::default()
                        },
                        &|| "frame 3".to_owned(),
                    )
                    .map(|view| view.labels.len()),
            ),
        ),
        (
            "odd rules",
            show(evaluate_boxes(
                &[good()],
                &[ClassRules {
                    distractors: vec![1],
                    ..ClassRules::mot17()
                }],
                &TrackParams::default(),
            )),
        ),
        (
            "odd distance",
            motmetrics(MotParams {
                max_distance: f64::NAN,
                ..MotParams::default()
            }),
        ),
    ];
    insta::assert_snapshot!(snapshot(&cases));
}

#[test]
fn folders() {
    let folder = tempfile_folder("folders");
    let at = |name: &str| folder.join(name);
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        std::fs::write(at(name), text).unwrap();
    };
    let shown = folder.display().to_string();
    let mut lines = Vec::new();
    let mut run = |what: &str| {
        let reporter = Collect::default();
        let reader = MotChallenge::default();
        let (rules, params) = ([ClassRules::mot15()], TrackParams::default());
        let outcome = show(reader.evaluate_folder(&at("gt"), &at("trk"), &rules, &params, &reporter));
        lines.push(format!("## {what}\n{}", outcome.replace(&shown, ".")));
        lines.extend(reporter.lines(&shown));
    };
    std::fs::create_dir_all(at("gt")).unwrap();
    run("an empty folder");
    write("gt/A/gt/gt.txt", "1,1,0,0,5,5,1,1,1\n1,2,0,0,-5,5,1,1,1\n");
    run("no seqinfo.ini");
    write("gt/A/seqinfo.ini", "[Sequence]\nseqLength = 1\n");
    run("no predictions");
    write("trk/data/A.txt", "");
    write("trk/data/B.txt", "1,1,0,0,5,5,1\n");
    run("no boxes in one, another too many");
    write("gt/A/gt/gt.txt", "1,1,0,0,5,5,1,1,1\n1,1,9,9,5,5,1,1,1\n");
    run("a track twice");

    write("kitti/evaluate_tracking.seqmap.val", "0000 empty 000000 000002\n");
    write(
        "kitti/label_02/0000.txt",
        "0 -1 Car 0 0 0 0 0 5 5\n0 1 Car 0 0 0 5 5 0 0\n",
    );
    write("trk/data/0000.txt", "1 -1 Car 0 0 0 0 0 5 5\n");
    let reporter = Collect::default();
    let kitti = |split: &str| {
        let (rules, params) = (ClassRules::kitti(), TrackParams::default());
        Kitti::default().evaluate_folder(&at("kitti"), split, &at("trk"), &rules, &params, &reporter)
    };
    lines.push(format!("## KITTI\n{}", show(kitti("val"))));
    lines.extend(reporter.lines(&shown));
    lines.push(format!(
        "## KITTI without seqmap\n{}",
        show(kitti("test")).replace(&shown, ".")
    ));
    insta::assert_snapshot!(lines.join("\n"));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// What is told of a folder, and in which order, is that of reading and evaluating its sequences one after the other, for any number of threads.
#[test]
fn many_sequences_are_as_one_after_the_other() {
    let folder = tempfile_folder("many");
    let shown = folder.display().to_string();
    let (gt, tracker) = (folder.join("gt"), folder.join("trk"));
    std::fs::create_dir_all(tracker.join("data")).unwrap();
    let box_of = |frame: u32, id: u32, width: i32| format!("{frame},{id},{},0,{width},80,1,1,1\n", 3 * frame + 50 * id);
    for sequence in 0..12 {
        let at = gt.join(format!("{sequence:02}"));
        std::fs::create_dir_all(at.join("gt")).unwrap();
        std::fs::write(at.join("seqinfo.ini"), "[Sequence]\nseqLength=40\n").unwrap();
        let rows = |width: i32| {
            let boxes = (1..=40).flat_map(|frame| (1..=1 + sequence % 4).map(move |id| (frame, id)));
            boxes.map(|(frame, id)| box_of(frame, id, width)).collect::<String>()
        };
        // labels without area, more of them in later sequences: a warning for each sequence
        let empty: String = (0..=sequence).map(|row| box_of(40, 100 + row, 0)).collect();
        std::fs::write(at.join("gt/gt.txt"), rows(40) + &empty).unwrap();
        std::fs::write(tracker.join(format!("data/{sequence:02}.txt")), rows(36)).unwrap();
    }
    std::fs::write(tracker.join("data/others.txt"), "").unwrap();
    let (reader, rules, params) = (
        MotChallenge::default(),
        [ClassRules::mot17(), ClassRules::everything("all")],
        TrackParams::default(),
    );
    let one_by_one = || {
        let reporter = Collect::default();
        let evaluate = |name: &String| {
            let sequence = reader.read_sequence(&gt, &tracker, name, &reporter)?;
            Ok(evaluate_boxes(&[sequence], &rules, &params)?.sequences.remove(0))
        };
        let sequences: Result<Vec<_>, EvalError> = MotChallenge::sequences(&gt).unwrap().iter().map(evaluate).collect();
        (sequences.map(TrackReport::new), reporter.lines(&shown))
    };
    let together = |threads: usize| {
        let reporter = Collect::default();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let report = pool.install(|| reader.evaluate_folder(&gt, &tracker, &rules, &params, &reporter));
        (report, reporter.lines(&shown))
    };

    let (report, mut warnings) = one_by_one();
    let report = report.unwrap();
    assert_eq!((report.sequences.len(), warnings.len()), (12, 12));
    for threads in [1, 2, 5, 16] {
        let (got, mut told) = together(threads);
        assert_eq!(got.unwrap(), report, "{threads} threads");
        let last = told.pop().unwrap();
        assert!(last.contains("unknown-sequence ×1"), "{last}");
        assert_eq!(told, warnings, "{threads} threads");
    }

    // one cannot be read, and one before it cannot be evaluated
    std::fs::write(tracker.join("data/09.txt"), "1,1,0,0,5,abc,1\n").unwrap();
    for broken in ["09", "06"] {
        if broken == "06" {
            std::fs::write(tracker.join("data/06.txt"), "1,1,0,0,5,5,1\n1,1,0,0,5,5,1\n").unwrap();
        }
        let (failed, told_before) = one_by_one();
        let expected = show(failed);
        assert!(expected.contains(broken), "{expected}");
        warnings.truncate(told_before.len());
        assert_eq!(told_before, warnings);
        for threads in [1, 2, 5, 16] {
            let (got, told) = together(threads);
            assert_eq!(
                (show(got), told),
                (expected.clone(), warnings.clone()),
                "{threads} threads"
            );
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// No more sequences are in memory than there are threads.
#[test]
fn sequences_in_memory_are_bounded_by_threads() {
    /// Counts itself while it lives.
    struct Counted<'a>(BoxSequence, &'a AtomicUsize);

    impl Borrow<BoxSequence> for Counted<'_> {
        fn borrow(&self) -> &BoxSequence {
            &self.0
        }
    }

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::SeqCst);
        }
    }

    let rules: Vec<ClassRules> = (0..6).map(|class| ClassRules::everything(&class.to_string())).collect();
    for threads in [1, 3] {
        let (alive, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let read = |seed: &u32, _: &dyn Reporter| {
            most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let mut sequence = BoxSequence {
                name: seed.to_string(),
                frames: 50,
                ..BoxSequence::default()
            };
            for frame in 0..50 {
                sequence.labels.push(frame, 1, 1, [0.0, 0.0, 9.0, 9.0]);
                sequence.tracks.push(frame, 1, 1, [0.0, 0.0, 9.0, 8.0], 1.0);
            }
            Ok(Counted(sequence, &alive))
        };
        let sources: Vec<u32> = (0..40).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let params = TrackParams::default();
        let report = pool.install(|| evaluate_each(&sources, read, &rules, &params, &guideway_core::Silent).unwrap());
        assert_eq!(report.sequences.len(), 40);
        assert!(
            most.load(Ordering::SeqCst) <= threads,
            "{most:?} with {threads} threads"
        );
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }
}

/// An empty folder beside the target.
fn tempfile_folder(name: &str) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mot-{name}-{}", std::process::id()));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

const GT: &str = r#"[{"name": "a", "videoName": "v", "frameIndex": 0, "labels": [
    {"id": 1, "category": "car", "box2d": {"x1": 0, "y1": 0, "x2": 9, "y2": 9}},
    {"id": "lane", "category": "lane/solid"}]}]"#;
const DT: &str = r#"{"frames": [{"name": "a", "videoName": "v", "frameIndex": 0, "labels": [
    {"id": "7", "category": "car", "score": 0.5, "box2d": {"x1": 0, "y1": 0, "x2": 9, "y2": 9}}]}]}"#;

#[test]
fn scalabel() {
    let run = |gt: &str, dt: &str, skip_unknown: bool| {
        let reporter = Collect::default();
        let params = ScalabelTrackParams {
            skip_unknown,
            ..ScalabelTrackParams::new(Category::bdd100k_track())
        };
        let outcome = read_frames(input(gt)).and_then(|gt| {
            let dt = read_frames(input(dt))?;
            let track = evaluate_track(&gt, &dt, &params, &reporter)?;
            evaluate_det(&gt, &dt, &params.categories, &CocoParams::default(), &reporter)?;
            Ok(track)
        });
        let mut lines = vec![match outcome {
            Ok(report) => format!("MOTA {:?}", report.overall.mota),
            Err(err) => show::<()>(Err(err)),
        }];
        lines.extend(reporter.lines("-"));
        lines.join("\n")
    };
    let dt = |from: &str, to: &str| run(GT, &DT.replacen(from, to, 1), false);
    let cases = [
        ("good", run(GT, DT, false)),
        ("not JSON", run(GT, "hello", false)),
        ("NaN", dt("0.5", "NaN")),
        ("cut off", run(GT, &DT[..50], false)),
        ("no id", dt(r#""id": "7", "#, "")),
        ("unknown category", dt("car", "cra")),
        ("unknown category, left out", run(GT, &DT.replace("car", "cra"), true)),
        ("no video", dt(r#""videoName": "v", "#, "")),
        ("another video", dt(r#""v""#, r#""w""#)),
        ("no predictions", run(GT, "[]", false)),
        ("another frame", dt(r#""frameIndex": 0"#, r#""frameIndex": 1"#)),
        ("another name", dt(r#""name": "a""#, r#""name": "b""#)),
        ("no score", dt(r#""score": 0.5, "#, "")),
        (
            "a track twice",
            dt(
                r#"{"id": "7","#,
                r#"{"id": "7", "category": "car", "score": 1, "box2d": {"x1": 0, "y1": 0, "x2": 9, "y2": 9}}, {"id": "7","#,
            ),
        ),
        ("no labels at all", run(&GT.replace(r#""labels""#, r#""l""#), DT, false)),
    ];
    insta::assert_snapshot!(snapshot(&cases));
}

#[test]
fn scenes() {
    let one = CenterBox {
        track: 1,
        class: 0,
        center: [0.0; 3],
        score: 0.5,
    };
    let run = |frames: &[(i64, Vec<CenterBox>)]| {
        let scene = frames.iter().map(|(time, boxes)| CenterFrame {
            time: *time,
            labels: vec![],
            predictions: boxes.clone(),
        });
        show(sweep(&[scene.collect()], &SweepParams::default()))
    };
    let odd = |params: SweepParams| show(params.check());
    let cases = [
        ("no frames", run(&[])),
        ("order", run(&[(5, vec![]), (5, vec![])])),
        ("class", run(&[(0, vec![CenterBox { class: 7, ..one }])])),
        ("NaN", run(&[(0, vec![CenterBox { score: f64::NAN, ..one }])])),
        ("twice", run(&[(0, vec![one, one])])),
        (
            "too many",
            run(&[(0, (0..501).map(|track| CenterBox { track, ..one }).collect())]),
        ),
        (
            "parameters",
            odd(SweepParams {
                min_recall: 0.0,
                ..SweepParams::default()
            }),
        ),
    ];
    insta::assert_snapshot!(snapshot(&cases));
}
