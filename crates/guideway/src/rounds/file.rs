//! What a loop is to do: the file that `guideway loop run` reads.

use std::path::{Path, PathBuf};

use guideway_core::hint::closest;
use guideway_label::{Currency, Money};
use guideway_mine::scores::Aggregate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::course::mine_options;
use crate::error::{Error, ErrorKind};
use crate::mine::{Diversity, Dropout, Information, Score};
use crate::predict::is_query;

/// A loop: a pool, labels to begin with, a detector, how the next frames are chosen, and when to stop. Files are named relative to this
/// one. Amounts of money are text, such as `"12.50"`, in the labelers' currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoopFile {
    /// Its name: letters, digits, `-` and `_`. Selections, datasets and models of the loop begin with it.
    pub name: String,
    /// Seed of weights and of whatever is drawn.
    #[serde(default)]
    pub seed: u64,
    /// Drives through worlds that are recorded and read first. Not again when they are there.
    #[serde(default)]
    pub record: Vec<Record>,
    /// The frames to choose from.
    pub pool: Frames,
    /// What is labelled before the first choice.
    pub seed_set: SeedSet,
    /// What every model is tested on. Nothing is learnt from it.
    pub test: TestSet,
    /// Who labels what.
    #[serde(default)]
    pub labels: Labels,
    /// What is trained, and how.
    pub model: Model,
    /// What the detector learnt long ago: models start from it where others would from random weights.
    pub past: Option<Past>,
    /// How the next frames are chosen.
    #[serde(default)]
    pub strategy: Strategy,
    /// How much is labelled in a round.
    pub round: RoundBudget,
    /// When to stop. Changing it lets a loop that has ended go on.
    #[serde(default)]
    pub stop: Stop,
    /// What computing costs.
    #[serde(default)]
    pub compute: Compute,
}

/// Drives to be recorded into the workspace's folder `fleet/NAME`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What the rest of the file calls them.
    pub name: String,
    /// The world's file, as `world record` reads it.
    pub world: PathBuf,
    /// Number of drives.
    pub drives: u32,
    /// Length of each, s.
    pub seconds: f64,
    /// Seed of the fleet.
    #[serde(default)]
    pub seed: u64,
    /// Put the ground truth into the tables: for drives to test on. Otherwise it stays in the logs, where simulated labelers see it.
    #[serde(default)]
    pub ground_truth: bool,
}

/// Frames: the camera frames of recorded drives, or those of a query.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Frames {
    /// Names of `[[record]]` sections.
    pub record: Vec<String>,
    /// A query that yields `frame_id`.
    pub from: Option<String>,
}

/// What is labelled before the first choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeedSet {
    /// Names of `[[record]]` sections; the pool when neither this nor `from` is given.
    #[serde(default)]
    pub record: Vec<String>,
    /// A query that yields `frame_id`.
    pub from: Option<String>,
    /// How many of them, drawn by lot.
    pub frames: usize,
}

/// What models are tested on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TestSet {
    /// A frozen dataset or one of its splits.
    pub dataset: Option<String>,
    /// Names of `[[record]]` sections with `ground_truth = true`.
    pub record: Vec<String>,
    /// A query that yields `frame_id`; the frames' ground truth must be in the tables.
    pub from: Option<String>,
}

/// Who labels what.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Labels {
    /// The labelers' file; one labeler with documented defaults when it is not given.
    pub labelers: Option<PathBuf>,
    /// Only objects of these classes are drawn and paid for; all when empty. Those of the detector are learnt and counted.
    pub classes: Vec<String>,
    /// Labels of a smaller area are neither learnt nor counted, px².
    pub min_area: f64,
}

/// What is trained, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The detector's file. It names the classes.
    pub config: PathBuf,
    /// The file for every round after the first, where that is another: fewer epochs, a smaller learning rate.
    pub later: Option<PathBuf>,
    /// How many are trained with different seeds each round. Results are means over them.
    #[serde(default = "one")]
    pub ensemble: u32,
    /// How many in later rounds, where fewer will do: with one round of choosing, only the first needs to contradict itself.
    pub later_ensemble: Option<u32>,
    /// Where the later rounds' models start from.
    #[serde(default)]
    pub start: Start,
}

impl Model {
    /// How many models a round trains.
    pub(super) fn members(&self, round: u32) -> u32 {
        match self.later_ensemble {
            Some(later) if round > 0 => later,
            _ => self.ensemble,
        }
    }
}

fn one() -> u32 {
    1
}

/// Where the weights of a round's models come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// What the first round's models start from: random weights, or those of the past.
    #[default]
    Scratch,
    /// The models of the round before.
    Previous,
}

/// How the next frames are chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Strategy {
    /// By lot.
    Random(ByLot),
    /// By what the models are unsure of, or contradict each other about.
    Mined(Mined),
    /// As a person does who swipes through drives, and stops where one of the classes is well to be seen.
    ByHand(ByHand),
    /// What is like some objects.
    Targeted(Targeted),
}

impl Default for Strategy {
    fn default() -> Self {
        Self::Mined(Mined::default())
    }
}

/// By lot: nothing to set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByLot {}

/// As `guideway mine` chooses.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mined {
    /// How the need for a label is measured.
    pub score: Score,
    /// How the scores of many places become a frame's: `"max"`, `"mean"`, `"sum"`, or `{ top-k = 8 }`.
    #[schemars(with = "serde_json::Value")]
    pub aggregate: Aggregate,
    /// Only these classes; all when empty.
    pub classes: Vec<String>,
    /// Share the budget among the classes.
    pub per_class: bool,
    /// How not to take the same thing twice.
    pub diversity: Diversity,
    /// No two frames of one drive within so many seconds.
    pub gap_s: Option<f64>,
    /// Votes with dropout for each model.
    pub dropout: Option<Dropout>,
}

/// As `guideway mine --like` chooses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Targeted {
    /// A query that yields the objects: `frame_id`, `x_min`, `y_min`, `x_max` and `y_max`.
    pub like: String,
    /// What frames and objects are to have in common.
    #[serde(default)]
    pub information: Information,
    /// Regions of a frame that are looked at.
    #[serde(default = "regions")]
    pub regions: usize,
    /// How much of a likeness is that of the whole pictures, 0 to 1.
    #[serde(default = "scene")]
    pub scene: f64,
}

fn scene() -> f64 {
    0.5
}

fn regions() -> usize {
    16
}

/// A scripted person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ByHand {
    /// Stop where one of these is seen; any of the labelled classes when empty.
    pub classes: Vec<String>,
    /// Time between two looks, s.
    pub look_every_s: f64,
    /// Time that is swiped over after a frame was taken, s.
    pub skip_s: f64,
    /// Height from which on an object is seen at a glance, as a part of the picture's.
    pub min_height: f64,
    /// Part of it that must be visible.
    pub min_visible: f64,
}

impl Default for ByHand {
    fn default() -> Self {
        Self {
            classes: Vec::new(),
            look_every_s: 1.0,
            skip_s: 3.0,
            min_height: 0.1,
            min_visible: 0.6,
        }
    }
}

/// What a detector learnt before the loop. It is free: its labels were paid and its models trained long ago.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// What its dataset and its models are called: those that call it alike share it. The loop's name and `-past` when not given.
    pub name: Option<String>,
    /// Names of `[[record]]` sections with `ground_truth = true`: their frames, with their exact labels.
    pub record: Vec<String>,
    /// The detector's file, of the same network as `model.config`; one model is trained for each of the ensemble.
    pub config: PathBuf,
}

/// How much is labelled in a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoundBudget {
    /// Frames at most.
    pub frames: usize,
    /// Money for labels at most: the frames are labelled in the order of choice as far as it is sure to last.
    pub labels: Option<String>,
}

/// When to stop: whatever comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stop {
    /// Rounds of choosing and training after the first training.
    pub rounds: u32,
    /// Money for labels and computing. A round that could cost more than what is left is not begun.
    pub cost: Option<String>,
    /// The goal.
    pub kpi: Kpi,
    /// Rounds in a row without a better KPI; 0 never stops for that.
    pub patience: u32,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            rounds: 4,
            cost: None,
            kpi: Kpi::default(),
            patience: 0,
        }
    }
}

/// A number that says how good a model is on the test set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kpi {
    /// AP, AP50 or AP75.
    pub metric: Metric,
    /// The mean over these classes; all when empty.
    pub classes: Vec<String>,
    /// Only on these of the frames to test on: a slice that matters more than the rest. The metrics of single classes stay those on all frames.
    pub on: Option<Frames>,
    /// Reached at this value; without it, it is only reported.
    pub at_least: Option<f64>,
}

impl Default for Kpi {
    fn default() -> Self {
        Self {
            metric: Metric::Ap50,
            classes: Vec::new(),
            on: None,
            at_least: None,
        }
    }
}

/// A metric of each class, as COCO defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Metric {
    /// Over IoU 0.50 to 0.95.
    #[serde(rename = "AP")]
    Ap,
    /// At IoU 0.50.
    #[serde(rename = "AP50")]
    Ap50,
    /// At IoU 0.75.
    #[serde(rename = "AP75")]
    Ap75,
}

impl Metric {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ap => "AP",
            Self::Ap50 => "AP50",
            Self::Ap75 => "AP75",
        }
    }
}

/// What computing costs: counted in images, not in seconds, so that it is known before and the same on every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Compute {
    /// Price of 1,000 images in training: each counts once for each epoch and model.
    pub per_1000_trained: String,
    /// Price of 1,000 images that a model looks at to choose from the pool, or in a test.
    pub per_1000_predicted: String,
}

impl Default for Compute {
    /// About a dollar for ten hours of two processor cores, with 40 ms for an image in training and 15 ms in prediction.
    fn default() -> Self {
        Self {
            per_1000_trained: "0.0012".to_owned(),
            per_1000_predicted: "0.0004".to_owned(),
        }
    }
}

impl LoopFile {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        let file: Self = toml::from_str(&text).map_err(|err| wrong_toml(path, &err))?;
        file.check(path)?;
        Ok(file)
    }

    /// The JSON schema of the file, for editors.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Refuses what makes no sense, before anything is done.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        check_name(&self.name, path)?;
        let wrong = |message: String, hint: &str| {
            Err(ErrorKind::LoopFile {
                path: path.to_owned(),
                message,
                hint: Some(hint.to_owned()),
            }
            .into())
        };
        let known: Vec<&str> = self.record.iter().map(|record| record.name.as_str()).collect();
        for (index, record) in self.record.iter().enumerate() {
            check_name(&record.name, path)?;
            if known[..index].contains(&record.name.as_str()) {
                return wrong(
                    format!("two `[[record]]` are called `{}`", record.name),
                    "name them apart",
                );
            }
            // Scenes come from world and seed alone: a test set of the same would be the pool again, under other names.
            let twin = |other: &&Record| other.seed == record.seed && other.world == record.world;
            if let Some(twin) = self.record[..index].iter().find(twin) {
                return wrong(
                    format!(
                        "`{}` and `{}` are the same drives: one world, one seed",
                        twin.name, record.name
                    ),
                    "give one of them another `seed`",
                );
            }
        }
        let none = Vec::new();
        for (part, names) in [
            ("pool", &self.pool.record),
            ("seed_set", &self.seed_set.record),
            ("test", &self.test.record),
            ("past", self.past.as_ref().map_or(&none, |past| &past.record)),
        ] {
            if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
                let near = closest(name, known.iter().copied());
                let hint = near.map_or("add the section, or correct the name".to_owned(), |near| {
                    format!("did you mean `{near}`?")
                });
                return wrong(
                    format!("`{part}` names drives `{name}`, which no `[[record]]` records"),
                    &hint,
                );
            }
        }
        if self.pool.record.is_empty() == self.pool.from.is_none() {
            return wrong(
                "`pool` needs one of `record` and `from`".to_owned(),
                "name recorded drives, or give a query that yields frame_id",
            );
        }
        let sources = [
            self.test.dataset.is_some(),
            !self.test.record.is_empty(),
            self.test.from.is_some(),
        ];
        if sources.into_iter().filter(|given| *given).count() != 1 {
            return wrong(
                "`test` needs one of `dataset`, `record` and `from`".to_owned(),
                "name a frozen dataset, recorded drives, or give a query that yields frame_id",
            );
        }
        if let Some(name) = self.past.as_ref().and_then(|past| past.name.as_ref()) {
            check_name(name, path)?;
        }
        if let Some(on) = &self.stop.kpi.on {
            let elsewhere = on.record.iter().find(|name| !self.test.record.contains(name));
            if self.test.dataset.is_some() || on.record.is_empty() == on.from.is_none() || elsewhere.is_some() {
                return wrong(
                    "`kpi.on` is no part of the frames to test on".to_owned(),
                    "name some of the drives that `test.record` names, or give a query that yields frame_id; a dataset to test on has no parts here",
                );
            }
        }
        let aside = |name: &&String| !self.record.iter().any(|r| r.name == **name && r.ground_truth);
        let past = self.past.iter().flat_map(|past| &past.record);
        if let Some(name) = self.test.record.iter().chain(past).find(aside) {
            return wrong(
                format!("the ground truth of the drives `{name}` is needed, and stays in the logs"),
                "add `ground_truth = true` to their `[[record]]`",
            );
        }
        if !self.seed_set.record.is_empty() && self.seed_set.from.is_some() {
            return wrong(
                "`seed_set` has both `record` and `from`".to_owned(),
                "leave one of them out",
            );
        }
        if self.past.as_ref().is_some_and(|past| past.record.is_empty()) {
            return wrong(
                "`past.record` is empty".to_owned(),
                "name recorded drives, or leave `past` out",
            );
        }
        let goes_on = self.model.start == Start::Previous || self.past.is_some();
        if goes_on && self.model.members(1) > self.model.ensemble {
            return wrong(
                "`model.later_ensemble` is larger than `model.ensemble`, and later models start from earlier ones"
                    .to_owned(),
                "make it at most as large",
            );
        }
        for (part, from) in [
            ("pool", &self.pool.from),
            ("seed_set", &self.seed_set.from),
            ("test", &self.test.from),
            ("kpi.on", self.stop.kpi.on.as_ref().map_or(&None, |on| &on.from)),
        ] {
            if from.as_ref().is_some_and(|from| !is_query(from)) {
                return wrong(
                    format!("`{part}.from` is no query"),
                    "begin it with SELECT or WITH; it must yield frame_id",
                );
            }
        }
        for (what, number) in [
            ("seed_set.frames", self.seed_set.frames),
            ("round.frames", self.round.frames),
            ("model.ensemble", self.model.ensemble as usize),
            ("model.later_ensemble", self.model.later_ensemble.unwrap_or(1) as usize),
        ] {
            if number == 0 {
                return wrong(format!("`{what}` is 0"), "give at least 1");
            }
        }
        if self.seed > 1 << 32 {
            return wrong(format!("`seed` is {}", self.seed), "give one of at most 4294967296");
        }
        self.strategy.check(self.fewest_models(), path)
    }

    /// Models that choose frames in the round that has fewest.
    pub(crate) fn fewest_models(&self) -> u32 {
        let later = if self.stop.rounds > 1 {
            self.model.members(1)
        } else {
            u32::MAX
        };
        self.model.ensemble.min(later)
    }
}

impl Strategy {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self, models: u32, path: &Path) -> Result<(), Error> {
        if let Self::Mined(mined) = self
            && mined.score == Score::MutualInformation
            && u64::from(models) * mined.dropout.map_or(1, |dropout| u64::from(dropout.passes)) < 2
        {
            return Err(ErrorKind::LoopFile {
                path: path.to_owned(),
                message: "mutual information of one model, which is 0 everywhere".to_owned(),
                hint: Some(
                    "set `model.ensemble` to 2 or more, or choose by another `score`, or add `dropout = { passes = 8, rate = 0.2 }`"
                        .to_owned(),
                ),
            }
            .into());
        }
        let part = |value: f64| value > 0.0 && value <= 1.0;
        let time = |value: f64| (0.0..=1e6).contains(&value);
        let message = match self {
            Self::Mined(mined) => {
                // The models are not there yet.
                let models = (0..models).map(|member| member.to_string()).collect();
                match mine_options(mined, models, "pool", 1).check() {
                    Ok(()) => return Ok(()),
                    Err(err) => err.to_string(),
                }
            }
            Self::ByHand(hand) if !part(hand.min_height) || !part(hand.min_visible) => {
                "`min_height` and `min_visible` are above 0 and at most 1".to_owned()
            }
            Self::ByHand(hand) if !time(hand.look_every_s) || !time(hand.skip_s) => {
                "`look_every_s` and `skip_s` are 0 and more seconds".to_owned()
            }
            Self::Targeted(targeted) if targeted.regions == 0 || !(0.0..=1.0).contains(&targeted.scene) => {
                "`regions` is 1 and more, and `scene` from 0 to 1".to_owned()
            }
            Self::Targeted(targeted) if !is_query(&targeted.like) => {
                "`like` is no query that yields frame_id, x_min, y_min, x_max and y_max".to_owned()
            }
            _ => return Ok(()),
        };
        Err(ErrorKind::LoopFile {
            path: path.to_owned(),
            message,
            hint: Some("correct it in `strategy`".to_owned()),
        }
        .into())
    }

    /// Its name, as in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Random(_) => "random",
            Self::Mined(_) => "mined",
            Self::ByHand(_) => "by-hand",
            Self::Targeted(_) => "targeted",
        }
    }
}

/// An amount of a file.
pub(crate) fn money(text: &str, key: &str, currency: Currency, path: &Path) -> Result<Money, Error> {
    let wrong = |message: String| -> Error {
        ErrorKind::LoopFile {
            path: path.to_owned(),
            message,
            hint: Some("amounts are text with a decimal number of 0 or more, such as \"12.50\"".to_owned()),
        }
        .into()
    };
    let money = Money::parse(text, currency).map_err(|err| wrong(format!("`{key}`: {err}")))?;
    if money.micros() < 0 {
        return Err(wrong(format!("`{key}` is {money}")));
    }
    Ok(money)
}

/// A file that is no TOML, or has keys that are not known.
pub(crate) fn wrong_toml(path: &Path, err: &toml::de::Error) -> Error {
    ErrorKind::LoopFile {
        path: path.to_owned(),
        message: err.to_string().trim_end().to_owned(),
        hint: None,
    }
    .into()
}

/// Names of datasets, models and selections are made of it.
pub(crate) fn check_name(name: &str, path: &Path) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=60).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(allowed)
    {
        return Ok(());
    }
    Err(ErrorKind::LoopFile {
        path: path.to_owned(),
        message: format!("`{name}` is no name"),
        hint: Some("use 1 to 60 letters, digits, `-` and `_`, with a letter or digit first".to_owned()),
    }
    .into())
}
