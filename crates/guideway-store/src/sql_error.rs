//! Turning the query engine's errors into ours: what is wrong, where, and what there is instead.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use guideway_core::hint::closest;

use crate::error::StoreError;

/// The error that a user can act on.
pub(crate) fn explain(err: DataFusionError) -> StoreError {
    let root = err.find_root();
    let root = match root {
        DataFusionError::Collection(errors) => errors.first().map_or(root, DataFusionError::find_root),
        _ => root,
    };
    match root {
        DataFusionError::SQL(parser, _) => syntax(parser),
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let mut known: Vec<String> = valid_fields.iter().map(|field| field.name.clone()).collect();
                known.sort();
                known.dedup();
                StoreError::UnknownColumn {
                    name: field.flat_name(),
                    closest: closest(&field.name, known.iter().map(String::as_str)).map(str::to_owned),
                    known,
                }
            }
            other => other_error(&other.to_string(), err),
        },
        other => {
            let message = other.strip_backtrace();
            other_error(&message, err)
        }
    }
}

fn other_error(message: &str, err: DataFusionError) -> StoreError {
    const PREFIXES: [&str; 4] = [
        "Error during planning: ",
        "Execution error: ",
        "This feature is not implemented: ",
        "External error: ",
    ];
    let mut message = message;
    for prefix in PREFIXES {
        message = message.strip_prefix(prefix).unwrap_or(message);
    }
    if message.starts_with("Invalid function") {
        // The engine's guess comes from an unordered list: another one every time.
        message = message
            .split("Did you mean")
            .next()
            .unwrap_or(message)
            .trim()
            .trim_end_matches('.');
    }
    // The engine's words for what is no single statement speak of its own interface.
    if message.starts_with("No SQL statements were provided") {
        return no_statement("it is empty");
    }
    if message.contains("only supports a single SQL statement") {
        return no_statement("it holds more than one statement");
    }
    StoreError::Sql {
        message: message.trim().replace('\n', " "),
        engine: Box::new(err),
    }
}

fn no_statement(message: &str) -> StoreError {
    StoreError::SqlSyntax {
        message: message.to_owned(),
        line: None,
        column: None,
    }
}

/// What to do about a query that the engine could not run, by what it says.
pub(crate) fn remedy(message: &str) -> &'static str {
    let message = message.to_lowercase();
    let says = |part: &str| message.contains(part);
    if says("ambiguous reference") {
        "say whose column it is, as in labels.frame_id, or join with USING (…)"
    } else if says("group by") {
        "name the column in GROUP BY, or put it into an aggregate such as min(…)"
    } else if says("divide by zero") {
        "divide by nullif(…, 0): it gives NULL instead"
    } else if says("invalid function") {
        "SHOW FUNCTIONS lists the functions"
    } else {
        "`guideway tables NAME` lists the columns of a table with their types"
    }
}

fn syntax(err: &ParserError) -> StoreError {
    let text = match err {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
        ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
    };
    // The parser writes the place at the end of its message: ` at Line: 1, Column: 8`.
    let (message, line, column) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => {
            let mut numbers = place
                .split(|c: char| !c.is_ascii_digit())
                .filter(|part| !part.is_empty());
            let line = numbers.next().and_then(|number| number.parse().ok());
            let column = numbers.next().and_then(|number| number.parse().ok());
            (message.to_owned(), line, column)
        }
        None => (text, None, None),
    };
    StoreError::SqlSyntax { message, line, column }
}

/// The error of parsing this query. The parser gives no place for a query that ends too early; it is the end.
pub(crate) fn explain_syntax(err: DataFusionError, query: &str) -> StoreError {
    match explain(err) {
        StoreError::SqlSyntax {
            message, line: None, ..
        } if message.ends_with("EOF") => {
            let end = query.trim_end();
            let last = end.rsplit('\n').next().unwrap_or_default();
            StoreError::SqlSyntax {
                message: message.replace("found: EOF", "found: the end"),
                line: Some(end.matches('\n').count() as u64 + 1),
                column: Some(last.chars().count() as u64 + 1),
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_found() {
        let err = syntax(&ParserError::ParserError(
            "Expected: end, found: x at Line: 2, Column: 14".to_owned(),
        ));
        assert_eq!(
            err.to_string(),
            "could not parse the query: Expected: end, found: x (line 2, column 14)"
        );
    }

    #[test]
    fn a_message_without_place_stays_whole() {
        let err = syntax(&ParserError::TokenizerError("what?".to_owned()));
        assert_eq!(err.to_string(), "could not parse the query: what?");
    }
}
