//! The tables of a data base.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use guideway_core::{Cuboid, DVec3, Reporter};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::stream::{At, Stream, open};
use super::submission::cuboid;
use crate::error::EvalError;
use crate::nuscenes::matching::Racks;
use crate::nuscenes::params::NuScenesParams;
use crate::objects3d::Truth3d;
use crate::warnings::Warnings;

const FORMAT: &str =
    "a table is an array of records; see https://www.nuscenes.org/nuscenes#data-format for the fields of each";
const SPLITS: &str = "the file of splits is an object with a list of scene names for every split";

/// The annotations of a data base, of any category, as columns. The order is that of the frames, then of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// Token of each frame (`sample`), in the order of the table.
    pub sample_tokens: Vec<String>,
    /// Position of the ego vehicle in each frame, m, global.
    pub ego: Vec<DVec3>,
    /// Name of each category index.
    pub categories: Vec<String>,
    /// Name of each attribute index.
    pub attributes: Vec<String>,
    /// Annotations in the table, those of other scenes included.
    pub annotations: u64,
    /// Token of each annotation.
    pub token: Vec<String>,
    /// Frame of each annotation.
    pub frame: Vec<u32>,
    /// Category of each annotation.
    pub category: Vec<u32>,
    /// Attributes of each annotation.
    pub attribute: Vec<Vec<u32>>,
    /// Box of each annotation, global.
    pub cuboid: Vec<Cuboid>,
    /// Velocity of each annotation, m/s, from the ones before and after of the same instance; NaN where these are too far apart.
    pub velocity: Vec<[f64; 3]>,
    /// Lidar and radar points in each annotation's box.
    pub points: Vec<u32>,
    folder: PathBuf,
}

/// The labels of a data base for the classes of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct NuScenesTruth {
    /// Labels.
    pub truth: Truth3d,
    /// Bicycle racks.
    pub racks: Racks,
    /// Token of each frame.
    pub sample_tokens: Vec<String>,
    /// Token of each label's annotation.
    pub annotation_tokens: Vec<String>,
    /// Annotations in the table, those of other scenes and categories included.
    pub annotations: u64,
}

/// A token. Nearly all are 32 hexadecimal digits, which fit a number; a large data base has millions.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Token {
    Hex(u128),
    Text(Box<str>),
}

impl Token {
    fn new(text: &str) -> Self {
        let hex = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match u128::from_str_radix(text, 16) {
            Ok(number) if hex => Self::Hex(number),
            _ => Self::Text(text.into()),
        }
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hex(number) => write!(f, "{number:032x}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[derive(Deserialize)]
struct NameRecord {
    token: Token,
    name: String,
}

#[derive(Deserialize)]
struct SampleRecord {
    token: Token,
    timestamp: f64,
    scene_token: Token,
}

#[derive(Deserialize)]
struct InstanceRecord {
    token: Token,
    category_token: Token,
}

#[derive(Deserialize)]
struct SensorRecord {
    token: Token,
    channel: String,
}

#[derive(Deserialize)]
struct CalibrationRecord {
    token: Token,
    sensor_token: Token,
}

#[derive(Deserialize)]
struct DataRecord {
    sample_token: Token,
    ego_pose_token: Token,
    calibrated_sensor_token: Token,
    is_key_frame: bool,
}

#[derive(Deserialize)]
struct PoseRecord {
    token: Token,
    translation: [f64; 3],
}

#[derive(Deserialize)]
struct AnnotationRecord {
    token: Token,
    sample_token: Token,
    instance_token: Token,
    attribute_tokens: Vec<Token>,
    translation: [f64; 3],
    size: [f64; 3],
    rotation: [f64; 4],
    prev: Token,
    next: Token,
    num_lidar_pts: u32,
    num_radar_pts: u32,
}

/// Names of the scenes of a split, from a file like the devkit's `splits.json`.
///
/// # Errors
/// When the file cannot be read or has no such split.
pub fn read_split(path: &Path, split: &str) -> Result<Vec<String>, EvalError> {
    let mut stream = Stream::new(open(path)?, path.display().to_string(), SPLITS)?;
    let mut found = None;
    let mut known = Vec::new();
    let mut skipped = Vec::new();
    stream.object("an object of splits", |stream, name| {
        known.push(name.to_owned());
        if name != split {
            skipped.clear();
            return stream.value(&mut skipped);
        }
        let mut scenes = Vec::new();
        stream.array(name, |_, scene: String| {
            scenes.push(scene);
            Ok(())
        })?;
        found = Some(scenes);
        Ok(())
    })?;
    stream.finish()?;
    found.ok_or_else(|| EvalError::Inconsistent {
        what: format!("there is no split `{split}`, only {}", known.join(", ")),
        file: path.display().to_string(),
        hint: "name one of the splits of the file",
    })
}

/// Reads the tables of a data base (a folder such as `v1.0-trainval`), of the scenes with these names, or of all.
///
/// # Errors
/// [`EvalError::Io`] for a table that is missing; [`EvalError::BadFile`] and [`EvalError::BadRecord`] with table, record and byte for what cannot be
/// read or points at nothing; [`EvalError::Inconsistent`] when a scene or the pose of a frame is missing, or there are no frames.
pub fn read_database(
    folder: &Path,
    scenes: Option<&[String]>,
    params: &NuScenesParams,
    reporter: &dyn Reporter,
) -> Result<Database, EvalError> {
    let open = |table: &str| File::open(folder.join(format!("{table}.json")));
    database_from(open, folder, scenes, params, reporter)
}

/// Reads the tables of a data base like [`read_database`], from anywhere: `open` gives the text of a table by its name, which is `sample` for
/// the frames. Errors and warnings speak of files in `folder`.
///
/// # Errors
/// Those of [`read_database`].
pub fn database_from<R: Read>(
    open: impl Fn(&str) -> io::Result<R>,
    folder: &Path,
    scenes: Option<&[String]>,
    params: &NuScenesParams,
    reporter: &dyn Reporter,
) -> Result<Database, EvalError> {
    let task = reporter.begin("Reading tables", None, "records");
    let mut reader = Reader {
        open: &open,
        folder,
        rows: 0,
    };
    let chosen = chosen_scenes(&mut reader, scenes)?;
    let mut database = Database {
        sample_tokens: Vec::new(),
        ego: Vec::new(),
        categories: Vec::new(),
        attributes: Vec::new(),
        annotations: 0,
        token: Vec::new(),
        frame: Vec::new(),
        category: Vec::new(),
        attribute: Vec::new(),
        cuboid: Vec::new(),
        velocity: Vec::new(),
        points: Vec::new(),
        folder: folder.to_owned(),
    };
    // every sample with its frame, where it is of a chosen scene, and its time
    let mut samples: HashMap<Token, Option<u32>> = HashMap::new();
    let mut times = Vec::new();
    reader.table("sample", |at, record: SampleRecord| {
        let in_scene = chosen.get(&record.scene_token).copied();
        let in_scene = in_scene.ok_or_else(|| at.problem("is of a scene that the table `scene` lacks"))?;
        let frame = in_scene.then_some(times.len() as u32);
        if samples.insert(record.token.clone(), frame).is_some() {
            return Err(at.problem("has the token of an earlier one"));
        }
        if in_scene {
            database.sample_tokens.push(record.token.to_string());
            times.push(1e-6 * record.timestamp);
        }
        Ok(())
    })?;
    if times.is_empty() {
        return Err(reader.inconsistent(
            "sample",
            "there are no samples to evaluate",
            "name scenes that have samples",
        ));
    }
    database.ego = ego_positions(&mut reader, &samples, &database.sample_tokens, &params.ego_channel)?;
    task.advance(std::mem::take(&mut reader.rows));
    read_annotations(&mut reader, &samples, &times, params, &mut database)?;
    task.advance(reader.rows);
    Ok(database)
}

/// Every scene, and whether it is evaluated.
fn chosen_scenes<R: Read>(
    reader: &mut Reader<'_, R>,
    scenes: Option<&[String]>,
) -> Result<HashMap<Token, bool>, EvalError> {
    let mut chosen = HashMap::new();
    let mut known: Vec<String> = Vec::new();
    reader.table("scene", |_, record: NameRecord| {
        let wanted = scenes.is_none_or(|scenes| scenes.contains(&record.name));
        chosen.insert(record.token, wanted);
        known.push(record.name);
        Ok(())
    })?;
    if let Some(missing) = scenes.into_iter().flatten().find(|name| !known.contains(name)) {
        return Err(reader.inconsistent(
            "scene",
            &format!("there is no scene `{missing}`"),
            "name scenes of this data base; is the split of another version?",
        ));
    }
    Ok(chosen)
}

/// Where the ego vehicle was at the key frame of a sensor, for every frame.
fn ego_positions<R: Read>(
    reader: &mut Reader<'_, R>,
    samples: &HashMap<Token, Option<u32>>,
    tokens: &[String],
    channel: &str,
) -> Result<Vec<DVec3>, EvalError> {
    let mut sensors = HashMap::new();
    reader.table("sensor", |_, record: SensorRecord| {
        sensors.insert(record.token, record.channel == channel);
        Ok(())
    })?;
    let mut calibrations = HashMap::new();
    reader.table("calibrated_sensor", |at, record: CalibrationRecord| {
        let wanted = sensors.get(&record.sensor_token).copied();
        let wanted = wanted.ok_or_else(|| at.problem("is of a sensor that the table `sensor` lacks"))?;
        calibrations.insert(record.token, wanted);
        Ok(())
    })?;
    let mut poses: Vec<Option<Token>> = vec![None; tokens.len()];
    reader.table("sample_data", |at, record: DataRecord| {
        let wanted = calibrations.get(&record.calibrated_sensor_token).copied();
        let wanted =
            wanted.ok_or_else(|| at.problem("is of a calibration that the table `calibrated_sensor` lacks"))?;
        if !wanted || !record.is_key_frame {
            return Ok(());
        }
        let frame = samples.get(&record.sample_token).copied();
        let frame = frame.ok_or_else(|| at.problem("is of a sample that the table `sample` lacks"))?;
        // as in the devkit, the last one counts
        if let Some(frame) = frame {
            poses[frame as usize] = Some(record.ego_pose_token);
        }
        Ok(())
    })?;
    let mut places: HashMap<Token, Option<DVec3>> = poses.iter().flatten().map(|pose| (pose.clone(), None)).collect();
    reader.table("ego_pose", |at, record: PoseRecord| {
        if let Some(place) = places.get_mut(&record.token) {
            let position = DVec3::from_array(record.translation);
            if !position.is_finite() {
                return Err(at.problem("has a translation that is not finite"));
            }
            *place = Some(position);
        }
        Ok(())
    })?;
    poses
        .iter()
        .zip(tokens)
        .map(|(pose, token)| {
            let Some(pose) = pose else {
                return Err(reader.inconsistent(
                    "sample_data",
                    &format!("the sample {token} has no key frame of {channel}"),
                    "complete the table, or name another `ego_channel`",
                ));
            };
            places.get(pose).copied().flatten().ok_or_else(|| {
                reader.inconsistent(
                    "ego_pose",
                    &format!("the pose {pose} of the sample {token} is missing"),
                    "complete the table",
                )
            })
        })
        .collect()
}

fn read_annotations<R: Read>(
    reader: &mut Reader<'_, R>,
    samples: &HashMap<Token, Option<u32>>,
    times: &[f64],
    params: &NuScenesParams,
    database: &mut Database,
) -> Result<(), EvalError> {
    let category_index = reader.names("category", &mut database.categories)?;
    let attribute_index = reader.names("attribute", &mut database.attributes)?;
    let mut instances = HashMap::new();
    reader.table("instance", |at, record: InstanceRecord| {
        let category = category_index.get(&record.category_token).copied();
        let category = category.ok_or_else(|| at.problem("is of a category that the table `category` lacks"))?;
        instances.insert(record.token, category);
        Ok(())
    })?;
    let mut rows: HashMap<Token, u32> = HashMap::new();
    let mut neighbours = Vec::new();
    let none = Token::new("");
    reader.table("sample_annotation", |at, record: AnnotationRecord| {
        database.annotations += 1;
        let frame = samples.get(&record.sample_token).copied();
        let Some(frame) = frame.ok_or_else(|| at.problem("is of a sample that the table `sample` lacks"))? else {
            return Ok(());
        };
        let category = instances.get(&record.instance_token).copied();
        let category = category.ok_or_else(|| at.problem("is of an instance that the table `instance` lacks"))?;
        let attributes: Option<Vec<u32>> = record
            .attribute_tokens
            .iter()
            .map(|token| attribute_index.get(token).copied())
            .collect();
        let attributes = attributes.ok_or_else(|| at.problem("has an attribute that the table `attribute` lacks"))?;
        let made = cuboid(record.translation, record.size, record.rotation).map_err(|problem| at.problem(&problem))?;
        if rows.insert(record.token.clone(), database.frame.len() as u32).is_some() {
            return Err(at.problem("has the token of an earlier one"));
        }
        database.token.push(record.token.to_string());
        database.frame.push(frame);
        database.category.push(category);
        database.attribute.push(attributes);
        database.cuboid.push(made);
        database
            .points
            .push(record.num_lidar_pts.saturating_add(record.num_radar_pts));
        neighbours.push((record.prev, record.next));
        Ok(())
    })?;

    let neighbour = |token: &Token, row: usize| {
        if *token == none {
            return Ok(None);
        }
        let found = rows.get(token).copied();
        found.map(|row| Some(row as usize)).ok_or_else(|| {
            reader.inconsistent(
                "sample_annotation",
                &format!(
                    "the annotation {} names the neighbour {token}, which is missing",
                    database.token[row]
                ),
                "complete the table, or clear `prev` and `next` where there is no neighbour",
            )
        })
    };
    for (row, (previous, next)) in neighbours.iter().enumerate() {
        let (previous, next) = (neighbour(previous, row)?, neighbour(next, row)?);
        let state = |row: usize| (database.cuboid[row].center, times[database.frame[row] as usize]);
        database.velocity.push(if previous.is_none() && next.is_none() {
            [f64::NAN; 3]
        } else {
            let gap = params.velocity_max_gap_s * if previous.is_some() && next.is_some() { 2.0 } else { 1.0 };
            velocity(state(previous.unwrap_or(row)), state(next.unwrap_or(row)), gap)
        });
    }
    database.sort_by_frame();
    Ok(())
}

/// Mean velocity between two positions with times, m/s; NaN when they are further apart than `max_gap`, s.
fn velocity((from, start): (DVec3, f64), (to, end): (DVec3, f64), max_gap: f64) -> [f64; 3] {
    let gap = end - start;
    if gap > max_gap {
        return [f64::NAN; 3];
    }
    ((to - from) / gap).to_array()
}

impl Database {
    /// Labels of the classes of an evaluation.
    ///
    /// # Errors
    /// When a label has more than one attribute, or one that the parameters lack.
    pub fn truth(&self, params: &NuScenesParams, reporter: &dyn Reporter) -> Result<NuScenesTruth, EvalError> {
        params.validate()?;
        let file = self.folder.join("sample_annotation.json").display().to_string();
        let mut warnings = Warnings::new(&file);
        let class_name = |category: &String| params.category_mapping.get(category);
        let classes: Vec<Option<u32>> = self
            .categories
            .iter()
            .map(|category| class_name(category).and_then(|class| params.class_index(class)))
            .collect();
        let mut out = NuScenesTruth {
            truth: Truth3d::new(self.ego.clone(), params.classes()),
            racks: Racks::default(),
            sample_tokens: self.sample_tokens.clone(),
            annotation_tokens: Vec::new(),
            annotations: self.annotations,
        };
        for (row, category) in self.category.iter().enumerate() {
            let name = &self.categories[*category as usize];
            if *name == params.rack_category {
                out.racks.frame.push(self.frame[row]);
                out.racks.cuboid.push(self.cuboid[row]);
            }
            let Some(class) = classes[*category as usize] else {
                if let Some(class) = class_name(name) {
                    warnings.add(
                        "class-not-evaluated",
                        format_args!("annotations of the class {class} are not evaluated"),
                    );
                }
                continue;
            };
            let attribute = match self.attribute[row].as_slice() {
                [] => None,
                [one] => {
                    let name = &self.attributes[*one as usize];
                    let known = params.attributes.iter().position(|known| known == name);
                    Some(
                        known.ok_or_else(|| self.refused(row, &file, &format!("the unknown attribute {name:?}")))?
                            as u32,
                    )
                }
                more => return Err(self.refused(row, &file, &format!("{} attributes", more.len()))),
            };
            let t = &mut out.truth;
            let place = t.len();
            t.push(self.frame[row], class, self.cuboid[row]);
            let [vx, vy, _] = self.velocity[row];
            t.velocity[place] = [vx, vy];
            t.attribute[place] = attribute;
            t.points[place] = Some(self.points[row]);
            out.annotation_tokens.push(self.token[row].clone());
        }
        warnings.send(reporter);
        Ok(out)
    }

    fn refused(&self, row: usize, file: &str, what: &str) -> EvalError {
        EvalError::Inconsistent {
            what: format!("the annotation {} has {what}", self.token[row]),
            file: file.to_owned(),
            hint: "an evaluated annotation has at most one attribute, of those in the parameters (`attributes`)",
        }
    }

    /// Brings the rows into the order of the frames; those of a frame stay in the order of the table.
    fn sort_by_frame(&mut self) {
        fn pick<T: Clone>(values: &mut Vec<T>, order: &[usize]) {
            *values = order.iter().map(|row| values[*row].clone()).collect();
        }
        if self.frame.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.frame.len()).collect();
        order.sort_by_key(|row| self.frame[*row]);
        pick(&mut self.token, &order);
        pick(&mut self.frame, &order);
        pick(&mut self.category, &order);
        pick(&mut self.attribute, &order);
        pick(&mut self.cuboid, &order);
        pick(&mut self.velocity, &order);
        pick(&mut self.points, &order);
    }
}

/// A folder of tables.
struct Reader<'a, R> {
    open: &'a dyn Fn(&str) -> io::Result<R>,
    folder: &'a Path,
    rows: u64,
}

impl<R: Read> Reader<'_, R> {
    fn table<T: DeserializeOwned + Send>(
        &mut self,
        name: &str,
        mut f: impl FnMut(At<'_>, T) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let path = self.folder.join(format!("{name}.json"));
        let opened = (self.open)(name).map_err(|source| EvalError::Io {
            path: path.clone(),
            source,
        })?;
        let mut stream = Stream::new(opened, path.display().to_string(), FORMAT)?;
        let rows = &mut self.rows;
        stream.array(name, |at, record| {
            *rows += 1;
            f(at, record)
        })?;
        stream.finish()
    }

    /// Reads a table of names; the index of each token.
    fn names(&mut self, table: &str, names: &mut Vec<String>) -> Result<HashMap<Token, u32>, EvalError> {
        let mut index = HashMap::new();
        self.table(table, |_, record: NameRecord| {
            index.insert(record.token, names.len() as u32);
            names.push(record.name);
            Ok(())
        })?;
        Ok(index)
    }

    fn inconsistent(&self, table: &str, what: &str, hint: &'static str) -> EvalError {
        EvalError::Inconsistent {
            what: what.to_owned(),
            file: self.folder.join(format!("{table}.json")).display().to_string(),
            hint,
        }
    }
}
