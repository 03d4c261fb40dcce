//! The JSON schemas of the files that people write.

use crate::config::ConfigFile;

/// The names of the schemas: `config` for `guideway.toml`, `detector` for a detector's TOML file.
pub fn schemas() -> Vec<&'static str> {
    vec!["config", "detector"]
}

/// The JSON schema of this name.
pub fn schema(name: &str) -> Option<String> {
    let value = match name {
        "config" => schemars::schema_for!(ConfigFile).to_value(),
        "detector" => guideway_train::DetectorConfig::json_schema(),
        _ => return None,
    };
    serde_json::to_string_pretty(&value).ok()
}
