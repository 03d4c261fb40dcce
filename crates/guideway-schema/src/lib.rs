//! Arrow schemas and typed rows of every guideway table, format versions, and the [`Source`] and [`Sink`] traits.
//!
//! A table is a struct of rows: [`FrameRow`], [`LabelRow`], …. The struct's doc comments become the column comments of the
//! Arrow schema, so the same text is read in rustdoc, in `guideway tables` and from Python. Rows turn into
//! [`RecordBatch`](arrow_array::RecordBatch)es and back through [`Row`]:
//!
//! ```
//! use guideway_schema::{ChannelRow, Row, Table};
//!
//! let row = ChannelRow { channel_id: "c1".to_owned(), topic: "/camera".to_owned(), ..ChannelRow::default() };
//! let batch = ChannelRow::to_batch(&[row.clone()])?;
//! assert_eq!(batch.schema(), Table::Channels.schema());
//! assert_eq!(ChannelRow::from_batch(&batch)?, vec![row]);
//! # Ok::<(), guideway_schema::SchemaError>(())
//! ```
//!
//! | table | one row per |
//! |---|---|
//! | `recordings` | log, drive or collection of images |
//! | `channels` | topic of a recording, known or unknown |
//! | `chunks` | chunk of a log: where to find the messages of a time range |
//! | `sensors` | sensor of a recording, with its calibration |
//! | `frames` | camera image or lidar sweep |
//! | `signals` | sample of ego pose, speed, IMU, GNSS, … |
//! | `labels` | labelled object in a frame |
//! | `predictions` | predicted object in an image |
//! | `predicted_cuboids` | predicted object in space |
//! | `tracks` | tracked object in a frame |
//! | `selections` | chosen frame |
//! | `answers` | frame that a labeler was asked about, with time and price |
//! | `events` | miss, false positive, confusion or poor localisation |
//! | `mistakes` | mistake over time |
//! | `metrics` | value of a metric on a slice |

mod column;
mod rows;
mod source;
mod version;

/// Before the run in the `source_uri` of a label that was ordered: it is no part of a log, and stays when the log is read again.
pub const LABEL_RUN: &str = "run:";
/// The labeler of labels that are true by construction.
pub const GROUND_TRUTH_LABELER: &str = "ground truth";

pub use column::{Column, Row, SchemaError};
pub use rows::{
    AnswerRow, ChannelRow, ChunkRow, EventRow, FrameRow, LabelRow, MetricRow, MistakeRow, PredictedCuboidRow,
    PredictionRow, RecordingRow, Rows, SelectionRow, SensorRow, SignalRow, Table, TrackRow,
};
pub use source::{Collected, IngestSummary, Sink, SinkError, Source, SourceError};
pub use version::{FORMAT_VERSION, FormatVersion, VersionError};
