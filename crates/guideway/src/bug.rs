//! Perception bugs: events that belong together, what they have in common, and a test that tells when they are gone.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{BBox, IdBuilder, Reporter, Silent};
use guideway_eval::events::EventParams;
use guideway_mine::slices::SliceParams;
use guideway_schema::{EventRow, PredictionRow};
use guideway_store::{NodeKind, NodeRef, RunRecord, pick};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock;
use crate::dataset::{FreezeOptions, GroupBy, LOOKUP_FRAMES, ids};
use crate::error::{Error, ErrorKind};
use crate::evaluate::EvalDelta;
use crate::mine::{Information, LikeOptions, LikeWhat, MineReport};
use crate::slices::SliceOptions;
use crate::split::SplitSpec;
use crate::workspace::{Workspace, quote};

/// Regions of a frame that a targeted search looks at.
const REGIONS: usize = 16;
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
    /// Are these enough?
    pub passed: bool,
    /// What the model was compared with elsewhere, and where.
    pub against: String,
    /// Metrics that are worse than the compared model's, beyond doubt.
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
    /// What describes the events better than chance: a condition on the objects of the dataset, where there is one.
    pub slice: Option<String>,
    /// The test: frozen frames on which the events must not happen again.
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
        // Whose labels they are does not matter: the test counts the events alone.
        self.freeze(&test, &freeze, &Silent)?;
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for event in &events {
            *kinds.entry(event.kind.clone()).or_default() += 1;
        }
        let bug = Bug {
            bug_id,
            title: options.title.trim().to_owned(),
            state: BugState::Open,
            query: options.events.clone(),
            slice: self.slice_of(&events, &evaluation.on, reporter)?,
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
        self.keep_bug(&bug, "bug", inputs, started)?;
        Ok(bug)
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

    /// Chooses frames of a pool that show the like of the bug's objects, to be labelled. `model` describes them; the one that made the
    /// mistakes when `None`.
    pub fn bug_mine(
        &self,
        name: &str,
        (from, budget): (&str, usize),
        model: Option<&str>,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<MineReport, Error> {
        let started = clock::now_ns();
        let mut bug = self.bug(name)?;
        let rounds = bug
            .history
            .iter()
            .filter(|entry| matches!(entry, BugEntry::Mined { .. }));
        let out = format!("bug-{}-{}", &bug.bug_id[..12], rounds.count() + 1);
        let boxes = self
            .events_by_id(&bug.events)?
            .iter()
            .filter_map(|event| Some((event.frame_id.clone(), place(event)?)))
            .collect();
        let options = LikeOptions {
            model: model.unwrap_or(&bug.model_id).to_owned(),
            like: LikeWhat::Boxes(boxes),
            from: from.to_owned(),
            budget,
            information: Information::default(),
            regions: REGIONS,
            out: out.clone(),
        };
        let mined = self.mine_like(&options, device, reporter)?;
        bug.history.push(BugEntry::Mined {
            selection: out,
            frames: mined.selected,
        });
        let inputs = vec![NodeRef::new(NodeKind::Run, mined.run_id.clone())];
        self.keep_bug(&bug, "bug-mine", inputs, started)?;
        Ok(mined)
    }

    /// Tests a model: does it do right what the bug's model did wrong, and is it nowhere worse beyond doubt? Then the bug is closed. Events in frames that
    /// the model learnt from do not count.
    ///
    /// The second part compares it with `baseline` (the bug's model when `None`) on the dataset in which the events were found: no AP, AP50 or AP75, overall
    /// or of a class, may be lower with the whole interval of the paired bootstrap.
    pub fn bug_check(
        &self,
        name: &str,
        model: &str,
        baseline: Option<&str>,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<(Bug, BugCheck), Error> {
        let started = clock::now_ns();
        let mut bug = self.bug(name)?;
        let record = self.model_record(model)?;
        let baseline = self.model_record(baseline.unwrap_or(&bug.model_id))?;
        let (predict_run, ..) = self.predict_run(&record, &bug.test, device, reporter)?;
        let predictions: Vec<PredictionRow> = self.rows(&format!(
            "SELECT * FROM predictions WHERE run_id = {} ORDER BY prediction_id",
            quote(&predict_run)
        ))?;
        let mut found: BTreeMap<&str, Vec<&PredictionRow>> = BTreeMap::new();
        for row in &predictions {
            found.entry(&row.frame_id).or_default().push(row);
        }
        let mut events = self.events_by_id(&bug.events)?;
        let frames: Vec<String> = events.iter().map(|event| event.frame_id.clone()).collect();
        let seen: BTreeSet<u32> = self
            .labelled_rows(std::slice::from_ref(&record), &frames)?
            .into_iter()
            .collect();
        let mut row = 0;
        events.retain(|_| {
            row += 1;
            !seen.contains(&(row - 1))
        });
        let nothing = Vec::new();
        let fixed = events
            .iter()
            .filter(|event| is_right(event, found.get(event.frame_id.as_str()).unwrap_or(&nothing)))
            .count() as u64;
        let old = self.evaluate(&baseline.name, &bug.on, device, reporter)?;
        let new = self.evaluate(&record.name, &bug.on, device, reporter)?;
        let worse = if old.run_id == new.run_id {
            Vec::new()
        } else {
            let diff = self.eval_diff(&old.run_id, &new.run_id, RESAMPLES, 0, reporter)?;
            diff.deltas.iter().filter_map(loss).collect()
        };
        let passed = !events.is_empty() && fixed as f64 >= bug.threshold * events.len() as f64;
        let check = BugCheck {
            model: record.name.clone(),
            digest: record.digest.clone(),
            fixed,
            events: events.len() as u64,
            seen: seen.len() as u64,
            passed,
            against: format!("{} on {}", baseline.name, bug.on),
            // The model that made the mistakes cannot close their bug by standing still.
            closes: passed && worse.is_empty() && record.model_id != bug.model_id,
            worse,
        };
        let entry = BugEntry::Checked(check.clone());
        if check.closes {
            bug.state = BugState::Closed;
        }
        if bug.history.last() != Some(&entry) {
            bug.history.push(entry);
            let inputs = vec![
                NodeRef::new(NodeKind::Run, predict_run),
                NodeRef::new(NodeKind::Run, new.run_id),
                crate::train::model_node(&record),
            ];
            self.keep_bug(&bug, "bug-check", inputs, started)?;
        }
        Ok((bug, check))
    }

    /// Writes what is known of a bug, in place of what was.
    fn keep_bug(&self, bug: &Bug, operation: &str, inputs: Vec<NodeRef>, started: i64) -> Result<(), Error> {
        let mut operation = clock::operation(operation, &self.settings().user, started).params(json!({
            "bug_id": bug.bug_id, "title": bug.title, "last": bug.history.last(),
        }));
        operation.inputs = inputs;
        let mut transaction = self.block_on(self.store().begin())?;
        transaction.put_run(RunRecord {
            run_id: bug.bug_id.clone(),
            kind: "bug".to_owned(),
            name: bug.title.clone(),
            params: json!({ "bug": bug }),
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: None,
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        });
        self.block_on(transaction.commit(operation))?;
        Ok(())
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

    /// The condition on a dataset's objects that describes the events best, if any does better than chance.
    fn slice_of(&self, events: &[EventRow], on: &str, reporter: &dyn Reporter) -> Result<Option<String>, Error> {
        let labels: BTreeSet<&str> = events.iter().filter_map(|event| event.label_id.as_deref()).collect();
        if labels.is_empty() {
            return Ok(None);
        }
        let (name, split) = on.split_once(':').unwrap_or((on, ""));
        let condition = if split.is_empty() {
            String::new()
        } else {
            format!("WHERE split = {}", quote(split))
        };
        let sql = format!(
            "SELECT l.class, l.width_px, l.height_px, l.truncation, l.occlusion, l.recording_id, e.label_id IS NOT NULL AS event FROM \
             (SELECT recording_id, label['label_id'] AS label_id, label['class'] AS class, label['truncation'] AS truncation, \
             label['occlusion'] AS occlusion, label['x_max'] - label['x_min'] AS width_px, label['y_max'] - label['y_min'] AS height_px \
             FROM (SELECT recording_id, unnest(labels) AS label FROM datasets.\"{name}\" {condition}) u \
             WHERE NOT label['is_ignored']) l \
             LEFT JOIN (SELECT DISTINCT label_id FROM events WHERE label_id IN ({})) e ON e.label_id = l.label_id",
            ids(labels.iter().copied())
        );
        let options = SliceOptions {
            sql,
            event: "event".to_owned(),
            group: Some("recording_id".to_owned()),
            params: SliceParams::default(),
        };
        let found = self.slices(&options, reporter)?;
        Ok(found.slices.into_iter().next().map(|slice| slice.predicate))
    }
}

/// Where an event is in the picture: the object's box, or the one that was predicted where nothing is.
fn place(event: &EventRow) -> Option<BBox> {
    let of = |corners: &[f64]| match corners {
        [x_min, y_min, x_max, y_max] => Some(BBox::new(*x_min, *y_min, *x_max, *y_max)),
        _ => None,
    };
    of(&event.label_box).or_else(|| of(&event.predicted_box))
}

/// Is a prediction counted as finding a box of a class?
fn finds(row: &PredictionRow, class: &str, bbox: BBox) -> bool {
    let params = EventParams::default();
    row.class == class
        && row.score >= params.min_score
        && BBox::new(row.x_min, row.y_min, row.x_max, row.y_max).iou(bbox) >= params.iou
}

/// Does a model do right what was done wrong? An object that is there must be found as what it is; one that is not there must not be found again.
fn is_right(event: &EventRow, found: &[&PredictionRow]) -> bool {
    let Some(bbox) = place(event) else { return false };
    match (&event.class, &event.predicted_class) {
        (Some(class), _) if !event.label_box.is_empty() => found.iter().any(|row| finds(row, class, bbox)),
        (_, Some(class)) => !found.iter().any(|row| finds(row, class, bbox)),
        _ => false,
    }
}

/// A metric that is lower beyond doubt, in words.
fn loss(delta: &EvalDelta) -> Option<String> {
    let counts = ["AP", "AP50", "AP75"].contains(&delta.metric.as_str());
    (counts && delta.verdict == "worse").then(|| {
        let change = delta.delta.map_or_else(String::new, |change| format!(" {change:+.4}"));
        format!("{} of {}{change}", delta.metric, delta.slice)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(class: &str, score: f64, corners: [f64; 4]) -> PredictionRow {
        let [x_min, y_min, x_max, y_max] = corners;
        PredictionRow {
            class: class.to_owned(),
            score,
            x_min,
            y_min,
            x_max,
            y_max,
            ..PredictionRow::default()
        }
    }

    #[test]
    fn an_event_is_right_when_it_would_not_happen_again() {
        let miss = EventRow {
            class: Some("bicycle".to_owned()),
            label_box: vec![0.0, 0.0, 10.0, 20.0],
            ..EventRow::default()
        };
        let near = [0.0, 1.0, 10.0, 20.0];
        assert!(is_right(&miss, &[&prediction("bicycle", 0.5, near)]));
        assert!(!is_right(&miss, &[]));
        assert!(!is_right(&miss, &[&prediction("bicycle", 0.1, near)]), "too unsure");
        assert!(!is_right(&miss, &[&prediction("car", 0.9, near)]), "another class");
        assert!(
            !is_right(&miss, &[&prediction("bicycle", 0.9, [9.0, 0.0, 30.0, 20.0])]),
            "elsewhere"
        );

        let ghost = EventRow {
            predicted_class: Some("car".to_owned()),
            predicted_box: vec![0.0, 0.0, 10.0, 20.0],
            ..EventRow::default()
        };
        assert!(is_right(&ghost, &[]));
        assert!(!is_right(&ghost, &[&prediction("car", 0.5, near)]));
        assert!(is_right(&ghost, &[&prediction("car", 0.2, near)]));
    }
}
