//! The command line's types. What a command does is in `commands/<noun>.rs`; what it means is in the facade.

pub(crate) mod assertions;
pub(crate) mod bug;
pub(crate) mod event;
pub(crate) mod label;
pub(crate) mod mine;
pub(crate) mod rounds;
pub(crate) mod track;
pub(crate) mod world;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The open data engine for self-driving perception.
///
/// From drive logs and labels on disk to a trained, evaluated and traceable detector, in one program. Commands that work on
/// a workspace find it by looking for `guideway.toml` here and in the folders above.
#[derive(Debug, Parser)]
#[command(name = "guideway", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The workspace folder [default: the nearest folder upwards that holds guideway.toml]
    #[arg(short = 'w', long, global = true, env = "GUIDEWAY_WORKSPACE", value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,

    /// How to print results on stdout
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Auto, env = "GUIDEWAY_OUTPUT_FORMAT", value_name = "FORMAT")]
    pub(crate) output_format: OutputFormat,

    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub(crate) color: ColorChoice,

    /// Print only results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Say more about what happens (repeat for debug output)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Never draw progress bars
    #[arg(long, global = true, env = "GUIDEWAY_NO_PROGRESS")]
    pub(crate) no_progress: bool,
}

/// The format of results on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Text on a terminal, text in a pipe too: stable enough to read, not to parse
    Auto,
    /// Aligned tables
    Text,
    /// One JSON document
    Json,
    /// One JSON object a line, for commands that list rows
    Ndjson,
    /// Comma-separated values with a header line, for commands that list rows
    Csv,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a folder a workspace
    Init(InitArgs),
    /// Read logs and labelled data sets into the tables; the media stay where they are
    Ingest(IngestArgs),
    /// Look at the recordings in the workspace
    #[command(subcommand)]
    Log(LogCommand),
    /// Make worlds that drive, record and label themselves
    #[command(subcommand)]
    World(world::WorldCommand),
    /// Ask the tables in SQL
    Query(QueryArgs),
    /// Freeze, look at, compare and export dataset versions
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Train a detector on a frozen dataset
    Train(TrainArgs),
    /// Look at trained models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Run a model over a dataset or a query, or take in what a model made elsewhere predicted
    ///
    /// With --from nothing is computed: the results in a file become predictions of the model of this name, which is made by the first import. They cover the
    /// frames of --on: those without results have no detections. The same file again changes nothing; of several files for the same frames the latest counts.
    /// `eval run`, `event`, `assert run`, `bug` and `eval report` then treat the model like any other; what needs weights refuses it.
    ///
    /// How results name frames, by format:
    ///
    /// coco: image and category ids are those of `dataset export --to coco` of this dataset, or of the annotation file that --images names, whose file names
    /// are matched with names of frames. A segmentation is kept as a mask.
    ///
    /// kitti: a folder with a text file of 16 columns for each frame. Of an ingested KITTI set the files are named as its frames are, of other sets they are
    /// numbered as `dataset export --to kitti` does; --images takes that export's names.csv. Boxes, and cuboids where they are known.
    ///
    /// nuscenes: a sample_token is a frame_id or the name of a frame. Cuboids in the world.
    ///
    /// av2: a log_id is a recording's id or name, timestamp_ns the stamp of one of its frames (the lidar's, if the dataset has any). Cuboids about the ego.
    ///
    /// jsonl: an object a line. The frame: `frame_id`; or `name`, with `recording` where it is not unique; or `recording`, `sensor` and `timestamp_ns`. Then
    /// `class`, `score` from 0 to 1, and `bbox` [x_min, y_min, x_max, y_max] in px, `cuboid` [x, y, z, length, width, height, qw, qx, qy, qz] in m, or both.
    /// With a cuboid may come `cuboid_frame` (`ego`, else `sensor` or `world`), `velocity` [vx, vy] in m/s along its axes, and `attribute`.
    ///
    /// Classes keep their names, but for upper and lower case where the dataset has the same name.
    Predict(PredictArgs),
    /// Follow what a model detects from frame to frame
    Track(track::TrackArgs),
    /// Choose the frames to label next
    Mine(mine::MineArgs),
    /// Keep a perception bug until a model has it right
    #[command(subcommand)]
    Bug(bug::BugCommand),
    /// Have chosen frames labelled
    #[command(subcommand)]
    Label(label::LabelCommand),
    /// Let it run by itself: choose, label, train, test, and again
    #[command(subcommand)]
    Loop(rounds::LoopCommand),
    /// Compare ways of choosing frames
    #[command(subcommand)]
    Experiment(rounds::ExperimentCommand),
    /// Evaluate models and result files
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Look at the mistakes of an evaluation over time
    #[command(subcommand)]
    Event(event::EventCommand),
    /// Check predictions, labels and signals by what needs no truth
    #[command(subcommand)]
    Assert(assertions::AssertCommand),
    /// Work through what assertions found wrong
    #[command(subcommand)]
    Ticket(assertions::TicketCommand),
    /// Find what a set of events has in common
    Slices(SlicesArgs),
    /// Show where something came from and what was made of it
    Trace(TraceArgs),
    /// List the tables, or the columns of one
    Tables(TablesArgs),
    /// Check that the workspace is whole
    Doctor(DoctorArgs),
    /// Show the settings and where each comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print generated documentation
    #[command(subcommand, hide = true)]
    Docs(DocsCommand),
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder; it is made when missing
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    /// Logs, annotation files or data set folders; a folder may hold several recordings
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// The format [default: found by looking]: mcap, kitti-object, kitti-tracking, coco or yolo
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,

    /// Where the images of a COCO set lie [default: found beside the annotations]
    #[arg(long, value_name = "DIR")]
    pub(crate) images: Option<PathBuf>,

    /// Read again what is already in the workspace
    #[arg(long)]
    pub(crate) force: bool,

    /// Make labels of a log's ground truth too (topics below /ground_truth/)
    #[arg(long)]
    pub(crate) with_ground_truth: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// List the recordings
    Ls,
    /// Show one recording: sensors, time span, damage
    Show {
        /// Recording id (its first 4 digits or more will do) or name
        #[arg(value_name = "RECORDING")]
        recording: String,
    },
    /// List the channels of a recording, known and unknown
    Channels {
        /// Recording id (its first 4 digits or more will do) or name
        #[arg(value_name = "RECORDING")]
        recording: String,
    },
    /// Print the messages of a channel, from the log itself
    Cat {
        /// Recording id (its first 4 digits or more will do) or name
        #[arg(value_name = "RECORDING")]
        recording: String,
        /// The channel's topic
        #[arg(value_name = "TOPIC")]
        topic: String,
        /// From this log time on, ns
        #[arg(long, value_name = "NS")]
        from: Option<i64>,
        /// Up to, and not including, this log time, ns
        #[arg(long, value_name = "NS")]
        to: Option<i64>,
        /// At most this many messages
        #[arg(long, default_value_t = 10, value_name = "N")]
        limit: usize,
    },
}

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// One SELECT statement, or `-` to read it from stdin
    #[arg(value_name = "SQL")]
    pub(crate) sql: String,

    /// Rows to print as text at most; other formats print all
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub(crate) max_rows: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DatasetCommand {
    /// Freeze the frames that a query selects, with media, labels and splits, as an immutable version
    Freeze(FreezeArgs),
    /// List the frozen datasets
    Ls,
    /// Show one dataset: splits, classes, hash, origin
    Show {
        /// The dataset
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Say which frames and labels were added, removed or changed
    Diff {
        /// The older dataset
        #[arg(value_name = "OLD")]
        old: String,
        /// The newer dataset
        #[arg(value_name = "NEW")]
        new: String,
    },
    /// Write a dataset in another format
    Export {
        /// The dataset
        #[arg(value_name = "NAME")]
        name: String,
        /// The format
        #[arg(long, value_enum, value_name = "FORMAT")]
        to: ExportFormat,
        /// The folder to make
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Replace the folder if it exists
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// COCO instances JSON with an image folder
    Coco,
    /// YOLO text labels with a data.yaml
    Yolo,
    /// KITTI object layout
    Kitti,
    /// Parquet files, media included
    Parquet,
}

#[derive(Debug, Args)]
pub(crate) struct FreezeArgs {
    /// Name of the new dataset; a name is never given twice
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// A SELECT that yields frame_id, and optionally split
    #[arg(long, value_name = "SQL")]
    pub(crate) from: String,

    /// Fractions of frames, such as train=0.8,val=0.2 [default: train=0.8,val=0.2 unless the query yields split]
    #[arg(long, value_name = "NAME=FRACTION,…")]
    pub(crate) split: Option<String>,

    /// What must not be separated
    #[arg(long, value_enum, default_value_t = GroupBy::Recording, value_name = "WHAT")]
    pub(crate) group_by: GroupBy,

    /// Seed of the split
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,

    /// Keep only labels of these classes [default: all that occur]
    #[arg(long, value_delimiter = ',', value_name = "CLASS,…")]
    pub(crate) classes: Vec<String>,

    /// Keep only labels by these labelers (column `labeler` of the table `labels`) [default: by anybody]
    #[arg(long = "labeler", value_delimiter = ',', value_name = "LABELER,…")]
    pub(crate) labelers: Vec<String>,

    /// Keep only labels made under these orders, as `label oracle` prints them (column `order_id` of the table `answers`)
    #[arg(long = "order", value_delimiter = ',', value_name = "ORDER,…")]
    pub(crate) orders: Vec<String>,

    /// Labels of a smaller area are kept as to be ignored: neither learnt nor counted [px²; the mask's, else the box's]
    #[arg(long, value_name = "PX2", default_value_t = 0.0)]
    pub(crate) min_area: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    /// All frames of a drive; independent images stand alone
    Recording,
    /// Each frame alone: refused where it would tear a drive apart
    Frame,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The detector's TOML file
    #[arg(value_name = "CONFIG")]
    pub(crate) config: PathBuf,

    /// The frozen dataset
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: String,

    /// Name of the model [default: from the file, the dataset and the seed]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// The split to learn from
    #[arg(long, default_value = "train", value_name = "SPLIT")]
    pub(crate) train_split: String,

    /// The split to watch for early stopping [default: val, if the dataset has it]
    #[arg(long, value_name = "SPLIT")]
    pub(crate) val_split: Option<String>,

    /// Seed, instead of the file's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Start from this model's weights instead of random ones; network and classes must be the same
    #[arg(long, value_name = "MODEL")]
    pub(crate) start: Option<String>,

    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu")]
    pub(crate) device: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the models
    Ls,
    /// Write a model into a folder: weights, configuration, classes, and a card with its origin and evaluations
    Package {
        /// Model name, or id (its first 4 digits or more will do)
        #[arg(value_name = "MODEL")]
        model: String,
        /// The folder; it is made when missing, and must be empty or hold the same model
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Show one model
    Show {
        /// Model name, or id (its first 4 digits or more will do)
        #[arg(value_name = "MODEL")]
        model: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// Model name, or id (its first 4 digits or more will do); with --from the name of the model that was made elsewhere
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,

    /// A dataset (`night-v1`), one of its splits (`night-v1:val`), or a SELECT that yields frame_id; a million frames take about
    /// 100 MB of memory besides the query's own
    #[arg(long, value_name = "DATASET[:SPLIT]|SQL")]
    pub(crate) on: String,

    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu", conflicts_with = "from")]
    pub(crate) device: Option<String>,

    /// Take in these results instead of computing: a file, or KITTI's folder
    #[arg(long, value_name = "PATH", requires = "format")]
    pub(crate) from: Option<PathBuf>,

    /// The format of the results
    #[arg(long, value_enum, value_name = "FORMAT", requires = "from")]
    pub(crate) format: Option<ForeignFormat>,

    /// What the images of the results are called: the annotation file that they were made for (coco), or the export's names.csv (kitti)
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) images: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForeignFormat {
    /// COCO results JSON
    Coco,
    /// A folder of KITTI object results
    Kitti,
    /// A nuScenes detection submission, JSON
    Nuscenes,
    /// Argoverse 2 detections, Feather
    Av2,
    /// A JSON object a line
    Jsonl,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Run a model on a dataset and compare with its labels
    ///
    /// COCO's metrics, events and mistakes always come; in frames for which predictions hold cuboids alone, events and mistakes are about objects in space. The rules
    /// of other benchmarks are applied to the same labels and predictions; nuscenes and av2 need cuboids in both.
    Run(EvalRunArgs),
    /// List the evaluations
    Ls,
    /// Show one evaluation
    Show {
        /// Run id (its first 4 digits or more will do)
        #[arg(value_name = "RUN")]
        run: String,
    },
    /// Compare two evaluations on the same dataset
    Diff {
        /// The baseline
        #[arg(value_name = "BASELINE")]
        baseline: String,
        /// The candidate
        #[arg(value_name = "CANDIDATE")]
        candidate: String,
        /// Bootstrap resamples
        #[arg(long, default_value_t = 1000, value_name = "N")]
        resamples: usize,
        /// Seed of the bootstrap
        #[arg(long, default_value_t = 0, value_name = "N")]
        seed: u64,
        /// Confidence of the intervals, and of all verdicts together
        #[arg(long, default_value_t = 0.95, value_name = "P")]
        confidence: f64,
        /// Compare within slices as well: a SELECT that yields frame_id and slice
        #[arg(long, value_name = "SQL")]
        by: Option<String>,
    },
    /// Write a page about an evaluation: mistakes an hour, the gravest events, classes, curves, calibration, slices
    Report(EvalReportArgs),
    /// Judge an evaluation by rules; exit code 10 when one is not met
    ///
    /// A rule names a metric and its slice, with `min`, `max`, or `no_worse_by` against a baseline: then it fails when a greater loss is shown, or, with
    /// `proven = true`, unless a greater loss is ruled out. Several comparisons are each judged at a higher confidence, so that all hold together.
    Gate(EvalGateArgs),
    /// Evaluate result files made elsewhere; needs no workspace
    ///
    /// With --output-format json it prints every number, under the names that the reference implementation gives them.
    Files(FilesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EvalRunArgs {
    /// Model name, or id (its first 4 digits or more will do)
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,
    /// A dataset or one of its splits
    #[arg(long, value_name = "DATASET[:SPLIT]")]
    pub(crate) on: String,
    /// The benchmarks whose rules are applied
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [MetricSet::Coco], value_name = "SET,…")]
    pub(crate) metrics: Vec<MetricSet>,
    /// Parameters in place of the rules' own: JSON with an object for each set, such as {"kitti": {…}, "nuscenes": {…}}
    #[arg(long, value_name = "FILE")]
    pub(crate) params: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu")]
    pub(crate) device: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetricSet {
    /// COCO's AP and AR, with intervals, events and mistakes over time
    Coco,
    /// The KITTI object benchmark on camera frames: 2D, AOS, BEV and 3D
    Kitti,
    /// nuScenes detection: mAP, true-positive errors, NDS
    Nuscenes,
    /// Argoverse 2 detection: AP, ATE, ASE, AOE, CDS, without a region of interest
    Av2,
    /// Tracks, made as `guideway track` does: HOTA, MOTA, IDF1, switches, time to find an object; AMOTA for cuboids
    Tracking,
}

#[derive(Debug, Args)]
pub(crate) struct EvalReportArgs {
    /// Run id (its first 4 digits or more will do)
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The folder for index.html, report.md, report.json and the rest [default: reports/eval/RUN in the workspace]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Compare with this evaluation on the same dataset
    #[arg(long, value_name = "RUN")]
    pub(crate) against: Option<String>,
    /// Cut into slices: a SELECT that yields frame_id and slice
    #[arg(long, value_name = "SQL")]
    pub(crate) by: Option<String>,
    /// Open so many of the gravest events
    #[arg(long, default_value_t = 12, value_name = "N")]
    pub(crate) events: usize,
}

#[derive(Debug, Args)]
pub(crate) struct EvalGateArgs {
    /// Run id (its first 4 digits or more will do)
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The rules
    #[arg(value_name = "GATE.TOML")]
    pub(crate) gate: PathBuf,
    /// The evaluation that it must not be worse than, on the same dataset
    #[arg(long, value_name = "RUN")]
    pub(crate) against: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct FilesArgs {
    /// The format of both sides
    #[arg(long, value_enum, default_value_t = ResultFormat::Coco, value_name = "FORMAT")]
    pub(crate) format: ResultFormat,
    /// Ground truth: a file (coco, av2) or a folder (kitti: label_2; nuscenes: the tables; mot: one folder per sequence, or KITTI's with label_02)
    #[arg(long, value_name = "PATH", required_unless_present = "print_params")]
    pub(crate) gt: Option<PathBuf>,
    /// Predictions: a file (coco, nuscenes, av2) or a folder (kitti, mot: a text file per frame or sequence, or the folder that holds them as `data`)
    #[arg(long, value_name = "PATH", required_unless_present = "print_params")]
    pub(crate) pred: Option<PathBuf>,
    /// coco: what is matched
    #[arg(long, value_enum, default_value_t = IouType::Bbox, value_name = "TYPE")]
    pub(crate) iou_type: IouType,
    /// nuscenes: only the scenes that the data base's splits.json lists under this name; mot: the end of KITTI's sequence map [training]
    #[arg(long, value_name = "NAME")]
    pub(crate) split: Option<String>,
    /// av2: the folder of the logs, with maps and poses; needed unless `eval_only_roi_instances` of the parameters is false
    #[arg(long, value_name = "DIR")]
    pub(crate) maps: Option<PathBuf>,
    /// Classes, thresholds, ranges and whatever else there is, in place of the official ones
    #[arg(long, value_name = "FILE")]
    pub(crate) params: Option<PathBuf>,
    /// Print the official parameters as the JSON that --params takes
    #[arg(long, conflicts_with_all = ["pred", "params"])]
    pub(crate) print_params: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultFormat {
    /// COCO instances JSON and COCO results JSON
    Coco,
    /// The KITTI object benchmark: 2D, AOS, BEV and 3D
    Kitti,
    /// nuScenes detection: mAP, true-positive errors, NDS
    Nuscenes,
    /// Argoverse 2 detection: AP, ATE, ASE, AOE, CDS
    Av2,
    /// Tracking, in folders of MOTChallenge or KITTI: HOTA, CLEAR, identity
    Mot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IouType {
    /// Boxes
    Bbox,
    /// Masks
    Segm,
}

/// Find what a set of events has in common.
///
/// The query yields one row for each object or frame: a column that says whether it is an event (a miss, for one), and columns that may explain it. What is
/// printed are conditions on these columns under which events are more frequent than elsewhere, by Fisher's exact test with a controlled rate of
/// false discoveries. Each can stand behind WHERE of the same query, for `query`, `mine` and `dataset freeze`.
#[derive(Debug, Args)]
pub(crate) struct SlicesArgs {
    /// The query; all its columns but the event's and the group's are attributes
    #[arg(value_name = "SQL")]
    pub(crate) sql: String,

    /// The column that says whether a row is an event
    #[arg(long, default_value = "event", value_name = "COLUMN")]
    pub(crate) event: String,

    /// The column of what fails together, such as recording_id: frames of one drive are not independent
    #[arg(long, value_name = "COLUMN")]
    pub(crate) group: Option<String>,

    /// Conditions in a predicate at most, 1 to 3
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) terms: usize,

    /// Rows of a slice at least
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) min_rows: usize,

    /// The part of false slices among those printed, on average, at most
    #[arg(long, default_value_t = 0.05, value_name = "RATE")]
    pub(crate) fdr: f64,

    /// Slices at most
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) top: usize,

    /// Take also "looks like these to this model" for an attribute: the query must yield frame_id
    #[arg(long, value_name = "MODEL", requires = "out")]
    pub(crate) model: Option<String>,

    /// Regions of the model's embedding space that frames are divided into
    #[arg(long, default_value_t = 16, value_name = "N", requires = "model")]
    pub(crate) regions: usize,

    /// The frames of a region that a predicate names are kept as the selection NAME-REGION
    #[arg(long, value_name = "NAME", requires = "model")]
    pub(crate) out: Option<String>,

    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu")]
    pub(crate) device: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// A model, dataset, run, frame or recording: name, or id (its first 4 digits or more will do)
    #[arg(value_name = "WHAT")]
    pub(crate) what: String,

    /// Which way to follow
    #[arg(long, value_enum, default_value_t = TraceDirection::Both, value_name = "WAY")]
    pub(crate) direction: TraceDirection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceDirection {
    /// What it was made from
    Up,
    /// What was made from it
    Down,
    /// Both
    Both,
}

#[derive(Debug, Args)]
pub(crate) struct TablesArgs {
    /// Show the columns of this table
    #[arg(value_name = "TABLE")]
    pub(crate) table: Option<String>,

    /// Merge small fragments and drop versions that nothing refers to; ingest merges too where there are too many
    #[arg(long, conflicts_with = "table")]
    pub(crate) compact: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Recompute every hash as well; reads all frozen data
    #[arg(long)]
    pub(crate) deep: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings in force, with their origin
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DocsCommand {
    /// The command-line reference, Markdown
    Cli,
    /// The names of the JSON schemas, one a line
    Schemas,
    /// One JSON schema
    Schema {
        /// Its name
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
