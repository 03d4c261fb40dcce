//! A frame's score from what the models say about it.

use std::collections::BTreeMap;

use guideway_core::hint::closest;
use guideway_mine::MineError;
use guideway_mine::scores::{
    Aggregate, Detection, TrackParams, detection_entropy, entropy, gradient_embedding, gradient_norm, margin,
    mutual_information, track_disagreement,
};
use guideway_train::{Detector, Inference, ProbabilityMaps};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How the need for a label is measured. What each means is in [`guideway_mine::scores`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// Entropy of the mean probability at each place.
    Entropy,
    /// How much the models contradict each other at each place.
    #[default]
    MutualInformation,
    /// One minus the margin between the two outcomes at each place.
    Margin,
    /// Length of the output layer's gradient at each place.
    GradientNorm,
    /// Entropy of the found objects' confidences.
    DetectionEntropy,
    /// How much a frame contradicts the ones before and after it.
    TrackDisagreement,
    /// Drawn by lot: what every other score is to beat.
    Random,
}

impl Score {
    /// Its name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entropy => "entropy",
            Self::MutualInformation => "mutual-information",
            Self::Margin => "margin",
            Self::GradientNorm => "gradient-norm",
            Self::DetectionEntropy => "detection-entropy",
            Self::TrackDisagreement => "track-disagreement",
            Self::Random => "random",
        }
    }

    /// Does it look at the probability maps?
    pub(super) fn needs_maps(self) -> bool {
        matches!(
            self,
            Self::Entropy | Self::MutualInformation | Self::Margin | Self::GradientNorm
        )
    }
}

/// What a frame's scores come from: models and the classes that count.
pub(super) struct Scorer {
    score: Score,
    aggregate: Aggregate,
    pub(super) classes: Vec<String>,
    /// For each model, the index of each class.
    indices: Vec<Vec<usize>>,
}

/// A frame's score, and each class's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scored {
    pub(super) score: f32,
    pub(super) by_class: Vec<f32>,
}

impl Scorer {
    /// Classes that the models all know; all that they all know when none is named.
    pub(super) fn new(
        score: Score,
        aggregate: Aggregate,
        classes: &[String],
        members: &[Detector],
    ) -> Result<Self, Error> {
        let common: Vec<String> = members.first().map_or_else(Vec::new, |first| {
            let known = |class: &&String| members.iter().all(|member| member.classes().contains(class));
            first.classes().iter().filter(known).cloned().collect()
        });
        let classes = if classes.is_empty() { &common } else { classes }.to_vec();
        if classes.is_empty() && !members.is_empty() {
            return Err(Error::usage(
                "the models have no class in common",
                "take models that were trained on the same classes".to_owned(),
            ));
        }
        let unknown = |class: &String| {
            let hint = match closest(class, common.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the classes of the models are {}", common.join(", ")),
            };
            Error::usage(format!("no model class is called `{class}`"), hint)
        };
        let index = |member: &Detector, class: &String| {
            let index = member.classes().iter().position(|known| known == class);
            index.ok_or_else(|| unknown(class))
        };
        let indices = members
            .iter()
            .map(|member| classes.iter().map(|class| index(member, class)).collect())
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            score,
            aggregate,
            classes,
            indices,
        })
    }

    /// The score of one frame. `before` is what the models found in the frame before it.
    pub(super) fn score(
        &self,
        said: &[Inference],
        before: Option<&Found>,
        size: [f64; 2],
    ) -> Result<Scored, MineError> {
        let mut all = Vec::new();
        let mut by_class = Vec::with_capacity(self.classes.len());
        for class in 0..self.classes.len() {
            let first = all.len();
            match self.score {
                Score::DetectionEntropy | Score::TrackDisagreement => {
                    self.objects(class, said, before, size, &mut all)?;
                }
                _ => self.places(class, said, &mut all)?,
            }
            by_class.push(self.of(&all[first..], said.len()));
        }
        Ok(Scored {
            score: self.of(&all, said.len()),
            by_class,
        })
    }

    /// Objects of several models are scored one by one: a sum over them is that of one model on the average.
    fn of(&self, scores: &[f32], members: usize) -> f32 {
        let whole = self.aggregate.of(scores);
        match self.aggregate {
            Aggregate::Sum if !self.score.needs_maps() => whole / members.max(1) as f32,
            _ => whole,
        }
    }

    fn places(&self, class: usize, said: &[Inference], out: &mut Vec<f32>) -> Result<(), MineError> {
        let maps: Vec<&ProbabilityMaps> = said.iter().filter_map(|said| said.maps.as_ref()).collect();
        let levels = maps.first().map_or(0, |maps| maps.levels.len());
        for level in 0..levels {
            let mut members = Vec::with_capacity(maps.len());
            let mut norms = Vec::new();
            for (maps, indices) in maps.iter().zip(&self.indices) {
                let map = &maps.levels[level];
                let cells = map.height * map.width;
                members.push(&map.values[indices[class] * cells..(indices[class] + 1) * cells]);
                if self.score == Score::GradientNorm {
                    norms.push(lengths(&map.features, cells));
                }
            }
            match self.score {
                Score::Entropy => entropy(&members, out)?,
                Score::Margin => margin(&members, out)?,
                Score::GradientNorm => {
                    let norms: Vec<&[f32]> = norms.iter().map(Vec::as_slice).collect();
                    gradient_norm(&members, &norms, out)?;
                }
                _ => mutual_information(&members, out)?,
            }
        }
        Ok(())
    }

    fn objects(
        &self,
        class: usize,
        said: &[Inference],
        before: Option<&Found>,
        size: [f64; 2],
        out: &mut Vec<f32>,
    ) -> Result<(), MineError> {
        let now = self.found(said);
        for (member, now) in now.0.iter().enumerate() {
            let of_class = |list: &[Detection]| -> Vec<Detection> {
                list.iter().filter(|d| d.class as usize == class).copied().collect()
            };
            let own = of_class(now);
            if self.score == Score::DetectionEntropy {
                detection_entropy(&own, out)?;
                continue;
            }
            if let Some(other) = before {
                let other = other.0.get(member).map_or(&[][..], Vec::as_slice);
                track_disagreement(&of_class(other), &own, size, &TrackParams::default(), out)?;
            }
        }
        Ok(())
    }

    /// What each model found, with classes as here; objects of other classes are left out.
    pub(super) fn found(&self, said: &[Inference]) -> Found {
        let members = said.iter().zip(&self.indices).map(|(said, indices)| {
            let p = &said.prediction;
            p.boxes
                .iter()
                .zip(&p.scores)
                .zip(&p.classes)
                .filter_map(|((bbox, score), class)| {
                    let class = indices.iter().position(|index| *index == *class as usize)?;
                    Some(Detection {
                        bbox: *bbox,
                        score: *score,
                        class: class as u32,
                    })
                })
                .collect()
        });
        Found(members.collect())
    }

    /// Gradients of the first model, for BADGE: one row for a frame.
    pub(super) fn gradients(&self, said: &[Inference]) -> Result<Vec<f32>, MineError> {
        let mut row = Vec::new();
        let (Some(maps), Some(indices)) = (said.first().and_then(|said| said.maps.as_ref()), self.indices.first())
        else {
            return Ok(row);
        };
        for index in indices {
            // The level with the longest gradient speaks for the class.
            let mut longest: Option<(f32, Vec<f32>)> = None;
            for map in &maps.levels {
                let cells = map.height * map.width;
                let values = &map.values[index * cells..(index + 1) * cells];
                let mut gradient = Vec::new();
                gradient_embedding(values, &map.features, map.features.len() / cells.max(1), &mut gradient)?;
                let length: f32 = gradient.iter().map(|g| g * g).sum();
                if longest.as_ref().is_none_or(|(most, _)| length > *most) {
                    longest = Some((length, gradient));
                }
            }
            row.extend(longest.into_iter().flat_map(|(_, gradient)| gradient));
        }
        Ok(row)
    }

    /// The scores of the classes, by name.
    pub(super) fn named(&self, by_class: &[f32]) -> BTreeMap<&str, f64> {
        self.classes
            .iter()
            .map(String::as_str)
            .zip(by_class.iter().map(|score| f64::from(*score)))
            .collect()
    }
}

/// What each model found in a frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Found(Vec<Vec<Detection>>);

/// Lengths of the features at each cell, from `[channels, cells]`.
fn lengths(features: &[f32], cells: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; cells];
    for channel in features.chunks_exact(cells.max(1)) {
        for (sum, value) in sums.iter_mut().zip(channel) {
            *sum += f64::from(*value).powi(2);
        }
    }
    sums.into_iter().map(|sum| sum.sqrt() as f32).collect()
}
