//! Readers and writers as a user meets them: files and folders in, rows out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod coco;
mod common;
mod discover;
mod export;
mod kitti;
mod mcap;
mod yolo;
