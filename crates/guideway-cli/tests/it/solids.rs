//! What is in a wall: the buildings of worlds, labels that keep out of them, and a prediction that does not.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::errors::check;
use crate::support::Bench;
use crate::world;

const FILE: &str = "logs/solids.geojson";

fn of_solid(report: &Value) -> &Value {
    let rules = report["rules"].as_array().unwrap();
    rules.iter().find(|row| row["rule"] == "solid").unwrap()
}

/// The features of the file that a fleet left.
fn features(bench: &Bench) -> Vec<Value> {
    let text = std::fs::read_to_string(bench.path(FILE)).unwrap();
    let mut whole: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(whole["features"].take()).unwrap()
}

#[test]
fn true_labels_keep_out_of_the_buildings_of_their_worlds_and_what_is_put_into_one_is_one_ticket() {
    let bench = world::driven(2, 5);
    let recordings = bench.ws_json(&["query", "SELECT recording_id id, name FROM recordings ORDER BY name"]);
    let buildings = features(&bench);
    for recording in recordings.as_array().unwrap() {
        let of = |feature: &&Value| feature["properties"]["recording"] == recording["name"];
        assert!(buildings.iter().filter(of).count() > 5, "{recording}");
    }
    let run = ["assert", "run", "--solids", FILE];
    let report = bench.ws_json(&run);
    let solid = of_solid(&report);
    assert!(solid["checked"].as_u64().unwrap() > 1000, "{solid}");
    assert_eq!(solid["violations"], 0, "{solid}");
    let reasons: Vec<&String> = solid["reasons"].as_object().unwrap().keys().collect();
    assert_eq!(reasons, ["no cuboid"], "what is seen by the camera alone");
    let again = bench.ws_json(&run);
    assert_eq!((&again["run_id"], &again["opened"]), (&report["run_id"], &json!([])));
    let without = bench.ws_json(&["assert", "run"]);
    assert_ne!(without["run_id"], report["run_id"]);
    assert_eq!(of_solid(&without)["checked"], 0);
    assert!(
        of_solid(&without)["reasons"]["no map of solid things"]
            .as_u64()
            .unwrap()
            > 1000
    );

    // A car in the living room, in every sweep; and one in front of the house.
    let sweeps = "SELECT frame_id, recording_id FROM frames WHERE modality = 'lidar'";
    bench.ws(&[
        "dataset",
        "freeze",
        "drives",
        "--from",
        "SELECT frame_id FROM frames WHERE modality = 'lidar'",
    ]);
    let first = &recordings[0];
    let house = buildings
        .iter()
        .filter(|feature| feature["properties"]["recording"] == first["name"])
        .find_map(|feature| {
            let ring: Vec<[f64; 2]> = serde_json::from_value(feature["geometry"]["coordinates"][0].clone()).unwrap();
            let side = |i: usize| (ring[i + 1][0] - ring[i][0]).hypot(ring[i + 1][1] - ring[i][1]);
            (side(0) > 6.0 && side(1) > 6.0).then_some(ring)
        })
        .unwrap();
    let middle = [0, 1].map(|axis| f64::midpoint(house[0][axis], house[2][axis]));
    // The first side is the front: 0.8 m before it is nobody's house.
    let (dx, dy) = (house[1][0] - house[0][0], house[1][1] - house[0][1]);
    let (along, wide) = (dy.atan2(dx), dx.hypot(dy));
    let before = [
        f64::midpoint(house[0][0], house[1][0]) + 0.8 * dy / wide,
        f64::midpoint(house[0][1], house[1][1]) - 0.8 * dx / wide,
    ];
    let mut lines = String::new();
    let frames = bench.ws_json(&["query", sweeps]);
    let mut put = 0;
    for frame in frames.as_array().unwrap() {
        if frame["recording_id"] != first["id"] {
            continue;
        }
        for [x, y] in [middle, before] {
            let turned = [(along / 2.0).cos(), 0.0, 0.0, (along / 2.0).sin()];
            let cuboid = [&[x, y, 0.8, 4.2, 1.8, 1.5][..], &turned].concat();
            let found = json!({ "frame_id": frame["frame_id"], "class": "car", "score": 0.9, "cuboid": cuboid, "cuboid_frame": "world" });
            writeln!(lines, "{found}").unwrap();
        }
        put += 1;
    }
    bench.write("found.jsonl", &lines);
    bench.ws(&[
        "predict",
        "theirs",
        "--on",
        "drives",
        "--from",
        "found.jsonl",
        "--format",
        "jsonl",
    ]);
    let on = ["assert", "run", "--model", "theirs", "--on", "drives", "--solids", FILE];
    let report = bench.ws_json(&on);
    let solid = of_solid(&report);
    assert_eq!(
        (&solid["checked"], &solid["violations"]),
        (&json!(2 * put), &json!(put))
    );
    let tickets = bench.ws_json(&["ticket", "ls", "--rule", "solid"]);
    assert_eq!(tickets.as_array().unwrap().len(), 1, "{tickets}");
    assert_eq!(tickets[0]["recording"], first["id"]);
    let evidence = tickets[0]["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), put, "one ticket over many frames");
    assert_eq!(evidence[0]["message"], "car: inside a wall or another solid thing");
    let up = bench.ws_json(&["trace", report["run_id"].as_str().unwrap(), "--direction", "up"]);
    let named = |node: &Value| node["kind"] == "file" && node["id"].as_str().unwrap().ends_with("solids.geojson");
    assert!(up["nodes"].as_array().unwrap().iter().any(named), "{up}");

    // Where the file says nothing of a recording, nothing is asked.
    let other = recordings[1]["name"].as_str().unwrap();
    let text = std::fs::read_to_string(bench.path(FILE)).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains(other)).collect();
    bench.write("half.geojson", &kept.join("\n").replace("},\n]", "}\n]"));
    let half = bench.ws_json(&["assert", "run", "--solids", "half.geojson"]);
    assert!(of_solid(&half)["reasons"]["no map of solid things"].as_u64().unwrap() > 100);
    assert_eq!(of_solid(&half)["violations"], 0);
}

#[test]
fn a_fleet_adds_to_the_buildings_that_are_there() {
    let bench = world::bench();
    let record = |seed: &str| {
        let args = ["--drives", "1", "--seconds", "0.4", "--seed", seed, "--out", "logs"];
        bench.ok(&[&["world", "record", "world.toml"], &args[..]].concat());
        std::fs::read_to_string(bench.path(FILE)).unwrap()
    };
    let first = record("1");
    let both = record("2");
    assert!(
        both.len() > first.len()
            && first
                .lines()
                .skip(1)
                .all(|line| both.contains(line.trim_end_matches(',')))
    );
    // Of a log that is there they are found again, and are the same.
    std::fs::remove_file(bench.path(FILE)).unwrap();
    assert_eq!(record("1"), first);
    assert_eq!(record("2"), both);
    bench.write(
        FILE,
        "{\"type\": \"FeatureCollection\", \"features\": [{\"type\": \"Feature\"}]}",
    );
    let args = [
        "world",
        "record",
        "world.toml",
        "--drives",
        "1",
        "--seconds",
        "0.4",
        "--out",
        "logs",
    ];
    check(&bench, "world_solids_of_somebody", &args);
}

#[test]
fn a_file_of_walls_that_cannot_be_used_says_where_and_why() {
    let bench = Bench::with_workspace();
    bench.drive("drive.mcap", 4);
    bench.ws(&["ingest", "drive.mcap"]);
    let run = ["-w", "ws", "assert", "run", "--solids", "walls.geojson"];
    check(&bench, "solids_missing", &run);
    bench.write("walls.geojson", "{\"type\": \"FeatureCollection\", \"features\": [");
    check(&bench, "solids_no_json", &run);
    let berlin =
        json!({ "type": "Polygon", "coordinates": [[[13.4, 52.5], [13.401, 52.5], [13.401, 52.501], [13.4, 52.5]]] });
    bench.write("walls.geojson", &berlin.to_string());
    check(&bench, "solids_in_degrees", &run);
    let bad = json!({ "type": "FeatureCollection", "features": [
        { "type": "Feature", "properties": {}, "geometry": { "type": "Point", "coordinates": [1, 2] } },
        { "type": "Feature", "properties": {}, "geometry": { "type": "Polygon", "coordinates": [[[0, 0], [9, null], [9, 9], [0, 0]]] } },
    ] });
    bench.write("walls.geojson", &bad.to_string());
    check(&bench, "solids_bad_place", &run);
}
