//! The tables.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::column::{Row, SchemaError, rows};

rows! {
    /// One log, drive or collection of independent images.
    RecordingRow in "recordings" {
        /// Id, from a fingerprint of the content.
        recording_id: String,
        /// Name for people: the file or folder name.
        name: String,
        /// Where it lies; the media stay there.
        uri: String,
        /// `mcap`, `kitti-object`, `kitti-tracking`, `coco` or `yolo`.
        format: String,
        /// `drive` (frames follow each other in time) or `collection` (frames are independent).
        kind: String,
        /// First stamp, ns; null when nothing has a time.
        start_ns: Option<i64>,
        /// Last stamp, ns.
        end_ns: Option<i64>,
        /// The clock of the stamps: `log`, `sensor`, `utc`, `sequence` or `none`.
        clock: String,
        /// Bytes on disk.
        size_bytes: i64,
        /// BLAKE3 of the content (of the index and annotation files for folders), 64 hex digits.
        digest: String,
        /// Number of messages, all channels.
        message_count: i64,
        /// Number of frames.
        frame_count: i64,
        /// Number of labels.
        label_count: i64,
        /// Damaged places found on reading.
        damage_count: i64,
        /// What else the file says about itself, as a JSON object.
        metadata: Option<String>,
    }

    /// A topic of a recording. Unknown ones are listed too, and their messages stay reachable.
    ChannelRow in "channels" {
        /// Id.
        channel_id: String,
        /// The recording.
        recording_id: String,
        /// The number that the log itself gives the channel.
        log_channel_id: i64,
        /// Topic.
        topic: String,
        /// Schema name, such as `foxglove.CompressedImage` or `sensor_msgs/msg/Imu`; null for a channel without schema.
        schema_name: Option<String>,
        /// Schema encoding: `protobuf`, `ros2msg`, `jsonschema`, ….
        schema_encoding: Option<String>,
        /// Message encoding: `protobuf`, `cdr`, `json`, ….
        message_encoding: String,
        /// What guideway reads from it: `camera`, `lidar`, `radar`, `video`, `signal`, `transform`, `calibration`, `annotation`, or `unknown`.
        kind: String,
        /// Number of messages.
        message_count: i64,
        /// First log time, ns.
        start_ns: Option<i64>,
        /// Last log time, ns.
        end_ns: Option<i64>,
        /// Channel metadata of the log, as a JSON object.
        metadata: Option<String>,
    }

    /// A chunk of a log: where the messages of a time range lie. An unchunked log has rows that cover runs of messages.
    ChunkRow in "chunks" {
        /// The recording.
        recording_id: String,
        /// Offset of the chunk record in the file, bytes.
        chunk_offset: i64,
        /// Length of the chunk record in the file, bytes.
        chunk_length: i64,
        /// Compression: empty, `zstd` or `lz4`.
        compression: String,
        /// Size once decompressed, bytes.
        uncompressed_size: i64,
        /// First log time inside, ns.
        start_ns: i64,
        /// Last log time inside, ns.
        end_ns: i64,
        /// Number of messages inside.
        message_count: i64,
        /// The log's channel numbers that occur inside, as a JSON object of number to count.
        channel_counts: String,
    }

    /// A sensor of a recording, with its calibration.
    SensorRow in "sensors" {
        /// Id.
        sensor_id: String,
        /// The recording.
        recording_id: String,
        /// Name: the topic or folder it comes from (`/CAM_FRONT/image`, `image_2`).
        name: String,
        /// `camera`, `lidar`, `radar`, `imu`, `gnss`.
        modality: String,
        /// Coordinate frame that the sensor's data are in, as the log names it.
        frame_name: Option<String>,
        /// Camera model: `pinhole`, `brown-conrady`, `kannala-brandt`; null for other sensors or when not calibrated.
        camera_model: Option<String>,
        /// Image width, px.
        width: Option<i64>,
        /// Image height, px.
        height: Option<i64>,
        /// Focal length in x, px.
        fx: Option<f64>,
        /// Focal length in y, px.
        fy: Option<f64>,
        /// Principal point x, px.
        cx: Option<f64>,
        /// Principal point y, px.
        cy: Option<f64>,
        /// Distortion coefficients in the order of the model: k1 k2 p1 p2 k3 (k4 k5 k6), or k1 k2 k3 k4 for a fisheye.
        distortion: Vec<f64>,
        /// `ego_from_sensor`: x y z (m), qw qx qy qz; empty when unknown.
        ego_from_sensor: Vec<f64>,
        /// What the file says beyond this (rectification, projection), as a JSON object.
        metadata: Option<String>,
    }

    /// A camera image or lidar sweep. The media stay in the log.
    FrameRow in "frames" {
        /// Id.
        frame_id: String,
        /// The recording.
        recording_id: String,
        /// The sensor.
        sensor_id: String,
        /// `camera`, `lidar`, `radar` or `video`.
        modality: String,
        /// Position in the sensor's sequence, from 0.
        sequence: i64,
        /// Stamp of the sensor, ns, in the recording's clock; null for independent images.
        timestamp_ns: Option<i64>,
        /// Log time, ns.
        log_time_ns: Option<i64>,
        /// Name of the frame in its source: the file name, or topic and stamp.
        name: String,
        /// The file that holds the media.
        uri: String,
        /// Offset of the chunk in the file; null when the media is a file of its own or the log has no chunks.
        chunk_offset: Option<i64>,
        /// Offset of the message record in the decompressed chunk, or in the file for a log without chunks.
        message_offset: Option<i64>,
        /// Length of the message record or file, bytes; null when the file is missing.
        length: Option<i64>,
        /// How the media is encoded: `image/jpeg`, `image/png`, `video/h264`, `application/x-kitti-velodyne`, or a schema name.
        media_type: String,
        /// Image width, px, when known without decoding the image.
        width: Option<i64>,
        /// Image height, px.
        height: Option<i64>,
        /// Frames of one group must not be separated by a split: the recording for drives, the frame itself for collections.
        group_id: String,
        /// The split that the source assigns (`train`, `val`, `test`, …; `valid` and the like become `val`), if it has any.
        source_split: Option<String>,
        /// Scene attributes given by the source, as a JSON object.
        attributes: Option<String>,
    }

    /// A sample of what the vehicle did or measured. Each row fills the columns that its kind has.
    SignalRow in "signals" {
        /// The recording.
        recording_id: String,
        /// The topic or file it comes from.
        topic: String,
        /// `pose`, `odometry`, `imu`, `gnss`, `transform` or `value`.
        kind: String,
        /// Stamp, ns.
        timestamp_ns: i64,
        /// Log time, ns.
        log_time_ns: Option<i64>,
        /// Parent frame of a pose or transform.
        parent_frame: Option<String>,
        /// Child frame of a pose or transform.
        child_frame: Option<String>,
        /// Position x, m: translation of `parent_from_child`.
        x: Option<f64>,
        /// Position y, m.
        y: Option<f64>,
        /// Position z, m.
        z: Option<f64>,
        /// Orientation w: unit quaternion of `parent_from_child`.
        qw: Option<f64>,
        /// Orientation x.
        qx: Option<f64>,
        /// Orientation y.
        qy: Option<f64>,
        /// Orientation z.
        qz: Option<f64>,
        /// Linear velocity x in the child frame, m/s.
        vx: Option<f64>,
        /// Linear velocity y, m/s.
        vy: Option<f64>,
        /// Linear velocity z, m/s.
        vz: Option<f64>,
        /// Angular velocity x, rad/s.
        wx: Option<f64>,
        /// Angular velocity y, rad/s.
        wy: Option<f64>,
        /// Angular velocity z, rad/s.
        wz: Option<f64>,
        /// Linear acceleration x, m/s².
        ax: Option<f64>,
        /// Linear acceleration y, m/s².
        ay: Option<f64>,
        /// Linear acceleration z, m/s².
        az: Option<f64>,
        /// Latitude, degrees, WGS84.
        latitude_deg: Option<f64>,
        /// Longitude, degrees, WGS84.
        longitude_deg: Option<f64>,
        /// Altitude above the ellipsoid, m.
        altitude_m: Option<f64>,
        /// Name of a single value (`speed`, `steering_angle`), for kind `value`.
        name: Option<String>,
        /// The single value, in the unit that its name says.
        value: Option<f64>,
    }

    /// A labelled object in a frame: a box, a mask, a cuboid, or several of these at once.
    LabelRow in "labels" {
        /// Id.
        label_id: String,
        /// The frame.
        frame_id: String,
        /// The recording.
        recording_id: String,
        /// Class in guideway's taxonomy, or the source's own name where no mapping applies.
        class: String,
        /// Class as the source names it.
        source_class: String,
        /// Left edge of the box, px; null for labels without a 2D box.
        x_min: Option<f64>,
        /// Upper edge, px.
        y_min: Option<f64>,
        /// Right edge, px.
        x_max: Option<f64>,
        /// Lower edge, px.
        y_max: Option<f64>,
        /// Instance mask as COCO's compressed RLE counts; its size is the frame's.
        mask_rle: Option<String>,
        /// Area, px², as the source gives it: of the mask where there is one.
        area: Option<f64>,
        /// A crowd region: matched leniently and never counted as a miss.
        is_crowd: bool,
        /// To be ignored in evaluation (KITTI's DontCare).
        is_ignored: bool,
        /// Coordinate frame of the cuboid: `sensor`, `ego` or `world`; null for labels without one.
        cuboid_frame: Option<String>,
        /// Cuboid: centre x y z (m), length width height (m), qw qx qy qz; empty when there is none.
        cuboid: Vec<f64>,
        /// Identity over time, within the recording.
        track_id: Option<String>,
        /// Fraction outside the image, 0 to 1.
        truncation: Option<f64>,
        /// Occlusion as the source codes it: KITTI's 0 visible, 1 partly, 2 largely, 3 unknown.
        occlusion: Option<i64>,
        /// Who labelled it, where the source says so.
        labeler: Option<String>,
        /// The file that it comes from.
        source_uri: String,
        /// Line, row or annotation id in that file.
        source_row: Option<i64>,
        /// What else the source says, as a JSON object (keypoints, alpha, attributes).
        attributes: Option<String>,
    }

    /// A predicted object in an image.
    PredictionRow in "predictions" {
        /// Id.
        prediction_id: String,
        /// The prediction run.
        run_id: String,
        /// The model.
        model_id: String,
        /// The frame.
        frame_id: String,
        /// The recording.
        recording_id: String,
        /// Class.
        class: String,
        /// Confidence, 0 to 1.
        score: f64,
        /// Left edge of the box, px.
        x_min: f64,
        /// Upper edge, px.
        y_min: f64,
        /// Right edge, px.
        x_max: f64,
        /// Lower edge, px.
        y_max: f64,
        /// Instance mask as COCO's compressed RLE counts.
        mask_rle: Option<String>,
    }

    /// A predicted object in space.
    PredictedCuboidRow in "predicted_cuboids" {
        /// Id; the same as in `predictions` where the object has a box in an image as well.
        prediction_id: String,
        /// The prediction run.
        run_id: String,
        /// The model.
        model_id: String,
        /// The frame.
        frame_id: String,
        /// The recording.
        recording_id: String,
        /// Class.
        class: String,
        /// Confidence, 0 to 1.
        score: f64,
        /// Coordinate frame of the cuboid: `sensor`, `ego` or `world`.
        cuboid_frame: String,
        /// Centre x y z (m), length width height (m), qw qx qy qz.
        cuboid: Vec<f64>,
        /// Velocity over ground, x y (m/s) along the axes of `cuboid_frame`; empty when it is not known.
        velocity: Vec<f64>,
        /// What it does (`vehicle.parked`, `cycle.with_rider`), where the model says so.
        attribute: Option<String>,
    }

    /// A tracked object in a frame.
    TrackRow in "tracks" {
        /// The tracking run.
        run_id: String,
        /// Identity, unique within the workspace.
        track_id: String,
        /// The model whose detections were tracked.
        model_id: String,
        /// The frame.
        frame_id: String,
        /// The recording.
        recording_id: String,
        /// Stamp of the frame, ns.
        timestamp_ns: i64,
        /// The class that most of its detections have.
        class: String,
        /// Mean of its detections' scores, the recent ones first; less while it is not seen.
        score: f64,
        /// Its detection in this frame, in `predictions` or `predicted_cuboids`; null while it is not seen, and the place is where it should be.
        prediction_id: Option<String>,
        /// Left edge of the filtered box, px; null for tracks in space.
        x_min: Option<f64>,
        /// Upper edge, px.
        y_min: Option<f64>,
        /// Right edge, px.
        x_max: Option<f64>,
        /// Lower edge, px.
        y_max: Option<f64>,
        /// Coordinate frame of the filtered cuboid, `world`; null for tracks in an image.
        cuboid_frame: Option<String>,
        /// Centre x y z (m), length width height (m), qw qx qy qz; empty for tracks in an image.
        cuboid: Vec<f64>,
        /// Velocity x y: px/s in an image, m/s in the world.
        velocity: Vec<f64>,
    }

    /// A frame that was chosen, to be labelled next for one.
    SelectionRow in "selections" {
        /// Name of the selection.
        selection: String,
        /// The run that made it.
        run_id: String,
        /// The frame.
        frame_id: String,
        /// The recording.
        recording_id: String,
        /// Place in the order of choice, from 0.
        rank: i64,
        /// How much it was wanted: the score of the acquisition function.
        score: f64,
        /// The class that it was wanted for most, where classes were scored.
        class: Option<String>,
        /// Why, as a JSON object: the score of each class, and what else the method says.
        reason: Option<String>,
    }

    /// What a labeler answered about a frame: the price of its labels.
    AnswerRow in "answers" {
        /// The run that asked.
        run_id: String,
        /// Names the labelers with their settings, and the classes asked for: nobody is asked twice about a frame under one order.
        order_id: String,
        /// Name of the selection, or the query, that the frame was asked for.
        selection: String,
        /// The frame.
        frame_id: String,
        /// The recording.
        recording_id: String,
        /// Who answered.
        labeler: String,
        /// Boxes drawn: rows of `labels` whose `source_uri` is `run:` and the run. A frame without boxes that was not refused is one in which
        /// nothing was seen.
        boxes: i64,
        /// Why the frame was refused; null when it was labelled.
        refusal: Option<String>,
        /// Time spent, s.
        seconds: f64,
        /// Price, in millionths of the currency, so that sums are exact.
        price_micros: i64,
        /// Currency, by its code in ISO 4217.
        currency: String,
    }

    /// A mistake in one frame, with what it names.
    EventRow in "events" {
        /// Id.
        event_id: String,
        /// The evaluation run.
        run_id: String,
        /// `false_positive`, `miss`, `confusion`, `poor_localisation` or `identity_switch`.
        kind: String,
        /// The recording.
        recording_id: String,
        /// The frame.
        frame_id: String,
        /// First stamp, ns; null for independent images.
        start_ns: Option<i64>,
        /// Last stamp, ns.
        end_ns: Option<i64>,
        /// Class of the label, if one is involved.
        class: Option<String>,
        /// Class of the prediction, if one is involved.
        predicted_class: Option<String>,
        /// The label, if one is involved.
        label_id: Option<String>,
        /// The prediction, if one is involved.
        prediction_id: Option<String>,
        /// Confidence of the prediction.
        score: Option<f64>,
        /// Intersection over union of the two.
        iou: Option<f64>,
        /// The label's box: `x_min y_min x_max y_max`, px; empty when there is none.
        label_box: Vec<f64>,
        /// The prediction's box; empty when there is none.
        predicted_box: Vec<f64>,
        /// How much it matters, 0 to 1.
        severity: Option<f64>,
        /// Why, where something is known: `small`, `crowded`, `truncated`, ….
        cause: Option<String>,
    }

    /// A mistake over time: what is wrong in many frames in a row is one mistake.
    MistakeRow in "mistakes" {
        /// Id.
        mistake_id: String,
        /// The evaluation run.
        run_id: String,
        /// What it was most often: `false_positive`, `miss`, `confusion` or `poor_localisation`; `identity_switch` for a switch, which is one by itself.
        kind: String,
        /// The recording.
        recording_id: String,
        /// First stamp, ns; null for independent images.
        start_ns: Option<i64>,
        /// Last stamp, ns.
        end_ns: Option<i64>,
        /// In how many frames something was wrong.
        frames: i64,
        /// The frame where it was worst.
        frame_id: String,
        /// Class of the object, if one is involved.
        class: Option<String>,
        /// Class that was predicted where it was worst, if anything was.
        predicted_class: Option<String>,
        /// The object's identity within the recording, where it has one.
        track_id: Option<String>,
        /// How much it matters, 0 to 1: how sure the detector was, times nearness and urgency.
        severity: f64,
        /// The shortest distance over ground, m; null where nothing says where it is.
        distance_m: Option<f64>,
        /// The shortest time to collision, s; null where it does not come nearer, or nobody knows.
        ttc_s: Option<f64>,
        /// Was it ever where the ego would pass? Null where nothing says where it is.
        in_path: Option<bool>,
        /// Why, where something is known: `small`, `far`, `occluded`, `dark`, ….
        cause: Option<String>,
        /// What was wrong in single frames, by time: ids of the table events.
        event_ids: Vec<String>,
    }

    /// The value of a metric on a slice.
    MetricRow in "metrics" {
        /// The run that computed it.
        run_id: String,
        /// Name: `AP`, `AP50`, `AR100`, ….
        metric: String,
        /// Value; null where it is undefined (no ground truth).
        value: Option<f64>,
        /// Lower end of the interval.
        lower: Option<f64>,
        /// Upper end of the interval.
        upper: Option<f64>,
        /// Confidence of the interval, such as 0.95.
        confidence: Option<f64>,
        /// `all`, or what the rows were restricted to: `class=car`, `area=small`, ….
        slice: String,
        /// Number of ground-truth objects behind it.
        support: Option<i64>,
        /// Unit; `1` for a ratio.
        unit: String,
        /// Is more better?
        higher_is_better: bool,
    }
}

macro_rules! tables {
    ($( $(#[doc = $doc:literal])+ $table:ident => $row:ident ),+ $(,)?) => {
        /// A table of the workspace.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $( $(#[doc = $doc])+ $table, )+
        }

        impl Table {
            /// Every table.
            pub const ALL: &'static [Self] = &[$( Self::$table, )+];

            /// Its name in SQL and on disk.
            pub fn name(self) -> &'static str {
                match self { $( Self::$table => <$row as Row>::TABLE, )+ }
            }

            /// Its Arrow schema.
            pub fn schema(self) -> SchemaRef {
                match self { $( Self::$table => <$row as Row>::schema(), )+ }
            }

            /// What it holds, one sentence.
            pub fn description(self) -> &'static str {
                match self { $( Self::$table => concat!($($doc),+).trim_ascii(), )+ }
            }
        }

        /// Rows of one table.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Rows {
            $( $(#[doc = $doc])+ $table(Vec<$row>), )+
        }

        impl Rows {
            /// The table that they belong to.
            pub fn table(&self) -> Table {
                match self { $( Self::$table(_) => Table::$table, )+ }
            }

            /// How many.
            pub fn len(&self) -> usize {
                match self { $( Self::$table(rows) => rows.len(), )+ }
            }

            /// None at all?
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// As an Arrow batch.
            pub fn to_batch(&self) -> Result<RecordBatch, SchemaError> {
                match self { $( Self::$table(rows) => <$row as Row>::to_batch(rows), )+ }
            }
        }

        $(
            impl From<Vec<$row>> for Rows {
                fn from(rows: Vec<$row>) -> Self {
                    Self::$table(rows)
                }
            }
        )+
    };
}

tables! {
    /// Logs, drives and collections of images.
    Recordings => RecordingRow,
    /// Topics of the recordings, known and unknown.
    Channels => ChannelRow,
    /// Where the messages of a time range lie in a log.
    Chunks => ChunkRow,
    /// Sensors, with their calibration.
    Sensors => SensorRow,
    /// Camera images and lidar sweeps.
    Frames => FrameRow,
    /// Ego pose, speed, IMU, GNSS and other samples over time.
    Signals => SignalRow,
    /// Labelled objects.
    Labels => LabelRow,
    /// Predicted objects in images.
    Predictions => PredictionRow,
    /// Predicted objects in space.
    PredictedCuboids => PredictedCuboidRow,
    /// Tracked objects.
    Tracks => TrackRow,
    /// Frames chosen by mining, in the order of choice.
    Selections => SelectionRow,
    /// Answers of labelers, with time and price.
    Answers => AnswerRow,
    /// Misses, false positives, confusions and poor localisations.
    Events => EventRow,
    /// Mistakes over time, each made of events.
    Mistakes => MistakeRow,
    /// Values of metrics on slices.
    Metrics => MetricRow,
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Table {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|table| table.name() == name)
            .ok_or_else(|| {
                let names: Vec<&str> = Self::ALL.iter().map(|table| table.name()).collect();
                format!("unknown table `{name}`; the tables are {}", names.join(", "))
            })
    }
}
