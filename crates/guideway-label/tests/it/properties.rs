//! What holds for any labeler and any boxes.

use std::collections::BTreeMap;

use guideway_core::BBox;
use guideway_label::{
    Currency, Labeler as _, LabelerConfig, LabelersFile, Money, SimulatedLabeler, Tally, Task, TruthBox,
};
use proptest::prelude::*;

const NAMES: [&str; 3] = ["car", "van", "truck"];

/// A number of a range, its ends often.
fn number(low: f64, high: f64) -> impl Strategy<Value = f64> + Clone {
    prop_oneof![1 => Just(low), 1 => Just(high), 4 => low..=high]
}

fn price() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(0), 1 => Just(1_000_000_000_000_u64), 4 => 0..2_000_000_u64]
        .prop_map(|micros| micros as f64 / 1e6)
}

fn confusion() -> impl Strategy<Value = BTreeMap<String, BTreeMap<String, f64>>> {
    let row = (number(0.0, 0.5), number(0.0, 0.5));
    (row.clone(), row).prop_map(|(a, b)| {
        let row = |names: [&str; 2], (p, q)| BTreeMap::from([(names[0].to_owned(), p), (names[1].to_owned(), q)]);
        BTreeMap::from([
            ("car".to_owned(), row(["van", "truck"], a)),
            ("van".to_owned(), row(["car", "unknown"], b)),
        ])
    })
}

fn labeler() -> impl Strategy<Value = LabelerConfig> {
    let noise = (number(0.0, 1.0), prop_oneof![number(0.0, 100.0), number(0.0, 1e-12)]);
    let misses = (number(0.0, 1.0), number(0.0, 1e4), number(0.0, 1.0), number(0.1, 20.0));
    let rest = (number(0.0, 1e4), number(0.0, 100.0), number(0.0, 1.0));
    let times = (number(0.0, 1e6), number(0.0, 1e6), number(0.0, 2.0));
    (
        noise,
        misses,
        rest,
        times,
        (price(), price()),
        confusion(),
        any::<bool>(),
    )
        .prop_map(|(noise, misses, rest, times, prices, confusion, sees)| LabelerConfig {
            name: "any".to_owned(),
            box_noise: noise.0,
            box_noise_px: noise.1,
            miss_rate: if sees { 0.0 } else { misses.0 },
            miss_half_height_px: if sees { 0.0 } else { misses.1 },
            miss_half_visible: misses.2,
            miss_steepness: misses.3,
            min_height_px: if sees { 0.0 } else { rest.0 },
            invent_rate: rest.1,
            refusal_rate: if sees { 0.0 } else { rest.2 },
            seconds_per_frame: times.0,
            seconds_per_box: times.1,
            time_spread: times.2,
            price_per_frame: prices.0,
            price_per_box: prices.1,
            confusion,
            ..LabelerConfig::default()
        })
}

fn coordinate() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -50.0..2500.0_f64,
        1 => Just(0.0),
        1 => prop::sample::select(vec![f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 1e-300, -1e9]),
    ]
}

fn truth() -> impl Strategy<Value = Vec<TruthBox>> {
    let corners = (coordinate(), coordinate(), coordinate(), coordinate());
    let size = prop_oneof![Just(0.0), Just(1e-13), 0.0..3.0_f64, 0.0..500.0_f64];
    let fraction = prop::option::of(number(0.0, 1.0));
    let one = (
        corners,
        prop::option::of(size),
        0..3_usize,
        fraction.clone(),
        fraction,
        any::<bool>(),
    );
    prop::collection::vec(one, 0..12).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(
                |(i, ((x0, y0, x1, y1), size, class, occlusion, truncation, is_crowd))| {
                    let bbox = match size {
                        Some(size) => BBox::new(x0, y0, (x0 + size).min(f64::MAX), (y0 + size).min(f64::MAX)),
                        None => BBox::new(x0, y0, x1, y1),
                    };
                    TruthBox {
                        occlusion,
                        truncation,
                        is_crowd,
                        ..TruthBox::new(format!("{i}"), NAMES[class], bbox)
                    }
                },
            )
            .collect()
    })
}

fn side() -> impl Strategy<Value = u32> {
    prop_oneof![Just(1), Just(2), 1..3000_u32, Just(u32::MAX)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_answer_is_whole(
        config in labeler(),
        truth in truth(),
        (width, height) in (side(), side()),
        asked in prop::sample::subsequence(NAMES.to_vec(), 0..=3),
        seed in any::<u64>(),
    ) {
        let classes: Vec<String> = asked.into_iter().map(str::to_owned).collect();
        let task = Task { frame_id: "f", width, height, classes: &classes, truth: &truth };
        let labeler = SimulatedLabeler::new(config.clone(), seed, Currency::USD).unwrap();
        let answer = labeler.label(&task).unwrap();
        prop_assert_eq!(&answer, &labeler.label(&task).unwrap());
        for b in answer.boxes() {
            let clipped = b.bbox.clip(f64::from(width), f64::from(height));
            prop_assert!(b.bbox.is_valid() && b.bbox == clipped, "{:?}", b.bbox);
            prop_assert!(task.asks_for(&b.class));
        }
        prop_assert!(answer.seconds.is_finite() && answer.seconds >= 0.0);

        let per_box = Money::parse(&config.price_per_box.to_string(), Currency::USD).unwrap();
        let per_frame = Money::parse(&config.price_per_frame.to_string(), Currency::USD).unwrap();
        let price = per_box.times(answer.boxes().len() as u64).unwrap().checked_add(per_frame).unwrap();
        prop_assert_eq!(answer.price, price);
        let estimate = labeler.estimate(truth.len() as u64).unwrap();
        prop_assert!(answer.price <= estimate.price_at_most);
        prop_assert!(estimate.price <= estimate.price_at_most && estimate.seconds.is_finite());

        let mut tally = Tally::new(Currency::USD);
        tally.add(&task, &answer).unwrap();
        prop_assert_eq!(tally.boxes, answer.boxes().len() as u64);
        prop_assert!(tally.missed <= tally.objects && tally.invented <= tally.boxes);
        prop_assert!(tally.mean_iou().is_none_or(|iou| (0.0..=1.0 + 1e-12).contains(&iou)));
    }

    #[test]
    fn any_file_survives_a_round_trip(labelers in prop::collection::vec(labeler(), 1..4), seed in 0..=i64::MAX as u64) {
        let labelers = labelers
            .into_iter()
            .enumerate()
            .map(|(i, config)| LabelerConfig { name: format!("labeler {i}"), ..config })
            .collect();
        let file = LabelersFile { seed, labelers, ..LabelersFile::default() };
        let text = file.to_toml().unwrap();
        prop_assert_eq!(LabelersFile::from_toml(&text).unwrap(), file);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*", amount in "-?[$]?[0-9]{0,16}[.]?[0-9]{0,8}( USD)?") {
        prop_assert!(Money::parse(&text, Currency::USD).is_err() || text.bytes().any(|b| b.is_ascii_digit()));
        if let Ok(money) = Money::parse(&amount, Currency::USD) {
            prop_assert_eq!(Money::parse(&money.to_string(), Currency::USD).unwrap(), money);
        }
        let read = LabelersFile::from_toml(&text);
        prop_assert!(read.is_err() || read.is_ok_and(|file| file.validate().is_ok()));
    }
}
