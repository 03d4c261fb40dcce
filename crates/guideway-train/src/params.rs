//! The weights of a network as plain numbers, and their safetensors files.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::error::TrainError;

/// Named weights in the order in which the network holds them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ParamSet {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl ParamSet {
    pub(crate) fn push(&mut self, name: String, shape: Vec<usize>, values: Vec<f32>) {
        self.entries.push(Entry { name, shape, values });
    }

    /// The values of the weight at an index; empty past the end.
    pub(crate) fn values(&self, index: usize) -> &[f32] {
        self.entries.get(index).map_or(&[], |entry| &entry.values)
    }

    /// The values of all weights, to change, with whether weight decay applies: it does to matrices and kernels, not to
    /// biases and normalisation.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = (&mut Vec<f32>, bool)> {
        self.entries
            .iter_mut()
            .map(|entry| (&mut entry.values, entry.shape.len() > 1))
    }

    #[cfg(test)]
    pub(crate) fn iter_values(&self) -> impl Iterator<Item = &Vec<f32>> {
        self.entries.iter().map(|entry| &entry.values)
    }

    /// The same names and shapes, all zero.
    pub(crate) fn zeros(&self) -> Self {
        let mut zeros = self.clone();
        for entry in &mut zeros.entries {
            entry.values.fill(0.0);
        }
        zeros
    }

    /// Multiplies the kernels `[output, input, height, width]` of the named weights by a factor for each input channel.
    pub(crate) fn scale_inputs(&mut self, named: impl Fn(&str) -> bool, factor: impl Fn(usize) -> f32) {
        for entry in self.entries.iter_mut().filter(|entry| named(&entry.name)) {
            let [_, inputs, height, width] = entry.shape[..] else {
                continue;
            };
            for (kernel, values) in entry.values.chunks_exact_mut((height * width).max(1)).enumerate() {
                let factor = factor(kernel % inputs.max(1));
                for value in values {
                    *value *= factor;
                }
            }
        }
    }

    /// How many numbers there are.
    pub(crate) fn count(&self) -> usize {
        self.entries.iter().map(|entry| entry.values.len()).sum()
    }

    /// The first tensor that another set lacks or has in another shape, in words.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        if self.entries.len() != other.entries.len() {
            return Some(format!(
                "it has {} tensors, not {}",
                other.entries.len(),
                self.entries.len()
            ));
        }
        let pairs = self.entries.iter().zip(&other.entries);
        pairs.into_iter().find_map(|(own, other)| {
            (own.name != other.name || own.shape != other.shape).then(|| {
                format!(
                    "`{}` {:?} stands where `{}` {:?} is expected",
                    other.name, other.shape, own.name, own.shape
                )
            })
        })
    }

    /// Fills in the values from a file's tensors `prefix` + name. Names, shapes and types must fit.
    pub(crate) fn read(&mut self, file: &SafeTensors<'_>, prefix: &str, path: &Path) -> Result<(), TrainError> {
        let mismatch = |reason: String| TrainError::WeightsMismatch {
            path: path.to_owned(),
            reason,
        };
        for entry in &mut self.entries {
            let name = format!("{prefix}{}", entry.name);
            let Ok(view) = file.tensor(&name) else {
                return Err(mismatch(format!("it has no tensor `{name}`")));
            };
            if view.dtype() != Dtype::F32 || view.shape() != entry.shape {
                let found = format!("{:?} {:?}", view.dtype(), view.shape());
                return Err(mismatch(format!("`{name}` is {found}, expected F32 {:?}", entry.shape)));
            }
            for (slot, bytes) in entry.values.iter_mut().zip(view.data().chunks_exact(4)) {
                *slot = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
        }
        Ok(())
    }
}

/// Several sets, each under its prefix, and one text, as the bytes of a safetensors file. The same content gives the
/// same bytes.
pub(crate) fn to_safetensors(
    sets: &[(&str, &ParamSet)],
    text: Option<String>,
    path: &Path,
) -> Result<Vec<u8>, TrainError> {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = sets
        .iter()
        .flat_map(|(prefix, set)| {
            set.entries.iter().map(move |entry| {
                let bytes = entry.values.iter().flat_map(|value| value.to_le_bytes()).collect();
                (format!("{prefix}{}", entry.name), entry.shape.clone(), bytes)
            })
        })
        .collect();
    let failed = |reason: String| TrainError::Weights {
        path: path.to_owned(),
        reason,
    };
    let mut views = Vec::with_capacity(bytes.len());
    for (name, shape, data) in &bytes {
        let view = TensorView::new(Dtype::F32, shape.clone(), data).map_err(|err| failed(err.to_string()))?;
        views.push((name.as_str(), view));
    }
    // One key only: the map's order reaches the file.
    let metadata = text.map(|text| HashMap::from([("guideway".to_owned(), text)]));
    safetensors::serialize(views, metadata).map_err(|err| failed(err.to_string()))
}

/// The text stored with [`to_safetensors`].
pub(crate) fn stored_text(bytes: &[u8], path: &Path) -> Result<Option<String>, TrainError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|err| TrainError::Weights {
        path: path.to_owned(),
        reason: err.to_string(),
    })?;
    Ok(header.metadata().as_ref().and_then(|map| map.get("guideway").cloned()))
}

/// Parses a weight file.
pub(crate) fn parse<'a>(bytes: &'a [u8], path: &Path) -> Result<SafeTensors<'a>, TrainError> {
    SafeTensors::deserialize(bytes).map_err(|err| TrainError::Weights {
        path: path.to_owned(),
        reason: err.to_string(),
    })
}

/// Replaces a file in one step: whoever looks finds the old or the new content, whole, even after a crash.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let temporary = std::path::PathBuf::from(temporary);
    let mut file = File::create(&temporary).map_err(TrainError::io("write", &temporary))?;
    file.write_all(bytes).map_err(TrainError::io("write", &temporary))?;
    file.sync_all().map_err(TrainError::io("write", &temporary))?;
    drop(file);
    std::fs::rename(&temporary, path).map_err(TrainError::io("rename", path))?;
    // The rename itself is durable once its folder is.
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let folder_file = File::open(folder).map_err(TrainError::io("open", folder))?;
        folder_file.sync_all().map_err(TrainError::io("write", folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_back_every_bit_and_refuses_what_does_not_fit() {
        let path = Path::new("weights.safetensors");
        let mut set = ParamSet::default();
        set.push(
            "a.weight".into(),
            vec![2, 2],
            vec![1.0, -0.0, f32::MIN_POSITIVE, 3.5e-40],
        );
        set.push("a.bias".into(), vec![1], vec![-7.25]);
        let bytes = to_safetensors(&[("model.", &set)], Some("{}".into()), path).unwrap();
        assert_eq!(
            bytes,
            to_safetensors(&[("model.", &set)], Some("{}".into()), path).unwrap()
        );
        assert_eq!(stored_text(&bytes, path).unwrap().as_deref(), Some("{}"));
        let mut back = set.zeros();
        back.read(&parse(&bytes, path).unwrap(), "model.", path).unwrap();
        let bits = |set: &ParamSet| -> Vec<u32> { set.iter_values().flatten().map(|v| v.to_bits()).collect() };
        assert_eq!(bits(&set), bits(&back));
        assert!(matches!(
            back.read(&parse(&bytes, path).unwrap(), "ema.", path),
            Err(TrainError::WeightsMismatch { .. })
        ));
        for cut in [0, 7, 20, bytes.len() - 1] {
            assert!(
                matches!(parse(&bytes[..cut], path), Err(TrainError::Weights { .. })),
                "{cut}"
            );
        }
    }
}
