//! Readers and writers of other people's formats, with damage counted and memory bounded.
//!
//! | module | holds |
//! |---|---|
//! | [`mcap`] | MCAP logs: scan, index, messages by topic and time, rows |
//! | [`schemas`] | what the payloads of messages say: Foxglove, ROS 2, ROS 1 |
//! | [`media`] | the bytes of a frame, by a point read |
//! | [`testing`] | logs for tests and benchmarks |

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")
)]

pub mod mcap;
pub mod media;
pub mod schemas;
pub mod testing;
