//! YOLO sets as Ultralytics, Roboflow and many exporters write them: `data.yaml`, `images/`, `labels/`.

mod config;
mod label;
mod source;
mod yaml;

pub use config::{YoloConfig, YoloConfigError, parse_yolo_config};
pub use label::{YoloLabel, YoloLabelError, YoloShape, parse_yolo_label};
pub use source::YoloSource;

pub(crate) use source::is_yolo_yaml;
