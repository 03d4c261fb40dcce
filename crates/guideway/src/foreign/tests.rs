use std::fmt::Write as _;
use std::path::Path;

use super::found::{Found, Solid};
use super::{Spelling, classes};

fn found(score: f64, bbox: Option<[f64; 4]>, cuboid: Option<[f64; 10]>) -> String {
    let found = Found {
        file: Path::new("results.json"),
        at: &"results[3]",
        frame: None,
        class: "car",
        score,
        bbox,
        mask: None,
        solid: cuboid.map(|cuboid| Solid {
            frame: "ego",
            cuboid,
            velocity: None,
            attribute: None,
        }),
    };
    match found.check() {
        Ok(()) => "taken".to_owned(),
        Err(err) => err.to_string().replace('\n', ""),
    }
}

#[test]
fn numbers_that_no_result_may_have_are_refused() {
    let mut text = String::new();
    let good = [1.0, 2.0, 3.0, 4.0];
    let car = [1.0, 2.0, 3.0, 4.0, 2.0, 1.5, 1.0, 0.0, 0.0, 0.0];
    for (score, bbox, cuboid) in [
        (0.5, Some(good), Some(car)),
        (0.0, Some([1.0; 4]), None),
        (1.01, Some(good), None),
        (f64::NAN, Some(good), None),
        (0.5, Some([1.0, 2.0, f64::INFINITY, 4.0]), None),
        (0.5, Some([1.0, 2.0, 0.0, 4.0]), None),
        (0.5, None, Some([f64::NAN; 10])),
    ] {
        writeln!(text, "{}", found(score, bbox, cuboid)).unwrap();
    }
    insta::assert_snapshot!(text, @r"
    taken
    taken
    the score 1.01 is not in 0 to 1  in results[3] of results.json
    the score NaN is not in 0 to 1  in results[3] of results.json
    the box 1 2 inf 4 is not finite  in results[3] of results.json
    the box 1 2 0 4 is inside out: its right or lower edge comes before its left or upper one  in results[3] of results.json
    the cuboid or its velocity is not finite  in results[3] of results.json
    ");
}

#[test]
fn classes_are_spelt_as_the_dataset_spells_them() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let spelling = Spelling::new(&names(&["car", "Tram", "tram", "truck"]));
    let spelt: Vec<String> = ["Car", "CAR", "TRAM", "Tram", "Truck", "Boat"]
        .iter()
        .map(|class| spelling.of(class))
        .collect();
    assert_eq!(spelt, ["car", "car", "TRAM", "Tram", "truck", "Boat"]);
    let found = names(&["truck", "boat", "car", "Anchor"]).into_iter().collect();
    assert_eq!(
        classes(None, &names(&["truck", "bus", "car"]), &found),
        ["truck", "car", "Anchor", "boat"]
    );
}
