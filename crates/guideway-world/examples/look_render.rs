//! Renders a small town under every kind of light and weather, as PNG files: `cargo run --example look_render -- FOLDER [NAME…]`.

mod town;

use std::path::PathBuf;

use guideway_world::Seed;
use guideway_world::params::SceneParams;
use guideway_world::render::{CpuRenderer, Renderer as _, Snapshot};

/// A name and what is special about it.
type Look = (&'static str, fn(&mut SceneParams));

const LOOKS: &[Look] = &[
    ("day", |_| ()),
    ("evening", |p| p.time.hour = 19.6),
    ("dusk", |p| p.time.hour = 20.6),
    ("night", |p| p.time.hour = 23.5),
    ("overcast", |p| p.weather.clouds = 1.0),
    ("cloudy", |p| p.weather.clouds = 0.55),
    ("rain", |p| {
        p.weather.rain_mm_per_h = 12.0;
        p.weather.wetness = 0.8;
        p.weather.clouds = 0.95;
        p.optics.drops = 0.4;
    }),
    ("night_rain", |p| {
        p.time.hour = 23.5;
        p.weather.rain_mm_per_h = 6.0;
        p.weather.wetness = 1.0;
    }),
    ("snow", |p| {
        p.weather.snowfall_mm_per_h = 3.0;
        p.weather.snow_cover = 0.9;
        p.time.day_of_year = 15;
    }),
    ("fog", |p| p.weather.visibility_m = 80.0),
    ("dirt", |p| {
        p.optics.dirt = 0.7;
        p.time.hour = 19.6;
        p.optics.flare = 1.0;
    }),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: look_render FOLDER [NAME…]")?);
    let names: Vec<String> = arguments.collect();
    let environment = town::environment(420);
    let state = town::state(45);
    let renderer = CpuRenderer::new(&environment);
    std::fs::create_dir_all(&folder)?;
    for (name, change) in LOOKS {
        if !names.is_empty() && !names.iter().any(|n| n == name) {
            continue;
        }
        let mut params = SceneParams::default();
        change(&mut params);
        let snapshot = Snapshot {
            environment: &environment,
            state: &state,
            params: &params,
            seed: Seed::new(1),
        };
        let frame = renderer.camera(&snapshot, &town::shot(1));
        let image =
            image::RgbImage::from_raw(frame.width, frame.height, frame.rgb).ok_or("a frame of the wrong size")?;
        image.save(folder.join(format!("{name}.png")))?;
    }
    Ok(())
}
