//! Frames as the training crate wants them: from a frozen dataset, or straight from the logs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use guideway_ingest::media::MediaReader;
use guideway_schema::FrameRow;
use guideway_store::{Columns, Dataset};
use guideway_train::{Sample, SampleSource, SourceError, TrainBox};

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

/// Frames in the logs, without labels.
pub(crate) struct FrameSource {
    frames: Vec<FrameRow>,
    media: Mutex<MediaReader>,
}

impl FrameSource {
    pub(crate) fn new(frames: Vec<FrameRow>) -> Self {
        Self {
            frames,
            media: Mutex::default(),
        }
    }
}

impl SampleSource for FrameSource {
    fn len(&self) -> usize {
        self.frames.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Sample>, SourceError> {
        let mut media = self.media.lock().unwrap_or_else(PoisonError::into_inner);
        indices
            .iter()
            .map(|index| {
                let frame = self
                    .frames
                    .get(*index)
                    .ok_or_else(|| format!("there is no frame {index}"))?;
                let found = media.fetch(frame)?;
                Ok(Sample {
                    id: frame.frame_id.clone(),
                    group: frame.group_id.clone(),
                    width: found.width.unwrap_or_else(|| pixels(frame.width)),
                    height: found.height.unwrap_or_else(|| pixels(frame.height)),
                    media: found.bytes,
                    boxes: Vec::new(),
                })
            })
            .collect()
    }
}

fn pixels(size: Option<i64>) -> u32 {
    size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0)
}
