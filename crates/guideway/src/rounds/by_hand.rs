//! Frames chosen as a person chooses them.

use std::collections::BTreeMap;

use guideway_core::{IdBuilder, Reporter};
use guideway_schema::{FrameRow, SelectionRow};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::file::ByHand;
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::label::Known;
use crate::workspace::Workspace;

impl Workspace {
    /// Chooses frames as a person does who swipes through drives, one after the other in an order of the seed, looks every so many seconds, and takes
    /// the frame where an object of one of the classes is large and open enough to be seen at a glance. What there is to be seen is the logs' ground
    /// truth. A drive is left at its end or when as many frames are taken as were asked for.
    pub(super) fn choose_by_hand(
        &self,
        (name, from): (&str, &str),
        hand: &ByHand,
        classes: &[String],
        (budget, seed): (usize, u64),
        reporter: &dyn Reporter,
    ) -> Result<u64, Error> {
        let started = clock::now_ns();
        let target = self.target(&[], from, reporter)?;
        let run_id: String = IdBuilder::new("run")
            .text("by-hand")
            .text(&target.key)
            .text(&json!([hand, classes, budget, seed, name]).to_string())
            .finish();
        self.check_name(name, &run_id)?;
        let chosen = format!("SELECT run_id, count(*) FROM selections WHERE run_id = '{run_id}' GROUP BY run_id");
        if self.is_done(&run_id)? {
            return Ok(self.counts(&chosen)?.first().map_or(0, |(_, frames)| *frames));
        }
        let mut drives: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for id in target.frames.sorted() {
            let recording = target.frames.recording(id).unwrap_or_default();
            drives.entry(recording.to_owned()).or_default().push(id.to_owned());
        }
        let mut drives: Vec<Vec<String>> = drives.into_values().collect();
        drives.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let task = reporter.begin("Swiping through drives", Some(budget as u64), "frames");
        let mut rows = Vec::new();
        let (mut looked_at, mut swiped) = (0_u64, 0_u64);
        for drive in &drives {
            if rows.len() >= budget {
                break;
            }
            self.stop_here(
                || format!("nothing of the selection {name} is kept"),
                "run it again: it begins anew",
            )?;
            swiped += 1;
            let mut known = self.known(drive, reporter)?;
            known.sort_by_key(|known| (known.frame.timestamp_ns, known.frame.sequence));
            let mut next_look = i64::MIN;
            for known in &known {
                // Pictures of a collection have no time: each gets its look.
                let now = known.frame.timestamp_ns;
                if rows.len() >= budget || now.is_some_and(|now| now < next_look) {
                    continue;
                }
                looked_at += 1;
                let seen = at_a_glance(known, hand, classes);
                let wait_s = if seen.is_some() { hand.skip_s } else { hand.look_every_s };
                next_look = now.map_or(next_look, |now| now.saturating_add((wait_s * 1e9) as i64));
                if let Some(class) = seen {
                    rows.push(row(&known.frame, name, &run_id, rows.len(), class));
                    task.advance(1);
                }
            }
        }
        if rows.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: "nothing of the classes is to be seen at a glance in any of the drives".to_owned(),
                hint: Some("widen the pool, or lower `min_height`".to_owned()),
            }
            .into());
        }
        let params = json!({
            "by_hand": hand, "classes": classes, "budget": budget, "seed": seed,
            "drives": drives.len(), "drives_swiped": swiped, "looked_at": looked_at, "selected": rows.len(),
        });
        let selected = rows.len() as u64;
        self.keep_selection("by-hand", rows, vec![target.node.clone()], params, seed, started)?;
        Ok(selected)
    }
}

/// The class of the largest object that is seen at a glance.
fn at_a_glance<'k>(known: &'k Known, hand: &ByHand, classes: &[String]) -> Option<&'k str> {
    let height = known.frame.height.unwrap_or(0) as f64;
    let seen = known.truth.iter().filter(|object| {
        let tall = object.bbox.y_max - object.bbox.y_min >= hand.min_height * height;
        tall && object.visible() >= hand.min_visible
            && !object.is_crowd
            && !object.is_ignored
            && (classes.is_empty() || classes.contains(&object.class))
    });
    seen.max_by(|a, b| a.bbox.area().total_cmp(&b.bbox.area()))
        .map(|object| object.class.as_str())
}

fn row(frame: &FrameRow, selection: &str, run_id: &str, rank: usize, class: &str) -> SelectionRow {
    SelectionRow {
        selection: selection.to_owned(),
        run_id: run_id.to_owned(),
        frame_id: frame.frame_id.clone(),
        recording_id: frame.recording_id.clone(),
        rank: rank as i64,
        score: 0.0,
        class: Some(class.to_owned()),
        reason: None,
    }
}
