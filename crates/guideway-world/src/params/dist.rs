//! Numbers that are not fixed.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a parameter is drawn. In a file: a plain value, or a table with the fields of one of these.
///
/// ```
/// use guideway_world::params::Distribution;
/// let rain: Distribution = toml::from_str("choice = [0.0, { uniform = [1.0, 20.0] }]\nweights = [3, 1]")?;
/// assert_eq!(rain, Distribution::choice([0.0.into(), Distribution::uniform(1.0, 20.0)], [3.0, 1.0]));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a value, or a table with `uniform`, `log_uniform`, `normal`, `choice` or `follows`"
)]
pub enum Distribution {
    /// Always this value.
    Fixed(Scalar),
    /// Every value between two is as likely; whole numbers include both ends.
    Uniform(Uniform),
    /// Every factor between two values is as likely; both above zero.
    LogUniform(LogUniform),
    /// The normal distribution, cut off at the parameter's range (and at `min` and `max`, if given).
    Normal(Normal),
    /// One of several values or distributions.
    Choice(Choice),
    /// Follows another parameter: a curve through points, and noise about it.
    Follows(Follows),
}

/// A plain value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A name.
    Text(String),
}

/// `uniform = [low, high]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Uniform {
    /// Lower and upper end.
    pub uniform: [f64; 2],
}

/// `log_uniform = [low, high]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogUniform {
    /// Lower and upper end, above zero.
    pub log_uniform: [f64; 2],
}

/// `normal = [mean, standard deviation]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normal {
    /// Mean and standard deviation.
    pub normal: [f64; 2],
    /// Never below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Never above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// `choice = [a, b, …]`, `weights = [1, 2, …]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Values or distributions.
    pub choice: Vec<Distribution>,
    /// How likely each is, in any unit; all alike when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
}

/// `follows = "weather.rain_mm_per_h"`, `points = [[0, 0], [5, 0.8]]`, `sd = 0.05`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Follows {
    /// Dotted name of the other parameter, a number.
    pub follows: String,
    /// Points `[other, this]` of a curve, in rising order of the other; straight between them, level beyond.
    pub points: Vec<[f64; 2]>,
    /// Standard deviation of normal noise about the curve.
    #[serde(default)]
    pub sd: f64,
}

impl From<f64> for Distribution {
    fn from(value: f64) -> Self {
        Self::Fixed(Scalar::Number(value))
    }
}

impl From<&str> for Distribution {
    fn from(value: &str) -> Self {
        Self::Fixed(Scalar::Text(value.to_owned()))
    }
}

impl From<bool> for Distribution {
    fn from(value: bool) -> Self {
        Self::Fixed(Scalar::Bool(value))
    }
}

impl From<i64> for Distribution {
    fn from(value: i64) -> Self {
        Self::Fixed(Scalar::Integer(value))
    }
}

impl Distribution {
    /// Uniform between two values.
    pub fn uniform(low: f64, high: f64) -> Self {
        Self::Uniform(Uniform { uniform: [low, high] })
    }

    /// Uniform in the logarithm.
    pub fn log_uniform(low: f64, high: f64) -> Self {
        Self::LogUniform(LogUniform {
            log_uniform: [low, high],
        })
    }

    /// Normal, cut off at the parameter's range.
    pub fn normal(mean: f64, sd: f64) -> Self {
        Self::Normal(Normal {
            normal: [mean, sd],
            min: None,
            max: None,
        })
    }

    /// One of several; no weights means all alike.
    pub fn choice(of: impl IntoIterator<Item = Self>, weights: impl IntoIterator<Item = f64>) -> Self {
        Self::Choice(Choice {
            choice: of.into_iter().collect(),
            weights: weights.into_iter().collect(),
        })
    }

    /// Follows another parameter along a curve, with noise.
    pub fn follows(other: &str, points: impl IntoIterator<Item = [f64; 2]>, sd: f64) -> Self {
        Self::Follows(Follows {
            follows: other.to_owned(),
            points: points.into_iter().collect(),
            sd,
        })
    }

    /// The parameters that it follows.
    pub(crate) fn parents(&self) -> Vec<&str> {
        match self {
            Self::Follows(follows) => vec![&follows.follows],
            Self::Choice(choice) => choice.choice.iter().flat_map(Self::parents).collect(),
            _ => Vec::new(),
        }
    }

    /// A value. `range` is the parameter's; `whole` rounds; `other` gives the values of parents.
    pub(crate) fn draw(
        &self,
        rng: &mut ChaCha8Rng,
        range: [f64; 2],
        whole: bool,
        other: &dyn Fn(&str) -> Option<f64>,
    ) -> Scalar {
        let finish = |value: f64| {
            let value = value.clamp(range[0], range[1]);
            if whole {
                Scalar::Integer(value.round() as i64)
            } else {
                Scalar::Number(value)
            }
        };
        match self {
            Self::Fixed(Scalar::Integer(value)) if !whole => Scalar::Number(*value as f64),
            Self::Fixed(value) => value.clone(),
            Self::Uniform(Uniform { uniform: [low, high] }) => {
                let u: f64 = rng.random();
                if whole {
                    Scalar::Integer((low.ceil() + (u * (high.floor() - low.ceil() + 1.0)).floor()) as i64)
                } else {
                    finish(low + u * (high - low))
                }
            }
            Self::LogUniform(LogUniform {
                log_uniform: [low, high],
            }) => {
                let u: f64 = rng.random();
                finish(low * (high / low).powf(u))
            }
            Self::Normal(Normal {
                normal: [mean, sd],
                min,
                max,
            }) => {
                let low = min.unwrap_or(range[0]).max(range[0]);
                let high = max.unwrap_or(range[1]).min(range[1]);
                // Redrawn rather than clamped: a pile-up at the ends would be a different distribution.
                let mut value = *mean;
                for _ in 0..64 {
                    let z: f64 = StandardNormal.sample(rng);
                    value = mean + sd * z;
                    if (low..=high).contains(&value) {
                        break;
                    }
                }
                finish(value.clamp(low, high))
            }
            Self::Choice(Choice { choice, weights }) => {
                let index = pick(choice.len(), weights, rng.random());
                choice
                    .get(index)
                    .map_or(Scalar::Number(range[0]), |d| d.draw(rng, range, whole, other))
            }
            Self::Follows(Follows { follows, points, sd }) => {
                let z: f64 = StandardNormal.sample(rng);
                finish(curve(points, other(follows).unwrap_or(0.0)) + sd * z)
            }
        }
    }
}

/// The index that a uniform number picks by weight.
fn pick(count: usize, weights: &[f64], u: f64) -> usize {
    let weight = |i: usize| weights.get(i).copied().unwrap_or(1.0);
    let total: f64 = (0..count).map(weight).sum();
    let mut left = u * total;
    for i in 0..count {
        left -= weight(i);
        if left < 0.0 {
            return i;
        }
    }
    count.saturating_sub(1)
}

/// Straight between the points, level beyond them.
fn curve(points: &[[f64; 2]], x: f64) -> f64 {
    let after = points.partition_point(|p| p[0] <= x);
    match (after.checked_sub(1).and_then(|i| points.get(i)), points.get(after)) {
        (Some(a), Some(b)) => a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]),
        (Some(end), None) | (None, Some(end)) => end[1],
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    #[test]
    fn draws_have_the_moments_they_should() {
        let mut rng = Seed::new(3).rng();
        let mut mean = |d: Distribution, whole: bool| {
            let sum: f64 = (0..20_000)
                .map(|_| match d.draw(&mut rng, [-100.0, 100.0], whole, &|_| Some(2.5)) {
                    Scalar::Number(v) => v,
                    Scalar::Integer(v) => v as f64,
                    other => panic!("{other:?}"),
                })
                .sum();
            sum / 20_000.0
        };
        assert!((mean(Distribution::uniform(2.0, 6.0), false) - 4.0).abs() < 0.05);
        assert!((mean(Distribution::uniform(1.0, 4.0), true) - 2.5).abs() < 0.03);
        assert!((mean(Distribution::normal(5.0, 2.0), false) - 5.0).abs() < 0.06);
        let mixed = Distribution::choice([0.0.into(), Distribution::uniform(10.0, 20.0)], [3.0, 1.0]);
        assert!((mean(mixed, false) - 3.75).abs() < 0.15);
        let follows = Distribution::follows("x", [[0.0, 0.0], [5.0, 10.0]], 1.0);
        assert!((mean(follows, false) - 5.0).abs() < 0.05);
        // The mean of log-uniform over [1, e²] is (e² − 1) / 2.
        let e2 = 2.0_f64.exp();
        assert!((mean(Distribution::log_uniform(1.0, e2), false) - (e2 - 1.0) / 2.0).abs() < 0.06);
    }
}
