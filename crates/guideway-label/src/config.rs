//! The labelers file: who labels, with which errors, how fast and for how much.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::hint::closest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::LabelError;
use crate::money::{Currency, Money};

/// How far probabilities may add up beyond 1, for the sake of decimals that are no binary fractions.
const ROUNDING: f64 = 1e-9;

/// A pool of simulated labelers, as a TOML file describes it. Every key has a default, so an empty file is a pool of one.
///
/// ```
/// use guideway_label::LabelersFile;
/// let file = LabelersFile::from_toml("[[labelers]]\nname = \"fast\"\nseconds_per_box = 7.0")?;
/// assert_eq!(file.labelers[0].seconds_per_box, 7.0);
/// let error = LabelersFile::from_toml("[[labelers]]\nname = \"fast\"\nmiss_rate = 1.5").unwrap_err();
/// assert_eq!(error.to_string(), "parameter `labelers.fast.miss_rate` is 1.5, allowed is 0 to 1");
/// # Ok::<(), guideway_label::LabelError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LabelersFile {
    /// Seed of every draw: another seed, another set of answers.
    #[schemars(range(max = 9_223_372_036_854_775_807_u64))]
    pub seed: u64,
    /// Currency of all prices: its code of three capital letters.
    #[schemars(with = "String", regex(pattern = "^[A-Z]{3}$"))]
    pub currency: Currency,
    /// The labelers: at least one, each with a name of its own.
    #[schemars(length(min = 1))]
    pub labelers: Vec<LabelerConfig>,
}

impl Default for LabelersFile {
    fn default() -> Self {
        Self {
            seed: 0,
            currency: Currency::USD,
            labelers: vec![LabelerConfig::default()],
        }
    }
}

/// One simulated labeler. A key that is left out has its default; a table that is given replaces the default table.
///
/// The defaults are those of one careful person without anybody checking the work. Times are those that Su, Deng and Fei-Fei
/// ("Crowdsourcing Annotations for Visual Object Detection", 2012) report for drawing a box (25.5 s) and for looking whether all is
/// covered (7.8 s). Prices are what Amazon SageMaker Ground Truth suggests for a box ($0.036) and for looking at an image ($0.012).
/// Noise gives boxes of 100 px a mean IoU of about 0.93 with the true ones, of 30 px about 0.90, of 10 px about 0.78. The other rates
/// are guesses of the right order: measure your own labelers where it matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LabelerConfig {
    /// Name, once in the file. The answers depend on it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Share of the frames, relative to the other labelers' shares. 0: none.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub share: f64,
    /// Standard deviation of each side of a box, as a fraction of the box's width (left and right side) or height (upper and lower).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub box_noise: f64,
    /// Standard deviation of each side that even the smallest box has, px. Both deviations add as squares do.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub box_noise_px: f64,
    /// Probability of overlooking an object that is large and wholly visible.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub miss_rate: f64,
    /// Height at which half of the objects are overlooked that would be found if they were large, px. 0: size does not matter.
    #[schemars(range(min = 0.0, max = 1e4))]
    pub miss_half_height_px: f64,
    /// Visible fraction at which half of the objects are overlooked that would be found if they were wholly visible. 0: it does not
    /// matter what is hidden or outside the image.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub miss_half_visible: f64,
    /// How quickly both effects rise: the probability of being found falls by the factor 2^-(half / x)^steepness, where x is the height
    /// in px or the visible fraction.
    #[schemars(range(min = 0.1, max = 20.0))]
    pub miss_steepness: f64,
    /// Objects lower than this are never drawn, px: the guideline that labelers are given.
    #[schemars(range(min = 0.0, max = 1e4))]
    pub min_height_px: f64,
    /// Mean number of boxes per frame where nothing is. Their number is binomial, with ⌈4 × rate⌉ chances.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub invent_rate: f64,
    /// Probability that a frame is refused: it costs the frame's time and price, and has no boxes.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub refusal_rate: f64,
    /// Reasons for refusals, each as likely.
    pub refusal_reasons: Vec<String>,
    /// Mean time to open a frame and look whether all is drawn, s.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub seconds_per_frame: f64,
    /// Mean time to draw a box and choose its class, s.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub seconds_per_box: f64,
    /// Spread of the time of a frame: standard deviation of its natural logarithm (log-normal with the mean above).
    #[schemars(range(min = 0.0, max = 2.0))]
    pub time_spread: f64,
    /// Price of looking at a frame, in the file's currency, up to six decimals.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub price_per_frame: f64,
    /// Price of each box that is drawn, in the file's currency, up to six decimals.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub price_per_box: f64,
    /// True class → class chosen instead → probability from 0 to 1; those of a true class add up to 1 at most. Where the other class is
    /// not asked for, the true one is chosen.
    pub confusion: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Default for LabelerConfig {
    fn default() -> Self {
        Self {
            name: "annotator".to_owned(),
            share: 1.0,
            box_noise: 0.02,
            box_noise_px: 0.8,
            miss_rate: 0.01,
            miss_half_height_px: 6.0,
            miss_half_visible: 0.12,
            miss_steepness: 3.0,
            min_height_px: 10.0,
            invent_rate: 0.03,
            refusal_rate: 0.01,
            refusal_reasons: ["too dark", "blurred", "lens blocked"].map(str::to_owned).to_vec(),
            seconds_per_frame: 8.0,
            seconds_per_box: 26.0,
            time_spread: 0.5,
            price_per_frame: 0.012,
            price_per_box: 0.036,
            confusion: table(&[
                ("bicycle", &[("motorcycle", 0.02)]),
                ("bus", &[("truck", 0.01), ("van", 0.01)]),
                ("car", &[("van", 0.01)]),
                ("cyclist", &[("motorcyclist", 0.02), ("pedestrian", 0.01)]),
                ("motorcycle", &[("bicycle", 0.02)]),
                ("motorcyclist", &[("cyclist", 0.03)]),
                ("pedestrian", &[("cyclist", 0.005)]),
                ("truck", &[("bus", 0.01), ("van", 0.02)]),
                ("van", &[("car", 0.03), ("truck", 0.03)]),
            ]),
        }
    }
}

fn table(rows: &[(&str, &[(&str, f64)])]) -> BTreeMap<String, BTreeMap<String, f64>> {
    rows.iter()
        .map(|(class, row)| {
            (
                (*class).to_owned(),
                row.iter().map(|(to, p)| ((*to).to_owned(), *p)).collect(),
            )
        })
        .collect()
}

impl LabelerConfig {
    /// A labeler called `oracle` that draws every box of the truth as it is, in the default time and for the default price.
    pub fn perfect() -> Self {
        Self {
            name: "oracle".to_owned(),
            box_noise: 0.0,
            box_noise_px: 0.0,
            miss_rate: 0.0,
            miss_half_height_px: 0.0,
            miss_half_visible: 0.0,
            min_height_px: 0.0,
            invent_rate: 0.0,
            refusal_rate: 0.0,
            time_spread: 0.0,
            confusion: BTreeMap::new(),
            ..Self::default()
        }
    }

    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`LabelError::Parameter`] naming the first key that is out of range.
    pub fn validate(&self) -> Result<(), LabelError> {
        if self.name.trim().is_empty() {
            return Err(parameter(
                "labelers.name",
                format!("{:?}", self.name),
                "a text that is not empty",
            ));
        }
        let wrong = |key: &str, value: String, allowed: &str| {
            Err(parameter(&format!("labelers.{}.{key}", self.name), value, allowed))
        };
        let properties = &schemars::schema_for!(Self).to_value()["properties"];
        // TOML keeps NaN and infinity, which JSON does not.
        let values = toml::Table::try_from(self).map_err(|err| LabelError::Syntax {
            message: err.to_string(),
            suggestion: None,
        })?;
        for (key, value) in &values {
            let range = [&properties[key]["minimum"], &properties[key]["maximum"]].map(Value::as_f64);
            if let (Some(value), [Some(low), Some(high)]) = (value.as_float(), range)
                && !(low..=high).contains(&value)
            {
                return wrong(key, value.to_string(), &format!("{low} to {high}"));
            }
        }
        for (key, price) in [
            ("price_per_frame", self.price_per_frame),
            ("price_per_box", self.price_per_box),
        ] {
            if Money::from_price(price, Currency::USD).to_f64() != price {
                return wrong(key, price.to_string(), "up to six decimals");
            }
        }
        if self.refusal_rate > 0.0 && self.refusal_reasons.is_empty() {
            return wrong(
                "refusal_reasons",
                "empty".to_owned(),
                "at least one where `refusal_rate` is above 0",
            );
        }
        if self.refusal_reasons.iter().any(|reason| reason.trim().is_empty()) {
            return wrong(
                "refusal_reasons",
                format!("{:?}", self.refusal_reasons),
                "texts that are not empty",
            );
        }
        for (class, row) in &self.confusion {
            for (other, probability) in row {
                let key = format!("confusion.{class}.{other}");
                if !(0.0..=1.0).contains(probability) {
                    return wrong(&key, probability.to_string(), "0 to 1");
                }
                if other == class {
                    return wrong(
                        &key,
                        probability.to_string(),
                        "another class: what is left to 1 is drawn right",
                    );
                }
                if other.trim().is_empty() {
                    return wrong(&key, probability.to_string(), "a class with a name");
                }
            }
            let sum: f64 = row.values().sum();
            if sum > 1.0 + ROUNDING {
                return wrong(
                    &format!("confusion.{class}"),
                    format!("{sum} in all"),
                    "a sum from 0 to 1",
                );
            }
        }
        Ok(())
    }
}

impl LabelersFile {
    /// Reads a file and checks its values.
    ///
    /// # Errors
    /// [`LabelError::Syntax`] with line and column, and the nearest known key for an unknown one; [`LabelError::Parameter`] for a value
    /// out of range.
    pub fn from_toml(text: &str) -> Result<Self, LabelError> {
        let file: Self = toml::from_str(text).map_err(|err| LabelError::Syntax {
            suggestion: unknown_key(err.message()).and_then(suggest),
            message: err.to_string().trim_end().to_owned(),
        })?;
        file.validate()?;
        Ok(file)
    }

    /// The file as TOML, every key written out.
    ///
    /// # Errors
    /// [`LabelError::Syntax`] for a seed that does not fit TOML; [`Self::validate`] refuses it too.
    pub fn to_toml(&self) -> Result<String, LabelError> {
        toml::to_string(self).map_err(|err| LabelError::Syntax {
            message: err.to_string(),
            suggestion: None,
        })
    }

    /// The JSON schema of the file, for editors.
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`LabelError::Parameter`] naming the first key that is out of range.
    pub fn validate(&self) -> Result<(), LabelError> {
        if i64::try_from(self.seed).is_err() {
            return Err(parameter("seed", self.seed.to_string(), "0 to 9223372036854775807"));
        }
        if self.labelers.is_empty() {
            return Err(parameter("labelers", "empty".to_owned(), "at least one labeler"));
        }
        let mut names = BTreeSet::new();
        for labeler in &self.labelers {
            labeler.validate()?;
            if !names.insert(&labeler.name) {
                let key = format!("labelers.{}.name", labeler.name);
                return Err(parameter(&key, "there twice".to_owned(), "a name once"));
            }
        }
        if self.labelers.iter().all(|labeler| labeler.share == 0.0) {
            return Err(parameter(
                "labelers.*.share",
                "0 for all".to_owned(),
                "above 0 for at least one labeler",
            ));
        }
        Ok(())
    }
}

fn parameter(parameter: &str, value: String, allowed: &str) -> LabelError {
    LabelError::Parameter {
        parameter: parameter.to_owned(),
        value,
        allowed: allowed.to_owned(),
    }
}

/// The key in "unknown field `x`, expected …".
fn unknown_key(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split('`').next()
}

/// The nearest key of the file or of a labeler.
fn suggest(key: &str) -> Option<String> {
    let file = serde_json::to_value(LabelersFile::default()).ok()?;
    let known = file.as_object()?.keys().chain(file["labelers"][0].as_object()?.keys());
    closest(key, known.map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use guideway_core::Hint as _;

    use super::*;

    fn one(lines: &str) -> Result<LabelersFile, LabelError> {
        LabelersFile::from_toml(&format!("[[labelers]]\nname = \"ann\"\n{lines}"))
    }

    #[test]
    fn defaults_and_the_perfect_labeler_survive_a_round_trip() {
        let two = LabelersFile {
            seed: i64::MAX as u64,
            currency: Currency::new("EUR").unwrap(),
            labelers: vec![LabelerConfig::default(), LabelerConfig::perfect()],
        };
        for file in [LabelersFile::default(), two] {
            file.validate().unwrap();
            let text = file.to_toml().unwrap();
            assert_eq!(LabelersFile::from_toml(&text).unwrap(), file, "{text}");
        }
        assert_eq!(LabelersFile::from_toml("").unwrap(), LabelersFile::default());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        let error = one("mis_rate = 0.1").unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
        assert_eq!(error.hint().unwrap(), "did you mean `miss_rate`?");
        let error = LabelersFile::from_toml("sed = 1").unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `seed`?");
    }

    #[test]
    fn each_bad_value_is_named_with_its_range() {
        for (lines, message) in [
            ("share = -1.0", "`labelers.ann.share` is -1, allowed is 0 to 1000000"),
            ("miss_rate = 1.5", "`labelers.ann.miss_rate` is 1.5, allowed is 0 to 1"),
            ("box_noise = nan", "`labelers.ann.box_noise` is NaN, allowed is 0 to 1"),
            (
                "time_spread = inf",
                "`labelers.ann.time_spread` is inf, allowed is 0 to 2",
            ),
            (
                "miss_steepness = 0",
                "`labelers.ann.miss_steepness` is 0, allowed is 0.1 to 20",
            ),
            (
                "price_per_box = 0.0000001",
                "`labelers.ann.price_per_box` is 0.0000001, allowed is up to six decimals",
            ),
            (
                "refusal_reasons = []",
                "`labelers.ann.refusal_reasons` is empty, allowed is at least one where `refusal_rate` is above 0",
            ),
            (
                "refusal_reasons = [\"\"]",
                "`labelers.ann.refusal_reasons` is [\"\"], allowed is texts that are not empty",
            ),
            (
                "confusion.van = { car = 0.6, truck = 0.5 }",
                "`labelers.ann.confusion.van` is 1.1 in all, allowed is a sum from 0 to 1",
            ),
            (
                "confusion.van.car = -0.1",
                "`labelers.ann.confusion.van.car` is -0.1, allowed is 0 to 1",
            ),
            (
                "confusion.van.van = 0.9",
                "`labelers.ann.confusion.van.van` is 0.9, allowed is another class: what is left to 1 is drawn right",
            ),
            (
                "[[labelers]]\nname = \"ann\"",
                "`labelers.ann.name` is there twice, allowed is a name once",
            ),
            (
                "[[labelers]]\nname = \" \"",
                "`labelers.name` is \" \", allowed is a text that is not empty",
            ),
            (
                "share = 0.0",
                "`labelers.*.share` is 0 for all, allowed is above 0 for at least one labeler",
            ),
        ] {
            assert_eq!(one(lines).unwrap_err().to_string(), format!("parameter {message}"));
        }
        let error = LabelersFile::from_toml("labelers = []").unwrap_err().to_string();
        assert_eq!(error, "parameter `labelers` is empty, allowed is at least one labeler");
        let error = LabelersFile::from_toml("currency = \"dollar\"")
            .unwrap_err()
            .to_string();
        let allowed = "the currency is \"dollar\", allowed is a code of three capital letters, such as USD";
        assert!(error.contains("line 1") && error.contains(allowed), "{error}");
        let error = LabelersFile {
            seed: u64::MAX,
            ..LabelersFile::default()
        }
        .validate()
        .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("parameter `seed` is 18446744073709551615")
        );
    }

    #[test]
    fn probabilities_that_add_up_to_one_but_for_rounding_are_fine() {
        one("confusion.van = { a = 0.1, b = 0.2, c = 0.7 }").unwrap();
        one("confusion.van = { a = 0.7, b = 0.1, c = 0.1, d = 0.1 }").unwrap();
    }

    #[test]
    fn the_schema_describes_every_key_and_each_number_obeys_its_range() {
        let schema = LabelersFile::json_schema();
        for (name, properties) in [
            ("file", &schema["properties"]),
            ("labeler", &schema["$defs"]["LabelerConfig"]["properties"]),
        ] {
            for (key, value) in properties.as_object().unwrap() {
                assert!(value["description"].is_string(), "{name}.{key}");
            }
        }
        let defaults = serde_json::to_value(LabelerConfig::default()).unwrap();
        let properties = &schema["$defs"]["LabelerConfig"]["properties"];
        let mut numbers = 0;
        for (key, _) in defaults
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, value)| value.is_number())
        {
            numbers += 1;
            let [low, high] = ["minimum", "maximum"].map(|end| properties[key][end].as_f64().unwrap());
            for value in [low - 0.001, high + 0.001] {
                let error = one(&format!("{key} = {value:?}")).unwrap_err().to_string();
                let expected = format!("`labelers.ann.{key}` is {value}, allowed is {low} to {high}");
                assert!(error.contains(&expected), "{error}");
            }
            for value in [low, high] {
                // A share of nothing alone is refused for another reason.
                if (key.as_str(), value) != ("share", 0.0) {
                    one(&format!("{key} = {value:?}")).unwrap();
                }
            }
        }
        assert_eq!(numbers, 15);
    }
}
