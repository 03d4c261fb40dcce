//! Assertions over predictions, labels and signals, and the tickets that they open.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use guideway_assert::{
    Checker, Found, Merged, NotChecked, Object, Outcome, Priors, Run, Sample, SignalChecker, Solids, Subject, Suspect,
    Tickets, Violation, rank,
};
use guideway_core::{IdBuilder, Reporter, Warning};
use guideway_schema::{FrameRow, RecordingRow};
use guideway_store::{NodeKind, NodeRef, pick};
use serde::Serialize;
use serde_json::json;

use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::placement::Placement;
use crate::train::model_node;
use crate::workspace::{Workspace, quote};

mod boxes;
mod ground;
mod signals;
#[cfg(test)]
mod tests;
mod tickets;

use boxes::{Whose, frame_at, observations};
use ground::Ground;

pub use guideway_assert::{Rule, Rules, State, Ticket};

/// Every assertion.
pub const RULES: &[Rule] = &Rule::ALL;

/// Frames whose boxes are in memory at a time.
const BLOCK: usize = 2048;
/// What to check.
#[derive(Debug, Clone, Default)]
pub struct AssertOptions {
    /// A SELECT that yields `frame_id`, a dataset or one of its splits. Frames without a stamp are not checked.
    pub on: String,
    /// The model whose predictions are checked; the labels when `None`.
    pub model: Option<String>,
    /// A tracking run over the same predictions, whose tracks are their identities.
    pub tracks: Option<String>,
    /// Frames whose labels teach what is usual for each class: a SELECT that yields `frame_id`, a dataset or one of its splits.
    pub priors: Option<String>,
    /// A file over the shipped rules.
    pub rules: Option<PathBuf>,
    /// GeoJSON polygons that nothing can be inside of, in the world frame of the recordings' poses, m; with the property `recording` only in the one of this name or id.
    pub solids: Option<PathBuf>,
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
    /// Samples of signals and stamps of frames.
    pub samples: u64,
    /// Classes of which something was learned, where priors were asked for.
    pub learned: Vec<String>,
    /// Hours of the recordings that were looked at.
    pub hours: f64,
    /// By assertion: boxes or samples checked, those that could not be, violations, and why not.
    pub rules: Vec<RuleCount>,
    /// Tickets that were opened.
    pub opened: Vec<String>,
    /// Closed tickets whose cause is back.
    pub reopened: Vec<String>,
    /// Open tickets with more evidence.
    pub grown: Vec<String>,
    /// Tickets that were said to be no bugs, with more evidence: they stay dismissed.
    pub dismissed: Vec<String>,
    /// Labels by how likely they are wrong, the likeliest first; none for predictions.
    pub suspects: Vec<Suspect>,
}

/// How an assertion fared.
#[derive(Debug, Clone, Serialize)]
pub struct RuleCount {
    /// Its name.
    pub rule: String,
    /// Boxes, or samples of signals, of which it was checked.
    pub checked: u64,
    /// Those of which it could not be.
    pub not_checked: u64,
    /// Why not, and how often.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Violations: in single frames, or of signals for a while.
    pub violations: u64,
}

impl Workspace {
    /// Checks predictions or labels, and the signals of the same recordings, by rules that need no truth, and takes what is wrong into tickets: one for each cause. The
    /// same check again changes nothing.
    pub fn assert_run(&self, options: &AssertOptions, reporter: &dyn Reporter) -> Result<AssertReport, Error> {
        let started = clock::now_ns();
        let (rules, rules_text) = read_rules(options.rules.as_deref())?;
        let look = self.asserted(&options.on)?;
        let (source, predict_run, mut inputs) = match &options.model {
            None => ("labels".to_owned(), None, Vec::new()),
            Some(name) => {
                let model = self.model_record(name)?;
                let run = self
                    .predict_run(&model, &options.on, options.device.as_deref(), reporter)?
                    .run_id;
                let inputs = vec![model_node(&model), NodeRef::new(NodeKind::Run, run.clone())];
                (model.name.clone(), Some(run), inputs)
            }
        };
        let tracks = match (&options.tracks, &predict_run) {
            (Some(tracks), Some(predict_run)) => Some(self.tracking_run(tracks, predict_run)?),
            (Some(_), None) => {
                return Err(Error::usage(
                    "tracks are those of a model's predictions".to_owned(),
                    "name the model with --model".to_owned(),
                ));
            }
            (None, _) => None,
        };
        inputs.extend(tracks.iter().map(|run| NodeRef::new(NodeKind::Run, run.clone())));
        let subject = if predict_run.is_some() {
            Subject::Detections
        } else {
            Subject::Labels
        };
        let whose = predict_run.as_deref().map_or(Whose::Labels, |run| Whose::Predictions {
            run,
            tracks: tracks.as_deref(),
        });
        let mut checker = Checker::new(rules.clone(), subject);
        let mut id = IdBuilder::new("run")
            .text("assert")
            .text(&source)
            .text(predict_run.as_deref().unwrap_or(""))
            .text(&rules_text);
        let mut learned = Vec::new();
        if let Some(from) = &options.priors {
            let priors = self.learn_priors(from, &rules, reporter)?;
            learned = priors.classes.keys().cloned().collect();
            id = id.text("priors").text(&json!(priors).to_string());
            checker = checker.with_priors(priors);
        }
        if let Some(tracks) = &tracks {
            id = id.text("tracks").text(tracks);
        }
        let solids = match &options.solids {
            None => None,
            Some(path) => {
                let (solids, digest) = read_solids(path, reporter)?;
                id = id.text("solids").text(&digest);
                let file = NodeRef::new(NodeKind::File, guideway_core::uri::from_path(path));
                inputs.push(file.with_detail(json!({ "digest": digest })));
                Some((solids, digest))
            }
        };
        let checked = self.frame_list(&format!(
            "SELECT f.frame_id, f.recording_id FROM frames f WHERE f.timestamp_ns IS NOT NULL AND f.frame_id IN (SELECT q.frame_id FROM (\n{}\n) q)",
            look.inner
        ))?;
        for frame_id in checked.sorted() {
            id = id.text(frame_id);
        }
        let run = Run {
            id: id.finish(),
            source,
            at_ns: started,
        };
        // What is wrong with a log is so whosever boxes are checked: closed tickets open again for other rules or other evidence only.
        let signals_run = Run {
            id: IdBuilder::new("run")
                .text("assert")
                .text("signals")
                .text(&rules_text)
                .finish(),
            source: "signals".to_owned(),
            at_ns: started,
        };
        let mut signals = SignalChecker::new(&rules);
        let mut tickets = Tickets::from_tickets(self.tickets()?);
        let mut merged = Merged::default();
        let mut suspicious = Found::default();
        self.check_frames(
            &look,
            (whose, solids.as_ref().map(|(solids, _)| solids)),
            &mut checker,
            ("Checking", reporter),
            &mut |recording_id, place, mut found| {
                merged.append(tickets.merge(&run, &found.violations));
                let of_signals = self.check_signals(recording_id, &mut signals, &place.sensors)?;
                merged.append(tickets.merge(&signals_run, &of_signals));
                if subject == Subject::Labels {
                    // Of each object the strongest of each rule is all that a ranking asks for.
                    found.violations = strongest(found.violations);
                    suspicious.append(found);
                }
                inputs.push(NodeRef::new(NodeKind::Recording, recording_id.to_owned()));
                Ok(())
            },
        )?;
        for warning in checker
            .outcome()
            .warnings()
            .into_iter()
            .chain(signals.outcome().warnings())
        {
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
        let mut counts = rule_counts(outcome);
        counts.extend(rule_counts(signals.outcome()));
        // What was opened by one recording and grew by the next was opened.
        merged
            .grown
            .retain(|id| !merged.opened.contains(id) && !merged.reopened.contains(id));
        let Merged {
            opened,
            reopened,
            grown,
            dismissed,
            ..
        } = merged;
        let report = AssertReport {
            run_id: run.id.clone(),
            source: run.source,
            recordings: outcome.recordings,
            frames: outcome.frames,
            without_stamp: look.without_stamp,
            observations: outcome.observations,
            samples: signals.outcome().samples,
            learned,
            hours: outcome.seconds / 3600.0,
            rules: counts,
            opened: opened.into_iter().collect(),
            reopened: reopened.into_iter().collect(),
            grown: grown.into_iter().collect(),
            dismissed: dismissed.into_iter().collect(),
            suspects,
        };
        let changed: BTreeSet<&String> = [&report.opened, &report.reopened, &report.grown, &report.dismissed]
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
                "source": report.source, "on": options.on, "predict_run_id": predict_run, "tracks_run_id": tracks, "priors": options.priors,
                "rules": rules_text, "solids": options.solids, "solids_digest": solids.as_ref().map(|(_, digest)| digest), "report": &report,
            });
            let mut runs = vec![(run.id, params)];
            if report.samples > 0 {
                let params = json!({ "source": signals_run.source, "on": options.on, "rules": rules_text });
                runs.push((signals_run.id, params));
            }
            self.keep_tickets(&changed, ("assert", inputs, started), runs)?;
        }
        Ok(report)
    }

    /// The frames of a query, dataset or split that have a stamp, by recording.
    fn asserted(&self, on: &str) -> Result<Look, Error> {
        let (inner, _) = self
            .frame_query(&self.pool(on)?)
            .map(|(sql, columns)| (sql.to_owned(), columns))?;
        let recordings = self.counts(&format!(
            "SELECT f.recording_id, count(*) FROM frames f WHERE f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q) \
             AND f.timestamp_ns IS NOT NULL GROUP BY f.recording_id ORDER BY f.recording_id"
        ))?;
        let without_stamp = self.counts(&format!(
            "SELECT 'none', count(*) FROM frames f WHERE f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q) AND f.timestamp_ns IS NULL"
        ))?;
        let without_stamp = without_stamp.first().map_or(0, |(_, count)| *count);
        if recordings.is_empty() {
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
        Ok(Look {
            inner,
            recordings,
            without_stamp,
        })
    }

    /// Checks frames recording by recording, and hands over what was found in each.
    fn check_frames(
        &self,
        look: &Look,
        (whose, solids): (Whose<'_>, Option<&Solids>),
        checker: &mut Checker,
        (doing, reporter): (&'static str, &dyn Reporter),
        take: &mut dyn FnMut(&str, &Placement, Found) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let total = look.recordings.iter().map(|(_, frames)| frames).sum();
        let task = reporter.begin(doing, Some(total), "frames");
        for (recording_id, _) in &look.recordings {
            self.stop_here(|| "nothing was changed".to_owned(), "run it again: it begins anew")?;
            let frames: Vec<FrameRow> = self.rows(&format!(
                "SELECT f.* FROM frames f WHERE f.recording_id = {} AND f.timestamp_ns IS NOT NULL \
                 AND f.frame_id IN (SELECT q.frame_id FROM (\n{}\n) q) ORDER BY f.timestamp_ns, f.sensor_id, f.frame_id",
                quote(recording_id),
                look.inner
            ))?;
            let place = self.placement(recording_id)?;
            let mut ground = Ground::new(&frames, &place.path);
            let walls = match solids {
                None => None,
                Some(solids) => solids.of(recording_id, &self.recording_name(recording_id)?),
            };
            let mut found = Found::default();
            for part in frames.chunks(BLOCK) {
                let mut boxes = self.boxes_of(part, whose, &place)?;
                for frame in part {
                    let rows = boxes.remove(&frame.frame_id).unwrap_or_default();
                    let (frame, mut observations) = (frame_at(&place, frame), observations(&rows));
                    ground.learn(&observations, checker);
                    for one in &mut observations {
                        one.ground_z = one
                            .cuboid
                            .and_then(|cuboid| ground.at(cuboid.center, frame.world_from_ego));
                        one.in_solid = one
                            .cuboid
                            .zip(frame.world_from_ego)
                            .and_then(|(cuboid, world_from_ego)| {
                                Some(walls.as_ref()?.hold(&cuboid.transformed(world_from_ego)))
                            });
                    }
                    found.append(checker.frame(&frame, &observations));
                }
                task.advance(part.len() as u64);
            }
            found.append(checker.finish_recording());
            take(recording_id, &place, found)?;
        }
        Ok(())
    }

    fn recording_name(&self, recording_id: &str) -> Result<String, Error> {
        let recordings: Vec<RecordingRow> = self.rows(&format!(
            "SELECT * FROM recordings WHERE recording_id = {}",
            quote(recording_id)
        ))?;
        Ok(recordings.into_iter().next().map(|row| row.name).unwrap_or_default())
    }

    /// What is usual for each class, by the labels of some frames.
    fn learn_priors(&self, from: &str, rules: &Rules, reporter: &dyn Reporter) -> Result<Priors, Error> {
        let look = self.asserted(from)?;
        let mut checker = Checker::new(rules.clone(), Subject::Labels);
        let mut objects: Vec<Object> = Vec::new();
        self.check_frames(
            &look,
            (Whose::Labels, None),
            &mut checker,
            ("Learning", reporter),
            &mut |_, _, found| {
                objects.extend(found.objects);
                Ok(())
            },
        )?;
        let priors = Priors::of_objects(&objects);
        if priors.classes.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: format!("nothing can be learned from {} labelled objects", objects.len()),
                hint: Some(format!(
                    "a class needs {} objects or more, each in {} frames or more",
                    guideway_assert::priors::MIN_COUNT,
                    guideway_assert::priors::MIN_FRAMES
                )),
            }
            .into());
        }
        Ok(priors)
    }

    /// The tracking run of this name or id, which must be over the same predictions.
    fn tracking_run(&self, asked: &str, predict_run: &str) -> Result<String, Error> {
        let mut runs = self.block_on(self.store().runs())?;
        runs.retain(|run| run.kind == "track");
        let run = pick("tracking run", asked, runs)?.run_id;
        let of_others = self.counts(&format!(
            "SELECT 'others', count(*) FROM tracks t WHERE t.run_id = {track} AND t.prediction_id IS NOT NULL \
             AND t.prediction_id NOT IN (SELECT p.prediction_id FROM predictions p WHERE p.run_id = {of}) \
             AND t.prediction_id NOT IN (SELECT c.prediction_id FROM predicted_cuboids c WHERE c.run_id = {of})",
            track = quote(&run),
            of = quote(predict_run)
        ))?;
        if of_others.iter().any(|(_, count)| *count > 0) {
            return Err(Error::usage(
                format!("the tracks of {run} are of other predictions than {predict_run}"),
                "track the predictions of this model on these frames first".to_owned(),
            ));
        }
        Ok(run)
    }
}

/// What is looked at.
struct Look {
    /// A SELECT that yields `frame_id`.
    inner: String,
    /// Frames with a stamp of each recording.
    recordings: Vec<(String, u64)>,
    without_stamp: u64,
}

/// The walls of a file, with the digest of its contents. What has no inside is left out with a warning.
fn read_solids(path: &Path, reporter: &dyn Reporter) -> Result<(Solids, String), Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
    let (solids, left_out) = Solids::from_geojson(&bytes).map_err(|source| ErrorKind::SolidsFile {
        path: path.to_owned(),
        source,
    })?;
    if left_out.count > 0 {
        let kinds: Vec<&str> = left_out.kinds.iter().map(String::as_str).collect();
        reporter.warn(Warning {
            code: "no-polygon".to_owned(),
            message: format!("geometries that have no inside are left out: {}", kinds.join(", ")),
            location: path.display().to_string(),
            count: left_out.count,
        });
    }
    Ok((solids, blake3::hash(&bytes).to_hex().to_string()))
}

/// The rules of a file over the shipped ones, with the file's text.
fn read_rules(path: Option<&Path>) -> Result<(Rules, String), Error> {
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

fn rule_counts(outcome: &Outcome) -> Vec<RuleCount> {
    let rules: BTreeSet<_> = outcome
        .checked
        .keys()
        .chain(outcome.not_checked.keys())
        .chain(outcome.violations.keys())
        .copied()
        .collect();
    let none = NotChecked::default();
    let say = |(why, count): (&&'static str, &u64)| {
        let why = if *why == guideway_assert::NO_PRIORS {
            "no priors: --priors learns them from labels"
        } else {
            *why
        };
        (why, *count)
    };
    rules
        .into_iter()
        .map(|rule| {
            let not = outcome.not_checked.get(&rule).unwrap_or(&none);
            RuleCount {
                rule: rule.name().to_owned(),
                checked: outcome.checked.get(&rule).copied().unwrap_or(0),
                not_checked: not.count,
                reasons: not.reasons.iter().map(say).collect(),
                violations: outcome.violations.get(&rule).copied().unwrap_or(0),
            }
        })
        .collect()
}
