//! The object benchmark: independent samples, each with up to two images, a sweep, a calibration and labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use guideway_core::{IdBuilder, RecordingId, Reporter};
use guideway_schema::{IngestSummary, RecordingRow, Sink, Source, SourceError};

use super::{
    KittiCalibration, KittiLabelLayout, Media, camera_row, label_row, parse_kitti_calibration, parse_kitti_label,
    velodyne_row,
};
use crate::files::{
    Emitter, Fingerprint, Identity, absolute, count, file_name, has_ending, is_image, list_files, not_this_format,
    read_text, relative, split_name, stem,
};

/// One folder of the object benchmark (`training` or `testing`), as a collection.
///
/// The image, its right-hand twin and the sweep of one number form a group that a split must not separate. Labels belong to
/// the left colour image (`image_2`). Calibrations differ between drives: every distinct one makes a row in `sensors`. Where
/// an `ImageSets` folder lies beside it, its lists give `source_split`.
#[derive(Debug)]
pub struct KittiObjectSource {
    root: PathBuf,
    scan: Option<Scan>,
}

/// What lies in the folder, by sample number as the files spell it.
#[derive(Debug, Clone)]
struct Scan {
    identity: Identity,
    image_2: BTreeMap<String, PathBuf>,
    image_3: BTreeMap<String, PathBuf>,
    velodyne: BTreeMap<String, PathBuf>,
    calib: BTreeMap<String, PathBuf>,
    label_2: BTreeMap<String, PathBuf>,
    splits: BTreeMap<String, String>,
}

/// Which folders make a folder one of the object benchmark.
pub(crate) fn looks_like_kitti_object(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_dir();
    has("image_2") || has("image_3") || has("label_2")
}

impl KittiObjectSource {
    /// A folder that holds `image_2`, `image_3` or `label_2`, and perhaps `velodyne` and `calib`.
    pub fn open(folder: &Path) -> Result<Self, SourceError> {
        if !looks_like_kitti_object(folder) {
            return Err(not_this_format(
                folder,
                "not a KITTI object folder: it has none of image_2, image_3 and label_2",
            ));
        }
        Ok(Self {
            root: absolute(folder),
            scan: None,
        })
    }

    fn scan(&mut self) -> Result<&Scan, SourceError> {
        if self.scan.is_none() {
            self.scan = Some(Scan::of(&self.root)?);
        }
        self.scan
            .as_ref()
            .ok_or_else(|| not_this_format(&self.root, "the folder was not listed"))
    }
}

impl Scan {
    fn of(root: &Path) -> Result<Self, SourceError> {
        let by_stem = |folder: &str, keep: fn(&Path) -> bool| -> Result<BTreeMap<String, PathBuf>, SourceError> {
            Ok(list_files(&root.join(folder), keep)?
                .into_iter()
                .map(|p| (stem(&p), p))
                .collect())
        };
        let text = |p: &Path| has_ending(p, &["txt"]);
        let mut scan = Self {
            identity: Fingerprint::default().finish("kitti-object"),
            image_2: by_stem("image_2", is_image)?,
            image_3: by_stem("image_3", is_image)?,
            velodyne: by_stem("velodyne", |p| has_ending(p, &["bin"]))?,
            calib: by_stem("calib", text)?,
            label_2: by_stem("label_2", text)?,
            splits: BTreeMap::new(),
        };
        let mut print = Fingerprint::default();
        for path in [&scan.calib, &scan.label_2].into_iter().flat_map(BTreeMap::values) {
            print.content(&relative(root, path), path)?;
        }
        for path in [&scan.image_2, &scan.image_3, &scan.velodyne]
            .into_iter()
            .flat_map(BTreeMap::values)
        {
            print.media(&relative(root, path), path)?;
        }
        let sets = [root.join("ImageSets"), root.join("../ImageSets")];
        if let Some(folder) = sets.iter().find(|f| f.is_dir()) {
            for path in list_files(folder, |p| has_ending(p, &["txt"]))? {
                // `trainval` is a union of others.
                if stem(&path) == "trainval" {
                    continue;
                }
                print.content(&format!("ImageSets/{}", file_name(&path)), &path)?;
                for word in read_text(&path)?.split_ascii_whitespace() {
                    scan.splits.insert(word.to_owned(), split_name(&stem(&path)));
                }
            }
        }
        scan.identity = print.finish("kitti-object");
        Ok(scan)
    }
}

impl Source for KittiObjectSource {
    fn format(&self) -> &'static str {
        "kitti-object"
    }

    fn uri(&self) -> String {
        guideway_core::uri::from_path(&self.root)
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
        let scan = self.scan()?.clone();
        let recording = scan.identity.recording_id.as_str().to_owned();
        let keys: BTreeSet<&String> = [&scan.image_2, &scan.image_3, &scan.velodyne, &scan.label_2]
            .into_iter()
            .flat_map(BTreeMap::keys)
            .collect();
        let mut reader = Reader {
            scan: &scan,
            root: &root,
            recording: &recording,
            sensors: BTreeSet::new(),
            out: Emitter::new(
                sink,
                reporter,
                &format!("reading {}", root.display()),
                Some(keys.len() as u64),
                "samples",
            ),
        };
        for (sequence, key) in keys.iter().enumerate() {
            reader.sample(key, i64::try_from(sequence).unwrap_or(i64::MAX))?;
            reader.out.advance(1);
        }
        let row = RecordingRow {
            recording_id: recording.clone(),
            name: folder_name(&root),
            uri,
            format: "kitti-object".to_owned(),
            kind: "collection".to_owned(),
            clock: guideway_core::Clock::None.as_str().to_owned(),
            size_bytes: count(scan.identity.bytes),
            digest: scan.identity.digest.clone(),
            metadata: Some(
                serde_json::json!({
                    "files": scan.identity.files,
                    "calibrations": scan.calib.len(),
                    "label_files": scan.label_2.len(),
                })
                .to_string(),
            ),
            ..RecordingRow::default()
        };
        reader.out.finish(row)
    }
}

/// `kitti/training` says more than `training`.
pub(crate) fn folder_name(root: &Path) -> String {
    let own = file_name(root);
    match root.parent().map(file_name) {
        Some(parent) if matches!(own.as_str(), "training" | "testing") && !parent.is_empty() => {
            format!("{parent}/{own}")
        }
        _ => own,
    }
}

struct Reader<'a> {
    scan: &'a Scan,
    root: &'a Path,
    recording: &'a str,
    sensors: BTreeSet<String>,
    out: Emitter<'a>,
}

impl Reader<'_> {
    fn sample(&mut self, key: &str, sequence: i64) -> Result<(), SourceError> {
        let calib = self.calibration(key)?;
        let group_id = IdBuilder::new("group")
            .text(self.recording)
            .text(key)
            .finish::<String>();
        let split = self.scan.splits.get(key).cloned();
        let labels = self.scan.label_2.get(key);
        // A label without an image still describes a frame.
        let expected = self.root.join("image_2").join(format!("{key}.png"));
        let left = self.scan.image_2.get(key);
        let cameras = [
            ("image_2", 2, left.or_else(|| labels.map(|_| &expected)), left.is_some()),
            ("image_3", 3, self.scan.image_3.get(key), true),
        ];
        for (sensor, projection, path, exists) in cameras {
            let Some(path) = path else { continue };
            let media = Media {
                root: self.root,
                recording: self.recording,
                sensor,
                path,
                exists,
                sequence,
            };
            let mut frame = media.frame(key, false, &mut self.out);
            let size = frame.width.zip(frame.height);
            let row = camera_row(self.recording, sensor, projection, calib.as_ref(), size);
            frame.sensor_id.clone_from(&row.sensor_id);
            if self.sensors.insert(row.sensor_id.clone()) {
                self.out.sensors(vec![row])?;
            }
            frame.group_id.clone_from(&group_id);
            frame.source_split.clone_from(&split);
            self.out.frame(frame)?;
        }
        if let Some(path) = self.scan.velodyne.get(key) {
            let media = Media {
                root: self.root,
                recording: self.recording,
                sensor: "velodyne",
                path,
                exists: true,
                sequence,
            };
            let mut frame = media.frame(key, true, &mut self.out);
            let row = velodyne_row(self.recording);
            frame.sensor_id.clone_from(&row.sensor_id);
            if self.sensors.insert(row.sensor_id.clone()) {
                self.out.sensors(vec![row])?;
            }
            frame.group_id = group_id;
            frame.source_split = split;
            self.out.frame(frame)?;
        }
        if let Some(path) = labels {
            self.labels(path, key, calib.as_ref())?;
        }
        Ok(())
    }

    fn calibration(&mut self, key: &str) -> Result<Option<KittiCalibration>, SourceError> {
        let Some(path) = self.scan.calib.get(key) else {
            if self.scan.label_2.contains_key(key) {
                self.out.note(
                    "missing-calibration",
                    &self.root.display().to_string(),
                    key.to_owned(),
                    "labelled frames have no calibration; their cuboids stay in the camera's frame",
                );
            }
            return Ok(None);
        };
        let (calib, problems) = parse_kitti_calibration(&read_text(path)?);
        warn_lines(&mut self.out, "bad-calibration", path, problems);
        Ok(Some(calib))
    }

    fn labels(&mut self, path: &Path, key: &str, calib: Option<&KittiCalibration>) -> Result<(), SourceError> {
        let frame_id = Media::frame_id(self.recording, "image_2", key);
        let uri = guideway_core::uri::from_path(path);
        let mut problems = Vec::new();
        for (index, line) in read_text(path)?.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            match parse_kitti_label(line, KittiLabelLayout::Object) {
                Ok(label) => self
                    .out
                    .label(label_row(&label, calib, self.recording, &frame_id, &uri, index + 1))?,
                Err(err) => problems.push((index + 1, err.to_string())),
            }
        }
        warn_lines(&mut self.out, "bad-label-line", path, problems);
        Ok(())
    }
}

/// Counts the bad lines of one file and hands them on.
pub(crate) fn warn_lines(out: &mut Emitter<'_>, code: &'static str, path: &Path, problems: Vec<(usize, String)>) {
    if problems.is_empty() {
        return;
    }
    let scope = path.display().to_string();
    for (line, what) in problems {
        out.damage(code, &scope, format!("{scope}:{line}"), what);
    }
    out.close_scope(&scope);
}
