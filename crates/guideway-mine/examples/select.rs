//! How long selections take: `select FILE ROWS WIDTH BUDGET [independent|scenes]`, with rows of 32-bit floats in the file; makes the file when it is not there.
//!
//! Prints one JSON line for each function, with the first rows it took, so that another program can be held against it.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark")]

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use guideway_mine::Points;
use guideway_mine::diversity::{Pool, core_set, k_means_plus_plus};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Frames in a scene: they resemble each other.
const SCENE: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, rows, width, budget, rest @ ..] = args.as_slice() else {
        return Err("usage: select FILE ROWS WIDTH BUDGET [independent|scenes]".into());
    };
    let (rows, width, budget): (usize, usize, usize) = (rows.parse()?, width.parse()?, budget.parse()?);
    if !std::path::Path::new(file).exists() {
        write(file, rows, width, rest.iter().any(|arg| arg == "independent"))?;
    }
    let bytes = std::fs::read(file)?;
    let values: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .take(rows * width)
        .collect();
    drop(bytes);
    let pool = Pool::new(Points::new(&values, width)?);
    let start = Instant::now();
    let taken = core_set(&pool, budget)?;
    report("core-set", start, &taken);
    let start = Instant::now();
    let taken = k_means_plus_plus(&pool, budget, 0)?;
    report("k-means++", start, &taken);
    Ok(())
}

fn report(name: &str, start: Instant, taken: &[u32]) {
    let first: Vec<String> = taken.iter().take(50).map(ToString::to_string).collect();
    println!(
        r#"{{"function":"{name}","seconds":{:.3},"rows":{},"first":[{}]}}"#,
        start.elapsed().as_secs_f64(),
        taken.len(),
        first.join(",")
    );
}

/// Frames in scenes, or every one of its own.
fn write(file: &str, rows: usize, width: usize, independent: bool) -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    // Sums of uniform values are normal enough.
    let mut normal = move || (0..4).map(|_| rng.random::<f32>() - 0.5).sum::<f32>() * 1.732;
    let scenes: Vec<f32> = (0..rows.div_ceil(SCENE) * width).map(|_| normal()).collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for row in 0..rows {
        let scene = row / SCENE;
        for at in 0..width {
            let own = normal();
            let value = if independent {
                own
            } else {
                scenes[scene * width + at] + 0.5 * own
            };
            out.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(out.flush()?)
}
