//! Multi-object tracking: detections of one frame after another become tracks with ids, velocities and ends.
//!
//! ```
//! use guideway_core::{BBox, TimeNs};
//! use guideway_eval::track::{BoxDetection, Image, TrackParams, TrackStatus, Tracker, Warp};
//!
//! let mut tracker = Tracker::<Image>::new(TrackParams::default())?;
//! for frame in 0..10_i32 {
//!     let bbox = BBox::from_xywh(100.0 + 8.0 * f64::from(frame), 50.0, 40.0, 30.0);
//!     let found = [BoxDetection { class: 0, score: 0.9, bbox }];
//!     // nothing is detected in frame 6
//!     let found = if frame == 6 { &[][..] } else { &found[..] };
//!     let answer = tracker.step(TimeNs(i64::from(frame) * 100_000_000), found, &Warp::IDENTITY)?;
//!     assert_eq!(answer.tracks.len(), 1);
//!     assert_eq!(answer.tracks[0].id, 1);
//!     assert_eq!(answer.tracks[0].status == TrackStatus::Coasting, frame == 6);
//! }
//! # Ok::<(), guideway_eval::EvalError>(())
//! ```
//!
//! [`Tracker`] works on [`Image`] boxes or on [`World`] cuboids; everything that can be chosen is in [`TrackParams`], for all classes and for each.
//! A frame goes through these steps:
//!
//! 1. Detections that cannot be are counted and left out ([`TrackWarnings`]), or refused ([`BadInput`]); the others are put into an order of their
//!    own, so that the order given does not matter.
//! 2. Tracks not seen for too long end, the others are predicted to the frame's stamp by a Kalman filter (Kalman, "A new approach to linear
//!    filtering and prediction problems", 1960). Time is in seconds throughout, steps may have any length, and noise grows with time in such a
//!    way that two short steps are one long one (exactly so at constant velocity in the world).
//! 3. The sensor's own motion: cuboids go from the ego frame to the world's, and tracked boxes are warped with the image ([`Warp`]).
//! 4. Assignment within gates in three stages (Zhang et al., "ByteTrack: multi-object tracking by associating every detection box", 2022), optimal
//!    in each as in SORT (Bewley et al. 2016), or greedy as in CenterPoint (Yin et al. 2021): [`Association`], [`Gate`].
//! 5. Filter updates in Joseph's form; birth, confirmation, votes on the class: [`Lifecycle`].
//!
//! The states of the filters are described at [`Image`] (rather SORT's way) and at [`World`] (as AB3DMOT, Weng et al. 2020, or with constant
//! turn rate and velocity, Schubert et al. 2008: [`MotionModel`]).
//!
//! What a track was is handed out when it ends ([`TrackParams::history`]), and smoothed backward (Rauch, Tung and Striebel 1965) with its gaps
//! filled by [`offline`]:
//!
//! ```
//! use guideway_core::{Cuboid, DVec3, Se3, TimeNs};
//! use guideway_eval::track::{
//!     CuboidDetection, FrameInput, OfflineParams, TrackParams, World, finished_tracks, offline,
//! };
//!
//! // the ego vehicle drives at 10 m/s past a parked car, which is hidden for three frames
//! let frames = (0..20_i32).map(|frame| {
//!     let seconds = f64::from(frame) / 10.0;
//!     let ego_from_car = Se3::from_yaw(0.0, DVec3::new(30.0 - 10.0 * seconds, 4.0, 1.0)).unwrap();
//!     let cuboid = Cuboid::new(ego_from_car, [4.2, 1.8, 1.5]).unwrap();
//!     let found = CuboidDetection { class: 0, score: 0.8, cuboid, velocity: None };
//!     FrameInput {
//!         time: TimeNs(i64::from(frame) * 100_000_000),
//!         detections: if (8..11).contains(&frame) { vec![] } else { vec![found] },
//!         ego: Se3::from_yaw(0.0, DVec3::new(10.0 * seconds, 0.0, 0.0)).unwrap(),
//!     }
//! });
//! let params = TrackParams::<World> { history: 1000, ..TrackParams::default() };
//! let tracks: Vec<_> = finished_tracks(frames, params)?.collect::<Result<_, _>>()?;
//! let ways: Vec<_> = offline(tracks, OfflineParams::default())?.collect();
//! assert_eq!(ways.len(), 1);
//! assert_eq!(ways[0].points.len(), 20);
//! assert!(ways[0].points[9].detection.is_none());
//! assert!((ways[0].points[9].shape.center - DVec3::new(30.0, 4.0, 1.0)).length() < 1e-6);
//! # Ok::<(), guideway_eval::EvalError>(())
//! ```

mod associate;
mod image;
mod kalman;
mod mat;
mod offline;
mod overlap;
mod params;
mod space;
mod tracker;
mod warp;
mod world;

pub use image::{BoxDetection, BoxMotion, BoxNoise, Image};
pub use offline::{
    FinishedTracks, FrameInput, OfflineParams, Track, TrackPoint, Trajectories, Trajectory, finished_tracks, offline,
};
pub use params::{Association, BadInput, ClassParams, Gate, Lifecycle, TrackParams};
pub use space::Space;
pub use tracker::{TrackFrame, TrackStatus, TrackView, TrackWarnings, Tracker};
pub use warp::Warp;
pub use world::{CuboidDetection, CuboidMotion, CuboidNoise, MotionModel, World};

#[cfg(test)]
mod tests;
