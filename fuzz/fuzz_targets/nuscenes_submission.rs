//! A submission to nuScenes' detection benchmark, read and evaluated against labels of two frames.
#![no_main]

mod support;

use guideway_core::{Cuboid, DVec3};
use guideway_eval::nuscenes::files::{NuScenesTruth, evaluate, submission_from};
use guideway_eval::nuscenes::{NuScenesParams, Racks};
use guideway_eval::objects3d::Truth3d;
use libfuzzer_sys::fuzz_target;

fn truth(params: &NuScenesParams) -> NuScenesTruth {
    let cuboid = |x: f64| Cuboid::from_slice(&[x, 0.0, 1.0, 4.0, 2.0, 1.5, 1.0, 0.0, 0.0, 0.0]).unwrap();
    let mut truth = Truth3d::new(vec![DVec3::ZERO; 2], params.classes());
    let class = |name: &str| params.class_index(name).unwrap();
    for (frame, name, x) in [(0, "car", 9.0), (0, "bicycle", 20.0), (1, "car", 12.0)] {
        truth.push(frame, class(name), cuboid(x));
        let row = truth.len() - 1;
        truth.velocity[row] = [1.0, 0.0];
        truth.attribute[row] = Some(0);
    }
    NuScenesTruth {
        truth,
        racks: Racks { frame: vec![0], cuboid: vec![cuboid(21.0)] },
        sample_tokens: vec!["a".to_owned(), "b".to_owned()],
        annotation_tokens: vec!["k".to_owned(), "l".to_owned(), "m".to_owned()],
        annotations: 3,
    }
}

fuzz_target!(|data: &[u8]| {
    let (params, warned) = (NuScenesParams::default(), support::Counted::default());
    let truth = truth(&params);
    let Ok(submission) = submission_from(data, "results.json", &truth, &params, &warned) else { return };
    assert!(submission.detections.len() as u64 <= submission.boxes);
    assert!(submission.empty.as_ref().is_none_or(|empty| empty.len() == submission.detections.len()));
    // one more, as the file itself may be without boxes or `meta`
    warned.at_most(submission.boxes as usize + 1);

    let (report, _) = evaluate(&truth, &submission, &params).unwrap();
    let summary = &report.summary;
    assert!(report.after_filter.pred <= report.before_filter.pred && report.after_filter.gt <= 3);
    assert!((0.0..=1.0).contains(&summary.nd_score) && (0.0..=1.0).contains(&summary.mean_ap), "{summary:?}");
    assert!(summary.mean_dist_aps.iter().all(|(_, ap)| (0.0..=1.0).contains(ap)), "{summary:?}");
    let errors = summary.label_tp_errors.iter().flat_map(|(_, errors)| errors.iter().filter_map(|(_, error)| *error));
    assert!(errors.into_iter().all(|error| error >= 0.0), "{summary:?}");
});
