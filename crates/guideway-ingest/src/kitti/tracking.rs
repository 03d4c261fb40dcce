//! The tracking benchmark: drives of numbered frames at 10 Hz.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use guideway_core::{Clock, RecordingId, Reporter};
use guideway_schema::{IngestSummary, RecordingRow, SensorRow, Sink, Source, SourceError};

use super::calib::pose_list;
use super::object::{folder_name, warn_lines};
use super::oxts::{LocalFrame, signal_rows};
use super::{
    KittiCalibration, KittiLabelLayout, Media, camera_row, label_row, parse_kitti_calibration, parse_kitti_label,
    parse_kitti_oxts, velodyne_row,
};
use crate::files::{
    Emitter, Fingerprint, Identity, absolute, count, has_ending, is_image, list, list_files, not_this_format,
    read_text, relative, stem,
};

/// Nominal distance of two frames. The benchmark has no stamps; the clock is therefore called `sequence`.
const FRAME_NS: i64 = 100_000_000;

/// One sequence of the tracking benchmark, as a drive.
///
/// Frame `n` has the stamp `n · 100 ms`. Labels belong to the left colour image (`image_02`); a labelled frame whose image is
/// absent becomes a frame without media. `oxts` gives the signals `gnss`, `imu`, `odometry` (of the IMU), `pose` (of the ego
/// frame) and `speed_mps`; their world is x east, y north, z up from the first fix.
#[derive(Debug)]
pub struct KittiTrackingSource {
    root: PathBuf,
    sequence: String,
    scan: Option<Scan>,
}

#[derive(Debug, Clone)]
struct Scan {
    identity: Identity,
    image_02: BTreeMap<i64, PathBuf>,
    image_03: BTreeMap<i64, PathBuf>,
    velodyne: BTreeMap<i64, PathBuf>,
    calib: Option<PathBuf>,
    labels: Option<PathBuf>,
    oxts: Option<PathBuf>,
    /// Media files whose name is not a frame number.
    unnumbered: Vec<PathBuf>,
}

/// Which folders make a folder one of the tracking benchmark.
pub(crate) fn looks_like_kitti_tracking(folder: &Path) -> bool {
    ["image_02", "image_03", "label_02"]
        .iter()
        .any(|name| folder.join(name).is_dir())
}

impl KittiTrackingSource {
    /// The sequences below a folder that holds `image_02`, `label_02`, …, in the order of their names.
    pub fn open_all(folder: &Path) -> Result<Vec<Self>, SourceError> {
        if !looks_like_kitti_tracking(folder) {
            return Err(not_this_format(
                folder,
                "not a KITTI tracking folder: it has none of image_02, image_03 and label_02",
            ));
        }
        let root = absolute(folder);
        let mut names = BTreeSet::new();
        for kind in ["image_02", "image_03", "velodyne"] {
            let below = root.join(kind);
            if below.is_dir() {
                names.extend(
                    list(&below)?
                        .iter()
                        .filter(|p| p.is_dir())
                        .map(|p| crate::files::file_name(p)),
                );
            }
        }
        names.extend(
            list_files(&root.join("label_02"), |p| has_ending(p, &["txt"]))?
                .iter()
                .map(|p| stem(p)),
        );
        if names.is_empty() {
            return Err(not_this_format(
                folder,
                "a KITTI tracking folder without sequences: image_02 and velodyne have no folders, label_02 no files",
            ));
        }
        Ok(names
            .into_iter()
            .map(|sequence| Self {
                root: root.clone(),
                sequence,
                scan: None,
            })
            .collect())
    }

    fn scan(&mut self) -> Result<&Scan, SourceError> {
        if self.scan.is_none() {
            self.scan = Some(Scan::of(&self.root, &self.sequence)?);
        }
        self.scan
            .as_ref()
            .ok_or_else(|| not_this_format(&self.root, "the folder was not listed"))
    }
}

impl Scan {
    fn of(root: &Path, sequence: &str) -> Result<Self, SourceError> {
        let mut unnumbered = Vec::new();
        let mut numbered = |kind: &str, keep: fn(&Path) -> bool| -> Result<BTreeMap<i64, PathBuf>, SourceError> {
            let mut out = BTreeMap::new();
            for path in list_files(&root.join(kind).join(sequence), keep)? {
                match stem(&path).parse::<i64>() {
                    Ok(number) if (0..=i64::from(u32::MAX)).contains(&number) => {
                        out.insert(number, path);
                    }
                    _ => unnumbered.push(path),
                }
            }
            Ok(out)
        };
        let image_02 = numbered("image_02", is_image)?;
        let image_03 = numbered("image_03", is_image)?;
        let velodyne = numbered("velodyne", |p| has_ending(p, &["bin"]))?;
        let text = |kind: &str| {
            let path = root.join(kind).join(format!("{sequence}.txt"));
            path.is_file().then_some(path)
        };
        let (calib, labels, oxts) = (text("calib"), text("label_02"), text("oxts"));
        let mut print = Fingerprint::default();
        for path in [&calib, &labels, &oxts].into_iter().flatten() {
            print.content(&relative(root, path), path)?;
        }
        for path in [&image_02, &image_03, &velodyne].into_iter().flat_map(BTreeMap::values) {
            print.media(&relative(root, path), path)?;
        }
        Ok(Self {
            identity: print.finish("kitti-tracking"),
            image_02,
            image_03,
            velodyne,
            calib,
            labels,
            oxts,
            unnumbered,
        })
    }
}

impl Source for KittiTrackingSource {
    fn format(&self) -> &'static str {
        "kitti-tracking"
    }

    fn uri(&self) -> String {
        // The sequence is no folder of its own: a fragment names it.
        format!("{}#{}", guideway_core::uri::from_path(&self.root), self.sequence)
    }

    fn size_bytes(&self) -> u64 {
        self.scan.as_ref().map_or(0, |s| s.identity.bytes)
    }

    fn recording_id(&mut self) -> Result<RecordingId, SourceError> {
        Ok(self.scan()?.identity.recording_id.clone())
    }

    fn read(&mut self, sink: &mut dyn Sink, reporter: &dyn Reporter) -> Result<IngestSummary, SourceError> {
        let uri = self.uri();
        let root = self.root.clone();
        let name = format!("{}/{}", folder_name(&root), self.sequence);
        let scan = self.scan()?.clone();
        let recording = scan.identity.recording_id.as_str().to_owned();
        let total = [&scan.image_02, &scan.image_03, &scan.velodyne]
            .iter()
            .map(|m| m.len() as u64)
            .sum();
        let mut out = Emitter::new(sink, reporter, &format!("reading {name}"), Some(total), "frames");
        for path in &scan.unnumbered {
            out.damage(
                "bad-file-name",
                &uri,
                path.display().to_string(),
                "media files whose name is not a frame number were left out",
            );
        }
        let calib = match &scan.calib {
            None => None,
            Some(path) => {
                let (calib, problems) = parse_kitti_calibration(&read_text(path)?);
                warn_lines(&mut out, "bad-calibration", path, problems);
                Some(calib)
            }
        };
        let mut reader = Reader {
            scan: &scan,
            root: &root,
            sequence: &self.sequence,
            recording: &recording,
            calib: calib.as_ref(),
            sensors: BTreeMap::new(),
            times: None,
            out,
        };
        reader.frames()?;
        reader.labels()?;
        reader.signals()?;
        let times = reader.times;
        let row = RecordingRow {
            recording_id: recording.clone(),
            name,
            uri,
            format: "kitti-tracking".to_owned(),
            kind: "drive".to_owned(),
            start_ns: times.map(|t| t.0),
            end_ns: times.map(|t| t.1),
            clock: Clock::Sequence.as_str().to_owned(),
            size_bytes: count(scan.identity.bytes),
            digest: scan.identity.digest.clone(),
            metadata: Some(
                serde_json::json!({"files": scan.identity.files, "sequence": self.sequence, "nominal_rate_hz": 10})
                    .to_string(),
            ),
            ..RecordingRow::default()
        };
        reader.out.finish(row)
    }
}

/// A sensor's folder and the size of its images.
type SensorKey = (&'static str, Option<(i64, i64)>);

struct Reader<'a> {
    scan: &'a Scan,
    root: &'a Path,
    sequence: &'a str,
    recording: &'a str,
    calib: Option<&'a KittiCalibration>,
    /// Sensor ids by folder and image size.
    sensors: BTreeMap<SensorKey, String>,
    times: Option<(i64, i64)>,
    out: Emitter<'a>,
}

impl Reader<'_> {
    fn stamp(&mut self, number: i64) -> i64 {
        let stamp = number.saturating_mul(FRAME_NS);
        self.times = Some(self.times.map_or((stamp, stamp), |(a, b)| (a.min(stamp), b.max(stamp))));
        stamp
    }

    fn sensor(&mut self, name: &'static str, size: Option<(i64, i64)>) -> Result<String, SourceError> {
        if let Some(id) = self.sensors.get(&(name, size)) {
            return Ok(id.clone());
        }
        let row = match name {
            "image_02" => camera_row(self.recording, name, 2, self.calib, size),
            "image_03" => camera_row(self.recording, name, 3, self.calib, size),
            _ => velodyne_row(self.recording),
        };
        let id = row.sensor_id.clone();
        self.sensors.insert((name, size), id.clone());
        self.out.sensors(vec![row])?;
        Ok(id)
    }

    fn frames(&mut self) -> Result<(), SourceError> {
        let labelled = self.labelled_numbers()?;
        let scan = self.scan;
        let left: BTreeSet<i64> = scan.image_02.keys().copied().chain(labelled).collect();
        // Frame numbers can start anywhere and have gaps: `sequence` counts what is there.
        for (position, number) in left.into_iter().enumerate() {
            self.frame("image_02", number, position, scan.image_02.get(&number))?;
        }
        for (sensor, files) in [("image_03", &scan.image_03), ("velodyne", &scan.velodyne)] {
            for (position, (number, path)) in files.iter().enumerate() {
                self.frame(sensor, *number, position, Some(path))?;
            }
        }
        Ok(())
    }

    fn frame(
        &mut self,
        sensor: &'static str,
        number: i64,
        position: usize,
        path: Option<&PathBuf>,
    ) -> Result<(), SourceError> {
        let expected = self
            .root
            .join(sensor)
            .join(self.sequence)
            .join(format!("{number:06}.png"));
        let media = Media {
            root: self.root,
            recording: self.recording,
            sensor,
            path: path.unwrap_or(&expected),
            exists: path.is_some(),
            sequence: i64::try_from(position).unwrap_or(i64::MAX),
        };
        let mut frame = media.frame(&number.to_string(), sensor == "velodyne", &mut self.out);
        frame.sensor_id = self.sensor(sensor, frame.width.zip(frame.height))?;
        frame.timestamp_ns = Some(self.stamp(number));
        self.recording.clone_into(&mut frame.group_id);
        self.out.frame(frame)?;
        self.out.advance(1);
        Ok(())
    }

    /// The frame numbers that the label file names.
    fn labelled_numbers(&self) -> Result<BTreeSet<i64>, SourceError> {
        let Some(path) = &self.scan.labels else {
            return Ok(BTreeSet::new());
        };
        Ok(read_text(path)?
            .lines()
            .filter_map(|line| parse_kitti_label(line, KittiLabelLayout::Tracking).ok())
            .filter_map(|label| label.frame)
            .filter(|number| usable(*number))
            .collect())
    }

    fn labels(&mut self) -> Result<(), SourceError> {
        let Some(path) = &self.scan.labels else {
            return Ok(());
        };
        let uri = guideway_core::uri::from_path(path);
        let mut problems = Vec::new();
        for (index, line) in read_text(path)?.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let label = match parse_kitti_label(line, KittiLabelLayout::Tracking) {
                Ok(label) => label,
                Err(err) => {
                    problems.push((index + 1, err.to_string()));
                    continue;
                }
            };
            let Some(number) = label.frame.filter(|n| usable(*n)) else {
                problems.push((index + 1, "the frame number is negative or absurdly large".to_owned()));
                continue;
            };
            let frame_id = Media::frame_id(self.recording, "image_02", &number.to_string());
            self.out.label(label_row(
                &label,
                self.calib,
                self.recording,
                &frame_id,
                &uri,
                index + 1,
            ))?;
        }
        warn_lines(&mut self.out, "bad-label-line", path, problems);
        Ok(())
    }

    fn signals(&mut self) -> Result<(), SourceError> {
        let Some(path) = &self.scan.oxts else {
            return Ok(());
        };
        let ego_from_imu = self.calib.and_then(KittiCalibration::ego_from_imu);
        self.out.sensors(vec![SensorRow {
            sensor_id: super::sensor_id(self.recording, "oxts", self.calib, None).into_string(),
            recording_id: self.recording.to_owned(),
            name: "oxts".to_owned(),
            modality: "imu".to_owned(),
            frame_name: Some("imu".to_owned()),
            ego_from_sensor: ego_from_imu.map(|t| pose_list(t).to_vec()).unwrap_or_default(),
            ..SensorRow::default()
        }])?;
        let mut local = None;
        let mut problems = Vec::new();
        for (index, line) in read_text(path)?.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let stamp = i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(FRAME_NS);
            let rows = parse_kitti_oxts(line).and_then(|oxts| {
                let local = local.get_or_insert_with(|| LocalFrame::at(&oxts));
                signal_rows(&oxts, local, ego_from_imu, self.recording, stamp)
            });
            match rows {
                Ok(rows) => {
                    self.times = Some(self.times.map_or((stamp, stamp), |(a, b)| (a.min(stamp), b.max(stamp))));
                    for row in rows {
                        self.out.signal(row)?;
                    }
                }
                Err(what) => problems.push((index + 1, what)),
            }
        }
        warn_lines(&mut self.out, "bad-oxts-line", path, problems);
        Ok(())
    }
}

/// A frame number that can be one: not negative, and such that its stamp fits.
fn usable(number: i64) -> bool {
    (0..=i64::from(u32::MAX)).contains(&number)
}
