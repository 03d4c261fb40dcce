//! Frames as the training crate wants them: from a frozen dataset, or straight from the logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use guideway_ingest::media::MediaReader;
use guideway_schema::FrameRow;
use guideway_store::{Columns, Dataset};
use guideway_train::{Sample, SampleSource, SourceError, TrainBox};

use crate::workspace::Workspace;

/// Rows of a frozen dataset.
pub(crate) struct DatasetSource {
    dataset: Dataset,
    rows: Vec<u64>,
    /// Index of each class; labels of other classes are left out.
    classes: BTreeMap<String, u32>,
}

impl DatasetSource {
    pub(crate) fn new(dataset: Dataset, rows: Vec<u64>, classes: &[String]) -> Self {
        let classes = classes.iter().cloned().zip(0..).collect();
        Self { dataset, rows, classes }
    }
}

impl SampleSource for DatasetSource {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Sample>, SourceError> {
        let rows = indices
            .iter()
            .map(|index| {
                self.rows
                    .get(*index)
                    .copied()
                    .ok_or_else(|| format!("there is no sample {index}"))
            })
            .collect::<Result<Vec<u64>, String>>()?;
        let samples = self.dataset.take_blocking(&rows, Columns::All)?;
        Ok(samples
            .into_iter()
            .map(|sample| Sample {
                boxes: sample
                    .labels
                    .iter()
                    .filter_map(|label| {
                        Some(TrainBox {
                            bbox: label.bbox()?,
                            // What is to be ignored is of no class; it only must not be learnt as background.
                            class: match self.classes.get(&label.class) {
                                Some(class) => *class,
                                None if label.is_ignored => 0,
                                None => return None,
                            },
                            is_crowd: label.is_crowd,
                            is_ignored: label.is_ignored,
                        })
                    })
                    .collect(),
                id: sample.frame_id,
                group: sample.group_id,
                media: sample.media,
                width: pixels(sample.width),
                height: pixels(sample.height),
            })
            .collect())
    }
}

/// The frames of a run in the order in which they are read, with the recording of each. About a hundred bytes a frame, so that
/// a query may select millions.
#[derive(Debug, Default)]
pub(crate) struct FrameList {
    ids: Vec<Box<str>>,
    /// Index into `recordings`.
    recording_of: Vec<u32>,
    recordings: Vec<String>,
    /// Places in `ids`, by id.
    by_id: Vec<u32>,
}

impl FrameList {
    /// A list of frames with their recordings.
    pub(crate) fn collect<E>(frames: impl IntoIterator<Item = Result<(Box<str>, String), E>>) -> Result<Self, E> {
        let mut list = Self::default();
        let mut known: BTreeMap<String, u32> = BTreeMap::new();
        for frame in frames {
            let (id, recording) = frame?;
            let next = known.len() as u32;
            list.recording_of.push(*known.entry(recording).or_insert(next));
            list.ids.push(id);
        }
        list.recordings = vec![String::new(); known.len()];
        for (name, place) in known {
            list.recordings[place as usize] = name;
        }
        list.by_id = (0..list.ids.len() as u32).collect();
        list.by_id
            .sort_by(|a, b| list.ids[*a as usize].cmp(&list.ids[*b as usize]));
        Ok(list)
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The ids, sorted.
    pub(crate) fn sorted(&self) -> impl Iterator<Item = &str> {
        self.by_id.iter().map(|place| &*self.ids[*place as usize])
    }

    /// The recording of a frame; none for a frame that is not in the list.
    pub(crate) fn recording(&self, frame_id: &str) -> Option<&str> {
        let place = self
            .by_id
            .binary_search_by(|place| (*self.ids[*place as usize]).cmp(frame_id))
            .ok()?;
        let recording = self.recording_of[self.by_id[place] as usize];
        Some(&self.recordings[recording as usize])
    }

    /// Every recording, sorted.
    pub(crate) fn recordings(&self) -> BTreeSet<&str> {
        self.recordings.iter().map(String::as_str).collect()
    }
}

/// Frames whose rows are in memory at a time.
const BLOCK: usize = 4096;

/// Frames in the logs, without labels. Their rows are looked up a block at a time, in the order of the list.
pub(crate) struct FrameSource<'w> {
    workspace: &'w Workspace,
    frames: Arc<FrameList>,
    state: Mutex<FrameBlock>,
}

#[derive(Default)]
struct FrameBlock {
    rows: BTreeMap<String, FrameRow>,
    media: MediaReader,
}

impl<'w> FrameSource<'w> {
    pub(crate) fn new(workspace: &'w Workspace, frames: Arc<FrameList>) -> Self {
        Self {
            workspace,
            frames,
            state: Mutex::default(),
        }
    }
}

impl SampleSource for FrameSource<'_> {
    fn len(&self) -> usize {
        self.frames.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Sample>, SourceError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let FrameBlock { rows, media } = &mut *state;
        let mut samples = Vec::with_capacity(indices.len());
        for index in indices {
            let ids = &self.frames.ids;
            let id = ids.get(*index).ok_or_else(|| format!("there is no frame {index}"))?;
            if !rows.contains_key(&**id) {
                let block = &ids[*index..(index + BLOCK).min(ids.len())];
                *rows = self.workspace.frames_by_id(block.iter().map(|id| &**id))?;
            }
            let frame = rows
                .get(&**id)
                .ok_or_else(|| format!("frame {id} vanished from the table frames"))?;
            let found = media.fetch(frame)?;
            samples.push(Sample {
                id: frame.frame_id.clone(),
                group: frame.group_id.clone(),
                width: found.width.unwrap_or_else(|| pixels(frame.width)),
                height: found.height.unwrap_or_else(|| pixels(frame.height)),
                media: found.bytes,
                boxes: Vec::new(),
            });
        }
        Ok(samples)
    }
}

fn pixels(size: Option<i64>) -> u32 {
    size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_their_order_and_find_their_recording() {
        let frames = [("c", "two"), ("a", "one"), ("b", "two")];
        let list =
            FrameList::collect(frames.map(|(id, recording)| Ok::<_, ()>((id.into(), recording.to_owned())))).unwrap();
        assert_eq!(list.ids.iter().map(|id| &**id).collect::<Vec<_>>(), ["c", "a", "b"]);
        assert_eq!(list.sorted().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!((list.recording("b"), list.recording("a")), (Some("two"), Some("one")));
        assert_eq!(list.recording("d"), None);
        assert_eq!(list.recordings().into_iter().collect::<Vec<_>>(), ["one", "two"]);
    }
}
