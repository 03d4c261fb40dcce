//! The numbers of tracks, with intervals over recordings.

use guideway_eval::bootstrap::{BootstrapParams, intervals_of};
use guideway_eval::mot::{ClassReport, FollowedObject};
use guideway_schema::MetricRow;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::evaluate::RESAMPLES;

/// What has intervals, in the order of [`ratios`].
pub(super) const RATIOS: [&str; 5] = ["HOTA", "DetA", "AssA", "MOTA", "IDF1"];

/// How a class was tracked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrackScores {
    /// The class, or `all`.
    pub class: String,
    /// Labelled objects.
    pub objects: u64,
    /// Tracks.
    pub tracks: u64,
    /// Luiten et al. 2021.
    pub hota: f64,
    /// Its part that says how well objects are detected.
    pub det_a: f64,
    /// Its part that says how well their identities are kept.
    pub ass_a: f64,
    /// Bernardin and Stiefelhagen 2008.
    pub mota: f64,
    /// Ristani et al. 2016.
    pub idf1: f64,
    /// Identity switches.
    pub switches: u64,
    /// Times that the tracking of an object was taken up again.
    pub fragmentations: u64,
    /// Objects tracked in more than 80 % of their frames.
    pub mostly_tracked: u64,
    /// Objects tracked in less than 20 % of them.
    pub mostly_lost: u64,
    /// Objects that were never found.
    pub never_found: u64,
    /// From an object's first label to its first match, s, mean over those that were found.
    pub latency_s: Option<f64>,
    /// The longest time that an object was not tracked, s, mean over those that were found.
    pub longest_gap_s: Option<f64>,
    /// Weng et al. 2020, as nuScenes has it; of tracks in the world only.
    pub amota: Option<f64>,
    /// Mean distance over the same recalls, m.
    pub amotp_m: Option<f64>,
}

impl TrackScores {
    pub(super) fn new(class: &str, report: &ClassReport, objects: &[FollowedObject]) -> Self {
        let means = report.hota.means();
        let latencies: Vec<f64> = objects.iter().filter_map(FollowedObject::latency_s).collect();
        let gaps = objects.iter().filter(|object| object.found.is_some());
        let gaps: Vec<f64> = gaps.map(|object| object.longest_gap_ns as f64 / 1e9).collect();
        Self {
            class: class.to_owned(),
            objects: report.count.objects,
            tracks: report.count.tracks,
            hota: means.hota,
            det_a: means.det_a,
            ass_a: means.ass_a,
            mota: report.clear.mota,
            idf1: report.identity.idf1,
            switches: report.clear.switches,
            fragmentations: report.clear.fragmentations,
            mostly_tracked: report.clear.mostly_tracked,
            mostly_lost: report.clear.mostly_lost,
            never_found: (objects.len() - latencies.len()) as u64,
            latency_s: mean(&latencies),
            longest_gap_s: mean(&gaps),
            amota: None,
            amotp_m: None,
        }
    }

    /// Rows of the table `metrics`; the ratios with intervals over recordings.
    pub(super) fn metrics(
        &self,
        run_id: &str,
        slice: &str,
        parts: &[ClassReport],
        groups: &[u32],
    ) -> Result<Vec<MetricRow>, Error> {
        let bootstrap = BootstrapParams {
            resamples: RESAMPLES,
            ..BootstrapParams::default()
        };
        let intervals = intervals_of(groups, &bootstrap, |times| ratios(parts, times))?;
        let mut rows = Vec::new();
        let mut push = |metric: &str, unit: &str, value: Option<f64>, higher_is_better: bool| {
            let place = RATIOS.iter().position(|ratio| *ratio == metric);
            let [lower, upper] = place.map_or([None; 2], |place| intervals[place]);
            rows.push(MetricRow {
                run_id: run_id.to_owned(),
                metric: format!("tracking/{metric}"),
                value,
                lower,
                upper,
                confidence: lower.map(|_| bootstrap.confidence),
                slice: slice.to_owned(),
                support: i64::try_from(self.objects).ok(),
                unit: unit.to_owned(),
                higher_is_better,
            });
        };
        push("HOTA", "1", Some(self.hota), true);
        push("DetA", "1", Some(self.det_a), true);
        push("AssA", "1", Some(self.ass_a), true);
        push("MOTA", "1", Some(self.mota), true);
        push("IDF1", "1", Some(self.idf1), true);
        push("IDSW", "count", Some(self.switches as f64), false);
        push("Frag", "count", Some(self.fragmentations as f64), false);
        push("MT", "count", Some(self.mostly_tracked as f64), true);
        push("ML", "count", Some(self.mostly_lost as f64), false);
        push("never_found", "count", Some(self.never_found as f64), false);
        push("latency", "s", self.latency_s, false);
        push("longest_gap", "s", self.longest_gap_s, false);
        if self.amota.is_some() {
            push("AMOTA", "1", self.amota, true);
            push("AMOTP", "m", self.amotp_m, false);
        }
        Ok(rows)
    }
}

/// What sequences give together when each counts so many times.
pub(super) fn ratios(parts: &[ClassReport], times: &[u32]) -> Vec<Option<f64>> {
    let drawn = parts
        .iter()
        .zip(times)
        .flat_map(|(part, times)| std::iter::repeat_n(part, *times as usize));
    let together = ClassReport::combine(drawn);
    let means = together.hota.means();
    let known = together.count.labels > 0;
    [
        means.hota,
        means.det_a,
        means.ass_a,
        together.clear.mota,
        together.identity.idf1,
    ]
    .map(|value| known.then_some(value))
    .to_vec()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
