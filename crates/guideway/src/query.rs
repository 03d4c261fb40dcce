//! SQL over every table.

use std::io::Write;
use std::sync::Arc;

use arrow::compute::cast;
use arrow::json::writer::{JsonArray, JsonFormat, LineDelimited, Writer, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow::util::pretty::pretty_format_batches_with_schema;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use futures::StreamExt as _;
use guideway_store::SqlResult;

use crate::error::Error;
use crate::workspace::Workspace;

/// How JSON rows are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonShape {
    /// One array of objects.
    Array,
    /// One object a line.
    Lines,
}

/// The answer to a query: batches that are computed as they are read.
pub struct QueryResult<'w> {
    workspace: &'w Workspace,
    result: SqlResult,
}

impl Workspace {
    /// Runs one SELECT over the tables, the frozen datasets (`datasets."NAME"`) and the catalog.
    pub fn query(&self, sql: &str) -> Result<QueryResult<'_>, Error> {
        let result = self.block_on(self.store().sql(sql))?;
        Ok(QueryResult {
            workspace: self,
            result,
        })
    }
}

impl QueryResult<'_> {
    /// Names and types of the columns.
    pub fn schema(&self) -> SchemaRef {
        self.result.schema()
    }

    /// The next batch of rows; `None` after the last.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        Ok(self.workspace.block_on(self.result.next()).transpose()?)
    }

    /// Writes an aligned table of at most `max_rows` rows. Gives the rows written and the rows there are.
    pub fn write_text(&mut self, out: &mut dyn Write, max_rows: usize) -> Result<(usize, usize), Error> {
        let mut shown = Vec::new();
        let (mut rows, mut total) = (0, 0);
        while let Some(batch) = self.next_batch()? {
            total += batch.num_rows();
            if rows < max_rows {
                let part = batch.slice(0, batch.num_rows().min(max_rows - rows));
                rows += part.num_rows();
                shown.push(part);
            }
        }
        let text = pretty_format_batches_with_schema(self.result.schema(), &shown)
            .map_err(|err| Error::corrupt("the answer to a query", err))?;
        writeln!(out, "{text}").map_err(Error::output)?;
        Ok((rows, total))
    }

    /// Writes the rows as JSON; gives their number.
    pub fn write_json(&mut self, out: &mut dyn Write, shape: JsonShape) -> Result<usize, Error> {
        match shape {
            JsonShape::Array => self.write_with(
                WriterBuilder::new()
                    .with_explicit_nulls(true)
                    .build::<_, JsonArray>(out),
            ),
            JsonShape::Lines => self.write_with(
                WriterBuilder::new()
                    .with_explicit_nulls(true)
                    .build::<_, LineDelimited>(out),
            ),
        }
    }

    fn write_with<W: Write, F: JsonFormat>(&mut self, mut writer: Writer<W, F>) -> Result<usize, Error> {
        let mut total = 0;
        while let Some(batch) = self.next_batch()? {
            total += batch.num_rows();
            writer.write(&batch).map_err(output)?;
        }
        writer.finish().map_err(output)?;
        Ok(total)
    }

    /// Writes the rows as CSV with a header line; gives their number. Lists and structs are written as text.
    pub fn write_csv(&mut self, out: &mut dyn Write) -> Result<usize, Error> {
        let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(out);
        writer
            .write(&flat(&RecordBatch::new_empty(self.result.schema()))?)
            .map_err(output)?;
        let mut total = 0;
        while let Some(batch) = self.next_batch()? {
            total += batch.num_rows();
            writer.write(&flat(&batch)?).map_err(output)?;
        }
        Ok(total)
    }

    /// The rows of a `SELECT text, count`.
    pub(crate) fn text_and_count(&mut self) -> Result<Vec<(String, u64)>, Error> {
        let mut rows = Vec::new();
        while let Some(batch) = self.next_batch()? {
            let unreadable = |err: ArrowError| Error::corrupt("the answer to a query", err);
            let (Some(text), Some(count)) = (batch.columns().first(), batch.columns().get(1)) else {
                return Err(Error::corrupt("the answer to a query", "expected two columns"));
            };
            let text = cast(text, &DataType::Utf8).map_err(unreadable)?;
            let count = cast(count, &DataType::Int64).map_err(unreadable)?;
            let (text, count) = (text.as_string::<i32>(), count.as_primitive::<Int64Type>());
            for row in 0..batch.num_rows() {
                let name = if text.is_null(row) {
                    String::new()
                } else {
                    text.value(row).to_owned()
                };
                rows.push((name, count.value(row).max(0) as u64));
            }
        }
        Ok(rows)
    }
}

/// Nested columns as text: CSV has no lists.
fn flat(batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let unreadable = |err: ArrowError| Error::corrupt("the answer to a query", err);
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if column.data_type().is_nested() || matches!(column.data_type(), DataType::Binary | DataType::LargeBinary) {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(column.as_ref(), &options).map_err(unreadable)?;
            let text = (0..column.len())
                .map(|row| {
                    if column.is_null(row) {
                        Ok(None)
                    } else {
                        formatter.value(row).try_to_string().map(Some)
                    }
                })
                .collect::<Result<StringArray, ArrowError>>()
                .map_err(unreadable)?;
            fields.push(Field::new(field.name(), DataType::Utf8, true));
            columns.push(Arc::new(text));
        } else {
            fields.push(field.as_ref().clone());
            columns.push(Arc::clone(column));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(unreadable)
}

/// Arrow's writers wrap the operating system's error; a closed pipe must stay recognisable.
fn output(err: ArrowError) -> Error {
    match err {
        ArrowError::IoError(_, source) => Error::output(source),
        other => Error::failed(
            format!("the result cannot be printed in this format: {other}"),
            "cast the column, as in CAST(x AS VARCHAR), or print it with --output-format text",
        ),
    }
}
