//! Targeted selection: more frames of what a bug looks like.
//!
//! Given are a few query objects that a model got wrong, such as motorcycles at night, and a pool of frames with the embeddings of their
//! regions. Wanted are frames that show the like, and not the same thing again and again. Kothawade et al., "TALISMAN: Targeted Active
//! Learning for Object Detection with Rare Classes and Slices using Submodular Mutual Information", ECCV 2022, take the frames `A` with the
//! greatest mutual information with the queries `Q` under a submodular function; the functions are those of Iyer et al., "Submodular
//! Combinatorial Information Measures with Applications in Machine Learning", ALT 2021, and of Kothawade et al., "PRISM: A Rich Class of
//! Parameterized Submodular Information Measures for Guided Data Subset Selection", AAAI 2022.
//!
//! The similarity `s` of a query object and a frame is the greatest cosine between it and a region of the frame, and 0 where that is
//! negative or where the frame has no region. (TALISMAN takes the maximum over the objects of a query image as well; here each object
//! counts.)

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use rayon::prelude::*;

use crate::distance::product;
use crate::error::{MineError, marked};
use crate::points::{Points, unit_rows};

/// The most frames that [`MutualInformation::FacilityLocation`] takes: it compares each with each, which at this number takes 1 GiB.
pub const MOST_FRAMES_COMPARED: usize = 16_384;

/// Frames that are compared with all others at a time: few enough to stay in the cache.
const TILE: usize = 16;

/// Frames, each with the embeddings of its regions.
#[derive(Debug, Clone, Copy)]
pub struct RegionPool<'a> {
    regions: Points<'a>,
    offsets: &'a [u32],
}

impl<'a> RegionPool<'a> {
    /// The regions of frame `i` are the rows `offsets[i]..offsets[i + 1]`; a frame may have none. One offset more than frames.
    ///
    /// # Errors
    /// [`MineError::Length`] for no offset at all or a last one that is not the number of regions, [`MineError::OutOfRange`] for a first
    /// one that is not 0 or for one below its predecessor.
    pub fn new(regions: Points<'a>, offsets: &'a [u32]) -> Result<Self, MineError> {
        check_offsets(offsets, regions.len())?;
        Ok(Self { regions, offsets })
    }

    /// How many frames.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// No frames at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn regions_of(&self, frame: usize) -> Range<usize> {
        self.offsets[frame] as usize..self.offsets[frame + 1] as usize
    }
}

/// Do offsets cut `rows` rows into pieces?
pub(crate) fn check_offsets(offsets: &[u32], rows: usize) -> Result<(), MineError> {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return Err(MineError::Length {
            what: "offsets",
            expected: 1,
            got: 0,
        });
    };
    let bad = |row: usize, allowed| {
        Err(MineError::OutOfRange {
            what: "offsets",
            row,
            value: f64::from(offsets[row]),
            allowed,
        })
    };
    if *first != 0 {
        return bad(0, "0 for the first");
    }
    if let Some(at) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
        return bad(at + 1, "at least what the row before has");
    }
    crate::error::length("rows that the offsets cut", rows, *last as usize)
}

/// What selected frames `A` and query objects `Q` have in common, to be made great.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MutualInformation {
    /// GCMI, of the graph cut: `2λ · Σ_{a∈A} Σ_{q∈Q} s_qa`. Each frame counts for itself, so that it is a search for the nearest, and takes
    /// the same thing again and again. Memory: 8 bytes a frame.
    GraphCut {
        /// Scales all gains, and changes nothing else. Above 0.
        lambda: f64,
    },
    /// FLQMI, of facility location between queries and frames: `Σ_{q∈Q} max_{a∈A} s_qa + η · Σ_{a∈A} max_{q∈Q} s_qa`. The first part wants
    /// every query object to have a likeness, the second wants every frame to be one. Memory: 4 bytes for each query object and frame.
    FacilityLocationQuery {
        /// How much likeness counts beside coverage of the queries. 0 and more; the usual value is 1.
        eta: f64,
    },
    /// FLVMI, of facility location over the pool: `Σ_{i∈V} min(max_{a∈A} s_ia, η · max_{q∈Q} s_iq)`, over all frames `V` of the pool. A
    /// selected frame stands for the frames like it, as far as these are like a query. The similarity of two frames is the greatest cosine
    /// between their regions, 0 where that is negative. Memory: 4 bytes for each pair of frames counted both ways, a copy of the regions,
    /// and 16 bytes a frame. Time: all pairs of regions. At most [`MOST_FRAMES_COMPARED`] frames.
    FacilityLocation {
        /// How much likeness to a query is worth covering. Above 0; the usual value is 1.
        eta: f64,
    },
}

impl MutualInformation {
    fn check(self) -> Result<(), MineError> {
        let (parameter, value, fits, allowed) = match self {
            Self::GraphCut { lambda } => ("lambda", lambda, lambda > 0.0, "above 0"),
            Self::FacilityLocationQuery { eta } => ("eta", eta, eta >= 0.0, "0 and more"),
            Self::FacilityLocation { eta } => ("eta", eta, eta > 0.0, "above 0"),
        };
        if fits && value.is_finite() {
            return Ok(());
        }
        Err(MineError::Parameter {
            parameter,
            value: value.to_string(),
            allowed,
        })
    }
}

/// What labelling costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs<'a> {
    /// Of each frame, above 0: its number of objects, for one.
    pub each: &'a [f64],
    /// All that may be spent.
    pub budget: f64,
}

/// How much to select, and on what terms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms<'a> {
    /// The function.
    pub information: MutualInformation,
    /// The most frames.
    pub budget: usize,
    /// With costs, frames are taken by gain per cost, and none that what is left cannot pay.
    pub costs: Option<Costs<'a>>,
    /// Frames that are labelled already: never selected, and what they cover is no gain.
    pub labelled: &'a [u32],
}

impl Terms<'_> {
    /// So many frames, all at one price, none labelled before.
    pub fn new(information: MutualInformation, budget: usize) -> Self {
        Self {
            information,
            budget,
            costs: None,
            labelled: &[],
        }
    }
}

/// A selected frame.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Pick {
    /// The frame.
    pub frame: u32,
    /// By how much the function grew.
    pub gain: f64,
    /// Why it was picked; `None` when it is like no query object.
    pub likeness: Option<Likeness>,
}

/// What a frame has of a query object.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Likeness {
    /// The query object that the frame resembles most, of equal ones the lowest.
    pub query: u32,
    /// The region that resembles it: a row of the pool's regions.
    pub region: u32,
    /// Cosine of the two, above 0.
    pub similarity: f32,
}

/// Selects frames one after the other, each the one with the greatest gain (per cost, where costs are given), of equal ones the lowest row.
/// Stops when the budget is reached, or when nothing is left that can be paid: frames without any likeness to a query are taken last, with
/// a gain of 0.
///
/// Gains only fall as more is selected, so that an old gain is an upper bound, and few need to be computed anew at each step: Minoux,
/// "Accelerated greedy algorithms for maximizing submodular set functions", 1978. Every gain is summed in one fixed order, and rounding
/// keeps order, so that this holds for the computed numbers too: the result is exactly the greedy one, on any number of threads.
///
/// Gain per cost is the rule of Leskovec et al., "Cost-effective Outbreak Detection in Networks", KDD 2007. Alone it gives no guarantee:
/// where costs differ much, compare its sum of gains with that of a selection without costs.
///
/// ```
/// use guideway_mine::Points;
/// use guideway_mine::targeted::{MutualInformation, RegionPool, Terms, select};
/// let queries = Points::new(&[1.0, 0.0, 0.0, 1.0], 2)?;
/// // Three frames: two regions, none, one region.
/// let regions = Points::new(&[-1.0, 0.0, 2.0, 0.0, 0.0, 3.0], 2)?;
/// let pool = RegionPool::new(regions, &[0, 2, 2, 3])?;
/// let picks = select(queries, &pool, &Terms::new(MutualInformation::FacilityLocationQuery { eta: 1.0 }, 2))?;
/// assert_eq!(picks.iter().map(|pick| pick.frame).collect::<Vec<_>>(), [0, 2]);
/// let why = picks[0].likeness.ok_or("alike")?;
/// assert_eq!((why.query, why.region, why.similarity), (0, 1, 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`MineError::Parameter`] for a budget of 0, no query, or a parameter of the function, [`MineError::Length`] for queries and regions, or
/// costs and frames, that do not fit, [`MineError::OutOfRange`] for costs and labelled rows, [`MineError::TooManyRows`].
pub fn select(queries: Points<'_>, pool: &RegionPool<'_>, terms: &Terms<'_>) -> Result<Vec<Pick>, MineError> {
    terms.information.check()?;
    let is_labelled = check(queries, pool, terms)?;
    let likeness = Similarity::new(queries, pool);
    let selected = match terms.information {
        MutualInformation::GraphCut { lambda } => {
            let factor = 2.0 * lambda;
            let sum = |s: &[f32]| s.iter().fold(0.0, |sum, s| sum + f64::from(*s));
            let mut gains = GraphCut(likeness.of_frames(|s| factor * sum(s)));
            greedy(&mut gains, &is_labelled, terms)
        }
        MutualInformation::FacilityLocationQuery { eta } => {
            let similarities = likeness.all();
            let mut gains = FacilityLocationQuery {
                width: queries.len(),
                likeness: similarities
                    .chunks_exact(queries.len())
                    .map(|s| eta * greatest(s))
                    .collect(),
                similarities,
                covered: vec![0.0; queries.len()],
            };
            greedy(&mut gains, &is_labelled, terms)
        }
        MutualInformation::FacilityLocation { eta } => {
            let mut gains = FacilityLocation {
                similarities: between_frames(pool),
                worth: likeness.of_frames(|s| eta * greatest(s)),
                covered: vec![0.0; pool.len()],
            };
            greedy(&mut gains, &is_labelled, terms)
        }
    };
    let pick = |(frame, gain): (u32, f64)| Pick {
        frame,
        gain,
        likeness: likeness.why(frame as usize),
    };
    Ok(selected.into_iter().map(pick).collect())
}

/// Do the arrays fit? Gives which frames are labelled.
fn check(queries: Points<'_>, pool: &RegionPool<'_>, terms: &Terms<'_>) -> Result<Vec<bool>, MineError> {
    let parameter = |parameter, value: String, allowed| {
        Err(MineError::Parameter {
            parameter,
            value,
            allowed,
        })
    };
    if terms.budget == 0 {
        return parameter("budget", "0".to_owned(), "1 and more");
    }
    if queries.is_empty() {
        return parameter("queries", "0 objects".to_owned(), "1 object and more");
    }
    crate::error::length("a row of the queries", queries.width(), pool.regions.width())?;
    let limit = match terms.information {
        MutualInformation::FacilityLocation { .. } => MOST_FRAMES_COMPARED,
        _ => u32::MAX as usize,
    };
    if pool.len() > limit {
        return Err(MineError::TooManyRows {
            rows: pool.len(),
            limit,
        });
    }
    if let Some(costs) = terms.costs {
        crate::error::length("costs", costs.each.len(), pool.len())?;
        if let Some(row) = costs.each.iter().position(|cost| !(*cost > 0.0 && cost.is_finite())) {
            return Err(MineError::OutOfRange {
                what: "costs",
                row,
                value: costs.each[row],
                allowed: "above 0",
            });
        }
        // NaN is in no range.
        if !(0.0..=f64::INFINITY).contains(&costs.budget) {
            return parameter("cost budget", costs.budget.to_string(), "0 and more");
        }
    }
    marked(terms.labelled, pool.len())
}

fn greatest(similarities: &[f32]) -> f64 {
    f64::from(similarities.iter().copied().fold(0.0, f32::max))
}

/// Cosine of two vectors of length 1 (or 0), 0 where it is negative.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    // Rounding may carry the cosine of a vector with itself over 1.
    product(a, b).clamp(0.0, 1.0)
}

/// Similarities of query objects and frames.
struct Similarity<'a> {
    queries: Vec<f32>,
    count: usize,
    pool: RegionPool<'a>,
}

impl<'a> Similarity<'a> {
    fn new(queries: Points<'_>, pool: &RegionPool<'a>) -> Self {
        Self {
            queries: unit_rows(&queries),
            count: queries.len(),
            pool: *pool,
        }
    }

    /// Calls with region, query object and cosine for all pairs of a frame. Regions are scaled one by one: a copy of all would be large.
    fn each(&self, frame: usize, unit: &mut Vec<f32>, mut found: impl FnMut(usize, usize, f32)) {
        let width = self.pool.regions.width();
        for region in self.pool.regions_of(frame) {
            let row = self.pool.regions.row(region);
            let length = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
            unit.clear();
            unit.extend(row.iter().map(|v| (f64::from(*v) * scale) as f32));
            for (query, object) in self.queries.chunks_exact(width).enumerate() {
                found(region, query, cosine(unit, object));
            }
        }
    }

    fn of(&self, frame: usize, unit: &mut Vec<f32>, out: &mut [f32]) {
        out.fill(0.0);
        self.each(frame, unit, |_, query, s| out[query] = out[query].max(s));
    }

    /// One number for each frame, from its similarities to all query objects.
    fn of_frames(&self, number: impl Fn(&[f32]) -> f64 + Sync) -> Vec<f64> {
        (0..self.pool.len())
            .into_par_iter()
            .map_init(
                || (Vec::new(), vec![0.0; self.count]),
                |(unit, similarities), frame| {
                    self.of(frame, unit, similarities);
                    number(similarities)
                },
            )
            .collect()
    }

    /// All of them, frame by frame.
    fn all(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.pool.len() * self.count];
        out.par_chunks_exact_mut(self.count)
            .enumerate()
            .for_each_init(Vec::new, |unit, (frame, out)| self.of(frame, unit, out));
        out
    }

    fn why(&self, frame: usize) -> Option<Likeness> {
        let mut best: Option<Likeness> = None;
        self.each(frame, &mut Vec::new(), |region, query, similarity| {
            let is_better = |best: &Likeness| {
                similarity > best.similarity || (similarity == best.similarity && (query as u32) < best.query)
            };
            if similarity > 0.0 && best.as_ref().is_none_or(is_better) {
                best = Some(Likeness {
                    query: query as u32,
                    region: region as u32,
                    similarity,
                });
            }
        });
        best
    }
}

/// A monotone submodular function, by what a frame would add to it. The computed gain must never grow as frames are taken.
trait Gains: Sync {
    fn gain(&self, frame: usize) -> f64;
    fn take(&mut self, frame: usize);
}

/// Gains do not depend on what is taken.
struct GraphCut(Vec<f64>);

impl Gains for GraphCut {
    fn gain(&self, frame: usize) -> f64 {
        self.0[frame]
    }

    fn take(&mut self, _frame: usize) {}
}

struct FacilityLocationQuery {
    /// Query objects.
    width: usize,
    /// Frame by frame.
    similarities: Vec<f32>,
    /// η times the greatest similarity of each frame.
    likeness: Vec<f64>,
    /// The greatest similarity of each query object to a frame that is taken.
    covered: Vec<f32>,
}

impl FacilityLocationQuery {
    fn of(&self, frame: usize) -> &[f32] {
        &self.similarities[frame * self.width..(frame + 1) * self.width]
    }
}

impl Gains for FacilityLocationQuery {
    fn gain(&self, frame: usize) -> f64 {
        let more = |(s, covered): (&f32, &f32)| (f64::from(*s) - f64::from(*covered)).max(0.0);
        let terms = self.of(frame).iter().zip(&self.covered).map(more);
        terms.fold(0.0, |sum, more| sum + more) + self.likeness[frame]
    }

    fn take(&mut self, frame: usize) {
        let of = &self.similarities[frame * self.width..(frame + 1) * self.width];
        for (covered, s) in self.covered.iter_mut().zip(of) {
            *covered = covered.max(*s);
        }
    }
}

struct FacilityLocation {
    /// Of all frames to all frames.
    similarities: Vec<f32>,
    /// What covering a frame is worth at most: η times its greatest similarity to a query object.
    worth: Vec<f64>,
    /// How much of that is covered by what is taken.
    covered: Vec<f64>,
}

/// Similarities of all frames to all frames, frame by frame.
fn between_frames(pool: &RegionPool<'_>) -> Vec<f32> {
    let (frames, width) = (pool.len(), pool.regions.width());
    let units = unit_rows(&pool.regions);
    let regions = |frame: usize| {
        let rows = pool.regions_of(frame);
        units[rows.start * width..rows.end * width].chunks_exact(width)
    };
    let similarity = |a: usize, b: usize| {
        let mut best = 0.0_f32;
        for x in regions(a) {
            for y in regions(b) {
                best = best.max(cosine(x, y));
            }
        }
        best
    };
    let mut out = vec![0.0; frames * frames];
    // No chunk may be empty, not even of no frames.
    let tiles = out.par_chunks_mut((TILE * frames).max(1)).enumerate();
    tiles.for_each(|(tile, out)| {
        for b in tile * TILE..frames {
            for (i, out) in out.chunks_exact_mut(frames).enumerate() {
                out[b] = similarity(tile * TILE + i, b);
            }
        }
    });
    // The other half is the same. Square by square, as one side of the copy jumps from line to line.
    for start in (0..frames).step_by(TILE) {
        for from in (0..start).step_by(TILE) {
            for b in start..(start + TILE).min(frames) {
                for a in from..from + TILE {
                    out[b * frames + a] = out[a * frames + b];
                }
            }
        }
    }
    out
}

impl FacilityLocation {
    fn of(&self, frame: usize) -> &[f32] {
        let frames = self.covered.len();
        &self.similarities[frame * frames..(frame + 1) * frames]
    }
}

impl Gains for FacilityLocation {
    fn gain(&self, frame: usize) -> f64 {
        let limits = self.worth.iter().zip(&self.covered);
        let more = |(s, (worth, covered)): (&f32, (&f64, &f64))| (f64::from(*s).min(*worth) - covered).max(0.0);
        let terms = self.of(frame).iter().zip(limits).map(more);
        terms.fold(0.0, |sum, more| sum + more)
    }

    fn take(&mut self, frame: usize) {
        let frames = self.covered.len();
        let of = &self.similarities[frame * frames..(frame + 1) * frames];
        for ((covered, worth), s) in self.covered.iter_mut().zip(&self.worth).zip(of) {
            *covered = covered.max(f64::from(*s).min(*worth));
        }
    }
}

/// A frame that waits to be selected.
struct Waiting {
    /// Gain per cost, of the round in which it was computed: an upper bound in later ones.
    key: f64,
    gain: f64,
    frame: u32,
    round: usize,
}

impl Ord for Waiting {
    /// The greater one is taken first: the greater key, then the lower row.
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.total_cmp(&other.key).then(other.frame.cmp(&self.frame))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

/// Frames and their gains, in the order in which they are taken.
fn greedy<G: Gains>(gains: &mut G, is_labelled: &[bool], terms: &Terms<'_>) -> Vec<(u32, f64)> {
    for frame in terms.labelled {
        gains.take(*frame as usize);
    }
    let waiting = |gains: &G, frame: usize, round| {
        let gain = gains.gain(frame);
        Waiting {
            key: terms.costs.map_or(gain, |costs| gain / costs.each[frame]),
            gain,
            frame: frame as u32,
            round,
        }
    };
    let all: Vec<Waiting> = (0..is_labelled.len())
        .into_par_iter()
        .filter(|frame| !is_labelled[*frame])
        .map(|frame| waiting(gains, frame, 0))
        .collect();
    let mut queue = BinaryHeap::from(all);
    let mut selected = Vec::new();
    let mut spent = 0.0;
    while selected.len() < terms.budget {
        let Some(top) = queue.pop() else { break };
        let frame = top.frame as usize;
        let cost = terms.costs.map_or(0.0, |costs| costs.each[frame]);
        // What cannot be paid now cannot be paid later either.
        if terms.costs.is_some_and(|costs| spent + cost > costs.budget) {
            continue;
        }
        if top.round < selected.len() {
            queue.push(waiting(gains, frame, selected.len()));
            continue;
        }
        gains.take(frame);
        spent += cost;
        selected.push((top.frame, top.gain));
    }
    selected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: usize = 4;

    /// Vectors whose cosines are 0, ±½ and ±1, so that all sums are exact and many are equal.
    fn vector() -> impl Strategy<Value = [f32; WIDTH]> {
        let sign = || prop_oneof![Just(-1.0_f32), Just(1.0)];
        prop_oneof![
            5 => (0..WIDTH, sign(), 1_u8..4).prop_map(|(at, sign, scale)| {
                let mut v = [0.0; WIDTH];
                v[at] = sign * f32::from(scale);
                v
            }),
            5 => [sign(), sign(), sign(), sign()],
            1 => Just([0.0; WIDTH]),
        ]
    }

    fn information() -> impl Strategy<Value = MutualInformation> {
        let eta = || prop_oneof![Just(0.25), Just(0.5), Just(1.0), Just(2.0)];
        prop_oneof![
            eta().prop_map(|lambda| MutualInformation::GraphCut { lambda }),
            prop_oneof![Just(0.0), eta()].prop_map(|eta| MutualInformation::FacilityLocationQuery { eta }),
            eta().prop_map(|eta| MutualInformation::FacilityLocation { eta }),
        ]
    }

    struct Case {
        queries: Vec<[f32; WIDTH]>,
        frames: Vec<Vec<[f32; WIDTH]>>,
    }

    fn plain_cosine(a: &[f32; WIDTH], b: &[f32; WIDTH]) -> f64 {
        let dot = |a: &[f32; WIDTH], b: &[f32; WIDTH]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        let lengths = (dot(a, a) * dot(b, b)).sqrt();
        if lengths > 0.0 {
            (dot(a, b) / lengths).max(0.0)
        } else {
            0.0
        }
    }

    impl Case {
        fn to_query(&self, q: usize, frame: usize) -> f64 {
            self.frames[frame]
                .iter()
                .map(|r| plain_cosine(&self.queries[q], r))
                .fold(0.0, f64::max)
        }

        fn to_frame(&self, a: usize, b: usize) -> f64 {
            let pairs = self.frames[a]
                .iter()
                .flat_map(|x| self.frames[b].iter().map(move |y| (x, y)));
            pairs.map(|(x, y)| plain_cosine(x, y)).fold(0.0, f64::max)
        }

        /// The functions as they are defined.
        fn value(&self, information: MutualInformation, a: &[usize]) -> f64 {
            let queries = 0..self.queries.len();
            let likeness = |frame| queries.clone().map(|q| self.to_query(q, frame)).fold(0.0, f64::max);
            match information {
                MutualInformation::GraphCut { lambda } => {
                    let pairs = a
                        .iter()
                        .flat_map(|frame| queries.clone().map(|q| self.to_query(q, *frame)));
                    2.0 * lambda * pairs.sum::<f64>()
                }
                MutualInformation::FacilityLocationQuery { eta } => {
                    let coverage = queries
                        .clone()
                        .map(|q| a.iter().map(|f| self.to_query(q, *f)).fold(0.0, f64::max));
                    coverage.sum::<f64>() + eta * a.iter().map(|f| likeness(*f)).sum::<f64>()
                }
                MutualInformation::FacilityLocation { eta } => (0..self.frames.len())
                    .map(|i| {
                        a.iter()
                            .map(|f| self.to_frame(i, *f))
                            .fold(0.0, f64::max)
                            .min(eta * likeness(i))
                    })
                    .sum(),
            }
        }

        fn plain(&self, terms: &Terms<'_>) -> Vec<(u32, f64)> {
            let mut taken: Vec<usize> = terms.labelled.iter().map(|f| *f as usize).collect();
            let mut out = Vec::new();
            let mut spent = 0.0;
            while out.len() < terms.budget {
                let before = self.value(terms.information, &taken);
                let mut best: Option<(f64, f64, usize)> = None;
                for frame in (0..self.frames.len()).filter(|f| !taken.contains(f)) {
                    let cost = terms.costs.map_or(1.0, |costs| costs.each[frame]);
                    if terms.costs.is_some_and(|costs| spent + cost > costs.budget) {
                        continue;
                    }
                    let mut with = taken.clone();
                    with.push(frame);
                    let gain = self.value(terms.information, &with) - before;
                    if best.is_none_or(|(key, _, _)| gain / cost > key) {
                        best = Some((gain / cost, gain, frame));
                    }
                }
                let Some((_, gain, frame)) = best else { break };
                spent += terms.costs.map_or(0.0, |costs| costs.each[frame]);
                taken.push(frame);
                out.push((frame as u32, gain));
            }
            out
        }
    }

    fn flat(frames: &[Vec<[f32; WIDTH]>]) -> (Vec<f32>, Vec<u32>) {
        let mut offsets = vec![0];
        let mut values = Vec::new();
        for frame in frames {
            values.extend(frame.iter().flatten());
            offsets.push((values.len() / WIDTH) as u32);
        }
        (values, offsets)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn the_result_is_the_greedy_one(
            queries in prop::collection::vec(vector(), 1..5),
            frames in prop::collection::vec(prop::collection::vec(vector(), 0..4), 0..12),
            information in information(), budget in 1_usize..15,
            costs in prop::option::of((prop::collection::vec(1_u8..4, 12), 0_u8..20)),
            labelled in prop::collection::btree_set(0_u32..12, 0..4),
        ) {
            let case = Case { queries, frames };
            let costs = costs.map(|(each, budget)| {
                let each: Vec<f64> = each[..case.frames.len()].iter().map(|c| f64::from(*c)).collect();
                (each, f64::from(budget))
            });
            let labelled: Vec<u32> = labelled.into_iter().filter(|f| (*f as usize) < case.frames.len()).collect();
            let terms = Terms {
                information,
                budget,
                costs: costs.as_ref().map(|(each, budget)| Costs { each, budget: *budget }),
                labelled: &labelled,
            };
            let (values, offsets) = flat(&case.frames);
            let flat_queries: Vec<f32> = case.queries.iter().flatten().copied().collect();
            let pool = RegionPool::new(Points::new(&values, WIDTH).unwrap(), &offsets).unwrap();
            let picks = select(Points::new(&flat_queries, WIDTH).unwrap(), &pool, &terms).unwrap();
            let got: Vec<(u32, f64)> = picks.iter().map(|pick| (pick.frame, pick.gain)).collect();
            prop_assert_eq!(got, case.plain(&terms));
            for pick in picks {
                let to: Vec<f64> = (0..case.queries.len()).map(|q| case.to_query(q, pick.frame as usize)).collect();
                let best = to.iter().copied().fold(0.0, f64::max);
                prop_assert_eq!(pick.likeness.map_or(0.0, |l| f64::from(l.similarity)), best);
                if let Some(why) = pick.likeness {
                    prop_assert_eq!(why.query as usize, to.iter().position(|s| *s == best).unwrap());
                    let region = &values[why.region as usize * WIDTH..][..WIDTH];
                    let region: &[f32; WIDTH] = region.try_into().unwrap();
                    prop_assert_eq!(plain_cosine(&case.queries[why.query as usize], region), best);
                    prop_assert!((offsets[pick.frame as usize]..offsets[pick.frame as usize + 1]).contains(&why.region));
                }
            }
        }
    }

    fn random(count: usize, seed: u64) -> Vec<f32> {
        use rand::{RngExt as _, SeedableRng as _};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| rng.random::<f32>() - 0.5).collect()
    }

    #[test]
    fn many_frames_on_any_number_of_threads() {
        let (values, queries) = (random(2 * 700 * 24, 1), random(9 * 24, 2));
        let offsets: Vec<u32> = (0..=700).map(|i| 2 * i).collect();
        let pool = RegionPool::new(Points::new(&values, 24).unwrap(), &offsets).unwrap();
        let queries = Points::new(&queries, 24).unwrap();
        for information in [
            MutualInformation::GraphCut { lambda: 1.0 },
            MutualInformation::FacilityLocationQuery { eta: 0.1 },
            MutualInformation::FacilityLocation { eta: 0.7 },
        ] {
            let with = |threads: usize| {
                let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                threads.install(|| select(queries, &pool, &Terms::new(information, 50)).unwrap())
            };
            let one = with(1);
            assert_eq!(one, with(4));
            // Random numbers, so that the lazy queue has much to compute anew: every gain must be the greatest there is.
            assert!(one.windows(2).all(|pair| pair[0].gain >= pair[1].gain));
        }
    }

    #[test]
    fn frames_are_as_similar_one_way_as_the_other() {
        // More frames than a tile, and the last tile is not full.
        const FRAMES: usize = 2 * TILE + 5;
        let values = random(3 * FRAMES / 2 * WIDTH, 3);
        let offsets: Vec<u32> = (0..=FRAMES as u32).map(|i| 3 * i / 2).collect();
        let pool = RegionPool::new(Points::new(&values, WIDTH).unwrap(), &offsets).unwrap();
        let similarities = between_frames(&pool);
        let regions: Vec<[f32; WIDTH]> = values.chunks_exact(WIDTH).map(|v| v.try_into().unwrap()).collect();
        let frames = offsets
            .windows(2)
            .map(|pair| regions[pair[0] as usize..pair[1] as usize].to_vec());
        let case = Case {
            queries: Vec::new(),
            frames: frames.collect(),
        };
        for a in 0..FRAMES {
            for b in 0..FRAMES {
                let got = similarities[a * FRAMES + b];
                assert!((f64::from(got) - case.to_frame(a, b)).abs() < 1e-6, "{a} {b}");
                assert_eq!(got, similarities[b * FRAMES + a]);
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let regions = Points::new(&[1.0, 0.0, 0.0, 1.0], 2).unwrap();
        for offsets in [&[][..], &[1, 2], &[0, 1], &[0, 3], &[0, 2, 1, 2]] {
            assert!(RegionPool::new(regions, offsets).is_err(), "{offsets:?}");
        }
        let pool = RegionPool::new(regions, &[0, 1, 2]).unwrap();
        let queries = Points::new(&[1.0, 0.0], 2).unwrap();
        let fine = Terms::new(MutualInformation::GraphCut { lambda: 0.5 }, 9);
        assert_eq!(select(queries, &pool, &fine).unwrap().len(), 2);
        assert!(select(Points::new(&[], 2).unwrap(), &pool, &fine).is_err());
        assert!(select(Points::new(&[1.0], 1).unwrap(), &pool, &fine).is_err());
        let costs = |each, budget| Some(Costs { each, budget });
        for terms in [
            Terms { budget: 0, ..fine },
            Terms { labelled: &[2], ..fine },
            Terms {
                labelled: &[1, 1],
                ..fine
            },
            Terms {
                costs: costs(&[1.0], 1.0),
                ..fine
            },
            Terms {
                costs: costs(&[1.0, 0.0], 1.0),
                ..fine
            },
            Terms {
                costs: costs(&[1.0, f64::NAN], 1.0),
                ..fine
            },
            Terms {
                costs: costs(&[1.0, 1.0], f64::NAN),
                ..fine
            },
            Terms::new(MutualInformation::GraphCut { lambda: 0.0 }, 1),
            Terms::new(MutualInformation::FacilityLocationQuery { eta: f64::NAN }, 1),
            Terms::new(MutualInformation::FacilityLocation { eta: f64::INFINITY }, 1),
        ] {
            assert!(select(queries, &pool, &terms).is_err(), "{terms:?}");
        }
        let many = vec![0; MOST_FRAMES_COMPARED + 2];
        let none = RegionPool::new(Points::new(&[], 2).unwrap(), &many).unwrap();
        let all = Terms::new(MutualInformation::FacilityLocation { eta: 1.0 }, 1);
        assert!(matches!(
            select(queries, &none, &all),
            Err(MineError::TooManyRows { .. })
        ));
    }
}
