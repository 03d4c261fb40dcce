//! Progress and warnings, without saying how they are shown.
//!
//! Library code takes a `&dyn Reporter`: the command line draws bars on a terminal, tests collect the warnings, and
//! [`Silent`] drops everything.

/// Something that was wrong but did not stop the work. It is counted, never lost.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Warning {
    /// A stable name for the kind of warning, `kebab-case`: `truncated-file`, `nan-box`, ….
    pub code: String,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where: a file, with offset, row or field where known.
    pub location: String,
    /// How often it was seen here.
    pub count: u64,
}

/// Receives progress and warnings.
pub trait Reporter: Send + Sync {
    /// Begins a piece of long work. `total` is in `unit` (`"B"` for bytes, or a plural noun such as `"frames"`).
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) -> Box<dyn Task>;

    /// Notes a warning.
    fn warn(&self, warning: Warning);
}

/// One piece of long work under way; it ends when dropped.
pub trait Task: Send + Sync {
    /// This much more is done.
    fn advance(&self, amount: u64);

    /// A short text beside the bar: the current file, the loss.
    fn note(&self, text: &str);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) -> Box<dyn Task> {
        Box::new(Self)
    }

    fn warn(&self, _warning: Warning) {}
}

impl Task for Silent {
    fn advance(&self, _amount: u64) {}

    fn note(&self, _text: &str) {}
}
