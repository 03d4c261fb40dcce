//! What failures have in common: slices of the data with more events than chance gives.
//!
//! [`discover`] takes a table of attributes (weather, time of day, distance, …), says for each row whether something happened to
//! it (the object was missed, the frame was flagged), and answers with predicates that SQL takes as they are.
//! [`regions`] turns embeddings into one more attribute.
//!
//! # What is looked for
//!
//! Terms are: a text, flag or region equals a level; a number is below, at least, or between edges; a value is missing
//! or there. Conjunctions of up to three terms of different columns are slices, as in Slice Finder (Chung et al.,
//! "Automated data slicing for model validation", 2019) and SliceLine (Sagadeeva and Boehm, "SliceLine: fast,
//! linear-algebra-based slice finding for ML model debugging", 2021). Edges are quantiles, rounded to short decimals,
//! and never look at the events. All pairs of terms are tested; 100,000 rows of 20 attributes take well under a second
//! on two cores. Triples take one or two.
//!
//! # What is claimed
//!
//! The test of a slice is Fisher's exact one, one-sided: the chance that as many rows, drawn at random, have as many
//! events. A conjunction is tested inside of each of its parts too, and its p-value is the largest of these. That is
//! the intersection-union test (Berger, "Multiparameter hypothesis testing and acceptance sampling", 1982): where rain
//! explains it, "rain at night" does not pass.
//!
//! Thousands of slices are tested and few are told, so p-values need correction. Slices overlap, and a slice and its
//! complement depend on each other negatively, so Benjamini and Hochberg's procedure (1995) has no guarantee here. The
//! one of Benjamini and Yekutieli ("The control of the false discovery rate in multiple testing under dependency",
//! 2001) holds under any dependence. But dropping overlapping slices from its rejections, which are thousands around
//! one true slice, would leave the false ones behind (Katsevich, Sabatti and Bogomolov, "Filtering the rejection set
//! while preserving false discovery rate control", 2023). So the correction is made for the list that is told: `k`
//! slices are told when each has a p-value of at most `rate · k / (tests · H)` with `H = 1 + 1/2 + … + 1/top`. Such a
//! list is self-consistent, which is enough for the false discovery rate under any dependence and any way of picking
//! (Blanchard and Roquain, "Two simple sufficient conditions for FDR control", 2008, with prior weights proportional to
//! `1/k` on the lengths 1 to `top`). `tests` counts all slices of as many terms, times the numbers of terms that there
//! are: plain slices do not pay for the many complicated ones (Webb, "Layered critical values", 2008).
//!
//! The claim is about rows that are exchangeable. Frames of one drive are not: failures come in runs, and then every
//! attribute of the drive looks guilty. Give the drives as [`Outcome::groups`], or take one row of each track.
//!
//! # What is told
//!
//! Slices in the order of their tails among all rows: that is about the order of the likelihood ratio of "another rate
//! in here" (Kulldorff's scan statistic, 1997). A slice is left out when it overlaps a better one, and when the better
//! ones explain its events: given them, its excess must still be beyond the threshold.
//!
//! ```
//! use guideway_mine::slices::{Column, Outcome, SliceParams, Table, Values, discover};
//!
//! // pedestrians far away are missed in the rain
//! let rows = 4000;
//! let weather: Vec<_> = (0..rows).map(|i| Some(if i % 5 == 0 { "rain" } else { "clear" })).collect();
//! let distance: Vec<f64> = (0..rows).map(|i| f64::from(i * 7919 % 1000) / 10.0).collect();
//! let missed: Vec<bool> = (0..rows as usize)
//!     .map(|i| i % 29 == 0 || (weather[i] == Some("rain") && distance[i] >= 60.0 && i % 3 == 0))
//!     .collect();
//!
//! let table = Table::new(vec![
//!     Column::new("weather", Values::Text(&weather)),
//!     Column::new("distance_m", Values::Number(&distance)),
//! ])?;
//! let slices = discover(&table, &Outcome::new(&missed), &SliceParams::default())?;
//! // 62 is the edge of a bin next to 60
//! assert_eq!(slices[0].predicate, "weather = 'rain' AND distance_m >= 62");
//! assert!(slices[0].q_value < 0.05 && slices[0].rate > 5.0 * slices[0].rate_outside);
//! # Ok::<(), guideway_mine::MineError>(())
//! ```

mod cells;
mod fisher;
mod regions;
mod search;
mod select;
mod table;
#[cfg(test)]
mod tests;

pub use self::regions::{Centres, Regions, regions};
pub use self::table::{Column, Table, Term, Test, Values};

use crate::error::{MineError, length};

/// What happened to each row.
///
/// ```
/// use guideway_mine::slices::Outcome;
/// let outcome = Outcome::new(&[true, false, false]).in_groups(&[7, 7, 12]);
/// assert_eq!(outcome.groups, Some([7, 7, 12].as_slice()));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// Is the row an event: a failure, a find?
    pub events: &'a [bool],
    /// The group of each row, if rows of a group resemble each other: a drive, a track. Slices then must be sure among
    /// groups as well. That takes dozens of groups in a slice.
    pub groups: Option<&'a [u32]>,
}

impl<'a> Outcome<'a> {
    /// Events of rows that have nothing to do with each other.
    pub fn new(events: &'a [bool]) -> Self {
        Self { events, groups: None }
    }

    /// The same, with groups.
    #[must_use]
    pub fn in_groups(self, groups: &'a [u32]) -> Self {
        Self {
            groups: Some(groups),
            ..self
        }
    }
}

/// How to look for slices.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct SliceParams {
    /// Terms of a conjunction at most, 1 to 3.
    pub max_terms: usize,
    /// Rows of a slice at least.
    pub min_support: usize,
    /// Quantile bins of a number, 2 to 32. Beyond the outermost ones, tails are halved down to half a percent of the
    /// rows. Numbers of no more different values than this are cut at each value.
    pub bins: usize,
    /// Levels of a text or region at most, 1 to 256: those with the most rows. Others are in no slice by that column.
    pub levels: usize,
    /// The part of false slices among those told, on average, at most.
    pub false_discovery_rate: f64,
    /// Slices at most, 1 to 1000. The fewer, the more sensitive.
    pub top: usize,
    /// A slice is left out when it and a better one share more than this part of the rows in either (Jaccard), 0 to 1.
    pub overlap: f64,
}

impl Default for SliceParams {
    fn default() -> Self {
        Self {
            max_terms: 2,
            min_support: 20,
            bins: 8,
            levels: 64,
            false_discovery_rate: 0.05,
            top: 10,
            overlap: 0.5,
        }
    }
}

impl SliceParams {
    fn check(&self) -> Result<(), MineError> {
        let wrong = |parameter, value: String, allowed| {
            Err(MineError::Parameter {
                parameter,
                value,
                allowed,
            })
        };
        if !(1..=3).contains(&self.max_terms) {
            return wrong("max_terms", self.max_terms.to_string(), "1 to 3");
        }
        if self.min_support == 0 {
            return wrong("min_support", self.min_support.to_string(), "1 and more");
        }
        if !(2..=32).contains(&self.bins) {
            return wrong("bins", self.bins.to_string(), "2 to 32");
        }
        if !(1..=256).contains(&self.levels) {
            return wrong("levels", self.levels.to_string(), "1 to 256");
        }
        if !(self.false_discovery_rate > 0.0 && self.false_discovery_rate < 1.0) {
            return wrong(
                "false_discovery_rate",
                self.false_discovery_rate.to_string(),
                "above 0 and below 1",
            );
        }
        if !(1..=1000).contains(&self.top) {
            return wrong("top", self.top.to_string(), "1 to 1000");
        }
        if !(0.0..=1.0).contains(&self.overlap) {
            return wrong("overlap", self.overlap.to_string(), "0 to 1");
        }
        Ok(())
    }
}

/// Rows with more events than chance gives, and what they have in common.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Slice {
    /// The terms as SQL, joined by `AND`.
    pub predicate: String,
    /// The terms, in the order of the table's columns.
    pub terms: Vec<Term>,
    /// The region of embedding space that one of the terms names.
    pub region: Option<u32>,
    /// Rows in the slice.
    pub rows: usize,
    /// Events in the slice.
    pub events: usize,
    /// Events per row inside.
    pub rate: f64,
    /// Events per row outside.
    pub rate_outside: f64,
    /// `rate - rate_outside`.
    pub difference: f64,
    /// `rate` as a multiple of the rate of all rows.
    pub lift: f64,
    /// Events that would not be there at the rate outside: what a remedy can win.
    pub excess: f64,
    /// The largest p-value of the slice's tests. 0 below about 1e-308.
    pub p_value: f64,
    /// The smallest false discovery rate at which this slice may stand in a list of this length.
    pub q_value: f64,
}

/// The slices that have more events than the rest, best first, none that another one explains. Empty where nothing is
/// sure, and without events or with nothing but events. The module's documentation says what is claimed.
///
/// # Errors
/// [`MineError::Length`] for events or groups that are not one for each row, [`MineError::Parameter`].
pub fn discover(table: &Table<'_>, outcome: &Outcome<'_>, params: &SliceParams) -> Result<Vec<Slice>, MineError> {
    params.check()?;
    length("events", outcome.events.len(), table.rows)?;
    if let Some(groups) = outcome.groups {
        length("groups", groups.len(), table.rows)?;
    }
    let events = outcome.events.iter().filter(|event| **event).count();
    if events == 0 || events == table.rows {
        return Ok(Vec::new());
    }
    Ok(select::list(
        &search::Space::new(table, outcome, params),
        outcome,
        params,
    ))
}
