//! Integration tests of guideway-assert.
#![allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
