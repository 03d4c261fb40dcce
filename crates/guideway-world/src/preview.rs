//! A contact sheet: what a configuration makes, at a glance.

use std::path::Path;

use glam::Vec2;
use guideway_core::BBox;
use image::imageops::{FilterType, overlay, resize};
use image::{Rgb, RgbImage};

use crate::frames::FrameSet;
use crate::labels::{LidarLabel, label_sweep};
use crate::material::Semantic;
use crate::object::ObjectClass;
use crate::params::WorldConfig;
use crate::picture::{CameraReading, take};
use crate::render::CameraFrame;
use crate::sensors::lidar::sweep;
use crate::sensors::{LidarPoint, Rig};
use crate::world::World;
use crate::{Seed, WorldError};

/// Width of a tile, px.
const TILE: u32 = 400;
/// Radius of the view from above, m.
const RADIUS_M: f32 = 50.0;

/// One scene of a contact sheet.
struct Tiles {
    picture: RgbImage,
    labelled: RgbImage,
    depth: RgbImage,
    objects: RgbImage,
    above: Option<RgbImage>,
}

/// Draws `scenes` scenes, one a row: the picture, the picture with its labels, depth (near is bright), objects over
/// semantics, and the first lidar from above with the cuboids.
///
/// # Errors
/// A configuration or rig from which no world can be made.
pub fn contact_sheet(
    config: &WorldConfig,
    folder: &Path,
    rig: &Rig,
    seed: Seed,
    scenes: u32,
) -> Result<RgbImage, WorldError> {
    let mut rows = Vec::new();
    for scene in 0..scenes {
        rows.push(tiles(
            config,
            folder,
            rig,
            FrameSet::scene_seed(seed, u64::from(scene)),
        )?);
    }
    let height = rows.first().map_or(TILE, |row| row.picture.height());
    let columns = if rows.iter().any(|row| row.above.is_some()) {
        5
    } else {
        4
    };
    let gap = 4;
    let mut sheet = RgbImage::from_pixel(
        columns * (TILE + gap) + gap,
        rows.len().max(1) as u32 * (height + gap) + gap,
        Rgb([24, 24, 24]),
    );
    for (y, row) in rows.iter().enumerate() {
        let top = i64::from(gap) + y as i64 * i64::from(height + gap);
        let tiles = [
            Some(&row.picture),
            Some(&row.labelled),
            Some(&row.depth),
            Some(&row.objects),
            row.above.as_ref(),
        ];
        for (x, tile) in tiles.into_iter().enumerate() {
            if let Some(tile) = tile {
                overlay(&mut sheet, tile, i64::from(gap) + x as i64 * i64::from(TILE + gap), top);
            }
        }
    }
    Ok(sheet)
}

fn tiles(config: &WorldConfig, folder: &Path, rig: &Rig, seed: Seed) -> Result<Tiles, WorldError> {
    let mut world = World::new(config.sample(seed)?, folder, seed)?;
    let Some(camera) = rig.cameras.first() else {
        return Err(WorldError::NoSensor {
            origin: "the rig".to_owned(),
            kind: "camera",
            problem: "a preview shows pictures",
        });
    };
    let state = world.state_at(0.0);
    let snapshot = world.snapshot(&state);
    let taken = take(&world, &state, camera, 0, None)?;
    let frame = &taken.frame;
    let height = (TILE * frame.height / frame.width.max(1)).max(1);
    let small = |image: RgbImage| resize(&image, TILE, height, FilterType::Triangle);
    let above = rig.lidars.first().map(|spec| {
        let points = sweep(world.renderer(), &snapshot, spec, seed.child("preview"));
        let labels = label_sweep(&snapshot, spec, &points, false);
        from_above(
            &points,
            &labels,
            spec.common().ego_from_body.translation().z as f32,
            height,
        )
    });
    Ok(Tiles {
        picture: small(rgb(frame)),
        labelled: small(with_boxes(&taken)),
        depth: small(depth(frame)),
        objects: small(objects(frame)),
        above,
    })
}

fn rgb(frame: &CameraFrame) -> RgbImage {
    RgbImage::from_raw(frame.width, frame.height, frame.rgb.clone()).unwrap_or_default()
}

/// A colour for each class.
pub fn class_colour(class: ObjectClass) -> [u8; 3] {
    match class {
        ObjectClass::Car => [86, 180, 233],
        ObjectClass::Van => [0, 114, 178],
        ObjectClass::Truck => [150, 110, 255],
        ObjectClass::Bus => [204, 121, 167],
        ObjectClass::Motorcycle => [213, 94, 0],
        ObjectClass::Bicycle => [230, 159, 0],
        ObjectClass::Pedestrian => [240, 60, 60],
        ObjectClass::Animal => [160, 120, 60],
        ObjectClass::Debris => [240, 228, 66],
        ObjectClass::TrafficLight => [0, 230, 150],
        ObjectClass::TrafficSign => [120, 255, 120],
    }
}

fn with_boxes(taken: &CameraReading) -> RgbImage {
    let mut image = rgb(&taken.frame);
    for line in &taken.labels.lanes {
        for stretch in &line.stretches {
            for pair in stretch.windows(2) {
                draw_line(&mut image, pair[0], pair[1], [255, 255, 255]);
            }
        }
    }
    for object in &taken.labels.objects {
        draw_box(&mut image, object.visible, class_colour(object.class));
    }
    image
}

fn draw_box(image: &mut RgbImage, b: BBox, colour: [u8; 3]) {
    let corners = [
        [b.x_min, b.y_min],
        [b.x_max, b.y_min],
        [b.x_max, b.y_max],
        [b.x_min, b.y_max],
    ]
    .map(|p| p.map(|v| v as f32));
    for i in 0..4 {
        draw_line(image, corners[i], corners[(i + 1) % 4], colour);
    }
}

fn draw_line(image: &mut RgbImage, from: [f32; 2], to: [f32; 2], colour: [u8; 3]) {
    let (a, b) = (Vec2::from_array(from), Vec2::from_array(to));
    let steps = (b - a).abs().max_element().ceil().clamp(1.0, 4096.0) as u32;
    for i in 0..=steps {
        put(image, a.lerp(b, i as f32 / steps as f32), colour);
    }
}

fn put(image: &mut RgbImage, p: Vec2, colour: [u8; 3]) {
    if p.x >= 0.0 && p.y >= 0.0 && (p.x as u32) < image.width() && (p.y as u32) < image.height() {
        image.put_pixel(p.x as u32, p.y as u32, Rgb(colour));
    }
}

fn depth(frame: &CameraFrame) -> RgbImage {
    RgbImage::from_fn(frame.width, frame.height, |x, y| {
        let z = frame.depth[(y * frame.width + x) as usize];
        // Logarithmic from 2 m to 200 m.
        let v = 1.0 - (z.max(2.0) / 2.0).ln() / 100.0_f32.ln();
        let v = if z.is_finite() {
            (v.clamp(0.0, 1.0) * 255.0) as u8
        } else {
            0
        };
        Rgb([v, (u16::from(v) * 3 / 4) as u8, 255 - v / 2])
    })
}

fn objects(frame: &CameraFrame) -> RgbImage {
    RgbImage::from_fn(frame.width, frame.height, |x, y| {
        let i = (y * frame.width + x) as usize;
        Rgb(if frame.object[i] == 0 {
            semantic_colour(frame.semantic[i])
        } else {
            // Neighbouring numbers get colours far apart.
            let h = frame.object[i].wrapping_mul(2_654_435_761);
            [
                80 + (h >> 24) as u8 % 176,
                80 + (h >> 16) as u8 % 176,
                80 + (h >> 8) as u8 % 176,
            ]
        })
    })
}

fn semantic_colour(semantic: u8) -> [u8; 3] {
    match semantic {
        s if s == Semantic::Sky as u8 => [20, 30, 48],
        s if s == Semantic::Road as u8 => [64, 32, 64],
        s if s == Semantic::LaneMarking as u8 => [150, 150, 150],
        s if s == Semantic::Sidewalk as u8 => [110, 20, 100],
        s if s == Semantic::Kerb as u8 => [90, 60, 90],
        s if s == Semantic::Terrain as u8 => [60, 90, 50],
        s if s == Semantic::Vegetation as u8 => [40, 70, 20],
        s if s == Semantic::Building as u8 => [50, 50, 50],
        s if s == Semantic::Pole as u8 => [90, 90, 90],
        _ => [70, 60, 50],
    }
}

fn from_above(points: &[LidarPoint], labels: &[LidarLabel], mount: f32, height: u32) -> RgbImage {
    let mut image = RgbImage::from_pixel(TILE, height, Rgb([8, 8, 12]));
    let scale = TILE.min(height) as f32 / 2.0 / RADIUS_M;
    let center = Vec2::new(TILE as f32 / 2.0, height as f32 / 2.0);
    // Forward is up, left is left.
    let at = |p: Vec2| center + Vec2::new(-p.y, -p.x) * scale;
    for point in points {
        let z = point.compensated.z + mount;
        let v = (70.0 + 60.0 * z.clamp(0.0, 3.0)) as u8;
        put(
            &mut image,
            at(point.compensated.truncate()),
            if point.object == 0 {
                [v / 2, v, v / 2]
            } else {
                [255, 200, 60]
            },
        );
    }
    for label in labels {
        let corners = label
            .cuboid_ego
            .bev()
            .corners()
            .map(|c| at(Vec2::new(c[0] as f32, c[1] as f32)).to_array());
        for i in 0..4 {
            draw_line(&mut image, corners[i], corners[(i + 1) % 4], class_colour(label.class));
        }
    }
    image
}
