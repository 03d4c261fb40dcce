//! Labels for chosen frames, from simulated labelers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use guideway_core::{BBox, Hint as _, IdBuilder, Reporter, Warning};
use guideway_ingest::{DiscoverOptions, discover_with};
use guideway_label::{Answer, LabelError, Labeler as _, Money, Pool, Tally, Task, TruthBox};
use guideway_schema::{
    AnswerRow, FrameRow, GROUND_TRUTH_LABELER, LABEL_RUN, LabelRow, RecordingRow, Rows, Sink, SinkError,
};
use guideway_store::{NodeKind, NodeRef, RunRecord};
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;
use crate::dataset::{LOOKUP_FRAMES, ids as list, ingested_path};
use crate::error::{Error, ErrorKind};
use crate::ingest::read_ground_truth;
use crate::predict::is_query;
use crate::taxonomy::ClassNames;
use crate::workspace::{Workspace, quote};

/// What is to be labelled, and by whom.
#[derive(Debug, Clone, Default)]
pub struct OracleOptions {
    /// A selection by name, or a query that yields `frame_id`.
    pub selection: String,
    /// The labelers file; one labeler with documented defaults when `None`.
    pub labelers: Option<PathBuf>,
    /// Only objects of these classes are drawn; all when empty.
    pub classes: Vec<String>,
    /// The most that it may cost, such as `12.50`, in the currency of the file.
    pub budget: Option<String>,
    /// Where all could cost more than the budget: label in the order of choice as long as the next frame is sure to be paid for, instead of refusing.
    pub partly: bool,
}

/// What was labelled, and what it cost.
#[derive(Debug, Clone, Serialize)]
pub struct OracleReport {
    /// The run.
    pub run_id: String,
    /// Names the order: the same labelers, settings and classes.
    pub order_id: String,
    /// Frames of the selection within the budget: all of it, unless only a part was to be labelled.
    pub reached: u64,
    /// Frames answered, now or, when nothing was left to ask, before.
    pub frames: u64,
    /// Of these, how many were refused.
    pub refused: u64,
    /// Further frames of the selection that the same labelers answered before, and were not asked about again.
    pub answered_before: u64,
    /// Boxes drawn.
    pub boxes: u64,
    /// Time spent, s.
    pub seconds: f64,
    /// What it cost, in millionths of the currency: exact.
    pub price_micros: i64,
    /// What it cost, to be read.
    pub price: String,
    /// By labeler: name, frames, boxes.
    pub by_labeler: Vec<(String, u64, u64)>,
    /// Answers against the truth; only when the labels were made just now.
    pub tally: Option<Tally>,
    /// Were the labels made just now?
    pub created: bool,
}

/// Width and height, px, where they are known.
type Size = (Option<i64>, Option<i64>);

/// A frame with what is really in it.
pub(crate) struct Known {
    pub(crate) frame: FrameRow,
    pub(crate) truth: Vec<TruthBox>,
}

impl Known {
    /// What a labeler is asked about it.
    fn task<'a>(&'a self, classes: &'a [String]) -> Task<'a> {
        let size = |pixels: Option<i64>| pixels.and_then(|p| u32::try_from(p).ok()).unwrap_or(0);
        Task {
            frame_id: &self.frame.frame_id,
            width: size(self.frame.width),
            height: size(self.frame.height),
            classes,
            truth: &self.truth,
        }
    }
}

impl Workspace {
    /// Has chosen frames labelled by simulated labelers, who see the ground truth of their logs and make mistakes. The labels go into the
    /// table `labels` under the labelers' names, and what became of each frame, with time and price, into `answers`.
    ///
    /// The ground truth is that in the table `labels` where there is any (labeler `ground truth`), and is read from the log where it
    /// was left aside. Nobody is asked twice about a frame: what the same labelers with the same settings and classes answered before stays,
    /// and is not paid again. A budget that could be exceeded is refused before anything is asked, or with `partly` spent on the first frames of the
    /// selection; it is then a budget for the selection, in which frames that were answered before count with their price.
    pub fn label_oracle(&self, options: &OracleOptions, reporter: &dyn Reporter) -> Result<OracleReport, Error> {
        let started = clock::now_ns();
        let pool = labelers(options.labelers.as_deref())?;
        let budget = match &options.budget {
            None => None,
            Some(text) => Some(Money::parse(text, pool.currency()).map_err(|err| {
                let hint = err.hint();
                Error::usage(format!("the budget {err}"), hint)
            })?),
        };
        // Held from the look at what is known to the last row: nobody else can order the same meanwhile.
        let mut transaction = self.block_on(self.store().begin())?;
        let mut ids = self.frames_to_label(&options.selection)?;
        let order_id = order_of(&pool, &options.classes);
        let mut before = self.answers(&order_id, &ids)?;
        let mut budget = budget;
        if let (Some(most), true) = (budget, options.partly) {
            let reached = self.affordable(&pool, &ids, &options.classes, most, reporter)?;
            if reached == 0 {
                return Err(ErrorKind::TooDear {
                    message: format!("the budget of {most:.2} is not sure to pay for a single frame"),
                    hint: "raise --budget; nothing was asked and nothing was paid".to_owned(),
                }
                .into());
            }
            ids.truncate(reached);
            let within: BTreeSet<&String> = ids.iter().collect();
            before.retain(|row| within.contains(&row.frame_id));
            // It was kept to already.
            budget = None;
        }
        let answered: BTreeSet<&str> = before.iter().map(|row| row.frame_id.as_str()).collect();
        let open: Vec<String> = ids
            .iter()
            .filter(|id| !answered.contains(id.as_str()))
            .cloned()
            .collect();
        if open.is_empty() {
            return Ok(report(&before, 0, ids.len(), None, (&pool, order_id)));
        }
        let run_id: String = open
            .iter()
            .fold(IdBuilder::new("run").text("label").text(&order_id), |id, frame| {
                id.text(frame)
            })
            .finish();
        let known = self.known(&open, reporter)?;
        if known.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: "none of the frames can be labelled".to_owned(),
                hint: Some("the warnings say why".to_owned()),
            }
            .into());
        }
        if let Some(budget) = budget {
            check_budget(&pool, &known, budget)?;
        }
        let mut tally = Tally::new(pool.currency());
        let (mut labels, mut answers): (Vec<LabelRow>, Vec<AnswerRow>) = Default::default();
        for known in &known {
            let task = known.task(&options.classes);
            let answer = pool.label(&task)?;
            tally.add(&task, &answer)?;
            labels.extend(label_rows(&run_id, &order_id, &known.frame, &answer));
            answers.push(AnswerRow {
                run_id: run_id.clone(),
                order_id: order_id.clone(),
                selection: options.selection.clone(),
                frame_id: known.frame.frame_id.clone(),
                recording_id: known.frame.recording_id.clone(),
                labeler: answer.labeler.clone(),
                boxes: answer.boxes().len() as i64,
                refusal: answer.refusal().map(|refusal| refusal.reason.clone()),
                seconds: answer.seconds,
                price_micros: answer.price.micros(),
                currency: pool.currency().code().to_owned(),
            });
        }
        let recordings: BTreeSet<&String> = known.iter().map(|known| &known.frame.recording_id).collect();
        let params = json!({
            "selection": options.selection, "classes": options.classes, "labelers": pool.file(), "budget": options.budget,
            "partly": options.partly,
        });
        let mut operation = clock::operation("label", &self.settings().user, started).params(params.clone());
        operation.inputs = self.origin(&options.selection)?;
        operation.inputs.extend(
            recordings
                .into_iter()
                .map(|id| NodeRef::new(NodeKind::Recording, id.clone())),
        );
        operation.cost["label_price_micros"] = tally.price.micros().into();
        operation.cost["label_currency"] = pool.currency().code().into();
        operation.cost["label_seconds"] = tally.seconds.into();
        self.block_on(transaction.push(labels.into()))?;
        self.block_on(transaction.push(answers.clone().into()))?;
        transaction.put_run(RunRecord {
            run_id: run_id.clone(),
            kind: "label".to_owned(),
            name: format!("labels for {}", options.selection),
            params,
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: i64::try_from(pool.file().seed).ok(),
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        });
        self.block_on(transaction.commit(operation))?;
        Ok(report(
            &answers,
            before.len(),
            ids.len(),
            Some(tally),
            (&pool, order_id),
        ))
    }

    /// How many frames, in the order of choice, a budget pays for. Each is ordered only if the most that it may cost is left; what was answered before
    /// counts like the rest, so that the same budget reaches equally far each time.
    fn affordable(
        &self,
        pool: &Pool,
        ids: &[String],
        classes: &[String],
        budget: Money,
        reporter: &dyn Reporter,
    ) -> Result<usize, Error> {
        let known = self.known(ids, reporter)?;
        let known: BTreeMap<&str, &Known> = known.iter().map(|k| (k.frame.frame_id.as_str(), k)).collect();
        let mut spent = Money::zero(pool.currency());
        for (reached, id) in ids.iter().enumerate() {
            // A frame that cannot be labelled costs nothing.
            let Some(known) = known.get(id.as_str()) else { continue };
            if spent.checked_add(most_of(pool, known)?)? > budget {
                return Ok(reached);
            }
            spent = spent.checked_add(pool.label(&known.task(classes))?.price)?;
        }
        Ok(ids.len())
    }

    /// What was answered about these frames under an order.
    fn answers(&self, order_id: &str, ids: &[String]) -> Result<Vec<AnswerRow>, Error> {
        let mut rows = Vec::new();
        for ids in ids.chunks(LOOKUP_FRAMES) {
            rows.extend(self.rows::<AnswerRow>(&format!(
                "SELECT * FROM answers WHERE order_id = {} AND frame_id IN ({})",
                quote(order_id),
                list(ids.iter().map(String::as_str))
            ))?);
        }
        Ok(rows)
    }

    /// The frames, in the order of choice.
    fn frames_to_label(&self, selection: &str) -> Result<Vec<String>, Error> {
        if is_query(selection) {
            let (inner, _) = self.frame_query(selection)?;
            let frames = self.frame_list(&format!(
                "SELECT DISTINCT f.frame_id AS frame_id, f.recording_id AS recording_id FROM frames f \
                 WHERE f.modality = 'camera' AND f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q) ORDER BY 1"
            ))?;
            let ids: Vec<String> = frames.sorted().map(str::to_owned).collect();
            if ids.is_empty() {
                return Err(ErrorKind::NothingSelected {
                    message: "the query selects no camera frames".to_owned(),
                    hint: Some("try it with `guideway query`".to_owned()),
                }
                .into());
            }
            return Ok(ids);
        }
        let rows = self.counts(&format!(
            "SELECT frame_id, rank AS place FROM selections WHERE selection = {} ORDER BY rank",
            quote(selection)
        ))?;
        if rows.is_empty() {
            return Err(Error::not_found(
                "selection",
                selection,
                "`guideway mine` makes one; `guideway query \"SELECT DISTINCT selection FROM selections\"` lists them",
            ));
        }
        Ok(rows.into_iter().map(|(frame, _)| frame).collect())
    }

    /// What the labels are made for, as nodes of the lineage.
    fn origin(&self, selection: &str) -> Result<Vec<NodeRef>, Error> {
        if is_query(selection) {
            return Ok(vec![NodeRef::new(NodeKind::Query, selection.to_owned())]);
        }
        let runs = self.counts(&format!(
            "SELECT DISTINCT run_id, 1 FROM selections WHERE selection = {}",
            quote(selection)
        ))?;
        Ok(runs
            .into_iter()
            .map(|(run, _)| NodeRef::new(NodeKind::Run, run))
            .collect())
    }

    /// The frames with the truth about them.
    pub(crate) fn known(&self, ids: &[String], reporter: &dyn Reporter) -> Result<Vec<Known>, Error> {
        let mut frames: BTreeMap<String, FrameRow> = BTreeMap::new();
        let mut truth: BTreeMap<String, Vec<TruthBox>> = BTreeMap::new();
        for ids in ids.chunks(LOOKUP_FRAMES) {
            frames.extend(self.frames_by_id(ids.iter().map(String::as_str))?);
            let rows: Vec<LabelRow> = self.rows(&format!(
                "SELECT * FROM labels WHERE labeler = '{GROUND_TRUTH_LABELER}' AND frame_id IN ({}) ORDER BY label_id",
                list(ids.iter().map(String::as_str))
            ))?;
            for row in rows {
                add_truth(&mut truth, row);
            }
        }
        let without: BTreeSet<&String> = frames
            .values()
            .filter(|frame| !truth.contains_key(&frame.frame_id))
            .map(|frame| &frame.recording_id)
            .collect();
        let mut told: BTreeSet<String> = truth
            .keys()
            .filter_map(|id| Some(frames.get(id)?.recording_id.clone()))
            .collect();
        let task = reporter.begin("Reading ground truth", Some(without.len() as u64), "logs");
        for recording in &without {
            if let Some(rows) = self.truth_of_log(recording, &frames, reporter)? {
                told.insert((*recording).clone());
                for row in rows {
                    // What the table says already is the same truth.
                    add_truth(&mut truth, row);
                }
            }
            task.advance(1);
        }
        let silent: Vec<&FrameRow> = frames
            .values()
            .filter(|frame| !told.contains(&frame.recording_id))
            .collect();
        if let Some(first) = silent.first() {
            return Err(Error::usage(
                format!("the recordings of {} of the frames carry no ground truth", silent.len()),
                format!(
                    "simulated labelers need logs with ground truth, such as those of `guideway world record`; the first without is {}",
                    first.name
                ),
            ));
        }
        let sizes = self.sensor_sizes(frames.values())?;
        let mut known = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(mut frame) = frames.remove(id) else {
                reporter.warn(Warning {
                    code: "missing-frame".to_owned(),
                    message: "a chosen frame is no longer in the table frames: its log has changed".to_owned(),
                    location: id.clone(),
                    count: 1,
                });
                continue;
            };
            if frame.width.is_none() || frame.height.is_none() {
                (frame.width, frame.height) = sizes.get(&frame.sensor_id).copied().unwrap_or_default();
            }
            if frame.width.is_none() || frame.height.is_none() {
                reporter.warn(Warning {
                    code: "no-size".to_owned(),
                    message: "a frame of unknown size cannot be labelled".to_owned(),
                    location: frame.name.clone(),
                    count: 1,
                });
                continue;
            }
            let truth = truth.remove(id).unwrap_or_default();
            known.push(Known { frame, truth });
        }
        Ok(known)
    }

    /// Width and height of the sensors of some frames, px.
    fn sensor_sizes<'a>(&self, frames: impl Iterator<Item = &'a FrameRow>) -> Result<BTreeMap<String, Size>, Error> {
        let unknown: BTreeSet<String> = frames
            .filter(|frame| frame.width.is_none() || frame.height.is_none())
            .map(|frame| frame.sensor_id.clone())
            .collect();
        if unknown.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows: Vec<guideway_schema::SensorRow> = self.rows(&format!(
            "SELECT * FROM sensors WHERE sensor_id IN ({})",
            list(unknown.iter().map(String::as_str))
        ))?;
        Ok(rows
            .into_iter()
            .map(|row| (row.sensor_id, (row.width, row.height)))
            .collect())
    }

    /// The ground truth that a log carries about these frames; `None` for a recording without any.
    fn truth_of_log(
        &self,
        recording: &str,
        frames: &BTreeMap<String, FrameRow>,
        reporter: &dyn Reporter,
    ) -> Result<Option<Vec<LabelRow>>, Error> {
        let rows: Vec<RecordingRow> = self.rows(&format!(
            "SELECT * FROM recordings WHERE recording_id = {}",
            quote(recording)
        ))?;
        let Some(row) = rows.first() else { return Ok(None) };
        match read_ground_truth(row) {
            None => return Ok(None),
            // It is in the table already: these frames are empty.
            Some(true) => return Ok(Some(Vec::new())),
            Some(false) => {}
        }
        let Some(path) = ingested_path(&row.uri) else {
            return Ok(None);
        };
        let looking = DiscoverOptions {
            with_ground_truth: true,
            ..DiscoverOptions::default()
        };
        let classes = ClassNames::load(self.settings().taxonomy.as_deref())?;
        for found in discover_with(&path, &looking)? {
            // Another recording of the same folder may be broken.
            let Ok(mut source) = found.opened else { continue };
            if source.recording_id()?.as_str() != recording {
                continue;
            }
            let mut sink = Truth {
                frames,
                rows: Vec::new(),
            };
            let format = source.format();
            source.read(&mut sink, reporter)?;
            for row in &mut sink.rows {
                if let Some(class) = classes.class_of(format, &row.source_class) {
                    class.clone_into(&mut row.class);
                }
            }
            return Ok(Some(sink.rows));
        }
        Err(Error::not_found(
            "log",
            &row.uri,
            "it has changed since it was read; `guideway ingest` it again",
        ))
    }
}

/// What some answers add up to.
fn report(
    rows: &[AnswerRow],
    answered_before: usize,
    reached: usize,
    tally: Option<Tally>,
    (pool, order_id): (&Pool, String),
) -> OracleReport {
    let mut by_labeler: BTreeMap<&String, (u64, u64)> = BTreeMap::new();
    for row in rows {
        let entry = by_labeler.entry(&row.labeler).or_default();
        entry.0 += 1;
        entry.1 += row.boxes.max(0) as u64;
    }
    let price_micros = rows.iter().map(|row| row.price_micros).sum();
    OracleReport {
        run_id: rows.first().map(|row| row.run_id.clone()).unwrap_or_default(),
        order_id,
        reached: reached as u64,
        frames: rows.len() as u64,
        answered_before: answered_before as u64,
        refused: rows.iter().filter(|row| row.refusal.is_some()).count() as u64,
        boxes: by_labeler.values().map(|(_, boxes)| boxes).sum(),
        seconds: rows.iter().map(|row| row.seconds).sum(),
        price_micros,
        price: format!("{:.2}", Money::from_micros(price_micros, pool.currency())),
        by_labeler: by_labeler
            .into_iter()
            .map(|(name, (frames, boxes))| (name.clone(), frames, boxes))
            .collect(),
        created: tally.is_some(),
        tally,
    }
}

/// Keeps the ground truth about some frames of what goes by.
struct Truth<'a> {
    frames: &'a BTreeMap<String, FrameRow>,
    rows: Vec<LabelRow>,
}

impl Sink for Truth<'_> {
    fn push(&mut self, rows: Rows) -> Result<(), SinkError> {
        if let Rows::Labels(rows) = rows {
            self.rows.extend(rows.into_iter().filter(|row| {
                row.labeler.as_deref() == Some(GROUND_TRUTH_LABELER) && self.frames.contains_key(&row.frame_id)
            }));
        }
        Ok(())
    }
}

/// The labelers of a file; one with documented defaults without a file.
pub(crate) fn labelers(path: Option<&Path>) -> Result<Pool, Error> {
    let Some(path) = path else {
        return Ok(Pool::default());
    };
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    Pool::from_toml(&text).map_err(|source| {
        ErrorKind::LabelersFile {
            path: path.to_owned(),
            source,
        }
        .into()
    })
}

/// Adds a label of the ground truth, unless it is there.
fn add_truth(truth: &mut BTreeMap<String, Vec<TruthBox>>, row: LabelRow) {
    let [Some(x_min), Some(y_min), Some(x_max), Some(y_max)] = [row.x_min, row.y_min, row.x_max, row.y_max] else {
        return;
    };
    let boxes = truth.entry(row.frame_id.clone()).or_default();
    if boxes.iter().any(|known| known.label_id == row.label_id) {
        return;
    }
    let attributes: Option<Value> = row
        .attributes
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    let exact = attributes.and_then(|attributes| attributes["occlusion"].as_f64());
    boxes.push(TruthBox {
        occlusion: exact.or(match row.occlusion {
            // KITTI's levels, at the middle of what they cover.
            Some(0) => Some(0.0),
            Some(1) => Some(0.3),
            Some(2) => Some(0.7),
            _ => None,
        }),
        truncation: row.truncation,
        is_crowd: row.is_crowd,
        is_ignored: row.is_ignored,
        track_id: row.track_id,
        ..TruthBox::new(row.label_id, row.class, BBox::new(x_min, y_min, x_max, y_max))
    });
}

/// Names an order: the same labelers with the same settings, asked for the same classes.
fn order_of(pool: &Pool, classes: &[String]) -> String {
    IdBuilder::new("order")
        .text(&json!(pool.file()).to_string())
        .text(&json!(classes).to_string())
        .finish()
}

/// The most that a frame may cost.
fn most_of(pool: &Pool, known: &Known) -> Result<Money, LabelError> {
    let boxes = known.truth.len() as u64;
    Ok(pool.assign(&known.frame.frame_id).estimate(boxes)?.price_at_most)
}

/// Refuses an order that could cost more than the budget.
fn check_budget(pool: &Pool, known: &[Known], budget: Money) -> Result<(), Error> {
    let mut most = Money::zero(pool.currency());
    for known in known {
        most = most.checked_add(most_of(pool, known)?)?;
    }
    if most > budget {
        return Err(Error::usage(
            format!(
                "labelling {} frames may cost up to {most:.2}, and the budget is {budget:.2}",
                known.len()
            ),
            "label fewer frames, or raise --budget; nothing was asked and nothing was paid".to_owned(),
        ));
    }
    Ok(())
}

fn label_rows(run_id: &str, order_id: &str, frame: &FrameRow, answer: &Answer) -> Vec<LabelRow> {
    let rows = answer.boxes().iter().enumerate().map(|(index, drawn)| LabelRow {
        label_id: IdBuilder::new("label")
            .text(order_id)
            .text(&frame.frame_id)
            .int(index as i64)
            .finish(),
        frame_id: frame.frame_id.clone(),
        recording_id: frame.recording_id.clone(),
        class: drawn.class.clone(),
        source_class: drawn.class.clone(),
        x_min: Some(drawn.bbox.x_min),
        y_min: Some(drawn.bbox.y_min),
        x_max: Some(drawn.bbox.x_max),
        y_max: Some(drawn.bbox.y_max),
        area: Some(drawn.bbox.area()),
        is_crowd: drawn.is_crowd,
        is_ignored: drawn.is_ignored,
        track_id: drawn.track_id.clone(),
        labeler: Some(answer.labeler.clone()),
        source_uri: format!("{LABEL_RUN}{run_id}"),
        ..LabelRow::default()
    });
    rows.collect()
}
