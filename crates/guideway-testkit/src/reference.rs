//! Comparing with what reference implementations computed: their numbers, and the folders of cases that hold them.

use std::path::PathBuf;

use serde_json::Value;

use crate::data;

/// The folders of a family of reference cases by name, or `None` with a loud note that the calling test is skipped.
///
/// ```no_run
/// let Some(cases) = guideway_testkit::cases("ref_coco_ap/visible") else { return };
/// ```
///
/// # Panics
/// When there is the family and no case in it: such a test would pass without a comparison.
#[expect(clippy::panic, reason = "test support: a broken fixture must fail the test")]
pub fn cases(family: &str) -> Option<Vec<PathBuf>> {
    let folder = data(family)?;
    let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.unwrap_or_else(|err| panic!("{}: {err}", folder.display()));
    let mut cases: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    // the rest is what file managers and the data's authors leave beside them
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(!cases.is_empty(), "{}: no cases", folder.display());
    Some(cases)
}

/// Compares JSON with that of a reference implementation: the same names, arrays of the same lengths, the same text and truth values,
/// null for null, and numbers that are at most a tolerance apart.
///
/// ```
/// use guideway_testkit::Compared;
/// use serde_json::json;
///
/// let mut compared = Compared::within(1e-9);
/// compared.all("case", &json!({"AP": 0.5, "errors": [0.25, null]}), &json!({"AP": 0.5, "errors": [0.25, null]}));
/// assert_eq!(compared.numbers, 3);
/// ```
#[derive(Debug, Clone)]
pub struct Compared {
    /// Numbers compared so far, and nulls, which stand for numbers that there are none of.
    pub numbers: usize,
    /// The largest difference so far.
    pub largest: f64,
    tolerance: f64,
    more: &'static [&'static str],
}

impl Compared {
    /// Allows numbers to be this far apart, and no further.
    pub fn within(tolerance: f64) -> Self {
        Self {
            numbers: 0,
            largest: 0.0,
            tolerance,
            more: &[],
        }
    }

    /// Lets there be these names where the reference has none of them.
    #[must_use]
    pub fn with_more(self, more: &'static [&'static str]) -> Self {
        Self { more, ..self }
    }

    /// Compares everything in two values; `place` names them.
    ///
    /// # Panics
    /// At the first difference, with its place.
    #[track_caller]
    #[expect(clippy::panic, reason = "test support: a difference must fail the test")]
    pub fn all(&mut self, place: &str, got: &Value, expected: &Value) {
        if let Err(difference) = self.check(place, got, expected) {
            panic!("{difference}");
        }
    }

    /// Compares two numbers, `None` being one that there is none of.
    ///
    /// # Panics
    /// When they differ.
    #[track_caller]
    #[expect(clippy::panic, reason = "test support: a difference must fail the test")]
    pub fn number(&mut self, place: &str, got: Option<f64>, expected: Option<f64>) {
        if let Err(difference) = self.check_number(place, got, expected) {
            panic!("{difference}");
        }
    }

    /// Says how much was compared.
    ///
    /// # Panics
    /// When it was less than `least` numbers.
    #[track_caller]
    #[expect(clippy::print_stdout, reason = "for those who run a test to see its numbers")]
    pub fn finish(&self, least: usize) {
        println!("{} numbers, the largest difference is {:e}", self.numbers, self.largest);
        assert!(self.numbers >= least, "only {} numbers were compared", self.numbers);
    }

    /// Compares everything in two values, and says where the first difference is and what.
    pub fn check(&mut self, place: &str, got: &Value, expected: &Value) -> Result<(), String> {
        match (got, expected) {
            (Value::Object(got), Value::Object(expected)) => {
                for (name, expected) in expected {
                    let place = format!("{place}/{name}");
                    let got = got.get(name);
                    let got = got.ok_or_else(|| format!("{place} is missing, the reference has {expected}"))?;
                    self.check(&place, got, expected)?;
                }
                let unknown = |name: &str| !expected.contains_key(name) && !self.more.contains(&name);
                match got.iter().find(|(name, _)| unknown(name)) {
                    Some((name, value)) => Err(format!("{place}/{name} is {value}, the reference has no such name")),
                    None => Ok(()),
                }
            }
            (Value::Array(got), Value::Array(expected)) if got.len() == expected.len() => {
                let mut pairs = got.iter().zip(expected).enumerate();
                pairs.try_for_each(|(at, (got, expected))| self.check(&format!("{place}/{at}"), got, expected))
            }
            (Value::Array(got), Value::Array(expected)) => Err(format!(
                "{place} has {} values, the reference {}",
                got.len(),
                expected.len()
            )),
            (Value::Number(_) | Value::Null, Value::Number(_) | Value::Null) => {
                self.check_number(place, got.as_f64(), expected.as_f64())
            }
            _ if got == expected => Ok(()),
            _ => Err(format!("{place} is {got}, the reference has {expected}")),
        }
    }

    fn check_number(&mut self, place: &str, got: Option<f64>, expected: Option<f64>) -> Result<(), String> {
        let shown = |number: Option<f64>| number.map_or("null".to_owned(), |number| number.to_string());
        let difference = match (got, expected) {
            (None, None) => 0.0,
            (Some(got), Some(expected)) => (got - expected).abs(),
            _ => f64::NAN,
        };
        if difference.is_nan() || difference > self.tolerance {
            return Err(format!(
                "{place} is {}, the reference has {}",
                shown(got),
                shown(expected)
            ));
        }
        self.numbers += 1;
        self.largest = self.largest.max(difference);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_trees_are_counted() {
        let mut compared = Compared::within(0.1);
        let expected = json!({"a": [1, 2.5, null], "b": {"c": 3, "d": "text", "e": true, "f": []}});
        let got = json!({"b": {"f": [], "e": true, "d": "text", "c": 3.0625}, "a": [1.0, 2.5, null]});
        compared.all("case", &got, &expected);
        compared.number("beside", None, None);
        assert_eq!((compared.numbers, compared.largest), (5, 0.0625));
        compared.finish(5);
    }

    #[test]
    fn the_first_difference_is_named_with_its_place() {
        let differences = [
            (
                json!({"a": [1, 2]}),
                json!({"a": [1, 2.5]}),
                "x/a/1 is 2, the reference has 2.5",
            ),
            (
                json!({"a": {}}),
                json!({"a": {"b": null}}),
                "x/a/b is missing, the reference has null",
            ),
            (
                json!({"a": 1, "b": 2}),
                json!({"a": 1}),
                "x/b is 2, the reference has no such name",
            ),
            (json!([1, 2]), json!([1]), "x has 2 values, the reference 1"),
            (json!([null]), json!([0]), "x/0 is null, the reference has 0"),
            (json!([0]), json!([null]), "x/0 is 0, the reference has null"),
            (json!({"a": [0]}), json!({"a": 0}), "x/a is [0], the reference has 0"),
            (json!("a"), json!("b"), "x is \"a\", the reference has \"b\""),
            (json!(true), json!(1), "x is true, the reference has 1"),
            (json!({}), json!([]), "x is {}, the reference has []"),
        ];
        for (got, expected, message) in differences {
            assert_eq!(
                Compared::within(0.1).check("x", &got, &expected),
                Err(message.to_owned())
            );
        }
    }

    #[test]
    fn names_that_may_be_more_are_not_compared() {
        let mut compared = Compared::within(0.0).with_more(&["n"]);
        compared.all("x", &json!([{"a": 1, "n": 2}, {"n": 3}]), &json!([{"a": 1}, {"n": 3}]));
        assert_eq!(compared.numbers, 2);
        let wrong = compared.check("x", &json!({"n": 4}), &json!({"n": 3}));
        assert_eq!(wrong, Err("x/n is 4, the reference has 3".to_owned()));
        assert!(compared.check("x", &json!({"m": 4}), &json!({})).is_err());
    }

    #[test]
    #[should_panic(expected = "x is NaN, the reference has NaN")]
    fn not_a_number_equals_nothing() {
        Compared::within(f64::INFINITY).number("x", Some(f64::NAN), Some(f64::NAN));
    }

    #[test]
    #[should_panic(expected = "only 1 numbers were compared")]
    fn too_few_numbers_are_a_failure() {
        let mut compared = Compared::within(0.0);
        compared.all("x", &json!(1), &json!(1));
        compared.finish(2);
    }
}
