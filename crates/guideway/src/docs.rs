//! The JSON schemas of the files that people write.

use guideway_world::{params::world_schema, sensors::Rig};

use crate::config::ConfigFile;

/// The names of the schemas: `config` for `guideway.toml`, `detector`, `experiment`, `labelers`, `loop`, `world` and `rig` for the files of those names.
pub fn schemas() -> Vec<&'static str> {
    vec!["config", "detector", "experiment", "labelers", "loop", "world", "rig"]
}

/// The JSON schema of this name.
pub fn schema(name: &str) -> Option<String> {
    let value = match name {
        "config" => schemars::schema_for!(ConfigFile).to_value(),
        "detector" => guideway_train::DetectorConfig::json_schema(),
        "labelers" => guideway_label::LabelersFile::json_schema(),
        "experiment" => crate::experiment::ExperimentFile::json_schema(),
        "loop" => crate::rounds::LoopFile::json_schema(),
        "world" => world_schema(),
        "rig" => Rig::json_schema(),
        _ => return None,
    };
    serde_json::to_string_pretty(&value).ok()
}
