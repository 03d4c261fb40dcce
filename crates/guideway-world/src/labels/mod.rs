//! Labels, counted from what was rendered.
//!
//! | module | holds |
//! |---|---|
//! | [`things`] | every labelled object of a scene, with its cuboid |
//! | [`planes`] | boxes and masks of all objects of a picture, in one pass |
//! | [`camera`] | the labels of a picture |
//! | [`lanes`] | lane lines in a picture |
//! | [`lidar`] | cuboids with the points that lie on them |
//! | [`scene`] | weather, time of day and traffic in words |
//! | [`check`] | what must hold of labels, checked |
//! | [`report`] | how diverse many frames are |

pub mod camera;
pub mod check;
pub mod lanes;
pub mod lidar;
pub mod planes;
pub mod report;
pub mod scene;
pub mod things;

pub use camera::{FrameLabels, LabelOptions, ObjectLabel, Picture, label_picture};
pub use check::Violation;
pub use lanes::{LaneLineLabel, LaneLines};
pub use lidar::{LidarLabel, count_points, label_sweep};
pub use report::DiversityReport;
pub use scene::SceneAttributes;
