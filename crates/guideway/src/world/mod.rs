//! Worlds made to order: their schema, a preview, logs of a fleet, frames for a dataset, how fast they are.

mod frames;
mod log;
mod remake;
mod solids;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use guideway_core::{Reporter, Warning};
use guideway_ingest::write::{LogWriter, WriteOptions};
use guideway_world::drive::Drive;
use guideway_world::frames::FrameSet;
use guideway_world::labels::DiversityReport;
use guideway_world::params::{SceneParams, WorldConfig, world_schema};
use guideway_world::road::RoadNetwork;
use guideway_world::sensors::Rig;
use guideway_world::world::World;
use guideway_world::{Seed, WorldError};
use serde::Serialize;

pub use frames::{WorldFramesOptions, WorldFramesReport};
pub use guideway_world::bench::{BenchReport, Stage as BenchStage};
pub use remake::{Remade, world_remake};

pub(crate) use self::frames::occlusion_code;
use self::log::{DriveFacts, Scribe};
use self::solids::SolidsFile;
use crate::atomic::{check_out, write_atomic};
use crate::error::Error;
use crate::side_by_side::{cores, side_by_side};

/// Seconds from 1970 to the beginning of the year in which worlds play, 2026.
const YEAR_S: i64 = 1_767_225_600;

/// A configuration with its rig, read from files.
#[derive(Debug, Clone)]
pub struct WorldSetup {
    config: WorldConfig,
    folder: PathBuf,
    rig: Rig,
    /// The rig's file, or the name of a built-in one.
    rig_origin: String,
}

impl WorldSetup {
    /// Reads a configuration; without one everything has its default. `rig` overrules the rig that the file names: built-in, or a file.
    pub fn read(config: Option<&Path>, rig: Option<&str>) -> Result<Self, Error> {
        let folder = config.and_then(Path::parent).map_or_else(PathBuf::new, Path::to_owned);
        let config = match config {
            Some(path) => WorldConfig::read(path)?,
            None => WorldConfig::default(),
        };
        let (rig, rig_origin) = match (rig, config.rig()) {
            (Some(name), _) => read_rig(name, Path::new(""), "--rig")?,
            (None, Some(name)) => read_rig(name, &folder, config.origin())?,
            (None, None) => read_rig("default", Path::new(""), "the program")?,
        };
        Ok(Self {
            config,
            folder,
            rig,
            rig_origin,
        })
    }

    /// The rig.
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    /// The parameters of the scene with this seed, every number fixed.
    pub fn sample(&self, seed: u64, scene: u64) -> Result<SceneParams, Error> {
        Ok(self.config.sample(scene_seed(seed, scene))?)
    }

    /// The same as the text of a configuration that gives this scene again.
    pub fn sample_toml(&self, seed: u64, scene: u64) -> Result<String, Error> {
        Ok(WorldConfig::to_toml(&self.sample(seed, scene)?)?)
    }

    /// Warns of what is passed over in the OpenDRIVE files of these scenes, once for each file.
    fn warn_of_roads(&self, seed: u64, scenes: u64, reporter: &dyn Reporter) -> Result<(), Error> {
        let mut files = BTreeSet::new();
        for scene in 0..scenes {
            let params = self.sample(seed, scene)?;
            let Some(file) = params.road.opendrive.as_ref().map(|file| self.folder.join(file)) else {
                continue;
            };
            if !files.insert(file.clone()) {
                continue;
            }
            let (_, warnings) =
                RoadNetwork::from_opendrive(&file, &params.road, &params.surroundings, scene_seed(seed, 0))?;
            for warning in warnings {
                reporter.warn(Warning {
                    code: "opendrive".to_owned(),
                    message: warning.problem,
                    location: format!("{}:{}: {}", file.display(), warning.line, warning.element),
                    count: 1,
                });
            }
        }
        Ok(())
    }

    /// An error of a world's, with the rig that it is about.
    fn named(&self, err: WorldError) -> Error {
        match err {
            WorldError::NoSensor { kind, problem, .. } => {
                let origin = self.rig_origin.clone();
                WorldError::NoSensor { origin, kind, problem }.into()
            }
            other => other.into(),
        }
    }

    /// Frames of the rig's first camera.
    fn frame_set(&self, seed: u64, count: u32, per_scene: u32) -> Result<FrameSet<'_>, Error> {
        let camera = self.rig.cameras.first().ok_or_else(|| WorldError::NoSensor {
            origin: self.rig_origin.clone(),
            kind: "camera",
            problem: "frames are pictures",
        })?;
        Ok(FrameSet {
            config: &self.config,
            folder: &self.folder,
            camera,
            seed: Seed::new(seed),
            count: u64::from(count),
            per_scene: u64::from(per_scene),
        })
    }
}

fn scene_seed(seed: u64, scene: u64) -> Seed {
    FrameSet::scene_seed(Seed::new(seed), scene)
}

/// A rig and where it comes from; `named_by` is what names it.
fn read_rig(name: &str, folder: &Path, named_by: &str) -> Result<(Rig, String), Error> {
    if Rig::BUILTIN.contains(&name) {
        return Ok((Rig::builtin(name)?, format!("the rig `{name}`")));
    }
    let path = folder.join(name);
    if !path.exists() {
        return Err(Error::usage(
            format!(
                "{named_by}: there is no rig `{name}`: no file {}, and built in are {}",
                path.display(),
                Rig::BUILTIN.join(", ")
            ),
            "`guideway world schema --rig` describes a rig file".to_owned(),
        ));
    }
    let text = std::fs::read_to_string(&path).map_err(|err| Error::io("read", &path, err))?;
    let origin = path.display().to_string();
    Ok((Rig::parse(&text, &origin)?, origin))
}

/// The JSON schema of a configuration, or of a rig.
pub fn world_schema_json(rig: bool) -> serde_json::Value {
    if rig { Rig::json_schema() } else { world_schema() }
}

/// Draws a contact sheet of some scenes into a PNG file.
pub fn world_preview(
    setup: &WorldSetup,
    seed: u64,
    scenes: u32,
    out: &Path,
    reporter: &dyn Reporter,
) -> Result<[u32; 2], Error> {
    check_out(out)?;
    setup.warn_of_roads(seed, u64::from(scenes), reporter)?;
    let sheet =
        guideway_world::preview::contact_sheet(&setup.config, &setup.folder, &setup.rig, Seed::new(seed), scenes)
            .map_err(|err| setup.named(err))?;
    let mut png = std::io::Cursor::new(Vec::new());
    sheet
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(|err| Error::corrupt(out.display().to_string(), err))?;
    write_atomic(out, &png.into_inner())?;
    Ok([sheet.width(), sheet.height()])
}

/// Measures how fast worlds are made and seen.
pub fn world_bench(setup: &WorldSetup, seed: u64, frames: u32) -> Result<BenchReport, Error> {
    guideway_world::bench::bench(&setup.rig, frames, Seed::new(seed)).map_err(|err| setup.named(err))
}

/// Counts what a configuration gives over many frames.
pub fn world_diversity(
    setup: &WorldSetup,
    seed: u64,
    frames: u32,
    reporter: &dyn Reporter,
) -> Result<DiversityReport, Error> {
    let set = setup.frame_set(seed, frames, 2)?;
    setup.warn_of_roads(seed, set.scenes(), reporter)?;
    let task = reporter.begin("Sampling", Some(u64::from(frames)), "frames");
    let mut report = DiversityReport::default();
    for frame in set.frames() {
        let frame = frame?;
        report.add(&frame.origin.params, &frame.reading.frame, &frame.reading.labels);
        task.advance(1);
    }
    Ok(report)
}

/// What to record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordOptions {
    /// Number of drives.
    pub drives: u32,
    /// Length of each, s.
    pub seconds: f64,
    /// Seed of the fleet.
    pub seed: u64,
    /// Folder for the logs.
    pub out: PathBuf,
    /// Compress the logs (pictures and noise hardly shrink, label planes do).
    pub compress: bool,
}

/// A recorded log.
#[derive(Debug, Clone, Serialize)]
pub struct RecordedLog {
    /// The file.
    pub path: PathBuf,
    /// Number of the drive.
    pub drive: u32,
    /// Its seed.
    pub seed: u64,
    /// Whether it was there already.
    pub existed: bool,
    /// Pictures and sweeps; 0 for one that was there.
    pub frames: u64,
    /// Labels.
    pub labels: u64,
    /// Size, bytes.
    pub bytes: u64,
}

/// What a fleet recorded.
#[derive(Debug, Clone, Serialize)]
pub struct RecordReport {
    /// The logs, by drive.
    pub logs: Vec<RecordedLog>,
    /// Where the buildings of these worlds stand: GeoJSON, for assertions.
    pub solids: PathBuf,
}

/// Sends a fleet out: one MCAP log a drive. A log's name holds a digest of everything that it is made from, so a log that is there already
/// is not made again, and one that was cut short is. Beside the logs `solids.geojson` says where the buildings of all of them stand.
pub fn world_record(
    setup: &WorldSetup,
    options: &RecordOptions,
    reporter: &dyn Reporter,
) -> Result<RecordReport, Error> {
    if options.drives == 0 || !(options.seconds > 0.0 && options.seconds.is_finite()) {
        return Err(Error::usage(
            format!("{} drives of {} s", options.drives, options.seconds),
            "ask for at least one drive of more than 0 s".to_owned(),
        ));
    }
    setup.warn_of_roads(options.seed, u64::from(options.drives), reporter)?;
    std::fs::create_dir_all(&options.out).map_err(|err| Error::io("create", &options.out, err))?;
    let mut solids = SolidsFile::read(&options.out)?;
    let task = reporter.begin(
        "Recording",
        Some((f64::from(options.drives) * options.seconds * 10.0).round() as u64),
        "tenths of a second",
    );
    let drives: Vec<u32> = (0..options.drives).collect();
    // A drive renders on many cores, and waits for them and for its log in between: another one uses that time.
    let made = side_by_side(&drives, cores(), |&drive| {
        let seed = scene_seed(options.seed, u64::from(drive));
        let params = setup.config.sample(seed)?;
        let path = options.out.join(format!(
            "drive-{drive:04}-{}.mcap",
            digest(setup, &params, seed, options)?
        ));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        task.note(&name);
        let mut log = RecordedLog {
            drive,
            seed: seed.value(),
            existed: path.exists(),
            frames: 0,
            labels: 0,
            bytes: 0,
            path,
        };
        let walled = if log.existed {
            task.advance((options.seconds * 10.0).round() as u64);
            if solids.knows(&name) {
                None
            } else {
                Some(World::walled(&params, &setup.folder, seed)?)
            }
        } else {
            let made = record_one(setup, params, seed, options, &log.path, task.as_ref())
                .map_err(|err| err.of_recording(&log.path))?;
            (log.frames, log.labels) = (made.counts.frames, made.counts.labels);
            Some(made.walled)
        };
        log.bytes = std::fs::metadata(&log.path)
            .map_err(|err| Error::io("read", &log.path, err))?
            .len();
        Ok((log, name, walled))
    })?;
    let mut logs = Vec::with_capacity(made.len());
    for (log, name, walled) in made {
        if let Some(walled) = walled {
            solids.put(&name, &walled);
        }
        logs.push(log);
    }
    solids.write()?;
    Ok(RecordReport {
        logs,
        solids: solids.path().to_owned(),
    })
}

/// What a drive left.
struct Made {
    counts: log::Counts,
    /// The walls of its world's buildings, by their corners, m.
    walled: Vec<[[f64; 2]; 4]>,
}

fn record_one(
    setup: &WorldSetup,
    params: SceneParams,
    seed: Seed,
    options: &RecordOptions,
    path: &Path,
    task: &dyn guideway_core::Task,
) -> Result<Made, Error> {
    let start_ns = start_ns(&params, seed);
    let facts_params = WorldConfig::to_toml(&params)?;
    let drive = Drive::new(
        World::new(params, &setup.folder, seed)?,
        setup.rig.clone(),
        options.seconds,
    )?;
    let facts = DriveFacts::new(&drive, start_ns);
    let walled = drive.world().environment().walled.clone();
    let mut writer = LogWriter::create(
        path,
        WriteOptions {
            compression: options.compress.then_some(guideway_ingest::write::Compression::Zstd),
            ..WriteOptions::default()
        },
    )?;
    writer.metadata(
        "guideway.world",
        &[
            ("seed", seed.value().to_string()),
            ("seconds", options.seconds.to_string()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("params.toml", facts_params),
            ("rig.toml", setup.rig.to_toml()?),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into(),
    )?;
    let mut scribe = Scribe::new(writer, &facts);
    let mut tenths = 0;
    for measurement in drive {
        let measurement = measurement?;
        scribe.write(&measurement)?;
        let now = (measurement.firing.time_s() * 10.0) as u64;
        task.advance(now.saturating_sub(tenths));
        tenths = tenths.max(now);
    }
    task.advance(((options.seconds * 10.0).round() as u64).saturating_sub(tenths));
    let (writer, counts) = scribe.finish();
    writer.finish()?;
    Ok(Made { counts, walled })
}

/// When a drive begins: the scene's day and hour of 2026 in UTC, and some seconds of its own, so that no two drives of a fleet coincide.
fn start_ns(params: &SceneParams, seed: Seed) -> i64 {
    let time = &params.time;
    let day = i64::from(time.day_of_year.saturating_sub(1));
    let hours = time.hour - time.longitude_deg / 15.0;
    let own = (seed.child("clock").value() % 600_000_000_000) as i64;
    (YEAR_S + day * 86_400) * 1_000_000_000 + (hours * 3.6e12) as i64 + own
}

/// Eight hexadecimal digits of everything that a log is made from.
fn digest(setup: &WorldSetup, params: &SceneParams, seed: Seed, options: &RecordOptions) -> Result<String, Error> {
    let mut hasher = blake3::Hasher::new();
    for part in [
        WorldConfig::to_toml(params)?,
        setup.rig.to_toml()?,
        seed.value().to_string(),
        options.seconds.to_string(),
        options.compress.to_string(),
        env!("CARGO_PKG_VERSION").to_owned(),
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    Ok(hasher.finalize().to_hex()[..8].to_owned())
}
