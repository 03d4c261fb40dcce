//! The best pairing of tracks with detections.
//!
//! Shortest augmenting paths over a dense matrix, after Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse
//! linear assignment problems" (1987), O(rows² · columns) for the shorter side as rows.

/// The pairs `(row, column)` with the least sum of `cost − alone`, ascending by row. Rows and columns may stay alone; a pair that costs `alone`
/// or more, or is not a number, is forbidden. `costs` is row by row.
///
/// So two good pairs may give way to one very good pair: `alone` is what a row and a column that both stay alone cost together.
pub(super) fn assign(rows: usize, columns: usize, costs: &[f64], alone: f64) -> Vec<(usize, usize)> {
    debug_assert_eq!(costs.len(), rows * columns);
    // A forbidden pair costs nothing and stands for staying alone: with no more rows than columns each row finds a free column.
    let gain = |row: usize, column: usize| {
        let cost = costs[row * columns + column] - alone;
        if cost < 0.0 { cost } else { 0.0 }
    };
    let mut pairs: Vec<(usize, usize)> = if rows <= columns {
        shortest_paths(rows, columns, gain).into_iter().enumerate().collect()
    } else {
        let rows_of = shortest_paths(columns, rows, |column, row| gain(row, column));
        rows_of.into_iter().enumerate().map(|(c, r)| (r, c)).collect()
    };
    pairs.retain(|(row, column)| gain(*row, *column) < 0.0);
    pairs.sort_unstable();
    pairs
}

/// For each row its column, in a full assignment of the rows with the least sum; `rows` ≤ `columns`.
fn shortest_paths(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let mut row_of = vec![NONE; columns];
    let mut column_of = vec![NONE; rows];
    let (mut u, mut v) = (vec![0.0; rows], vec![0.0; columns]);
    for start in 0..rows {
        let mut distance = vec![f64::INFINITY; columns];
        let mut from = vec![NONE; columns];
        let mut done = vec![false; columns];
        let mut reached: Vec<usize> = Vec::new();
        let (mut row, mut least) = (start, 0.0);
        let end = loop {
            let mut next: Option<usize> = None;
            for column in (0..columns).filter(|c| !done[*c]) {
                let through = least + cost(row, column) - u[row] - v[column];
                if through < distance[column] {
                    distance[column] = through;
                    from[column] = row;
                }
                // Among equally near columns a free one ends the search.
                let nearer = next.is_none_or(|n| {
                    distance[column] < distance[n]
                        || (distance[column] == distance[n] && row_of[n] != NONE && row_of[column] == NONE)
                });
                if nearer {
                    next = Some(column);
                }
            }
            // With no more rows than columns there is always one left.
            let Some(column) = next else { return column_of };
            least = distance[column];
            done[column] = true;
            if row_of[column] == NONE {
                break column;
            }
            reached.push(column);
            row = row_of[column];
        };
        u[start] += least;
        for column in reached {
            u[row_of[column]] += least - distance[column];
            v[column] -= least - distance[column];
        }
        let mut column = end;
        while column != NONE {
            let row = from[column];
            row_of[column] = row;
            std::mem::swap(&mut column_of[row], &mut column);
            if row == start {
                break;
            }
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least sum by trying everything.
    fn brute(rows: usize, columns: usize, costs: &[f64], alone: f64, row: usize, taken: u32) -> f64 {
        if row == rows {
            return 0.0;
        }
        let mut best = brute(rows, columns, costs, alone, row + 1, taken);
        for column in 0..columns {
            let cost = costs[row * columns + column] - alone;
            if taken & (1 << column) == 0 && cost < 0.0 {
                best = best.min(cost + brute(rows, columns, costs, alone, row + 1, taken | (1 << column)));
            }
        }
        best
    }

    proptest! {
        #[test]
        fn no_pairing_is_better(
            rows in 0_usize..6,
            columns in 0_usize..6,
            // few different values: many ties; some pairs forbidden
            raw in prop::collection::vec(prop_oneof![5 => (0_u32..8).prop_map(|v| f64::from(v) / 4.0), 1 => Just(f64::INFINITY), 1 => Just(f64::NAN)], 36),
        ) {
            let costs = &raw[..rows * columns];
            let pairs = assign(rows, columns, costs, 1.25);
            let sum: f64 = pairs.iter().map(|(r, c)| costs[r * columns + c] - 1.25).sum();
            prop_assert!((sum - brute(rows, columns, costs, 1.25, 0, 0)).abs() < 1e-12);
            let mut seen: Vec<usize> = pairs.iter().map(|(_, c)| *c).collect();
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len(), pairs.len());
            prop_assert!(pairs.is_sorted());
            prop_assert!(pairs.iter().all(|(r, c)| costs[r * columns + c] < 1.25));
        }
    }
}
