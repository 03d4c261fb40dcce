//! What changed between two frozen datasets.

use std::collections::BTreeMap;

use futures::StreamExt as _;

use crate::error::Result;
use crate::frozen::{Columns, Dataset};
use crate::sample::{Canonical as _, Sample, SampleLabel};

/// The difference of two datasets, from `a` to `b`. Counts are complete, lists end at the limit asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct DatasetDiff {
    /// Frames only in `b`.
    pub frames_added: Changes<String>,
    /// Frames only in `a`.
    pub frames_removed: Changes<String>,
    /// Frames in both whose split differs.
    pub frames_moved: Changes<MovedFrame>,
    /// Frames in both whose media or description differs.
    pub frames_changed: Changes<String>,
    /// Labels only in `b`, those of added frames included.
    pub labels_added: Changes<ChangedLabel>,
    /// Labels only in `a`, those of removed frames included.
    pub labels_removed: Changes<ChangedLabel>,
    /// Labels in both that differ.
    pub labels_changed: Changes<ChangedLabel>,
    /// Classes only in `b`.
    pub classes_added: Vec<String>,
    /// Classes only in `a`.
    pub classes_removed: Vec<String>,
}

/// How many, and which: sorted, the first of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Changes<T> {
    /// How many in all.
    pub count: u64,
    /// The first of them.
    pub first: Vec<T>,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self {
            count: 0,
            first: Vec::new(),
        }
    }
}

impl<T: Ord> Changes<T> {
    fn of(mut all: Vec<T>, limit: usize) -> Self {
        all.sort_unstable();
        let count = all.len() as u64;
        all.truncate(limit);
        Self { count, first: all }
    }
}

/// A frame that moved to another split.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct MovedFrame {
    /// The frame.
    pub frame_id: String,
    /// Its split in `a`.
    pub from: String,
    /// Its split in `b`.
    pub to: String,
}

/// A label that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct ChangedLabel {
    /// Its frame.
    pub frame_id: String,
    /// The label.
    pub label_id: String,
    /// Its class in `a`; none if it is new.
    pub class_before: Option<String>,
    /// Its class in `b`; none if it is gone.
    pub class_after: Option<String>,
}

impl DatasetDiff {
    /// Nothing differs?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is remembered of a frame of `a`: digests instead of contents.
struct Remembered {
    split: String,
    frame: [u8; 32],
    labels: Vec<(String, String, [u8; 32])>,
}

fn label_digest(label: &SampleLabel) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    label.feed(&mut hasher);
    *hasher.finalize().as_bytes()
}

/// The digest of what is not split and not label.
fn frame_digest(sample: &Sample) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let bare = Sample {
        split: String::new(),
        labels: Vec::new(),
        media: Vec::new(),
        ..sample.clone()
    };
    bare.feed(&mut hasher);
    *hasher.finalize().as_bytes()
}

impl Dataset {
    /// Which frames and labels were added, removed, moved or changed from this dataset to `other`. Lists hold up to
    /// `limit` entries. Media are not read; memory holds digests of this dataset's frames and labels.
    pub async fn diff(&self, other: &Self, limit: usize) -> Result<DatasetDiff> {
        let mut before: BTreeMap<String, Remembered> = BTreeMap::new();
        let mut samples = self.scan(None, Columns::WithoutMedia).await?;
        while let Some(sample) = samples.next().await {
            let sample = sample?;
            let remembered = Remembered {
                frame: frame_digest(&sample),
                labels: sample
                    .labels
                    .iter()
                    .map(|label| (label.label_id.clone(), label.class.clone(), label_digest(label)))
                    .collect(),
                split: sample.split,
            };
            before.insert(sample.frame_id, remembered);
        }
        let mut frames_added = Vec::new();
        let mut frames_moved = Vec::new();
        let mut frames_changed = Vec::new();
        let mut labels_added = Vec::new();
        let mut labels_removed = Vec::new();
        let mut labels_changed = Vec::new();
        let mut samples = other.scan(None, Columns::WithoutMedia).await?;
        while let Some(sample) = samples.next().await {
            let sample = sample?;
            let changed = |label_id: &str, class_before: Option<&String>, class_after: Option<&String>| ChangedLabel {
                frame_id: sample.frame_id.clone(),
                label_id: label_id.to_owned(),
                class_before: class_before.cloned(),
                class_after: class_after.cloned(),
            };
            let Some(old) = before.remove(&sample.frame_id) else {
                labels_added.extend(
                    sample
                        .labels
                        .iter()
                        .map(|label| changed(&label.label_id, None, Some(&label.class))),
                );
                frames_added.push(sample.frame_id.clone());
                continue;
            };
            if old.split != sample.split {
                frames_moved.push(MovedFrame {
                    frame_id: sample.frame_id.clone(),
                    from: old.split.clone(),
                    to: sample.split.clone(),
                });
            }
            if old.frame != frame_digest(&sample) {
                frames_changed.push(sample.frame_id.clone());
            }
            let mut old_labels: BTreeMap<&str, (&String, [u8; 32])> = old
                .labels
                .iter()
                .map(|(id, class, digest)| (id.as_str(), (class, *digest)))
                .collect();
            for label in &sample.labels {
                match old_labels.remove(label.label_id.as_str()) {
                    None => labels_added.push(changed(&label.label_id, None, Some(&label.class))),
                    Some((class, digest)) if digest != label_digest(label) => {
                        labels_changed.push(changed(&label.label_id, Some(class), Some(&label.class)));
                    }
                    Some(_) => {}
                }
            }
            labels_removed.extend(old_labels.iter().map(|(id, (class, _))| changed(id, Some(class), None)));
        }
        for (frame_id, old) in &before {
            labels_removed.extend(old.labels.iter().map(|(id, class, _)| ChangedLabel {
                frame_id: frame_id.clone(),
                label_id: id.clone(),
                class_before: Some(class.clone()),
                class_after: None,
            }));
        }
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            let mut only: Vec<String> = these.iter().filter(|class| !those.contains(class)).cloned().collect();
            only.sort();
            only
        };
        Ok(DatasetDiff {
            frames_added: Changes::of(frames_added, limit),
            frames_removed: Changes::of(before.into_keys().collect(), limit),
            frames_moved: Changes::of(frames_moved, limit),
            frames_changed: Changes::of(frames_changed, limit),
            labels_added: Changes::of(labels_added, limit),
            labels_removed: Changes::of(labels_removed, limit),
            labels_changed: Changes::of(labels_changed, limit),
            classes_added: only(other.classes(), self.classes()),
            classes_removed: only(self.classes(), other.classes()),
        })
    }
}
