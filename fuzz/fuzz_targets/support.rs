//! What several targets need.
#![allow(dead_code, reason = "each target needs a part of it")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use guideway_core::{Reporter, Silent, Task, Warning};
use guideway_eval::coco::files::Input;

/// Counts warnings by code.
#[derive(Default)]
pub struct Counted(Mutex<BTreeMap<String, u64>>);

impl Reporter for Counted {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) -> Box<dyn Task> {
        Silent.begin(what, total, unit)
    }

    fn warn(&self, warning: Warning) {
        assert!(warning.count > 0, "{warning:?}");
        *self.0.lock().unwrap().entry(warning.code).or_default() += warning.count;
    }
}

impl Counted {
    /// No kind of warning was given for more than this many things.
    pub fn at_most(&self, things: usize) {
        let counted = self.0.lock().unwrap();
        assert!(counted.values().all(|count| *count <= things as u64), "{counted:?} of {things}");
    }
}

/// The files of an input, which zero bytes are between; those that are not there are empty.
pub fn files<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut parts = data.splitn(N, |byte| *byte == 0);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// A file of this name.
pub fn input<'a>(name: &'a str, bytes: &'a [u8]) -> Input<'a> {
    Input { name, bytes }
}
