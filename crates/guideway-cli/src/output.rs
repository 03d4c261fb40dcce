//! What commands print: data on stdout in the asked-for format, everything else on stderr.

use std::io::{self, Write};

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table as TextTable, presets};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::OutputFormat;

/// The result of a command, ready to be printed in any format.
#[derive(Debug, Default)]
pub(crate) struct Report {
    json: Value,
    blocks: Vec<Block>,
    rows: Option<Grid>,
}

#[derive(Debug)]
enum Block {
    Heading(String),
    Pairs(Vec<(String, String)>),
    Grid(Grid),
    Text(String),
}

/// Rows under named columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    decimals: Option<usize>,
}

impl Grid {
    /// Columns by name. Numbers are aligned to the right whatever the column.
    pub(crate) fn new(columns: &[&str]) -> Self {
        let columns = columns
            .iter()
            .map(|name| Column {
                name: (*name).to_owned(),
                decimals: None,
            })
            .collect();
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Shows the numbers of these columns with so many decimals as text. JSON and CSV keep every digit.
    pub(crate) fn decimals(mut self, columns: &[&str], decimals: usize) -> Self {
        for column in &mut self.columns {
            if columns.contains(&column.name.as_str()) {
                column.decimals = Some(decimals);
            }
        }
        self
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// No rows?
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn to_text(&self) -> String {
        let mut table = TextTable::new();
        table
            .load_preset(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(
            self.columns
                .iter()
                .map(|c| Cell::new(&c.name).add_attribute(Attribute::Bold)),
        );
        for row in &self.rows {
            table.add_row(row.iter().zip(&self.columns).map(|(value, column)| {
                let cell = Cell::new(plain(value, column.decimals));
                if value.is_number() {
                    cell.set_alignment(CellAlignment::Right)
                } else {
                    cell
                }
            }));
        }
        for index in 0..self.columns.len() {
            let numeric = self.rows.iter().any(|row| row[index].is_number());
            if let Some(text_column) = table.column_mut(index) {
                text_column.set_padding((0, 2));
                if numeric {
                    text_column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        let text = table.to_string();
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    fn objects(&self) -> impl Iterator<Item = Map<String, Value>> + '_ {
        self.rows.iter().map(|row| {
            self.columns
                .iter()
                .map(|c| c.name.clone())
                .zip(row.iter().cloned())
                .collect::<Map<_, _>>()
        })
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let header: Vec<String> = self.columns.iter().map(|c| csv_field(&c.name)).collect();
        writeln!(out, "{}", header.join(","))?;
        for row in &self.rows {
            let fields: Vec<String> = row.iter().map(|v| csv_field(&plain(v, None))).collect();
            writeln!(out, "{}", fields.join(","))?;
        }
        Ok(())
    }
}

impl Report {
    /// A result whose JSON form is this value.
    pub(crate) fn new(json: &impl Serialize) -> Self {
        let json = serde_json::to_value(json).unwrap_or(Value::Null);
        Self {
            json,
            ..Self::default()
        }
    }

    /// A result that is a list of rows in every format.
    pub(crate) fn of_rows(grid: Grid, when_empty: &str) -> Self {
        let json = Value::Array(grid.objects().map(Value::Object).collect());
        let block = if grid.is_empty() {
            Block::Text(when_empty.to_owned())
        } else {
            Block::Grid(grid.clone())
        };
        Self {
            json,
            blocks: vec![block],
            rows: Some(grid),
        }
    }

    /// Adds a heading.
    pub(crate) fn heading(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Heading(text.into()));
        self
    }

    /// Adds aligned `name  value` lines. Pairs with an empty value are left out.
    pub(crate) fn pairs<K: Into<String>, V: Into<String>>(mut self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let pairs = pairs
            .into_iter()
            .map(|(k, v)| (k.into(), v.into()))
            .filter(|(_, v): &(String, String)| !v.is_empty());
        self.blocks.push(Block::Pairs(pairs.collect()));
        self
    }

    /// Adds a table; an empty one is left out.
    pub(crate) fn grid(mut self, grid: Grid) -> Self {
        if !grid.is_empty() {
            self.blocks.push(Block::Grid(grid));
        }
        self
    }

    /// Says which table `--output-format csv` and `ndjson` print.
    pub(crate) fn rows(mut self, grid: Grid) -> Self {
        self.rows = Some(grid);
        self
    }

    /// Adds a paragraph.
    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Text(text.into()));
        self
    }

    /// Writes the result in this format.
    pub(crate) fn write(&self, format: OutputFormat, out: &mut dyn Write) -> io::Result<()> {
        match format {
            OutputFormat::Auto | OutputFormat::Text => self.write_text(out),
            OutputFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, &self.json)?;
                writeln!(out)
            }
            OutputFormat::Ndjson => {
                let Some(grid) = &self.rows else {
                    serde_json::to_writer(&mut *out, &self.json)?;
                    return writeln!(out);
                };
                grid.objects().try_for_each(|object| {
                    serde_json::to_writer(&mut *out, &object)?;
                    writeln!(out)
                })
            }
            OutputFormat::Csv => match &self.rows {
                Some(grid) => grid.write_csv(out),
                None => self.one_row().write_csv(out),
            },
        }
    }

    /// A result without rows as one row of its plain values.
    fn one_row(&self) -> Grid {
        let plain: Vec<(&String, &Value)> = self
            .json
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_array() && !value.is_object())
            .collect();
        let names: Vec<&str> = plain.iter().map(|(name, _)| name.as_str()).collect();
        let mut grid = Grid::new(&names);
        grid.push(plain.into_iter().map(|(_, value)| value.clone()).collect());
        grid
    }

    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (index, block) in self.blocks.iter().enumerate() {
            let after_heading = index > 0 && matches!(self.blocks[index - 1], Block::Heading(_));
            if index > 0 && !after_heading {
                writeln!(out)?;
            }
            match block {
                Block::Heading(text) => writeln!(out, "\u{1b}[1m{text}\u{1b}[0m")?,
                Block::Text(text) => writeln!(out, "{text}")?,
                Block::Grid(grid) => writeln!(out, "{}", grid.to_text())?,
                Block::Pairs(pairs) => {
                    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
                    for (name, value) in pairs {
                        writeln!(out, "{name:<width$}  {value}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A value as a person reads it.
fn plain(value: &Value, decimals: Option<usize>) -> String {
    match (value, decimals) {
        (Value::Null, _) => String::new(),
        (Value::String(text), _) => text.clone(),
        (Value::Number(number), Some(decimals)) => match number.as_f64() {
            Some(float) => format!("{float:.decimals$}"),
            None => number.to_string(),
        },
        (other, _) => other.to_string(),
    }
}

fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Bytes as a person reads them: `12.3 MB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{count} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A count with thousands separators: `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 frame`, `2 frames`.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A span of nanoseconds as a person reads it.
pub(crate) fn duration(nanos: i64) -> String {
    let seconds = nanos as f64 * 1e-9;
    if seconds < 0.1 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", (seconds / 60.0) as i64, (seconds % 60.0) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(plural(1, "frame"), "1 frame");
        assert_eq!(bytes(1_500_000), "1.5 MB");
        assert_eq!(duration(125_000_000_000), "2 min 05 s");
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let mut grid = Grid::new(&["a", "b"]);
        grid.push(vec![json!("x,y"), json!(1.5)]);
        let mut out = Vec::new();
        grid.write_csv(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a,b\n\"x,y\",1.5\n");
    }

    #[test]
    fn text_is_aligned() {
        let mut grid = Grid::new(&["name", "n"]);
        grid.push(vec![json!("long name"), json!(1)]);
        grid.push(vec![json!("x"), json!(100)]);
        let mut out = Vec::new();
        Report::of_rows(grid, "none")
            .write(OutputFormat::Text, &mut anstream::StripStream::new(&mut out))
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "name         n\nlong name    1\nx          100\n"
        );
    }
}
