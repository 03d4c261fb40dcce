//! The exit codes of the command line. They are part of the public interface.

/// Everything asked for was done.
pub const OK: u8 = 0;
/// The command failed.
pub const FAILED: u8 = 1;
/// The command line was wrong.
pub const USAGE: u8 = 2;
/// Finished, but with warnings or with data left out: damaged files, skipped rows.
pub const INCOMPLETE: u8 = 3;
/// Nothing was selected: a query, a pattern or a split matched no rows.
pub const NOTHING_SELECTED: u8 = 4;
/// A gate was not met: a model does not pass a bug's test, or is worse elsewhere.
pub const GATE_NOT_MET: u8 = 10;
/// Stopped by the user (Ctrl-C), at a safe point.
pub const INTERRUPTED: u8 = 130;
