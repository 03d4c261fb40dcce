//! `json_as_text` for queries: what the columns `attributes`, `metadata` and `params` hold is JSON.

use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, StringArray, cast::AsArray as _};
use arrow_schema::DataType;
use datafusion::common::cast::as_string_array;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use serde_json::Value;

/// `json_as_text(json, key)`: the value of a key of a JSON object as text, as DataFusion's extension of that name gives it. Text comes without quotes, numbers as they
/// are, objects and arrays as JSON, so that calls can be nested. Null for no object, no such key and `null`.
pub(crate) fn json_as_text() -> ScalarUDF {
    create_udf(
        "json_as_text",
        vec![DataType::Utf8, DataType::Utf8],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(evaluate),
    )
}

fn evaluate(args: &[ColumnarValue]) -> Result<ColumnarValue, DataFusionError> {
    let arrays = ColumnarValue::values_to_arrays(args)?;
    let [json, keys] = arrays.as_slice() else {
        return Err(DataFusionError::Plan(
            "json_as_text takes a JSON text and a key".to_owned(),
        ));
    };
    let (json, keys) = (as_string_array(json)?, as_string_array(keys)?);
    let found: StringArray = (0..json.len())
        .map(|row| {
            let is_there = json.is_valid(row) && keys.is_valid(row);
            is_there.then(|| text(json.value(row), keys.value(row))).flatten()
        })
        .collect();
    let found: ArrayRef = Arc::new(found);
    // One row in where everything was constant, one value out.
    if args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) {
        let value = found.as_string::<i32>();
        let value = value.is_valid(0).then(|| value.value(0).to_owned());
        return Ok(ColumnarValue::Scalar(value.into()));
    }
    Ok(ColumnarValue::Array(found))
}

fn text(json: &str, key: &str) -> Option<String> {
    let Value::Object(mut object) = serde_json::from_str(json).ok()? else {
        return None;
    };
    match object.remove(key)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_as_text() {
        let json = r#"{"weather": "rain", "vehicles": 3, "night": true, "sky": {"clouds": 0.5}, "none": null}"#;
        let of = |key: &str| text(json, key);
        assert_eq!(of("weather").as_deref(), Some("rain"));
        assert_eq!(of("vehicles").as_deref(), Some("3"));
        assert_eq!(of("night").as_deref(), Some("true"));
        assert_eq!(of("sky").and_then(|sky| text(&sky, "clouds")).as_deref(), Some("0.5"));
        assert_eq!(of("none"), None);
        assert_eq!(of("fog"), None);
        assert_eq!(text("[1, 2]", "0"), None);
        assert_eq!(text("no JSON", "a"), None);
    }
}
