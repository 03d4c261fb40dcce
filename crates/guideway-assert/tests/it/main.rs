//! Integration tests of guideway-assert.
#![allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]

mod bad_input;
mod bicycle;
mod detector;
mod faults;
mod labels;
mod world;
