//! Integration tests of guideway-eval.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bootstrap;
mod files;
mod generate;
mod properties;
mod reference;
mod tables;
