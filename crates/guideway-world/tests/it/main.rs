//! Tests of the world as a whole.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod brute;
mod labels;
mod opendrive;
mod picture;
mod road;
mod scenes;
mod sensors;
mod traffic;
