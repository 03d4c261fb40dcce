//! Labels and tracks of a sequence as `MOTChallenge` and KITTI tracking have them, read and evaluated against each other.
#![no_main]

mod support;

use guideway_eval::EvalError;
use guideway_eval::mot::files::{Kitti, MotChallenge};
use guideway_eval::mot::{BoxFormat, BoxSequence, ClassRules, MotParams, TrackParams, count_boxes, evaluate_boxes};
use libfuzzer_sys::fuzz_target;

/// Frames are looked at one by one, and a file may say that there are millions of them.
const FRAMES: u32 = 300;

fn challenge(info: &[u8], gt: &[u8], tracks: &[u8]) -> Result<BoxSequence, EvalError> {
    let frames = MotChallenge::read_length(support::input("seqinfo.ini", info))?;
    Ok(BoxSequence {
        name: "sequence".to_owned(),
        frames,
        first_frame: 1,
        format: BoxFormat::Xywh,
        labels: MotChallenge::read_labels(support::input("gt.txt", gt), frames)?,
        tracks: MotChallenge { max_class: None }.read_predictions(support::input("tracks.txt", tracks), frames)?,
        ignored: Vec::new(),
    })
}

fn kitti(seqmap: &[u8], gt: &[u8], tracks: &[u8]) -> Result<Option<BoxSequence>, EvalError> {
    let reader = Kitti::default();
    let Some((name, frames)) = Kitti::read_seqmap(support::input("seqmap", seqmap))?.pop() else { return Ok(None) };
    let (labels, ignored, negative_labels) = reader.read_labels(support::input("gt.txt", gt), frames)?;
    let (track_rows, negative_tracks) = reader.read_predictions(support::input("tracks.txt", tracks), frames)?;
    assert!(labels.frame.len() + ignored.len() + negative_labels <= gt.len());
    assert!(track_rows.frame.len() + negative_tracks <= tracks.len());
    Ok(Some(BoxSequence {
        name,
        frames,
        first_frame: 0,
        format: BoxFormat::Xyxy,
        labels,
        tracks: track_rows,
        ignored,
    }))
}

// Even: MOTChallenge, odd: KITTI. Then seqinfo.ini or the sequence map, the labels, and the tracks, with zero bytes between them.
fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let [info, gt, tracks] = support::files(data);
    let read = if kind % 2 == 0 { challenge(info, gt, tracks).map(Some) } else { kitti(info, gt, tracks) };
    let Ok(Some(sequence)) = read else { return };
    sequence.validate().unwrap();
    if sequence.frames > FRAMES {
        return;
    }
    let rules = if kind % 2 == 0 { vec![ClassRules::mot17(), ClassRules::mot15()] } else { ClassRules::kitti() };
    let sequences = [sequence];
    // a track that is in a frame twice is an error
    if let Ok(report) = evaluate_boxes(&sequences, &rules, &TrackParams::default()) {
        for (_, class) in &report.combined {
            let unit = |values: &[f64]| values.iter().all(|value| (0.0..=1.0 + 1e-9).contains(value));
            assert!(unit(&class.hota.hota) && unit(&class.hota.det_a) && unit(&class.hota.ass_a), "{class:?}");
            assert!(unit(&[class.clear.recall, class.clear.precision, class.clear.motp]), "{class:?}");
            assert!(class.clear.mota <= 1.0, "{class:?}");
            assert!(class.count.labels <= sequences[0].labels.frame.len() as u64);
            assert!(class.count.predictions <= sequences[0].tracks.frame.len() as u64);
        }
    }
    if let Ok(counts) = count_boxes(&sequences[0], &MotParams::default()) {
        assert!(counts.mota().is_none_or(|value| value <= 1.0), "{counts:?}");
        assert!(counts.idf1().is_none_or(|value| (0.0..=1.0).contains(&value)), "{counts:?}");
    }
});
