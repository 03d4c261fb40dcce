//! The optimal assignment: rows and columns are paired one to one so that the sum of costs is least.
//!
//! The method is the shortest augmenting path with dual variables (Jonker and Volgenant 1987), in the rectangular form of Crouse, "On
//! implementing 2D rectangular assignment algorithms" (2016), O(rows² · columns) for rows ≤ columns. Where several assignments cost the
//! same, the choice is that of `scipy.optimize.linear_sum_assignment`: columns are visited in its order, and a free column is
//! preferred among equally near ones. Metrics whose reference solves with SciPy depend on it.
//!
//! ```
//! use guideway_eval::assign::{PairMatrix, assign_all, assign_most};
//!
//! let costs = PairMatrix::from_rows(&[[4.0, 1.0, 3.0], [2.0, 0.0, 5.0]])?;
//! assert_eq!(assign_all(&costs)?, [(0, 1), (1, 0)]);
//!
//! // a pair that may not be is infinitely dear; the second row stays alone
//! let costs = PairMatrix::from_rows(&[[f64::INFINITY, 1.0], [f64::INFINITY, 0.5]])?;
//! assert!(assign_all(&costs).is_err());
//! assert_eq!(assign_most(&costs)?, [(1, 1)]);
//! # Ok::<(), guideway_eval::EvalError>(())
//! ```

use crate::error::EvalError;

/// A number for every pair of a row and a column: costs, similarities, distances.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairMatrix {
    rows: usize,
    columns: usize,
    /// Row by row.
    values: Vec<f64>,
}

impl PairMatrix {
    /// The same number everywhere.
    pub fn new(rows: usize, columns: usize, value: f64) -> Self {
        Self {
            rows,
            columns,
            values: vec![value; rows * columns],
        }
    }

    /// From numbers row by row.
    pub fn from_vec(rows: usize, columns: usize, values: Vec<f64>) -> Result<Self, EvalError> {
        if rows.checked_mul(columns) != Some(values.len()) {
            return Err(EvalError::Shape {
                rows,
                columns,
                got: values.len(),
            });
        }
        Ok(Self { rows, columns, values })
    }

    /// From rows of equal length.
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self, EvalError> {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let values: Vec<f64> = rows.iter().flat_map(AsRef::as_ref).copied().collect();
        match rows.iter().find(|row| row.as_ref().len() != columns) {
            Some(odd) => Err(EvalError::Shape {
                rows: 1,
                columns,
                got: odd.as_ref().len(),
            }),
            None => Self::from_vec(rows.len(), columns, values),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of a pair.
    ///
    /// # Panics
    /// When there is no such row or column, as slices do.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        self.row(row)[column]
    }

    /// Sets the number of a pair.
    ///
    /// # Panics
    /// When there is no such row or column, as slices do.
    pub fn set(&mut self, row: usize, column: usize, value: f64) {
        assert!(column < self.columns, "column {column} of {}", self.columns);
        self.values[row * self.columns + column] = value;
    }

    /// The numbers of a row.
    ///
    /// # Panics
    /// When there is no such row, as slices do.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// All numbers, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Another size and one number everywhere; the memory stays.
    pub fn reset(&mut self, rows: usize, columns: usize, value: f64) {
        self.rows = rows;
        self.columns = columns;
        self.values.clear();
        self.values.resize(rows * columns, value);
    }

    /// Every number replaced.
    pub fn map(&mut self, change: impl Fn(f64) -> f64) {
        for value in &mut self.values {
            *value = change(*value);
        }
    }

    /// Numbers of another size, made by a function of row and column; the memory stays.
    pub fn fill_with(&mut self, rows: usize, columns: usize, mut value: impl FnMut(usize, usize) -> f64) {
        self.rows = rows;
        self.columns = columns;
        self.values.clear();
        self.values.reserve(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                self.values.push(value(row, column));
            }
        }
    }
}

/// Pairs every row or every column, whichever are fewer, at the least total cost: `(row, column)` by ascending row.
///
/// Costs are finite, or infinite for a pair that may not be. NaN and minus infinity are an error, and so is a matrix where the forbidden
/// pairs leave no assignment; see [`assign_most`] for those.
pub fn assign_all(costs: &PairMatrix) -> Result<Vec<(usize, usize)>, EvalError> {
    Assigner::default().all(costs).map(<[_]>::to_vec)
}

/// Pairs as many rows and columns as the allowed pairs permit, among those assignments at the least total cost: `(row, column)` by
/// ascending row.
///
/// Whatever is not finite is forbidden. As motmetrics does it, a forbidden pair is given a price that no assignment pays if it
/// can help it, `2 · min(rows, columns) · (largest cost + 1) + 1`, and is dropped from the result.
pub fn assign_most(costs: &PairMatrix) -> Result<Vec<(usize, usize)>, EvalError> {
    Assigner::default().most(costs).map(<[_]>::to_vec)
}

/// Pairs rows and columns so that the sum of `cost − alone` is least: `(row, column)` by ascending row. Rows and columns may stay alone; a pair that costs `alone`
/// or more, or is not a number, is forbidden.
///
/// So two good pairs may give way to one very good pair: `alone` is what a row and a column that both stay alone cost together.
///
/// ```
/// use guideway_eval::assign::{PairMatrix, assign_below};
///
/// let costs = PairMatrix::from_rows(&[[0.1, 0.9], [0.8, f64::INFINITY]])?;
/// assert_eq!(assign_below(&costs, 1.0)?, [(0, 0)]);
/// assert_eq!(assign_below(&costs, 2.0)?, [(0, 1), (1, 0)]);
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
///
/// # Errors
/// When `alone` is not finite, or a cost is minus infinity.
pub fn assign_below(costs: &PairMatrix, alone: f64) -> Result<Vec<(usize, usize)>, EvalError> {
    Assigner::default().below(costs, alone).map(<[_]>::to_vec)
}

/// [`assign_all`], [`assign_most`] and [`assign_below`] for many matrices: keeps the memory from one to the next.
#[derive(Debug, Clone, Default)]
pub struct Assigner {
    /// Costs with no more rows than columns.
    costs: Vec<f64>,
    finite: PairMatrix,
    /// Dual variables of rows and columns.
    u: Vec<f64>,
    v: Vec<f64>,
    distance: Vec<f64>,
    /// The row before each column on the shortest path.
    path: Vec<usize>,
    column_of: Vec<Option<usize>>,
    row_of: Vec<Option<usize>>,
    row_seen: Vec<bool>,
    column_seen: Vec<bool>,
    remaining: Vec<usize>,
    pairs: Vec<(usize, usize)>,
}

impl Assigner {
    /// See [`assign_all`].
    pub fn all(&mut self, costs: &PairMatrix) -> Result<&[(usize, usize)], EvalError> {
        let bad = |value: &f64| value.is_nan() || *value == f64::NEG_INFINITY;
        if let Some(place) = costs.values.iter().position(bad) {
            let (row, column) = (place / costs.columns, place % costs.columns);
            return Err(EvalError::Cost {
                row,
                column,
                value: costs.values[place],
            });
        }
        self.solve(costs)?;
        Ok(&self.pairs)
    }

    /// See [`assign_most`].
    pub fn most(&mut self, costs: &PairMatrix) -> Result<&[(usize, usize)], EvalError> {
        let largest = costs
            .values
            .iter()
            .filter(|cost| cost.is_finite())
            .map(|cost| cost.abs())
            .reduce(f64::max);
        let Some(largest) = largest else {
            self.pairs.clear();
            return Ok(&self.pairs);
        };
        let dear = 2.0 * costs.rows.min(costs.columns) as f64 * (largest + 1.0) + 1.0;
        let mut finite = std::mem::take(&mut self.finite);
        finite.clone_from(costs);
        finite.map(|cost| if cost.is_finite() { cost } else { dear });
        let outcome = self.solve(&finite);
        self.finite = finite;
        outcome?;
        self.pairs.retain(|(row, column)| costs.get(*row, *column).is_finite());
        Ok(&self.pairs)
    }

    /// See [`assign_below`].
    pub fn below(&mut self, costs: &PairMatrix, alone: f64) -> Result<&[(usize, usize)], EvalError> {
        if !alone.is_finite() {
            return Err(EvalError::Parameter {
                parameter: "alone",
                problem: format!("{alone} is not finite"),
            });
        }
        // A forbidden pair costs nothing and stands for staying alone: each of the fewer finds a partner.
        let mut gains = std::mem::take(&mut self.finite);
        gains.clone_from(costs);
        gains.map(|cost| if cost < alone { cost - alone } else { 0.0 });
        let outcome = self.all(&gains).map(drop);
        self.pairs.retain(|(row, column)| gains.get(*row, *column) < 0.0);
        self.finite = gains;
        outcome?;
        Ok(&self.pairs)
    }

    fn solve(&mut self, costs: &PairMatrix) -> Result<(), EvalError> {
        self.pairs.clear();
        let transposed = costs.columns < costs.rows;
        let (rows, columns) = if transposed {
            (costs.columns, costs.rows)
        } else {
            (costs.rows, costs.columns)
        };
        if rows == 0 {
            return Ok(());
        }
        self.costs.clear();
        if transposed {
            for column in 0..costs.columns {
                self.costs
                    .extend((0..costs.rows).map(|row| costs.values[row * costs.columns + column]));
            }
        } else {
            self.costs.extend_from_slice(&costs.values);
        }
        refill(&mut self.u, rows, 0.0);
        refill(&mut self.v, columns, 0.0);
        refill(&mut self.distance, columns, 0.0);
        refill(&mut self.path, columns, 0);
        refill(&mut self.column_of, rows, None);
        refill(&mut self.row_of, columns, None);
        refill(&mut self.row_seen, rows, false);
        refill(&mut self.column_seen, columns, false);
        for row in 0..rows {
            let Some((sink, length)) = self.shortest_path(row, columns) else {
                let side = if transposed { "column" } else { "row" };
                return Err(EvalError::Infeasible { side, index: row });
            };
            self.update_duals(row, length);
            self.augment(row, sink);
        }
        let found = self.column_of.iter().enumerate();
        if transposed {
            self.pairs
                .extend(found.filter_map(|(row, column)| column.map(|column| (column, row))));
            self.pairs.sort_unstable();
        } else {
            self.pairs
                .extend(found.filter_map(|(row, column)| column.map(|column| (row, column))));
        }
        Ok(())
    }

    /// The free column nearest to a row over alternating paths, and its distance.
    fn shortest_path(&mut self, start: usize, columns: usize) -> Option<(usize, f64)> {
        // from the last to the first: of equal columns the first is taken
        self.remaining.clear();
        self.remaining.extend((0..columns).rev());
        self.row_seen.fill(false);
        self.column_seen.fill(false);
        self.distance.fill(f64::INFINITY);
        let mut row = start;
        let mut length = 0.0;
        loop {
            self.row_seen[row] = true;
            let costs = &self.costs[row * columns..(row + 1) * columns];
            let u = self.u[row];
            let mut nearest = None;
            let mut lowest = f64::INFINITY;
            for (place, column) in self.remaining.iter().enumerate() {
                let through = length + costs[*column] - u - self.v[*column];
                let distance = &mut self.distance[*column];
                if through < *distance {
                    self.path[*column] = row;
                    *distance = through;
                }
                if *distance < lowest || (*distance == lowest && self.row_of[*column].is_none()) {
                    lowest = *distance;
                    nearest = Some(place);
                }
            }
            length = lowest;
            if length == f64::INFINITY {
                return None;
            }
            let column = self.remaining.swap_remove(nearest?);
            self.column_seen[column] = true;
            match self.row_of[column] {
                None => return Some((column, length)),
                Some(next) => row = next,
            }
        }
    }

    fn update_duals(&mut self, start: usize, length: f64) {
        self.u[start] += length;
        for (row, column) in self.column_of.iter().enumerate() {
            if let Some(column) = column
                && self.row_seen[row]
                && row != start
            {
                self.u[row] += length - self.distance[*column];
            }
        }
        for (column, seen) in self.column_seen.iter().enumerate() {
            if *seen {
                self.v[column] -= length - self.distance[column];
            }
        }
    }

    /// Flips the pairs along the path.
    fn augment(&mut self, start: usize, sink: usize) {
        let mut column = sink;
        loop {
            let row = self.path[column];
            self.row_of[column] = Some(row);
            let before = self.column_of[row].replace(column);
            match before {
                Some(before) if row != start => column = before,
                _ => return,
            }
        }
    }
}

fn refill<T: Clone>(values: &mut Vec<T>, length: usize, value: T) {
    values.clear();
    values.resize(length, value);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_assigned_to_nothing() {
        for (rows, columns) in [(0, 0), (0, 3), (3, 0)] {
            let costs = PairMatrix::new(rows, columns, 1.0);
            assert!(assign_all(&costs).unwrap().is_empty());
            assert!(assign_most(&costs).unwrap().is_empty());
        }
    }

    #[test]
    fn equal_costs_give_the_diagonal() {
        for (rows, columns) in [(3, 3), (2, 4), (4, 2)] {
            let pairs = assign_all(&PairMatrix::new(rows, columns, 0.5)).unwrap();
            assert_eq!(pairs, (0..rows.min(columns)).map(|i| (i, i)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn senseless_costs_are_refused() {
        let mut costs = PairMatrix::new(2, 3, 1.0);
        costs.set(1, 2, f64::NAN);
        let err = assign_all(&costs).unwrap_err().to_string();
        assert!(err.contains("row 1") && err.contains("column 2"), "{err}");
        assert_eq!(assign_most(&costs).unwrap().len(), 2);
        assert!(PairMatrix::from_vec(2, 2, vec![0.0; 3]).is_err());
        assert!(PairMatrix::from_rows(&[vec![1.0], vec![1.0, 2.0]]).is_err());
    }

    /// The least sum of `cost − alone` by trying everything.
    fn least_below(costs: &PairMatrix, alone: f64, row: usize, taken: u32) -> f64 {
        if row == costs.rows {
            return 0.0;
        }
        let mut best = least_below(costs, alone, row + 1, taken);
        for column in 0..costs.columns {
            let gain = costs.get(row, column) - alone;
            if taken & (1 << column) == 0 && gain < 0.0 {
                best = best.min(gain + least_below(costs, alone, row + 1, taken | (1 << column)));
            }
        }
        best
    }

    proptest! {
        #[test]
        fn no_pairing_below_is_better(
            rows in 0_usize..6,
            columns in 0_usize..6,
            // few different values: many ties; some pairs forbidden
            raw in prop::collection::vec(prop_oneof![5 => (0_u32..8).prop_map(|v| f64::from(v) / 4.0), 1 => Just(f64::INFINITY), 1 => Just(f64::NAN)], 36),
        ) {
            let costs = PairMatrix::from_vec(rows, columns, raw[..rows * columns].to_vec()).unwrap();
            let pairs = assign_below(&costs, 1.25).unwrap();
            let sum: f64 = pairs.iter().map(|(row, column)| costs.get(*row, *column) - 1.25).sum();
            prop_assert!((sum - least_below(&costs, 1.25, 0, 0)).abs() < 1e-12);
            let mut seen: Vec<usize> = pairs.iter().map(|(_, column)| *column).collect();
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len(), pairs.len());
            prop_assert!(pairs.is_sorted());
            prop_assert!(pairs.iter().all(|(row, column)| costs.get(*row, *column) < 1.25));
        }
    }
}
