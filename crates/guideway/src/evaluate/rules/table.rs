//! The numbers of rule sets as tables: a row for each slice, a column for each metric.

use guideway_schema::MetricRow;
use serde::Serialize;

use super::MetricSet;
use super::drawn::RuleSlices;
use crate::evaluate::EvalReport;
use crate::evaluate::breakdown::parse;

/// The numbers of a rule set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleTable {
    /// The benchmark's name.
    pub title: String,
    /// What the slices are about (`class`, `level`), in the first columns.
    pub keys: Vec<String>,
    /// The metrics, in the columns after that of the labels.
    pub metrics: Vec<String>,
    /// Decimals to show, by metric.
    pub decimals: Vec<usize>,
    /// The rows.
    pub rows: Vec<RuleRow>,
    /// What was left out, and what else to know.
    pub notes: Vec<String>,
}

/// A row of such a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleRow {
    /// What the row is about, by key; empty where the slice does not say.
    pub keys: Vec<String>,
    /// Labels behind it.
    pub labels: Option<i64>,
    /// The values, by metric; none where undefined.
    pub values: Vec<Option<f64>>,
}

/// A number on its way to a table.
struct Cell<'a> {
    metric: &'a str,
    /// What it is about, by key.
    keys: Vec<(&'a str, &'a str)>,
    row: &'a MetricRow,
}

impl<'a> Cell<'a> {
    /// A number of a slice: `base` is what its slice says beside `cut`.
    fn of_slice(set: MetricSet, base: Option<&'a str>, cut: &'a str, row: &'a MetricRow) -> Option<Self> {
        let (own, metric) = row.metric.split_once('/')?;
        let keys = base.into_iter().flat_map(pairs).chain([("slice", cut)]).collect();
        (own == set.name()).then_some(Self { metric, keys, row })
    }

    fn key(&self, key: &str) -> Option<&'a str> {
        let own = self.keys.iter().find(|(known, _)| *known == key);
        own.map(|(_, value)| *value)
    }
}

impl EvalReport {
    /// A table for each rule set beside COCO's.
    pub fn rule_tables(&self) -> Vec<RuleTable> {
        let sets = MetricSet::ALL.into_iter();
        sets.filter_map(|set| {
            let notes = &self.rule_sets.get(set.name())?.notes;
            let prefix = format!("{}/", set.name());
            let of_everything = self.metrics.iter().filter(|row| parse(&row.slice).is_none());
            let own: Vec<Cell<'_>> = of_everything
                .filter_map(|row| {
                    Some(Cell {
                        metric: row.metric.strip_prefix(&prefix)?,
                        keys: pairs(&row.slice).collect(),
                        row,
                    })
                })
                .collect();
            Some(table(set, &own, notes.clone()))
        })
        .collect()
    }

    /// A table of slices by range, occlusion, weather and time of day for each rule set that has them: of all classes together, and of KITTI's each class at its middle level.
    pub fn rule_slice_tables(&self) -> Vec<RuleTable> {
        let sets = MetricSet::ALL.into_iter();
        sets.filter_map(|set| {
            let rows = self.metrics.iter();
            let cells = rows.filter_map(|row| {
                let (base, cut) = parse(&row.slice)?;
                Cell::of_slice(set, base.map(|_| base_of(&row.slice, cut)), cut, row)
            });
            slice_table(set, cells.collect())
        })
        .collect()
    }
}

/// A table for each rule set of the slices that a query makes.
pub(in crate::evaluate) fn asked_tables(slices: &[RuleSlices]) -> Vec<RuleTable> {
    let sets = MetricSet::ALL.into_iter();
    sets.filter_map(|set| {
        let own = slices.iter().filter(|slice| slice.set == set);
        let cells = own.flat_map(|slice| {
            slice.metrics.iter().filter_map(|row| {
                let base = (row.slice != slice.name).then(|| base_of(&row.slice, &slice.name));
                Cell::of_slice(set, base, &slice.name, row)
            })
        });
        slice_table(set, cells.collect())
    })
    .collect()
}

/// `class=car,level=easy` of `class=car,level=easy,weather=rain`.
fn base_of<'a>(slice: &'a str, cut: &str) -> &'a str {
    slice.strip_suffix(cut).unwrap_or(slice).trim_end_matches(',')
}

/// Of what is measured in slices, what a person looks at first.
fn slice_table(set: MetricSet, mut cells: Vec<Cell<'_>>) -> Option<RuleTable> {
    let is_of_all = |cell: &Cell<'_>| cell.keys.len() == 1;
    let is_ranked = |cell: &Cell<'_>| cell.key("level") == Some("moderate");
    if cells.iter().any(is_of_all) {
        cells.retain(is_of_all);
    } else if cells.iter().any(is_ranked) {
        cells.retain(is_ranked);
    }
    (!cells.is_empty()).then(|| table(set, &cells, Vec::new()))
}

fn table(set: MetricSet, own: &[Cell<'_>], notes: Vec<String>) -> RuleTable {
    // Of KITTI's two averages the newer one will do.
    let has_newer = own.iter().any(|cell| cell.metric.starts_with("AP_R40_"));
    let mut table = RuleTable {
        title: set.title().to_owned(),
        keys: Vec::new(),
        metrics: Vec::new(),
        decimals: Vec::new(),
        rows: Vec::new(),
        notes,
    };
    // In the order in which they come.
    let mut slices: Vec<(&str, Vec<&Cell<'_>>)> = Vec::new();
    for cell in own {
        let is_older = has_newer && cell.metric.starts_with("AP_R11_");
        let is_known = table.metrics.iter().any(|known| known == cell.metric);
        if !is_older && !is_known {
            table.metrics.push(cell.metric.to_owned());
            table.decimals.push(match cell.row.unit.as_str() {
                "count" => 0,
                "%" | "s" => 2,
                _ => 4,
            });
        }
        for (key, _) in &cell.keys {
            if !table.keys.iter().any(|known| known == key) {
                table.keys.push((*key).to_owned());
            }
        }
        match slices.iter_mut().find(|(slice, _)| *slice == cell.row.slice) {
            Some((_, cells)) => cells.push(cell),
            None => slices.push((&cell.row.slice, vec![cell])),
        }
    }
    for (slice, cells) in slices {
        let first = cells.first();
        let key = |key: &String| first.and_then(|cell| cell.key(key)).unwrap_or_default().to_owned();
        let mut keys: Vec<String> = table.keys.iter().map(key).collect();
        if let (true, Some(first)) = (first.is_some_and(|cell| cell.keys.is_empty()), keys.first_mut()) {
            slice.clone_into(first);
        }
        let find = |metric: &String| cells.iter().find(|cell| cell.metric == metric);
        table.rows.push(RuleRow {
            keys,
            labels: first.and_then(|cell| cell.row.support),
            values: table
                .metrics
                .iter()
                .map(|metric| find(metric).and_then(|cell| cell.row.value))
                .collect(),
        });
    }
    table
}

/// `class=car,level=easy` in pieces.
fn pairs(slice: &str) -> impl Iterator<Item = (&str, &str)> {
    slice.split(',').filter_map(|part| part.split_once('='))
}
