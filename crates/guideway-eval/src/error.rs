//! What can go wrong in an evaluation.

use guideway_core::Hint;
use guideway_core::hint::for_io;

/// Which of the two sides of an evaluation something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Labels.
    GroundTruth,
    /// Predictions.
    Detections,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::GroundTruth => "ground truth",
            Self::Detections => "detections",
        })
    }
}

/// An evaluation that cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A column is shorter or longer than the others.
    #[error("{side}: column `{column}` has {got} rows where there must be {expected}")]
    ColumnLength {
        /// Side.
        side: Side,
        /// Column.
        column: &'static str,
        /// Rows that it must have.
        expected: usize,
        /// Rows of the column.
        got: usize,
    },
    /// More rows than an index of 32 bits can name.
    #[error("{side}: {rows} rows are more than the {limit} that one evaluation takes")]
    TooManyRows {
        /// Side.
        side: Side,
        /// Rows.
        rows: usize,
        /// The most.
        limit: usize,
    },
    /// An image or class index beyond the declared number.
    #[error("{side}: row {row} has `{column}` {value}, and there are only {limit}")]
    IndexOutOfRange {
        /// Side.
        side: Side,
        /// Row.
        row: usize,
        /// Column.
        column: &'static str,
        /// Index.
        value: u32,
        /// How many there are.
        limit: u32,
    },
    /// A number that is NaN or infinite.
    #[error("{side}: row {row} has `{column}` {value}, which is not a finite number")]
    NotFinite {
        /// Side.
        side: Side,
        /// Row.
        row: usize,
        /// Column.
        column: &'static str,
        /// The number.
        value: f64,
    },
    /// Masks are to be compared, and one side has none.
    #[error("{side}: there are no masks, and the IoU type is `segm`")]
    MissingMasks {
        /// Side.
        side: Side,
    },
    /// The two sides speak of different images or classes.
    #[error("the {what} differ: {a} against {b}")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// On the first side.
        a: u64,
        /// On the second side.
        b: u64,
    },
    /// A parameter that makes no sense.
    #[error("parameter `{parameter}`: {problem}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A detection of a frame to be tracked that cannot be.
    #[error("detection {row} of the frame: {problem}")]
    Detection {
        /// Its row in the frame, from 0.
        row: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// Stamps of frames to be tracked that do not ascend.
    #[error("the frame is stamped {time} s, after one of {previous} s")]
    Clock {
        /// Stamp of the frame before.
        previous: guideway_core::TimeNs,
        /// Stamp of the frame.
        time: guideway_core::TimeNs,
    },
    /// A file that is not the JSON it should be.
    #[error("{what}, at byte {offset} of {file}")]
    Format {
        /// What is wrong.
        what: String,
        /// Bytes from the beginning.
        offset: usize,
        /// File.
        file: String,
    },
    /// A record that cannot be read.
    #[error("{array}[{index}] cannot be read, at byte {offset} of {file}")]
    Record {
        /// `images`, `annotations`, `categories`, `results`, or another key of the file.
        array: String,
        /// Its place in the array, from 0.
        index: usize,
        /// Bytes from the beginning.
        offset: usize,
        /// File.
        file: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A record without something that the evaluation needs.
    #[error("{array}[{index}] {problem}, in {file}")]
    Incomplete {
        /// `images`, `annotations`, `categories` or `results`.
        array: &'static str,
        /// Its place in the array, from 0.
        index: usize,
        /// What is missing or wrong.
        problem: String,
        /// File.
        file: String,
    },
    /// A mask that cannot be read.
    #[error("{array}[{index}] has a broken mask, in {file}")]
    Mask {
        /// `annotations` or `results`.
        array: &'static str,
        /// Its place in the array, from 0.
        index: usize,
        /// File.
        file: String,
        /// Why.
        #[source]
        source: guideway_core::mask::MaskError,
    },
    /// Results for images that the ground truth does not have.
    #[error(
        "the ground truth lacks the images of {count} of the results, the first is results[{index}] with image_id {image_id}, in {file}"
    )]
    UnknownImages {
        /// How many results.
        count: usize,
        /// Place of the first, from 0.
        index: usize,
        /// Its image.
        image_id: String,
        /// File.
        file: String,
    },
    /// A line of a KITTI label or result file that cannot be read.
    #[error("{problem}, in line {line} of {file}")]
    KittiLine {
        /// What is wrong, with the column where it is one.
        problem: String,
        /// Line, from 1.
        line: usize,
        /// File.
        file: String,
    },
    /// KITTI results of a frame that has no labels.
    #[error("there are no labels in {labels} for {results}")]
    KittiLabelsMissing {
        /// The result file.
        results: String,
        /// The folder of labels.
        labels: String,
    },
    /// A folder without KITTI result files.
    #[error("there are no .txt files in {folder}")]
    KittiNoFiles {
        /// Folder.
        folder: String,
    },
    /// An object in space that is none.
    #[error("{side}: row {row} {problem}")]
    Object3d {
        /// Side.
        side: Side,
        /// Row.
        row: usize,
        /// What is wrong.
        problem: String,
    },
    /// A slice that does not fit what was matched.
    #[error("slice `{slice}`: its mask of {what} has {got} entries, and there are {expected}")]
    Slice {
        /// Name of the slice.
        slice: String,
        /// `labels`, `detections`, `frames` or `times`.
        what: &'static str,
        /// How many there are.
        expected: usize,
        /// Entries of the mask.
        got: usize,
    },
    /// A table, submission or map that is not what it should be.
    #[error("{what}, at byte {offset} of {file}")]
    BadFile {
        /// What is wrong.
        what: String,
        /// Bytes from the beginning.
        offset: u64,
        /// File.
        file: String,
        /// What such a file looks like.
        format: &'static str,
    },
    /// A record of a table, submission or map that cannot be read.
    #[error("{record} cannot be read, at byte {offset} of {file}")]
    BadRecord {
        /// Array and place in it, from 0: `sample[3]`.
        record: String,
        /// Bytes from the beginning of the file to that of the record.
        offset: u64,
        /// File.
        file: String,
        /// What such a file looks like.
        format: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Files that lack something, or contradict one another or the parameters.
    #[error("{what}, in {file}")]
    Inconsistent {
        /// What is missing or does not fit, and where.
        what: String,
        /// File.
        file: String,
        /// What to do.
        hint: &'static str,
    },
    /// A file of Arrow columns (Feather) that cannot be read.
    #[error("{} is not a Feather file that can be read", path.display())]
    Feather {
        /// Path.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: arrow_schema::ArrowError,
    },
    /// A matrix whose numbers are not rows × columns.
    #[error("{got} numbers do not fill {rows} rows of {columns}")]
    Shape {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
        /// Numbers.
        got: usize,
    },
    /// A cost that has no order.
    #[error("the cost of row {row} and column {column} is {value}")]
    Cost {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The cost.
        value: f64,
    },
    /// An assignment that the forbidden pairs make impossible.
    #[error("no assignment is possible: nothing is left for {side} {index}")]
    Infeasible {
        /// `row` or `column`, whichever there are fewer of.
        side: &'static str,
        /// Which, from 0.
        index: usize,
    },
    /// A track that is in a frame twice.
    #[error("{side}: track {id} is twice in {place}")]
    DuplicateTrack {
        /// Side.
        side: Side,
        /// Id of the track.
        id: String,
        /// Frame, and sequence where known.
        place: String,
    },
    /// A frame whose parts do not fit, or with a number that is out of range.
    #[error("{problem}, in {place}")]
    Frame {
        /// What is wrong.
        problem: String,
        /// Frame, and sequence where known.
        place: String,
        /// What to do next.
        next: &'static str,
    },
    /// A line of a text file that cannot be read.
    #[error("{file}, line {line}, column {column}: {problem}")]
    Line {
        /// File.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column of values, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
        /// What to do next.
        next: &'static str,
    },
    /// A sequence or video that one side has and the other has not.
    #[error("{side}: there is nothing for {name}: {problem}")]
    MissingSequence {
        /// The side that lacks it.
        side: Side,
        /// Sequence.
        name: String,
        /// What was looked for.
        problem: String,
        /// What to do next.
        next: &'static str,
    },
    /// A file that cannot be read from disk.
    #[error("cannot read {}", path.display())]
    Io {
        /// Path.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Hint for EvalError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::ColumnLength { .. } | Self::IndexOutOfRange { .. } => {
                "fill every column once per row, those of images and frames once for each, and count images, frames and classes from 0"
            }
            Self::TooManyRows { .. } => "split the evaluation by recordings",
            Self::NotFinite { .. } => {
                "drop or repair the row; a model that predicts NaN has usually diverged in training"
            }
            Self::MissingMasks { .. } => "evaluate boxes (`bbox`), or give masks on both sides",
            Self::Mismatch { .. } => "compare runs on the same ground truth, with the same parameters",
            Self::Parameter { .. } => "give a value in the range that the message names",
            Self::Detection { .. } => {
                "repair the row or drop it, or track with `bad_input` = `skip`, which counts and leaves out what cannot be"
            }
            Self::Clock { .. } => {
                "sort the frames by stamp, or track with `bad_input` = `skip`, which ends all tracks where the clock goes back"
            }
            Self::Format { .. } => {
                "ground truth is one JSON object with `images`, `annotations` and `categories`; results are one JSON array"
            }
            Self::Record { source, .. } if source.is_syntax() => {
                "the file is not valid JSON; `NaN` and `Infinity` are not numbers in JSON"
            }
            Self::Record { .. } | Self::Incomplete { .. } => {
                "see https://cocodataset.org/#format-data for the fields of a record"
            }
            Self::Mask { .. } => "masks are polygons, or run lengths with `size` [height, width]",
            Self::UnknownImages { .. } => {
                "check that both files are of the same split, and that image ids are the same type of number or text"
            }
            Self::KittiLine { .. } => {
                "labels have 15 columns (type truncated occluded alpha left top right bottom height width length x y z rotation_y), results have the score as 16th"
            }
            Self::KittiLabelsMissing { .. } => {
                "name the labels of the same split; files of a frame have the same name on both sides"
            }
            Self::KittiNoFiles { .. } => {
                "name the folder with one result file per frame (empty where nothing was found), or the one that holds it as `data`"
            }
            Self::Object3d { .. } => {
                "drop or repair the row; a size is length, width and height in metres, a rotation a unit quaternion"
            }
            Self::Slice { .. } => {
                "give one entry per row of the columns that were matched, those that were filtered out included"
            }
            Self::BadRecord { source, .. } if source.is_syntax() || source.is_eof() => {
                "the file is not valid JSON; was it cut off in a copy?"
            }
            Self::BadFile { format, .. } | Self::BadRecord { format, .. } => format,
            Self::Inconsistent { hint, .. } => hint,
            Self::Feather { .. } => {
                "write Feather version 2 (`pyarrow.feather.write_feather`), uncompressed or with lz4 or zstd; was it cut off in a copy?"
            }
            Self::Shape { .. } => "give one number for each row and column, row by row",
            Self::Cost { .. } => "a pair that may not be costs positive infinity; repair what computes NaN",
            Self::Infeasible { .. } => "allow more pairs, or use `assign_most`, which leaves some alone",
            Self::DuplicateTrack { .. } => {
                "a track has one box in a frame; drop one of the two, or give the second object an id of its own"
            }
            Self::Frame { next, .. } | Self::Line { next, .. } | Self::MissingSequence { next, .. } => next,
            Self::Io { source, .. } => return for_io(source),
        };
        Some(text.to_owned())
    }
}
