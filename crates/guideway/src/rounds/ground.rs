//! What all rounds of a loop, and all arms of an experiment, stand on: recorded drives, the pool, the test set, labelers, detectors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use guideway_core::{BBox, IdBuilder, Reporter};
use guideway_label::Currency;
use guideway_schema::GROUND_TRUTH_LABELER;
use guideway_store::{Columns, Dataset};
use guideway_train::{DetectorConfig, DeviceChoice};
use serde_json::json;

use super::file::{Frames, LoopFile, Metric, RoundBudget, Strategy, Targeted, money};
use super::ledger::Prices;
use crate::dataset::{FreezeOptions, GroupBy, LOOKUP_FRAMES, ids};
use crate::error::{Error, ErrorKind};
use crate::evaluate::{ClassResult, EvalReport};
use crate::ingest::IngestOptions;
use crate::label::labelers;
use crate::side_by_side::{PATIENCE, Quiet, cores, side_by_side};
use crate::split::SplitSpec;
use crate::train::TrainOptions;
use crate::workspace::Workspace;
use crate::world::{RecordOptions, WorldSetup, world_record};

/// Everything that the rounds share.
pub(crate) struct Ground<'w> {
    pub(crate) workspace: &'w Workspace,
    pub(crate) file: LoopFile,
    pub(crate) path: PathBuf,
    /// A query for the pool.
    pub(crate) pool: String,
    pub(crate) pool_frames: u64,
    /// A query for the frames that the seed set is drawn from.
    pub(super) seed_pool: String,
    /// Drives of the pool whose chosen frames are tested on instead of learnt from.
    pub(crate) own_drives: Vec<String>,
    /// The frozen test set.
    pub(crate) test: String,
    /// The part of it that the KPI is about, where that is not all of it.
    pub(super) slice: Option<(String, u64)>,
    tested: Tested,
    /// The objects of each query for something that frames are to be like.
    objects: BTreeMap<String, Vec<(String, BBox)>>,
    /// How many models are trained at once.
    pub(crate) threads: usize,
    pub(super) labelers: Option<PathBuf>,
    pub(super) labelers_by_name: Vec<String>,
    currency: Currency,
    pub(super) prices: Prices,
    /// The detector of the first round, and of the later ones.
    pub(super) detectors: [(PathBuf, DetectorConfig); 2],
    /// The models that the first round's start from, one for each of the ensemble; none for random weights.
    pub(super) past: Vec<String>,
    pub(super) device: Option<String>,
    /// Names everything that decides a round, except the strategy and when to stop.
    pub(super) key: String,
}

impl<'w> Ground<'w> {
    /// Checks the files, records and reads drives, freezes the test set, and finds the objects that `strategies` look for; what is there already is not
    /// made again.
    pub(crate) fn prepare(
        workspace: &'w Workspace,
        (file, path): (&LoopFile, &Path),
        strategies: &[(&Strategy, &RoundBudget)],
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<Self, Error> {
        let near = |name: &Path| path.parent().unwrap_or(Path::new("")).join(name);
        let labelers_path = file.labels.labelers.as_deref().map(near);
        let people = labelers(labelers_path.as_deref())?;
        let currency = people.currency();
        let prices = Prices {
            per_1000_trained: money(
                &file.compute.per_1000_trained,
                "compute.per_1000_trained",
                currency,
                path,
            )?,
            per_1000_predicted: money(
                &file.compute.per_1000_predicted,
                "compute.per_1000_predicted",
                currency,
                path,
            )?,
        };
        for (_, budget) in strategies {
            if let Some(text) = &budget.labels {
                money(text, "round.labels", currency, path)?;
            }
        }
        let first = near(&file.model.config);
        let later = file.model.later.as_deref().map_or_else(|| first.clone(), near);
        let first = (first.clone(), detector(&first)?);
        let later = (later.clone(), detector(&later)?);
        check_detectors(file, path, &first.1, &later.1)?;
        for (strategy, _) in strategies {
            check_classes(strategy, &first.1.model.classes, path)?;
        }
        let past = match &file.past {
            None => None,
            Some(past) => {
                let path = near(&past.config);
                let config = detector(&path)?;
                check_detectors(file, &path, &first.1, &config)?;
                Some((path, config))
            }
        };
        let device_name = workspace.device(device)?.name();
        // A graphics card's memory holds one training.
        let threads = if workspace.device(device)? == DeviceChoice::Cpu {
            cores()
        } else {
            1
        };

        // Several models are trained at once, and write in turn.
        workspace.store().wait_for_writers(PATIENCE);
        let recorded = record(workspace, file, path, reporter)?;
        let frames_of = |part: &str, records: &[String], from: Option<&str>| -> Result<String, Error> {
            match from {
                Some(sql) => workspace.pinned_frames(&format!("{}-{part}", file.name), sql),
                None => Ok(frames_in_drives(&recorded, records)),
            }
        };
        let pool = frames_of("pool", &file.pool.record, file.pool.from.as_deref())?;
        let seed_pool = if file.seed_set.record.is_empty() && file.seed_set.from.is_none() {
            pool.clone()
        } else {
            frames_of("seed-pool", &file.seed_set.record, file.seed_set.from.as_deref())?
        };
        let pool_frames = workspace.target(&[], &pool, reporter)?.frames.len() as u64;
        let classes = &first.1.model.classes;
        let test = if let Some(name) = &file.test.dataset {
            name.clone()
        } else {
            let frames = frames_of("test-frames", &file.test.record, file.test.from.as_deref())?;
            freeze_test(workspace, file, ("test", &frames, classes), reporter)?
        };
        let (dataset, rows) = workspace.dataset_split(&test)?;
        let tested = Tested::look(workspace, &dataset, &rows)?;
        let slice = match &file.stop.kpi.on {
            None => None,
            Some(on) => {
                let all = frames_of("test-frames", &file.test.record, file.test.from.as_deref())?;
                let part = frames_of("slice-frames", &on.record, on.from.as_deref())?;
                let both = format!(
                    "SELECT a.frame_id FROM (\n{all}\n) a WHERE a.frame_id IN (SELECT b.frame_id FROM (\n{part}\n) b)"
                );
                let name = freeze_test(workspace, file, ("slice", &both, classes), reporter)?;
                let (dataset, rows) = workspace.dataset_split(&name)?;
                Some((name, rows.len() as u64, Tested::look(workspace, &dataset, &rows)?))
            }
        };
        let decisive = slice.as_ref().map_or(&tested, |(.., slice)| slice);
        let wanted = if file.stop.kpi.classes.is_empty() {
            classes
        } else {
            &file.stop.kpi.classes
        };
        decisive.check_classes(wanted, !file.stop.kpi.classes.is_empty(), path)?;
        for (part, from) in [("pool", &pool), ("seed_set", &seed_pool)] {
            tested.check_neutral(workspace, (part, from), path)?;
        }
        let mut objects = BTreeMap::new();
        for (strategy, _) in strategies {
            let Strategy::Targeted(targeted) = strategy else {
                continue;
            };
            let found = workspace.pinned_objects(&file.name, &targeted.like, reporter)?;
            let frames = format!(
                "SELECT frame_id FROM frames WHERE frame_id IN ({})",
                ids(found.iter().map(|(frame, _)| frame.as_str()))
            );
            tested.check_neutral(workspace, ("like", &frames), path)?;
            objects.insert(targeted.like.clone(), found);
        }
        let past_models = match (&file.past, &past) {
            (Some(part), Some((config, _))) => {
                let from = frames_of("past", &part.record, None)?;
                tested.check_neutral(workspace, ("past", &from), path)?;
                let name = part.name.clone().unwrap_or_else(|| format!("{}-past", file.name));
                let device = (device, threads);
                learn_past(workspace, file, (&name, &from, config), device, reporter)?
            }
            _ => Vec::new(),
        };
        let test_hash = format!("{} {test}", dataset.info().hash);
        let what = json!({
            "seed": file.seed, "pool": file.pool, "seed_set": file.seed_set, "labels": file.labels, "test": test_hash,
            "model": [file.model.ensemble.to_string(), file.model.members(1).to_string(), json!(file.model.start).to_string()],
            "past": [json!(file.past), json!(past.map(|(_, config)| config))], "detectors": [&first.1, &later.1], "recorded": recorded, "compute": file.compute, "labelers": people.file(), "record": file.record,
            "kpi": [json!(file.stop.kpi.metric), json!(file.stop.kpi.classes), json!(file.stop.kpi.on)], "device": device_name,
        });
        Ok(Self {
            workspace,
            file: file.clone(),
            path: path.to_owned(),
            pool,
            pool_frames,
            seed_pool,
            own_drives: Vec::new(),
            test,
            slice: slice.map(|(name, frames, _)| (name, frames)),
            tested,
            objects,
            threads,
            labelers: labelers_path,
            labelers_by_name: people.file().labelers.iter().map(|one| one.name.clone()).collect(),
            currency,
            prices,
            detectors: [first, later],
            past: past_models,
            device: device.map(str::to_owned),
            key: IdBuilder::new("loop").text(&what.to_string()).finish(),
        })
    }

    /// Keeps about this part of the pool's drives aside: what is chosen of them is tested on instead of learnt from.
    pub(crate) fn keep_own(&mut self, part: f64) -> Result<(), Error> {
        if part <= 0.0 {
            return Ok(());
        }
        let every = (1.0 / part).round().max(1.0) as usize;
        let drives = self.workspace.counts(&format!(
            "SELECT f.recording_id, count(*) FROM frames f WHERE f.frame_id IN (SELECT q.frame_id FROM (\n{}\n) q) GROUP BY f.recording_id ORDER BY f.recording_id",
            self.pool
        ))?;
        if drives.len() < 2 * every {
            return Err(ErrorKind::LoopFile {
                path: self.path.clone(),
                message: format!(
                    "{} drives are too few to keep one of {every} of them aside",
                    drives.len()
                ),
                hint: Some("take more drives into the pool, or leave `own_fold` out".to_owned()),
            }
            .into());
        }
        self.own_drives = drives.into_iter().map(|(drive, _)| drive).step_by(every).collect();
        self.key = IdBuilder::new("own")
            .text(&self.key)
            .text(&self.own_drives.join(","))
            .finish();
        Ok(())
    }

    pub(crate) fn currency(&self) -> Currency {
        self.currency
    }

    pub(crate) fn test_frames(&self) -> u64 {
        self.tested.frames as u64
    }

    /// Pictures that a model looks at in its tests.
    pub(super) fn looks_at_tests(&self) -> u64 {
        self.test_frames() + self.slice.as_ref().map_or(0, |(_, frames)| *frames)
    }

    pub(crate) fn labelers_by_name(&self) -> &[String] {
        &self.labelers_by_name
    }

    /// The objects that frames are to be like.
    pub(super) fn objects(&self, targeted: &Targeted) -> Vec<(String, BBox)> {
        self.objects.get(&targeted.like).cloned().unwrap_or_default()
    }

    pub(crate) fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// The classes that count: those of the detector.
    pub(crate) fn classes(&self) -> &[String] {
        &self.detectors[0].1.model.classes
    }

    /// The classes of the KPI.
    pub(crate) fn kpi_classes(&self) -> &[String] {
        let classes = &self.file.stop.kpi.classes;
        if classes.is_empty() { self.classes() } else { classes }
    }

    /// What the KPI is, in words.
    pub(crate) fn kpi_name(&self) -> String {
        let slice = match &self.file.stop.kpi.on {
            None => String::new(),
            Some(Frames { from: Some(sql), .. }) => format!(" on the frames of {sql}"),
            Some(on) => format!(" on {}", on.record.join(", ")),
        };
        format!(
            "{} of {}{slice}",
            self.file.stop.kpi.metric.name(),
            self.kpi_classes().join(", ")
        )
    }

    /// Is the KPI the mean over all classes on all frames?
    pub(crate) fn kpi_is_all(&self) -> bool {
        self.slice.is_none() && self.kpi_classes().len() == self.classes().len()
    }

    /// The KPI of one evaluation.
    pub(crate) fn kpi(&self, report: &EvalReport) -> Option<f64> {
        let wanted = self.kpi_classes();
        let of = report.classes.iter().filter(|class| wanted.contains(&class.name));
        mean(of.map(|class| self.metric_of(class)))
    }

    /// The metric of each class that counts, the mean over evaluations.
    pub(crate) fn by_class(&self, reports: &[EvalReport]) -> Vec<(String, Option<f64>)> {
        let of = |name: &String| {
            let values = reports.iter().map(|report| {
                let class = report.classes.iter().find(|class| class.name == *name)?;
                self.metric_of(class)
            });
            mean(values)
        };
        self.classes().iter().map(|name| (name.clone(), of(name))).collect()
    }

    /// The metric of a class.
    pub(super) fn metric_of(&self, class: &ClassResult) -> Option<f64> {
        // A class without labels has no metric.
        if class.labels == 0 {
            return None;
        }
        match self.file.stop.kpi.metric {
            Metric::Ap => class.ap,
            Metric::Ap50 => class.ap50,
            Metric::Ap75 => class.ap75,
        }
    }
}

/// The mean of the values that there are.
pub(super) fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values.flatten() {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

fn detector(path: &Path) -> Result<DetectorConfig, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    let wrong = |source| ErrorKind::DetectorFile {
        path: path.to_owned(),
        source,
    };
    Ok(DetectorConfig::from_toml(&text).map_err(wrong)?)
}

/// A round's dataset may lack a class: the detector must say which there are.
fn check_detectors(file: &LoopFile, path: &Path, first: &DetectorConfig, later: &DetectorConfig) -> Result<(), Error> {
    let wrong = |message: String, hint: &str| -> Result<(), Error> {
        Err(ErrorKind::LoopFile {
            path: path.to_owned(),
            message,
            hint: Some(hint.to_owned()),
        }
        .into())
    };
    if first.model.classes.is_empty() {
        return wrong(
            "the detector's file names no classes".to_owned(),
            "add `classes = [\"…\"]` to its [model] section: the labels of a round may lack one",
        );
    }
    if first.model != later.model {
        return wrong(
            "`model.config` and `model.later` describe different networks".to_owned(),
            "make their [model] sections the same",
        );
    }
    let asked = &file.labels.classes;
    if let Some(class) = first
        .model
        .classes
        .iter()
        .find(|class| !asked.is_empty() && !asked.contains(class))
    {
        return wrong(
            format!("the detector is to learn the class `{class}`, and `labels.classes` does not ask for it"),
            "make the two lists the same",
        );
    }
    let unknown = |classes: &[String]| {
        classes
            .iter()
            .find(|class| !first.model.classes.contains(class))
            .cloned()
    };
    if let Some(class) = unknown(&file.labels.classes).or_else(|| unknown(&file.stop.kpi.classes)) {
        return wrong(
            format!("the detector does not know the class `{class}`"),
            &format!("its classes are {}", first.model.classes.join(", ")),
        );
    }
    Ok(())
}

/// What is looked for must be something that the detector knows.
fn check_classes(strategy: &Strategy, known: &[String], path: &Path) -> Result<(), Error> {
    let classes: &[String] = match strategy {
        Strategy::Mined(mined) => &mined.classes,
        Strategy::ByHand(hand) => &hand.classes,
        Strategy::Random(_) | Strategy::Targeted(_) => &[],
    };
    match classes.iter().find(|class| !known.contains(class)) {
        None => Ok(()),
        Some(class) => Err(ErrorKind::LoopFile {
            path: path.to_owned(),
            message: format!("`strategy` names the class `{class}`, which the detector does not know"),
            hint: Some(format!("its classes are {}", known.join(", "))),
        }
        .into()),
    }
}

/// Trains what the loop begins with, one model for each of the ensemble, on exact labels. Their names.
fn learn_past(
    workspace: &Workspace,
    file: &LoopFile,
    (name, from, config): (&str, &str, &Path),
    (device, threads): (Option<&str>, usize),
    reporter: &dyn Reporter,
) -> Result<Vec<String>, Error> {
    let first = detector(config)?;
    let options = FreezeOptions {
        sql: from.to_owned(),
        split: Some("train=1".parse::<SplitSpec>().unwrap_or_default()),
        classes: first.model.classes,
        may_lack_classes: true,
        labelers: vec![GROUND_TRUTH_LABELER.to_owned()],
        min_area: file.labels.min_area,
        ..FreezeOptions::default()
    };
    workspace.freeze(name, &options, reporter)?;
    let members: Vec<u32> = (0..file.model.ensemble).collect();
    side_by_side(&members, threads, |member| {
        let options = TrainOptions {
            dataset: name.to_owned(),
            name: Some(format!("{name}-m{member}")),
            train_split: "train".to_owned(),
            seed: Some(u64::from(*member)),
            unwatched: true,
            device: device.map(str::to_owned),
            ..TrainOptions::default()
        };
        Ok(workspace.train(config, &options, &Quiet::new(reporter))?.model.name)
    })
}

/// What is known of the frames to test on.
struct Tested {
    frames: usize,
    /// How many frames each group, which no split may separate, has.
    groups: BTreeMap<String, u64>,
    /// How many labels that count each class has.
    labels: BTreeMap<String, u64>,
}

impl Tested {
    fn look(workspace: &Workspace, dataset: &Dataset, rows: &[u64]) -> Result<Self, Error> {
        let mut found = Self {
            frames: rows.len(),
            groups: BTreeMap::new(),
            labels: BTreeMap::new(),
        };
        for rows in rows.chunks(LOOKUP_FRAMES) {
            for sample in workspace.block_on(dataset.take(rows, Columns::WithoutMedia))? {
                *found.groups.entry(sample.group_id).or_default() += 1;
                for label in sample.labels.into_iter().filter(|label| !label.is_ignored) {
                    *found.labels.entry(label.class).or_default() += 1;
                }
            }
        }
        Ok(found)
    }

    /// A class without labels has no metric: the KPI would silently be about the others. `named`: must each be there, or any of them?
    fn check_classes(&self, classes: &[String], named: bool, path: &Path) -> Result<(), Error> {
        let missing: Vec<&String> = classes
            .iter()
            .filter(|class| !self.labels.contains_key(*class))
            .collect();
        if missing.is_empty() || (!named && missing.len() < classes.len()) {
            return Ok(());
        }
        Err(ErrorKind::LoopFile {
            path: path.to_owned(),
            message: format!(
                "the {} frames that the KPI is measured on have no label of `{}` that counts",
                self.frames, missing[0]
            ),
            hint: Some(
                "test on more drives, lower `labels.min_area`, or leave the class out of `kpi.classes`; only ground truth counts there"
                    .to_owned(),
            ),
        }
        .into())
    }

    /// What is tested on must be of other drives than what may be learnt from.
    fn check_neutral(&self, workspace: &Workspace, (part, from): (&str, &str), path: &Path) -> Result<(), Error> {
        let groups = workspace.counts(&format!(
            "SELECT f.group_id, count(*) FROM frames f WHERE f.frame_id IN (SELECT q.frame_id FROM (\n{from}\n) q) GROUP BY f.group_id"
        ))?;
        let shared: u64 = groups.iter().filter_map(|(group, _)| self.groups.get(group)).sum();
        if shared == 0 {
            return Ok(());
        }
        Err(ErrorKind::LoopFile {
            path: path.to_owned(),
            message: format!(
                "{shared} of the {} frames to test on are of drives that `{part}` holds too",
                self.frames
            ),
            hint: Some("test on other drives: what was learnt from says nothing about how good a model is".to_owned()),
        }
        .into())
    }
}

/// Records the drives that are missing, and reads them: the recordings of each part, by id.
fn record(
    workspace: &Workspace,
    file: &LoopFile,
    path: &Path,
    reporter: &dyn Reporter,
) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut recorded = BTreeMap::new();
    for part in &file.record {
        let folder = fleet_dir(workspace, &part.name);
        let setup = WorldSetup::read(Some(&path.parent().unwrap_or(Path::new("")).join(&part.world)), None)?;
        let options = RecordOptions {
            drives: part.drives,
            seconds: part.seconds,
            seed: part.seed,
            out: folder,
            compress: true,
        };
        let logs = world_record(&setup, &options, reporter)?;
        let paths: Vec<PathBuf> = logs.logs.into_iter().map(|log| log.path).collect();
        let reading = IngestOptions {
            with_ground_truth: part.ground_truth,
            ..IngestOptions::default()
        };
        let read = workspace.ingest(&paths, &reading, reporter)?;
        workspace.stop_here(
            || "the drives that were read are kept".to_owned(),
            "run it again: it goes on with the rest",
        )?;
        if let Some(failed) = read.recordings.iter().find(|one| one.error.is_some()) {
            return Err(Error::failed(
                format!(
                    "the drive {} cannot be read: {}",
                    failed.name,
                    failed.error.as_deref().unwrap_or_default()
                ),
                "remove the log: it is recorded again",
            ));
        }
        recorded.insert(
            part.name.clone(),
            read.recordings.into_iter().map(|one| one.recording_id).collect(),
        );
    }
    Ok(recorded)
}

fn fleet_dir(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root().join("fleet").join(name)
}

/// A query for the camera frames of recorded drives.
fn frames_in_drives(recorded: &BTreeMap<String, Vec<String>>, records: &[String]) -> String {
    let drives = records.iter().filter_map(|name| recorded.get(name)).flatten();
    format!(
        "SELECT frame_id FROM frames WHERE modality = 'camera' AND recording_id IN ({})",
        ids(drives.map(String::as_str))
    )
}

/// Freezes the frames to test on, or a part of them, with their ground truth.
fn freeze_test(
    workspace: &Workspace,
    file: &LoopFile,
    (part, frames, classes): (&str, &str, &[String]),
    reporter: &dyn Reporter,
) -> Result<String, Error> {
    let name = format!("{}-{part}", file.name);
    let options = FreezeOptions {
        sql: frames.to_owned(),
        split: Some("test=1".parse::<SplitSpec>().unwrap_or_default()),
        group_by: GroupBy::Recording,
        seed: 0,
        classes: classes.to_vec(),
        may_lack_classes: true,
        labelers: vec![GROUND_TRUTH_LABELER.to_owned()],
        orders: Vec::new(),
        min_area: file.labels.min_area,
    };
    workspace.freeze(&name, &options, reporter)?;
    Ok(format!("{name}:test"))
}
