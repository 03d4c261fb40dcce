//! Random scenes that have a bit of everything: crowds, ties, duplicates, many sizes.

use guideway_eval::coco::{Detections, GroundTruth};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Labels and noisy detections of them.
pub(crate) fn scene(seed: u64, images: u32, classes: u32) -> (GroundTruth, Detections) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut truth = GroundTruth::new(images, classes);
    truth.image_size = Some(vec![[640, 480]; images as usize]);
    let mut det = Detections::default();
    for image in 0..images {
        for _ in 0..rng.random_range(0..8_u32) {
            let class = rng.random_range(0..classes);
            let size = 2.0_f64.powf(rng.random_range(3.0..8.0));
            let xywh = [
                rng.random_range(0.0..500.0),
                rng.random_range(0.0..400.0),
                size * rng.random_range(0.5..1.5),
                size,
            ];
            truth.push(image, class, xywh);
            if rng.random_bool(0.05)
                && let Some(last) = truth.crowd.last_mut()
            {
                *last = true;
            }
            for _ in 0..rng.random_range(0..3_u32) {
                let noise = size * rng.random_range(0.0..0.3);
                let moved = xywh.map(|v| v + noise * rng.random_range(-0.5..0.5));
                let class = if rng.random_bool(0.15) {
                    rng.random_range(0..classes)
                } else {
                    class
                };
                // one decimal: many ties
                det.push(image, class, moved, f64::from(rng.random_range(0..=10_u32)) / 10.0);
            }
        }
    }
    (truth, det)
}
