//! Integration tests of guideway-eval.
#![allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]

mod arms;
mod av2;
mod bootstrap;
mod files;
mod follow;
mod generate;
mod kitti;
mod mistakes;
mod mot;
mod nuscenes;
mod parts;
mod properties;
mod reference;
mod space_events;
mod tables;
mod track;
