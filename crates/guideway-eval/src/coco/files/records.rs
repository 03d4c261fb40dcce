//! The records of COCO files, as lenient as Python is where the meaning is clear.

use std::fmt;

use guideway_core::mask::{MaskError, Rle};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Unexpected, Visitor};

/// An id in a COCO file: a number, in some data sets a text. Numbers sort before texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CocoId {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for CocoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for CocoId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = CocoId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: a whole number or a text")
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<CocoId, E> {
                Ok(CocoId::Number(value))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<CocoId, E> {
                i64::try_from(value)
                    .map(CocoId::Number)
                    .map_err(|_too_large| E::invalid_value(Unexpected::Unsigned(value), &self))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<CocoId, E> {
                // 2^53: beyond it, a double is no id any more
                if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
                    return Ok(CocoId::Number(value as i64));
                }
                Err(E::invalid_value(Unexpected::Float(value), &self))
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<CocoId, E> {
                Ok(CocoId::Text(value.to_owned()))
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

/// `bbox`: x, y, width, height.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum BoxField {
    /// No such key, or null.
    #[default]
    Missing,
    /// `[]`.
    Empty,
    Four([f64; 4]),
}

impl<'de> Deserialize<'de> for BoxField {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BoxVisitor;
        impl<'de> Visitor<'de> for BoxVisitor {
            type Value = BoxField;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a box of four numbers: x, y, width, height")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<BoxField, E> {
                Ok(BoxField::Missing)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<BoxField, A::Error> {
                let mut numbers = [0.0; 4];
                let mut count = 0;
                while let Some(number) = seq.next_element::<f64>()? {
                    if let Some(place) = numbers.get_mut(count) {
                        *place = number;
                    }
                    count += 1;
                }
                match count {
                    0 => Ok(BoxField::Empty),
                    4 => Ok(BoxField::Four(numbers)),
                    other => Err(A::Error::invalid_length(other, &self)),
                }
            }
        }
        deserializer.deserialize_any(BoxVisitor)
    }
}

/// `iscrowd`, `ignore`: 0, 1, or a boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlagVisitor;
        impl Visitor<'_> for FlagVisitor {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0 or 1")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Flag, E> {
                Ok(Flag(false))
            }

            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Flag, E> {
                Ok(Flag(value != 0))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Flag, E> {
                Ok(Flag(value != 0))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Flag, E> {
                Ok(Flag(value != 0.0))
            }
        }
        deserializer.deserialize_any(FlagVisitor)
    }
}

/// `segmentation`: polygons or run lengths.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Segmentation {
    #[default]
    Missing,
    Polygons(Vec<Vec<f64>>),
    /// Height, width, and run lengths.
    Runs([u32; 2], Vec<u32>),
    /// Height, width, and COCO's compressed run lengths.
    Compressed([u32; 2], String),
}

/// Why a mask cannot be made.
pub(super) enum MaskProblem {
    Missing,
    NoImageSize,
    Broken(MaskError),
}

impl Segmentation {
    /// The mask; polygons need the size of the image, height and width.
    pub(super) fn to_rle(&self, image: Option<[u32; 2]>) -> Result<Rle, MaskProblem> {
        let made = match self {
            Self::Missing => return Err(MaskProblem::Missing),
            Self::Runs([height, width], counts) => Rle::from_counts(*height, *width, counts.clone()),
            Self::Compressed([height, width], text) => Rle::from_coco_string(text, *height, *width),
            Self::Polygons(parts) => {
                let Some([height, width]) = image else {
                    return Err(MaskProblem::NoImageSize);
                };
                // the reference takes a list of four numbers for a box
                if parts.first().is_some_and(|part| part.len() == 4) {
                    let boxes: Vec<Vec<f64>> = parts
                        .iter()
                        .map(|part| match part.as_slice() {
                            [x, y, w, h] => box_polygon([*x, *y, *w, *h]),
                            _ => part.clone(),
                        })
                        .collect();
                    Rle::from_polygons(&boxes, height, width)
                } else {
                    Rle::from_polygons(parts, height, width)
                }
            }
        };
        made.map_err(MaskProblem::Broken)
    }
}

/// The corners of a box, in the order in which the reference draws them.
pub(super) fn box_polygon([x, y, w, h]: [f64; 4]) -> Vec<f64> {
    vec![x, y, x, y + h, x + w, y + h, x + w, y]
}

enum Counts {
    Runs(Vec<u32>),
    Text(String),
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountsVisitor;
        impl<'de> Visitor<'de> for CountsVisitor {
            type Value = Counts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("run lengths: a list of numbers or COCO's compressed text")
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Counts, E> {
                Ok(Counts::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Counts, A::Error> {
                let mut counts = Vec::new();
                while let Some(count) = seq.next_element()? {
                    counts.push(count);
                }
                Ok(Counts::Runs(counts))
            }
        }
        deserializer.deserialize_any(CountsVisitor)
    }
}

impl<'de> Deserialize<'de> for Segmentation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SegmentationVisitor;
        impl<'de> Visitor<'de> for SegmentationVisitor {
            type Value = Segmentation;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a segmentation: a list of polygons, or run lengths with `size` and `counts`")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Segmentation, E> {
                Ok(Segmentation::Missing)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Segmentation, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(Segmentation::Polygons(parts))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Segmentation, A::Error> {
                let (mut size, mut counts) = (None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "size" => size = Some(map.next_value::<[u32; 2]>()?),
                        "counts" => counts = Some(map.next_value::<Counts>()?),
                        _ => {
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                    }
                }
                let size = size.ok_or_else(|| A::Error::missing_field("size"))?;
                match counts.ok_or_else(|| A::Error::missing_field("counts"))? {
                    Counts::Runs(counts) => Ok(Segmentation::Runs(size, counts)),
                    Counts::Text(text) => Ok(Segmentation::Compressed(size, text)),
                }
            }
        }
        deserializer.deserialize_any(SegmentationVisitor)
    }
}

/// What is read of a segmentation: everything for masks ([`Segmentation`]), nothing for boxes.
pub(super) trait Shape: DeserializeOwned + Default + Send + Sync {
    fn segmentation(&self) -> Option<&Segmentation>;
}

impl Shape for Segmentation {
    fn segmentation(&self) -> Option<&Segmentation> {
        Some(self)
    }
}

impl Shape for serde::de::IgnoredAny {
    fn segmentation(&self) -> Option<&Segmentation> {
        None
    }
}

#[derive(Deserialize)]
pub(super) struct ImageRecord {
    pub(super) id: CocoId,
    #[serde(default)]
    pub(super) width: Option<f64>,
    #[serde(default)]
    pub(super) height: Option<f64>,
    #[serde(default)]
    pub(super) file_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct CategoryRecord {
    pub(super) id: CocoId,
    #[serde(default)]
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound = "S: Shape")]
pub(super) struct LabelRecord<S> {
    pub(super) id: CocoId,
    pub(super) image_id: CocoId,
    pub(super) category_id: CocoId,
    #[serde(default)]
    pub(super) bbox: BoxField,
    #[serde(default)]
    pub(super) area: Option<f64>,
    #[serde(default)]
    pub(super) iscrowd: Flag,
    #[serde(default)]
    pub(super) ignore: Flag,
    #[serde(default)]
    pub(super) segmentation: S,
}

#[derive(Deserialize)]
#[serde(bound = "S: Shape")]
pub(super) struct ResultRecord<S> {
    pub(super) image_id: CocoId,
    pub(super) category_id: CocoId,
    #[serde(default)]
    pub(super) bbox: BoxField,
    pub(super) score: f64,
    #[serde(default)]
    pub(super) segmentation: S,
}
