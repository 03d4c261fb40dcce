//! OpenDRIVE: whole files, small ones and damaged ones.

use std::fmt::Write as _;

use guideway_world::Seed;
use guideway_world::params::{RoadParams, SurroundingsParams};
use guideway_world::road::{Control, ImportWarning, LaneKind, RoadNetwork, Terrain, parse_opendrive};
use proptest::prelude::*;

/// Every file of the OpenDRIVE collection loads into a consistent network.
#[test]
fn opendrive_files_load() {
    let Some(root) = guideway_testkit::data("opendrive_openscenario") else {
        return;
    };
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "xodr") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() > 20);
    let mut table = String::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (network, warnings) = RoadNetwork::from_opendrive(
            &path,
            &RoadParams::default(),
            &SurroundingsParams::default(),
            Seed::new(1),
        )
        .unwrap_or_else(|err| panic!("{name}: {err}"));
        assert_eq!(network.check(), Vec::<String>::new(), "{name}");
        let terrain = Terrain::new(&network, &RoadParams::default(), Seed::new(1));
        for lane in network.lanes_of(LaneKind::Driving) {
            let p = lane.center.at(lane.center.length() * 0.4).position;
            assert!(
                terrain.paved(p.truncate()).is_some(),
                "{name}: no road below {:?}",
                lane.id
            );
        }
        let driving = network
            .lanes_of(LaneKind::Driving)
            .map(|l| l.center.length())
            .sum::<f32>();
        writeln!(
            table,
            "{name}: {} lanes, {driving:.0} m to drive, {} joints, {} crossings, {} signals, {} signs, {} spots, {} strokes, {} warnings",
            network.lanes.len(),
            network.lanes.iter().map(|l| l.successors.len()).sum::<usize>(),
            network.crossings.len(),
            network.signals.len(),
            network.signs.len(),
            network.parking.len(),
            network.strokes.len(),
            warnings.len()
        )
        .unwrap();
        for warning in warnings {
            writeln!(table, "    {}: {}: {}", warning.line, warning.element, warning.problem).unwrap();
        }
    }
    insta::assert_snapshot!("opendrive", table);
}

#[expect(clippy::result_large_err, reason = "a test has room for the error")]
fn parsed(text: &str) -> Result<(RoadNetwork, Vec<ImportWarning>), guideway_world::WorldError> {
    let (params, surroundings) = (RoadParams::default(), SurroundingsParams::default());
    parse_opendrive(
        text,
        std::path::Path::new("a.xodr"),
        &params,
        &surroundings,
        Seed::new(1),
    )
}

/// The smallest files that say what they are about; also the seeds of the fuzz target.
const STREET: &str = include_str!("../../../../fuzz/corpus/opendrive/street");
const JUNCTION: &str = include_str!("../../../../fuzz/corpus/opendrive/junction");
const DIRECT: &str = include_str!("../../../../fuzz/corpus/opendrive/direct");

#[test]
fn small_opendrive_files_mean_what_they_say() {
    let (street, warnings) = parsed(STREET).unwrap();
    assert_eq!(street.check(), Vec::<String>::new());
    assert_eq!(warnings.len(), 0, "{warnings:?}");
    let mut forward: Vec<_> = street
        .lanes_of(LaneKind::Driving)
        .filter(|l| l.center.at(0.0).position.x < 1.0)
        .collect();
    forward.sort_by(|a, b| b.center.at(0.0).position.y.total_cmp(&a.center.at(0.0).position.y));
    // The widening lane has no width where it begins, and lies to the right of the first.
    assert_eq!(forward.len(), 2);
    assert_eq!(
        (forward[0].right, forward[1].left),
        (Some(forward[1].id), Some(forward[0].id))
    );
    assert!(forward[1].width[0] < 0.01 && *forward[1].width.last().unwrap() > 5.0);
    assert!((forward[0].speed_limit - 50.0 / 3.6).abs() < 1e-4);
    assert_eq!(forward[0].successors.len(), 1);
    // Superelevation: the road falls to the right.
    assert!(forward[0].center.at(0.0).position.z < 1.0);
    assert_eq!(
        (
            street.crossings.len(),
            street.parking.len(),
            street.signs.len(),
            street.signals.len()
        ),
        (1, 4, 1, 1)
    );
    assert_eq!(street.crossings[0].lanes.len(), 3);

    let (junction, warnings) = parsed(JUNCTION).unwrap();
    assert_eq!((junction.check(), warnings.len()), (Vec::new(), 0));
    let crossing: Vec<_> = junction.lanes.iter().filter(|l| l.junction == Some(0)).collect();
    assert_eq!(crossing.len(), 2);
    assert!(
        crossing
            .iter()
            .all(|l| l.successors.len() == 1 && l.predecessors.len() == 1)
    );
    let stopped = junction.lanes.iter().find(|l| l.control == Control::Stop).unwrap();
    assert_eq!(stopped.successors, [crossing[0].id]);

    let (direct, warnings) = parsed(DIRECT).unwrap();
    assert_eq!(direct.check(), Vec::<String>::new());
    assert!(direct.left_hand && !warnings.is_empty());
    let lane = direct.lanes_of(LaneKind::Driving).next().unwrap();
    assert!(
        lane.center.at(0.0).position.length() < 20.0,
        "far coordinates are moved"
    );
    assert!((lane.speed_limit - 30.0 * 0.44704).abs() < 1e-4);
}

#[test]
fn damaged_opendrive_files_say_where() {
    let cases = [
        ("cut off", STREET[..700].to_owned()),
        ("no road", "<OpenDRIVE/>".to_owned()),
        ("another format", "<osm/>".to_owned()),
        ("not a number", STREET.replace("hdg=\"0.3\"", "hdg=\"north\"")),
        ("NaN", STREET.replace("hdg=\"0.3\"", "hdg=\"NaN\"")),
        ("infinite", STREET.replace("x=\"59.7311\"", "x=\"1e999\"")),
        (
            "no width of a geometry",
            STREET.replace("length=\"30\"><line/>", "length=\"0\"><line/>"),
        ),
        (
            "negative length",
            STREET.replace("length=\"30\"><line/>", "length=\"-1\"><line/>"),
        ),
        ("unknown shape", STREET.replace("<line/>", "<bezier/>")),
        (
            "unknown lane type",
            STREET.replace("type=\"sidewalk\"", "type=\"moat\""),
        ),
        ("unknown mark", STREET.replace("type=\"broken\"", "type=\"wavy\"")),
        (
            "unknown contact",
            STREET.replace("contactPoint=\"end\"", "contactPoint=\"middle\""),
        ),
        ("unknown unit", STREET.replace("unit=\"km/h\"", "unit=\"knots\"")),
        ("missing attribute", STREET.replace("elementId=\"2\" ", "")),
        ("missing road", STREET.replace("elementId=\"2\"", "elementId=\"77\"")),
        (
            "missing junction",
            JUNCTION.replace("<junction id=\"9\"", "<junction id=\"8\""),
        ),
        (
            "missing lane",
            JUNCTION.replace("from=\"1\" to=\"-1\"", "from=\"5\" to=\"-1\""),
        ),
        (
            "against each other",
            JUNCTION.replace("from=\"1\" to=\"-1\"", "from=\"-1\" to=\"-1\""),
        ),
        (
            "apart",
            JUNCTION.replace("x=\"10\" y=\"0\" hdg=\"0\"", "x=\"10\" y=\"7\" hdg=\"0\""),
        ),
        ("wrong side", STREET.replace("<lane id=\"-1\"", "<lane id=\"1\"")),
        ("twice", JUNCTION.replace("id=\"2\" junction", "id=\"1\" junction")),
        ("no lanes", JUNCTION.replace("lanes>", "tracks>")),
        (
            "nothing to drive on",
            JUNCTION.replace("type=\"driving\"", "type=\"tram\""),
        ),
    ];
    let mut report = String::new();
    for (name, text) in cases {
        match parsed(&text) {
            Ok((network, warnings)) => {
                assert_eq!(network.check(), Vec::<String>::new(), "{name}");
                assert!(!warnings.is_empty(), "{name}: passed over in silence");
                for w in warnings {
                    writeln!(report, "{name}: warning: {}: {}: {}", w.line, w.element, w.problem).unwrap();
                }
            }
            Err(err) => writeln!(report, "{name}: {err}").unwrap(),
        }
    }
    insta::assert_snapshot!("damaged_opendrive", report);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    /// Cut off, or with a number replaced: an error or a consistent network, never a panic.
    #[test]
    fn damaged_opendrive_never_panics(
        which in 0..3_usize,
        cut in 0..9000_usize,
        number in 0..200_usize,
        value in prop_oneof![Just("0"), Just("-1"), Just("NaN"), Just("1e300"), Just("-1e6"), Just("1e-9"), Just("7"), Just("x")],
    ) {
        let text = [STREET, JUNCTION, DIRECT][which];
        if let Some(short) = text.get(..cut.min(text.len())) {
            prop_assert!(short.trim_end() == text.trim_end() || parsed(short).is_err());
        }
        // The n-th attribute gets another value.
        let starts: Vec<usize> = text.match_indices("=\"").map(|(i, _)| i + 2).collect();
        let start = starts[number % starts.len()];
        let end = start + text[start..].find('"').unwrap();
        let changed = format!("{}{value}{}", &text[..start], &text[end..]);
        if let Ok((network, _)) = parsed(&changed) {
            prop_assert_eq!(network.check(), Vec::<String>::new());
            prop_assert!(network.patches.iter().all(|p| p.corners.iter().all(|c| c.is_finite())));
        }
    }
}
