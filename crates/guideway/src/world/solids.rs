//! Where the buildings of recorded worlds stand: `solids.geojson` beside the logs, for `guideway assert run --solids`.
//!
//! A GeoJSON FeatureCollection with one Polygon a line, in metres in the world frame of the logs' poses; the property `recording` is the log's name. A drive's walls are a
//! function of what its log's name is a digest of, so those of a log that is there already are taken from the file, or found again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::atomic::write_atomic;
use crate::error::Error;

/// The file's name.
const FILE: &str = "solids.geojson";

/// The features of each recording, by its name.
#[derive(Debug, Default)]
pub(super) struct SolidsFile {
    path: PathBuf,
    before: Option<String>,
    features: BTreeMap<String, Vec<Value>>,
}

impl SolidsFile {
    /// Of the logs in a folder, with what an earlier fleet left there.
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let before = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self {
                    path,
                    ..Self::default()
                });
            }
            Err(err) => return Err(Error::io("read", &path, err)),
        };
        let Some(features) = by_recording(&before) else {
            return Err(Error::usage(
                format!(
                    "the buildings of these worlds would be written over a file of something else\n  in {}",
                    path.display()
                ),
                "rename it, or record into another folder".to_owned(),
            ));
        };
        Ok(Self {
            path,
            before: Some(before),
            features,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Are the walls of this recording in it?
    pub(super) fn knows(&self, recording: &str) -> bool {
        self.features.contains_key(recording)
    }

    /// Takes the walls of a recording, m.
    pub(super) fn put(&mut self, recording: &str, walled: &[[[f64; 2]; 4]]) {
        let features = walled.iter().map(|corners| {
            // Closed, to the millimetre.
            let ring: Vec<[f64; 2]> = corners
                .iter()
                .chain(corners.first())
                .map(|p| p.map(|v| (v * 1000.0).round() / 1000.0))
                .collect();
            json!({
                "type": "Feature",
                "properties": { "recording": recording },
                "geometry": { "type": "Polygon", "coordinates": [ring] },
            })
        });
        self.features.insert(recording.to_owned(), features.collect());
    }

    /// Writes it, as a whole or not at all, if anything is new.
    pub(super) fn write(&self) -> Result<(), Error> {
        let mut text = "{\"type\":\"FeatureCollection\",\"features\":[".to_owned();
        for (at, feature) in self.features.values().flatten().enumerate() {
            text.push_str(if at == 0 { "\n" } else { ",\n" });
            text.push_str(&feature.to_string());
        }
        text.push_str("\n]}\n");
        if self.before.as_deref() == Some(&text) {
            return Ok(());
        }
        write_atomic(&self.path, text.as_bytes())
    }
}

/// `None` for what is no such file.
fn by_recording(text: &str) -> Option<BTreeMap<String, Vec<Value>>> {
    let Value::Object(mut whole) = serde_json::from_str(text).ok()? else {
        return None;
    };
    let Some(Value::Array(features)) = whole.remove("features") else {
        return None;
    };
    let mut out: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for feature in features {
        let recording = feature["properties"]["recording"].as_str()?.to_owned();
        out.entry(recording).or_default().push(feature);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_fleet_adds_to_it_and_the_same_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let square = |x: f64| [[x, 0.0], [x + 1.0, 0.0], [x + 1.0, 1.0], [x, 1.0]];
        let mut first = SolidsFile::read(dir.path()).unwrap();
        first.put("b.mcap", &[square(0.1), square(5.0)]);
        first.write().unwrap();
        let text = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        let mut again = SolidsFile::read(dir.path()).unwrap();
        assert!(again.knows("b.mcap") && !again.knows("a.mcap"));
        again.put("b.mcap", &[square(0.1), square(5.0)]);
        again.write().unwrap();
        assert_eq!(std::fs::read_to_string(again.path()).unwrap(), text);
        again.put("a.mcap", &[square(2.0)]);
        again.write().unwrap();
        let both = std::fs::read_to_string(again.path()).unwrap();
        assert_eq!(both.lines().count(), 3 + 2);
        assert!(
            both.contains("[0.1,0.0]") && both.find("a.mcap") < both.find("b.mcap"),
            "{both}"
        );

        std::fs::write(again.path(), "{\"features\":[{\"type\":\"Feature\"}]}").unwrap();
        let refused = SolidsFile::read(dir.path()).unwrap_err();
        assert!(refused.to_string().contains("file of something else"), "{refused}");
    }
}
