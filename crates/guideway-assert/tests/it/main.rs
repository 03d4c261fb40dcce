//! Integration tests of guideway-assert.
#![allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
#![allow(clippy::print_stdout, reason = "what was measured belongs into the test's log")]
#![allow(clippy::match_same_arms, reason = "tables of a simulation, row by row")]

mod bad_input;
mod bicycle;
mod detector;
mod faults;
mod labels;
mod signals;
mod vehicle;
mod world;
