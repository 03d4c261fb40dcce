//! What is known of an object when it is gone: the rows from which priors are learned and labels are ranked.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::motion::median;

/// Most samples of one measurement that are kept of one object; of more, every second, fourth, … is.
const SAMPLES: usize = 64;

/// A measurement of an object. Those of a single frame are medians over its frames; the others are the worst that happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Length of the cuboid, m.
    Length,
    /// Width of the cuboid, m.
    Width,
    /// Height of the cuboid, m.
    Height,
    /// Length by width of the cuboid.
    Slenderness,
    /// Width by height of the box in the image, where nothing cuts it.
    Aspect,
    /// Lower side of the cuboid above the ground, m.
    AboveGround,
    /// Lidar points, times distance squared, by the area of its largest side: points per steradian, nearly. Where nothing hides it.
    Points,
    /// Highest speed over ground, m/s.
    Speed,
    /// Highest change of velocity over ground, along or across, that lasts for two seconds, m/s².
    Acceleration,
    /// Highest rate of turn of its course that lasts for two seconds, degrees/s, of what faces where it goes, while it moves.
    TurnRate,
    /// Largest way from where it was going, by what the rule `teleport` allows.
    Jump,
    /// Largest factor between a side of the cuboid, or the size of the box, and what it was to be.
    SizeChange,
    /// Angle between heading and motion, degrees; the median while it moves.
    HeadingOffset,
    /// Largest turn between two sightings, by what the rule `heading` allows.
    HeadingStep,
    /// Longest time that it was not seen in plain view, s.
    Gap,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 15] = [
        Self::Length,
        Self::Width,
        Self::Height,
        Self::Slenderness,
        Self::Aspect,
        Self::AboveGround,
        Self::Points,
        Self::Speed,
        Self::Acceleration,
        Self::TurnRate,
        Self::Jump,
        Self::SizeChange,
        Self::HeadingOffset,
        Self::HeadingStep,
        Self::Gap,
    ];

    /// Does it say how an object moves?
    pub fn is_motion(self) -> bool {
        matches!(self, Self::Speed | Self::Acceleration | Self::TurnRate)
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Width => "width",
            Self::Height => "height",
            Self::Slenderness => "slenderness",
            Self::Aspect => "aspect",
            Self::AboveGround => "above_ground",
            Self::Points => "points",
            Self::Speed => "speed",
            Self::Acceleration => "acceleration",
            Self::TurnRate => "turn_rate",
            Self::Jump => "jump",
            Self::SizeChange => "size_change",
            Self::HeadingOffset => "heading_offset",
            Self::HeadingStep => "heading_step",
            Self::Gap => "gap",
        }
    }
}

impl std::fmt::Display for Feature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// An object of a recording, all its frames together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// The recording.
    pub recording: String,
    /// The sensor.
    pub sensor: String,
    /// The object within the recording, as in [`Violation::object`](crate::Violation::object).
    pub object: String,
    /// The class group that it had most often.
    pub class: String,
    /// Stamp of its first frame, ns.
    pub first_ns: i64,
    /// Stamp of its last frame, ns.
    pub last_ns: i64,
    /// Frames in which it was seen.
    pub frames: u64,
    /// What was measured. What could not be is not there.
    pub features: BTreeMap<Feature, f64>,
}

/// Gathers an [`Object`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) first_ns: i64,
    pub(crate) last_ns: i64,
    classes: BTreeMap<Arc<str>, u64>,
    samples: BTreeMap<Feature, Thin>,
    worst: BTreeMap<Feature, f64>,
}

/// Evenly thinned samples.
#[derive(Debug, Clone, Default)]
struct Thin {
    values: Vec<f64>,
    seen: u64,
    stride_log2: u32,
}

impl Thin {
    fn add(&mut self, value: f64) {
        if self.seen.trailing_zeros() >= self.stride_log2 || self.seen == 0 {
            if self.values.len() == SAMPLES {
                let mut keep = false;
                self.values.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride_log2 += 1;
            }
            // The sample that halved the others stays only if it is on the new grid.
            if self.seen.trailing_zeros() >= self.stride_log2 || self.seen == 0 {
                self.values.push(value);
            }
        }
        self.seen += 1;
    }
}

impl Tally {
    pub(crate) fn see(&mut self, stamp_ns: i64, class: &Arc<str>) {
        if self.frames == 0 {
            self.first_ns = stamp_ns;
        }
        self.last_ns = stamp_ns;
        self.frames += 1;
        *self.classes.entry(class.clone()).or_default() += 1;
    }

    /// A measurement whose median counts.
    pub(crate) fn sample(&mut self, feature: Feature, value: f64) {
        self.samples.entry(feature).or_default().add(value);
    }

    /// How many of a measurement there were.
    pub(crate) fn sampled(&self, feature: Feature) -> u64 {
        self.samples.get(&feature).map_or(0, |thin| thin.seen)
    }

    /// A measurement whose largest value counts.
    pub(crate) fn worst(&mut self, feature: Feature, value: f64) {
        let worst = self.worst.entry(feature).or_insert(value);
        *worst = worst.max(value);
    }

    /// The class that it had most often; of equals the first by name.
    pub(crate) fn class(&self) -> Option<&Arc<str>> {
        let most = self.classes.values().max()?;
        self.classes
            .iter()
            .find(|(_, count)| *count == most)
            .map(|(class, _)| class)
    }

    pub(crate) fn finish(self, recording: &str, sensor: &str, object: &str) -> Object {
        let class = self.class().map_or_else(String::new, ToString::to_string);
        let mut features = self.worst;
        for (feature, mut thin) in self.samples {
            if let Some(value) = median(&mut thin.values) {
                features.insert(feature, value);
            }
        }
        Object {
            recording: recording.to_owned(),
            sensor: sensor.to_owned(),
            object: object.to_owned(),
            class,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
            frames: self.frames,
            features,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinned_samples_are_bounded_and_even() {
        let mut thin = Thin::default();
        for i in 0..10_000 {
            thin.add(f64::from(i));
        }
        assert!(thin.values.len() <= SAMPLES && thin.values.len() > SAMPLES / 2);
        let step = thin.values[1] - thin.values[0];
        assert!(thin.values.windows(2).all(|w| w[1] - w[0] == step), "{:?}", thin.values);
        assert_eq!(thin.values[0], 0.0);
    }
}
