//! The numbers of rule sets as tables: a row for each slice, a column for each metric.

use guideway_schema::MetricRow;
use serde::Serialize;

use super::MetricSet;
use crate::evaluate::EvalReport;

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

impl EvalReport {
    /// A table for each rule set beside COCO's.
    pub fn rule_tables(&self) -> Vec<RuleTable> {
        let sets = MetricSet::ALL.into_iter();
        sets.filter_map(|set| {
            let notes = &self.rule_sets.get(set.name())?.notes;
            let prefix = format!("{}/", set.name());
            let own: Vec<(&str, &MetricRow)> = self
                .metrics
                .iter()
                .filter_map(|row| Some((row.metric.strip_prefix(&prefix)?, row)))
                .collect();
            Some(table(set, &own, notes.clone()))
        })
        .collect()
    }
}

fn table(set: MetricSet, own: &[(&str, &MetricRow)], notes: Vec<String>) -> RuleTable {
    // Of KITTI's two averages the newer one will do.
    let has_newer = own.iter().any(|(metric, _)| metric.starts_with("AP_R40_"));
    let mut table = RuleTable {
        title: set.title().to_owned(),
        keys: Vec::new(),
        metrics: Vec::new(),
        decimals: Vec::new(),
        rows: Vec::new(),
        notes,
    };
    for (metric, row) in own {
        let is_older = has_newer && metric.starts_with("AP_R11_");
        let is_known = table.metrics.iter().any(|known| known == metric);
        if !is_older && !is_known {
            table.metrics.push((*metric).to_owned());
            table.decimals.push(match row.unit.as_str() {
                "count" => 0,
                "%" | "s" => 2,
                _ => 4,
            });
        }
        for (key, _) in pairs(&row.slice) {
            if !table.keys.iter().any(|known| known == key) {
                table.keys.push(key.to_owned());
            }
        }
    }
    let mut slices: Vec<&str> = Vec::new();
    for (_, row) in own {
        if !slices.contains(&row.slice.as_str()) {
            slices.push(&row.slice);
        }
    }
    for slice in slices {
        let find = |metric: &str| own.iter().find(|(name, row)| *name == metric && row.slice == slice);
        let mut keys: Vec<String> = table
            .keys
            .iter()
            .map(|key| {
                let own = pairs(slice).find(|(known, _)| known == key);
                own.map(|(_, value)| value.to_owned()).unwrap_or_default()
            })
            .collect();
        if let (None, Some(first)) = (pairs(slice).next(), keys.first_mut()) {
            slice.clone_into(first);
        }
        let labels = own.iter().find(|(_, row)| row.slice == slice);
        table.rows.push(RuleRow {
            keys,
            labels: labels.and_then(|(_, row)| row.support),
            values: table
                .metrics
                .iter()
                .map(|metric| find(metric).and_then(|(_, row)| row.value))
                .collect(),
        });
    }
    table
}

/// `class=car,level=easy` in pieces.
fn pairs(slice: &str) -> impl Iterator<Item = (&str, &str)> {
    slice.split(',').filter_map(|part| part.split_once('='))
}
