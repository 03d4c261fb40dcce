//! Checks of the vocabulary against reference implementations and real data.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its fixture must fail")]

mod drives;
mod geometry;
mod mask;
mod read;
