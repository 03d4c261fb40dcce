//! What COCO files can have wrong with them.

use std::error::Error as _;
use std::sync::Mutex;

use guideway_core::{Hint as _, Reporter, Task, Warning};
use guideway_eval::coco::files::{Input, evaluate_files};
use guideway_eval::coco::{CocoParams, IouType};

/// Keeps the warnings.
#[derive(Default)]
struct Collect(Mutex<Vec<Warning>>);

impl Reporter for Collect {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) -> Box<dyn Task> {
        guideway_core::Silent.begin(what, total, unit)
    }

    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning);
    }
}

const GT: &str = r#"{"images": [{"id": 1, "width": 20, "height": 10}], "categories": [{"id": 1, "name": "car"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "area": 25, "iscrowd": 0,
    "segmentation": [[0, 0, 5, 0, 5, 5, 0, 5]]}]}"#;
const DT: &str = r#"[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5}]"#;

/// The outcome as text: the error with causes and hint, or AP and the warnings.
fn run(gt: &str, dt: &str, iou_type: IouType) -> String {
    let reporter = Collect::default();
    let gt = Input {
        name: "gt.json",
        bytes: gt.as_bytes(),
    };
    let dt = Input {
        name: "dt.json",
        bytes: dt.as_bytes(),
    };
    let mut lines = Vec::new();
    match evaluate_files(gt, dt, iou_type, &CocoParams::default(), &reporter) {
        Ok(report) => lines.push(format!("AP {:.3}", report.stat("AP").unwrap_or(-1.0))),
        Err(err) => {
            lines.push(format!("error: {err}"));
            if let Some(source) = err.source() {
                lines.push(format!("  caused by: {source}"));
            }
            lines.push(format!("  hint: {}", err.hint().unwrap_or_default()));
        }
    }
    for w in reporter.0.lock().unwrap().iter() {
        lines.push(format!(
            "warning {} ×{} in {}: {}",
            w.code, w.count, w.location, w.message
        ));
    }
    lines.join("\n")
}

#[test]
fn errors_say_what_where_and_what_next() {
    let dt = |text: &str| run(GT, text, IouType::Bbox);
    let gt = |text: &str| run(text, DT, IouType::Bbox);
    let cases = [
        ("good", run(GT, DT, IouType::Bbox)),
        ("good masks", run(GT, DT, IouType::Segm)),
        ("byte order mark", dt(&format!("\u{feff}{DT}"))),
        ("not JSON", dt("hello")),
        ("empty file", dt("")),
        ("cut off", dt(&DT[..40])),
        ("cut off in a text", dt(r#"[{"image"#)),
        ("trailing text", dt(&format!("{DT} x"))),
        ("swapped", run(DT, GT, IouType::Bbox)),
        (
            "NaN",
            dt(r#"[{"image_id": 1, "category_id": 1, "bbox": [0, 0, NaN, 5], "score": 0.5}]"#),
        ),
        (
            "no score",
            dt(r#"[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5]}]"#),
        ),
        (
            "three numbers",
            dt(r#"[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5], "score": 1}]"#),
        ),
        (
            "nothing to compare",
            dt(r#"[{"image_id": 1, "category_id": 1, "score": 1}]"#),
        ),
        (
            "second without box",
            dt(
                r#"[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 1}, {"image_id": 1, "category_id": 1, "score": 1}]"#,
            ),
        ),
        (
            "unknown image",
            dt(r#"[{"image_id": "a", "category_id": 1, "bbox": [0, 0, 5, 5], "score": 1}]"#),
        ),
        (
            "unknown category",
            dt(r#"[{"image_id": 1, "category_id": 3, "bbox": [0, 0, 5, 5], "score": 1}]"#),
        ),
        ("no results", dt("[]")),
        (
            "odd score and size",
            dt(r#"[{"image_id": 1.0, "category_id": 1, "bbox": [0, 0, -5, 5], "score": 7}]"#),
        ),
        (
            "mask of another size",
            run(
                GT,
                r#"[{"image_id": 1, "category_id": 1, "score": 1, "segmentation": {"size": [5, 5], "counts": [5, 20]}}]"#,
                IouType::Segm,
            ),
        ),
        (
            "broken mask",
            run(
                GT,
                r#"[{"image_id": 1, "category_id": 1, "score": 1, "segmentation": {"size": [5, 5], "counts": [5, 200]}}]"#,
                IouType::Segm,
            ),
        ),
        ("no images", gt(r#"{"annotations": [], "categories": []}"#)),
        (
            "images is no list",
            gt(r#"{"images": 3, "annotations": [], "categories": []}"#),
        ),
        ("broken side matter", gt(&GT.replacen('{', r#"{"info": nonsense, "#, 1))),
        ("no box", gt(&GT.replace(r#""bbox": [0, 0, 5, 5], "#, ""))),
        ("no area", gt(&GT.replace(r#""area": 25, "#, ""))),
        ("no mask", run(&GT.replace("segmentation", "s"), DT, IouType::Segm)),
        ("no image size", run(&GT.replace("width", "w"), DT, IouType::Segm)),
        (
            "annotation id 0",
            gt(&GT.replace(r#""annotations": [{"id": 1"#, r#""annotations": [{"id": 0"#)),
        ),
        ("ignore", gt(&GT.replace(r#""iscrowd": 0"#, r#""ignore": 1"#))),
    ];
    let text: Vec<String> = cases.iter().map(|(name, got)| format!("## {name}\n{got}\n")).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn no_prefix_of_a_file_panics() {
    let odd = (include_str!("odd/gt.json"), include_str!("odd/dt.json"));
    for end in (0..odd.1.len()).step_by(7).filter(|end| odd.1.is_char_boundary(*end)) {
        assert!(run(GT, &odd.1[..end], IouType::Bbox).starts_with("error"));
    }
    for end in (0..odd.0.len() - 3)
        .step_by(11)
        .filter(|end| odd.0.is_char_boundary(*end))
    {
        assert!(run(&odd.0[..end], DT, IouType::Segm).starts_with("error"));
    }
}
