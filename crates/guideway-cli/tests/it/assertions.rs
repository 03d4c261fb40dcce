//! Assertions over labels and predictions, and their tickets.

use serde_json::Value;

use crate::errors::{check, compare};
use crate::event;

#[test]
fn what_cannot_be_is_one_ticket_until_it_is_mended() {
    let bench = event::driven();
    // No car is shorter than 9 m, says this file: each car of the lidar's labels is one ticket.
    bench.write("long.toml", "[classes.car]\nlength_m = [9.0, 30.0]\n");
    let run = ["assert", "run", "--rules", "long.toml", "--suspects", "3"];
    let first = bench.ws_json(&run);
    let opened = first["opened"].as_array().unwrap().len();
    let cars = "SELECT count(DISTINCT concat(recording_id, track_id)) n FROM labels WHERE class IN ('car', 'van') AND cuboid_frame IS NOT NULL";
    let cars = bench.ws_json(&["query", cars])[0]["n"].as_u64().unwrap() as usize;
    let of_size = bench.ws_json(&["ticket", "ls", "--rule", "size"]);
    // One ticket for each car at most: those seen in too few sweeps have none.
    let of_cars = of_size
        .as_array()
        .unwrap()
        .iter()
        .filter(|ticket| ticket["class"] == "car");
    let tickets = of_cars.count();
    assert!(
        tickets > 0 && tickets <= cars && opened >= tickets,
        "{opened} opened, {tickets} of {cars} cars"
    );
    assert!(first["suspects"].as_array().unwrap().len() <= 3);
    let checked = |rule: &str| {
        let rules = first["rules"].as_array().unwrap();
        rules.iter().find(|row| row["rule"] == rule).unwrap().clone()
    };
    assert!(checked("size")["violations"].as_u64().unwrap() > 0);
    assert!(
        !checked("solid")["reasons"].as_object().unwrap().is_empty(),
        "what could not be checked says why"
    );

    // Doing it again changes nothing.
    let again = bench.ws_json(&run);
    assert_eq!(
        (&again["run_id"], &again["opened"], &again["grown"]),
        (
            &first["run_id"],
            &Value::from(Vec::<Value>::new()),
            &Value::from(Vec::<Value>::new())
        )
    );
    assert_eq!(bench.ws_json(&["ticket", "ls", "--rule", "size"]), of_size);

    // Closed by hand it stays closed, until another check finds its cause again.
    let id = of_size[0]["id"].as_str().unwrap();
    let closed = bench.ws_json(&["ticket", "close", &id[..10], "--reason", "they are cars all the same"]);
    assert_eq!(closed["state"], "closed");
    check(
        &bench,
        "ticket_closed_twice",
        &["-w", "ws", "ticket", "close", id, "--reason", "again"],
    );
    bench.ws(&run);
    assert_eq!(bench.ws_json(&["ticket", "show", id])["state"], "closed");
    bench.write("longer.toml", "[classes.car]\nlength_m = [9.5, 30.0]\n");
    let later = bench.ws_json(&["assert", "run", "--rules", "longer.toml"]);
    assert_eq!(later["reopened"], Value::from(vec![id]));
    let shown = bench.ws(&["ticket", "show", id]).stdout;
    assert!(
        shown.contains("reopened") && shown.contains("they are cars all the same"),
        "{shown}"
    );

    // Predictions have tickets of their own, and assertions say how many each has.
    let predicted = bench.ws_json(&["assert", "run", "--model", "weak", "--on", "drives"]);
    assert_eq!(predicted["source"], "weak");
    assert!(bench.ws(&["assert", "ls"]).stdout.contains("size"));
    assert!(
        bench
            .ws(&["assert", "ls", "--print-rules"])
            .stdout
            .contains("[rules.size]")
    );

    bench.write("bad.toml", "[rules.sise]\nenabled = false\n");
    let bad = ["-w", "ws", "assert", "run", "--rules", "bad.toml"];
    compare("assert_bad_rules", &bad.join(" "), &bench.run(&bad));
    check(&bench, "ticket_unknown", &["-w", "ws", "ticket", "show", "0000"]);
    check(
        &bench,
        "assert_nothing",
        &[
            "-w",
            "ws",
            "assert",
            "run",
            "--on",
            "SELECT frame_id FROM frames WHERE false",
        ],
    );
}
