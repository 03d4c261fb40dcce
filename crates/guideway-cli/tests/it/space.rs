//! Mistakes of a detector that says where objects are and draws no boxes: planted into drives through a world, each comes back as one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::Bench;
use crate::world;

/// By nuScenes' rules: how far from the ego a class counts, m.
fn range_m(class: &str) -> f64 {
    match class {
        "pedestrian" | "motorcycle" | "bicycle" | "cyclist" | "motorcyclist" | "rider" | "scooter" => 40.0,
        "traffic_cone" | "barrier" => 30.0,
        _ => 50.0,
    }
}

const SWEEPS: &str = "SELECT frame_id, 'all' AS split FROM frames WHERE modality = 'lidar'";

/// A label of a sweep.
struct Label {
    id: String,
    frame: String,
    recording: String,
    track: String,
    class: String,
    stamp: i64,
    /// In the ego frame and in the world.
    ego: Vec<f64>,
    world: Vec<f64>,
    /// Is it among what is asked?
    counts: bool,
}

impl Label {
    fn distance(&self) -> f64 {
        self.ego[0].hypot(self.ego[1])
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The labels of all sweeps, by time.
fn labels(bench: &Bench) -> Vec<Label> {
    let sql = "SELECT l.label_id, l.frame_id, l.recording_id, l.track_id, l.class, f.timestamp_ns, l.cuboid_frame, l.cuboid, l.attributes \
        FROM labels l JOIN frames f USING (frame_id) WHERE f.modality = 'lidar' ORDER BY f.timestamp_ns, l.label_id";
    let rows = bench.ws_json(&["query", sql]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| {
            assert_eq!(row["cuboid_frame"], "ego");
            let said: Value = serde_json::from_str(row["attributes"].as_str().unwrap()).unwrap();
            let world = match &said["world"] {
                Value::String(text) => numbers(&serde_json::from_str(text).unwrap()),
                list => numbers(list),
            };
            let mut label = Label {
                id: text(&row["label_id"]),
                frame: text(&row["frame_id"]),
                recording: text(&row["recording_id"]),
                track: text(&row["track_id"]),
                class: text(&row["class"]),
                stamp: row["timestamp_ns"].as_i64().unwrap(),
                ego: numbers(&row["cuboid"]),
                world,
                counts: false,
            };
            label.counts = said["num_lidar_pts"] != 0 && label.distance() < range_m(&label.class);
            label
        })
        .collect()
}

/// A planted mistake: kind, recording, track (none for a false alarm), first and last stamp, frames.
type Planted = (String, String, Option<String>, i64, i64, u64);

/// A detector that is always right, but for what is planted; as lines of JSON.
#[derive(Default)]
struct Faulty {
    lines: String,
    planted: Vec<Planted>,
}

impl Faulty {
    fn find(&mut self, frame: &str, class: &str, (cuboid, frame_of): (&[f64], &str)) {
        let line = json!({
            "frame_id": frame, "class": class, "score": 0.9, "cuboid": cuboid, "cuboid_frame": frame_of,
        });
        writeln!(self.lines, "{line}").unwrap();
    }

    /// Of every other object a stretch is missed or taken for something else; where nothing is, something is seen for a while.
    fn new(labels: &[Label], classes: &[String]) -> Self {
        let mut faulty = Self::default();
        let mut of_track: BTreeMap<(&str, &str), Vec<&Label>> = BTreeMap::new();
        for label in labels.iter().filter(|label| label.counts) {
            of_track
                .entry((&label.recording, &label.track))
                .or_default()
                .push(label);
        }
        let mut wrong: BTreeMap<&str, &str> = BTreeMap::new();
        for (number, ((recording, track), seen)) in of_track.into_iter().enumerate() {
            let kind = match number % 4 {
                0 => "miss",
                2 => "confusion",
                _ => continue,
            };
            // From a tenth to all of it, but not across a second in which nobody is asked.
            let from = (number * 7) % seen.len().div_ceil(2);
            let most = (from + 1 + (number * 13) % 30).min(seen.len());
            let mut to = from + 1;
            while to < most && seen[to].stamp - seen[to - 1].stamp <= 1_000_000_000 {
                to += 1;
            }
            let stretch = &seen[from..to];
            wrong.extend(stretch.iter().map(|label| (label.id.as_str(), kind)));
            faulty.planted.push((
                kind.to_owned(),
                recording.to_owned(),
                Some(track.to_owned()),
                stretch[0].stamp,
                stretch[stretch.len() - 1].stamp,
                stretch.len() as u64,
            ));
        }
        for (number, label) in labels.iter().enumerate() {
            let class = match wrong.get(label.id.as_str()) {
                Some(&"miss") => continue,
                Some(_) => {
                    let at = classes.iter().position(|class| *class == label.class).unwrap();
                    &classes[(at + 1) % classes.len()]
                }
                None => &label.class,
            };
            // Half of them in the world: the way of the ego takes them back.
            let place = if number % 2 == 0 {
                (label.ego.as_slice(), "ego")
            } else {
                (label.world.as_slice(), "world")
            };
            faulty.find(&label.frame, class, place);
        }
        faulty.alarms(labels, &classes[0]);
        faulty
    }

    /// In each second of a recording something stands in the world where nothing is labelled, for some frames.
    fn alarms(&mut self, labels: &[Label], class: &str) {
        let mut sweeps: BTreeMap<&str, BTreeMap<i64, &str>> = BTreeMap::new();
        for label in labels {
            sweeps
                .entry(&label.recording)
                .or_default()
                .insert(label.stamp, &label.frame);
        }
        for (recording, sweeps) in sweeps {
            let sweeps: Vec<(i64, &str)> = sweeps.into_iter().collect();
            for (number, span) in sweeps.chunks(10).enumerate() {
                let span = &span[..(2 + number % 5).min(span.len())];
                let within = |label: &&Label| {
                    label.recording == recording && label.stamp >= span[0].0 && label.stamp <= span[span.len() - 1].0
                };
                let near: Vec<&Label> = labels.iter().filter(within).collect();
                let is_free = |x: f64, y: f64| {
                    let apart = |label: &&Label| (label.world[0] - x).hypot(label.world[1] - y);
                    near.iter().all(|label| apart(label) > 5.0)
                };
                let anchors = near
                    .iter()
                    .filter(|label| label.stamp == span[0].0 && label.distance() < 15.0);
                let place = anchors
                    .flat_map(|label| [(7.0, 0.0), (0.0, 7.0), (-7.0, 0.0), (0.0, -7.0)].map(|(x, y)| (*label, x, y)))
                    .map(|(label, x, y)| (label, label.world[0] + x, label.world[1] + y))
                    .find(|(_, x, y)| is_free(*x, *y));
                let Some((anchor, x, y)) = place else { continue };
                for (_, frame) in span {
                    let ghost = [x, y, anchor.world[2], 4.0, 1.8, 1.5, 1.0, 0.0, 0.0, 0.0];
                    self.find(frame, class, (&ghost, "world"));
                }
                let (first, last) = (span[0].0, span[span.len() - 1].0);
                let kind = "false_positive".to_owned();
                self.planted
                    .push((kind, recording.to_owned(), None, first, last, span.len() as u64));
            }
        }
    }
}

fn import(bench: &Bench, model: &str, on: &str, lines: &str) {
    let file = format!("{model}.jsonl");
    bench.write(&file, lines);
    bench.ws(&["predict", model, "--on", on, "--from", &file, "--format", "jsonl"]);
}

#[test]
fn planted_mistakes_in_space_come_back_as_one_event_each() {
    let bench = world::driven(3, 8);
    bench.ws(&["dataset", "freeze", "sweeps", "--from", SWEEPS]);
    let labels = labels(&bench);
    let classes: BTreeSet<&str> = labels.iter().map(|label| label.class.as_str()).collect();
    let classes: Vec<String> = classes.into_iter().map(str::to_owned).collect();
    let faulty = Faulty::new(&labels, &classes);
    import(&bench, "faulty", "sweeps", &faulty.lines);
    let report = bench.ws_json(&["eval", "run", "faulty", "--on", "sweeps"]);
    assert_eq!(report["frames_in_space"], report["frames"]);
    assert_eq!(report["labels"], labels.len());

    let list = bench.ws_json(&["event", "ls", "--limit", "100000"]);
    let events = list["events"].as_array().unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut found: BTreeMap<Planted, u64> = BTreeMap::new();
    for event in events {
        let key = (
            text(&event["kind"]).unwrap(),
            text(&event["recording_id"]).unwrap(),
            text(&event["track_id"]),
            event["start_ns"].as_i64().unwrap(),
            event["end_ns"].as_i64().unwrap(),
            event["frames"].as_u64().unwrap(),
        );
        *found.entry(key).or_default() += 1;
    }
    let planted = &faulty.planted;
    let of_kind = |kind: &str| planted.iter().filter(|planted| planted.0 == kind).count();
    let exact = planted.iter().filter(|planted| found.get(planted) == Some(&1)).count();
    println!(
        "planted {} ({} misses, {} confusions, {} false alarms), found as exactly one event {exact}, events in all {}",
        planted.len(),
        of_kind("miss"),
        of_kind("confusion"),
        of_kind("false_positive"),
        events.len()
    );
    for planted in planted.iter().filter(|planted| found.get(planted) != Some(&1)) {
        println!("not found: {planted:?}");
    }
    for found in found.keys().filter(|found| !planted.contains(found)) {
        println!("not planted: {found:?}");
    }
    assert!(of_kind("miss") >= 15 && of_kind("confusion") >= 15 && of_kind("false_positive") >= 5);
    assert!(exact * 100 >= planted.len() * 98);
    assert!(events.len() * 98 <= planted.len() * 100);
    // Where they are is known of all, and how often they happen.
    for event in events {
        assert!(event["distance_m"].is_f64() && event["in_path"].is_boolean(), "{event}");
        let severity = event["severity"].as_f64().unwrap();
        assert!(severity > 0.0 && severity <= 1.0);
    }
    let slices = "SELECT slice, metric, value, support FROM metrics WHERE slice LIKE 'range=%' AND metric IN ('recall', 'misses') ORDER BY slice, metric";
    let slices = bench.ws_json(&["query", slices]);
    let slices = slices.as_array().unwrap();
    let sum = |metric: &str, column: &str| -> f64 {
        let of_metric = slices.iter().filter(|row| row["metric"] == metric);
        of_metric.map(|row| row[column].as_f64().unwrap()).sum()
    };
    assert_eq!(
        sum("misses", "support") as usize,
        labels.iter().filter(|label| label.counts).count()
    );
    let wrong = planted.iter().filter(|planted| planted.0 != "false_positive");
    assert_eq!(
        sum("misses", "value") as u64,
        wrong.map(|planted| planted.5).sum::<u64>()
    );
    assert!(slices.iter().any(|row| row["slice"] == "range=20-40"), "{slices:?}");
    let shown = bench.ws(&["eval", "show", report["run_id"].as_str().unwrap()]).stdout;
    assert!(shown.contains("range=0-20") && !shown.contains("AP50"), "{shown}");
    assert!(
        shown.contains("weather=") && shown.contains("time_of_day="),
        "as the pictures say: {shown}"
    );
    let rate = &report["driven"]["rates"][0];
    assert_eq!(rate["mistakes"], events.len());
    assert!(rate["per_hour"].as_f64().is_some_and(|rate| rate > 0.0) && rate["per_km"].is_f64());
    let boxes = "SELECT count(*) AS n FROM events WHERE cardinality(label_box) > 0 OR cardinality(predicted_box) > 0 OR iou IS NOT NULL";
    assert_eq!(bench.ws_json(&["query", boxes])[0]["n"], 0);
    let cuboids =
        "SELECT count(*) AS n FROM events e JOIN predicted_cuboids p USING (prediction_id) WHERE e.kind <> 'miss'";
    let wrong = "SELECT count(*) AS n FROM events WHERE kind <> 'miss'";
    assert_eq!(bench.ws_json(&["query", cuboids]), bench.ws_json(&["query", wrong]));

    opened(&bench, events);
    fixed(&bench, &labels);
}

/// Pages show cuboids in pictures and from above; the clip has them as boxes in space.
fn opened(bench: &Bench, events: &[Value]) {
    for kind in ["miss", "confusion", "false_positive"] {
        let longest = events.iter().filter(|event| event["kind"] == kind);
        let longest = longest.max_by_key(|event| event["frames"].as_u64()).unwrap();
        let id = longest["mistake_id"].as_str().unwrap();
        let (page, clip) = (format!("{kind}.html"), format!("{kind}.mcap"));
        let opened = bench.ws_json(&["event", "open", id, "--out", &page, "--rerun", &clip]);
        let html = std::fs::read_to_string(bench.path(&page)).unwrap();
        let moments = opened["moments"].as_u64().unwrap();
        assert!(moments > 0 && opened["sweeps"] == moments && opened["pictures"].as_u64() > Some(0));
        for part in [
            "<polygon",
            "stroke=\"#3ddc84\"",
            "stroke=\"#4fa3ff\"",
            "stroke=\"#ff4d4d\"",
        ] {
            assert!(html.contains(part), "{kind}: {part}");
        }
        assert!(html.contains("<polyline"), "cuboids in pictures");
        bench.ok(&["init", kind]);
        bench.ok(&["-w", kind, "ingest", &clip]);
        let channels = bench.ok(&["-w", kind, "log", "channels", &clip]).stdout;
        for topic in [
            "/guideway/labels/space",
            "/guideway/predictions/space",
            "/guideway/event/space",
        ] {
            assert!(channels.contains(topic), "{channels}");
        }
        bench.ws(&["event", "show", id]);
    }
}

/// A model without mistakes has none by the hour, and has done away with every bug.
fn fixed(bench: &Bench, labels: &[Label]) {
    let mut right = Faulty::default();
    for label in labels {
        right.find(&label.frame, &label.class, (&label.ego, "ego"));
    }
    import(bench, "right", "sweeps", &right.lines);
    let report = bench.ws_json(&["eval", "run", "right", "--on", "sweeps"]);
    assert_eq!(report["driven"]["rates"][0]["mistakes"], 0, "{report}");
    let runs = bench.ws_json(&["query", "SELECT DISTINCT run_id FROM events"]);
    let faulty = runs[0]["run_id"].as_str().unwrap();
    let diff = bench.ws_json(&[
        "eval",
        "diff",
        faulty,
        report["run_id"].as_str().unwrap(),
        "--resamples",
        "50",
    ]);
    let deltas = diff["deltas"].as_array().unwrap();
    let rate = deltas
        .iter()
        .find(|delta| delta["metric"] == "mistakes_per_hour" && delta["slice"] == "all")
        .unwrap();
    assert!(
        rate["baseline"].as_f64() > Some(0.0) && rate["candidate"] == 0.0,
        "{rate}"
    );
    let near = deltas
        .iter()
        .find(|delta| delta["metric"] == "recall" && delta["slice"] == "range=0-20")
        .unwrap();
    assert!(
        near["baseline"].as_f64() < Some(1.0) && near["candidate"] == 1.0 && near["of_breakdown"] == true,
        "{near}"
    );
    let by = "SELECT frame_id, recording_id AS slice FROM frames";
    let sliced = bench.ws_json(&[
        "eval",
        "diff",
        faulty,
        report["run_id"].as_str().unwrap(),
        "--by",
        by,
        "--resamples",
        "50",
    ]);
    let of_frames = sliced["deltas"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|delta| delta["of_frames"] == true && delta["metric"] == "recall");
    assert!(of_frames.count() >= 3);
    let written = bench.ws_json(&["eval", "report", faulty, "--out", "report", "--by", by, "--events", "2"]);
    assert_eq!(written["events"], 2);
    let html = std::fs::read_to_string(bench.path("report/index.html")).unwrap();
    assert!(html.contains("Mistakes per hour") && html.contains("less than 2 m from over ground"));
    assert!(
        html.contains("Labels found, by distance") && !html.contains("AP50"),
        "nothing of boxes"
    );
    for picture in html.split("src=\"events/").skip(1) {
        let name = picture.split('"').next().unwrap();
        let jpeg = std::fs::read(bench.path("report/events").join(name)).unwrap();
        assert!(jpeg.starts_with(&[0xff, 0xd8]), "{name}");
    }
    assert_eq!(html.matches("src=\"events/").count(), 2, "each event has its picture");

    // This one finds nothing of a class that the other found most of.
    let mut worse = Faulty::default();
    let most =
        labels
            .iter()
            .filter(|label| label.counts)
            .fold(BTreeMap::new(), |mut counts: BTreeMap<&str, u32>, label| {
                *counts.entry(&label.class).or_default() += 1;
                counts
            });
    let lost = most.into_iter().max_by_key(|(_, count)| *count).unwrap().0;
    for label in labels.iter().filter(|label| label.class != lost) {
        worse.find(&label.frame, &label.class, (&label.ego, "ego"));
    }
    import(bench, "worse", "sweeps", &worse.lines);

    for (title, kind) in [("ghosts", "false_positive"), ("unseen", "miss")] {
        let events = format!("SELECT event_id FROM events WHERE kind = '{kind}' AND run_id = '{faulty}'");
        let bug = bench.ws_json(&["bug", "new", title, "--events", &events]);
        let id = bug["bug_id"].as_str().unwrap();
        let check = |model: &str| {
            let run = bench.run(&[
                "-w",
                "ws",
                "--output-format",
                "json",
                "bug",
                "check",
                id,
                "--model",
                model,
            ]);
            let checked = run.json();
            if checked["check"].is_object() {
                checked["check"].clone()
            } else {
                checked
            }
        };
        assert_eq!(check("faulty")["fixed"], 0, "{kind}");
        if kind == "false_positive" {
            let worse = check("worse");
            assert_eq!((&worse["passed"], &worse["closes"]), (&json!(true), &json!(false)));
            let said: Vec<&str> = worse["worse"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let of_class = format!("nuscenes/AP of class={lost} ");
            assert!(said.iter().any(|loss| loss.starts_with(&of_class)), "{said:?}");
        }
        let right = check("right");
        assert_eq!(right["fixed"], right["events"], "{kind}");
        assert!(right["events"].as_u64() > Some(0) && right["closes"] == true, "{right}");
    }
}

#[test]
fn pictures_are_asked_about_boxes_and_sweeps_about_space() {
    let bench = world::driven(1, 2);
    bench.ws(&[
        "dataset",
        "freeze",
        "all",
        "--from",
        "SELECT frame_id, 'all' AS split FROM frames",
    ]);
    // A box in the corner of each picture, and an object in each sweep far from everything, but in range.
    let frames = bench.ws_json(&[
        "query",
        "SELECT frame_id, modality FROM frames ORDER BY timestamp_ns, frame_id",
    ]);
    let frames = frames.as_array().unwrap();
    let classes = bench.ws_json(&["query", "SELECT DISTINCT class FROM labels ORDER BY 1"]);
    let class = classes[0]["class"].as_str().unwrap();
    let (mut boxes, mut cuboids) = (String::new(), String::new());
    for frame in frames {
        let mut line = json!({ "frame_id": frame["frame_id"], "class": class, "score": 0.8 });
        if frame["modality"] == "camera" {
            line["bbox"] = json!([1, 1, 9, 9]);
            writeln!(boxes, "{line}").unwrap();
        } else {
            line["cuboid"] = json!([-3, 0, 30, 1, 1, 1, 1, 0, 0, 0]);
            writeln!(cuboids, "{line}").unwrap();
        }
    }
    import(&bench, "boxes", "all", &boxes);
    import(&bench, "cuboids", "all", &cuboids);
    import(&bench, "both", "all", &format!("{boxes}{cuboids}"));
    let events = |model: &str, modality: &str| {
        let report = bench.ws_json(&["eval", "run", model, "--on", "all"]);
        let sql = format!(
            "SELECT e.kind, e.frame_id, e.label_id, e.score, e.cause FROM events e JOIN frames f USING (frame_id) WHERE e.run_id = '{}' \
             AND f.modality = '{modality}' ORDER BY e.frame_id, e.kind, e.label_id",
            report["run_id"].as_str().unwrap()
        );
        // Without rows the exit code is another.
        bench
            .run(&["-w", "ws", "--output-format", "json", "query", &sql])
            .json()
    };
    let of_pictures = events("boxes", "camera");
    assert!(of_pictures.as_array().unwrap().len() >= 10);
    assert_eq!(events("boxes", "lidar"), json!([]));
    assert_eq!(events("both", "camera"), of_pictures, "as without cuboids");
    let of_sweeps = events("cuboids", "lidar");
    assert!(of_sweeps.as_array().unwrap().len() >= 10);
    assert_eq!(events("both", "lidar"), of_sweeps, "as without boxes");
    assert_eq!(events("cuboids", "camera"), json!([]), "it says nothing of pictures");
}
