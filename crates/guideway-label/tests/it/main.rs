//! Integration tests of guideway-label.
#![allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]

mod answers;
mod properties;
mod statistics;
