//! How a Rust field becomes an Arrow column and back.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    builder::{Float64Builder, ListBuilder, StringBuilder},
};
use arrow_schema::{DataType, Field, SchemaRef};
use thiserror::Error;

/// A batch that does not have the shape of the table.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A column is missing.
    #[error("column `{column}` is missing from a batch of table `{table}`")]
    MissingColumn {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A column has another type.
    #[error("column `{column}` of table `{table}` has type {got}, expected {expected}")]
    WrongType {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The type that the batch has.
        got: DataType,
        /// The type that the table has.
        expected: DataType,
    },
    /// A value is missing where the table wants one.
    #[error("column `{column}` of table `{table}` is null in row {row}, where a value is required")]
    UnexpectedNull {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row in the batch.
        row: usize,
    },
    /// Arrow refused the columns.
    #[error("could not build a batch of table `{table}`")]
    Arrow {
        /// The table.
        table: &'static str,
        /// What Arrow says.
        source: arrow_schema::ArrowError,
    },
}

/// A field type that can be a column.
pub trait Column: Sized + Clone {
    /// May the column hold nulls?
    const NULLABLE: bool;

    /// The Arrow type.
    fn data_type() -> DataType;

    /// One column from the values of many rows.
    fn build<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef
    where
        Self: 'a;

    /// The value in one row; `None` for a null where none is allowed. The array has type [`Column::data_type`].
    fn read(array: &ArrayRef, row: usize) -> Option<Self>;
}

/// A row of a table.
pub trait Row: Sized {
    /// The table's name.
    const TABLE: &'static str;

    /// The Arrow schema, with a `comment` on every column.
    fn schema() -> SchemaRef;

    /// Rows as a batch.
    fn to_batch(rows: &[Self]) -> Result<RecordBatch, SchemaError>;

    /// A batch as rows. Further columns are ignored.
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, SchemaError>;
}

macro_rules! scalar_column {
    ($type:ty, $data_type:expr, $array:ty, $value:expr, $read:expr) => {
        impl Column for $type {
            const NULLABLE: bool = false;

            fn data_type() -> DataType {
                $data_type
            }

            fn build<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                Arc::new(<$array>::from_iter(values.map(|v| Some($value(v)))))
            }

            fn read(array: &ArrayRef, row: usize) -> Option<Self> {
                Option::<Self>::read(array, row).flatten()
            }
        }

        impl Column for Option<$type> {
            const NULLABLE: bool = true;

            fn data_type() -> DataType {
                $data_type
            }

            fn build<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                Arc::new(<$array>::from_iter(values.map(|v| v.as_ref().map($value))))
            }

            fn read(array: &ArrayRef, row: usize) -> Option<Self> {
                Some((!array.is_null(row)).then(|| $read(array, row)))
            }
        }
    };
}

scalar_column!(
    String,
    DataType::Utf8,
    StringArray,
    String::as_str,
    |a: &ArrayRef, i| a.as_string::<i32>().value(i).to_owned()
);
scalar_column!(i64, DataType::Int64, Int64Array, |v: &i64| *v, |a: &ArrayRef, i| a
    .as_primitive::<Int64Type>()
    .value(i));
scalar_column!(i32, DataType::Int32, Int32Array, |v: &i32| *v, |a: &ArrayRef, i| a
    .as_primitive::<Int32Type>()
    .value(i));
scalar_column!(f64, DataType::Float64, Float64Array, |v: &f64| *v, |a: &ArrayRef, i| a
    .as_primitive::<Float64Type>()
    .value(i));
scalar_column!(
    bool,
    DataType::Boolean,
    BooleanArray,
    |v: &bool| *v,
    |a: &ArrayRef, i| a.as_boolean().value(i)
);

impl Column for Vec<f64> {
    const NULLABLE: bool = false;

    fn data_type() -> DataType {
        DataType::List(Arc::new(Field::new("item", DataType::Float64, true)))
    }

    fn build<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        let mut builder = ListBuilder::new(Float64Builder::new());
        for value in values {
            builder.values().append_slice(value);
            builder.append(true);
        }
        Arc::new(builder.finish())
    }

    fn read(array: &ArrayRef, row: usize) -> Option<Self> {
        if array.is_null(row) {
            return None;
        }
        let values = array.as_list::<i32>().value(row);
        Some(values.as_primitive::<Float64Type>().values().to_vec())
    }
}

impl Column for Vec<String> {
    const NULLABLE: bool = false;

    fn data_type() -> DataType {
        DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))
    }

    fn build<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for value in values {
            for text in value {
                builder.values().append_value(text);
            }
            builder.append(true);
        }
        Arc::new(builder.finish())
    }

    fn read(array: &ArrayRef, row: usize) -> Option<Self> {
        if array.is_null(row) {
            return None;
        }
        let values = array.as_list::<i32>().value(row);
        Some(values.as_string::<i32>().iter().flatten().map(str::to_owned).collect())
    }
}

/// Declares row structs: their columns, comments, schema and conversions all come from the one definition.
macro_rules! rows {
    ($(
        $(#[doc = $doc:literal])*
        $row:ident in $table:literal {
            $( $(#[doc = $field_doc:literal])+ $field:ident : $type:ty ),+ $(,)?
        }
    )+) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        pub struct $row {
            $( $(#[doc = $field_doc])+ pub $field: $type, )+
        }

        impl $crate::column::Row for $row {
            const TABLE: &'static str = $table;

            fn schema() -> arrow_schema::SchemaRef {
                static SCHEMA: std::sync::LazyLock<arrow_schema::SchemaRef> = std::sync::LazyLock::new(|| {
                    std::sync::Arc::new(arrow_schema::Schema::new(vec![$(
                        arrow_schema::Field::new(
                            stringify!($field),
                            <$type as $crate::column::Column>::data_type(),
                            <$type as $crate::column::Column>::NULLABLE,
                        )
                        .with_metadata(std::collections::HashMap::from([(
                            "comment".to_owned(),
                            concat!($($field_doc),+).trim().to_owned(),
                        )])),
                    )+]))
                });
                std::sync::Arc::clone(&SCHEMA)
            }

            fn to_batch(rows: &[Self]) -> Result<arrow_array::RecordBatch, $crate::column::SchemaError> {
                let columns = vec![$(
                    <$type as $crate::column::Column>::build(rows.iter().map(|row| &row.$field)),
                )+];
                let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
                arrow_array::RecordBatch::try_new_with_options(Self::schema(), columns, &options)
                    .map_err(|source| $crate::column::SchemaError::Arrow { table: $table, source })
            }

            fn from_batch(batch: &arrow_array::RecordBatch) -> Result<Vec<Self>, $crate::column::SchemaError> {
                $(
                    let $field = $crate::column::typed_column::<$type>(batch, $table, stringify!($field))?;
                )+
                (0..batch.num_rows())
                    .map(|row| {
                        Ok(Self {$(
                            $field: <$type as $crate::column::Column>::read($field, row).ok_or(
                                $crate::column::SchemaError::UnexpectedNull {
                                    table: $table,
                                    column: stringify!($field),
                                    row,
                                },
                            )?,
                        )+})
                    })
                    .collect()
            }
        }
    )+};
}

pub(crate) use rows;

/// The column of this name, if it has the type that the table wants.
pub(crate) fn typed_column<'a, C: Column>(
    batch: &'a RecordBatch,
    table: &'static str,
    column: &'static str,
) -> Result<&'a ArrayRef, SchemaError> {
    let array = batch
        .column_by_name(column)
        .ok_or(SchemaError::MissingColumn { table, column })?;
    let expected = C::data_type();
    if array.data_type().equals_datatype(&expected) {
        Ok(array)
    } else {
        Err(SchemaError::WrongType {
            table,
            column,
            got: array.data_type().clone(),
            expected,
        })
    }
}
