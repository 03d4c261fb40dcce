//! Arms against the baseline.

use guideway_eval::arms::{Estimate, Paired, Ratio, cost_to_reach, holm, mean_interval, paired, ratio_of_means};
use serde::Serialize;

use super::file::ExperimentFile;
use super::{CourseResult, ExperimentReport, FULL};
use crate::rounds::{Ground, Round};

/// The name of the KPI among the compared numbers.
const KPI: &str = "KPI";

/// The name of the mean over all classes on all test frames, where the KPI is not that.
const ALL: &str = "all classes";

/// An arm after its last round: means over the seeds.
#[derive(Debug, Clone, Serialize)]
pub struct ArmSummary {
    /// The arm.
    pub arm: String,
    /// Frames labelled after the seed set, the mean over the seeds.
    pub frames: f64,
    /// Their price, the mean over the seeds.
    pub labels: f64,
    /// The price of labels against the baseline's: 1 is equal.
    pub labels_to_baseline: Option<f64>,
    /// The KPI before the first choice.
    pub before: Option<Estimate>,
    /// The KPI after the last round.
    pub after: Option<Estimate>,
    /// The gain in the KPI.
    pub gain: Option<Estimate>,
    /// The gain of each class on the neutral test set.
    pub gains: Vec<(String, Option<Estimate>)>,
    /// The gain of each class on the arm's own fold: not comparable between arms, since each has frames of its own.
    pub own_gains: Vec<(String, Option<Estimate>)>,
}

/// An arm against the baseline, paired by seed.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The arm.
    pub arm: String,
    /// The round.
    pub round: u32,
    /// The KPI, `all classes`, or a class.
    pub what: String,
    /// The arm's number less the baseline's.
    pub difference: Option<Paired>,
    /// Holm's p value, over all arms and rounds of the same number.
    pub p_adjusted: Option<f64>,
    /// The arm's gain since the first training over the baseline's, with Fieller's interval; none where the baseline gains nothing.
    pub gain_ratio: Option<Ratio>,
}

/// What a course's first and last models do on frames that the course itself chose.
#[derive(Debug, Clone, Serialize)]
pub struct OwnFold {
    /// Number of frames.
    pub frames: u64,
    /// Metric of each class before the first choice.
    pub before: Vec<(String, Option<f64>)>,
    /// After the last round.
    pub after: Vec<(String, Option<f64>)>,
}

/// Which part of the pool an arm needs.
#[derive(Debug, Clone, Serialize)]
pub struct PoolShare {
    /// The arm.
    pub arm: String,
    /// The mean KPI with the whole pool.
    pub full: f64,
    /// The part of the pool at which the arm's mean KPI reaches that, by linear interpolation between rounds; none when it does not.
    pub share: Option<f64>,
    /// The arm's mean KPI after its last round.
    pub last: f64,
    /// The part of the pool labelled by then.
    pub last_share: f64,
    /// That KPI less the one with the whole pool, paired by seed.
    pub difference: Option<Paired>,
}

/// A number of a round, of its first so many models: the KPI, or a class's metric.
fn value(round: &Round, what: &str, models: usize) -> Option<f64> {
    if what == KPI {
        return average(round.by_model.iter().take(models).copied());
    }
    let each = round.classes_by_model.iter().take(models);
    if what == ALL {
        return average(each.flatten().map(|(_, value)| *value));
    }
    average(each.map(|classes| of(classes, what)))
}

/// The mean of the values that there are: a class that is not in the test set has none.
fn average(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.flatten().collect();
    (!values.is_empty()).then(|| mean(values.into_iter()))
}

/// A class's metric in a list.
fn of(list: &[(String, Option<f64>)], class: &str) -> Option<f64> {
    list.iter().find(|(name, _)| name == class)?.1
}

/// The gains of a number over the seeds; none when a seed has none. Where a round has fewer models than the first, they are compared with those that they
/// come from.
fn gains(courses: &[&CourseResult], what: &str, round: usize) -> Option<Vec<f64>> {
    let gain = |course: &&CourseResult| {
        let (first, last) = (course.rounds.first()?, course.rounds.get(round)?);
        let models = last.models.len().min(first.models.len());
        Some(value(last, what, usize::MAX)? - value(first, what, models)?)
    };
    courses
        .iter()
        .filter(|_| round > 0)
        .map(gain)
        .collect::<Option<Vec<f64>>>()
        .filter(|gains| !gains.is_empty())
}

pub(super) fn compare(file: &ExperimentFile, ground: &Ground<'_>, courses: Vec<CourseResult>) -> ExperimentReport {
    let of_arm = |arm: &str| -> Vec<&CourseResult> { courses.iter().filter(|course| course.arm == arm).collect() };
    let baseline = of_arm(&file.baseline);
    let classes = ground.classes();
    // Courses come arm after arm.
    let mut names: Vec<&str> = courses.iter().map(|course| course.arm.as_str()).collect();
    names.dedup();
    let confidence = file.confidence;
    let paid = |courses: &[&CourseResult]| mean(courses.iter().map(|course| labels(course)));
    let arms = names.iter().map(|arm| {
        let courses = of_arm(arm);
        let last = courses
            .iter()
            .map(|course| course.rounds.len())
            .min()
            .unwrap_or(1)
            .saturating_sub(1);
        let models = courses
            .iter()
            .filter_map(|course| course.rounds.get(last))
            .map(|round| round.models.len())
            .min()
            .unwrap_or(usize::MAX);
        let kpis = |round: usize| -> Option<Vec<f64>> {
            courses
                .iter()
                .map(|course| value(course.rounds.get(round)?, KPI, models))
                .collect()
        };
        let interval = |values: Option<Vec<f64>>| mean_interval(&values?, confidence);
        let own = |class: &str| -> Option<Vec<f64>> {
            courses
                .iter()
                .map(|course| {
                    let own = course.own.as_ref()?;
                    Some(of(&own.after, class)? - of(&own.before, class)?)
                })
                .collect()
        };
        let reference = paid(&baseline);
        ArmSummary {
            arm: (*arm).to_owned(),
            frames: mean(
                courses
                    .iter()
                    .map(|c| c.rounds.iter().skip(1).map(|round| round.frames as f64).sum()),
            ),
            labels: paid(&courses),
            labels_to_baseline: (reference > 0.0).then(|| paid(&courses) / reference),
            before: interval(kpis(0)),
            after: interval(kpis(last)),
            gain: interval(gains(&courses, KPI, last)),
            gains: classes
                .iter()
                .map(|class| (class.clone(), interval(gains(&courses, class, last))))
                .collect(),
            own_gains: classes
                .iter()
                .filter(|_| file.own_fold > 0.0)
                .map(|class| (class.clone(), interval(own(class))))
                .collect(),
        }
    });
    let arms: Vec<ArmSummary> = arms.collect();
    let mut comparisons = Vec::new();
    let numbers = [KPI].into_iter().chain((!ground.kpi_is_all()).then_some(ALL));
    for what in numbers.chain(classes.iter().map(String::as_str)) {
        let first = comparisons.len();
        for arm in file.arm.iter().filter(|arm| arm.name != file.baseline) {
            for round in 1..=file.rounds {
                let (own, others) = (
                    gains(&of_arm(&arm.name), what, round as usize),
                    gains(&baseline, what, round as usize),
                );
                let both = own.zip(others);
                comparisons.push(Comparison {
                    arm: arm.name.clone(),
                    round,
                    what: what.to_owned(),
                    // Both began alike: the difference of the gains is that of the numbers.
                    difference: both.as_ref().and_then(|(own, others)| paired(own, others, confidence)),
                    p_adjusted: None,
                    gain_ratio: both
                        .as_ref()
                        // Twice the loss is not twice as good.
                        .filter(|(_, others)| mean(others.iter().copied()) > 0.0)
                        .and_then(|(own, others)| ratio_of_means(own, others, confidence)),
                });
            }
        }
        let tested: Vec<usize> = (first..comparisons.len())
            .filter(|at| comparisons[*at].difference.is_some())
            .collect();
        let p_values: Vec<f64> = tested
            .iter()
            .filter_map(|at| {
                comparisons[*at]
                    .difference
                    .as_ref()
                    .map(|difference| difference.p_value)
            })
            .collect();
        for (at, p) in tested.into_iter().zip(holm(&p_values)) {
            comparisons[at].p_adjusted = Some(p);
        }
    }
    let pool_shares = pool_shares(file, ground, &courses);
    ExperimentReport {
        name: file.name.clone(),
        kpi: ground.kpi_name(),
        confidence,
        baseline: file.baseline.clone(),
        currency: ground.currency().code().to_owned(),
        frames: [ground.pool_frames, ground.test_frames()],
        arms,
        comparisons,
        pool_shares,
        courses,
        reports: Vec::new(),
    }
}

/// What labels cost after the seed set.
fn labels(course: &CourseResult) -> f64 {
    let micros: i64 = course.rounds.iter().skip(1).map(|round| round.cost.labels_micros).sum();
    micros as f64 * 1e-6
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1);
    values.sum::<f64>() / count as f64
}

/// Mean KPI of an arm by round, against the mean of something that the rounds up to it amount to: only rounds that every seed has.
pub(super) fn curve(courses: &[&CourseResult], amount: impl Fn(&[Round]) -> f64) -> Vec<(f64, f64)> {
    let rounds = courses.iter().map(|course| course.rounds.len()).min().unwrap_or(0);
    let at = |round: usize| -> Option<(f64, f64)> {
        let kpis: Option<Vec<f64>> = courses.iter().map(|course| course.rounds[round].kpi).collect();
        let x = mean(courses.iter().map(|course| amount(&course.rounds[..=round])));
        Some((x, mean(kpis?.into_iter())))
    };
    (0..rounds).filter_map(at).collect()
}

fn pool_shares(file: &ExperimentFile, ground: &Ground<'_>, courses: &[CourseResult]) -> Vec<PoolShare> {
    let of_arm = |arm: &str| -> Vec<&CourseResult> { courses.iter().filter(|course| course.arm == arm).collect() };
    // A seed set of its own is no part of the pool.
    let from_pool = file.seed_set.record.is_empty() && file.seed_set.from.is_none();
    let frames = |rounds: &[Round]| {
        let labelled: u64 = rounds
            .iter()
            .skip(usize::from(!from_pool))
            .map(|round| round.frames)
            .sum();
        labelled as f64
    };
    let curve = |courses: &[&CourseResult]| curve(courses, frames);
    let Some((all, full)) = curve(&of_arm(FULL)).last().copied().filter(|_| file.full_pool) else {
        return Vec::new();
    };
    let pool = (ground.pool_frames as f64).max(all.min(1.0));
    // Courses of one arm come in the order of their seeds.
    let at_the_end = |courses: &[&CourseResult], round: usize| -> Option<Vec<f64>> {
        courses.iter().map(|course| course.rounds.get(round)?.kpi).collect()
    };
    let whole = at_the_end(&of_arm(FULL), 1);
    let shares = file.arm.iter().filter_map(|arm| {
        let courses = of_arm(&arm.name);
        let curve = curve(&courses);
        let (labelled, last) = curve.last().copied()?;
        let own = at_the_end(&courses, curve.len() - 1);
        Some(PoolShare {
            arm: arm.name.clone(),
            full,
            share: cost_to_reach(&curve, full).map(|frames| frames / pool),
            last,
            last_share: labelled / pool,
            difference: own
                .zip(whole.as_ref())
                .and_then(|(own, whole)| paired(&own, whole, file.confidence)),
        })
    });
    shares.collect()
}
