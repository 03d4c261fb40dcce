//! Worlds that drive, record and label themselves.
//!
//! A [`Seed`] and [`SceneParams`](params::SceneParams) give a town or a country road with everything that stands there and everyone who
//! moves there. Sensors look at it by ray casting, and labels come from the same rays: exact by construction.
//!
//! | module | holds |
//! |---|---|
//! | [`params`] | what can be asked for: numbers, distributions, their schema |
//! | [`road`] | lanes, junctions, crossings, signals; made, or read from OpenDRIVE |
//! | [`environment`] | ground, houses, trees, posts, signs, lamps |
//! | [`actors`] | vehicles, people, animals, debris: families of shapes and how they move |
//! | [`traffic`] | who goes where: car following, lane changes, signals, crossings, the ego vehicle's route |
//! | [`state`] | the world at one moment |
//! | [`render`] | cameras and rays on the CPU: light, weather, lens, sensor |
//! | [`sensors`] | the rig: lidar, radar, GNSS, IMU, wheels |
//! | [`world`] | all of it put together |
//! | [`drive`] | a rig's measurements over a time, in the order in which a recorder receives them |
//! | [`picture`] | one picture: taken, labelled, encoded, made again |
//! | [`frames`] | single frames of many scenes |
//! | [`preview`] | contact sheets |
//! | [`bench`] | how fast it is |
//! | [`labels`] | boxes, masks, cuboids, tracks, occlusion, counted from what was rendered |
//!
//! World frame: x east, y north, z up. Ego and bodies: x forward, y left, z up, origin on the ground. Cameras: x right, y down,
//! z forward. Metres, seconds, radians, linear RGB.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")
)]

pub mod actors;
pub mod bench;
mod dice;
pub mod drive;
pub mod environment;
mod error;
pub mod frames;
mod jpeg;
pub mod labels;
pub mod material;
pub mod mesh;
pub mod object;
pub mod params;
pub mod picture;
pub mod preview;
pub mod render;
pub mod road;
mod seed;
pub mod sensors;
pub mod state;
pub mod traffic;
pub mod world;

pub use error::WorldError;
pub use object::ObjectClass;
pub use seed::Seed;
