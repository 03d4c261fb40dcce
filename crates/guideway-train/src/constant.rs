//! The best predictor that does not look at the image: the bar that every detector has to clear.

use guideway_core::BBox;

use crate::detector::Prediction;
use crate::error::TrainError;
use crate::sample::SampleSource;

/// Overlap at which a fixed box counts as having found an object.
const HIT: f64 = 0.5;

/// Predicts the same boxes on every image, at the same relative places, with scores learnt from training labels.
///
/// For each class, fixed boxes are chosen greedily from the training boxes (relative to their images): each is the one
/// that finds, at IoU 0.5, the most objects that none before it found. Its score is the share of training images in
/// which it finds an object. In average precision a further, weaker box never takes away from the stronger ones before
/// it, so this is close to the best that can be done without looking.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstantPredictor {
    /// Boxes relative to the image (`0..=1`), their class and score; strongest first.
    boxes: Vec<(BBox, u32, f32)>,
}

impl ConstantPredictor {
    /// Learns from the boxes of a source; images are not decoded, so each sample must state its width and height.
    /// At most `most` boxes per class.
    ///
    /// # Errors
    /// [`TrainError::Source`] when the source fails, [`TrainError::NoSamples`] when it is empty.
    pub fn fit(source: &dyn SampleSource, most: usize) -> Result<Self, TrainError> {
        // (image, relative box, class) of every ordinary object.
        let mut objects: Vec<(usize, BBox, u32)> = Vec::new();
        for index in 0..source.len() {
            let samples = source.fetch(&[index]).map_err(|source| TrainError::Source {
                first: index,
                last: index,
                source,
            })?;
            for sample in &samples {
                let (width, height) = (f64::from(sample.width), f64::from(sample.height));
                let ordinary = sample.boxes.iter().filter(|b| !b.is_crowd && !b.is_ignored);
                for labelled in ordinary {
                    let b = labelled.bbox;
                    let relative = BBox::new(b.x_min / width, b.y_min / height, b.x_max / width, b.y_max / height);
                    if relative.is_valid() {
                        objects.push((index, relative, labelled.class));
                    }
                }
            }
        }
        let mut classes: Vec<u32> = objects.iter().map(|object| object.2).collect();
        classes.sort_unstable();
        classes.dedup();
        if classes.is_empty() {
            return Err(TrainError::NoSamples {
                reason: "there is no labelled object with a known image size".to_owned(),
            });
        }
        let mut boxes = Vec::new();
        for class in classes {
            let own: Vec<(usize, BBox)> = objects.iter().filter(|o| o.2 == class).map(|o| (o.0, o.1)).collect();
            let mut found = vec![false; own.len()];
            for _ in 0..most {
                let gain = |candidate: BBox| {
                    let new = own
                        .iter()
                        .zip(&found)
                        .filter(|((_, b), found)| !**found && b.iou(candidate) >= HIT);
                    new.count()
                };
                // The first of equals: `max_by_key` would take the last.
                let best = own.iter().map(|(_, b)| *b).rev().max_by_key(|b| gain(*b));
                let Some(best) = best.filter(|b| gain(*b) > 0) else {
                    break;
                };
                let mut images: Vec<usize> = Vec::new();
                for ((image, b), found) in own.iter().zip(&mut found) {
                    if b.iou(best) >= HIT {
                        *found = true;
                        images.push(*image);
                    }
                }
                images.dedup();
                boxes.push((best, class, images.len() as f32 / source.len() as f32));
            }
        }
        boxes.sort_by(|a, b| b.2.total_cmp(&a.2));
        Ok(Self { boxes })
    }

    /// The fixed boxes on an image of `width × height` pixels.
    pub fn predict(&self, id: &str, width: u32, height: u32) -> Prediction {
        let (width, height) = (f64::from(width), f64::from(height));
        Prediction {
            id: id.to_owned(),
            boxes: self
                .boxes
                .iter()
                .map(|(b, _, _)| BBox::new(b.x_min * width, b.y_min * height, b.x_max * width, b.y_max * height))
                .collect(),
            scores: self.boxes.iter().map(|(_, _, score)| *score).collect(),
            classes: self.boxes.iter().map(|(_, class, _)| *class).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{MemorySource, Sample, TrainBox};

    #[test]
    fn it_learns_where_objects_usually_are() {
        let sample = |index: usize, x: f64, class: u32| Sample {
            id: index.to_string(),
            width: 200,
            height: 100,
            boxes: vec![TrainBox::new(BBox::from_xywh(x, 10.0, 100.0, 80.0), class)],
            ..Sample::default()
        };
        let mut samples: Vec<Sample> = (0..6).map(|i| sample(i, 50.0 + i as f64, 0)).collect();
        samples.push(sample(6, 0.0, 0));
        samples.push(sample(7, 100.0, 1));
        let predictor = ConstantPredictor::fit(&MemorySource::new(samples), 10).unwrap();
        let prediction = predictor.predict("new", 400, 200);
        assert_eq!(prediction.classes, [0, 0, 1]);
        assert_eq!(prediction.scores, [0.75, 0.125, 0.125]);
        assert!(prediction.boxes[0].iou(BBox::from_xywh(105.0, 20.0, 200.0, 160.0)) > 0.9);
    }

    #[test]
    fn nothing_to_learn_from_is_an_error() {
        let empty = MemorySource::default();
        assert!(matches!(
            ConstantPredictor::fit(&empty, 3),
            Err(TrainError::NoSamples { .. })
        ));
    }
}
