//! What is usual for a class, learned from data that may be wrong in places.
//!
//! For every class and [`Feature`] the median and the 10 % and 90 % quantiles are kept: a few per cent of errors in what they are learned from do not
//! move them. How surprising a value is, is how much less likely than the most usual one it is, as a logarithm, under a Student distribution with
//! [`FREEDOM`] degrees of freedom whose two sides are as wide as the quantiles say. Its tails are heavy on purpose: a very long lorry is rare, not impossible.
//!
//! ```
//! use guideway_assert::{Feature, Priors, Sample};
//!
//! let bicycles = (0..100).map(|i| Sample::new("bicycle", [(Feature::Length, 1.7 + 0.002 * f64::from(i))]));
//! let priors = Priors::learn(bicycles);
//! let usual = priors.surprise("bicycle", Feature::Length, 1.8).unwrap_or_default();
//! let long = priors.surprise("bicycle", Feature::Length, 50.0).unwrap_or_default();
//! assert!(usual < 0.1 && long > 12.0);
//! assert_eq!(priors.surprise("tram", Feature::Length, 30.0), None, "nothing is known of trams");
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::object::{Feature, Object};

/// Fewest values from which something is learned of a class.
pub const MIN_COUNT: usize = 30;

/// Fewest frames of an object from which something is learned.
pub const MIN_FRAMES: u64 = 5;

/// Slower than this it stands, m/s: what stands says nothing of how the class moves.
pub const STANDS_MPS: f64 = 1.0;

/// A class of which less than this part moves is one that stands.
const MOVES: f64 = 0.1;

/// Degrees of freedom of the distribution.
pub const FREEDOM: f64 = 4.0;

/// Distance of the 10 % and 90 % quantiles from the median of a normal distribution, in standard deviations.
const DECILE: f64 = 1.281_551_565_5;

/// A row to learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Class group.
    pub class: String,
    /// What was measured.
    pub features: BTreeMap<Feature, f64>,
}

impl Sample {
    /// From pairs of feature and value.
    pub fn new(class: &str, features: impl IntoIterator<Item = (Feature, f64)>) -> Self {
        Self {
            class: class.to_owned(),
            features: features.into_iter().collect(),
        }
    }
}

impl From<&Object> for Sample {
    fn from(object: &Object) -> Self {
        Self {
            class: object.class.clone(),
            features: object.features.clone(),
        }
    }
}

/// What is usual for one feature of one class, on the feature's scale: logarithms for sizes and ratios.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usual {
    /// Values that it was learned from.
    pub count: u64,
    /// 10 % quantile.
    pub low: f64,
    /// Median.
    pub median: f64,
    /// 90 % quantile.
    pub high: f64,
}

/// What is usual, by class and feature.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Priors {
    /// Class group → feature → what is usual.
    pub classes: BTreeMap<String, BTreeMap<Feature, Usual>>,
}

/// How a feature is measured: its scale, the least spread that is believed, and whether small values can be suspicious.
struct Scale {
    of: fn(f64) -> f64,
    least: f64,
    both_sides: bool,
}

fn scale(feature: Feature) -> Scale {
    let log = |least, both_sides| Scale {
        of: |v| v.max(1e-6).ln(),
        least,
        both_sides,
    };
    match feature {
        Feature::Length | Feature::Width | Feature::Height => log(0.04, true),
        Feature::Slenderness | Feature::Aspect => log(0.06, true),
        Feature::AboveGround => Scale {
            of: |v| v,
            least: 0.1,
            both_sides: true,
        },
        Feature::Points => Scale {
            of: |v| v.max(0.0).ln_1p(),
            least: 0.3,
            both_sides: true,
        },
        Feature::Speed => Scale {
            of: |v| v.max(0.0),
            least: 0.5,
            both_sides: false,
        },
        Feature::Acceleration => Scale {
            of: |v| v.max(0.0),
            least: 0.5,
            both_sides: false,
        },
        Feature::TurnRate => Scale {
            of: |v| v.max(0.0),
            least: 4.0,
            both_sides: false,
        },
        Feature::Jump | Feature::HeadingStep => Scale {
            of: |v| v.max(0.0),
            least: 0.03,
            both_sides: false,
        },
        Feature::SizeChange => log(0.03, false),
        Feature::HeadingOffset => Scale {
            of: |v| v.max(0.0),
            least: 4.0,
            both_sides: false,
        },
        Feature::Gap => Scale {
            of: |v| v.max(0.0),
            least: 0.1,
            both_sides: false,
        },
    }
}

impl Priors {
    /// Learns from rows. Values that are no numbers are left out; a class and feature with fewer than [`MIN_COUNT`] values stays unknown. Motion is learned from what
    /// moves, at [`STANDS_MPS`] or faster: among many that are parked, whoever drives would be unusual. Only a class that hardly ever moves is taken as it is.
    pub fn learn(rows: impl IntoIterator<Item = Sample>) -> Self {
        let mut values: BTreeMap<String, BTreeMap<Feature, Vec<f64>>> = BTreeMap::new();
        let mut moving: BTreeMap<(String, Feature), Vec<f64>> = BTreeMap::new();
        for row in rows {
            let moves = row
                .features
                .get(&Feature::Speed)
                .is_some_and(|speed| *speed >= STANDS_MPS);
            let class = row.class;
            let of_class = values.entry(class.clone()).or_default();
            for (feature, value) in row.features {
                // A scale may make a number of what is none.
                if !value.is_finite() {
                    continue;
                }
                let value = (scale(feature).of)(value);
                if value.is_finite() {
                    of_class.entry(feature).or_default().push(value);
                    if moves && feature.is_motion() {
                        moving.entry((class.clone(), feature)).or_default().push(value);
                    }
                }
            }
        }
        let mut classes = BTreeMap::new();
        for (class, features) in values {
            let mut of_class = BTreeMap::new();
            for (feature, mut values) in features {
                if let Some(moving) = moving.remove(&(class.clone(), feature))
                    && moving.len() as f64 >= MOVES * values.len() as f64
                {
                    values = moving;
                }
                if values.len() < MIN_COUNT {
                    continue;
                }
                values.sort_by(f64::total_cmp);
                of_class.insert(
                    feature,
                    Usual {
                        count: values.len() as u64,
                        low: quantile(&values, 0.1),
                        median: quantile(&values, 0.5),
                        high: quantile(&values, 0.9),
                    },
                );
            }
            if !of_class.is_empty() {
                classes.insert(class, of_class);
            }
        }
        Self { classes }
    }

    /// Learns from objects, one row each: many frames of one parked car are one car. Those seen in fewer than [`MIN_FRAMES`] frames are left out: false alarms
    /// would teach what a detector imagines.
    pub fn of_objects<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let seen = objects.into_iter().filter(|object| object.frames >= MIN_FRAMES);
        Self::learn(seen.map(Sample::from))
    }

    /// How surprising a value is, nats from 0; `None` where nothing is known of the class, or the value is no number.
    pub fn surprise(&self, class: &str, feature: Feature, value: f64) -> Option<f64> {
        let usual = self.classes.get(class)?.get(&feature)?;
        let Scale { of, least, both_sides } = scale(feature);
        let off = of(value) - usual.median;
        if !value.is_finite() || !off.is_finite() {
            return None;
        }
        if off < 0.0 && !both_sides {
            return Some(0.0);
        }
        let side = if off < 0.0 {
            usual.median - usual.low
        } else {
            usual.high - usual.median
        };
        let z = off / (side / DECILE).max(least);
        Some(0.5 * (FREEDOM + 1.0) * (z * z / FREEDOM).ln_1p())
    }

    /// The most surprising of an object's features.
    pub fn most_surprising(&self, object: &Object) -> Option<(Feature, f64)> {
        let mut most: Option<(Feature, f64)> = None;
        for (feature, value) in &object.features {
            if let Some(surprise) = self.surprise(&object.class, *feature, *value)
                && most.is_none_or(|(_, so_far)| surprise > so_far)
            {
                most = Some((*feature, surprise));
            }
        }
        most
    }

    /// The class that explains an object's size and speed best, and by how many nats better than its own. `None` where its own does best, or is
    /// not known.
    pub fn better_class(&self, object: &Object) -> Option<(&str, f64)> {
        let own = self.misfit(&object.class, object)?;
        let mut best: Option<(&str, f64)> = None;
        for class in self.classes.keys().filter(|class| **class != object.class) {
            if let Some(other) = self.misfit(class, object)
                && own > other
                && best.is_none_or(|(_, gain)| own - other > gain)
            {
                best = Some((class, own - other));
            }
        }
        best
    }

    /// How badly a class explains what an object measures; a class of which one of them is not known explains nothing.
    fn misfit(&self, class: &str, object: &Object) -> Option<f64> {
        let telling = [
            Feature::Length,
            Feature::Width,
            Feature::Height,
            Feature::Aspect,
            Feature::Speed,
        ];
        let mut sum = 0.0;
        for feature in telling {
            if let Some(value) = object.features.get(&feature) {
                sum += self.surprise(class, feature, *value)?;
            }
        }
        Some(sum)
    }
}

/// Linear between neighbours, of sorted values that are not empty.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    sorted[below] + (at - at.floor()) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lengths(values: &[f64]) -> Priors {
        Priors::learn(values.iter().map(|v| Sample::new("car", [(Feature::Length, *v)])))
    }

    #[test]
    fn errors_in_what_is_learned_from_hardly_matter() {
        let clean: Vec<f64> = (0..1000).map(|i| 4.0 + 0.001 * f64::from(i)).collect();
        let mut dirty = clean.clone();
        for i in 0..20 {
            dirty[i * 50] = 45.0;
        }
        let (a, b) = (lengths(&clean), lengths(&dirty));
        for value in [3.0, 4.5, 6.0, 45.0] {
            let of = |p: &Priors| p.surprise("car", Feature::Length, value).unwrap();
            assert!((of(&a) - of(&b)).abs() < 0.5, "{value}: {} and {}", of(&a), of(&b));
        }
    }

    #[test]
    fn little_is_nothing_and_nan_is_left_out() {
        assert!(lengths(&[4.0; MIN_COUNT - 1]).classes.is_empty());
        let mut values = vec![4.0; MIN_COUNT];
        values.push(f64::NAN);
        assert_eq!(
            lengths(&values).classes["car"][&Feature::Length].count,
            MIN_COUNT as u64
        );
        assert_eq!(lengths(&values).surprise("car", Feature::Length, f64::NAN), None);
    }

    #[test]
    fn who_drives_among_the_parked_is_nothing_unusual() {
        let cars = |parked: u32, driving: u32| {
            let speeds = (0..parked)
                .map(|_| 0.0)
                .chain((0..driving).map(|i| 5.0 + 0.1 * f64::from(i)));
            Priors::learn(speeds.map(|v| Sample::new("car", [(Feature::Speed, v)])))
        };
        let of = |priors: &Priors, speed| priors.surprise("car", Feature::Speed, speed);
        assert!(of(&cars(200, 40), 8.0).unwrap() < 1.0);
        assert!(of(&cars(200, 40), 60.0).unwrap() > 6.0);
        assert_eq!(of(&cars(200, 25), 8.0), None, "too few drive");
        assert!(of(&cars(400, 3), 8.0).unwrap() > 6.0, "what stands does not drive");
    }

    #[test]
    fn priors_survive_json() {
        let priors = lengths(&(0..50).map(|i| 4.0 + 0.01 * f64::from(i)).collect::<Vec<_>>());
        let text = serde_json::to_string(&priors).unwrap();
        assert_eq!(serde_json::from_str::<Priors>(&text).unwrap(), priors);
    }

    proptest! {
        #[test]
        fn further_away_is_more_surprising(near in 4.5_f64..30.0, more in 0.0_f64..30.0) {
            let priors = lengths(&(0..50).map(|i| 4.0 + 0.01 * f64::from(i)).collect::<Vec<_>>());
            let of = |v| priors.surprise("car", Feature::Length, v).unwrap();
            prop_assert!(of(near + more) >= of(near));
        }
    }
}
