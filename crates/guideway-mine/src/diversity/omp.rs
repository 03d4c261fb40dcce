//! Selection by sparse modelling: the frames of which all others can be put together.
//!
//! Haussmann et al., "Scalable Active Learning for Object Detection", IV 2020, name sparse modelling, solved by orthogonal matching
//! pursuit, as a way to have uncertainty and diversity in one optimisation. What is computed here is written out below, and may differ from
//! theirs: it is the simultaneous pursuit of Tropp, Gilbert and Strauss, "Algorithms for simultaneous sparse approximation, part I: Greedy
//! pursuit", 2006, with the pool as its own dictionary, as in Elhamifar, Sapiro and Vidal, "See All by Looking at a Few: Sparse Modeling for
//! Finding Representative Objects", CVPR 2012, and with the weights on both sides.
//!
//! With embeddings `xᵢ`, weights `wᵢ`, and the projection `P` onto the span of what is selected, the residuals are `rᵢ = xᵢ − P·xᵢ`. Their
//! covariance is `C = Σ wᵢ·rᵢ·rᵢᵀ`, and its trace `Σ wᵢ·|rᵢ|²` is the energy not explained yet. One step takes the row with the greatest
//! gain,
//!
//! - `wⱼ · xⱼᵀ·C·xⱼ / |xⱼ|²` with [`Rule::Pursuit`]: the energy along the embedding,
//! - `wⱼ · rⱼᵀ·C·rⱼ / |rⱼ|²` with [`Rule::LeastSquares`]: the energy along what is new in the embedding, which is by how much the energy
//!   falls, times the weight.
//!
//! So a row is taken because it is wanted (`wⱼ`), and because many rows that are wanted and not explained yet (`C`) resemble it. After at
//! most as many picks as a row has values everything is explained, and the next pass begins with the rows that are left, as if nothing were
//! selected. Embeddings are taken as they are: subtract their mean before if only differences from it count.

use multiversion::multiversion;
use rayon::prelude::*;

use super::{Pool, check_budget, top_n_of};
use crate::error::MineError;

/// The longest rows: the covariance of longer ones would fill the memory.
pub const MOST_VALUES: usize = 8192;

/// Residuals that are held at once. Fixed, so that sums do not depend on the number of threads.
const BLOCK: usize = 2048;

/// Rows of the covariance that one thread sums.
const STRIPE: usize = 8;

/// Gains are followed from pick to pick, and computed anew once the energy has fallen by this factor, before rounding errors show.
const REFRESH: f64 = 1e-4;

/// What makes a row a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Orthogonal matching pursuit: by the energy along its embedding. A row that is mostly explained counts little, even if what is left
    /// of it would explain much.
    #[default]
    Pursuit,
    /// Orthogonal least squares (Chen, Billings and Luo 1989): by the energy along its residual, however short. The energy falls the
    /// fastest.
    LeastSquares,
}

/// How to select.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmpParams {
    /// What makes a row a good one.
    pub rule: Rule,
    /// The part of the energy that may be left when everything counts as explained; a row of which less is left counts as explained too. At
    /// least 1e-6, the default: less is rounding in the embeddings. With 0.05, say, a pass ends before it selects by noise.
    pub left: f64,
}

impl Default for OmpParams {
    fn default() -> Self {
        Self {
            rule: Rule::Pursuit,
            left: 1e-6,
        }
    }
}

/// A selected row.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Explaining {
    /// The row.
    pub row: u32,
    /// The part of its pass's energy that it explains. Where the energy is all in one direction, it is 1.
    pub explained: f64,
    /// Its pass, from 0.
    pub pass: u32,
}

/// Selects rows by sparse modelling, see the [module](self), of equal gains the lowest row. When no row that is left has a weight and an
/// embedding that is not 0, the rest is taken by weight.
///
/// Labelled rows are never selected and need not be explained. What they explain is taken out before the first pass begins, and only there:
/// as many of them as a row has values explain everything, and then say nothing about what is new. With many labelled rows use
/// [`core_set`](super::core_set).
///
/// Sums are in double precision. Time: a step looks at each row once, `n · d`, not `n · d²`, as the change of a gain follows from two
/// products; a pass begins with `n · d²`. Memory: 40 bytes a row, 16 KiB for each of a row's values, and `16 · d²` bytes.
///
/// ```
/// use guideway_mine::{Points, diversity::{Pool, omp}};
/// let points = Points::new(&[1.0, 0.0, 0.9, 0.1, 1.0, 0.1, 0.0, 1.0], 2)?;
/// let picks = omp::select(&Pool::new(points), 3, &omp::OmpParams::default())?;
/// assert_eq!(picks.iter().map(|p| (p.row, p.pass)).collect::<Vec<_>>(), [(2, 0), (3, 0), (0, 1)]);
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
///
/// # Errors
/// [`MineError::Parameter`] for a budget of 0, for rows longer than [`MOST_VALUES`], or for `left` out of its range.
pub fn select(pool: &Pool<'_>, budget: usize, params: &OmpParams) -> Result<Vec<Explaining>, MineError> {
    check_budget(budget)?;
    let parameter = |parameter, value: String, allowed| {
        Err(MineError::Parameter {
            parameter,
            value,
            allowed,
        })
    };
    // NaN is in no range.
    if !(1e-6..1.0).contains(&params.left) {
        return parameter("left", params.left.to_string(), "1e-6 and more, below 1");
    }
    if pool.points.width() > MOST_VALUES {
        return parameter("width", pool.points.width().to_string(), "8192 and less");
    }
    let mut selected: Vec<Explaining> = Vec::new();
    let mut pursuit = Pursuit::new(pool, params);
    let mut pass = 0;
    // Does this pass have picks, or labelled rows that explain something?
    let mut is_new = pool.labelled.is_empty();
    while selected.len() < budget {
        if let Some(row) = pursuit.best() {
            selected.push(Explaining {
                row: row as u32,
                explained: pursuit.take(row),
                pass,
            });
            is_new = false;
        } else if is_new {
            let rest = top_n_of(pool, pool.points.len());
            let rest = rest.into_iter().filter(|row| pursuit.is_open[*row as usize]);
            let rest = rest.take(budget - selected.len()).map(|row| Explaining {
                row,
                explained: 0.0,
                pass,
            });
            selected.extend(rest.collect::<Vec<_>>());
            break;
        } else {
            // A pass without picks is one that the labelled rows have explained.
            pass += u32::from(selected.last().is_some_and(|last| last.pass == pass));
            pursuit.begin();
            is_new = true;
        }
    }
    Ok(selected)
}

/// A pass of the pursuit.
struct Pursuit<'a> {
    pool: &'a Pool<'a>,
    params: &'a OmpParams,
    width: usize,
    /// May the row be selected?
    is_open: Vec<bool>,
    /// The span of what is selected: vectors of length 1, at right angles.
    basis: Vec<f64>,
    /// `C`.
    covariance: Vec<f64>,
    /// `|xⱼ|²`.
    whole: Vec<f64>,
    /// Of each row, followed from pick to pick.
    rows: Vec<Row>,
    /// The trace of `C` when the pass began, and when the gains were computed last.
    energy: [f64; 2],
}

#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// `|rⱼ|²`.
    left: f64,
    /// `rⱼᵀ·C·rⱼ`.
    along: f64,
}

impl<'a> Pursuit<'a> {
    fn new(pool: &'a Pool<'a>, params: &'a OmpParams) -> Self {
        let (points, width) = (pool.points, pool.points.width());
        let mut is_open = vec![true; points.len()];
        for row in pool.labelled {
            is_open[*row as usize] = false;
        }
        let square = |row: &[f32]| row.iter().fold(0.0, |sum, v| sum + f64::from(*v) * f64::from(*v));
        let mut pursuit = Self {
            pool,
            params,
            width,
            is_open,
            basis: Vec::new(),
            covariance: vec![0.0; width * width],
            whole: points.values().par_chunks_exact(width).map(square).collect(),
            rows: vec![Row::default(); points.len()],
            energy: [0.0; 2],
        };
        if pool.labelled.is_empty() {
            pursuit.begin();
            return pursuit;
        }
        for row in pool.labelled {
            if pursuit.basis.len() == width * width {
                break;
            }
            pursuit.extend(*row as usize);
        }
        pursuit.energy[0] = (0..points.len()).fold(0.0, |sum, row| sum + pursuit.weight(row) * pursuit.whole[row]);
        pursuit.refresh();
        pursuit
    }

    /// A pass as if nothing were selected.
    fn begin(&mut self) {
        self.basis.clear();
        self.refresh();
        self.energy[0] = self.energy[1];
    }

    /// The weight of a row that is to be explained.
    fn weight(&self, row: usize) -> f64 {
        if self.is_open[row] {
            f64::from(self.pool.weight(row))
        } else {
            0.0
        }
    }

    fn trace(&self) -> f64 {
        let diagonal = self.covariance.iter().step_by(self.width + 1);
        diagonal.fold(0.0, |sum, v| sum + v)
    }

    /// Takes the span of what is selected out of a vector.
    fn reduce(&self, vector: &mut [f64]) {
        for direction in self.basis.chunks_exact(self.width) {
            let along = product(vector, direction);
            add(vector, -along, direction);
        }
    }

    /// The row's residual.
    fn residual(&self, row: usize, out: &mut [f64]) {
        for (out, v) in out.iter_mut().zip(self.pool.points.row(row)) {
            *out = f64::from(*v);
        }
        self.reduce(out);
    }

    /// Adds a row to the span; gives its new direction, unless there is none.
    fn extend(&mut self, row: usize) -> Option<Vec<f64>> {
        let mut direction = vec![0.0; self.width];
        self.residual(row, &mut direction);
        let mut length2 = product(&direction, &direction);
        if length2 <= self.params.left * self.whole[row] {
            return None;
        }
        // Once more: after a division by a small length what rounding has left of the span would not be small any more.
        self.reduce(&mut direction);
        length2 = product(&direction, &direction);
        let scale = 1.0 / length2.sqrt();
        for v in &mut direction {
            *v *= scale;
        }
        self.basis.extend_from_slice(&direction);
        Some(direction)
    }

    /// Covariance and gains from the residuals.
    fn refresh(&mut self) {
        let (width, points) = (self.width, self.pool.points);
        let mut covariance = std::mem::take(&mut self.covariance);
        covariance.fill(0.0);
        let mut residuals = Vec::new();
        for start in (0..points.len()).step_by(BLOCK) {
            let rows: Vec<usize> = (start..(start + BLOCK).min(points.len()))
                .filter(|row| self.weight(*row) > 0.0)
                .collect();
            residuals.clear();
            residuals.resize(rows.len() * width, 0.0);
            let each = residuals.par_chunks_exact_mut(width).zip(&rows);
            each.for_each(|(out, row)| self.residual(*row, out));
            let stripes = covariance.par_chunks_mut(STRIPE * width).enumerate();
            stripes.for_each(|(stripe, out)| {
                for (row, residual) in rows.iter().zip(residuals.chunks_exact(width)) {
                    let weight = self.weight(*row);
                    for (i, out) in out.chunks_exact_mut(width).enumerate() {
                        let at = stripe * STRIPE + i;
                        // The other half is the same.
                        add(&mut out[at..], weight * residual[at], &residual[at..]);
                    }
                }
            });
        }
        for i in 0..width {
            for j in 0..i {
                covariance[i * width + j] = covariance[j * width + i];
            }
        }
        let scratch = || vec![0.0; width];
        let row = |residual: &mut Vec<f64>, row: usize| {
            if !self.is_open[row] {
                return Row::default();
            }
            self.residual(row, residual);
            let lines = covariance.chunks_exact(width).zip(residual.iter());
            Row {
                left: product(residual, residual),
                along: lines.fold(0.0, |sum, (line, v)| sum + v * product(line, residual)),
            }
        };
        self.rows = (0..points.len()).into_par_iter().map_init(scratch, row).collect();
        self.covariance = covariance;
        self.energy[1] = self.trace();
    }

    /// The open row with the greatest gain above 0; `None` when everything is explained.
    fn best(&self) -> Option<usize> {
        let left = self.params.left;
        if self.trace() <= left * self.energy[0] {
            return None;
        }
        let gain = |row: usize| {
            let Row { left: rest, along } = self.rows[row];
            let whole = self.whole[row];
            // Nothing new in it, or nothing at all.
            if rest <= left * whole {
                return 0.0;
            }
            let length2 = match self.params.rule {
                Rule::Pursuit => whole,
                Rule::LeastSquares => rest,
            };
            self.weight(row) * along / length2
        };
        let gains = (0..self.rows.len()).into_par_iter().with_min_len(BLOCK);
        let better = |a: (f64, usize), b: (f64, usize)| {
            if b.0 > a.0 || (b.0 == a.0 && b.1 < a.1) { b } else { a }
        };
        let best = gains.map(|row| (gain(row), row)).reduce(|| (0.0, usize::MAX), better);
        (best.0 > 0.0).then_some(best.1)
    }

    /// Takes a row; gives the part of the energy that it explains.
    fn take(&mut self, row: usize) -> f64 {
        self.is_open[row] = false;
        let Some(direction) = self.extend(row) else {
            return 0.0;
        };
        let width = self.width;
        let across: Vec<f64> = self
            .covariance
            .chunks_exact(width)
            .map(|line| product(line, &direction))
            .collect();
        let energy = product(&across, &direction);
        // C becomes (1 − u·uᵀ)·C·(1 − u·uᵀ), and r becomes r − u·(uᵀ·r). Both u and C·u are at right angles to all directions before, so
        // that their products with a residual are those with the embedding.
        for (i, line) in self.covariance.chunks_exact_mut(width).enumerate() {
            add(line, -direction[i], &across);
            add(line, direction[i] * energy - across[i], &direction);
        }
        let embeddings = self.pool.points.values().par_chunks_exact(width);
        let rows = self.rows.par_iter_mut().zip(embeddings).with_min_len(256);
        rows.for_each(|(row, embedding)| {
            let [along, cross] = products(embedding, &direction, &across);
            row.left = (row.left - along * along).max(0.0);
            row.along = (row.along - along * (2.0 * cross - along * energy)).max(0.0);
        });
        let trace = self.trace();
        if trace < REFRESH * self.energy[1] && trace > self.params.left * self.energy[0] {
            self.refresh();
        }
        if self.energy[0] > 0.0 {
            energy / self.energy[0]
        } else {
            0.0
        }
    }
}

/// Sums that run beside each other.
const LANES: usize = 8;

#[multiversion(targets("x86_64+avx+avx2"))]
fn product(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0_f64; LANES];
    let (mut left, mut right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    while let (Some(x), Some(y)) = (left.next(), right.next()) {
        for i in 0..LANES {
            sums[i] += x[i] * y[i];
        }
    }
    for (i, (x, y)) in left.remainder().iter().zip(right.remainder()).enumerate() {
        sums[i] += x * y;
    }
    total(&sums)
}

/// The products of a row with two vectors.
#[multiversion(targets("x86_64+avx+avx2"))]
fn products(row: &[f32], a: &[f64], b: &[f64]) -> [f64; 2] {
    let mut sums = [[0.0_f64; LANES]; 2];
    let mut row = row.chunks_exact(LANES);
    let (mut left, mut right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    while let (Some(v), Some(x), Some(y)) = (row.next(), left.next(), right.next()) {
        for i in 0..LANES {
            let v = f64::from(v[i]);
            sums[0][i] += v * x[i];
            sums[1][i] += v * y[i];
        }
    }
    let rest = left.remainder().iter().zip(right.remainder());
    for (i, (v, (x, y))) in row.remainder().iter().zip(rest).enumerate() {
        sums[0][i] += f64::from(*v) * x;
        sums[1][i] += f64::from(*v) * y;
    }
    [total(&sums[0]), total(&sums[1])]
}

/// Adds `factor` times a vector.
#[multiversion(targets("x86_64+avx+avx2"))]
fn add(to: &mut [f64], factor: f64, vector: &[f64]) {
    for (to, v) in to.iter_mut().zip(vector) {
        *to += factor * v;
    }
}

#[inline]
fn total(sums: &[f64; LANES]) -> f64 {
    let mut sums = *sums;
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] += sums[i + width];
        }
        width /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Points;

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    /// The definition, step by step: residuals by Gram and Schmidt from the embeddings, no covariance, nothing followed. Gains of all rows,
    /// and the energy that is left.
    fn gains(
        pool: &Pool<'_>,
        span: &[usize],
        open: &[usize],
        to_explain: &[usize],
        rule: Rule,
        left: f64,
    ) -> (Vec<f64>, f64) {
        let embedding = |row: usize| pool.points.row(row).iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let mut basis: Vec<Vec<f64>> = Vec::new();
        let reduce = |basis: &[Vec<f64>], mut v: Vec<f64>| {
            for _ in 0..2 {
                for u in basis {
                    let along = dot(&v, u);
                    v.iter_mut().zip(u).for_each(|(v, u)| *v -= along * u);
                }
            }
            v
        };
        for row in span {
            let r = reduce(&basis, embedding(*row));
            let length2 = dot(&r, &r);
            if length2 > left * dot(&embedding(*row), &embedding(*row)) {
                basis.push(r.iter().map(|v| v / length2.sqrt()).collect());
            }
        }
        let residual = |row: usize| reduce(&basis, embedding(row));
        let weight = |row: usize| f64::from(pool.weight(row));
        let energy = to_explain
            .iter()
            .map(|i| weight(*i) * dot(&residual(*i), &residual(*i)))
            .sum();
        let gain = |j: &usize| {
            let (x, r) = (embedding(*j), residual(*j));
            let (whole, rest) = (dot(&x, &x), dot(&r, &r));
            if rest <= left * whole {
                return 0.0;
            }
            let along: f64 = to_explain
                .iter()
                .map(|i| weight(*i) * dot(&residual(*i), &r).powi(2))
                .sum();
            weight(*j) * along / if rule == Rule::Pursuit { whole } else { rest }
        };
        (open.iter().map(gain).collect(), energy)
    }

    /// Follows the picks: each must be the one that the definition takes. Where the definition's best rows are equal but for rounding, any
    /// of them may have been taken, of equal embeddings and weights only the lowest.
    fn follow(pool: &Pool<'_>, picks: &[Explaining], params: &OmpParams) -> Result<(), TestCaseError> {
        let n = pool.points.len();
        let mut open: Vec<usize> = (0..n).filter(|row| !pool.labelled.contains(&(*row as u32))).collect();
        let mut span: Vec<usize> = pool.labelled.iter().map(|row| *row as usize).collect();
        let mut to_explain = open.clone();
        let mut energy = gains(pool, &[], &open, &to_explain, params.rule, params.left).1;
        let mut pass = 0;
        for (number, pick) in picks.iter().enumerate() {
            let mut state = gains(pool, &span, &open, &to_explain, params.rule, params.left);
            let is_done = |state: &(Vec<f64>, f64), energy: f64| {
                state.1 <= params.left * energy || state.0.iter().all(|gain| *gain <= 0.0)
            };
            if is_done(&state, energy) && !span.is_empty() {
                pass += u32::from(number > 0);
                span.clear();
                to_explain.clone_from(&open);
                state = gains(pool, &span, &open, &to_explain, params.rule, params.left);
                energy = state.1;
            }
            let at = open.iter().position(|row| *row == pick.row as usize);
            let Some(at) = at else {
                return Err(TestCaseError::fail("a row that cannot be taken"));
            };
            if is_done(&state, energy) {
                // The rest by weight.
                prop_assert_eq!(pick.explained, 0.0);
                let better = |row: &usize| {
                    let weights = (pool.weight(*row), pool.weight(open[at]));
                    weights.0 > weights.1 || (weights.0 == weights.1 && *row < open[at])
                };
                prop_assert!(!open.iter().any(better));
            } else {
                let best = state.0.iter().copied().fold(0.0, f64::max);
                prop_assert!(state.0[at] >= best * (1.0 - 1e-6), "{} of {best}", state.0[at]);
                let same = |row: &usize| {
                    *row < open[at]
                        && pool.points.row(*row) == pool.points.row(open[at])
                        && pool.weight(*row) == pool.weight(open[at])
                };
                prop_assert!(!open.iter().any(same), "the lowest of equal rows");
                prop_assert_eq!(pick.pass, pass);
                let mut with = span.clone();
                with.push(open[at]);
                let after = gains(pool, &with, &[], &to_explain, params.rule, params.left).1;
                prop_assert!(((state.1 - after) / energy - pick.explained).abs() < 1e-9);
            }
            span.push(open[at]);
            open.remove(at);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn each_pick_is_that_of_the_definition(
            rows in 1_usize..25, width in 1_usize..11, budget in 1_usize..30, seed in any::<u64>(), weighted in any::<bool>(),
            labelled in 0_usize..3, grid in any::<bool>(), squares in any::<bool>(), left in prop_oneof![Just(1e-6), Just(0.013)],
        ) {
            use rand::{RngExt as _, SeedableRng as _};
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            // On a grid rows are equal, or 0, or multiples of each other.
            let mut value = || if grid { f32::from(rng.random_range(0_u8..3)) } else { rng.random::<f32>() - 0.3 };
            let values: Vec<f32> = (0..rows * width).map(|_| value()).collect();
            let weights: Vec<f32> = (0..rows).map(|_| value().abs()).collect();
            let labelled: Vec<u32> = (0..labelled.min(rows) as u32).map(|i| rows as u32 - 1 - i).collect();
            let mut pool = Pool::new(Points::new(&values, width).unwrap()).labelled(&labelled).unwrap();
            if weighted {
                pool = pool.weights(&weights).unwrap();
            }
            let rule = if squares { Rule::LeastSquares } else { Rule::Pursuit };
            let params = OmpParams { rule, left };
            let picks = select(&pool, budget, &params).unwrap();
            prop_assert_eq!(picks.len(), budget.min(rows - labelled.len()));
            follow(&pool, &picks, &params)?;
        }
    }

    fn random(rows: usize, width: usize) -> Vec<f32> {
        use rand::{RngExt as _, SeedableRng as _};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        (0..rows * width).map(|_| rng.random::<f32>() - 0.5).collect()
    }

    #[test]
    fn many_rows_on_any_number_of_threads() {
        let values = random(5000, 20);
        let pool = Pool::new(Points::new(&values, 20).unwrap());
        let with = |threads: usize| {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            threads.install(|| select(&pool, 70, &OmpParams::default()).unwrap())
        };
        let one = with(1);
        assert_eq!(one, with(4));
        // Twenty directions explain everything, and the pass begins anew.
        let passes: Vec<u32> = one.iter().map(|pick| pick.pass).collect();
        assert_eq!(passes, (0..70).map(|i| i / 20).collect::<Vec<u32>>());
        let first: f64 = one[..20].iter().map(|pick| pick.explained).sum();
        assert!((first - 1.0).abs() < 1e-9, "{first}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let pool = Pool::new(Points::new(&[1.0, 2.0], 1).unwrap());
        assert!(select(&pool, 0, &OmpParams::default()).is_err());
        for left in [0.0, 1.0, f64::NAN] {
            let params = OmpParams {
                left,
                ..OmpParams::default()
            };
            assert!(select(&pool, 1, &params).is_err());
        }
        let long = vec![0.0; MOST_VALUES + 1];
        let pool = Pool::new(Points::new(&long, MOST_VALUES + 1).unwrap());
        assert!(select(&pool, 1, &OmpParams::default()).is_err());
    }
}
