//! Metrics, events and statistics of perception results: pure functions over arrays.
//!
//! | module | holds |
//! |---|---|
//! | [`coco`] | average precision and recall for boxes and masks, equal to pycocotools; curves, tables, confusion matrix; COCO files |
//! | [`kitti`] | the KITTI object benchmark: average precision in 2D, BEV and 3D, and with orientation; its folders |
//! | [`objects3d`] | boxes in space as columns, what became of them in a matching, slices: what all 3D metrics share |
//! | [`nuscenes`] | mAP over centre distances, five true-positive errors and NDS, equal to nuscenes-devkit; tables and submissions |
//! | [`av2`] | AP, ATE, ASE, AOE and CDS, equal to av2; Feather files, region of interest |
//! | [`mot`] | tracking: HOTA, CLEAR MOT and identity as TrackEval, motmetrics and Scalabel count them, AMOTA as nuScenes does; streamed |
//! | [`track`] | multi-object tracking in the image and in the world: from detections to tracks |
//! | [`assign`] | the optimal assignment of rows to columns, with SciPy's choice among equals |
//! | [`events`] | every mistake as an event that names its image, label and detection |
//! | [`mistakes`] | mistakes over time: one for what is wrong in many frames in a row; rates by the hour and by the kilometre |
//! | [`bootstrap`] | intervals over recordings, for one run and for the difference of two |
//! | [`arms`] | comparing the arms of an experiment over seeds: paired differences, ratios, many tests, learning curves |
//! | [`stats`] | intervals for proportions and rates; Student's t distribution |
//!
//! Nothing here knows tables or files of a workspace: columns in, numbers out. Everything is parallel, and gives the same bits on any number
//! of threads.

pub mod arms;
pub mod assign;
pub mod av2;
pub mod bootstrap;
pub mod calibration;
pub mod coco;
mod columns;
mod error;
pub mod events;
pub mod kitti;
pub mod mistakes;
pub mod mot;
pub mod nuscenes;
pub mod objects3d;
pub mod severity;
pub mod stats;
pub mod track;
mod warnings;

pub use error::{EvalError, Side};
