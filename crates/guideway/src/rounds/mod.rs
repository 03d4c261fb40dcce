//! The loop that runs by itself: choose, label, train, test, and again.

mod by_hand;
mod course;
mod file;
mod ground;
mod ledger;
mod pinned;
mod report;

use std::path::{Path, PathBuf};

use guideway_core::Reporter;
use guideway_label::Currency;
use serde::{Deserialize, Serialize};

pub(crate) use self::course::{Course, Names, OWN_SPLIT, Step};
pub use self::file::{
    ByHand, ByLot, Compute, Frames, Kpi, Labels, LoopFile, Metric, Mined, Model, Past, Record, RoundBudget, SeedSet,
    Start, Stop, Strategy, Targeted, TestSet,
};
pub(crate) use self::file::{check_name, wrong_toml};
pub(crate) use self::ground::Ground;
pub use self::ledger::{Cost, Work};
use crate::error::Error;
use crate::workspace::Workspace;

/// How to run a loop.
#[derive(Debug, Clone, Default)]
pub struct LoopOptions {
    /// `cpu`, `cuda` or `wgpu`; the setting's when `None`.
    pub device: Option<String>,
}

/// One round: what was chosen and labelled, what was learnt from it, and what it cost. Round 0 is the first training, on the seed set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Its number.
    pub round: u32,
    /// Its run.
    pub run_id: String,
    /// The selection that was labelled.
    pub selection: String,
    /// Frames of it that were labelled: the first so many.
    pub frames: u64,
    /// Of these, refused.
    pub refused: u64,
    /// Boxes drawn.
    pub boxes: u64,
    /// The dataset that the models learnt from.
    pub dataset: String,
    /// Its frames.
    pub train_frames: u64,
    /// The models, and the digests of their weights.
    pub models: Vec<(String, String)>,
    /// Their evaluations on the test set, and on the part of it that the KPI is about.
    pub evaluations: Vec<String>,
    /// The KPI: the mean over the models.
    pub kpi: Option<f64>,
    /// Metric of each class on the whole test set, the mean over the models.
    pub by_class: Vec<(String, Option<f64>)>,
    /// The KPI of each model.
    pub by_model: Vec<Option<f64>>,
    /// Metric of each class, for each model.
    pub classes_by_model: Vec<Vec<(String, Option<f64>)>>,
    /// Images that models looked at.
    pub work: Work,
    /// The currency of what it cost.
    pub currency: Currency,
    /// What this round cost.
    pub cost: Cost,
    /// What the loop has cost up to here.
    pub spent: Cost,
}

/// Why a loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The KPI was reached.
    Kpi,
    /// All rounds were run.
    Rounds,
    /// The next round could cost more than what is left.
    Cost,
    /// The KPI no longer rose.
    Patience,
    /// Nothing is left to choose from.
    Pool,
}

impl Ended {
    /// In words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Kpi => "the goal is reached",
            Self::Rounds => "all rounds are done",
            Self::Cost => "another round could cost more than what is left",
            Self::Patience => "the last rounds brought no gain",
            Self::Pool => "nothing is left to choose from",
        }
    }
}

/// A loop that was run.
#[derive(Debug, Clone, Serialize)]
pub struct LoopReport {
    /// Its name.
    pub name: String,
    /// What the KPI is.
    pub kpi: String,
    /// Its goal.
    pub goal: Option<f64>,
    /// The rounds.
    pub rounds: Vec<Round>,
    /// Why it ended.
    pub ended: Ended,
    /// What it cost.
    pub cost: Cost,
    /// The same, to be read: labels, computing, together.
    pub price: [String; 3],
    /// The currency.
    pub currency: String,
    /// The best round by KPI, and its model to go on with.
    pub best: Option<(u32, String)>,
    /// The report: HTML and Markdown.
    pub reports: Vec<PathBuf>,
}

impl Workspace {
    /// Runs a loop: the seed set is labelled and a detector trained on it; then, round by round, frames are chosen, labelled by simulated
    /// labelers, and learnt from, until the goal is reached, the rounds are done, the money is spent, or nothing is gained any more.
    ///
    /// Every step is kept as soon as it is done, and none is done twice: a loop that was killed at any moment goes on where it was when it is run
    /// again, to the same selections, models and costs. `each` is told of every round when it ends, also of those that were done before.
    pub fn run_loop(
        &self,
        path: &Path,
        options: &LoopOptions,
        reporter: &dyn Reporter,
        each: &mut dyn FnMut(&Round),
    ) -> Result<LoopReport, Error> {
        let file = LoopFile::read(path)?;
        let ways = [(&file.strategy, &file.round)];
        let ground = Ground::prepare(self, (&file, path), &ways, options.device.as_deref(), reporter)?;
        let budget = match &file.stop.cost {
            None => None,
            Some(text) => Some(file::money(text, "stop.cost", ground.currency(), path)?),
        };
        let course = Course::new(
            &ground,
            (&file.strategy, &file.round),
            Names::alone(&file.name),
            file.seed,
        );
        let mut rounds: Vec<Round> = Vec::new();
        let ended = loop {
            if let Some(ended) = ended(&file.stop, &rounds) {
                break ended;
            }
            match course.round(&rounds, budget, reporter)? {
                Step::Done(round) => {
                    each(&round);
                    rounds.push(*round);
                }
                Step::TooDear if rounds.is_empty() => {
                    return Err(Error::usage(
                        "the first training alone could cost more than `stop.cost`",
                        "raise it, or make the seed set or the number of models smaller; nothing was paid".to_owned(),
                    ));
                }
                Step::TooDear => break Ended::Cost,
                Step::NothingLeft => break Ended::Pool,
            }
        };
        let cost = rounds.last().map(|round| round.spent).unwrap_or_default();
        let currency = ground.currency();
        let best = rounds.iter().fold(None, |best: Option<&Round>, round| match best {
            Some(most) if most.kpi >= round.kpi => best,
            _ => Some(round),
        });
        let mut report = LoopReport {
            name: file.name.clone(),
            kpi: ground.kpi_name(),
            goal: file.stop.kpi.at_least,
            ended,
            cost,
            price: [cost.labels(currency), cost.compute(currency), cost.total(currency)]
                .map(|part| format!("{part:.2}")),
            currency: currency.code().to_owned(),
            best: best.and_then(|round| Some((round.round, best_model(round)?))),
            rounds,
            reports: Vec::new(),
        };
        report.reports = self.write_loop_report(&file, &report, (currency, ground.labelers_by_name()))?;
        Ok(report)
    }

    /// The folder of a report: `kind` is `loops` or `experiments`.
    pub(crate) fn report_dir(&self, kind: &str, name: &str) -> PathBuf {
        self.root().join("reports").join(kind).join(name)
    }
}

/// The model of a round with the highest KPI.
fn best_model(round: &Round) -> Option<String> {
    let pairs = round.models.iter().zip(&round.by_model);
    let best = pairs.fold(
        None,
        |best: Option<(&String, Option<f64>)>, ((name, _), kpi)| match best {
            Some((_, most)) if most >= *kpi => best,
            _ => Some((name, *kpi)),
        },
    );
    best.map(|(name, _)| name.clone())
}

/// Has the loop ended with these rounds?
fn ended(stop: &Stop, rounds: &[Round]) -> Option<Ended> {
    let last = rounds.last()?;
    if let (Some(goal), Some(kpi)) = (stop.kpi.at_least, last.kpi)
        && kpi >= goal
    {
        return Some(Ended::Kpi);
    }
    if last.round >= stop.rounds {
        return Some(Ended::Rounds);
    }
    let patience = stop.patience as usize;
    if patience > 0 && rounds.len() > patience {
        let best = |rounds: &[Round]| {
            rounds
                .iter()
                .filter_map(|round| round.kpi)
                .fold(f64::NEG_INFINITY, f64::max)
        };
        let (before, recent) = rounds.split_at(rounds.len() - patience);
        if best(recent) <= best(before) {
            return Some(Ended::Patience);
        }
    }
    None
}
