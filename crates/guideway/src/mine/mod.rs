//! Choosing the frames to label next.

mod like;
mod score;

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{IdBuilder, Reporter};
use guideway_mine::diversity::{Pool, badge, core_set, k_means_plus_plus, omp, thin, top_n};
use guideway_mine::scores::Aggregate;
use guideway_mine::{MineError, Points};
use guideway_schema::SelectionRow;
use guideway_store::{ModelRecord, NodeKind, NodeRef, RunRecord};
use guideway_train::{Detector, Wanted};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::like::{Information, LikeOptions, LikeWhat};
pub use self::score::Score;
use self::score::{Found, Scored, Scorer};
use crate::clock;
use crate::dataset::LOOKUP_FRAMES;
use crate::error::{Error, ErrorKind};
use crate::interrupt::Stopped;
use crate::predict::{Target, frames_in};
use crate::train::model_node;
use crate::workspace::{Workspace, quote};

/// How a selection avoids taking the same thing twice. What each means is in [`guideway_mine::diversity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Diversity {
    /// Not at all: the highest scores.
    #[default]
    TopN,
    /// Seeding of k-means++ over embeddings, weighted by score.
    #[serde(rename = "k-means++")]
    KMeansPlusPlus,
    /// The farthest first over embeddings, weighted by score.
    CoreSet,
    /// Sparse modelling: what explains most of the pool, weighted by score.
    SparseModelling,
    /// BADGE: k-means++ over gradients, whose lengths are scores already.
    Badge,
}

/// Passes with dropout, instead of several models.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dropout {
    /// Number of passes.
    pub passes: u32,
    /// Part of the channels dropped, 0 to 0.9.
    pub rate: f64,
}

/// What to choose, and how.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MineOptions {
    /// Models by name or id: an ensemble when several. None for [`Score::Random`].
    pub models: Vec<String>,
    /// Passes with dropout for each model.
    pub dropout: Option<Dropout>,
    /// The pool: a query that yields `frame_id`, a dataset or one of its splits.
    pub from: String,
    /// How many frames.
    pub budget: usize,
    /// How the need for a label is measured.
    pub score: Score,
    /// How the scores of many places become a frame's.
    pub aggregate: Aggregate,
    /// Only these classes; all when empty.
    pub classes: Vec<String>,
    /// Share the budget among the classes, each with its own score: otherwise the class with the highest scores may take all of it.
    pub per_class: bool,
    /// How not to take the same thing twice.
    pub diversity: Diversity,
    /// No two frames of one drive within so many seconds.
    pub gap_s: Option<f64>,
    /// Seed of whatever is drawn.
    pub seed: u64,
    /// Name of the selection.
    pub out: String,
}

impl MineOptions {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let usage = |message: String, hint: &str| Err(Error::usage(message, hint.to_owned()));
        if self.budget == 0 {
            return usage(
                "a budget of 0 frames".to_owned(),
                "give the number of frames, such as --budget 500",
            );
        }
        if self.out.trim().is_empty() {
            return usage(
                "a selection without a name".to_owned(),
                "name it, such as --out night-candidates",
            );
        }
        if let Some(gap) = self.gap_s
            && !(0.0..=1e9).contains(&gap)
        {
            return usage(
                format!("a gap of {gap} seconds"),
                "give 0 or more seconds, such as --gap 2",
            );
        }
        if let Some(dropout) = self.dropout
            && (dropout.passes == 0 || !(0.0..=0.9).contains(&dropout.rate))
        {
            return usage(
                format!("{} dropout passes at a rate of {}", dropout.passes, dropout.rate),
                "give 1 and more passes, and a rate of 0 to 0.9",
            );
        }
        if self.per_class && (self.score == Score::Random || self.diversity == Diversity::Badge) {
            return usage(
                "a budget for each class where classes have no score of their own".to_owned(),
                "leave --per-class out, or choose another score or diversity",
            );
        }
        if self.score == Score::Random {
            let says_nothing = self.models.is_empty() && self.classes.is_empty() && self.dropout.is_none();
            return if says_nothing && self.diversity == Diversity::TopN {
                Ok(())
            } else {
                usage(
                    "a random selection with models, classes or diversity".to_owned(),
                    "leave --model, --dropout-passes, --class and --diversity out, or choose another score",
                )
            };
        }
        if self.models.is_empty() {
            return usage(
                format!("the score {} without a model", self.score.name()),
                "name one with --model; `guideway model ls` lists them",
            );
        }
        let voices = self.models.len() * self.dropout.map_or(1, |dropout| dropout.passes as usize);
        if self.score == Score::MutualInformation && voices < 2 {
            return usage(
                "mutual information of one model, which is 0 everywhere".to_owned(),
                "name several models with --model A,B, or give --dropout-passes 8, or choose --score entropy",
            );
        }
        Ok(())
    }
}

/// What was chosen.
#[derive(Debug, Clone, Serialize)]
pub struct MineReport {
    /// Name of the selection.
    pub selection: String,
    /// The run.
    pub run_id: String,
    /// Frames in the pool.
    pub pool: u64,
    /// Frames of the pool that the models were trained on: never chosen.
    pub labelled: u64,
    /// Frames left out because a better one is within the gap.
    pub thinned: u64,
    /// Frames chosen.
    pub selected: u64,
    /// The chosen frames by the class that they were wanted for most.
    pub by_class: Vec<(String, u64)>,
    /// Scores of the chosen: the highest, the middle and the lowest; none where they were drawn by lot.
    pub scores: Option<[f64; 3]>,
    /// Was it made just now?
    pub created: bool,
}

/// A chosen row, and the class that it was chosen for where classes have budgets of their own.
type Choice = (u32, Option<usize>);

/// A pool with its scores.
#[derive(Default)]
struct Scanned {
    ids: Vec<String>,
    scored: Vec<Scored>,
    /// Embeddings or gradients, row after row, when diversity asks for them.
    rows: Vec<f32>,
}

/// The rows of a selection in which no frame is better than another: frames and their recordings, in order.
pub(crate) fn unscored<'f>(
    selection: &str,
    run_id: &str,
    frames: impl Iterator<Item = (&'f str, &'f str)>,
) -> Vec<SelectionRow> {
    let row = |(rank, (frame, recording)): (usize, (&str, &str))| SelectionRow {
        selection: selection.to_owned(),
        run_id: run_id.to_owned(),
        frame_id: frame.to_owned(),
        recording_id: recording.to_owned(),
        rank: rank as i64,
        ..SelectionRow::default()
    };
    frames.enumerate().map(row).collect()
}

impl Workspace {
    /// Chooses frames to be labelled next, and keeps them as rows of the table `selections`.
    ///
    /// The same models, pool and options choose the same frames. Frames that a model was trained on are never chosen. Memory holds an embedding for
    /// each frame of the pool when diversity is asked for (of 256 channels about 2 KB while choosing), and about 200 bytes when not. [`Interrupt`](crate::Interrupt)
    /// ends it with nothing kept.
    pub fn mine(
        &self,
        options: &MineOptions,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<MineReport, Error> {
        options.check()?;
        let started = clock::now_ns();
        let device = self.device(device)?;
        let models: Vec<ModelRecord> = options
            .models
            .iter()
            .map(|name| self.trained_model(name))
            .collect::<Result<_, _>>()?;
        let no_classes = Vec::new();
        let classes = models.first().map_or(&no_classes, |model| &model.classes);
        let target = self.target(classes, &options.from, reporter)?;
        // Models and frames count by what they are, not by how they were named.
        let what = MineOptions {
            models: Vec::new(),
            from: String::new(),
            ..options.clone()
        };
        let run_id: String = models
            .iter()
            .fold(IdBuilder::new("run").text("mine"), |id, model| {
                id.text(&model.model_id).text(&model.digest)
            })
            .text(&target.key)
            .text(&json!(what).to_string())
            .text(device.name())
            .finish();
        self.check_name(&options.out, &run_id)?;
        if self.is_done(&run_id)? {
            return self.selection_report(&options.out, run_id, false);
        }
        let members = self.members(&models, options, device)?;
        let scorer = Scorer::new(options.score, options.aggregate, &options.classes, &members)?;
        let scanned = if options.score == Score::Random {
            draw(&target, options.seed)
        } else {
            self.scan(&target, &members, &scorer, options, reporter)?
        };
        let labelled = self.labelled_rows(&models, &scanned.ids)?;
        let (chosen, thinned) = self.choose(&scanned, &labelled, options)?;
        if chosen.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: if thinned == 0 {
                    format!("all {} frames of the pool were trained on already", scanned.ids.len())
                } else {
                    format!("all {thinned} frames left are within the gap of frames that were trained on")
                },
                hint: Some("widen the pool with --from".to_owned()),
            }
            .into());
        }
        let rows = chosen.iter().enumerate().map(|(rank, (row, wanted))| {
            let (id, scored) = (&scanned.ids[*row as usize], &scanned.scored[*row as usize]);
            let best = scored.by_class.iter().zip(&scorer.classes).fold(
                None,
                |best: Option<(f32, &String)>, (score, class)| match best {
                    Some((most, _)) if most >= *score => best,
                    _ => Some((*score, class)),
                },
            );
            SelectionRow {
                selection: options.out.clone(),
                run_id: run_id.clone(),
                frame_id: id.clone(),
                recording_id: target.frames.recording(id).unwrap_or_default().to_owned(),
                rank: rank as i64,
                score: f64::from(wanted.map_or(scored.score, |class| scored.by_class[class])),
                class: match wanted {
                    Some(class) => scorer.classes.get(*class).cloned(),
                    None => best.map(|(_, class)| class.clone()),
                },
                reason: (!scored.by_class.is_empty())
                    .then(|| json!({ "scores": scorer.named(&scored.by_class) }).to_string()),
            }
        });
        let rows: Vec<SelectionRow> = rows.collect();
        let params = json!({
            "options": options, "device": device.name(),
            "pool": scanned.ids.len(), "labelled": labelled.len(), "thinned": thinned, "selected": rows.len(),
        });
        let mut inputs = vec![target.node.clone()];
        inputs.extend(models.iter().map(model_node));
        let created = self.keep_selection("mine", rows, inputs, params, options.seed, started)?;
        self.selection_report(&options.out, run_id, created)
    }

    /// Writes a selection, all of whose rows name it and its run; not again when it is there. Was it written just now?
    /// `kind` says what made it.
    pub(crate) fn keep_selection(
        &self,
        kind: &str,
        rows: Vec<SelectionRow>,
        mut inputs: Vec<NodeRef>,
        params: Value,
        seed: u64,
        started: i64,
    ) -> Result<bool, Error> {
        let Some(SelectionRow { selection, run_id, .. }) = rows.first().cloned() else {
            return Ok(false);
        };
        let recordings: BTreeSet<String> = rows.iter().map(|row| row.recording_id.clone()).collect();
        inputs.extend(recordings.into_iter().map(|id| NodeRef::new(NodeKind::Recording, id)));
        let mut transaction = self.block_on(self.store().begin())?;
        // Somebody else may have taken the name, or done the same, in the meantime.
        self.check_name(&selection, &run_id)?;
        if self.is_done(&run_id)? {
            return Ok(false);
        }
        self.block_on(transaction.push(rows.into()))?;
        let mut operation = clock::operation(kind, &self.settings().user, started).params(params.clone());
        operation.inputs = inputs;
        transaction.put_run(RunRecord {
            run_id,
            kind: kind.to_owned(),
            name: selection,
            params,
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: i64::try_from(seed).ok(),
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        });
        self.block_on(transaction.commit(operation))?;
        Ok(true)
    }

    /// A selection's name names one selection.
    pub(crate) fn check_name(&self, name: &str, run_id: &str) -> Result<(), Error> {
        let others = self.counts(&format!(
            "SELECT run_id, count(*) FROM selections WHERE selection = {} AND run_id <> {} GROUP BY run_id",
            quote(name),
            quote(run_id)
        ))?;
        match others.first() {
            None => Ok(()),
            Some((_, frames)) => Err(Error::usage(
                format!("another selection of {frames} frames is called `{name}` already"),
                "choose another name with --out".to_owned(),
            )),
        }
    }

    /// The voices: every model, or every pass of it.
    fn members(
        &self,
        models: &[ModelRecord],
        options: &MineOptions,
        device: guideway_train::DeviceChoice,
    ) -> Result<Vec<Detector>, Error> {
        let mut members = Vec::new();
        for model in models {
            let whole = self.detector(model, device)?;
            match options.dropout {
                None => members.push(whole),
                Some(dropout) => {
                    for pass in 0..dropout.passes {
                        // Passes of one seed share nothing with those of another.
                        let seed = options.seed.wrapping_mul(1 << 32).wrapping_add(u64::from(pass));
                        members.push(whole.with_dropout(dropout.rate, seed)?);
                    }
                }
            }
        }
        Ok(members)
    }

    /// Scores every frame of the pool, one batch at a time.
    fn scan(
        &self,
        target: &Target<'_>,
        members: &[Detector],
        scorer: &Scorer,
        options: &MineOptions,
        reporter: &dyn Reporter,
    ) -> Result<Scanned, Error> {
        let members: Vec<&Detector> = members.iter().collect();
        let wanted = Wanted {
            maps: options.score.needs_maps() || options.diversity == Diversity::Badge,
            features: options.score == Score::GradientNorm || options.diversity == Diversity::Badge,
            embedding: options.diversity != Diversity::TopN,
        };
        let mut scanned = Scanned::default();
        let places = if options.score == Score::TrackDisagreement {
            self.neighbours(target)?
        } else {
            BTreeMap::new()
        };
        let mut consecutive = 0_u64;
        // What was found in the last frame of each sensor, and its row.
        let mut last: BTreeMap<u32, (usize, i64, Found)> = BTreeMap::new();
        let result = Detector::predict_together(&members, target.source.as_ref(), wanted, reporter, &mut |said| {
            self.interrupt().check()?;
            let Some(first) = said.first() else { return Ok(()) };
            let row = scanned.ids.len();
            let id = first.prediction.id.clone();
            let mut scored = Scored {
                score: 0.0,
                by_class: vec![0.0; scorer.classes.len()],
            };
            if options.score == Score::TrackDisagreement {
                if let Some(place) = places.get(&id) {
                    let now = scorer.found(&said);
                    if let Some((before, sequence, found)) = last.get(&place.sensor)
                        && sequence + 1 == place.sequence
                    {
                        consecutive += 1;
                        scored = scorer.score(&said, Some(found), place.size)?;
                        // The frame before is contradicted as much as this one.
                        let earlier = &mut scanned.scored[*before];
                        if scored.score > earlier.score {
                            *earlier = scored.clone();
                        }
                    }
                    last.insert(place.sensor, (row, place.sequence, now));
                }
            } else {
                scored = scorer.score(&said, None, [0.0; 2])?;
            }
            match options.diversity {
                Diversity::TopN => {}
                Diversity::Badge => scanned.rows.extend(scorer.gradients(&said)?),
                // The axes of another model's embedding mean something else.
                _ => scanned.rows.extend(&first.embedding),
            }
            scanned.ids.push(id);
            scanned.scored.push(scored);
            Ok(())
        });
        match result {
            Ok(_) if options.score == Score::TrackDisagreement && consecutive == 0 => Err(Error::usage(
                "no two frames of the pool follow each other, so that no tracks can disagree",
                "take whole drives into the pool, or choose another score".to_owned(),
            )),
            Ok(_) => Ok(scanned),
            Err(err) if Stopped::is_in_train(&err) => Err(Error::interrupted(
                format!("nothing of the selection {} is kept", options.out),
                "run it again: it begins anew, with the same result",
            )),
            Err(err) => Err(err.into()),
        }
    }

    /// Which rows of the pool the models were trained on.
    pub(crate) fn labelled_rows(&self, models: &[ModelRecord], ids: &[String]) -> Result<Vec<u32>, Error> {
        let mut known: BTreeSet<String> = BTreeSet::new();
        for model in models {
            for (dataset, _) in self.lessons(model)? {
                known.extend(self.dataset_frames(&dataset, None)?);
            }
        }
        let rows = ids.iter().enumerate().filter(|(_, id)| known.contains(*id));
        Ok(rows.map(|(row, _)| row as u32).collect())
    }

    /// The frames that a model and those that it started from were trained on.
    pub(crate) fn learnt_from(&self, model: &ModelRecord) -> Result<BTreeSet<String>, Error> {
        let mut known = BTreeSet::new();
        for (dataset, split) in self.lessons(model)? {
            known.extend(self.dataset_frames(&dataset, split.as_deref())?);
        }
        Ok(known)
    }

    /// The datasets, by id, that a model and those that it started from were trained on, and the splits.
    fn lessons(&self, model: &ModelRecord) -> Result<BTreeSet<(String, Option<String>)>, Error> {
        let mut lessons = BTreeSet::new();
        let mut next = Some(model.clone());
        // A model starts from one that was there before: there are no circles.
        while let Some(model) = next.take() {
            let run = match &model.run_id {
                Some(run) => self.block_on(self.store().find_run(run))?,
                None => None,
            };
            let param = |key: &str| Some(run.as_ref()?.params[key].as_str()?.to_owned());
            lessons.extend(model.dataset_id.clone().map(|dataset| (dataset, param("train_split"))));
            if let Some(start) = param("start") {
                next = self.block_on(self.store().find_model(&start))?;
            }
        }
        Ok(lessons)
    }

    /// The frames of a dataset, by its id, or of one of its splits; none where it is gone.
    fn dataset_frames(&self, dataset: &str, split: Option<&str>) -> Result<Vec<String>, Error> {
        let Some(info) = self.block_on(self.store().find_dataset(dataset))? else {
            return Ok(Vec::new());
        };
        let on = match split {
            Some(split) => format!("{}:{split}", info.name),
            None => info.name,
        };
        let frames = self.frame_list(&frames_in(&on))?;
        Ok(frames.sorted().map(str::to_owned).collect())
    }

    /// The chosen rows in the order of choice, each with the class that it was chosen for where classes have budgets of their own; and how
    /// many were left out by the gap.
    fn choose(&self, scanned: &Scanned, labelled: &[u32], options: &MineOptions) -> Result<(Vec<Choice>, u64), Error> {
        let mut open: BTreeSet<u32> = (0..scanned.ids.len() as u32).collect();
        for row in labelled {
            open.remove(row);
        }
        let mut moments = match options.gap_s {
            None => None,
            Some(_) => Some(self.moments(&scanned.ids)?),
        };
        let classes: Vec<Option<usize>> = if options.per_class {
            (0..scanned.scored.first().map_or(0, |scored| scored.by_class.len()))
                .map(Some)
                .collect()
        } else {
            vec![None]
        };
        let mut chosen: Vec<Choice> = Vec::new();
        let mut taken = labelled.to_vec();
        // Frames that were near enough to a better one for every class.
        let mut thinned = if options.gap_s.is_some() {
            open.clone()
        } else {
            BTreeSet::new()
        };
        for (done, class) in classes.iter().enumerate() {
            // What is left is shared among the classes that are left.
            let share = (options.budget - chosen.len()).div_ceil(classes.len() - done);
            let score = |row: u32| {
                let scored = &scanned.scored[row as usize];
                class.map_or(scored.score, |class| scored.by_class[class])
            };
            let mut candidates: Vec<u32> = open.iter().copied().collect();
            if let (Some(moments), Some(gap)) = (&mut moments, options.gap_s) {
                for (row, moment) in moments.iter_mut().enumerate() {
                    moment.score = score(row as u32);
                }
                candidates = thin::keep(moments, &taken, (gap * 1e9) as u64)?;
                candidates.sort_unstable();
                for row in &candidates {
                    thinned.remove(row);
                }
            }
            if share == 0 || candidates.is_empty() {
                continue;
            }
            let scores: Vec<f32> = candidates.iter().map(|row| score(*row)).collect();
            let places = match options.diversity {
                Diversity::TopN => top_n(&scores, share)?,
                _ => diverse(scanned, &candidates, &taken, &scores, share, options)?,
            };
            for place in places {
                let row = candidates[place as usize];
                open.remove(&row);
                taken.push(row);
                chosen.push((row, *class));
            }
        }
        Ok((chosen, thinned.len() as u64))
    }

    /// When each frame of the pool was taken, and in which drive; without scores yet.
    fn moments(&self, pool: &[String]) -> Result<Vec<thin::Moment>, Error> {
        let mut groups: BTreeMap<String, u32> = BTreeMap::new();
        let mut moments = Vec::with_capacity(pool.len());
        for ids in pool.chunks(LOOKUP_FRAMES) {
            let mut frames = self.frames_by_id(ids.iter().map(String::as_str))?;
            for id in ids {
                let frame = frames.remove(id);
                let time_ns = frame.as_ref().and_then(|frame| frame.timestamp_ns);
                let group = frame.map_or_else(|| id.clone(), |frame| frame.group_id);
                let next = groups.len() as u32;
                moments.push(thin::Moment {
                    group: *groups.entry(group).or_insert(next),
                    time_ns,
                    score: 0.0,
                });
            }
        }
        Ok(moments)
    }

    /// Which frame of which sensor each frame of the pool is.
    fn neighbours(&self, target: &Target<'_>) -> Result<BTreeMap<String, Place>, Error> {
        let mut sensors: BTreeMap<String, u32> = BTreeMap::new();
        let mut places = BTreeMap::new();
        let ids: Vec<&str> = target.frames.sorted().collect();
        for ids in ids.chunks(LOOKUP_FRAMES) {
            for (id, frame) in self.frames_by_id(ids.iter().copied())? {
                // Images of a collection have places in it, but no time that passes between them.
                if frame.timestamp_ns.is_none() {
                    continue;
                }
                let next = sensors.len() as u32;
                let side = |pixels: Option<i64>| pixels.map_or(f64::INFINITY, |pixels| pixels as f64);
                let place = Place {
                    sensor: *sensors.entry(frame.sensor_id).or_insert(next),
                    sequence: frame.sequence,
                    size: [side(frame.width), side(frame.height)],
                };
                places.insert(id, place);
            }
        }
        Ok(places)
    }

    /// What a selection holds. Scores that were drawn by lot are not told.
    fn selection_report(&self, name: &str, run_id: String, created: bool) -> Result<MineReport, Error> {
        let rows: Vec<SelectionRow> = self.rows(&format!(
            "SELECT * FROM selections WHERE run_id = {} ORDER BY rank",
            quote(&run_id)
        ))?;
        let run = self.block_on(self.store().find_run(&run_id))?;
        let by_lot = run
            .as_ref()
            .is_some_and(|run| run.params["options"]["score"] == Score::Random.name());
        let count = |name: &str| run.as_ref().and_then(|run| run.params[name].as_u64()).unwrap_or(0);
        let mut classes: BTreeMap<&String, u64> = BTreeMap::new();
        for class in rows.iter().filter_map(|row| row.class.as_ref()) {
            *classes.entry(class).or_default() += 1;
        }
        let mut by_class: Vec<(String, u64)> = classes.into_iter().map(|(class, n)| (class.clone(), n)).collect();
        by_class.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let mut scores: Vec<f64> = rows.iter().map(|row| row.score).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        Ok(MineReport {
            selection: name.to_owned(),
            pool: count("pool"),
            labelled: count("labelled"),
            thinned: count("thinned"),
            selected: rows.len() as u64,
            by_class,
            scores: (!by_lot && !scores.is_empty())
                .then(|| [scores[0], scores[scores.len() / 2], scores[scores.len() - 1]]),
            run_id,
            created,
        })
    }
}

/// Where a frame stands in its sensor's sequence.
struct Place {
    sensor: u32,
    sequence: i64,
    /// Width and height, px.
    size: [f64; 2],
}

/// Places in `open` by the diversity asked for. What is labelled counts as taken.
fn diverse(
    scanned: &Scanned,
    open: &[u32],
    labelled: &[u32],
    scores: &[f32],
    budget: usize,
    options: &MineOptions,
) -> Result<Vec<u32>, MineError> {
    let width = scanned.rows.len() / scanned.ids.len().max(1);
    let rows: Vec<f32> = open
        .iter()
        .chain(labelled)
        .flat_map(|row| &scanned.rows[*row as usize * width..(*row as usize + 1) * width])
        .copied()
        .collect();
    let weights: Vec<f32> = scores
        .iter()
        .copied()
        .chain(std::iter::repeat_n(0.0, labelled.len()))
        .collect();
    let taken: Vec<u32> = (open.len() as u32..(open.len() + labelled.len()) as u32).collect();
    let pool = Pool::new(Points::new(&rows, width)?)
        .weights(&weights)?
        .labelled(&taken)?;
    match options.diversity {
        Diversity::TopN | Diversity::CoreSet => core_set(&pool, budget),
        Diversity::KMeansPlusPlus => k_means_plus_plus(&pool, budget, options.seed),
        Diversity::Badge => badge(&pool, budget, options.seed),
        Diversity::SparseModelling => {
            let explaining = omp::select(&pool, budget, &omp::OmpParams::default())?;
            Ok(explaining.into_iter().map(|explaining| explaining.row).collect())
        }
    }
}

/// Every frame by lot.
fn draw(target: &Target<'_>, seed: u64) -> Scanned {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // In the order of their ids, so that a lot does not depend on where files lie.
    let ids: Vec<String> = target.frames.sorted().map(str::to_owned).collect();
    Scanned {
        scored: ids
            .iter()
            .map(|_| Scored {
                score: rng.random(),
                by_class: Vec::new(),
            })
            .collect(),
        ids,
        rows: Vec::new(),
    }
}
