//! COCO evaluation beside hotcoco on one generated set.
//!
//! `gen DIR` writes `gt.json` and `dt.json` of the size of COCO's val2017 (5,000 images, 36,000 boxes, 80 classes, 300,000 detections). `run DIR
//! REPEATS` evaluates them with guideway and hotcoco in turn and prints one JSON object: the shortest time of each step in seconds and
//! the twelve numbers.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use guideway_core::Silent;
use guideway_eval::coco::files::{Input, evaluate, read_results, read_truth};
use guideway_eval::coco::{CocoParams, IouType};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const IMAGES: u32 = 5_000;
const LABELS: u32 = 36_000;
const CLASSES: u32 = 80;
const DETECTIONS: u32 = 300_000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[1..] {
        ["gen", dir] => generate(Path::new(dir)),
        ["run", dir, repeats] => run(Path::new(dir), repeats.parse()?),
        _ => Err("usage: guideway-bench-coco gen DIR | run DIR REPEATS".into()),
    }
}

/// A class, with the first as frequent as COCO's `person`.
fn class(rng: &mut ChaCha8Rng) -> u32 {
    let u: f64 = rng.random_range(0.0..1.0);
    1 + ((u * u * u * f64::from(CLASSES)) as u32).min(CLASSES - 1)
}

fn xywh(rng: &mut ChaCha8Rng) -> [f64; 4] {
    let size = 2.0_f64.powf(rng.random_range(3.0..8.5));
    let (w, h) = (size * rng.random_range(0.6..1.4), size * rng.random_range(0.6..1.4));
    let (w, h) = (w.min(630.0), h.min(470.0));
    [rng.random_range(0.0..640.0 - w), rng.random_range(0.0..480.0 - h), w, h]
}

fn generate(dir: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(dir)?;
    let mut rng = ChaCha8Rng::seed_from_u64(2017);
    let mut gt = String::from("{\"images\":[");
    for i in 0..IMAGES {
        let comma = if i == 0 { "" } else { "," };
        write!(gt, "{comma}{{\"id\":{},\"width\":640,\"height\":480,\"file_name\":\"{i:012}.jpg\"}}", 139 + i * 116)?;
    }
    gt.push_str("],\"categories\":[");
    for i in 1..=CLASSES {
        let comma = if i == 1 { "" } else { "," };
        write!(gt, "{comma}{{\"id\":{i},\"name\":\"class {i}\"}}")?;
    }
    gt.push_str("],\"annotations\":[");
    let mut labels = Vec::new();
    for i in 0..LABELS {
        // few images with many boxes, many with few
        let u: f64 = rng.random_range(0.0..1.0);
        let image = ((u * u * f64::from(IMAGES)) as u32).min(IMAGES - 1);
        let (class, b) = (class(&mut rng), xywh(&mut rng));
        let crowd = u32::from(rng.random_bool(0.012));
        let comma = if i == 0 { "" } else { "," };
        write!(
            gt,
            "{comma}{{\"id\":{},\"image_id\":{},\"category_id\":{class},\"bbox\":[{:.2},{:.2},{:.2},{:.2}],\"area\":{:.3},\"iscrowd\":{crowd}}}",
            i + 1,
            139 + image * 116,
            b[0],
            b[1],
            b[2],
            b[3],
            b[2] * b[3] * 0.7
        )?;
        labels.push((image, class, b));
    }
    gt.push_str("]}");
    std::fs::write(dir.join("gt.json"), gt)?;

    // a detector writes image by image
    let mut detections = Vec::new();
    for i in 0..DETECTIONS {
        let score = rng.random_range(0.0_f64..1.0).powi(3);
        if i % 4 == 0 {
            let (image, own, b) = labels[rng.random_range(0..labels.len())];
            let noise = rng.random_range(0.0..0.25) * b[2].min(b[3]);
            let b = b.map(|v| v + noise * rng.random_range(-1.0..1.0));
            let class = if rng.random_bool(0.1) { class(&mut rng) } else { own };
            detections.push((image, class, b, score.sqrt()));
        } else {
            detections.push((rng.random_range(0..IMAGES), class(&mut rng), xywh(&mut rng), score));
        }
    }
    detections.sort_by_key(|detection| detection.0);
    let mut dt = String::from("[");
    for (i, (image, class, b, score)) in detections.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        write!(
            dt,
            "{comma}{{\"image_id\":{},\"category_id\":{class},\"bbox\":[{:.2},{:.2},{:.2},{:.2}],\"score\":{score:.4}}}",
            139 + image * 116,
            b[0],
            b[1],
            b[2],
            b[3]
        )?;
    }
    dt.push(']');
    std::fs::write(dir.join("dt.json"), dt)?;
    Ok(())
}

/// Shortest times of the steps, in seconds.
#[derive(Clone, Copy)]
struct Times {
    load: f64,
    evaluate: f64,
    total: f64,
}

impl Times {
    const NONE: Self = Self {
        load: f64::INFINITY,
        evaluate: f64::INFINITY,
        total: f64::INFINITY,
    };

    fn keep(&mut self, load: f64, evaluate: f64) {
        self.load = self.load.min(load);
        self.evaluate = self.evaluate.min(evaluate);
        self.total = self.total.min(load + evaluate);
    }

    fn json(self, stats: &[f64]) -> serde_json::Value {
        serde_json::json!({"load_s": self.load, "evaluate_s": self.evaluate, "total_s": self.total, "stats": stats})
    }
}

fn ours(dir: &Path, times: &mut Times) -> Result<Vec<f64>, Box<dyn Error>> {
    let begin = Instant::now();
    let gt_bytes = std::fs::read(dir.join("gt.json"))?;
    let dt_bytes = std::fs::read(dir.join("dt.json"))?;
    let gt = Input {
        name: "gt.json",
        bytes: &gt_bytes,
    };
    let dt = Input {
        name: "dt.json",
        bytes: &dt_bytes,
    };
    let truth = read_truth(gt, IouType::Bbox, &Silent)?;
    let results = read_results(dt, &truth, IouType::Bbox, &Silent)?;
    let load = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let (report, _matches) = evaluate(&truth, &results, IouType::Bbox, &CocoParams::default())?;
    times.keep(load, begin.elapsed().as_secs_f64());
    Ok(report.stats.iter().map(|stat| stat.value.unwrap_or(-1.0)).collect())
}

fn theirs(dir: &Path, times: &mut Times) -> Result<Vec<f64>, Box<dyn Error>> {
    let begin = Instant::now();
    let gt = hotcoco::COCO::new(&dir.join("gt.json"))?;
    let dt = gt.load_res(&dir.join("dt.json"))?;
    let load = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let mut eval = hotcoco::COCOeval::new(gt, dt, hotcoco::params::IouType::Bbox);
    eval.evaluate()?;
    eval.accumulate();
    let _lines = eval.summarize_lines();
    times.keep(load, begin.elapsed().as_secs_f64());
    Ok(eval.stats().ok_or("hotcoco gave no numbers")?.to_vec())
}

fn run(dir: &Path, repeats: u32) -> Result<(), Box<dyn Error>> {
    let (mut a, mut b) = (Times::NONE, Times::NONE);
    let (mut stats_a, mut stats_b) = (Vec::new(), Vec::new());
    for _ in 0..repeats.max(1) {
        stats_a = ours(dir, &mut a)?;
        stats_b = theirs(dir, &mut b)?;
    }
    println!("{}", serde_json::json!({"guideway": a.json(&stats_a), "hotcoco": b.json(&stats_b)}));
    Ok(())
}
