//! What is asked and what comes back: determinism, the perfect pool, the classes asked for, what is refused.

use guideway_core::{BBox, Hint as _};
use guideway_label::{
    Answer, Currency, LabelError, Labeler, LabelerConfig, LabelersFile, Money, Outcome, Pool, Refusal,
    SimulatedLabeler, Tally, Task, TruthBox,
};

const CLASSES: [&str; 4] = ["car", "van", "truck", "pedestrian"];

/// Objects of all sizes in a frame.
fn scene(objects: usize) -> Vec<TruthBox> {
    (0..objects)
        .map(|i| {
            let height = 8.0 + 7.0 * (i % 20) as f64;
            let (x, y) = ((i * 97 % 1600) as f64, (i * 53 % 700) as f64);
            TruthBox {
                occlusion: Some((i % 5) as f64 / 5.0),
                track_id: Some(format!("track-{i}")),
                ..TruthBox::new(
                    format!("label-{i}"),
                    CLASSES[i % CLASSES.len()],
                    BBox::from_xywh(x, y, 1.5 * height, height),
                )
            }
        })
        .collect()
}

fn classes(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn task<'a>(frame_id: &'a str, classes: &'a [String], truth: &'a [TruthBox]) -> Task<'a> {
    Task {
        frame_id,
        width: 1920,
        height: 1080,
        classes,
        truth,
    }
}

fn three() -> Pool {
    Pool::from_toml(
        "seed = 11\n[[labelers]]\nname = \"a\"\n[[labelers]]\nname = \"b\"\nshare = 2.0\ninvent_rate = 2.0\n\
         [[labelers]]\nname = \"c\"\nrefusal_rate = 0.3",
    )
    .unwrap()
}

#[test]
fn answers_do_not_depend_on_order_threads_or_repetition() {
    let pool = three();
    let truth = scene(40);
    let asked = classes(&CLASSES);
    let frames: Vec<String> = (0..60).map(|i| format!("frame-{i}")).collect();
    let label = |frame: &String| pool.label(&task(frame, &asked, &truth)).unwrap();
    let forward: Vec<Answer> = frames.iter().map(label).collect();
    let mut backward: Vec<Answer> = frames.iter().rev().map(label).collect();
    backward.reverse();
    assert_eq!(forward, backward);
    let threaded: Vec<Answer> = std::thread::scope(|scope| {
        let parts: Vec<_> = frames
            .chunks(7)
            .map(|chunk| scope.spawn(move || chunk.iter().map(label).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert_eq!(forward, threaded);
    let again = Pool::new(pool.file().clone()).unwrap();
    assert_eq!(again.label(&task(&frames[0], &asked, &truth)).unwrap(), forward[0]);
    // But everybody, every frame and every seed differs.
    let [a, b] = [0, 1].map(|i| pool.labelers()[i].label(&task("x", &asked, &truth)).unwrap());
    assert_ne!(a.boxes()[0].bbox, b.boxes()[0].bbox);
    let other = Pool::new(LabelersFile {
        seed: 12,
        ..pool.file().clone()
    })
    .unwrap();
    assert_ne!(other.labelers()[0].label(&task("x", &asked, &truth)).unwrap(), a);
    assert_ne!(
        pool.labelers()[0].label(&task("y", &asked, &truth)).unwrap().boxes(),
        a.boxes()
    );
}

#[test]
fn a_box_is_drawn_the_same_whatever_else_is_in_the_frame() {
    let config = LabelerConfig {
        invent_rate: 0.0,
        ..LabelerConfig::default()
    };
    let labeler = SimulatedLabeler::new(config, 3, Currency::USD).unwrap();
    let asked = classes(&CLASSES);
    let truth = scene(40);
    let all = labeler.label(&task("f", &asked, &truth)).unwrap();
    let mut reversed = truth.clone();
    reversed.reverse();
    let back = labeler.label(&task("f", &asked, &reversed)).unwrap();
    assert!(all.boxes().iter().eq(back.boxes().iter().rev()));
    let half = labeler.label(&task("f", &asked, &truth[..20])).unwrap();
    assert_eq!(half.boxes(), &all.boxes()[..half.boxes().len()]);
}

#[test]
fn the_perfect_pool_gives_the_truth_back() {
    let pool = Pool::perfect();
    let truth: Vec<TruthBox> = scene(40)
        .into_iter()
        .chain([TruthBox {
            is_crowd: true,
            occlusion: Some(1.0),
            ..TruthBox::new("crowd", "car", BBox::new(0.1, 0.2, 0.3, 0.4))
        }])
        .collect();
    let all = task("f", &[], &truth);
    let answer = pool.label(&all).unwrap();
    assert_eq!(answer.boxes().len(), truth.len());
    for (drawn, truth) in answer.boxes().iter().zip(&truth) {
        assert_eq!(drawn.class, truth.class);
        assert_eq!(drawn.bbox, truth.bbox);
        assert_eq!(drawn.truth_id.as_ref(), Some(&truth.label_id));
        assert_eq!(drawn.track_id, truth.track_id);
        assert_eq!((drawn.is_crowd, drawn.is_ignored), (truth.is_crowd, truth.is_ignored));
    }
    assert_eq!(answer.seconds, 8.0 + 41.0 * 26.0);
    assert_eq!(answer.price, Money::parse("$1.488", Currency::USD).unwrap());
    let estimate = pool.estimate(41).unwrap();
    assert_eq!((estimate.seconds, estimate.price), (answer.seconds, answer.price));
    assert_eq!(estimate.price_at_most, answer.price);
    let mut tally = Tally::new(pool.currency());
    tally.add(&all, &answer).unwrap();
    assert_eq!(
        (tally.objects, tally.boxes, tally.missed, tally.confused, tally.invented),
        (41, 41, 0, 0, 0)
    );
    assert_eq!(tally.mean_iou(), Some(1.0));
    let asked = classes(&["van", "pedestrian"]);
    let some = pool.label(&task("f", &asked, &truth)).unwrap();
    assert!(
        some.boxes()
            .iter()
            .eq(answer.boxes().iter().filter(|b| asked.contains(&b.class)))
    );
}

#[test]
fn what_lies_outside_the_image_is_not_drawn() {
    let truth = [
        TruthBox::new("hidden", "car", BBox::default()),
        TruthBox::new("beside", "car", BBox::new(1920.0, 10.0, 2000.0, 50.0)),
        TruthBox::new("inside out", "car", BBox::new(50.0, 10.0, 40.0, 50.0)),
        TruthBox::new("cut", "car", BBox::new(-30.0, 1000.0, 40.0, 1100.0)),
    ];
    let task = task("f", &[], &truth);
    let answer = Pool::perfect().label(&task).unwrap();
    assert_eq!(answer.boxes().len(), 1);
    assert_eq!(answer.boxes()[0].bbox, BBox::new(0.0, 1000.0, 40.0, 1080.0));
    let mut tally = Tally::new(Currency::USD);
    tally.add(&task, &answer).unwrap();
    assert_eq!((tally.objects, tally.missed, tally.mean_iou()), (1, 0, Some(1.0)));
}

#[test]
fn classes_that_are_not_asked_for_are_left_out() {
    let config = LabelerConfig {
        confusion: toml::from_str("car = { van = 1.0 }\ntruck = { pedestrian = 1.0 }").unwrap(),
        ..LabelerConfig::perfect()
    };
    let labeler = SimulatedLabeler::new(config, 0, Currency::USD).unwrap();
    let mut truth = scene(4);
    let drawn = |asked: &[&str], truth: &[TruthBox]| -> Vec<String> {
        let asked = classes(asked);
        let answer = labeler.label(&task("f", &asked, truth)).unwrap();
        answer.boxes().iter().map(|b| b.class.clone()).collect()
    };
    // Confused when the other class may be drawn, ...
    assert_eq!(drawn(&[], &truth), ["van", "van", "pedestrian", "pedestrian"]);
    assert_eq!(drawn(&CLASSES, &truth), ["van", "van", "pedestrian", "pedestrian"]);
    // ... not when it may not, ...
    assert_eq!(drawn(&["car"], &truth), ["car"]);
    // ... and drawn too much when only the other one may.
    assert_eq!(drawn(&["pedestrian"], &truth), ["pedestrian", "pedestrian"]);
    truth[0].is_crowd = true;
    truth[2].is_ignored = true;
    assert_eq!(drawn(&CLASSES, &truth), CLASSES);
}

#[test]
fn a_refused_frame_has_its_price_and_no_boxes() {
    let config = LabelerConfig {
        refusal_rate: 1.0,
        refusal_reasons: vec!["too dark".to_owned()],
        time_spread: 0.0,
        ..LabelerConfig::default()
    };
    let labeler = SimulatedLabeler::new(config, 0, Currency::USD).unwrap();
    let truth = scene(10);
    let task = task("f", &[], &truth);
    let answer = labeler.label(&task).unwrap();
    assert!(answer.boxes().is_empty());
    assert_eq!(answer.refusal().unwrap().reason, "too dark");
    assert_eq!((answer.seconds, answer.price.to_string().as_str()), (8.0, "$0.012"));
    let mut tally = Tally::new(Currency::USD);
    tally.add(&task, &answer).unwrap();
    assert_eq!((tally.frames, tally.refused, tally.objects, tally.missed), (1, 1, 0, 0));
    assert_eq!(tally.mean_iou(), None);
}

#[test]
fn tasks_that_make_no_sense_are_errors() {
    let pool = Pool::default();
    let good = TruthBox::new("a", "car", BBox::new(0.0, 0.0, 50.0, 50.0));
    let bad = |change: fn(&mut TruthBox)| {
        let mut truth = good.clone();
        change(&mut truth);
        pool.label(&task("f", &[], &[truth])).unwrap_err().to_string()
    };
    assert_eq!(
        bad(|t| t.bbox.y_max = f64::NAN),
        "label a of frame f has `bbox` NaN, allowed is finite numbers"
    );
    assert_eq!(
        bad(|t| t.occlusion = Some(2.0)),
        "label a of frame f has `occlusion` 2, allowed is from 0 to 1"
    );
    assert_eq!(
        bad(|t| t.truncation = Some(f64::NAN)),
        "label a of frame f has `truncation` NaN, allowed is from 0 to 1"
    );
    let twice = pool.label(&task("f", &[], &[good.clone(), good.clone()])).unwrap_err();
    assert_eq!(twice.to_string(), "frame f has two labels a");
    let empty = Task {
        width: 0,
        ..task("f", &[], &[])
    };
    let error = pool.label(&empty).unwrap_err();
    assert!(matches!(error, LabelError::EmptyImage { .. }) && error.hint().is_some());
}

#[test]
fn a_further_labeler_takes_frames_and_moves_none() {
    let two = Pool::from_toml("[[labelers]]\nname = \"a\"\n[[labelers]]\nname = \"b\"\nshare = 0.5").unwrap();
    let more = Pool::from_toml(
        "[[labelers]]\nname = \"c\"\n[[labelers]]\nname = \"idle\"\nshare = 0\n[[labelers]]\nname = \"b\"\nshare = 0.5\n\
         [[labelers]]\nname = \"a\"",
    )
    .unwrap();
    for i in 0..500 {
        let frame = format!("frame-{i}");
        let now = more.assign(&frame).name();
        assert!(now == "c" || now == two.assign(&frame).name());
    }
}

#[test]
fn answers_survive_json() {
    let pool = three();
    let truth = scene(12);
    let boxes = pool.labelers()[0].label(&task("f", &[], &truth)).unwrap();
    let refused = Answer {
        outcome: Outcome::Refused(Refusal {
            reason: "blurred".to_owned(),
        }),
        ..boxes.clone()
    };
    for (answer, key) in [(boxes, "boxes"), (refused, "refused")] {
        let value = serde_json::to_value(&answer).unwrap();
        assert!(value[key].is_array() || value[key]["reason"].is_string());
        assert_eq!(serde_json::from_value::<Answer>(value).unwrap(), answer);
    }
}

#[test]
fn a_budget_is_never_exceeded_by_ordering_within_the_most() {
    // Any labeler may stand behind it, also one that lives elsewhere.
    let pool: Box<dyn Labeler> = Box::new(three());
    let truth = scene(9);
    let budget = Money::parse("$20", Currency::USD).unwrap();
    let most = pool.estimate(truth.len() as u64).unwrap().price_at_most;
    let (mut spent, mut frames) = (Money::zero(Currency::USD), 0);
    while spent.checked_add(most).unwrap() <= budget {
        let answer = pool.label(&task(&format!("frame-{frames}"), &[], &truth)).unwrap();
        spent = spent.checked_add(answer.price).unwrap();
        frames += 1;
    }
    assert!(frames > 40 && spent <= budget, "{frames} frames for {spent}");
}
