//! Lines of `labels/*.txt`.

use guideway_core::BBox;
use thiserror::Error;

/// Where an object is, in fractions of the image's width and height.
#[derive(Debug, Clone, PartialEq)]
pub enum YoloShape {
    /// A box: centre x and y, width, height.
    Box([f64; 4]),
    /// The corners of a polygon: x, y, x, y, ….
    Polygon(Vec<f64>),
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct YoloLabel {
    /// Class number.
    pub class: usize,
    /// Box or polygon.
    pub shape: YoloShape,
    /// Confidence, where the line is a detection.
    pub score: Option<f64>,
    /// Keypoints, where the set has them: x, y (and visibility) for each.
    pub keypoints: Vec<f64>,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum YoloLabelError {
    /// A class that is no whole number.
    #[error("the class `{text}` is not a whole number")]
    Class {
        /// What stands there.
        text: String,
    },
    /// A column that should hold a number.
    #[error("`{text}` is not a finite number (column {column})")]
    NotANumber {
        /// Its number, from 1.
        column: usize,
        /// What stands there.
        text: String,
    },
    /// Neither a box nor a polygon.
    #[error("{found} columns, where 5 make a box, 6 a box with score, and an odd number from 7 on a polygon")]
    Columns {
        /// How many there are.
        found: usize,
    },
    /// Keypoints are declared, but the line does not have them.
    #[error("{found} columns, where a box with keypoints has {expected}")]
    KeypointColumns {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A coordinate outside the image: the file may be in pixels.
    #[error("coordinate {text} is outside 0 to 1 (column {column})")]
    Outside {
        /// Its number, from 1.
        column: usize,
        /// The value.
        text: String,
    },
    /// Negative size.
    #[error("the box has a negative size")]
    Negative,
}

/// Boxes that touch the border are often written a little beyond it.
const SLACK: f64 = 0.01;

/// Reads one line. `keypoints` is what `kpt_shape` in the YAML says: number of points and numbers for each.
///
/// ```
/// use guideway_ingest::{YoloShape, parse_yolo_label};
/// let label = parse_yolo_label("2 0.5 0.5 0.2 0.1", None)?;
/// assert_eq!((label.class, label.shape), (2, YoloShape::Box([0.5, 0.5, 0.2, 0.1])));
/// # Ok::<(), guideway_ingest::YoloLabelError>(())
/// ```
pub fn parse_yolo_label(line: &str, keypoints: Option<(usize, usize)>) -> Result<YoloLabel, YoloLabelError> {
    let mut words = line.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    let class = parse_class(first).ok_or_else(|| YoloLabelError::Class {
        text: first.chars().take(40).collect(),
    })?;
    let mut values = Vec::new();
    for (index, word) in words.enumerate() {
        match word.parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            _ => {
                return Err(YoloLabelError::NotANumber {
                    column: index + 2,
                    text: word.chars().take(40).collect(),
                });
            }
        }
    }
    let found = values.len() + 1;
    if let Some((points, each)) = keypoints {
        let expected = 5 + points * each;
        // Objects without keypoints keep the plain form.
        if found != expected && found != 5 {
            return Err(YoloLabelError::KeypointColumns { found, expected });
        }
        let keypoints = values.split_off(4.min(values.len()));
        return Ok(YoloLabel {
            class,
            shape: shape_of_box(&values, found)?,
            score: None,
            keypoints,
        });
    }
    match found {
        5 | 6 => {
            let score = values.get(4).copied();
            values.truncate(4);
            Ok(YoloLabel {
                class,
                shape: shape_of_box(&values, found)?,
                score,
                keypoints: Vec::new(),
            })
        }
        _ if found >= 7 && found % 2 == 1 => {
            inside(&values)?;
            Ok(YoloLabel {
                class,
                shape: YoloShape::Polygon(values),
                score: None,
                keypoints: Vec::new(),
            })
        }
        _ => Err(YoloLabelError::Columns { found }),
    }
}

/// Some exporters write `2.0` or `2.000000`.
fn parse_class(text: &str) -> Option<usize> {
    text.parse::<usize>().ok().or_else(|| {
        let value = text.parse::<f64>().ok()?;
        ((0.0..1e9).contains(&value) && value.fract() == 0.0).then_some(value as usize)
    })
}

fn shape_of_box(values: &[f64], found: usize) -> Result<YoloShape, YoloLabelError> {
    let &[cx, cy, w, h] = values else {
        return Err(YoloLabelError::Columns { found });
    };
    if w < 0.0 || h < 0.0 {
        return Err(YoloLabelError::Negative);
    }
    inside(values)?;
    Ok(YoloShape::Box([cx, cy, w, h]))
}

fn inside(values: &[f64]) -> Result<(), YoloLabelError> {
    for (index, value) in values.iter().enumerate() {
        if !(-SLACK..=1.0 + SLACK).contains(value) {
            return Err(YoloLabelError::Outside {
                column: index + 2,
                text: value.to_string(),
            });
        }
    }
    Ok(())
}

impl YoloShape {
    /// The box in pixels of an image of this size.
    pub fn bbox(&self, width: f64, height: f64) -> BBox {
        match self {
            Self::Box([cx, cy, w, h]) => BBox::from_cxcywh(cx * width, cy * height, w * width, h * height),
            Self::Polygon(values) => {
                let mut out = BBox::new(f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);
                for pair in values.chunks_exact(2) {
                    if let &[x, y] = pair {
                        out.x_min = out.x_min.min(x * width);
                        out.y_min = out.y_min.min(y * height);
                        out.x_max = out.x_max.max(x * width);
                        out.y_max = out.y_max.max(y * height);
                    }
                }
                out
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_are_told_apart_by_their_columns() {
        let parse = |line: &str| parse_yolo_label(line, None);
        assert_eq!(parse("0 .5 .5 .1 .1 .9").expect("a detection").score, Some(0.9));
        let polygon = parse("1 0 0 1 0 1 1").expect("a polygon");
        assert_eq!(polygon.shape.bbox(10.0, 20.0), BBox::new(0.0, 0.0, 10.0, 20.0));
        let pose = parse_yolo_label("0 .5 .5 .1 .1 .4 .4 2 .6 .6 1", Some((2, 3))).expect("a pose");
        assert_eq!(pose.keypoints, [0.4, 0.4, 2.0, 0.6, 0.6, 1.0]);
        insta::assert_snapshot!(
            ["", "a 1 1 1 1", "0 .5 .5 .1", "0 .5 .5 nan .1", "0 320 240 10 10", "0 .5 .5 -.1 .1", "0 0 0 1 0 1 1 .5", "-1 .5 .5 .1 .1"]
                .map(|line| parse(line).expect_err("an error").to_string())
                .join("\n"),
            @r"
        the class `` is not a whole number
        the class `a` is not a whole number
        4 columns, where 5 make a box, 6 a box with score, and an odd number from 7 on a polygon
        `nan` is not a finite number (column 4)
        coordinate 320 is outside 0 to 1 (column 2)
        the box has a negative size
        8 columns, where 5 make a box, 6 a box with score, and an odd number from 7 on a polygon
        the class `-1` is not a whole number
        "
        );
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[0-9.eE+\\- ninfa]{0,80}", points in proptest::option::of((1usize..20, 2usize..4))) {
            if let Ok(label) = parse_yolo_label(&line, points) {
                let bbox = label.shape.bbox(640.0, 480.0);
                prop_assert!(bbox.width() >= 0.0 && bbox.height() >= 0.0);
            }
        }
    }
}
