//! Perception bugs: events that belong together, what they have in common, and a test that tells when they are gone.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{BBox, DVec3, IdBuilder, Reporter};
use guideway_eval::events::{EventKind, EventParams, SpaceEventParams};
use guideway_mine::slices::SliceParams;
use guideway_schema::{EventRow, PredictedCuboidRow};
use guideway_store::{NodeKind, NodeRef, RunRecord, pick};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock;
use crate::dataset::{FreezeOptions, GroupBy, LOOKUP_FRAMES, ids};
use crate::error::{Error, ErrorKind};
use crate::evaluate::{DiffOptions, EvalDelta, EvalOptions, MetricSet};
use crate::mine::{Information, LikeOptions, LikeWhat, MineReport};
use crate::predict::{frames_in, is_query, samples_in};
use crate::side_by_side::Quiet;
use crate::slices::SliceOptions;
use crate::split::SplitSpec;
use crate::workspace::{Workspace, quote};

/// Regions of a frame that a targeted search looks at.
const REGIONS: usize = 16;
/// How much the picture around an object counts in it.
const SCENE: f64 = 0.5;
/// Resamples of the gate's comparison.
const RESAMPLES: usize = 1000;

/// A new bug.
#[derive(Debug, Clone, Default)]
pub struct BugOptions {
    /// What is wrong, in a sentence.
    pub title: String,
    /// A query that yields `event_id`.
    pub events: String,
    /// The part of the events that a model must do right to pass the bug's test.
    pub threshold: f64,
}

/// Whether a bug is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BugState {
    /// No model passed its test without losing elsewhere.
    Open,
    /// One did.
    Closed,
}

/// What happened to a bug.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum BugEntry {
    /// Frames were chosen to be labelled.
    Mined {
        /// The selection.
        selection: String,
        /// Frames.
        frames: u64,
    },
    /// A model was tested.
    Checked(BugCheck),
}

/// A model's test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BugCheck {
    /// The model.
    pub model: String,
    /// Its weights.
    pub digest: String,
    /// Events that it does right.
    pub fixed: u64,
    /// Of so many.
    pub events: u64,
    /// Further events that do not count, since the model learnt from their frames.
    pub seen: u64,
    /// Frames of the dataset that it is compared on which the model learnt from. With any, what it loses elsewhere does not show, and the bug stays.
    pub learnt: u64,
    /// Are these enough?
    pub passed: bool,
    /// What the model was compared with elsewhere, and where.
    pub against: String,
    /// What is worse than with the compared model beyond doubt; or why that cannot be told.
    pub worse: Vec<String>,
    /// Does this close the bug?
    pub closes: bool,
}

/// A bug.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bug {
    /// Its id.
    pub bug_id: String,
    /// What is wrong.
    pub title: String,
    /// Whether it is there.
    pub state: BugState,
    /// The query that its events came from.
    pub query: String,
    /// Its events, by id.
    pub events: Vec<String>,
    /// How many of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// The model that made these mistakes, by id.
    pub model_id: String,
    /// The dataset or split on which it made them: there a new model must not lose.
    pub on: String,
    /// What describes the events better than chance, where there is something: a condition on the columns of `slice_query`.
    pub slice: Option<String>,
    /// A query for the objects of the slice, with their `frame_id`: for `query`, `mine` and `freeze`.
    pub slice_query: Option<String>,
    /// The frames of the test, frozen: to look at, and to evaluate on alone. Whether the events happen again is read from an evaluation on `on`.
    pub test: String,
    /// The part of the events that a model must do right.
    pub threshold: f64,
    /// What happened, oldest first.
    pub history: Vec<BugEntry>,
}

impl Workspace {
    /// Opens a bug for events of one evaluation: their frames are frozen as its test, and what they have in common is looked for.
    ///
    /// The same events make the same bug; making it again changes nothing.
    pub fn bug_new(&self, options: &BugOptions, reporter: &dyn Reporter) -> Result<Bug, Error> {
        let started = clock::now_ns();
        if options.title.trim().is_empty() || !(options.threshold > 0.0 && options.threshold <= 1.0) {
            return Err(Error::usage(
                "a bug without a title, or a threshold that is not above 0 and at most 1",
                "such as `guideway bug new \"cyclists at night are missed\" --threshold 0.5 --events \"SELECT …\"`"
                    .to_owned(),
            ));
        }
        let events = self.events(&options.events)?;
        let runs: BTreeSet<&String> = events.iter().map(|event| &event.run_id).collect();
        let run = match runs.iter().collect::<Vec<_>>().as_slice() {
            [run] => (**run).clone(),
            runs => {
                return Err(Error::usage(
                    format!("the events come from {} evaluations", runs.len()),
                    "take those of one: add a condition on `run_id`; `guideway eval ls` lists them".to_owned(),
                ));
            }
        };
        let evaluation = self.evaluation(&run)?;
        let bug_id: String = events
            .iter()
            .fold(IdBuilder::new("bug"), |id, event| id.text(&event.event_id))
            .text(&options.threshold.to_string())
            .finish();
        if let Some(known) = self.bugs()?.into_iter().find(|bug| bug.bug_id == bug_id) {
            return Ok(known);
        }
        let frames: BTreeSet<&str> = events.iter().map(|event| event.frame_id.as_str()).collect();
        let test = format!("bug-{}", &bug_id[..12]);
        let freeze = FreezeOptions {
            sql: format!(
                "SELECT frame_id FROM frames WHERE frame_id IN ({})",
                ids(frames.iter().copied())
            ),
            split: Some("test=1".parse::<SplitSpec>().unwrap_or_default()),
            group_by: GroupBy::Recording,
            ..FreezeOptions::default()
        };
        // Whose labels they are does not matter: a check reads the events of evaluations on `on`.
        let frozen = match self.block_on(self.store().find_dataset(&test))? {
            // Begun before. Its name stands for the events, and these for their frames.
            Some(info) => info.frames,
            None => self.freeze(&test, &freeze, &Quiet::new(reporter))?.frames,
        };
        if frozen < frames.len() as u64 {
            return Err(Error::failed(
                format!("of the {} frames of the events, {frozen} could be read", frames.len()),
                "bring the pictures back that the warning names, or take only events in frames that are there",
            ));
        }
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for event in &events {
            *kinds.entry(event.kind.clone()).or_default() += 1;
        }
        let (slice, slice_query) = self.slice_of(&events, &evaluation.on, reporter)?.unzip();
        let bug = Bug {
            bug_id,
            title: options.title.trim().to_owned(),
            state: BugState::Open,
            query: options.events.clone(),
            slice,
            slice_query,
            events: events.iter().map(|event| event.event_id.clone()).collect(),
            kinds,
            model_id: evaluation.model_id.clone(),
            on: evaluation.on.clone(),
            test: format!("{test}:test"),
            threshold: options.threshold,
            history: Vec::new(),
        };
        let inputs = vec![
            NodeRef::new(NodeKind::Run, run),
            NodeRef::new(NodeKind::Model, evaluation.model_id),
        ];
        self.keep_bug(&bug.bug_id, ("bug", inputs, started), |known| {
            Some(known.unwrap_or_else(|| bug.clone()))
        })
    }

    /// Every bug, by title.
    pub fn bugs(&self) -> Result<Vec<Bug>, Error> {
        let runs = self.block_on(self.store().runs())?;
        let mut bugs: Vec<Bug> = runs
            .into_iter()
            .filter(|run| run.kind == "bug")
            .map(|run| {
                serde_json::from_value(run.params["bug"].clone())
                    .map_err(|err| Error::corrupt(format!("the bug {}", run.run_id), err))
            })
            .collect::<Result<_, Error>>()?;
        bugs.sort_by(|a, b| a.title.cmp(&b.title).then_with(|| a.bug_id.cmp(&b.bug_id)));
        Ok(bugs)
    }

    /// The bug of this title, id or id prefix.
    pub fn bug(&self, name: &str) -> Result<Bug, Error> {
        let mut runs = self.block_on(self.store().runs())?;
        runs.retain(|run| run.kind == "bug");
        let id = pick("bug", name, runs)?.run_id;
        self.bugs()?
            .into_iter()
            .find(|bug| bug.bug_id == id)
            .ok_or_else(|| Error::not_found("bug", name, "`guideway bug ls` lists them"))
    }

    /// Chooses frames of a pool that show the like of the bug's objects, to be labelled; not those that were chosen for it before. `model` describes
    /// them; the one that made the mistakes when `None`.
    pub fn bug_mine(
        &self,
        name: &str,
        (from, budget): (&str, usize),
        model: Option<&str>,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<MineReport, Error> {
        let started = clock::now_ns();
        let bug = self.bug(name)?;
        // Those of a killed run count too.
        let own = format!("bug-{}-", &bug.bug_id[..12]);
        let mut before = self.counts(&format!(
            "SELECT selection, count(*) FROM selections WHERE selection LIKE '{own}%' GROUP BY selection ORDER BY selection"
        ))?;
        let out = format!("{own}{}", before.len() + 1);
        let from = format!(
            "SELECT p.frame_id FROM (\n{}\n) p JOIN frames f ON f.frame_id = p.frame_id \
             WHERE f.group_id NOT IN (SELECT t.group_id FROM frames t WHERE t.frame_id IN (SELECT q.frame_id FROM ({}) q)) \
             AND p.frame_id NOT IN (SELECT s.frame_id FROM selections s WHERE s.selection LIKE '{own}%')",
            self.pool(from)?,
            frames_in(&bug.on)
        );
        let boxes = self
            .events_by_id(&bug.events)?
            .iter()
            .filter_map(|event| Some((event.frame_id.clone(), place(event)?)))
            .collect();
        let options = LikeOptions {
            model: model.unwrap_or(&bug.model_id).to_owned(),
            like: LikeWhat::Boxes(boxes),
            from,
            budget,
            information: Information::default(),
            regions: REGIONS,
            scene: SCENE,
            out: out.clone(),
        };
        let mined = self.mine_like(&options, device, reporter)?;
        before.push((out, mined.selected));
        let inputs = vec![NodeRef::new(NodeKind::Run, mined.run_id.clone())];
        self.keep_bug(&bug.bug_id, ("bug-mine", inputs, started), |known| {
            let mut bug = known?;
            for (selection, frames) in before {
                let entry = BugEntry::Mined { selection, frames };
                if !bug.history.contains(&entry) {
                    bug.history.push(entry);
                }
            }
            Some(bug)
        })?;
        Ok(mined)
    }

    /// Tests a model: does it do right what the bug's model did wrong, and is it nowhere worse beyond doubt? Then the bug is closed.
    ///
    /// An object that was missed, confused or badly placed is right when the model's own evaluation has no event for it; a false positive, when that
    /// has none of its class in its place (an IoU of 0.5 or more; in space,
    /// a centre less than 2 m away). Events in frames that the model learnt from do not count.
    ///
    /// The second part compares it with `baseline` (the bug's model when `None`) on the dataset in which the events were found: no AP, AP50 or AP75, overall
    /// or of a class, may be lower with the whole interval of the paired bootstrap, each at 95 %; for models of objects in space, none of nuScenes' APs. A model that learnt from frames of that dataset closes
    /// nothing, and neither does one where there is a single drive.
    pub fn bug_check(
        &self,
        name: &str,
        model: &str,
        baseline: Option<&str>,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<(Bug, BugCheck), Error> {
        let started = clock::now_ns();
        let bug = self.bug(name)?;
        let record = self.model_record(model)?;
        let baseline = self.model_record(baseline.unwrap_or(&bug.model_id))?;
        if baseline.model_id == record.model_id && record.model_id != bug.model_id {
            return Err(Error::usage(
                format!("{} is to be compared with itself", record.name),
                "leave --baseline out, or name the model that is in use".to_owned(),
            ));
        }
        let mut events = self.events_by_id(&bug.events)?;
        let mut options = EvalOptions {
            device: device.map(str::to_owned),
            ..EvalOptions::default()
        };
        // Models of objects in space need not have boxes, which the APs are about that always come.
        if events.iter().all(is_in_space) {
            options.metrics.insert(MetricSet::NuScenes);
        }
        let old = self.evaluate_with(&baseline.name, &bug.on, &options, reporter)?;
        let new = self.evaluate_with(&record.name, &bug.on, &options, reporter)?;

        let learnt_from = self.learnt_from(&record)?;
        let learnt = self
            .frame_list(&frames_in(&bug.on))?
            .sorted()
            .filter(|frame| learnt_from.contains(*frame))
            .count() as u64;
        let all = events.len();
        events.retain(|event| !learnt_from.contains(&event.frame_id));
        let frames: BTreeSet<&str> = events.iter().map(|event| event.frame_id.as_str()).collect();
        let mut again: BTreeMap<String, Vec<EventRow>> = BTreeMap::new();
        for frames in frames.into_iter().collect::<Vec<_>>().chunks(LOOKUP_FRAMES) {
            let rows: Vec<EventRow> = self.rows(&format!(
                "SELECT * FROM events WHERE run_id = {} AND frame_id IN ({}) ORDER BY event_id",
                quote(&new.run_id),
                ids(frames.iter().copied())
            ))?;
            for row in rows {
                again.entry(row.frame_id.clone()).or_default().push(row);
            }
        }
        let spots = self.spots(events.iter().chain(again.values().flatten()))?;
        let fixed = events
            .iter()
            .filter(|event| is_right(event, again.get(&event.frame_id).map_or(&[], Vec::as_slice), &spots))
            .count() as u64;
        let worse = if old.run_id == new.run_id {
            Vec::new()
        } else {
            let options = DiffOptions {
                resamples: RESAMPLES,
                ..DiffOptions::default()
            };
            let diff = self.eval_diff(&old.run_id, &new.run_id, &options, reporter)?;
            if diff.groups < 2 {
                vec![format!("{} has one drive, from which no interval comes", bug.on)]
            } else {
                diff.deltas.iter().filter_map(loss).collect()
            }
        };
        let passed = !events.is_empty() && fixed as f64 / events.len() as f64 >= bug.threshold;
        let check = BugCheck {
            model: record.name.clone(),
            digest: record.digest.clone(),
            fixed,
            events: events.len() as u64,
            seen: (all - events.len()) as u64,
            learnt,
            passed,
            against: format!("{} on {}", baseline.name, bug.on),
            // The model that made the mistakes cannot close their bug by standing still.
            closes: passed && worse.is_empty() && learnt == 0 && record.model_id != bug.model_id,
            worse,
        };
        let entry = BugEntry::Checked(check.clone());
        let inputs = vec![
            NodeRef::new(NodeKind::Run, old.run_id),
            NodeRef::new(NodeKind::Run, new.run_id),
            crate::train::model_node(&record),
        ];
        let bug = self.keep_bug(&bug.bug_id, ("bug-check", inputs, started), |known| {
            let mut bug = known?;
            if bug.history.last() == Some(&entry) {
                return None;
            }
            bug.history.push(entry);
            if check.closes {
                bug.state = BugState::Closed;
            }
            Some(bug)
        })?;
        Ok((bug, check))
    }

    /// Where predictions without boxes are that events name, in the ego frame.
    fn spots<'a>(&self, events: impl Iterator<Item = &'a EventRow>) -> Result<Spots, Error> {
        let solid = events.filter(|event| event.predicted_box.is_empty());
        let mut of_recording: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for event in solid {
            let named = of_recording.entry(&event.recording_id).or_default();
            named.extend(event.prediction_id.as_deref());
        }
        let mut spots = Spots::new();
        for (recording, named) in of_recording.into_iter().filter(|(_, named)| !named.is_empty()) {
            let placement = self.placement(recording)?;
            for part in named.into_iter().collect::<Vec<_>>().chunks(LOOKUP_FRAMES) {
                let rows: Vec<PredictedCuboidRow> = self.rows(&format!(
                    "SELECT * FROM predicted_cuboids WHERE prediction_id IN ({})",
                    ids(part.iter().copied())
                ))?;
                let frames = self.frames_by_id(rows.iter().map(|row| row.frame_id.as_str()))?;
                for row in rows {
                    let frame = frames.get(&row.frame_id);
                    let cuboid = (row.cuboid.as_slice(), row.cuboid_frame.as_str());
                    let placed = frame.and_then(|frame| placement.cuboid_in_ego(cuboid, frame.into()));
                    if let Some(cuboid) = placed {
                        spots.insert(row.prediction_id, cuboid.center);
                    }
                }
            }
        }
        Ok(spots)
    }

    /// Changes what is known of a bug, while nobody else writes: `change` gets what is known by now, and yields what is to be kept, if that is another.
    fn keep_bug(
        &self,
        bug_id: &str,
        (operation, inputs, started): (&str, Vec<NodeRef>, i64),
        change: impl FnOnce(Option<Bug>) -> Option<Bug>,
    ) -> Result<Bug, Error> {
        let mut transaction = self.block_on(self.store().begin())?;
        let known = self.bugs()?.into_iter().find(|bug| bug.bug_id == bug_id);
        let Some(bug) = change(known.clone()).filter(|bug| known.as_ref() != Some(bug)) else {
            return known.ok_or_else(|| Error::not_found("bug", bug_id, "`guideway bug ls` lists them"));
        };
        let mut operation = clock::operation(operation, &self.settings().user, started).params(json!({
            "bug_id": bug.bug_id, "title": bug.title, "last": bug.history.last(),
        }));
        operation.inputs = inputs;
        transaction.put_run(RunRecord {
            run_id: bug.bug_id.clone(),
            kind: "bug".to_owned(),
            name: bug.title.clone(),
            params: json!({ "bug": &bug }),
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: None,
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        });
        self.block_on(transaction.commit(operation))?;
        Ok(bug)
    }

    /// The events of a query, by id.
    fn events(&self, sql: &str) -> Result<Vec<EventRow>, Error> {
        let inner = sql.trim().trim_end_matches(';');
        let rows: Vec<EventRow> = self.rows(&format!(
            "SELECT e.* FROM events e WHERE e.event_id IN (SELECT q.event_id FROM (\n{inner}\n) q) ORDER BY e.event_id"
        ))?;
        if rows.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: "the query selects no events".to_owned(),
                hint: Some("try it with `guideway query`; it must yield ids of the table events".to_owned()),
            }
            .into());
        }
        Ok(rows)
    }

    fn events_by_id(&self, event_ids: &[String]) -> Result<Vec<EventRow>, Error> {
        let mut rows = Vec::new();
        for part in event_ids.chunks(LOOKUP_FRAMES) {
            rows.extend(self.rows::<EventRow>(&format!(
                "SELECT * FROM events WHERE event_id IN ({}) ORDER BY event_id",
                ids(part.iter().map(String::as_str))
            ))?);
        }
        Ok(rows)
    }

    /// The condition on a dataset's objects that describes the events best, if any does better than chance, and the objects that it holds for.
    fn slice_of(
        &self,
        events: &[EventRow],
        on: &str,
        reporter: &dyn Reporter,
    ) -> Result<Option<(String, String)>, Error> {
        // A false positive names a label that it touches, which is not wrong.
        let wrong = events.iter().filter(|event| !is(event, EventKind::FalsePositive));
        let labels: BTreeSet<&str> = wrong.filter_map(|event| event.label_id.as_deref()).collect();
        if labels.is_empty() {
            return Ok(None);
        }
        let objects = format!(
            "SELECT frame_id, recording_id, label['label_id'] AS label_id, label['class'] AS class, label['truncation'] AS truncation, \
             label['occlusion'] AS occlusion, label['x_max'] - label['x_min'] AS width_px, label['y_max'] - label['y_min'] AS height_px \
             FROM (SELECT frame_id, recording_id, unnest(labels) AS label FROM {}) u WHERE NOT label['is_ignored']",
            samples_in(on)
        );
        let sql = format!(
            "SELECT l.class, l.width_px, l.height_px, l.truncation, l.occlusion, l.recording_id, e.label_id IS NOT NULL AS event FROM \
             ({objects}) l LEFT JOIN (SELECT DISTINCT label_id FROM events WHERE label_id IN ({})) e ON e.label_id = l.label_id",
            ids(labels.iter().copied())
        );
        let options = SliceOptions {
            sql,
            event: "event".to_owned(),
            group: Some("recording_id".to_owned()),
            regions: None,
            params: SliceParams::default(),
        };
        let found = self.slices(&options, None, reporter)?.slices.into_iter().next();
        Ok(found.map(|slice| {
            let query = format!("SELECT * FROM ({objects}) WHERE {}", slice.predicate);
            (slice.predicate, query)
        }))
    }

    /// A query for the frames of a pool, which is a query or a dataset.
    pub(crate) fn pool(&self, from: &str) -> Result<String, Error> {
        if is_query(from) {
            return Ok(self.frame_query(from)?.0.to_owned());
        }
        self.dataset_split(from)?;
        Ok(frames_in(from))
    }
}

fn is(event: &EventRow, kind: EventKind) -> bool {
    event.kind == kind.name()
}

/// Is it about an object in space, not about boxes?
fn is_in_space(event: &EventRow) -> bool {
    event.label_box.is_empty() && event.predicted_box.is_empty()
}

/// Where an event is in the picture: the object's box, or the one that was predicted where nothing is.
fn place(event: &EventRow) -> Option<BBox> {
    let label = bbox(&event.label_box).filter(|_| !is(event, EventKind::FalsePositive));
    label.or_else(|| bbox(&event.predicted_box))
}

fn bbox(corners: &[f64]) -> Option<BBox> {
    match corners {
        [x_min, y_min, x_max, y_max] => Some(BBox::new(*x_min, *y_min, *x_max, *y_max)),
        _ => None,
    }
}

/// Centres of predictions in space in the ego frame of their frame, by id.
type Spots = BTreeMap<String, DVec3>;

/// Did what was wrong not happen again? `again` holds all events of the new evaluation in the frame.
fn is_right(event: &EventRow, again: &[EventRow], spots: &Spots) -> bool {
    if is(event, EventKind::FalsePositive) {
        let spot = |event: &EventRow| event.prediction_id.as_ref().and_then(|id| spots.get(id)).copied();
        let (place, here) = (bbox(&event.predicted_box), spot(event));
        if place.is_none() && here.is_none() {
            return false;
        }
        let is_there = |new: &EventRow| {
            let in_image = place.zip(bbox(&new.predicted_box));
            let in_space = here.zip(spot(new)).map(|(a, b)| (a - b).truncate().length());
            in_image.is_some_and(|(place, found)| found.iou(place) >= EventParams::default().iou)
                || in_space.is_some_and(|apart| apart < SpaceEventParams::default().distance_m)
        };
        return !again.iter().any(|new| {
            // A miss has the box of a prediction that was too unsure.
            !is(new, EventKind::Miss) && new.predicted_class == event.predicted_class && is_there(new)
        });
    }
    event.label_id.is_some()
        && !again
            .iter()
            .any(|new| !is(new, EventKind::FalsePositive) && new.label_id == event.label_id)
}

/// A metric that is lower beyond doubt, in words.
fn loss(delta: &EvalDelta) -> Option<String> {
    let guarded = ["AP", "AP50", "AP75", "nuscenes/mAP", "nuscenes/AP"];
    let counts = guarded.contains(&delta.metric.as_str()) && !delta.of_breakdown;
    // Any doubt counts here, also where many comparisons make it likely.
    (counts && matches!(delta.verdict, "worse" | "perhaps worse")).then(|| {
        let change = delta.delta.map_or_else(String::new, |change| format!(" {change:+.4}"));
        format!("{} of {}{change}", delta.metric, delta.slice)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_right_when_it_does_not_happen_again() {
        let event = |kind: &str, label: Option<&str>, class: Option<&str>, corners: &[f64]| EventRow {
            kind: kind.to_owned(),
            label_id: label.map(str::to_owned),
            predicted_class: class.map(str::to_owned),
            predicted_box: corners.to_vec(),
            label_box: label.map_or_else(Vec::new, |_| vec![0.0, 0.0, 10.0, 20.0]),
            ..EventRow::default()
        };
        let is_right = |event: &EventRow, again: &[EventRow]| is_right(event, again, &Spots::new());
        let here = [0.0, 1.0, 10.0, 20.0];
        let miss = event("miss", Some("a"), None, &[]);
        let ghost = |label, class, corners: &[f64]| event("false_positive", label, Some(class), corners);
        assert!(is_right(&miss, &[]));
        assert!(
            is_right(&miss, &[event("miss", Some("b"), None, &[])]),
            "another object"
        );
        assert!(
            is_right(&miss, &[ghost(Some("a"), "car", &here)]),
            "found twice is found"
        );
        for kind in ["miss", "confusion", "poor_localisation"] {
            assert!(
                !is_right(&miss, &[event(kind, Some("a"), Some("car"), &here)]),
                "{kind}"
            );
        }

        // A false positive is wrong where it was predicted, whatever label it touches.
        let twice = ghost(Some("a"), "car", &here);
        assert!(is_right(&twice, &[]));
        assert!(is_right(&twice, &[ghost(None, "truck", &here)]), "another class");
        assert!(
            is_right(&twice, &[ghost(None, "car", &[30.0, 0.0, 50.0, 20.0])]),
            "elsewhere"
        );
        assert!(!is_right(&twice, &[ghost(None, "car", &here)]));
        assert!(
            is_right(&twice, &[event("miss", Some("c"), Some("car"), &here)]),
            "too unsure to count"
        );
        assert_eq!(place(&twice), bbox(&here));
    }

    #[test]
    fn a_false_alarm_in_space_is_right_when_nothing_is_there() {
        let at = |id: &str, class: &str| EventRow {
            kind: "false_positive".to_owned(),
            predicted_class: Some(class.to_owned()),
            prediction_id: Some(id.to_owned()),
            ..EventRow::default()
        };
        let spots: Spots = [("old", 10.0), ("near", 11.5), ("far", 13.0)]
            .map(|(id, x)| (id.to_owned(), DVec3::new(x, 0.0, 0.0)))
            .into();
        let old = at("old", "car");
        assert!(is_right(&old, &[], &spots));
        assert!(!is_right(&old, &[at("near", "car")], &spots));
        assert!(is_right(&old, &[at("near", "truck"), at("far", "car")], &spots));
        assert!(!is_right(&at("gone", "car"), &[], &spots), "nobody knows where it was");
    }
}
