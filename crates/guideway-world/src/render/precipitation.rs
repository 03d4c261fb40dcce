//! Rain and snow between the camera and the scene.

use glam::Vec3;
use rand::RngExt as _;

use super::shade::Scene;
use super::{CameraFrame, Shot};

/// Draws what falls before what was seen. Drops and flakes are anew in every frame: they fall metres between two.
pub(crate) fn fall(hdr: &mut [Vec3], frame: &CameraFrame, scene: &Scene<'_>, shot: &Shot) {
    let weather = &scene.params.weather;
    let (rain, snow) = (weather.rain_mm_per_h as f32, weather.snowfall_mm_per_h as f32);
    if rain <= 0.0 && snow <= 0.0 {
        return;
    }
    let mut canvas = Canvas {
        hdr,
        depth: &frame.depth,
        width: frame.width as i32,
        height: frame.height as i32,
    };
    let mut rng = shot.seed.child("precipitation").rng();
    let focal = shot.camera.intrinsics().fx as f32;
    let area = (frame.width * frame.height) as f32 / 245_760.0;
    // What falls is lit by the sky, and at night by the vehicle's own lamps.
    let lamps = if scene.lights.iter().any(|l| l.ego) { 0.012 } else { 0.0 };
    let light = |z: f32| scene.sky.ambient + scene.sky.direct * 0.15 + Vec3::splat(lamps / (1.0 + z * z * 0.2));
    let speed = scene.state.ego.as_ref().map_or(0.0, |e| e.velocity.length());
    let exposure = (shot.exposure_s as f32).clamp(0.002, 0.02);
    // Drops that pass while the vehicle drives seem to come from the point where it drives to.
    let slant = |x: f32, z: f32| (x - canvas_middle(frame)) / focal * speed / z.max(1.0);
    let drops = (rain.sqrt() * 90.0 * area) as u32;
    for _ in 0..drops.min(4000) {
        let x = rng.random_range(0.0..frame.width as f32);
        let y = rng.random_range(-20.0..frame.height as f32);
        let z = 1.5 + 18.0 * rng.random_range(0.0_f32..1.0).powi(2);
        let length = focal * 8.0 * exposure / z;
        let lean = slant(x, z) * 0.12 + rng.random_range(-0.03_f32..0.03);
        let alpha = rng.random_range(0.06..0.16_f32);
        canvas.streak(
            [x, y],
            [lean * length, length.clamp(2.0, 90.0)],
            z,
            light(z) * 1.3,
            alpha,
        );
    }
    let flakes = (snow.sqrt() * 700.0 * area) as u32;
    for _ in 0..flakes.min(12_000) {
        let x = rng.random_range(0.0..frame.width as f32);
        let y = rng.random_range(0.0..frame.height as f32);
        let z = 1.0 + 24.0 * rng.random_range(0.0_f32..1.0);
        // Flakes of 6 mm, out of focus near the lens.
        let radius = (focal * 0.003 / z + 0.8 / z).clamp(0.35, 4.0);
        let alpha = (0.75 / radius).clamp(0.12, 0.55);
        canvas.disc([x, y], radius, z, light(z) * 1.5, alpha);
    }
}

fn canvas_middle(frame: &CameraFrame) -> f32 {
    frame.width as f32 / 2.0
}

struct Canvas<'a> {
    hdr: &'a mut [Vec3],
    depth: &'a [f32],
    width: i32,
    height: i32,
}

impl Canvas<'_> {
    fn blend(&mut self, x: i32, y: i32, z: f32, color: Vec3, alpha: f32) {
        if x < 0 || y < 0 || x >= self.width || y >= self.height {
            return;
        }
        let at = (y * self.width + x) as usize;
        if self.depth[at] > z {
            self.hdr[at] = self.hdr[at].lerp(color, alpha.clamp(0.0, 1.0));
        }
    }

    fn streak(&mut self, from: [f32; 2], along: [f32; 2], z: f32, color: Vec3, alpha: f32) {
        let steps = along[1].ceil().max(1.0) as i32;
        for i in 0..=steps {
            let t = i as f32 / steps as f32;
            let (x, y) = (from[0] + along[0] * t, from[1] + along[1] * t);
            // Faint at both ends, and shared between two columns.
            let strength = alpha * 4.0 * t * (1.0 - t);
            let column = x.floor();
            let right = x - column;
            self.blend(column as i32, y as i32, z, color, strength * (1.0 - right));
            self.blend(column as i32 + 1, y as i32, z, color, strength * right);
        }
    }

    fn disc(&mut self, center: [f32; 2], radius: f32, z: f32, color: Vec3, alpha: f32) {
        let reach = radius.ceil() as i32 + 1;
        let (cx, cy) = (center[0] as i32, center[1] as i32);
        for y in cy - reach..=cy + reach {
            for x in cx - reach..=cx + reach {
                let (dx, dy) = (x as f32 + 0.5 - center[0], y as f32 + 0.5 - center[1]);
                let edge = radius + 0.5 - (dx * dx + dy * dy).sqrt();
                if edge > 0.0 {
                    self.blend(x, y, z, color, alpha * edge.min(1.0));
                }
            }
        }
    }
}
