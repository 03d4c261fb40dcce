//! Numbers out of JSON.

use guideway_core::DVec3;
use serde_json::Value;

/// A list of numbers.
pub(crate) fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(float).collect()
}

/// One number.
pub(crate) fn float(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// A list of `N` numbers.
pub(crate) fn fixed<const N: usize>(value: &Value) -> [f64; N] {
    floats(value).try_into().unwrap()
}

/// A list of lists of `N` numbers.
pub(crate) fn rows<const N: usize>(value: &Value) -> Vec<[f64; N]> {
    list(value).iter().map(fixed).collect()
}

/// The first three numbers of a list.
pub(crate) fn point(value: &Value) -> DVec3 {
    DVec3::from_slice(&floats(value))
}

/// A list of at least one thing.
pub(crate) fn list(value: &Value) -> &Vec<Value> {
    let list = value.as_array().unwrap();
    assert!(!list.is_empty(), "an empty list tests nothing");
    list
}

/// Fails unless two numbers are within a tolerance.
#[track_caller]
pub(crate) fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found} is not within {tolerance} of {expected}"
    );
}
