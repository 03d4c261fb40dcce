//! Training and prediction as a caller sees them.
#![expect(clippy::unwrap_used, reason = "a failed test is what an unwrap is for here")]

mod predict;
mod resume;
mod support;
mod training;
mod vehicles;
