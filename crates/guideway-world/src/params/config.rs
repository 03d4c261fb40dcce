//! A file of parameters: parsed, checked against their ranges, drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use guideway_core::hint::closest;
use serde_json::Value;
use toml::Table;

use super::SceneParams;
use super::dist::{Distribution, Scalar};
use super::schema::{Leaf, LeafKind, leaves};
use crate::{Seed, WorldError};

/// What worlds to make: every parameter as a value or a distribution.
///
/// ```
/// use guideway_world::{Seed, params::{Distribution, WorldConfig}};
/// let config = WorldConfig::parse("[weather]\nrain_mm_per_h = { uniform = [0.0, 10.0] }", "world.toml")?
///     .with("time.hour", Distribution::choice([12.0.into(), 23.0.into()], []))?;
/// let scene = config.sample(Seed::new(1))?;
/// assert!((0.0..=10.0).contains(&scene.weather.rain_mm_per_h));
/// assert!(scene.time.hour == 12.0 || scene.time.hour == 23.0);
/// assert_eq!(scene, config.sample(Seed::new(1))?);
/// # Ok::<(), guideway_world::WorldError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct WorldConfig {
    origin: String,
    rig: Option<String>,
    given: BTreeMap<String, Distribution>,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            origin: "the program".to_owned(),
            rig: None,
            given: BTreeMap::new(),
        }
    }
}

impl WorldConfig {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, WorldError> {
        let text = std::fs::read_to_string(path).map_err(|source| WorldError::Io {
            path: path.to_owned(),
            action: "reading",
            source,
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Parses a file's text; `origin` names it in errors.
    pub fn parse(text: &str, origin: &str) -> Result<Self, WorldError> {
        let mut table: Table = toml::from_str(text).map_err(|err| WorldError::Syntax {
            origin: origin.to_owned(),
            problem: err.to_string().trim_end().to_owned(),
            hint: "`guideway world sample` shows a complete file",
        })?;
        let rig = match table.remove("rig") {
            None => None,
            Some(toml::Value::String(name)) => Some(name),
            Some(other) => {
                return Err(WorldError::Parameter {
                    origin: origin.to_owned(),
                    parameter: "rig".to_owned(),
                    value: other.to_string(),
                    allowed: "the name of a built-in rig, or a file".to_owned(),
                    hint: None,
                });
            }
        };
        let mut config = Self {
            origin: origin.to_owned(),
            rig,
            given: BTreeMap::new(),
        };
        let known = leaves();
        collect(&mut config, known, "", table)?;
        config.check_cycles()?;
        Ok(config)
    }

    /// The same with one parameter changed; `name` is dotted: `weather.rain_mm_per_h`.
    pub fn with(mut self, name: &str, value: impl Into<Distribution>) -> Result<Self, WorldError> {
        self.set(leaves(), name, value.into())?;
        self.check_cycles()?;
        Ok(self)
    }

    /// The rig that the file names: built-in, or a file relative to it.
    pub fn rig(&self) -> Option<&str> {
        self.rig.as_deref()
    }

    /// Where it comes from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Draws a scene. Each parameter has a seed of its own: changing one leaves the draws of the others alone.
    pub fn sample(&self, seed: Seed) -> Result<SceneParams, WorldError> {
        let seed = seed.child("params");
        let known = leaves();
        let mut drawn: BTreeMap<&str, Scalar> = BTreeMap::new();
        let mut waiting: Vec<(&str, &Distribution)> = self.given.iter().map(|(k, v)| (k.as_str(), v)).collect();
        let numeric_default = |name: &str| known.get(name).and_then(|leaf| leaf.default.as_f64());
        // Parents first; `check_cycles` saw that this ends.
        while !waiting.is_empty() {
            let before = waiting.len();
            let open: BTreeSet<&str> = waiting.iter().map(|(name, _)| *name).collect();
            let mut later = Vec::new();
            for (name, distribution) in waiting {
                if distribution.parents().iter().any(|parent| open.contains(parent)) {
                    later.push((name, distribution));
                    continue;
                }
                let Some(leaf) = known.get(name) else { continue };
                let mut rng = seed.child(name).rng();
                let value =
                    distribution.draw(
                        &mut rng,
                        leaf.range,
                        leaf.kind == LeafKind::Integer,
                        &|parent| match drawn.get(parent) {
                            Some(Scalar::Number(v)) => Some(*v),
                            Some(Scalar::Integer(v)) => Some(*v as f64),
                            Some(_) => None,
                            None => numeric_default(parent),
                        },
                    );
                drawn.insert(name, value);
            }
            if later.len() == before {
                break;
            }
            waiting = later;
        }
        let mut tree = serde_json::to_value(SceneParams::default()).map_err(|err| self.internal(&err))?;
        for (name, value) in drawn {
            let pointer = format!("/{}", name.replace('.', "/"));
            let value = serde_json::to_value(value).map_err(|err| self.internal(&err))?;
            if let Some(slot) = tree.pointer_mut(&pointer) {
                *slot = value;
            }
        }
        serde_json::from_value(tree).map_err(|err| self.internal(&err))
    }

    /// A file with every parameter fixed, that makes exactly this scene again.
    pub fn to_toml(params: &SceneParams) -> Result<String, WorldError> {
        toml::to_string_pretty(params).map_err(|err| WorldError::Syntax {
            origin: "the program".to_owned(),
            problem: err.to_string(),
            hint: WorldError::OUR_FAULT,
        })
    }

    fn internal(&self, err: &serde_json::Error) -> WorldError {
        WorldError::Syntax {
            origin: self.origin.clone(),
            problem: err.to_string(),
            hint: WorldError::OUR_FAULT,
        }
    }

    fn set(&mut self, known: &BTreeMap<String, Leaf>, name: &str, value: Distribution) -> Result<(), WorldError> {
        let Some(leaf) = known.get(name) else {
            return Err(self.unknown(known, name, "parameter"));
        };
        self.check(known, name, leaf, &value)?;
        self.given.insert(name.to_owned(), value);
        Ok(())
    }

    fn unknown(&self, known: &BTreeMap<String, Leaf>, name: &str, what: &str) -> WorldError {
        let last = name.rsplit('.').next().unwrap_or(name);
        let sections: BTreeSet<&str> = known.keys().filter_map(|key| Some(key.rsplit_once('.')?.0)).collect();
        let near = closest(name, known.keys().map(String::as_str))
            .or_else(|| {
                known
                    .keys()
                    .map(String::as_str)
                    .find(|key| key.rsplit('.').next() == Some(last))
            })
            .or_else(|| closest(name, sections));
        WorldError::Parameter {
            origin: self.origin.clone(),
            parameter: name.to_owned(),
            value: format!("not a {what}"),
            allowed: "what `guideway world schema` lists".to_owned(),
            hint: near.map(|near| format!("did you mean `{near}`?")),
        }
    }

    fn check(
        &self,
        known: &BTreeMap<String, Leaf>,
        name: &str,
        leaf: &Leaf,
        value: &Distribution,
    ) -> Result<(), WorldError> {
        let fail = |value: String, allowed: String| {
            Err(WorldError::Parameter {
                origin: self.origin.clone(),
                parameter: name.to_owned(),
                value,
                allowed,
                hint: None,
            })
        };
        let inside = |v: f64| v.is_finite() && leaf.range[0] <= v && v <= leaf.range[1];
        let numeric = matches!(leaf.kind, LeafKind::Number | LeafKind::Integer);
        if !numeric && !matches!(value, Distribution::Fixed(_) | Distribution::Choice(_)) {
            return fail("a distribution of numbers".to_owned(), leaf.allowed());
        }
        match value {
            Distribution::Fixed(scalar) => {
                let good = match (&leaf.kind, scalar) {
                    (LeafKind::Number, Scalar::Number(v)) => inside(*v),
                    (LeafKind::Number | LeafKind::Integer, Scalar::Integer(v)) => inside(*v as f64),
                    (LeafKind::Bool, Scalar::Bool(_)) | (LeafKind::Text, Scalar::Text(_)) => true,
                    (LeafKind::Enum(names), Scalar::Text(text)) => names.contains(text),
                    _ => false,
                };
                if good {
                    Ok(())
                } else {
                    fail(show(scalar), leaf.allowed())
                }
            }
            Distribution::Uniform(super::dist::Uniform { uniform: [low, high] })
            | Distribution::LogUniform(super::dist::LogUniform {
                log_uniform: [low, high],
            }) => {
                if !inside(*low) || !inside(*high) {
                    return fail(format!("between {low} and {high}"), leaf.allowed());
                }
                if low > high {
                    return fail(format!("between {low} and {high}"), "the smaller end first".to_owned());
                }
                if matches!(value, Distribution::LogUniform(_)) && *low <= 0.0 {
                    return fail(format!("log_uniform from {low}"), "ends above 0".to_owned());
                }
                if leaf.kind == LeafKind::Integer && low.ceil() > high.floor() {
                    return fail(
                        format!("between {low} and {high}"),
                        "an interval with a whole number in it".to_owned(),
                    );
                }
                Ok(())
            }
            Distribution::Normal(normal) => {
                let [mean, sd] = normal.normal;
                if !inside(mean) {
                    return fail(format!("normal about {mean}"), leaf.allowed());
                }
                if !(sd.is_finite() && sd >= 0.0) {
                    return fail(format!("normal with standard deviation {sd}"), "0 or above".to_owned());
                }
                let low = normal.min.unwrap_or(leaf.range[0]);
                let high = normal.max.unwrap_or(leaf.range[1]);
                if !(low <= mean && mean <= high)
                    || (normal.min.is_some() && !inside(low))
                    || (normal.max.is_some() && !inside(high))
                {
                    return fail(
                        format!("normal about {mean} between {low} and {high}"),
                        format!("`min` ≤ mean ≤ `max` within {}", leaf.allowed()),
                    );
                }
                Ok(())
            }
            Distribution::Choice(choice) => {
                if choice.choice.is_empty() {
                    return fail("a choice of nothing".to_owned(), "at least one value".to_owned());
                }
                let good = |w: &f64| w.is_finite() && *w >= 0.0;
                if !choice.weights.is_empty()
                    && (choice.weights.len() != choice.choice.len()
                        || !choice.weights.iter().all(good)
                        || choice.weights.iter().sum::<f64>() <= 0.0)
                {
                    return fail(
                        format!("{} values with weights {:?}", choice.choice.len(), choice.weights),
                        "one weight for each value, none below 0, not all 0".to_owned(),
                    );
                }
                choice.choice.iter().try_for_each(|d| self.check(known, name, leaf, d))
            }
            Distribution::Follows(follows) => {
                let Some(parent) = known.get(&follows.follows) else {
                    return Err(self.unknown(known, &follows.follows, "parameter to follow"));
                };
                if !matches!(parent.kind, LeafKind::Number | LeafKind::Integer) {
                    return fail(
                        format!("following `{}`", follows.follows),
                        "a parameter that is a number".to_owned(),
                    );
                }
                let rising = follows.points.windows(2).all(|w| w[0][0] < w[1][0]);
                if follows.points.is_empty()
                    || !rising
                    || !follows.points.iter().all(|p| p[0].is_finite() && inside(p[1]))
                {
                    return fail(
                        format!("points {:?}", follows.points),
                        format!(
                            "at least one point, rising in `{}`, each value {}",
                            follows.follows,
                            leaf.allowed()
                        ),
                    );
                }
                if !(follows.sd.is_finite() && follows.sd >= 0.0) {
                    return fail(format!("sd {}", follows.sd), "0 or above".to_owned());
                }
                Ok(())
            }
        }
    }

    fn check_cycles(&self) -> Result<(), WorldError> {
        for name in self.given.keys() {
            let mut seen: Vec<&str> = Vec::new();
            let mut next: Vec<&str> = vec![name];
            while let Some(here) = next.pop() {
                for parent in self.given.get(here).map(Distribution::parents).unwrap_or_default() {
                    if parent == name {
                        return Err(WorldError::Parameter {
                            origin: self.origin.clone(),
                            parameter: name.clone(),
                            value: format!("following itself by way of `{here}`"),
                            allowed: "a chain with a beginning".to_owned(),
                            hint: Some("fix one of them, or let it follow something else".to_owned()),
                        });
                    }
                    if !seen.contains(&parent) {
                        seen.push(parent);
                        next.push(parent);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Sets every leaf of a table: a table is a section where the parameters have one of its name, else a distribution.
fn collect(
    config: &mut WorldConfig,
    known: &BTreeMap<String, Leaf>,
    prefix: &str,
    table: Table,
) -> Result<(), WorldError> {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key
        } else {
            format!("{prefix}.{key}")
        };
        let is_section = known
            .keys()
            .any(|leaf| leaf.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.')));
        match value {
            toml::Value::Table(inner) if is_section => collect(config, known, &name, inner)?,
            value => {
                if !known.contains_key(&name) {
                    return Err(config.unknown(known, &name, "parameter"));
                }
                let shown = value.to_string();
                let distribution: Distribution =
                    value.try_into().map_err(|err: toml::de::Error| WorldError::Parameter {
                        origin: config.origin.clone(),
                        parameter: name.clone(),
                        value: shown,
                        allowed: err.message().to_owned(),
                        hint: None,
                    })?;
                config.set(known, &name, distribution)?;
            }
        }
    }
    Ok(())
}

fn show(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Bool(v) => v.to_string(),
        Scalar::Integer(v) => v.to_string(),
        Scalar::Number(v) => v.to_string(),
        Scalar::Text(v) => Value::String(v.clone()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use guideway_core::Hint as _;

    use super::*;

    fn error(text: &str) -> String {
        let err = WorldConfig::parse(text, "world.toml").unwrap_err();
        format!("{err}\n  {}", err.hint().unwrap_or_default())
    }

    #[test]
    fn errors_name_parameter_value_and_range() {
        let cases = [
            "[weather]\nrain_mm_per_h = -3",
            "[weather]\nrain_mm_per_h = \"much\"",
            "[weather]\nrain = 3",
            "rain_mm_per_h = 3",
            "[wether]\nrain_mm_per_h = 3",
            "[weather]\nrain_mm_per_h = { uniform = [0, 1000] }",
            "[weather]\nrain_mm_per_h = { uniform = [9, 1] }",
            "[weather]\nrain_mm_per_h = { normal = [5, -1] }",
            "[weather]\nrain_mm_per_h = { choice = [1, 2], weights = [1] }",
            "[weather]\nrain_mm_per_h = { follows = \"weather.wetness\", points = [[0, 0], [1, 10]] }\nwetness = { follows = \"weather.rain_mm_per_h\", points = [[0, 0], [10, 1]] }",
            "[weather]\nrain_mm_per_h = { follows = \"road.kind\", points = [[0, 0]] }",
            "[weather]\nrain_mm_per_h = { triangular = [0, 1] }",
            "[road]\nkind = \"urbn\"",
            "[road]\nlanes = 1.5",
            "[road]\nlanes = { uniform = [1.2, 1.8] }",
            "[ego]\nheadlights = { uniform = [0, 1] }",
            "[road\nlanes = 2",
            "rig = 3",
        ];
        let shown: Vec<String> = cases.iter().map(|text| format!("{text}\n=> {}", error(text))).collect();
        insta::assert_snapshot!(shown.join("\n\n"));
    }

    #[test]
    fn one_parameter_leaves_the_others_alone() {
        let base = "[weather]\nclouds = { uniform = [0, 1] }\nwetness = { uniform = [0, 1] }";
        let a = WorldConfig::parse(base, "a").unwrap().sample(Seed::new(5)).unwrap();
        let b = WorldConfig::parse(&format!("{base}\nrain_mm_per_h = {{ normal = [10, 4] }}"), "b")
            .unwrap()
            .sample(Seed::new(5))
            .unwrap();
        assert_eq!(a.weather.clouds, b.weather.clouds);
        assert_eq!(a.weather.wetness, b.weather.wetness);
        assert_ne!(a.weather.rain_mm_per_h, b.weather.rain_mm_per_h);
    }

    #[test]
    fn a_resolved_scene_is_a_file_that_gives_itself() {
        let text = "[time]\nhour = { uniform = [0, 24] }\n[road]\nkind = { choice = [\"urban\", \"rural\"] }\nlanes = { uniform = [1, 3] }\n[weather]\nrain_mm_per_h = { choice = [0, { log_uniform = [0.5, 30] }] }\nwetness = { follows = \"weather.rain_mm_per_h\", points = [[0, 0], [4, 1]], sd = 0.1 }";
        let config = WorldConfig::parse(text, "world.toml").unwrap();
        for seed in 0..200 {
            let scene = config.sample(Seed::new(seed)).unwrap();
            let again = WorldConfig::parse(&WorldConfig::to_toml(&scene).unwrap(), "again").unwrap();
            assert_eq!(again.sample(Seed::new(99)).unwrap(), scene);
            if scene.weather.rain_mm_per_h == 0.0 {
                assert!(scene.weather.wetness < 0.5);
            }
        }
    }
}
