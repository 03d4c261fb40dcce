//! The tables of a nuScenes data base.
#![no_main]

mod support;

use std::io;
use std::path::Path;

use guideway_eval::nuscenes::files::database_from;
use guideway_eval::nuscenes::{NuScenesParams, match_detections};
use guideway_eval::objects3d::{Detections3d, Keep};
use libfuzzer_sys::fuzz_target;

const TABLES: [&str; 10] = [
    "scene",
    "sample",
    "sensor",
    "calibrated_sensor",
    "sample_data",
    "ego_pose",
    "category",
    "attribute",
    "instance",
    "sample_annotation",
];

// The tables in this order, with zero bytes between them.
fuzz_target!(|data: &[u8]| {
    let files: [&[u8]; TABLES.len()] = support::files(data);
    let open = |table: &str| {
        let place = TABLES.iter().position(|known| *known == table);
        place.map(|place| files[place]).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    let (params, warned) = (NuScenesParams::default(), support::Counted::default());
    let Ok(database) = database_from(open, Path::new("tables"), None, &params, &warned) else { return };
    let rows = database.frame.len();
    assert_eq!(rows as u64, database.annotations);
    let lengths = [
        database.token.len(),
        database.category.len(),
        database.attribute.len(),
        database.cuboid.len(),
        database.velocity.len(),
        database.points.len(),
    ];
    assert_eq!(lengths, [rows; 6]);
    assert!(database.frame.is_sorted());
    assert_eq!(database.ego.len(), database.sample_tokens.len());

    let Ok(truth) = database.truth(&params, &warned) else { return };
    warned.at_most(rows);
    assert!(truth.truth.len() <= rows);
    // an error would say that the labels are not whole
    match_detections(&truth.truth, &Detections3d::default(), &Keep::default(), &params).unwrap();
});
