//! What an experiment compares: the file that `guideway experiment run` reads.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::rounds::{
    ByLot, Compute, Frames, Kpi, Labels, LoopFile, Model, Past, Record, RoundBudget, SeedSet, Stop, Strategy, TestSet,
    check_name, wrong_toml,
};

/// An experiment: arms that choose frames differently, each with every seed, tested on the same frames. Arms of one seed begin with the same models.
/// Files are named relative to this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentFile {
    /// Its name: letters, digits, `-` and `_`. Selections, datasets and models of the experiment begin with it.
    pub name: String,
    /// One course of every arm for each.
    pub seeds: Vec<u64>,
    /// The arm that the others are compared with.
    pub baseline: String,
    /// Drives through worlds that are recorded and read first.
    #[serde(default)]
    pub record: Vec<Record>,
    /// The frames to choose from.
    pub pool: Frames,
    /// What is labelled before the first choice: other frames for each seed.
    pub seed_set: SeedSet,
    /// What every model is tested on, whatever its arm.
    pub test: TestSet,
    /// Who labels what.
    #[serde(default)]
    pub labels: Labels,
    /// What is trained, and how.
    pub model: Model,
    /// What the detector learnt long ago: models of every seed start from it where others would from random weights.
    pub past: Option<Past>,
    /// How much is labelled in a round.
    pub round: RoundBudget,
    /// Rounds of choosing and training.
    pub rounds: u32,
    /// What is compared.
    #[serde(default)]
    pub kpi: Kpi,
    /// Also train on the whole pool, labelled, as long as an arm does in all of its rounds: which part of it does an arm need to be as good?
    #[serde(default)]
    pub full_pool: bool,
    /// Keep about this part of the pool's drives aside: what an arm chooses of them is labelled and tested on instead of learnt from. The gain on
    /// such an own fold is printed beside that on the neutral test set, which alone compares arms.
    #[serde(default)]
    pub own_fold: f64,
    /// Confidence of the intervals.
    #[serde(default = "confidence")]
    pub confidence: f64,
    /// What computing costs.
    #[serde(default)]
    pub compute: Compute,
    /// The arms.
    pub arm: Vec<Arm>,
}

/// Letters of an experiment's and an arm's name together, at most.
const MOST_LETTERS: usize = 70;

fn confidence() -> f64 {
    0.95
}

/// An arm: a way of choosing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// How it chooses.
    pub strategy: Strategy,
    /// How much is labelled in a round, where it is not as in the other arms.
    pub round: Option<RoundBudget>,
}

impl ExperimentFile {
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

    fn check(&self, path: &Path) -> Result<(), Error> {
        let wrong = |message: String, hint: &str| -> Result<(), Error> {
            Err(ErrorKind::LoopFile {
                path: path.to_owned(),
                message,
                hint: Some(hint.to_owned()),
            }
            .into())
        };
        let shared = self.as_loop();
        shared.check(path)?;
        for arm in &self.arm {
            check_name(&arm.name, path)?;
            if arm.name == super::FULL {
                return wrong(
                    format!(
                        "an arm is called `{}`, as the one that learns from the whole pool",
                        super::FULL
                    ),
                    "give it another name; `full_pool = true` adds that one",
                );
            }
            // What a round makes is called EXPERIMENT-ARM-sSEED-rROUND-mMODEL, and a name has at most 100 letters.
            if self.name.len() + arm.name.len() > MOST_LETTERS {
                return wrong(
                    format!(
                        "the names `{}` and `{}` have more than {MOST_LETTERS} letters together",
                        self.name, arm.name
                    ),
                    "shorten one of them",
                );
            }
            arm.strategy.check(shared.fewest_models(), path)?;
            if arm.round.as_ref().is_some_and(|round| round.frames == 0) {
                return wrong(format!("`round.frames` of arm `{}` is 0", arm.name), "give at least 1");
            }
        }
        let names: Vec<&str> = self.arm.iter().map(|arm| arm.name.as_str()).collect();
        if let Some(twice) = (0..names.len()).find(|at| names[..*at].contains(&names[*at])) {
            return wrong(format!("two arms are called `{}`", names[twice]), "name them apart");
        }
        if !names.contains(&self.baseline.as_str()) {
            return wrong(
                format!("the baseline `{}` is no arm", self.baseline),
                &format!("the arms are {}", names.join(", ")),
            );
        }
        let mut seeds = self.seeds.clone();
        seeds.sort_unstable();
        seeds.dedup();
        if seeds.is_empty() || seeds.len() < self.seeds.len() || seeds.iter().any(|seed| *seed > 1 << 32) {
            return wrong(
                "`seeds` is empty, names a seed twice, or one above 4294967296".to_owned(),
                "give some, each once",
            );
        }
        if self.seeds.len() < 2 {
            return wrong(
                "one seed says nothing of chance".to_owned(),
                "give two, better five, in `seeds`",
            );
        }
        if self.kpi.at_least.is_some() {
            return wrong(
                "`kpi.at_least` ends a loop; an experiment runs all rounds".to_owned(),
                "leave it out",
            );
        }
        if self.rounds == 0 {
            return wrong("`rounds` is 0".to_owned(), "give at least 1");
        }
        if !(0.0..=0.5).contains(&self.own_fold) {
            return wrong(format!("`own_fold` is {}", self.own_fold), "give 0 to 0.5");
        }
        if !(self.confidence > 0.5 && self.confidence < 1.0) {
            return wrong(
                format!("`confidence` is {}", self.confidence),
                "give more than 0.5 and less than 1",
            );
        }
        Ok(())
    }

    /// The loop that all arms share, without a strategy of its own.
    pub(super) fn as_loop(&self) -> LoopFile {
        LoopFile {
            name: self.name.clone(),
            seed: 0,
            record: self.record.clone(),
            pool: self.pool.clone(),
            seed_set: self.seed_set.clone(),
            test: self.test.clone(),
            labels: self.labels.clone(),
            model: self.model.clone(),
            past: self.past.clone(),
            // Arms have their own.
            strategy: Strategy::Random(ByLot {}),
            round: self.round.clone(),
            stop: Stop {
                rounds: self.rounds,
                kpi: self.kpi.clone(),
                ..Stop::default()
            },
            compute: self.compute.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_experiments_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/experiments");
        let mut read = 0;
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            if !text.contains("[[arm]]") {
                continue;
            }
            let file = ExperimentFile::read(&path).unwrap();
            let named = [&file.model.config]
                .into_iter()
                .chain(&file.model.later)
                .chain(file.past.iter().map(|past| &past.config))
                .chain(file.record.iter().map(|record| &record.world));
            for name in named {
                assert!(
                    folder.join(name).is_file(),
                    "{} names {}",
                    path.display(),
                    name.display()
                );
            }
            read += 1;
        }
        assert!(read >= 3, "only {read} experiments in {}", folder.display());
    }
}
