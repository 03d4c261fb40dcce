//! Assertions over predictions and labels, and the tickets that they open.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use guideway_assert::{
    Axes, Checker, Found, Frame, Merged, NotChecked, Observation, Priors, Run, Sample, Subject, Suspect, Tickets, View,
    Violation, rank,
};
use guideway_core::{BBox, Cuboid, IdBuilder, Reporter, Se3};
use guideway_eval::severity::EgoPath;
use guideway_schema::{FrameRow, LabelRow, PredictionRow, SensorRow};
use guideway_store::{NodeKind, NodeRef, RunRecord, pick};
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;
use crate::dataset::ids;
use crate::error::{Error, ErrorKind};
use crate::evaluate::cuboid_in_ego;
use crate::train::model_node;
use crate::workspace::{Workspace, quote};

pub use guideway_assert::{Rule, Rules, Ticket};

/// Every assertion.
pub const RULES: &[Rule] = &Rule::ALL;

/// Frames whose boxes are in memory at a time.
const BLOCK: usize = 2048;
/// A camera's and a lidar's frames this near in time show the same, ns.
const MOMENT_NS: i64 = 150_000_000;
/// Of an object of which more than this part is hidden the lidar may see nothing.
const MOSTLY_HIDDEN: f64 = 0.4;
/// The kind of a ticket's record.
const TICKET: &str = "ticket";

/// What to check.
#[derive(Debug, Clone, Default)]
pub struct AssertOptions {
    /// A SELECT that yields `frame_id`, a dataset or one of its splits. Frames without a stamp are not checked.
    pub on: String,
    /// The model whose predictions are checked; the labels when `None`.
    pub model: Option<String>,
    /// A file over the shipped rules.
    pub rules: Option<PathBuf>,
    /// Labels that are most likely wrong, at most.
    pub suspects: usize,
    /// Where to predict.
    pub device: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct AssertReport {
    /// The run.
    pub run_id: String,
    /// Whose boxes: `labels`, or a model's name.
    pub source: String,
    /// Recordings.
    pub recordings: u64,
    /// Frames.
    pub frames: u64,
    /// Frames that were left out, since they have no stamp.
    pub without_stamp: u64,
    /// Boxes.
    pub observations: u64,
    /// Hours of the recordings that were looked at.
    pub hours: f64,
    /// By assertion: boxes checked, boxes that could not be, violations, and why not.
    pub rules: Vec<RuleCount>,
    /// Tickets that were opened.
    pub opened: Vec<String>,
    /// Closed tickets whose cause is back.
    pub reopened: Vec<String>,
    /// Open tickets with more evidence.
    pub grown: Vec<String>,
    /// Labels by how likely they are wrong, the likeliest first; none for predictions.
    pub suspects: Vec<Suspect>,
}

/// How an assertion fared.
#[derive(Debug, Clone, Serialize)]
pub struct RuleCount {
    /// Its name.
    pub rule: String,
    /// Boxes of which it was checked.
    pub checked: u64,
    /// Boxes of which it could not be.
    pub not_checked: u64,
    /// Why not, and how often.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Violations in single frames.
    pub violations: u64,
}

/// One row's boxes, whatever table they come from.
struct BoxRow {
    class: String,
    id: String,
    score: Option<f64>,
    track: Option<String>,
    bbox: Option<BBox>,
    /// In the ego frame.
    cuboid: Option<Cuboid>,
    points: Option<u32>,
    occlusion: Option<f64>,
}

impl Workspace {
    /// Checks predictions or labels by rules that need no truth, and takes what is wrong into tickets: one for each cause. The same check again changes nothing.
    pub fn assert_run(&self, options: &AssertOptions, reporter: &dyn Reporter) -> Result<AssertReport, Error> {
        let started = clock::now_ns();
        let (rules, rules_text) = read_rules(options.rules.as_deref())?;
        let (inner, _) = self
            .frame_query(&self.pool(&options.on)?)
            .map(|(sql, columns)| (sql.to_owned(), columns))?;
        let (source, predict_run, mut inputs) = match &options.model {
            None => ("labels".to_owned(), None, Vec::new()),
            Some(name) => {
                let model = self.model_record(name)?;
                let (run, ..) = self.predict_run(&model, &options.on, options.device.as_deref(), reporter)?;
                let inputs = vec![model_node(&model), NodeRef::new(NodeKind::Run, run.clone())];
                (model.name.clone(), Some(run), inputs)
            }
        };
        let all = self.counts(&format!(
            "SELECT f.recording_id, count(*) FROM frames f WHERE f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q) \
             AND f.timestamp_ns IS NOT NULL GROUP BY f.recording_id ORDER BY f.recording_id"
        ))?;
        let without_stamp = self.counts(&format!(
            "SELECT 'none', count(*) FROM frames f WHERE f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q) AND f.timestamp_ns IS NULL"
        ))?;
        let without_stamp = without_stamp.first().map_or(0, |(_, count)| *count);
        if all.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: if without_stamp > 0 {
                    format!("none of the {without_stamp} frames has a stamp")
                } else {
                    "the query selects no frames".to_owned()
                },
                hint: Some("assertions look at recordings over time; try `SELECT frame_id FROM frames WHERE timestamp_ns IS NOT NULL`".to_owned()),
            }
            .into());
        }
        let subject = if predict_run.is_some() {
            Subject::Detections
        } else {
            Subject::Labels
        };
        let mut checker = Checker::new(rules.clone(), subject);
        let mut id = IdBuilder::new("run")
            .text("assert")
            .text(&source)
            .text(predict_run.as_deref().unwrap_or(""))
            .text(&rules_text);
        let checked = self.frame_list(&format!(
            "SELECT f.frame_id, f.recording_id FROM frames f WHERE f.timestamp_ns IS NOT NULL AND f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q)"
        ))?;
        for frame_id in checked.sorted() {
            id = id.text(frame_id);
        }
        let run = Run {
            id: id.finish(),
            source,
            at_ns: started,
        };
        let mut tickets = Tickets::from_tickets(self.tickets()?);
        let mut merged = Merged::default();
        let mut suspicious = Found::default();
        let task = reporter.begin("Checking", Some(all.iter().map(|(_, frames)| frames).sum()), "frames");
        for (recording_id, _) in &all {
            self.stop_here(|| "nothing was changed".to_owned(), "run it again: it begins anew")?;
            let frames: Vec<FrameRow> = self.rows(&format!(
                "SELECT f.* FROM frames f WHERE f.recording_id = {} AND f.timestamp_ns IS NOT NULL \
                 AND f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q) ORDER BY f.timestamp_ns, f.sensor_id, f.frame_id",
                quote(recording_id)
            ))?;
            let place = Place {
                path: self.ego_path(recording_id)?,
                sensors: self
                    .rows::<SensorRow>(&format!(
                        "SELECT * FROM sensors WHERE recording_id = {} ORDER BY sensor_id",
                        quote(recording_id)
                    ))?
                    .into_iter()
                    .map(|sensor| (sensor.sensor_id.clone(), sensor))
                    .collect(),
            };
            let mut found = Found::default();
            for part in frames.chunks(BLOCK) {
                let mut boxes = self.boxes_of(part, predict_run.as_deref(), &place)?;
                for frame in part {
                    let rows = boxes.remove(&frame.frame_id).unwrap_or_default();
                    found.append(checker.frame(&place.frame(frame), &observations(&rows)));
                }
                task.advance(part.len() as u64);
            }
            found.append(checker.finish_recording());
            let more = tickets.merge(&run, &found.violations);
            merged.opened.extend(more.opened);
            merged.reopened.extend(more.reopened);
            merged.grown.extend(more.grown);
            if subject == Subject::Labels {
                // Of each object the strongest of each rule is all that a ranking asks for.
                found.violations = strongest(found.violations);
                suspicious.append(found);
            }
            inputs.push(NodeRef::new(NodeKind::Recording, recording_id.clone()));
        }
        drop(task);
        for warning in checker.outcome().warnings() {
            reporter.warn(warning);
        }
        let suspects = if subject == Subject::Labels {
            let priors = Priors::learn(suspicious.objects.iter().map(Sample::from));
            let mut suspects = rank(&suspicious.objects, &suspicious.violations, &priors, rules.set(subject));
            suspects.truncate(options.suspects);
            suspects
        } else {
            Vec::new()
        };
        let outcome = checker.outcome();
        // What was opened by one recording and grew by the next was opened.
        merged
            .grown
            .retain(|id| !merged.opened.contains(id) && !merged.reopened.contains(id));
        let Merged {
            opened,
            reopened,
            grown,
            ..
        } = merged;
        let report = AssertReport {
            run_id: run.id.clone(),
            source: run.source,
            recordings: outcome.recordings,
            frames: outcome.frames,
            without_stamp,
            observations: outcome.observations,
            hours: outcome.seconds / 3600.0,
            rules: rule_counts(outcome),
            opened: opened.into_iter().collect(),
            reopened: reopened.into_iter().collect(),
            grown: grown.into_iter().collect(),
            suspects,
        };
        let changed: BTreeSet<&String> = [&report.opened, &report.reopened, &report.grown]
            .into_iter()
            .flatten()
            .collect();
        if !changed.is_empty() || !self.is_done(&run.id)? {
            let changed: Vec<Ticket> = tickets
                .iter()
                .filter(|ticket| changed.contains(&ticket.id))
                .cloned()
                .collect();
            let params = json!({
                "source": report.source, "on": options.on, "predict_run_id": predict_run, "rules": rules_text, "report": &report,
            });
            self.keep_tickets(&changed, ("assert", inputs, started), Some((run.id, params)))?;
        }
        Ok(report)
    }

    /// Every ticket, by id.
    pub fn tickets(&self) -> Result<Vec<Ticket>, Error> {
        let runs = self.block_on(self.store().runs())?;
        let mut tickets: Vec<Ticket> = runs
            .into_iter()
            .filter(|run| run.kind == TICKET)
            .map(|run| {
                serde_json::from_value(run.params["ticket"].clone())
                    .map_err(|err| Error::corrupt(format!("the ticket {}", run.run_id), err))
            })
            .collect::<Result<_, Error>>()?;
        tickets.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(tickets)
    }

    /// The ticket of this id; its first four or more digits will do.
    pub fn ticket(&self, id: &str) -> Result<Ticket, Error> {
        let mut runs = self.block_on(self.store().runs())?;
        runs.retain(|run| run.kind == TICKET);
        let record = pick("ticket", id, runs)?;
        serde_json::from_value(record.params["ticket"].clone())
            .map_err(|err| Error::corrupt(format!("the ticket {}", record.run_id), err))
    }

    /// Says that a ticket's cause is mended. New evidence opens it again.
    pub fn ticket_close(&self, id: &str, reason: &str) -> Result<Ticket, Error> {
        let started = clock::now_ns();
        let ticket = self.ticket(id)?;
        let mut tickets = Tickets::from_tickets([ticket.clone()]);
        tickets.close(&ticket.id, &self.settings().user, reason, started)?;
        let closed = tickets.get(&ticket.id)?.clone();
        let inputs = vec![NodeRef::new(NodeKind::Run, closed.last_run.clone())];
        self.keep_tickets(std::slice::from_ref(&closed), ("ticket", inputs, started), None)?;
        Ok(closed)
    }

    /// Writes tickets, and the run that found them, in one transaction.
    fn keep_tickets(
        &self,
        tickets: &[Ticket],
        (kind, inputs, started): (&str, Vec<NodeRef>, i64),
        run: Option<(String, Value)>,
    ) -> Result<(), Error> {
        let mut transaction = self.block_on(self.store().begin())?;
        let mut operation = clock::operation(kind, &self.settings().user, started).params(json!({
            "tickets": tickets.iter().map(|ticket| &ticket.id).collect::<Vec<_>>(),
        }));
        operation.inputs = inputs;
        let record = |run_id: String, kind: &str, name: String, params: Value, status: &str| RunRecord {
            run_id,
            kind: kind.to_owned(),
            name,
            params,
            status: status.to_owned(),
            code_version: clock::code_version(),
            seed: None,
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        };
        for ticket in tickets {
            transaction.put_run(record(
                ticket.id.clone(),
                TICKET,
                ticket.title().to_owned(),
                json!({ "ticket": ticket }),
                ticket.state.name(),
            ));
        }
        if let Some((run_id, params)) = run {
            let name = format!(
                "{} on {}",
                params["source"].as_str().unwrap_or(""),
                params["on"].as_str().unwrap_or("")
            );
            transaction.put_run(record(run_id, kind, name, params, "done"));
        }
        self.block_on(transaction.commit(operation))?;
        Ok(())
    }

    /// The boxes of some frames, by frame.
    fn boxes_of(
        &self,
        frames: &[FrameRow],
        predict_run: Option<&str>,
        place: &Place,
    ) -> Result<BTreeMap<String, Vec<BoxRow>>, Error> {
        let listed = ids(frames.iter().map(|frame| frame.frame_id.as_str()));
        let by_id: BTreeMap<&str, &FrameRow> = frames.iter().map(|frame| (frame.frame_id.as_str(), frame)).collect();
        let mut boxes: BTreeMap<String, Vec<BoxRow>> = BTreeMap::new();
        if let Some(run) = predict_run {
            let rows: Vec<PredictionRow> = self.rows(&format!(
                "SELECT * FROM predictions WHERE run_id = {} AND frame_id IN ({listed}) ORDER BY prediction_id",
                quote(run)
            ))?;
            for row in rows {
                boxes.entry(row.frame_id).or_default().push(BoxRow {
                    class: row.class,
                    id: row.prediction_id,
                    score: Some(row.score),
                    track: None,
                    bbox: Some(BBox::new(row.x_min, row.y_min, row.x_max, row.y_max)),
                    cuboid: None,
                    points: None,
                    occlusion: None,
                });
            }
            return Ok(boxes);
        }
        let rows: Vec<LabelRow> = self.rows(&format!(
            "SELECT * FROM labels WHERE frame_id IN ({listed}) AND NOT is_crowd AND NOT is_ignored ORDER BY label_id"
        ))?;
        // What a camera sees most of, by track: a wall may hide the others from the lidar as well.
        let mut seen: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for row in &rows {
            let frame = by_id
                .get(row.frame_id.as_str())
                .filter(|frame| frame.modality == "camera");
            if hidden(&attributes(row)).is_some_and(|part| part > MOSTLY_HIDDEN) {
                continue;
            }
            if let (Some(track), Some(stamp)) = (&row.track_id, frame.and_then(|frame| frame.timestamp_ns)) {
                seen.entry(track.clone()).or_default().push(stamp);
            }
        }
        let is_seen = |track: Option<&String>, stamp: Option<i64>| {
            let stamps = track.and_then(|track| seen.get(track));
            stamps
                .zip(stamp)
                .is_some_and(|(stamps, stamp)| stamps.iter().any(|at| (at - stamp).abs() <= MOMENT_NS))
        };
        for row in rows {
            let frame = by_id.get(row.frame_id.as_str());
            let attributes = attributes(&row);
            let corners = [row.x_min, row.y_min, row.x_max, row.y_max];
            boxes.entry(row.frame_id.clone()).or_default().push(BoxRow {
                bbox: match corners {
                    [Some(x_min), Some(y_min), Some(x_max), Some(y_max)] => Some(BBox::new(x_min, y_min, x_max, y_max)),
                    _ => None,
                },
                cuboid: frame.and_then(|frame| place.cuboid_in_ego(&row, frame)),
                points: attributes["num_lidar_pts"]
                    .as_u64()
                    .filter(|_| is_seen(row.track_id.as_ref(), frame.and_then(|frame| frame.timestamp_ns)))
                    .and_then(|points| u32::try_from(points).ok()),
                occlusion: hidden(&attributes),
                class: row.class,
                id: row.label_id,
                score: None,
                track: row.track_id,
            });
        }
        Ok(boxes)
    }
}

/// The rules of a file over the shipped ones, with the file's text.
fn read_rules(path: Option<&std::path::Path>) -> Result<(Rules, String), Error> {
    let Some(path) = path else {
        return Ok((Rules::shipped()?, String::new()));
    };
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    let rules = Rules::from_toml(&text).map_err(|source| ErrorKind::RulesFile {
        path: path.to_owned(),
        source,
    })?;
    Ok((rules, text))
}

/// Where a recording's sensors are and how it moved.
struct Place {
    path: EgoPath,
    sensors: BTreeMap<String, SensorRow>,
}

impl Place {
    fn frame<'a>(&'a self, frame: &'a FrameRow) -> Frame<'a> {
        let stamp_ns = frame.timestamp_ns.unwrap_or(0);
        Frame {
            recording: &frame.recording_id,
            sensor: self
                .sensors
                .get(&frame.sensor_id)
                .map_or(&frame.sensor_id, |sensor| &sensor.name),
            stamp_ns,
            frame_id: Some(&frame.frame_id),
            view: match (frame.modality.as_str(), frame.width, frame.height) {
                ("camera", Some(width), Some(height)) if width > 0 && height > 0 => View::Image {
                    width: width as f64,
                    height: height as f64,
                },
                ("lidar", ..) => View::Around,
                _ => View::Unknown,
            },
            axes: Axes::Ego,
            world_from_ego: self.path.at(stamp_ns),
        }
    }

    fn cuboid_in_ego(&self, label: &LabelRow, frame: &FrameRow) -> Option<Cuboid> {
        cuboid_in_ego(
            (&label.cuboid, label.cuboid_frame.as_deref()?),
            || Se3::from_slice(&self.sensors.get(&frame.sensor_id)?.ego_from_sensor).ok(),
            || self.path.at(frame.timestamp_ns?),
        )
    }
}

/// What else a label says.
fn attributes(label: &LabelRow) -> Value {
    let text = label.attributes.as_deref();
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// How much of a labelled object is hidden, 0 to 1, where the label says so.
fn hidden(attributes: &Value) -> Option<f64> {
    attributes["occlusion"]
        .as_f64()
        .filter(|part| (0.0..=1.0).contains(part))
}

fn observations(rows: &[BoxRow]) -> Vec<Observation<'_>> {
    rows.iter()
        .map(|row| Observation {
            class: &row.class,
            id: Some(&row.id),
            score: row.score,
            track: row.track.as_deref(),
            bbox: row.bbox,
            cuboid: row.cuboid,
            points: row.points,
            occlusion: row.occlusion,
            ..Observation::default()
        })
        .collect()
}

/// The strongest violation of each rule by each object of a recording, as far as one sensor sees it.
fn strongest(violations: Vec<Violation>) -> Vec<Violation> {
    let mut kept: BTreeMap<(String, String, Rule), Violation> = BTreeMap::new();
    for violation in violations {
        let key = (violation.object.clone(), violation.sensor.clone(), violation.rule);
        match kept.entry(key) {
            Entry::Vacant(place) => {
                place.insert(violation);
            }
            Entry::Occupied(mut place) if violation.strength > place.get().strength => {
                place.insert(violation);
            }
            Entry::Occupied(_) => {}
        }
    }
    kept.into_values().collect()
}

fn rule_counts(outcome: &guideway_assert::Outcome) -> Vec<RuleCount> {
    let rules: BTreeSet<_> = outcome
        .checked
        .keys()
        .chain(outcome.not_checked.keys())
        .chain(outcome.violations.keys())
        .copied()
        .collect();
    let none = NotChecked::default();
    rules
        .into_iter()
        .map(|rule| {
            let not = outcome.not_checked.get(&rule).unwrap_or(&none);
            RuleCount {
                rule: rule.name().to_owned(),
                checked: outcome.checked.get(&rule).copied().unwrap_or(0),
                not_checked: not.count,
                reasons: not.reasons.clone(),
                violations: outcome.violations.get(&rule).copied().unwrap_or(0),
            }
        })
        .collect()
}
