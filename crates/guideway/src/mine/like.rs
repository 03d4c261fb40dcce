//! More frames that show the like of some objects.

use std::collections::{BTreeMap, BTreeSet};

use arrow::compute::cast;
use arrow_array::Array as _;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_schema::DataType;
use guideway_core::{BBox, IdBuilder, Reporter, Warning};
use guideway_mine::Points;
use guideway_mine::targeted::{MOST_FRAMES_COMPARED, MutualInformation, RegionPool, Terms, select};
use guideway_schema::SelectionRow;
use guideway_store::{NodeKind, NodeRef};
use guideway_train::{Detector, Inference, ProbabilityMap, ProbabilityMaps, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::MineReport;
use crate::clock;
use crate::dataset::{ids as list, text};
use crate::error::{Error, ErrorKind};
use crate::interrupt::Stopped;
use crate::train::model_node;
use crate::workspace::Workspace;

/// Objects that a search is made for, at most: the similarity of each with every frame is held.
const MOST_OBJECTS: usize = 1000;

/// How many cells of a level an object is to cover: on coarser levels it would be lost in its surroundings.
const CELLS_ACROSS: f64 = 2.0;

/// What selected frames and the objects are to have in common. What each means is in [`guideway_mine::targeted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Information {
    /// FLQMI: a likeness of every object, and every frame a likeness.
    #[default]
    FacilityLocationQuery,
    /// GCMI: the frames most like the objects, alike or not.
    GraphCut,
    /// FLVMI: frames that stand for many frames like the objects; for pools of up to 16,384 frames.
    FacilityLocation,
}

impl Information {
    fn with_usual_parameters(self) -> MutualInformation {
        match self {
            Self::FacilityLocationQuery => MutualInformation::FacilityLocationQuery { eta: 1.0 },
            Self::GraphCut => MutualInformation::GraphCut { lambda: 1.0 },
            Self::FacilityLocation => MutualInformation::FacilityLocation { eta: 1.0 },
        }
    }
}

/// Objects that a search is made for.
#[derive(Debug, Clone, PartialEq)]
pub enum LikeWhat {
    /// A query that yields `frame_id`, `x_min`, `y_min`, `x_max` and `y_max`, px.
    Sql(String),
    /// Frames and boxes, px.
    Boxes(Vec<(String, BBox)>),
}

/// More frames like some objects.
#[derive(Debug, Clone, PartialEq)]
pub struct LikeOptions {
    /// The model that describes objects, by name or id.
    pub model: String,
    /// The objects.
    pub like: LikeWhat,
    /// The pool: a query that yields `frame_id`, a dataset or one of its splits.
    pub from: String,
    /// How many frames.
    pub budget: usize,
    /// What frames and objects are to have in common.
    pub information: Information,
    /// Regions of a frame that are looked at: its strongest detections, however weak.
    pub regions: usize,
    /// How much of a likeness is that of the whole pictures, 0 to 1: what is wanted may be the night as well as the cyclist.
    pub scene: f64,
    /// Name of the selection.
    pub out: String,
}

/// The regions of a pool, frame after frame.
#[derive(Default)]
struct Regions {
    ids: Vec<String>,
    rows: Vec<f32>,
    offsets: Vec<u32>,
    /// The frame of each, by its number.
    frame_of: Vec<u32>,
    /// What each frame is like as a whole.
    scenes: Vec<f32>,
    /// Class, by its number, and box of each.
    what: Vec<(u32, BBox)>,
}

impl Workspace {
    /// Chooses the frames of a pool that show the like of some objects, and keeps them as a selection, as [`Workspace::mine`] does.
    ///
    /// Kothawade et al., "TALISMAN: Targeted Active Learning for Object Detection with Rare Classes and Slices using Submodular Mutual Information", ECCV
    /// 2022. An object is described by the features below the model's class outputs, averaged over its box on the level where it covers about two cells
    /// across, less the mean of the pool's regions; a frame by those of its strongest detections. Beyond the paper, the pictures that objects are in count as well:
    /// a likeness is `1 - scene` times the cosine of the objects and `scene` times that of the model's embeddings of the whole pictures, these also less the
    /// pool's mean. Memory holds at most eight bytes for each channel, region and frame, four for each dimension of that embedding and region, 44 for each region,
    /// and four for each object and frame.
    pub fn mine_like(
        &self,
        options: &LikeOptions,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<MineReport, Error> {
        let started = clock::now_ns();
        if options.budget == 0 || options.regions == 0 || options.out.trim().is_empty() {
            return Err(Error::usage(
                "a budget or a number of regions of 0, or a selection without a name",
                "such as --budget 300 --regions 16 --out more-of-these".to_owned(),
            ));
        }
        if !(0.0..=1.0).contains(&options.scene) {
            return Err(Error::usage(
                format!("a part of {} for the scene", options.scene),
                "give 0 (objects alone) to 1 (pictures alone)".to_owned(),
            ));
        }
        let model = self.trained_model(&options.model)?;
        let objects = self.objects(&options.like, reporter)?;
        let device = self.device(device)?;
        let target = self.target(&model.classes, &options.from, reporter)?;
        let what = json!([
            options.budget,
            options.information,
            options.regions,
            options.scene,
            options.out
        ]);
        let mut id = IdBuilder::new("run")
            .text("mine-like")
            .text(&model.model_id)
            .text(&model.digest)
            .text(&target.key)
            .text(&what.to_string())
            .text(device.name());
        for (frame, bbox) in &objects {
            id = id.text(frame).text(&json!(bbox).to_string());
        }
        let run_id: String = id.finish();
        self.check_name(&options.out, &run_id)?;
        if self.is_done(&run_id)? {
            return self.selection_report(&options.out, run_id, false);
        }
        if options.information == Information::FacilityLocation && target.frames.len() > MOST_FRAMES_COMPARED {
            // Known now, and not after hours of looking at pictures.
            return Err(guideway_mine::MineError::TooManyRows {
                rows: target.frames.len(),
                limit: MOST_FRAMES_COMPARED,
            }
            .into());
        }
        let mut detector = self.detector(&model, device)?;
        // What is missed is a weak detection at most: whatever the model would hold back, the strongest of each frame are looked at.
        let mut predict = detector.config().predict.clone();
        predict.score_threshold = 0.0;
        predict.max_detections = options.regions;
        detector.set_predict(predict)?;
        let (mut queries, mut around) = self.describe_objects(&detector, &objects, reporter)?;
        let known: BTreeSet<&str> = objects.iter().map(|(frame, _)| frame.as_str()).collect();
        let mut pool = self.regions(&detector, (options, &known), &target, reporter)?;
        let width = queries.len() / objects.len().max(1);
        centre(&mut pool.rows, &mut queries, width);
        let breadth = around.len() / objects.len().max(1);
        centre(&mut pool.scenes, &mut around, breadth);
        let queries = joined((&queries, width), (&around, breadth), 0..objects.len(), options.scene);
        let rows = joined(
            (&std::mem::take(&mut pool.rows), width),
            (&pool.scenes, breadth),
            pool.frame_of.iter().map(|frame| *frame as usize),
            options.scene,
        );
        let width = width + breadth;
        let labelled = self.labelled_rows(std::slice::from_ref(&model), &pool.ids)?;
        let terms = Terms {
            labelled: &labelled,
            ..Terms::new(options.information.with_usual_parameters(), options.budget)
        };
        let regions = RegionPool::new(Points::new(&rows, width)?, &pool.offsets)?;
        let picks = select(Points::new(&queries, width)?, &regions, &terms)?;
        // What is like none of the objects, or adds nothing to what is chosen, is not what was asked for.
        let picks: Vec<_> = picks
            .into_iter()
            .filter(|pick| pick.gain > 0.0)
            .filter_map(|pick| Some((pick, pick.likeness?)))
            .collect();
        if picks.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: "no frame of the pool shows anything like the objects".to_owned(),
                hint: Some("widen the pool with --from".to_owned()),
            }
            .into());
        }
        let rows = picks.iter().enumerate().map(|(rank, (pick, likeness))| {
            let id = &pool.ids[pick.frame as usize];
            let (class, bbox) = pool.what[likeness.region as usize];
            let (like, like_box) = &objects[likeness.query as usize];
            SelectionRow {
                selection: options.out.clone(),
                run_id: run_id.clone(),
                frame_id: id.clone(),
                recording_id: target.frames.recording(id).unwrap_or_default().to_owned(),
                rank: rank as i64,
                score: pick.gain,
                class: detector.classes().get(class as usize).cloned(),
                reason: Some(
                    json!({
                        "similarity": likeness.similarity, "box": corners(bbox),
                        "like": { "frame_id": like, "box": corners(*like_box) },
                    })
                    .to_string(),
                ),
            }
        });
        let rows: Vec<SelectionRow> = rows.collect();
        let params = json!({
            "options": what, "objects": objects.len(), "device": device.name(),
            "pool": pool.ids.len(), "labelled": labelled.len(), "thinned": 0, "selected": rows.len(),
        });
        let mut inputs = vec![target.node.clone(), model_node(&model)];
        if let LikeWhat::Sql(sql) = &options.like {
            inputs.push(NodeRef::new(NodeKind::Query, sql.clone()));
        }
        let created = self.keep_selection("mine", rows, inputs, params, 0, started)?;
        self.selection_report(&options.out, run_id, created)
    }

    /// The objects of a search, each once and in a fixed order.
    pub(crate) fn objects(&self, like: &LikeWhat, reporter: &dyn Reporter) -> Result<Vec<(String, BBox)>, Error> {
        let mut objects = match like {
            LikeWhat::Boxes(boxes) => boxes.clone(),
            LikeWhat::Sql(sql) => self.boxes(sql)?,
        };
        objects.retain(|(_, bbox)| bbox.is_valid());
        let key = |object: &(String, BBox)| (object.0.clone(), corners(object.1).map(f64::to_bits));
        objects.sort_by_key(key);
        objects.dedup_by_key(|object| key(object));
        if objects.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: "there is no object to look for".to_owned(),
                hint: Some(
                    "try the query with `guideway query`: it must yield frame_id and boxes with an area".to_owned(),
                ),
            }
            .into());
        }
        if objects.len() > MOST_OBJECTS {
            reporter.warn(Warning {
                code: "many-objects".to_owned(),
                message: format!(
                    "of {} objects, {MOST_OBJECTS} are looked for, spread evenly",
                    objects.len()
                ),
                location: "--like".to_owned(),
                count: 1,
            });
            let all = objects.len();
            objects = (0..MOST_OBJECTS)
                .map(|at| objects[at * all / MOST_OBJECTS].clone())
                .collect();
        }
        Ok(objects)
    }

    /// Frames and boxes that a query yields.
    fn boxes(&self, sql: &str) -> Result<Vec<(String, BBox)>, Error> {
        let (inner, _) = self.frame_query(sql)?;
        let mut result = self.query(inner)?;
        let mut boxes = Vec::new();
        while let Some(batch) = result.next_batch()? {
            let frames = text(&batch, "frame_id")?;
            let side = |name: &str| {
                let missing = || {
                    Error::usage(
                        format!("the query yields no numbers called `{name}`"),
                        "it must yield frame_id, x_min, y_min, x_max and y_max".to_owned(),
                    )
                };
                let column = batch.column_by_name(name).ok_or_else(missing)?;
                cast(column, &DataType::Float64).map_err(|_not_numeric| missing())
            };
            let sides = [side("x_min")?, side("y_min")?, side("x_max")?, side("y_max")?];
            let sides = sides.each_ref().map(AsArray::as_primitive::<Float64Type>);
            for row in 0..batch.num_rows() {
                // An object without a box, such as a cuboid, cannot be found in a picture.
                if sides.iter().all(|side| side.is_valid(row)) {
                    let [x_min, y_min, x_max, y_max] = sides.map(|side| side.value(row));
                    boxes.push((frames.value(row).to_owned(), BBox::new(x_min, y_min, x_max, y_max)));
                }
            }
        }
        Ok(boxes)
    }

    /// The embeddings of the objects, row after row, and of the pictures that they are in.
    fn describe_objects(
        &self,
        detector: &Detector,
        objects: &[(String, BBox)],
        reporter: &dyn Reporter,
    ) -> Result<(Vec<f32>, Vec<f32>), Error> {
        let frames: BTreeSet<&str> = objects.iter().map(|(frame, _)| frame.as_str()).collect();
        let sql = format!(
            "SELECT frame_id FROM frames WHERE frame_id IN ({})",
            list(frames.iter().copied())
        );
        let target = self.target(&[], &sql, reporter)?;
        let mut of: BTreeMap<String, (Vec<f32>, Vec<f32>)> = BTreeMap::new();
        let mut boxes: BTreeMap<&str, Vec<BBox>> = BTreeMap::new();
        for (frame, bbox) in objects {
            boxes.entry(frame).or_default().push(*bbox);
        }
        self.look(detector, &target, reporter, &mut |said, maps| {
            let (mut rows, mut around) = (Vec::new(), Vec::new());
            for bbox in boxes.get(said.prediction.id.as_str()).into_iter().flatten() {
                embed(maps, *bbox, &mut rows);
                around.extend_from_slice(&said.embedding);
            }
            of.insert(said.prediction.id.clone(), (rows, around));
        })?;
        // The objects are sorted by frame, as the map is.
        let missing = objects.iter().find(|(frame, _)| !of.contains_key(frame));
        if let Some((frame, _)) = missing {
            return Err(Error::not_found(
                "picture of frame",
                frame,
                "an object to look for is in a frame whose picture cannot be read",
            ));
        }
        let (rows, around): (Vec<_>, Vec<_>) = of.into_values().unzip();
        Ok((rows.concat(), around.concat()))
    }

    /// The strongest detections of every frame of the pool, with their embeddings. The frames of the objects themselves are no more of their like.
    fn regions(
        &self,
        detector: &Detector,
        (options, known): (&LikeOptions, &BTreeSet<&str>),
        target: &crate::predict::Target<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Regions, Error> {
        let mut pool = Regions {
            offsets: vec![0],
            ..Regions::default()
        };
        self.look(detector, target, reporter, &mut |said, maps| {
            let found = &said.prediction;
            if known.contains(found.id.as_str()) {
                return;
            }
            for (bbox, class) in found.boxes.iter().zip(&found.classes).take(options.regions) {
                embed(maps, *bbox, &mut pool.rows);
                pool.what.push((*class, *bbox));
                pool.frame_of.push(pool.ids.len() as u32);
            }
            pool.scenes.extend_from_slice(&said.embedding);
            pool.ids.push(found.id.clone());
            pool.offsets.push(pool.what.len() as u32);
        })?;
        Ok(pool)
    }

    /// Hands what a detector says about each frame to `sink`, with its maps.
    fn look(
        &self,
        detector: &Detector,
        target: &crate::predict::Target<'_>,
        reporter: &dyn Reporter,
        sink: &mut dyn FnMut(&Inference, &ProbabilityMaps),
    ) -> Result<(), Error> {
        let wanted = Wanted {
            maps: true,
            features: true,
            embedding: true,
        };
        let looked = detector.predict(target.source.as_ref(), wanted, reporter, &mut |said| {
            self.interrupt().check()?;
            if let Some(maps) = &said.maps {
                sink(&said, maps);
            }
            Ok(())
        });
        match looked {
            Ok(_) => Ok(()),
            Err(err) if Stopped::is_in_train(&err) => Err(Error::interrupted(
                "nothing of the selection is kept",
                "run it again: it begins anew, with the same result",
            )),
            Err(err) => Err(err.into()),
        }
    }
}

/// Appends the mean of the features in a box, on the level that suits its size.
fn embed(maps: &ProbabilityMaps, bbox: BBox, out: &mut Vec<f32>) {
    let side = bbox.area().sqrt() * maps.scale;
    let unsuitable = |map: &&ProbabilityMap| (side / map.stride as f64 / CELLS_ACROSS).log2().abs();
    let best = maps
        .levels
        .iter()
        .min_by(|a, b| unsuitable(a).total_cmp(&unsuitable(b)));
    let Some(map) = best else { return };
    let cells = map.height * map.width;
    let channels = map.features.len() / cells.max(1);
    // Cells whose centre is inside, and at least the one that holds the middle.
    let span = |low: f64, high: f64, offset: f64, size: usize| {
        let at = |v: f64| (v * maps.scale + offset) / map.stride as f64;
        let last = size.saturating_sub(1) as f64;
        let middle = at(f64::midpoint(low, high)).floor().clamp(0.0, last);
        let first = (at(low) - 0.5).ceil().clamp(0.0, last).min(middle) as usize;
        let end = (at(high) - 0.5).floor().clamp(0.0, last).max(middle) as usize;
        first..=end
    };
    let columns = span(bbox.x_min, bbox.x_max, maps.offset[0], map.width);
    let rows = span(bbox.y_min, bbox.y_max, maps.offset[1], map.height);
    let count = (columns.clone().count() * rows.clone().count()) as f64;
    for channel in 0..channels {
        let plane = &map.features[channel * cells..(channel + 1) * cells];
        let sum: f64 = rows
            .clone()
            .flat_map(|row| plane[row * map.width + columns.start()..=row * map.width + columns.end()].iter())
            .map(|value| f64::from(*value))
            .sum();
        out.push((sum / count) as f32);
    }
}

/// Rows of objects, each with that of the scene that it is in (`scene_of`), scaled so that the cosine of two joined rows is `1 - scene` times that of the
/// objects and `scene` times that of the scenes.
fn joined(
    (objects, width): (&[f32], usize),
    (scenes, breadth): (&[f32], usize),
    scene_of: impl ExactSizeIterator<Item = usize>,
    scene: f64,
) -> Vec<f32> {
    let mut rows = Vec::with_capacity(scene_of.len() * (width + breadth));
    let mut push = |row: &[f32], part: f64| {
        let length = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let scale = if length > 0.0 { part.sqrt() / length } else { 0.0 };
        rows.extend(row.iter().map(|v| (f64::from(*v) * scale) as f32));
    };
    for (object, at) in objects.chunks_exact(width.max(1)).zip(scene_of) {
        push(object, 1.0 - scene);
        push(&scenes[at * breadth..(at + 1) * breadth], scene);
    }
    rows
}

/// Takes the mean of the pool's regions from them and from the objects: what all regions share says nothing about likeness.
fn centre(pool: &mut [f32], queries: &mut [f32], width: usize) {
    if width == 0 || pool.is_empty() {
        return;
    }
    let mut sums = vec![0.0_f64; width];
    for row in pool.chunks_exact(width) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let count = (pool.len() / width) as f64;
    for row in pool.chunks_exact_mut(width).chain(queries.chunks_exact_mut(width)) {
        for (value, sum) in row.iter_mut().zip(&sums) {
            *value -= (sum / count) as f32;
        }
    }
}

fn corners(b: BBox) -> [f64; 4] {
    [b.x_min, b.y_min, b.x_max, b.y_max]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scene_has_its_part_in_a_likeness() {
        let (objects, scenes) = ([3.0, 0.0, 0.0, 2.0, 1.0, 0.0], [5.0, 0.0, 0.0, 7.0]);
        // The first and the second object are in one picture, the third is in another.
        let rows = joined((&objects, 2), (&scenes, 2), [0, 0, 1].into_iter(), 0.25);
        let product = |a: usize, b: usize| -> f32 { (0..4).map(|at| rows[a * 4 + at] * rows[b * 4 + at]).sum() };
        for (a, b, expected) in [(0, 0, 1.0), (0, 1, 0.25), (0, 2, 0.75), (1, 2, 0.0)] {
            assert!((product(a, b) - expected).abs() < 1e-6, "{a} {b}: {}", product(a, b));
        }
    }

    fn maps() -> ProbabilityMaps {
        // One channel on two levels; each cell holds its number, the coarse ones negative.
        let level = |stride: usize, sign: f32| {
            let (height, width) = (64 / stride, 64 / stride);
            ProbabilityMap {
                stride,
                height,
                width,
                values: vec![0.0; height * width],
                features: (0..height * width).map(|at| sign * at as f32).collect(),
            }
        };
        ProbabilityMaps {
            levels: vec![level(8, 1.0), level(32, -1.0)],
            scale: 0.5,
            offset: [0.0, 8.0],
        }
    }

    #[test]
    fn an_object_is_described_on_the_level_of_its_size() {
        let of = |bbox: BBox| {
            let mut row = Vec::new();
            embed(&maps(), bbox, &mut row);
            row
        };
        // 32 px are 16 in the input, two cells of 8: columns 2 and 3, rows 3 and 4.
        assert_eq!(
            of(BBox::new(32.0, 32.0, 64.0, 64.0)),
            [(26 + 27 + 34 + 35) as f32 / 4.0]
        );
        // One that covers no cell's centre has the cell of its middle.
        assert_eq!(of(BBox::new(33.0, 33.0, 34.0, 34.0)), [26.0]);
        // The whole picture: the coarse level.
        assert_eq!(of(BBox::new(0.0, 0.0, 128.0, 112.0)), [-1.5]);
        // Outside, the nearest cell.
        assert_eq!(of(BBox::new(1000.0, 1000.0, 1010.0, 1010.0)), [63.0]);
    }

    #[test]
    fn what_all_regions_share_is_taken_away() {
        let (mut pool, mut queries) = (vec![1.0, 5.0, 3.0, 5.0], vec![2.0, 6.0]);
        centre(&mut pool, &mut queries, 2);
        assert_eq!((pool, queries), (vec![-1.0, 0.0, 1.0, 0.0], vec![0.0, 1.0]));
    }
}
