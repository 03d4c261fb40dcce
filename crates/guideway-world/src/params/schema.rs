//! The schema of the parameters: generated from their types, each number widened to a distribution.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::SceneParams;
use super::dist::Distribution;

/// What a parameter takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LeafKind {
    Number,
    Integer,
    Bool,
    Text,
    Enum(Vec<String>),
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) kind: LeafKind,
    pub(crate) range: [f64; 2],
    pub(crate) default: Value,
}

impl Leaf {
    /// What is allowed, for errors.
    pub(crate) fn allowed(&self) -> String {
        let [low, high] = self.range;
        match &self.kind {
            LeafKind::Number => format!("a number from {low} to {high}, or a distribution over such"),
            LeafKind::Integer => format!("a whole number from {low} to {high}, or a distribution over such"),
            LeafKind::Bool => "true or false, or a choice of both".to_owned(),
            LeafKind::Text => "a text".to_owned(),
            LeafKind::Enum(names) => format!("one of {}", names.join(", ")),
        }
    }
}

/// The JSON schema of a file of parameters: every parameter with its meaning, unit, range and default, as a value or a distribution.
pub fn world_schema() -> Value {
    let mut schema = plain_schema();
    let defaults = serde_json::to_value(SceneParams::default()).unwrap_or_default();
    widen(&mut schema, &defaults);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("A guideway world"));
        if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert(
                "rig".to_owned(),
                json!({
                    "description": "The sensors: a built-in rig, or a rig file relative to this one.",
                    "type": "string",
                    "default": "default",
                }),
            );
        }
        let mut distribution = settings()
            .into_generator()
            .into_root_schema_for::<Distribution>()
            .to_value();
        if let Some(inner) = distribution.as_object_mut() {
            inner.remove("$schema");
            let nested = inner.remove("$defs");
            let mut defs = nested.and_then(|d| d.as_object().cloned()).unwrap_or_default();
            defs.insert("Distribution".to_owned(), distribution);
            root.insert("$defs".to_owned(), Value::Object(defs));
        }
    }
    schema
}

/// Every parameter by its dotted name.
pub(crate) fn leaves() -> &'static BTreeMap<String, Leaf> {
    static LEAVES: LazyLock<BTreeMap<String, Leaf>> = LazyLock::new(|| {
        let defaults = serde_json::to_value(SceneParams::default()).unwrap_or_default();
        let mut found = BTreeMap::new();
        visit(&plain_schema(), &defaults, "", &mut found);
        found
    });
    &LEAVES
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12()
}

fn plain_schema() -> Value {
    settings()
        .with(|s| s.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<SceneParams>()
        .to_value()
}

fn leaf(schema: &Map<String, Value>, default: &Value) -> Option<Leaf> {
    let number = |key: &str, missing: f64| schema.get(key).and_then(Value::as_f64).unwrap_or(missing);
    let range = [number("minimum", f64::NEG_INFINITY), number("maximum", f64::INFINITY)];
    let names: Vec<String> = match (schema.get("enum"), schema.get("oneOf")) {
        (Some(Value::Array(values)), _) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        (None, Some(Value::Array(cases))) => cases
            .iter()
            .filter_map(|case| case.get("const").and_then(Value::as_str))
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let kind = if !names.is_empty() {
        LeafKind::Enum(names)
    } else if types.contains(&"integer") {
        LeafKind::Integer
    } else if types.contains(&"number") {
        LeafKind::Number
    } else if types.contains(&"boolean") {
        LeafKind::Bool
    } else if types.contains(&"string") {
        LeafKind::Text
    } else {
        return None;
    };
    Some(Leaf {
        kind,
        range,
        default: default.clone(),
    })
}

fn visit(schema: &Value, defaults: &Value, prefix: &str, found: &mut BTreeMap<String, Leaf>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    for (key, inner) in properties {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        let default = defaults.get(key).unwrap_or(&Value::Null);
        if inner.get("properties").is_some() {
            visit(inner, default, &name, found);
        } else if let Some(leaf) = inner.as_object().and_then(|s| leaf(s, default)) {
            found.insert(name, leaf);
        }
    }
}

/// Lets each number, name and switch also be a distribution.
fn widen(schema: &mut Value, defaults: &Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (key, inner) in properties.iter_mut() {
        let default = defaults.get(key).cloned().unwrap_or_default();
        if inner.get("properties").is_some() {
            widen(inner, &default);
            if let Some(section) = inner.as_object_mut() {
                section.remove("default");
            }
            continue;
        }
        let Some(plain) = inner.as_object_mut() else { continue };
        let description = plain.remove("description").unwrap_or_default();
        plain.remove("default");
        let value = Value::Object(plain.clone());
        *inner = json!({
            "description": description,
            "default": default,
            "anyOf": [value, { "$ref": "#/$defs/Distribution" }],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meanings(schema: &Value, path: &str) {
        for (key, inner) in schema["properties"].as_object().unwrap() {
            let text = inner["description"].as_str().unwrap_or_default();
            assert!(text.len() > 4, "{path}{key} has no meaning");
            if inner.get("properties").is_some() {
                meanings(inner, &format!("{path}{key}."));
            }
        }
    }

    #[test]
    fn every_number_has_a_range_and_every_parameter_a_meaning() {
        for (name, leaf) in leaves() {
            if matches!(leaf.kind, LeafKind::Number | LeafKind::Integer) {
                assert!(leaf.range.iter().all(|end| end.is_finite()), "{name} has no range");
                let default = leaf.default.as_f64().unwrap();
                assert!(
                    leaf.range[0] <= default && default <= leaf.range[1],
                    "{name} = {default}"
                );
            }
        }
        meanings(&world_schema(), "");
        insta::assert_snapshot!(leaves().keys().cloned().collect::<Vec<_>>().join("\n"));
    }
}
