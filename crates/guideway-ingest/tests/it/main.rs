//! Readers and writers as a user meets them: folders in, rows out.

mod coco;
mod common;
mod discover;
mod export;
mod kitti;
mod yolo;
