//! The numbers of a class, a sequence, and everything.

use serde::ser::SerializeMap as _;

use super::clear::ClearScores;
use super::hota::HotaScores;
use super::identity::IdentityScores;

/// Boxes, tracks and frames.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Predictions that count.
    #[serde(rename = "Dets")]
    pub predictions: u64,
    /// Labels that count.
    #[serde(rename = "GT_Dets")]
    pub labels: u64,
    /// Predicted tracks.
    #[serde(rename = "IDs")]
    pub tracks: u64,
    /// Labelled tracks.
    #[serde(rename = "GT_IDs")]
    pub objects: u64,
    /// Frames; `None` where sequences are taken together.
    #[serde(rename = "Frames", default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
}

/// All numbers of one class, in a sequence or in all of them.
///
/// As JSON it is `{"HOTA": {…}, "CLEAR": {…}, "Identity": {…}, "Count": {…}, "HOTA_mean": {…}}` with `TrackEval`'s names; `HOTA` has
/// one number for each α.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassReport {
    /// HOTA and its parts.
    pub hota: HotaScores,
    /// CLEAR MOT.
    pub clear: ClearScores,
    /// Identity.
    pub identity: IdentityScores,
    /// What there was.
    pub count: Counts,
}

impl ClassReport {
    /// Several sequences as one: counts are added up, association is weighted by true positives.
    pub fn combine<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let parts: Vec<&Self> = parts.into_iter().collect();
        let hota: Vec<&HotaScores> = parts.iter().map(|part| &part.hota).collect();
        Self {
            hota: HotaScores::combine(&hota, alphas(&hota)),
            clear: ClearScores::combine(parts.iter().map(|part| &part.clear)),
            identity: IdentityScores::combine(parts.iter().map(|part| &part.identity)),
            count: sum_counts(&parts),
        }
    }

    /// Several classes as one, each of them weighing the same: ratios are means, counts are added up.
    pub fn average<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let parts: Vec<&Self> = parts.into_iter().collect();
        let hota: Vec<&HotaScores> = parts.iter().map(|part| &part.hota).collect();
        let clear: Vec<&ClearScores> = parts.iter().map(|part| &part.clear).collect();
        let identity: Vec<&IdentityScores> = parts.iter().map(|part| &part.identity).collect();
        Self {
            hota: HotaScores::average(&hota, alphas(&hota)),
            clear: ClearScores::average(&clear),
            identity: IdentityScores::average(&identity),
            count: sum_counts(&parts),
        }
    }
}

fn alphas(parts: &[&HotaScores]) -> usize {
    parts.iter().map(|part| part.loc_a.len()).max().unwrap_or(0)
}

fn sum_counts(parts: &[&ClassReport]) -> Counts {
    let mut all = Counts::default();
    for part in parts {
        all.predictions += part.count.predictions;
        all.labels += part.count.labels;
        all.tracks += part.count.tracks;
        all.objects += part.count.objects;
    }
    all
}

impl serde::Serialize for ClassReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("HOTA", &self.hota)?;
        map.serialize_entry("CLEAR", &self.clear)?;
        map.serialize_entry("Identity", &self.identity)?;
        map.serialize_entry("Count", &self.count)?;
        map.serialize_entry("HOTA_mean", &self.hota.means())?;
        map.end()
    }
}

/// The classes of one sequence, in the order of the rules.
pub type SequenceReport = Vec<(String, ClassReport)>;

/// The evaluation of one tracker on several sequences.
///
/// As JSON it is `{SEQUENCE: {CLASS: {…}}, "COMBINED_SEQ": {CLASS: {…}}}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrackReport {
    /// Each sequence.
    pub sequences: Vec<(String, SequenceReport)>,
    /// All sequences together, per class.
    pub combined: SequenceReport,
}

impl TrackReport {
    /// From the sequences, all of which have the same classes in the same order.
    pub fn new(sequences: Vec<(String, SequenceReport)>) -> Self {
        let names = sequences
            .first()
            .map(|(_, classes)| classes.as_slice())
            .unwrap_or_default();
        let combined = names
            .iter()
            .enumerate()
            .map(|(place, (name, _))| {
                let parts = sequences
                    .iter()
                    .filter_map(|(_, classes)| classes.get(place).map(|(_, report)| report));
                (name.clone(), ClassReport::combine(parts))
            })
            .collect();
        Self { sequences, combined }
    }

    /// All classes and sequences together, every class weighing the same.
    pub fn class_average(&self) -> ClassReport {
        ClassReport::average(self.combined.iter().map(|(_, report)| report))
    }

    /// All classes and sequences together, every box weighing the same.
    pub fn box_average(&self) -> ClassReport {
        ClassReport::combine(self.combined.iter().map(|(_, report)| report))
    }
}

struct Classes<'a>(&'a [(String, ClassReport)]);

impl serde::Serialize for Classes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, report)| (name, report)))
    }
}

impl serde::Serialize for TrackReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.sequences.len() + 1))?;
        for (name, classes) in &self.sequences {
            map.serialize_entry(name, &Classes(classes))?;
        }
        map.serialize_entry("COMBINED_SEQ", &Classes(&self.combined))?;
        map.end()
    }
}

/// The mean; 0 of nothing.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}
