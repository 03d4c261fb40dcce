//! One row of a frozen dataset: a frame with its media and labels.

use std::sync::{Arc, LazyLock};

use arrow::buffer::OffsetBuffer;
use arrow_array::cast::AsArray as _;
use arrow_array::{
    Array as _, ArrayRef, LargeBinaryArray, ListArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use guideway_core::BBox;
use guideway_schema::{Column, LabelRow};

use crate::error::{Result, StoreError};

/// A frame of a frozen dataset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// The frame.
    pub frame_id: String,
    /// The recording that it comes from.
    pub recording_id: String,
    /// The sensor that it comes from.
    pub sensor_id: String,
    /// Frames of one group are never separated by a split.
    pub group_id: String,
    /// Stamp of the sensor, ns, in the recording's clock; none for independent images.
    pub timestamp_ns: Option<i64>,
    /// `train`, `val`, …: any name.
    pub split: String,
    /// Name of the frame in its source.
    pub name: String,
    /// The encoded image or sweep, as the log holds it.
    pub media: Vec<u8>,
    /// How the media is encoded: `image/jpeg`, ….
    pub media_type: String,
    /// BLAKE3 of the media, 64 hex digits. Set by the store on writing.
    pub media_digest: String,
    /// Image width, px.
    pub width: Option<i64>,
    /// Image height, px.
    pub height: Option<i64>,
    /// The labels, by label id.
    pub labels: Vec<SampleLabel>,
}

/// A label of a frozen dataset. The fields mean what they mean in [`LabelRow`].
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct SampleLabel {
    /// Id.
    pub label_id: String,
    /// Class, one of the dataset's classes.
    pub class: String,
    /// Left edge of the box, px; none for labels without a 2D box.
    pub x_min: Option<f64>,
    /// Upper edge, px.
    pub y_min: Option<f64>,
    /// Right edge, px.
    pub x_max: Option<f64>,
    /// Lower edge, px.
    pub y_max: Option<f64>,
    /// Instance mask as COCO's compressed RLE counts; its size is the frame's.
    pub mask_rle: Option<String>,
    /// Area, px², as the source gives it.
    pub area: Option<f64>,
    /// A crowd region.
    pub is_crowd: bool,
    /// To be ignored in evaluation.
    pub is_ignored: bool,
    /// Coordinate frame of the cuboid: `sensor`, `ego` or `world`; none for labels without one.
    pub cuboid_frame: Option<String>,
    /// Cuboid: centre x y z (m), length width height (m), qw qx qy qz; empty when there is none.
    pub cuboid: Vec<f64>,
    /// Identity over time, within the recording.
    pub track_id: Option<String>,
    /// Fraction outside the image, 0 to 1.
    pub truncation: Option<f64>,
    /// Occlusion as the source codes it.
    pub occlusion: Option<i64>,
}

impl SampleLabel {
    /// The 2D box, where there is one.
    pub fn bbox(&self) -> Option<BBox> {
        Some(BBox::new(self.x_min?, self.y_min?, self.x_max?, self.y_max?))
    }
}

impl From<LabelRow> for SampleLabel {
    fn from(row: LabelRow) -> Self {
        Self {
            label_id: row.label_id,
            class: row.class,
            x_min: row.x_min,
            y_min: row.y_min,
            x_max: row.x_max,
            y_max: row.y_max,
            mask_rle: row.mask_rle,
            area: row.area,
            is_crowd: row.is_crowd,
            is_ignored: row.is_ignored,
            cuboid_frame: row.cuboid_frame,
            cuboid: row.cuboid,
            track_id: row.track_id,
            truncation: row.truncation,
            occlusion: row.occlusion,
        }
    }
}

fn field<C: Column>(name: &str, comment: &str) -> Field {
    commented(Field::new(name, C::data_type(), C::NULLABLE), comment)
}

fn commented(field: Field, comment: &str) -> Field {
    field.with_metadata([("comment".to_owned(), comment.to_owned())].into())
}

/// Applies a macro to the fields of a label, so that schema, writing, reading and hashing cannot disagree.
macro_rules! label_fields {
    ($apply:ident) => {
        $apply! {
            label_id: String = "Id.";
            class: String = "Class.";
            x_min: Option<f64> = "Left edge of the box, px.";
            y_min: Option<f64> = "Upper edge, px.";
            x_max: Option<f64> = "Right edge, px.";
            y_max: Option<f64> = "Lower edge, px.";
            mask_rle: Option<String> = "Instance mask as COCO's compressed RLE counts.";
            area: Option<f64> = "Area, px².";
            is_crowd: bool = "A crowd region.";
            is_ignored: bool = "To be ignored in evaluation.";
            cuboid_frame: Option<String> = "Coordinate frame of the cuboid.";
            cuboid: Vec<f64> = "Cuboid: centre x y z (m), length width height (m), qw qx qy qz.";
            track_id: Option<String> = "Identity over time, within the recording.";
            truncation: Option<f64> = "Fraction outside the image, 0 to 1.";
            occlusion: Option<i64> = "Occlusion as the source codes it.";
        }
    };
}

/// Applies a macro to the plain fields of a sample.
macro_rules! sample_fields {
    ($apply:ident) => {
        $apply! {
            frame_id: String = "The frame.";
            recording_id: String = "The recording that it comes from.";
            sensor_id: String = "The sensor that it comes from.";
            group_id: String = "Frames of one group are never separated by a split.";
            timestamp_ns: Option<i64> = "Stamp of the sensor, ns; null for independent images.";
            split: String = "Split: train, val, ….";
            name: String = "Name of the frame in its source.";
            media_type: String = "How the media is encoded.";
            media_digest: String = "BLAKE3 of the media, 64 hex digits.";
            width: Option<i64> = "Image width, px.";
            height: Option<i64> = "Image height, px.";
        }
    };
}

/// The struct of one label.
fn label_struct() -> Fields {
    macro_rules! fields {
        ($($name:ident: $type:ty = $comment:literal;)+) => {
            Fields::from(vec![$( field::<$type>(stringify!($name), $comment), )+])
        };
    }
    static FIELDS: LazyLock<Fields> = LazyLock::new(|| label_fields!(fields));
    FIELDS.clone()
}

fn label_item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Struct(label_struct()), false))
}

/// The Arrow schema of every frozen dataset: one row per frame, sorted by split and frame id.
pub fn sample_schema() -> SchemaRef {
    macro_rules! fields {
        ($($name:ident: $type:ty = $comment:literal;)+) => {
            vec![$( field::<$type>(stringify!($name), $comment), )+]
        };
    }
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let mut fields = sample_fields!(fields);
        fields.push(commented(
            Field::new("labels", DataType::List(label_item()), false),
            "The labels, by label id.",
        ));
        fields.push(commented(
            Field::new("media", DataType::LargeBinary, false),
            "The encoded image or sweep, as the log holds it.",
        ));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// Samples as a batch of [`sample_schema`].
pub(crate) fn to_batch(samples: &[Sample]) -> Result<RecordBatch> {
    macro_rules! columns {
        ($($name:ident: $type:ty = $comment:literal;)+) => {
            vec![$( <$type as Column>::build(samples.iter().map(|sample| &sample.$name)), )+]
        };
    }
    macro_rules! label_columns {
        ($($name:ident: $type:ty = $comment:literal;)+) => {
            vec![$( <$type as Column>::build(
                samples.iter().flat_map(|sample| &sample.labels).map(|label| &label.$name)
            ), )+]
        };
    }
    let failed = || StoreError::arrow("build a batch of samples");
    let mut columns: Vec<ArrayRef> = sample_fields!(columns);
    let labels = StructArray::try_new(label_struct(), label_fields!(label_columns), None).map_err(failed())?;
    let lengths = samples.iter().map(|sample| sample.labels.len());
    let labels = ListArray::try_new(
        label_item(),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(labels),
        None,
    )
    .map_err(failed())?;
    columns.push(Arc::new(labels));
    columns.push(Arc::new(LargeBinaryArray::from_iter_values(
        samples.iter().map(|sample| &sample.media),
    )));
    let options = RecordBatchOptions::new().with_row_count(Some(samples.len()));
    RecordBatch::try_new_with_options(sample_schema(), columns, &options).map_err(failed())
}

/// A batch as samples; the media column may be missing, and is empty then.
pub(crate) fn from_batch(dataset: &str, batch: &RecordBatch) -> Result<Vec<Sample>> {
    let bad = |column: &'static str, row: usize| StoreError::BadDataset {
        name: dataset.to_owned(),
        column,
        row,
    };
    let column = |name: &'static str, data_type: &DataType| {
        batch
            .column_by_name(name)
            .filter(|array| array.data_type().equals_datatype(data_type))
            .ok_or_else(|| bad(name, 0))
    };
    let list = column("labels", &DataType::List(label_item()))?.as_list::<i32>();
    let media = match batch.column_by_name("media") {
        Some(_) => Some(column("media", &DataType::LargeBinary)?.as_binary::<i64>()),
        None => None,
    };
    let all_labels = labels_from(dataset, list.values())?;
    macro_rules! read {
        ($($name:ident: $type:ty = $comment:literal;)+) => {{
            $( let $name = column(stringify!($name), &<$type as Column>::data_type())?; )+
            (0..batch.num_rows())
                .map(|row| {
                    let start = usize::try_from(list.value_offsets()[row]).map_err(|_negative| bad("labels", row))?;
                    let end = usize::try_from(list.value_offsets()[row + 1]).map_err(|_negative| bad("labels", row))?;
                    Ok(Sample {
                        $( $name: <$type as Column>::read($name, row).ok_or_else(|| bad(stringify!($name), row))?, )+
                        labels: all_labels.get(start..end).ok_or_else(|| bad("labels", row))?.to_vec(),
                        media: media.map(|media| media.value(row).to_vec()).unwrap_or_default(),
                    })
                })
                .collect()
        }};
    }
    sample_fields!(read)
}

fn labels_from(dataset: &str, array: &ArrayRef) -> Result<Vec<SampleLabel>> {
    let bad = |column: &'static str, row: usize| StoreError::BadDataset {
        name: dataset.to_owned(),
        column,
        row,
    };
    let labels = array.as_struct();
    let column = |name: &'static str, data_type: &DataType| {
        labels
            .column_by_name(name)
            .filter(|array| array.data_type().equals_datatype(data_type))
            .ok_or_else(|| bad(name, 0))
    };
    macro_rules! read {
        ($($name:ident: $type:ty = $comment:literal;)+) => {{
            $( let $name = column(stringify!($name), &<$type as Column>::data_type())?; )+
            (0..labels.len())
                .map(|row| Ok(SampleLabel {
                    $( $name: <$type as Column>::read($name, row).ok_or_else(|| bad(stringify!($name), row))?, )+
                }))
                .collect()
        }};
    }
    label_fields!(read)
}

/// The frame ids and splits of a batch.
pub(crate) fn text_column<'a>(dataset: &str, batch: &'a RecordBatch, column: &'static str) -> Result<&'a StringArray> {
    batch
        .column_by_name(column)
        .and_then(|array| array.as_any().downcast_ref::<StringArray>())
        .ok_or_else(|| StoreError::BadDataset {
            name: dataset.to_owned(),
            column,
            row: 0,
        })
}

/// A value as the canonical bytes that the content hash covers: self-delimiting, the same on every machine.
pub(crate) trait Canonical {
    fn feed(&self, hasher: &mut blake3::Hasher);
}

impl Canonical for String {
    fn feed(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&(self.len() as u64).to_le_bytes());
        hasher.update(self.as_bytes());
    }
}

impl Canonical for bool {
    fn feed(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&[u8::from(*self)]);
    }
}

impl Canonical for i64 {
    fn feed(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.to_le_bytes());
    }
}

impl Canonical for f64 {
    fn feed(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.to_bits().to_le_bytes());
    }
}

impl<T: Canonical> Canonical for Option<T> {
    fn feed(&self, hasher: &mut blake3::Hasher) {
        self.is_some().feed(hasher);
        if let Some(value) = self {
            value.feed(hasher);
        }
    }
}

impl<T: Canonical> Canonical for Vec<T> {
    fn feed(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&(self.len() as u64).to_le_bytes());
        for value in self {
            value.feed(hasher);
        }
    }
}

impl Canonical for SampleLabel {
    fn feed(&self, hasher: &mut blake3::Hasher) {
        macro_rules! feed {
            ($($name:ident: $type:ty = $comment:literal;)+) => {
                $( self.$name.feed(hasher); )+
            };
        }
        label_fields!(feed);
    }
}

impl Canonical for Sample {
    /// The media counts through its digest.
    fn feed(&self, hasher: &mut blake3::Hasher) {
        macro_rules! feed {
            ($($name:ident: $type:ty = $comment:literal;)+) => {
                $( self.$name.feed(hasher); )+
            };
        }
        sample_fields!(feed);
        self.labels.feed(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn label() -> impl Strategy<Value = SampleLabel> {
        (
            "[a-z]{1,4}",
            "[a-z]{1,4}",
            proptest::option::of(-1e6..1e6_f64),
            proptest::option::of("[a-z0-9]{0,9}"),
            any::<bool>(),
            proptest::collection::vec(-1e3..1e3_f64, 0..4),
            proptest::option::of(any::<i64>()),
        )
            .prop_map(
                |(label_id, class, x_min, mask_rle, is_crowd, cuboid, occlusion)| SampleLabel {
                    label_id,
                    class,
                    x_min,
                    mask_rle,
                    is_crowd,
                    cuboid,
                    occlusion,
                    ..SampleLabel::default()
                },
            )
    }

    fn sample() -> impl Strategy<Value = Sample> {
        (
            "[a-z]{1,8}",
            proptest::option::of(any::<i64>()),
            proptest::collection::vec(any::<u8>(), 0..50),
            proptest::collection::vec(label(), 0..4),
        )
            .prop_map(|(frame_id, timestamp_ns, media, labels)| Sample {
                frame_id,
                timestamp_ns,
                media,
                labels,
                ..Sample::default()
            })
    }

    fn hash(sample: &Sample) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        sample.feed(&mut hasher);
        hasher.finalize()
    }

    proptest! {
        #[test]
        fn samples_survive_the_batch(samples in proptest::collection::vec(sample(), 0..6)) {
            let batch = to_batch(&samples).map_err(|err| TestCaseError::fail(err.to_string()))?;
            prop_assert_eq!(batch.schema(), sample_schema());
            let back = from_batch("test", &batch).map_err(|err| TestCaseError::fail(err.to_string()))?;
            prop_assert_eq!(&back, &samples);
            // A slice of a batch shares its buffers; offsets must still be right.
            let half = samples.len() / 2;
            let tail = from_batch("test", &batch.slice(half, samples.len() - half))
                .map_err(|err| TestCaseError::fail(err.to_string()))?;
            prop_assert_eq!(&tail[..], &samples[half..]);
        }
    }

    #[test]
    fn every_field_counts_in_the_hash() {
        let base = Sample::default();
        let changed = [
            Sample {
                frame_id: "x".to_owned(),
                ..base.clone()
            },
            Sample {
                split: "x".to_owned(),
                ..base.clone()
            },
            Sample {
                media_digest: "x".to_owned(),
                ..base.clone()
            },
            Sample {
                width: Some(0),
                ..base.clone()
            },
            Sample {
                labels: vec![SampleLabel::default()],
                ..base.clone()
            },
            Sample {
                labels: vec![SampleLabel {
                    x_max: Some(0.0),
                    ..SampleLabel::default()
                }],
                ..base.clone()
            },
        ];
        for other in changed {
            assert_ne!(hash(&base), hash(&other), "{other:?}");
        }
    }
}
