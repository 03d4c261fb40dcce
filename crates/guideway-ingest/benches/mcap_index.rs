//! How fast a log is indexed, read and ingested, beside the `mcap` crate's own reader.
//!
//! ```text
//! GUIDEWAY_BENCH_BYTES=4000000000 cargo bench -p guideway-ingest --bench mcap_index
//! ```
//!
//! Each log is measured without compression, with zstd and with lz4; `GUIDEWAY_BENCH_COMPRESSION` names some of `none`, `zstd`, `lz4`
//! instead, with commas. The default of 100 MB is ten seconds of a robot. `GUIDEWAY_BENCH_DIR` holds the logs (default: the system's
//! temporary folder); each is made if absent and removed once it is measured, unless `GUIDEWAY_BENCH_KEEP` is set.

#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]
#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark measures time, and puts its log into the temporary folder"
)]

use std::error::Error;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use guideway_core::Silent;
use guideway_ingest::mcap::{LogIndex, McapSource};
use guideway_ingest::media::MediaReader;
use guideway_ingest::testing::robot;
use guideway_schema::{FrameRow, Rows, Sink, SinkError, Source as _};
use mcap::Compression;
use mcap::sans_io::linear_reader::{LinearReadEvent, LinearReader};

/// Counts rows and keeps every hundredth frame.
#[derive(Default)]
struct Counting {
    rows: u64,
    frames: Vec<FrameRow>,
}

impl Sink for Counting {
    fn push(&mut self, rows: Rows) -> Result<(), SinkError> {
        self.rows += rows.len() as u64;
        if let Rows::Frames(frames) = rows {
            self.frames.extend(frames.into_iter().step_by(100));
        }
        Ok(())
    }
}

/// Largest resident memory of this process so far, MB.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        / 1000.0
}

/// Largest since the last call: writing 5 to `clear_refs` resets the mark (proc(5)).
fn reset_peak() {
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}

fn timed<T>(
    what: &str,
    bytes: u64,
    mut run: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<(f64, T), Box<dyn Error>> {
    let mut best = f64::INFINITY;
    let mut last = None;
    reset_peak();
    for _ in 0..3 {
        let start = Instant::now();
        last = Some(run()?);
        best = best.min(start.elapsed().as_secs_f64());
    }
    let rate = bytes as f64 / best / 1e9;
    println!("{what:<44} {best:>8.4} s {rate:>9.2} GB/s   peak {:>5.0} MB", peak_mb());
    last.map(|value| (best, value)).ok_or_else(|| "never ran".into())
}

/// The plain reader of the `mcap` crate: every record, decompressed, from a buffered file.
fn plain(path: &Path) -> Result<u64, Box<dyn Error>> {
    let mut file = std::fs::File::open(path)?;
    let mut reader = LinearReader::new();
    let mut messages = 0;
    while let Some(event) = reader.next_event() {
        match event? {
            LinearReadEvent::ReadRequest(need) => {
                let got = file.read(reader.insert(need.max(1 << 20)))?;
                reader.notify_read(got);
            }
            LinearReadEvent::Record { opcode, .. } => messages += u64::from(opcode == mcap::records::op::MESSAGE),
        }
    }
    Ok(messages)
}

/// Seconds of one log.
struct Measured {
    name: &'static str,
    size: u64,
    index: f64,
    plain: f64,
    walk: f64,
    ingest: f64,
}

fn measure(dir: &Path, bytes: u64, name: &'static str) -> Result<Measured, Box<dyn Error>> {
    let compression = match name {
        "zstd" => Some(Compression::Zstd),
        "lz4" => Some(Compression::Lz4),
        _ => None,
    };
    let path = dir.join(format!("robot-{bytes}-{name}.mcap"));
    if !path.exists() {
        robot(&path, bytes, compression).map_err(|err| err.to_string())?;
    }
    let size = std::fs::metadata(&path)?.len();
    // Warms the page cache.
    let mut block = vec![0u8; 1 << 20];
    let mut file = std::fs::File::open(&path)?;
    while file.read(&mut block)? > 0 {}
    println!(
        "{} ({:.2} GB, chunks: {name}); best of three, warm page cache",
        path.display(),
        size as f64 / 1e9
    );

    let (ours, index) = timed("index (summary, message indexes)", size, || Ok(LogIndex::open(&path)?))?;
    println!(
        "{:<44} {} chunks, {} messages, {} of {size} bytes touched",
        "",
        index.chunks.len(),
        index.message_count(),
        index.file().bytes_touched()
    );
    let (theirs, messages) = timed("mcap crate: plain read of every record", size, || plain(&path))?;
    if messages != index.message_count() {
        return Err(format!("{messages} messages, the index has {}", index.message_count()).into());
    }
    drop(index);

    // Cutting the footer off shows what indexing costs where there is no summary.
    let cut = dir.join(format!("robot-{bytes}-{name}-cut.mcap"));
    std::fs::copy(&path, &cut)?;
    std::fs::OpenOptions::new().write(true).open(&cut)?.set_len(size - 40)?;
    let (walk, _) = timed("index without footer (walk)", size, || Ok(LogIndex::open(&cut)?))?;
    std::fs::remove_file(&cut)?;

    let (ingest, sink) = timed("ingest: every message, rows, BLAKE3 digest", size, || {
        let mut sink = Counting::default();
        McapSource::open(&path)?.read(&mut sink, &Silent)?;
        Ok(sink)
    })?;
    println!("{:<44} {} rows", "", sink.rows);

    let frame = sink.frames.get(sink.frames.len() / 2).ok_or("no frames")?;
    let start = Instant::now();
    let mut reader = MediaReader::new();
    let media = reader.fetch(frame)?;
    println!(
        "point read of {} ({} bytes): {:.2} ms, {} bytes touched\n",
        frame.name,
        media.bytes.len(),
        start.elapsed().as_secs_f64() * 1e3,
        reader.bytes_touched()
    );
    if std::env::var_os("GUIDEWAY_BENCH_KEEP").is_none() {
        std::fs::remove_file(&path)?;
    }
    Ok(Measured {
        name,
        size,
        index: ours,
        plain: theirs,
        walk,
        ingest,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let bytes: u64 = std::env::var("GUIDEWAY_BENCH_BYTES").map_or(Ok(100_000_000), |text| text.parse())?;
    let dir = std::env::var_os("GUIDEWAY_BENCH_DIR")
        .map_or_else(|| std::env::temp_dir().join("guideway-bench"), PathBuf::from);
    std::fs::create_dir_all(&dir)?;
    let known = ["none", "zstd", "lz4"];
    let wanted = std::env::var("GUIDEWAY_BENCH_COMPRESSION").unwrap_or_else(|_| known.join(","));
    let mut all = Vec::new();
    for name in wanted.split(',').map(str::trim) {
        let name = known.into_iter().find(|known| *known == name);
        let name = name.ok_or("GUIDEWAY_BENCH_COMPRESSION: none, zstd, lz4")?;
        all.push(measure(&dir, bytes, name)?);
    }
    println!(
        "{:<8} {:>9} {:>24} {:>24} {:>24}",
        "chunks", "GB", "index: × the plain read", "walk: × the plain read", "ingest ÷ plain read"
    );
    for log in all {
        println!(
            "{:<8} {:>9.3} {:>24.0} {:>24.0} {:>24.2}",
            log.name,
            log.size as f64 / 1e9,
            log.plain / log.index,
            log.plain / log.walk,
            log.ingest / log.plain
        );
    }
    Ok(())
}
