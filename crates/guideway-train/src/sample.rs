//! What is trained on: images with boxes, from wherever the caller keeps them.

use guideway_core::BBox;

use crate::error::SourceError;

/// One labelled object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainBox {
    /// In pixels of the sample's `width × height`.
    pub bbox: BBox,
    /// Index into the classes of the dataset.
    pub class: u32,
    /// The box covers a crowd: nothing in it is learnt as background, nor as an object.
    pub is_crowd: bool,
    /// Treated like a crowd: too small, too occluded, or not to be learnt.
    pub is_ignored: bool,
}

impl TrainBox {
    /// An ordinary object.
    pub fn new(bbox: BBox, class: u32) -> Self {
        Self {
            bbox,
            class,
            is_crowd: false,
            is_ignored: false,
        }
    }
}

/// One image with its boxes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// Names the sample in warnings and predictions.
    pub id: String,
    /// What must not be split between training and validation: the recording.
    pub group: String,
    /// The encoded image, JPEG or PNG.
    pub media: Vec<u8>,
    /// Width in pixels that the boxes refer to; 0 for the decoded image's.
    pub width: u32,
    /// Height in pixels that the boxes refer to; 0 for the decoded image's.
    pub height: u32,
    /// The labelled objects; empty for prediction.
    pub boxes: Vec<TrainBox>,
}

/// A fixed list of samples, read in any order from any thread.
pub trait SampleSource: Send + Sync {
    /// How many samples there are.
    fn len(&self) -> usize;

    /// The samples at these indices (each below [`Self::len`]), in the order asked for.
    ///
    /// # Errors
    /// Whatever the source's storage reports. The training stops with it.
    fn fetch(&self, indices: &[usize]) -> Result<Vec<Sample>, SourceError>;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Samples in memory.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    samples: Vec<Sample>,
}

impl MemorySource {
    /// From a list.
    pub fn new(samples: Vec<Sample>) -> Self {
        Self { samples }
    }

    /// The list.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }
}

impl SampleSource for MemorySource {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Sample>, SourceError> {
        indices
            .iter()
            .map(|index| {
                self.samples
                    .get(*index)
                    .cloned()
                    .ok_or_else(|| format!("sample {index} of {}", self.samples.len()).into())
            })
            .collect()
    }
}
