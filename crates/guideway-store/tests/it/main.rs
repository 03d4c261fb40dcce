//! Integration tests of the store.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start plain threads on purpose, and measure time"
)]

mod atomic;
mod doctor;
mod frozen;
mod kill;
mod lineage;
mod python;
mod sql;
mod support;
mod trace_speed;
