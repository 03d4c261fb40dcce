//! Result files made elsewhere: evaluated without a workspace.

use std::path::Path;

use guideway_core::Reporter;
use guideway_eval::coco::files::evaluate_paths;
use guideway_eval::coco::{CocoParams, CocoReport, IouType};

use crate::error::Error;

/// The format of result files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultFormat {
    /// COCO instances JSON and COCO results JSON.
    Coco,
}

/// Evaluates predictions against ground truth, both in files.
///
/// The report's JSON has the names and nesting of the reference implementation's twelve numbers, overall and per category.
pub fn evaluate_files(
    format: ResultFormat,
    gt: &Path,
    pred: &Path,
    iou_type: IouType,
    reporter: &dyn Reporter,
) -> Result<CocoReport, Error> {
    match format {
        ResultFormat::Coco => Ok(evaluate_paths(gt, pred, iou_type, &CocoParams::default(), reporter)?),
    }
}
