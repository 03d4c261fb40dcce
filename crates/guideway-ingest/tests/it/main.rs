//! Readers and writers as a user meets them: folders in, rows out.
#![expect(clippy::expect_used, reason = "a test that cannot go on must fail")]

mod coco;
mod common;
mod discover;
mod export;
mod kitti;
mod yolo;
