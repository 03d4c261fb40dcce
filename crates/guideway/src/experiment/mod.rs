//! Experiments: arms that choose frames differently, over seeds, on one neutral test set.

mod compare;
mod file;
mod report;

use std::path::{Path, PathBuf};

use guideway_core::{Reporter, Warning};
use serde::Serialize;

pub use self::compare::{ArmSummary, Comparison, OwnFold, PoolShare};
pub use self::file::{Arm, ExperimentFile};
use crate::error::Error;
use crate::rounds::{ByLot, Course, Ground, LoopOptions, Names, OWN_SPLIT, Round, RoundBudget, Step, Strategy};
use crate::side_by_side::{Quiet, side_by_side};
use crate::workspace::Workspace;

/// The arm that learns from the whole pool, in one round.
const FULL: &str = "full-pool";

/// What an arm did with a seed.
#[derive(Debug, Clone, Serialize)]
pub struct CourseResult {
    /// The arm.
    pub arm: String,
    /// The seed.
    pub seed: u64,
    /// Its rounds; the first is shared with the other arms of the seed.
    pub rounds: Vec<Round>,
    /// What the arm's own fold says, where it has one.
    pub own: Option<OwnFold>,
}

/// An experiment that was run.
#[derive(Debug, Clone, Serialize)]
pub struct ExperimentReport {
    /// Its name.
    pub name: String,
    /// What the KPI is.
    pub kpi: String,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// The arm that the others are compared with.
    pub baseline: String,
    /// The currency of all costs.
    pub currency: String,
    /// Frames in the pool, and in the test set.
    pub frames: [u64; 2],
    /// The arms after the last round.
    pub arms: Vec<ArmSummary>,
    /// The arms against the baseline, for the KPI and for each class, in every round.
    pub comparisons: Vec<Comparison>,
    /// Which part of the pool an arm needs to be as good as all of it.
    pub pool_shares: Vec<PoolShare>,
    /// Every course.
    pub courses: Vec<CourseResult>,
    /// The report: HTML and Markdown, and all numbers as JSON.
    pub reports: Vec<PathBuf>,
}

impl Workspace {
    /// Runs an experiment: every arm with every seed, as loops do, and compares them on the neutral test set.
    ///
    /// Courses run side by side, as many as there are cores; the result does not depend on it. Like a loop, an experiment that was killed goes on where
    /// it was. `each` is told of every round when it ends.
    pub fn run_experiment(
        &self,
        path: &Path,
        options: &LoopOptions,
        reporter: &dyn Reporter,
        each: &(dyn Fn(&str, u64, &Round) + Sync),
    ) -> Result<ExperimentReport, Error> {
        let file = ExperimentFile::read(path)?;
        let ways: Vec<_> = file
            .arm
            .iter()
            .map(|arm| (&arm.strategy, arm.round.as_ref().unwrap_or(&file.round)))
            .collect();
        let shared = file.as_loop();
        let mut ground = Ground::prepare(self, (&shared, path), &ways, options.device.as_deref(), reporter)?;
        ground.keep_own(file.own_fold)?;
        let mut arms = file.arm.clone();
        if file.full_pool {
            arms.push(Arm {
                name: FULL.to_owned(),
                strategy: Strategy::Random(ByLot {}),
                round: Some(RoundBudget {
                    frames: ground.pool_frames as usize,
                    labels: None,
                }),
            });
        }
        // What all arms of a seed share is done first, in the name of one of them.
        let Some(first) = arms.first() else {
            return Err(Error::usage(
                "an experiment without arms",
                "add some `[[arm]]`".to_owned(),
            ));
        };
        let rounds = |arm: &Arm| if arm.name == FULL { 1 } else { file.rounds };
        let total: u64 = arms
            .iter()
            .map(|arm| u64::from(rounds(arm)) * file.seeds.len() as u64)
            .sum();
        let task = reporter.begin("Experiment", Some(total + file.seeds.len() as u64), "rounds");
        let quiet = Quiet::new(reporter);
        let run = |arm: &Arm, seed: u64, rounds: u32| -> Result<Vec<Round>, Error> {
            let budget = arm.round.as_ref().unwrap_or(&file.round);
            let names = Names::arm(
                format!("{}-s{seed}", file.name),
                format!("{}-{}-s{seed}", file.name, arm.name),
            );
            // One round for all of the pool, with as much training as the others' rounds have together.
            let times = if arm.name == FULL { file.rounds } else { 1 };
            let course = Course::new(&ground, (&arm.strategy, budget), names, seed).times(times);
            let mut done: Vec<Round> = Vec::new();
            while done.len() as u32 <= rounds {
                match course.round(&done, None, &quiet)? {
                    Step::Done(round) => {
                        if round.round > 0 || rounds == 0 {
                            each(if rounds == 0 { "all arms" } else { &arm.name }, seed, &round);
                            task.advance(1);
                        }
                        done.push(*round);
                    }
                    Step::TooDear | Step::NothingLeft => {
                        reporter.warn(Warning {
                            code: "few-rounds".to_owned(),
                            message: format!(
                                "{} of {rounds} rounds were run: nothing is left to choose",
                                done.len() - 1
                            ),
                            location: format!("{}, seed {seed}", arm.name),
                            count: 1,
                        });
                        break;
                    }
                }
            }
            Ok(done)
        };
        side_by_side(&file.seeds, ground.threads, |seed| run(first, *seed, 0))?;
        let pairs: Vec<(&Arm, u64)> = arms
            .iter()
            .flat_map(|arm| file.seeds.iter().map(move |seed| (arm, *seed)))
            .collect();
        let courses = side_by_side(&pairs, ground.threads, |(arm, seed)| {
            let rounds = run(arm, *seed, rounds(arm))?;
            let own = if file.own_fold > 0.0 {
                self.own_fold(&ground, &rounds, &quiet)?
            } else {
                None
            };
            Ok(CourseResult {
                arm: arm.name.clone(),
                seed: *seed,
                rounds,
                own,
            })
        })?;
        drop(task);
        let mut report = compare::compare(&file, &ground, courses);
        report.reports = self.write_experiment_report(&file, &ground, &report)?;
        Ok(report)
    }

    /// How the first and the last models of a course do on the frames that the course chose and kept aside.
    fn own_fold(
        &self,
        ground: &Ground<'_>,
        rounds: &[Round],
        reporter: &dyn Reporter,
    ) -> Result<Option<OwnFold>, Error> {
        let (Some(first), Some(last)) = (rounds.first(), rounds.last()) else {
            return Ok(None);
        };
        let dataset = self.dataset(&last.dataset)?;
        let Some(split) = dataset
            .splits
            .iter()
            .find(|split| split.name == OWN_SPLIT && split.frames > 0)
        else {
            return Ok(None);
        };
        let on = format!("{}:{OWN_SPLIT}", last.dataset);
        let of = |round: &Round| -> Result<_, Error> {
            // As many models as the last round has.
            let models = round.models.iter().take(last.models.len());
            let reports = models
                .map(|(name, _)| self.evaluate(name, &on, ground.device(), reporter))
                .collect::<Result<Vec<_>, Error>>()?;
            Ok(ground.by_class(&reports))
        };
        Ok(Some(OwnFold {
            frames: split.frames,
            before: of(first)?,
            after: of(last)?,
        }))
    }
}
