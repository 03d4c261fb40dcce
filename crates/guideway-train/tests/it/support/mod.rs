//! What the tests and the example share: a measure, a folder reader, drawn images.

use std::path::Path;

use guideway_core::{BBox, Reporter, Silent, Task, Warning};
use guideway_train::{Prediction, Sample, TrainBox};
use image::{ImageFormat, Rgb, RgbImage};

/// Average precision at IoU 0.5: the mean over the classes that have objects, with 101 recall points as COCO takes them.
pub(crate) fn ap50(predictions: &[Prediction], samples: &[Sample]) -> f64 {
    let mut classes: Vec<u32> = samples.iter().flat_map(|s| s.boxes.iter().map(|b| b.class)).collect();
    classes.sort_unstable();
    classes.dedup();
    let sum: f64 = classes
        .iter()
        .map(|class| class_ap50(predictions, samples, *class))
        .sum();
    sum / classes.len().max(1) as f64
}

fn class_ap50(predictions: &[Prediction], samples: &[Sample], class: u32) -> f64 {
    let truth: Vec<Vec<BBox>> = samples
        .iter()
        .map(|s| s.boxes.iter().filter(|b| b.class == class).map(|b| b.bbox).collect())
        .collect();
    let total: usize = truth.iter().map(Vec::len).sum();
    // (score, sample, box), strongest first; ties in the order of samples and boxes.
    let mut found: Vec<(f32, usize, BBox)> = Vec::new();
    for prediction in predictions {
        let sample = samples.iter().position(|s| s.id == prediction.id).unwrap();
        let rows = prediction.boxes.iter().zip(&prediction.scores).zip(&prediction.classes);
        found.extend(
            rows.filter(|(_, c)| **c == class)
                .map(|((bbox, score), _)| (*score, sample, *bbox)),
        );
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut taken: Vec<Vec<bool>> = truth.iter().map(|boxes| vec![false; boxes.len()]).collect();
    let mut hits = 0;
    let mut curve: Vec<(f64, f64)> = Vec::new();
    for (rank, (_, sample, bbox)) in found.iter().enumerate() {
        let free = (0..truth[*sample].len()).filter(|i| !taken[*sample][*i]);
        let best = free
            .map(|i| (truth[*sample][i].iou(*bbox), i))
            .filter(|(iou, _)| *iou >= 0.5)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, i)) = best {
            taken[*sample][i] = true;
            hits += 1;
        }
        curve.push((f64::from(hits) / total as f64, f64::from(hits) / (rank + 1) as f64));
    }
    let precision_from = |recall: f64| {
        curve
            .iter()
            .filter(|(r, _)| *r >= recall)
            .map(|(_, p)| *p)
            .fold(0.0, f64::max)
    };
    (0..=100).map(|i| precision_from(f64::from(i) / 100.0)).sum::<f64>() / 101.0
}

/// Reads `images/*` with `labels/*.txt` in YOLO's format (class, centre and size relative to the image).
pub(crate) fn yolo_folder(folder: &Path) -> Vec<Sample> {
    let mut paths: Vec<_> = std::fs::read_dir(folder.join("images"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let media = std::fs::read(&path).unwrap();
            let (width, height) = image::image_dimensions(&path).unwrap();
            let labels = std::fs::read_to_string(folder.join("labels").join(format!("{stem}.txt"))).unwrap_or_default();
            let boxes = labels
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(|line| {
                    let row: Vec<f64> = line.split_whitespace().map(|field| field.parse().unwrap()).collect();
                    let (w, h) = (f64::from(width), f64::from(height));
                    let bbox = BBox::from_cxcywh(row[1] * w, row[2] * h, row[3] * w, row[4] * h);
                    TrainBox::new(bbox, row[0] as u32)
                })
                .collect();
            Sample {
                id: stem.clone(),
                group: stem,
                media,
                width,
                height,
                boxes,
            }
        })
        .collect()
}

/// A small deterministic generator for drawing.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A value in `0..limit`.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % u64::from(limit)) as u32
    }
}

/// Images of noise with one or two shapes: class 0 is a bright square, class 1 a dark one with a bright cross.
pub(crate) fn shapes(count: usize, seed: u64) -> Vec<Sample> {
    let side = 96;
    let mut dice = Dice::new(seed);
    (0..count)
        .map(|index| {
            let mut image = RgbImage::from_fn(side, side, |_, _| Rgb([0; 3].map(|_: u8| 90 + dice.below(60) as u8)));
            let mut boxes = Vec::new();
            for half in 0..=dice.below(2) {
                let class = dice.below(2);
                let size = 20 + dice.below(24);
                let x0 = half * 48 + dice.below(48 - size);
                let y0 = dice.below(side - size);
                for y in y0..y0 + size {
                    for x in x0..x0 + size {
                        let cross = (x - x0).abs_diff(size / 2) < 4 || (y - y0).abs_diff(size / 2) < 4;
                        let value = if class == 0 || cross { 240 } else { 10 };
                        image.put_pixel(x, y, Rgb([value; 3]));
                    }
                }
                let bbox = BBox::from_xywh(f64::from(x0), f64::from(y0), f64::from(size), f64::from(size));
                boxes.push(TrainBox::new(bbox, class));
            }
            let mut media = std::io::Cursor::new(Vec::new());
            image.write_to(&mut media, ImageFormat::Png).unwrap();
            Sample {
                id: format!("shape-{index:03}"),
                group: String::new(),
                media: media.into_inner(),
                width: side,
                height: side,
                boxes,
            }
        })
        .collect()
}

/// Keeps the warnings.
#[derive(Default)]
pub(crate) struct Collected(std::sync::Mutex<Vec<Warning>>);

impl Collected {
    /// The warnings so far.
    pub(crate) fn take(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Reporter for Collected {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) -> Box<dyn Task> {
        Box::new(Silent)
    }

    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning);
    }
}
