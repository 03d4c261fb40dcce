//! Attributes as few cells, and the terms over them.
//!
//! Every row falls in one cell of each column, and every term is a run of neighbouring cells. Sums over cells then give
//! the counts of every term, and of every pair of terms, without a look at the rows. Cells depend on the attributes
//! alone: had the events a say in where a number is cut, the p-values would not hold.

use std::collections::BTreeMap;

use super::SliceParams;
use super::table::{Column, Test, Values};

/// Beyond the outermost bins, tails are halved as long as they hold this part of the rows: failures live in tails.
const SMALLEST_TAIL: f64 = 0.005;

/// A column, cut.
#[derive(Debug)]
pub(super) struct Cells {
    /// Cell of each row.
    pub(super) cell: Vec<u16>,
    /// How many cells.
    pub(super) count: usize,
    /// Terms with enough rows inside and outside.
    pub(super) terms: Vec<Run>,
}

/// A term: the rows in cells `from..to`.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) from: u16,
    pub(super) to: u16,
    pub(super) test: Test,
}

impl Cells {
    pub(super) fn new(column: &Column<'_>, params: &SliceParams) -> Self {
        let mut cells = match column.values {
            Values::Text(values) => words(values.iter().copied(), params),
            Values::Coded { levels, codes } => {
                words(codes.iter().map(|code| code.map(|code| levels[code as usize])), params)
            }
            Values::Number(values) => numbers(values, params),
            Values::Flag(values) => levels(values.iter().copied(), params, Test::Flag),
            Values::Region(values) => levels(values.iter().copied(), params, Test::Region),
        };
        let mut below = vec![0_usize; cells.count + 1];
        for cell in &cells.cell {
            below[usize::from(*cell) + 1] += 1;
        }
        for at in 0..cells.count {
            below[at + 1] += below[at];
        }
        let rows = cells.cell.len();
        cells.terms.retain(|run| {
            let inside = below[usize::from(run.to)] - below[usize::from(run.from)];
            inside >= params.min_support && rows - inside >= params.min_support
        });
        cells
    }
}

fn words<'a>(values: impl Iterator<Item = Option<&'a str>> + Clone, params: &SliceParams) -> Cells {
    levels(values, params, |word: &str| Test::Text(word.to_owned()))
}

/// One cell for each of the most frequent levels, one for all others, one for missing values.
fn levels<L: Copy + Ord>(
    values: impl Iterator<Item = Option<L>> + Clone,
    params: &SliceParams,
    test: impl Fn(L) -> Test,
) -> Cells {
    let mut counts: BTreeMap<L, usize> = BTreeMap::new();
    for level in values.clone().flatten() {
        *counts.entry(level).or_default() += 1;
    }
    counts.retain(|_, rows| *rows >= params.min_support);
    let mut kept: Vec<(L, usize)> = counts.into_iter().collect();
    kept.sort_by_key(|(level, rows)| (std::cmp::Reverse(*rows), *level));
    kept.truncate(params.levels);
    kept.sort_unstable();
    let (other, missing) = (kept.len() as u16, kept.len() as u16 + 1);
    let cell = values
        .map(|level| match level {
            None => missing,
            Some(level) => match kept.binary_search_by_key(&level, |(level, _)| *level) {
                Ok(at) => at as u16,
                Err(_) => other,
            },
        })
        .collect();
    let mut terms: Vec<Run> = kept
        .iter()
        .enumerate()
        .map(|(at, (level, _))| Run {
            from: at as u16,
            to: at as u16 + 1,
            test: test(*level),
        })
        .collect();
    terms.extend(presence(missing));
    Cells {
        cell,
        count: usize::from(missing) + 1,
        terms,
    }
}

/// The terms for "is missing" and "is there", where `missing` is the last cell.
fn presence(missing: u16) -> [Run; 2] {
    [
        Run {
            from: missing,
            to: missing + 1,
            test: Test::Missing,
        },
        Run {
            from: 0,
            to: missing,
            test: Test::Present,
        },
    ]
}

/// Where a column of numbers is cut.
struct Edge {
    value: f64,
    /// How many values are below.
    below: usize,
    /// Is it the edge of a bin? Ranges have such edges only; those of the tails bound one side.
    inner: bool,
}

fn numbers(values: &[f64], params: &SliceParams) -> Cells {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let edges = edges(&sorted, params);
    let missing = edges.len() as u16 + 1;
    let cell = values
        .iter()
        .map(|value| {
            if value.is_nan() {
                missing
            } else {
                edges.partition_point(|edge| edge.value <= *value) as u16
            }
        })
        .collect();
    // the one value of a cell, if it has but one
    let only = |at: usize| {
        let first = *sorted.get(if at == 0 { 0 } else { edges[at - 1].below })?;
        let last = *sorted.get(edges.get(at).map_or(sorted.len(), |edge| edge.below).checked_sub(1)?)?;
        (first == last && first.is_finite()).then_some(first)
    };
    let mut terms = Vec::new();
    let mut push = |from: usize, to: usize, test: Test| {
        let test = match only(from) {
            Some(value) if to == from + 1 => Test::Number(value),
            _ => test,
        };
        terms.push(Run {
            from: from as u16,
            to: to as u16,
            test,
        });
    };
    for (i, edge) in edges.iter().enumerate() {
        push(0, i + 1, Test::Below(edge.value));
        push(i + 1, edges.len() + 1, Test::AtLeast(edge.value));
        if edge.inner {
            for (j, end) in edges.iter().enumerate().skip(i + 1) {
                if end.inner {
                    push(i + 1, j + 1, Test::Between(edge.value, end.value));
                }
            }
        }
    }
    terms.extend(presence(missing));
    Cells {
        cell,
        count: usize::from(missing) + 1,
        terms,
    }
}

/// Edges of bins of about equal numbers of rows and of halved tails, or of every value where there are few.
fn edges(sorted: &[f64], params: &SliceParams) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    let mut push = |value: Option<f64>, inner| {
        if let Some(value) = value {
            let below = sorted.partition_point(|other| *other < value);
            edges.push(Edge { value, below, inner });
        }
    };
    let mut distinct = sorted.to_vec();
    distinct.dedup();
    if distinct.len() <= params.bins {
        for value in distinct.iter().skip(1) {
            push(value.is_finite().then_some(*value), true);
        }
        return edges;
    }
    let rows = sorted.len();
    for bin in 1..params.bins {
        push(edge(sorted, rows * bin / params.bins, rows / params.bins / 10), true);
    }
    let smallest = ((rows as f64 * SMALLEST_TAIL) as usize).max(params.min_support).max(1);
    let mut tail = rows / params.bins / 2;
    while tail >= smallest {
        push(edge(sorted, tail, tail / 10), false);
        push(edge(sorted, rows - tail, tail / 10), false);
        tail /= 2;
    }
    // of two edges with nothing between, the one of a bin
    edges.sort_by_key(|edge| (edge.below, !edge.inner));
    edges.dedup_by_key(|edge| edge.below);
    edges
}

/// The shortest decimal that has about `rank` of the values below it, give or take `slack`. `None` where no value is
/// smaller.
fn edge(sorted: &[f64], rank: usize, slack: usize) -> Option<f64> {
    let mut high = *sorted.get((rank + slack).min(sorted.len().checked_sub(1)?))?;
    if high.is_infinite() {
        // only a finite number can be written
        let finite = sorted.partition_point(|value| *value < f64::INFINITY);
        high = *sorted.get(finite.checked_sub(1)?)?;
    }
    let mut low = *sorted.get(rank.saturating_sub(slack))?;
    if low >= high {
        low = *sorted.get(sorted.partition_point(|value| *value < high).checked_sub(1)?)?;
    }
    if high.is_infinite() {
        return None;
    }
    let middle = sorted.get(rank).copied().filter(|value| *value > low && *value < high);
    Some(shortest(low, high, middle.unwrap_or(high)))
}

/// The shortest decimal above `low` and up to `high`, near `wanted` if there are several.
fn shortest(low: f64, high: f64, wanted: f64) -> f64 {
    if low < 0.0 && high >= 0.0 {
        return 0.0;
    }
    for digits in 0..17 {
        for value in [wanted, high] {
            match format!("{value:.digits$e}").parse() {
                Ok(short) if short > low && short <= high => return short,
                _ => {}
            }
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(min_support: usize, bins: usize) -> SliceParams {
        SliceParams {
            min_support,
            bins,
            ..SliceParams::default()
        }
    }

    fn printed(cells: &Cells) -> Vec<String> {
        let sql = |run: &Run| {
            super::super::Term {
                column: "x".to_owned(),
                test: run.test.clone(),
            }
            .to_string()
        };
        cells.terms.iter().map(sql).collect()
    }

    #[test]
    fn decimals_are_short() {
        assert_eq!(shortest(2.2, 2.9, 2.6), 2.6);
        assert_eq!(shortest(2.2, 17.0, 9.1), 9.0);
        assert_eq!(shortest(41.97, 42.03, 42.01), 42.0);
        assert_eq!(shortest(-0.7, 0.4, -0.6), 0.0);
        assert_eq!(shortest(3.0, 4.0, 4.0), 4.0);
        assert_eq!(shortest(0.1, 0.1 + 1e-16, 0.1 + 1e-16), 0.1 + 1e-16);
        assert_eq!(shortest(1e300, 2e300, 2e300), 2e300);
        assert_eq!(shortest(f64::NEG_INFINITY, -5.3, -5.3), -5.3);
    }

    #[test]
    fn few_numbers_are_levels() {
        let values = [0.0, 1.0, 1.0, 2.0, f64::NAN, 0.0];
        let cells = Cells::new(&Column::new("x", Values::Number(&values)), &params(1, 8));
        assert_eq!(cells.cell, [0, 1, 1, 2, 3, 0]);
        assert_eq!(
            printed(&cells),
            [
                "x = 0",
                "x >= 1",
                "x = 1",
                "x < 2",
                "x = 2",
                "x IS NULL",
                "x IS NOT NULL"
            ]
        );
    }

    #[test]
    fn many_numbers_are_bins_tails_and_ranges() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 10.0).collect();
        let cells = Cells::new(&Column::new("x", Values::Number(&values)), &params(20, 4));
        let printed = printed(&cells);
        for term in ["x < 25", "x >= 50", "x >= 75", "x >= 25 AND x < 75", "x < 3", "x >= 97"] {
            assert!(printed.iter().any(|p| p == term), "{term} is not in {printed:?}");
        }
        assert!(!printed.iter().any(|p| p.contains("NULL")));
    }

    #[test]
    fn infinite_and_equal_numbers_are_no_edges() {
        let mut values = vec![f64::INFINITY; 500];
        values.extend(vec![f64::NEG_INFINITY; 100]);
        values.extend(vec![7.0; 300]);
        values.extend((0..100).map(f64::from));
        let cells = Cells::new(&Column::new("x", Values::Number(&values)), &params(5, 8));
        assert!(!cells.terms.is_empty());
        assert!(printed(&cells).iter().all(|p| !p.contains("inf")));
        for constant in [f64::INFINITY, 3.0, f64::NAN] {
            let cells = Cells::new(&Column::new("x", Values::Number(&[constant; 50])), &params(5, 8));
            assert!(cells.terms.is_empty());
        }
    }

    #[test]
    fn rare_levels_share_a_cell() {
        let values = [
            Some("a"),
            Some("b"),
            Some("a"),
            None,
            Some("c"),
            Some("b"),
            None,
            Some("a"),
        ];
        let column = Column::new("x", Values::Text(&values));
        let cells = Cells::new(&column, &params(2, 8));
        assert_eq!(cells.cell, [0, 1, 0, 3, 2, 1, 3, 0]);
        assert_eq!(printed(&cells), ["x = 'a'", "x = 'b'", "x IS NULL", "x IS NOT NULL"]);
        let most = Cells::new(
            &column,
            &SliceParams {
                levels: 1,
                ..params(2, 8)
            },
        );
        assert_eq!(printed(&most), ["x = 'a'", "x IS NULL", "x IS NOT NULL"]);
    }
}
