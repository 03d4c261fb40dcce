//! One element of a COCO file.

use std::fmt;

use guideway_core::BBox;
use guideway_core::mask::Rle;
use serde_json::{Map, Value};

/// The id of an image, category or annotation: COCO has integers, some tools write text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CocoId {
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for CocoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl CocoId {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)).map(Self::Int),
            Value::String(text) if !text.is_empty() => Some(Self::Text(text.clone())),
            _ => None,
        }
    }
}

fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64)
}

/// What is wrong with one element, as a warning's code and sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CocoProblem {
    /// A stable name: `bad-annotation`, `bad-box`, ….
    pub code: &'static str,
    /// One sentence.
    pub message: String,
}

fn problem(code: &'static str, message: impl Into<String>) -> CocoProblem {
    CocoProblem {
        code,
        message: message.into(),
    }
}

fn object(element: &Value, code: &'static str) -> Result<Map<String, Value>, CocoProblem> {
    match element {
        Value::Object(map) => Ok(map.clone()),
        other => {
            let what = match other {
                Value::Null => "null",
                Value::Bool(_) => "a boolean",
                Value::Number(_) => "a number",
                Value::String(_) => "a string",
                Value::Array(_) | Value::Object(_) => "an array",
            };
            Err(problem(code, format!("an element is {what}, not an object")))
        }
    }
}

/// An element of `images`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CocoImage {
    pub(crate) id: CocoId,
    pub(crate) file_name: String,
    /// Where the file gives a size of at least one pixel.
    pub(crate) size: Option<(i64, i64)>,
    pub(crate) split: Option<String>,
    pub(crate) attributes: Map<String, Value>,
}

impl CocoImage {
    pub(crate) fn parse(element: &Value) -> Result<Self, CocoProblem> {
        let mut map = object(element, "bad-image")?;
        let id = map
            .remove("id")
            .as_ref()
            .and_then(CocoId::of)
            .ok_or_else(|| problem("bad-image", "an image has no usable `id`"))?;
        let Some(Value::String(file_name)) = map.remove("file_name") else {
            return Err(problem("bad-image", format!("image {id} has no `file_name`")));
        };
        let side = |value: Option<Value>| value?.as_f64().and_then(whole).filter(|v| (1..=1 << 30).contains(v));
        let (width, height) = (side(map.remove("width")), side(map.remove("height")));
        let split = match map.remove("split") {
            Some(Value::String(split)) => Some(split),
            _ => None,
        };
        Ok(Self {
            id,
            file_name,
            size: width.zip(height),
            split,
            attributes: map,
        })
    }
}

/// An element of `categories`: id and name.
pub(crate) fn parse_category(element: &Value) -> Result<(CocoId, String), CocoProblem> {
    let mut map = object(element, "bad-category")?;
    let id = map
        .remove("id")
        .as_ref()
        .and_then(CocoId::of)
        .ok_or_else(|| problem("bad-category", "a category has no usable `id`"))?;
    match map.remove("name") {
        Some(Value::String(name)) => Ok((id, name)),
        _ => Err(problem("bad-category", format!("category {id} has no `name`"))),
    }
}

/// An element of `annotations`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CocoAnnotation {
    pub(crate) id: Option<CocoId>,
    pub(crate) image_id: CocoId,
    pub(crate) category_id: CocoId,
    pub(crate) bbox: Option<BBox>,
    pub(crate) segmentation: Segmentation,
    pub(crate) area: Option<f64>,
    pub(crate) is_crowd: bool,
    pub(crate) is_ignored: bool,
    pub(crate) track_id: Option<String>,
    /// The keys that have no column, with the content of `attributes` merged in.
    pub(crate) attributes: Map<String, Value>,
}

/// A mask as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Segmentation {
    None,
    Polygons(Vec<Vec<f64>>),
    Counts {
        size: (u32, u32),
        counts: Vec<u32>,
    },
    Compressed {
        size: (u32, u32),
        counts: String,
    },
    /// There is one, but it cannot be read.
    Broken(String),
}

impl CocoAnnotation {
    pub(crate) fn parse(element: &Value) -> Result<Self, CocoProblem> {
        let mut map = object(element, "bad-annotation")?;
        let id = map.remove("id").as_ref().and_then(CocoId::of);
        let name = id
            .as_ref()
            .map_or_else(|| "an annotation".to_owned(), |id| format!("annotation {id}"));
        let mut required = |key: &str| {
            map.remove(key)
                .as_ref()
                .and_then(CocoId::of)
                .ok_or_else(|| problem("bad-annotation", format!("{name} has no usable `{key}`")))
        };
        let image_id = required("image_id")?;
        let category_id = required("category_id")?;
        let bbox = match map.remove("bbox") {
            None | Some(Value::Null) => None,
            Some(Value::Array(values)) if values.is_empty() => None,
            Some(value) => Some(parse_box(&value).map_err(|what| problem("bad-box", format!("{name}: {what}")))?),
        };
        let segmentation = map
            .remove("segmentation")
            .map_or(Segmentation::None, |v| parse_segmentation(&v));
        let area = map
            .remove("area")
            .and_then(|v| v.as_f64())
            .filter(|a| is_coordinate(*a) && *a >= 0.0);
        let flag = |value: Option<Value>| match value {
            Some(Value::Bool(flag)) => flag,
            Some(Value::Number(number)) => number.as_f64().is_some_and(|v| v != 0.0),
            _ => false,
        };
        let is_crowd = flag(map.remove("iscrowd"));
        let is_ignored = flag(map.remove("ignore"));
        let track_id = map
            .remove("track_id")
            .as_ref()
            .and_then(CocoId::of)
            .map(|id| id.to_string());
        let attributes = match map.remove("attributes") {
            Some(Value::Object(inner)) => {
                map.extend(inner);
                map
            }
            Some(Value::Null) | None => map,
            Some(other) => {
                map.insert("attributes".to_owned(), other);
                map
            }
        };
        Ok(Self {
            id,
            image_id,
            category_id,
            bbox,
            segmentation,
            area,
            is_crowd,
            is_ignored,
            track_id,
            attributes,
        })
    }
}

/// Finite, and not what stands for an infinity since JSON has none.
fn is_coordinate(value: f64) -> bool {
    value.abs() < 1e300
}

fn parse_box(value: &Value) -> Result<BBox, String> {
    let numbers: Option<Vec<f64>> = value
        .as_array()
        .and_then(|a| a.iter().map(|v| v.as_f64().filter(|f| is_coordinate(*f))).collect());
    let Some(&[x, y, w, h]) = numbers.as_deref() else {
        return Err("`bbox` is not four finite numbers".to_owned());
    };
    if w < 0.0 || h < 0.0 {
        return Err(format!("`bbox` has a negative size, {w} × {h}"));
    }
    let bbox = BBox::from_xywh(x, y, w, h);
    if bbox.x_max.is_finite() && bbox.y_max.is_finite() {
        Ok(bbox)
    } else {
        Err("`bbox` is too large for a float".to_owned())
    }
}

fn parse_segmentation(value: &Value) -> Segmentation {
    match value {
        Value::Null => Segmentation::None,
        Value::Array(polygons) if polygons.is_empty() => Segmentation::None,
        Value::Array(polygons) => {
            let mut out = Vec::with_capacity(polygons.len());
            for polygon in polygons {
                let numbers: Option<Vec<f64>> = polygon
                    .as_array()
                    .and_then(|a| a.iter().map(|v| v.as_f64().filter(|f| is_coordinate(*f))).collect());
                match numbers {
                    Some(numbers) if numbers.len() >= 6 && numbers.len().is_multiple_of(2) => out.push(numbers),
                    _ => {
                        return Segmentation::Broken(
                            "a polygon is not a list of at least three x, y pairs of finite numbers".to_owned(),
                        );
                    }
                }
            }
            Segmentation::Polygons(out)
        }
        Value::Object(rle) => {
            let size: Option<Vec<u32>> = rle.get("size").and_then(Value::as_array).and_then(|a| {
                a.iter()
                    .map(|v| v.as_u64().and_then(|n| u32::try_from(n).ok()))
                    .collect()
            });
            let Some(&[height, width]) = size.as_deref() else {
                return Segmentation::Broken("the run lengths have no `size` of two numbers".to_owned());
            };
            let size = (height, width);
            match rle.get("counts") {
                Some(Value::String(counts)) => Segmentation::Compressed {
                    size,
                    counts: counts.clone(),
                },
                Some(Value::Array(counts)) => {
                    let counts: Option<Vec<u32>> = counts
                        .iter()
                        .map(|v| v.as_u64().and_then(|n| u32::try_from(n).ok()))
                        .collect();
                    counts.map_or_else(
                        || Segmentation::Broken("the run lengths are not whole numbers".to_owned()),
                        |counts| Segmentation::Counts { size, counts },
                    )
                }
                _ => Segmentation::Broken("the run lengths have no `counts`".to_owned()),
            }
        }
        _ => Segmentation::Broken("`segmentation` is neither polygons nor run lengths".to_owned()),
    }
}

/// The largest side of an image whose polygons are rasterised, px.
const MAX_MASK_SIDE: i64 = 1 << 16;

impl Segmentation {
    /// The mask in an image of this size (width, height); `Ok(None)` when there is none.
    pub(crate) fn mask(&self, size: Option<(i64, i64)>) -> Result<Option<Rle>, String> {
        let (given, image) = match self {
            Self::None => return Ok(None),
            Self::Broken(what) => return Err(what.clone()),
            Self::Polygons(_) => (None, size),
            Self::Counts { size: given, .. } | Self::Compressed { size: given, .. } => (Some(*given), size),
        };
        let Some((width, height)) =
            image.filter(|(w, h)| (1..=MAX_MASK_SIDE).contains(w) && (1..=MAX_MASK_SIDE).contains(h))
        else {
            return Err("the size of the image is unknown or beyond 65536 px".to_owned());
        };
        let (height, width) = (height as u32, width as u32);
        if given.is_some_and(|given| given != (height, width)) {
            let (h, w) = given.unwrap_or_default();
            return Err(format!("the mask is {w}×{h} px, the image {width}×{height}"));
        }
        let rle = match self {
            Self::Polygons(polygons) => {
                // Edges are drawn point by point: one that ends light years away would fill the memory.
                let limit = 4.0 * f64::from(width.max(height)) + 1000.0;
                if polygons.iter().flatten().any(|c| c.abs() > limit) {
                    return Err("a polygon lies far outside the image".to_owned());
                }
                Rle::from_polygons(polygons, height, width)
            }
            Self::Counts { counts, .. } => Rle::from_counts(height, width, counts.clone()),
            Self::Compressed { counts, .. } => Rle::from_coco_string(counts, height, width),
            Self::None | Self::Broken(_) => return Ok(None),
        };
        rle.map(Some).map_err(|err| err.to_string())
    }

    /// The box around it.
    pub(crate) fn bbox(&self, mask: Option<&Rle>) -> Option<BBox> {
        match self {
            Self::Polygons(polygons) => polygons
                .iter()
                .flat_map(|p| p.chunks_exact(2))
                .filter_map(|pair| <[f64; 2]>::try_from(pair).ok())
                .map(|[x, y]| BBox::new(x, y, x, y))
                .reduce(|a, b| {
                    BBox::new(
                        a.x_min.min(b.x_min),
                        a.y_min.min(b.y_min),
                        a.x_max.max(b.x_max),
                        a.y_max.max(b.y_max),
                    )
                }),
            _ => mask.map(Rle::bbox),
        }
    }
}
