//! Attributes of rows, and the terms of a predicate over them.

use std::fmt;

use rayon::prelude::*;

use crate::error::{MineError, length};

/// The most rows, so that counts of 32 bits hold.
const MOST: usize = u32::MAX as usize - 1;

/// The values of an attribute, one for each row. A missing value is a NULL of the query's column.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Words: weather, class, town.
    Text(&'a [Option<&'a str>]),
    /// Words as indices of a list, as dictionary arrays hold them.
    Coded {
        /// The words.
        levels: &'a [&'a str],
        /// For each row an index of `levels`.
        codes: &'a [Option<u32>],
    },
    /// Numbers: distance, speed, height of a box. NaN stands for NULL, so the query's column should hold no NaN of its
    /// own. Infinite values count as the largest and smallest.
    Number(&'a [f64]),
    /// Yes or no.
    Flag(&'a [Option<bool>]),
    /// Regions of embedding space, see [`regions`](super::regions).
    Region(&'a [Option<u32>]),
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Coded { codes, .. } => codes.len(),
            Self::Number(values) => values.len(),
            Self::Flag(values) => values.len(),
            Self::Region(values) => values.len(),
        }
    }

    /// Does the value of a row fulfil a test? A test for values of another kind is never fulfilled.
    fn fulfils(&self, row: usize, test: &Test) -> bool {
        let word = |word: Option<&str>| match test {
            Test::Missing => word.is_none(),
            Test::Present => word.is_some(),
            Test::Text(wanted) => word == Some(wanted),
            _ => false,
        };
        match self {
            Self::Text(values) => word(values[row]),
            Self::Coded { levels, codes } => word(codes[row].map(|code| levels[code as usize])),
            Self::Number(values) => {
                let value = values[row];
                match *test {
                    Test::Missing => value.is_nan(),
                    Test::Present => !value.is_nan(),
                    Test::Number(wanted) => value == wanted,
                    Test::AtLeast(from) => value >= from,
                    Test::Below(to) => value < to,
                    Test::Between(from, to) => value >= from && value < to,
                    _ => false,
                }
            }
            Self::Flag(values) => match *test {
                Test::Missing => values[row].is_none(),
                Test::Present => values[row].is_some(),
                Test::Flag(wanted) => values[row] == Some(wanted),
                _ => false,
            },
            Self::Region(values) => match *test {
                Test::Missing => values[row].is_none(),
                Test::Present => values[row].is_some(),
                Test::Region(wanted) => values[row] == Some(wanted),
                _ => false,
            },
        }
    }
}

/// An attribute: what it is called in SQL, and its values.
#[derive(Debug, Clone)]
pub struct Column<'a> {
    pub(super) sql: String,
    pub(super) values: Values<'a>,
}

impl<'a> Column<'a> {
    /// A column of the queried table. The name is quoted where SQL needs it.
    pub fn new(name: &str, values: Values<'a>) -> Self {
        Self {
            sql: identifier(name),
            values,
        }
    }

    /// Anything that SQL can compute for a row, such as `ego.speed * 3.6`. It goes into predicates as it stands, in
    /// brackets where it is more than a path.
    pub fn expression(sql: &str, values: Values<'a>) -> Self {
        let path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '\'' | '"');
        Self {
            sql: if sql.chars().all(path) {
                sql.to_owned()
            } else {
                format!("({sql})")
            },
            values,
        }
    }

    /// The name or expression as it stands in predicates.
    pub fn sql(&self) -> &str {
        &self.sql
    }
}

/// Rows (objects, frames, events) with their attributes.
///
/// ```
/// use guideway_mine::slices::{Column, Table, Values};
/// let table = Table::new(vec![
///     Column::new("weather", Values::Text(&[Some("rain"), None])),
///     Column::new("distance_m", Values::Number(&[12.5, f64::NAN])),
/// ])?;
/// assert_eq!(table.rows(), 2);
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Table<'a> {
    pub(super) columns: Vec<Column<'a>>,
    pub(super) rows: usize,
}

impl<'a> Table<'a> {
    /// A table of columns of one length.
    ///
    /// # Errors
    /// [`MineError::Parameter`] without columns or rows, or for two columns of one name, [`MineError::Length`],
    /// [`MineError::OutOfRange`] for a code that no level has, [`MineError::TooManyRows`].
    pub fn new(columns: Vec<Column<'a>>) -> Result<Self, MineError> {
        let parameter = |parameter, value: &str, allowed| MineError::Parameter {
            parameter,
            value: value.to_owned(),
            allowed,
        };
        let Some(first) = columns.first() else {
            return Err(parameter("columns", "0", "1 and more"));
        };
        let rows = first.values.len();
        if rows == 0 {
            return Err(parameter("rows", "0", "1 and more"));
        }
        if rows > MOST {
            return Err(MineError::TooManyRows { rows, limit: MOST });
        }
        for (at, column) in columns.iter().enumerate() {
            length("column", column.values.len(), rows)?;
            if columns[..at].iter().any(|other| other.sql == column.sql) {
                return Err(parameter("columns", &column.sql, "names that differ"));
            }
            if let Values::Coded { levels, codes } = column.values {
                let wrong = |code: &Option<u32>| code.is_some_and(|code| code as usize >= levels.len());
                if let Some(row) = codes.iter().position(wrong) {
                    return Err(MineError::OutOfRange {
                        what: "codes",
                        row,
                        value: f64::from(codes[row].unwrap_or_default()),
                        allowed: "indices of `levels`",
                    });
                }
            }
        }
        Ok(Self { columns, rows })
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Which rows fulfil all the terms: what SQL selects with them. Tells how a slice found on one table fares on
    /// another one, such as next month's drives.
    ///
    /// # Errors
    /// [`MineError::Parameter`] for a term whose column the table does not have.
    pub fn matches(&self, terms: &[Term]) -> Result<Vec<bool>, MineError> {
        let mut found = Vec::with_capacity(terms.len());
        for term in terms {
            match self.columns.iter().find(|column| column.sql == term.column) {
                Some(column) => found.push((column, &term.test)),
                None => {
                    return Err(MineError::Parameter {
                        parameter: "terms",
                        value: term.column.clone(),
                        allowed: "columns of the table",
                    });
                }
            }
        }
        let fulfils = |row| found.iter().all(|(column, test)| column.values.fulfils(row, test));
        Ok((0..self.rows).into_par_iter().map(fulfils).collect())
    }
}

/// One condition of a predicate. Printed, it is SQL.
///
/// ```
/// use guideway_mine::slices::{Term, Test};
/// let term = Term { column: "town".to_owned(), test: Test::Text("L'Aquila".to_owned()) };
/// assert_eq!(term.to_string(), "town = 'L''Aquila'");
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Term {
    /// The column, as [`Column::sql`] has it.
    pub column: String,
    /// What its value must be.
    pub test: Test,
}

/// What a value must be. A missing value fulfils only [`Test::Missing`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Test {
    /// `= 'rain'`
    Text(String),
    /// `= 3`: a column of few different numbers.
    Number(f64),
    /// `>= 42.5`
    AtLeast(f64),
    /// `< 42.5`
    Below(f64),
    /// `>= 20 AND < 42.5`
    Between(f64, f64),
    /// `= TRUE`
    Flag(bool),
    /// `= 7`: a region of embedding space.
    Region(u32),
    /// `IS NULL`
    Missing,
    /// `IS NOT NULL`
    Present,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = &self.column;
        match &self.test {
            Test::Text(text) => write!(f, "{column} = '{}'", text.replace('\'', "''")),
            Test::Number(value) => write!(f, "{column} = {}", number(*value)),
            Test::AtLeast(from) => write!(f, "{column} >= {}", number(*from)),
            Test::Below(to) => write!(f, "{column} < {}", number(*to)),
            Test::Between(from, to) => {
                write!(f, "{column} >= {} AND {column} < {}", number(*from), number(*to))
            }
            Test::Flag(true) => write!(f, "{column} = TRUE"),
            Test::Flag(false) => write!(f, "{column} = FALSE"),
            Test::Region(region) => write!(f, "{column} = {region}"),
            Test::Missing => write!(f, "{column} IS NULL"),
            Test::Present => write!(f, "{column} IS NOT NULL"),
        }
    }
}

/// A number that SQL reads back to the same bits: with an exponent where it would be long, without a fraction of zero.
fn number(value: f64) -> String {
    // -0 prints as 0
    let text = format!("{:?}", value + 0.0);
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// A name as SQL takes it: in double quotes unless it is plain and no keyword. Engines fold names without quotes to
/// lower case, so capitals need them.
fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain && KEYWORDS.split(' ').all(|keyword| keyword != name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Words that some engine reserves. Quotes never harm a name in lower case, so the list is rather too long.
const KEYWORDS: &str = "all and any array as asc between both by case cast check collate column constraint \
    create cross cube current current_date current_time current_timestamp date day \
    default delete desc describe distinct drop else end escape except exists extract \
    false fetch filter first float for foreign from full group grouping having hour if \
    ilike in inner insert int integer intersect interval into is join key last lateral \
    left like limit lower map match minute month natural not null nulls of offset on \
    only or order outer over partition position primary range real references right row \
    rows second select set similar some struct table then time timestamp to trim true \
    union unique update upper user using values when where window with year";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_needed() {
        for plain in ["distance_m", "_x", "a1", "weather"] {
            assert_eq!(identifier(plain), plain);
        }
        for (name, quoted) in [
            ("Town", "\"Town\""),
            ("order", "\"order\""),
            ("1st", "\"1st\""),
            ("box height", "\"box height\""),
            ("a\"b", "\"a\"\"b\""),
            ("", "\"\""),
            ("höhe", "\"höhe\""),
        ] {
            assert_eq!(identifier(name), quoted);
        }
        let sql = |text| Column::expression(text, Values::Flag(&[])).sql;
        assert_eq!(sql("ego['speed']"), "ego['speed']");
        assert_eq!(sql("a / b"), "(a / b)");
    }

    #[test]
    fn numbers_read_back() {
        for (value, text) in [
            (42.5, "42.5"),
            (3.0, "3"),
            (-0.0, "0"),
            (-7.25, "-7.25"),
            (1e-7, "1e-7"),
            (2.5e17, "2.5e17"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            assert_eq!(number(value), text);
            assert_eq!(text.parse(), Ok(value));
        }
    }

    #[test]
    fn terms_are_sql() {
        let sql = |test| {
            Term {
                column: "x".to_owned(),
                test,
            }
            .to_string()
        };
        assert_eq!(sql(Test::Text("it's".to_owned())), "x = 'it''s'");
        assert_eq!(sql(Test::Between(-1.0, 2.5)), "x >= -1 AND x < 2.5");
        assert_eq!(sql(Test::Below(3.0)), "x < 3");
        assert_eq!(sql(Test::AtLeast(3.0)), "x >= 3");
        assert_eq!(sql(Test::Number(0.5)), "x = 0.5");
        assert_eq!(sql(Test::Flag(true)), "x = TRUE");
        assert_eq!(sql(Test::Flag(false)), "x = FALSE");
        assert_eq!(sql(Test::Region(7)), "x = 7");
        assert_eq!(sql(Test::Missing), "x IS NULL");
        assert_eq!(sql(Test::Present), "x IS NOT NULL");
    }

    #[test]
    fn wrong_tables_are_refused() {
        let flags = |values| Values::Flag(values);
        assert!(matches!(
            Table::new(vec![]),
            Err(MineError::Parameter {
                parameter: "columns",
                ..
            })
        ));
        assert!(matches!(
            Table::new(vec![Column::new("a", flags(&[]))]),
            Err(MineError::Parameter { parameter: "rows", .. })
        ));
        assert!(matches!(
            Table::new(vec![
                Column::new("a", flags(&[None])),
                Column::new("b", flags(&[None, None]))
            ]),
            Err(MineError::Length {
                expected: 1,
                got: 2,
                ..
            })
        ));
        assert!(matches!(
            Table::new(vec![Column::new("a", flags(&[None])), Column::new("a", flags(&[None]))]),
            Err(MineError::Parameter {
                parameter: "columns",
                ..
            })
        ));
        let coded = Values::Coded {
            levels: &["x"],
            codes: &[Some(0), Some(1)],
        };
        assert!(matches!(
            Table::new(vec![Column::new("a", coded)]),
            Err(MineError::OutOfRange { row: 1, .. })
        ));
        let table = Table::new(vec![Column::new("a", flags(&[None]))]).unwrap();
        let term = Term {
            column: "b".to_owned(),
            test: Test::Missing,
        };
        assert!(matches!(
            table.matches(&[term]),
            Err(MineError::Parameter { parameter: "terms", .. })
        ));
    }
}
