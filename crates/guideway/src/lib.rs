//! The open data engine for self-driving perception.
//!
//! This crate joins the parts into use cases; the command line is a thin layer on it. Everything
//! starts from a [`Workspace`]:
//!
//! | what | where |
//! |---|---|
//! | read logs and labelled data sets | [`Workspace::ingest`] |
//! | look at recordings and channels | [`Workspace::recordings`], [`Workspace::channels`] |
//! | ask in SQL | [`Workspace::query`] |
//! | freeze, compare and export datasets | [`Workspace::freeze`], [`Workspace::dataset_diff`], [`Workspace::export`] |
//! | train, predict and track | [`Workspace::train`], [`Workspace::predict`], [`Workspace::track`] |
//! | take in predictions made elsewhere | [`Workspace::import_predictions`] |
//! | choose what to label next, have it labelled | [`Workspace::mine`], [`Workspace::label_oracle`] |
//! | take a model away | [`Workspace::package_model`] |
//! | evaluate | [`Workspace::evaluate`], [`Workspace::evaluate_with`], [`Workspace::eval_diff`], [`evaluate_files`] |
//! | make worlds, record fleets | [`world_record`], [`Workspace::world_frames`], [`world_preview`] |
//! | let it run by itself | [`Workspace::run_loop`] |
//! | compare ways of choosing | [`Workspace::run_experiment`] |
//! | keep a bug until a model has it right | [`Workspace::bug_new`], [`Workspace::bug_mine`], [`Workspace::bug_check`] |
//! | find what mistakes have in common | [`Workspace::slices`] |
//! | follow lineage | [`Workspace::trace`] |
//! | check that all is whole | [`Workspace::doctor`] |
//! | stop long work from outside | [`Workspace::interrupt`] |
//!
//! ```no_run
//! use guideway::{IngestOptions, Workspace, core::Silent};
//!
//! let workspace = Workspace::init("ws".as_ref())?;
//! workspace.ingest(&["drive.mcap".into()], &IngestOptions::default(), &Silent)?;
//! println!("{} recordings", workspace.recordings()?.len());
//! # Ok::<(), guideway::Error>(())
//! ```
//!
//! Calls block. Each writes at most one transaction at a time: a process killed in between leaves a whole workspace, and
//! doing the same again goes on where it was.

pub mod assertions;
mod atomic;
mod bug;
mod clock;
mod config;
mod dataset;
mod docs;
mod error;
mod evaluate;
mod event;
mod experiment;
mod files;
mod foreign;
mod ingest;
mod interrupt;
mod label;
mod lineage;
mod logs;
mod mine;
mod origin;
mod package;
mod page;
mod placement;
mod plot;
mod predict;
mod query;
mod rounds;
mod samples;
mod side_by_side;
mod slices;
pub mod split;
mod taxonomy;
mod track;
mod train;
mod workspace;
mod world;

pub use assertions::{AssertOptions, AssertReport, RuleCount};
pub use atomic::{check_out, write_atomic};
pub use bug::{Bug, BugCheck, BugEntry, BugOptions, BugState};
pub use config::{ConfigFile, ENV_VARS, EnvVar, NEW_PROJECT_FILE, PROJECT_FILE, Setting, Settings};
pub use dataset::{ClassSummary, DatasetSummary, ExportFormat, ExportReport, FreezeOptions, GroupBy, SplitSummary};
pub use docs::{schema, schemas};
pub use error::{Error, ErrorKind};
pub use evaluate::{
    BreakdownRow, ClassResult, DiffOptions, Driven, EvalDelta, EvalDiff, EvalOptions, EvalReport, GateFile, GateReport,
    GateResult, GateRule, MetricSet, MistakeRate, ReportOptions, RuleRow, RuleSetReport, RuleTable, TrackScores,
    TrackingReport, WrittenReport,
};
pub use event::{EventDetail, EventFilter, EventList, OpenOptions, OpenedEvent};
pub use experiment::{Arm, ArmSummary, Comparison, CourseResult, ExperimentFile, ExperimentReport, OwnFold, PoolShare};
pub use files::{FilesOptions, FilesReport, ResultFormat, default_params, evaluate_files};
pub use foreign::{ForeignFormat, ForeignOptions, ImportSummary, Imported};
pub use guideway_core as core;
pub use guideway_eval as eval;
pub use guideway_mine::scores::Aggregate;
pub use guideway_mine::slices::SliceParams;
pub use guideway_schema::{
    ChannelRow, EventRow, FrameRow, LabelRow, MetricRow, MistakeRow, RecordingRow, SelectionRow, SensorRow, Table,
};
pub use guideway_store::{
    Changes, Check, Compacted, DatasetDiff, Direction, DoctorReport, Status as CheckStatus, TableInfo, TraceGraph,
    TraceNode,
};
pub use ingest::{IngestOptions, IngestReport, IngestedRecording, Status};
pub use interrupt::Interrupt;
pub use label::{OracleOptions, OracleReport};
pub use logs::Message;
pub use mine::{Diversity, Dropout, Information, LikeOptions, LikeWhat, MineOptions, MineReport, Score};
pub use package::PackageReport;
pub use plot::{BarPlot, ConfusionPlot, LinePlot, Series};
pub use predict::PredictReport;
pub use query::{JsonShape, QueryResult};
pub use rounds::{
    ByHand, ByLot, Compute, Cost, Ended, Frames, Kpi, Labels, LoopFile, LoopOptions, LoopReport, Metric, Mined, Model,
    Past, Record, Round, RoundBudget, SeedSet, Start, Stop, Strategy, Targeted, TestSet, Work,
};
pub use slices::{FoundSlice, RegionOptions, SliceOptions, SliceReport};
pub use track::{TrackOptions, TrackReport, TrackSpace, TrackedClass, default_track_params};
pub use train::{ModelSummary, TrainOptions, TrainReport};
pub use workspace::Workspace;
pub use world::{
    BenchReport, BenchStage, RecordOptions, RecordReport, RecordedLog, Remade, WorldFramesOptions, WorldFramesReport,
    WorldSetup, world_bench, world_diversity, world_preview, world_record, world_remake, world_schema_json,
};
