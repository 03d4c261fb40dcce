//! A Feather file of Argoverse 2, as labels and as detections at once.
#![no_main]

mod support;

use guideway_eval::av2::Av2Params;
use guideway_eval::av2::files::{evaluate, inputs_from};
use libfuzzer_sys::fuzz_target;

/// The reader catches the panics of the Arrow reader, which the fuzzer would end with: only those of others are findings.
fn let_arrow_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |place| place.file());
        if !["/arrow-", "/flatbuffers-", "/lz4_flex-", "/zstd-", "/library/"].iter().any(|part| file.contains(part)) {
            before(panic);
        }
    }));
}

fuzz_target!(
    init: let_arrow_panic(),
    |data: &[u8]| {
        let params = Av2Params { eval_only_roi_instances: false, ..Av2Params::default() };
        let (warned, file) = (support::Counted::default(), support::input("both.feather", data));
        let Ok(inputs) = inputs_from(file, file, &params, &warned) else { return };
        let rows = inputs.truth.len();
        assert_eq!(inputs.detections.len(), rows);
        assert!(inputs.sweeps.len() <= rows && inputs.sweeps.is_sorted());
        // a category may be told of for both
        warned.at_most(2 * rows);

        let (report, _) = evaluate(&inputs, None, &params).unwrap();
        assert!(report.dts_evaluated <= report.n_dts && report.gts_evaluated <= report.n_gts);
        for (_, metrics) in report.report.metrics.iter() {
            assert!((0.0..=1.0 + 1e-9).contains(&metrics.ap) && (0.0..=1.0 + 1e-9).contains(&metrics.cds), "{metrics:?}");
            assert!(metrics.ate >= 0.0 && metrics.ase >= 0.0 && metrics.aoe >= 0.0, "{metrics:?}");
        }
    }
);
