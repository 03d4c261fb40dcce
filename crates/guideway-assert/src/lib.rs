//! Metrics without labels: what can be known to be wrong about boxes, cuboids, tracks and signals without anybody having looked.
//!
//! No bicycle is 50 m long, nothing drives through walls, and what is in plain view does not come and go. Such assertions hold for what a detector says and for
//! what people labelled; where they do not, something is wrong. The idea follows Kang, Raghavan, Bailis and Zaharia, "Model Assertions for Monitoring and Improving ML
//! Models" (2020); ranking labels by what was learned of sizes and motion follows Kang et al., "Finding Label Errors in Autonomous Vehicle Data With Learned
//! Observation Assertions" (2022).
//!
//! | module | holds |
//! |---|---|
//! | [`input`] | frames and what was found or labelled in them: everything but the class is optional |
//! | [`rules`], [`params`], [`rule`] | the assertions, their parameters and limits by class: a TOML file over the shipped one |
//! | [`checker`] | frames in, [`Violation`]s and [`Object`]s out, in one pass and in bounded memory |
//! | [`signals`] | samples of signals and stamps of frames in, [`Violation`]s out, in one pass and in bounded memory |
//! | [`outcome`] | what was checked, what could not be and why, what was wrong with the input |
//! | [`ticket`] | one ticket for each cause: opened, closed, opened again; doing it twice changes nothing |
//! | [`object`], [`priors`] | what was measured of each object, and what is usual for its class |
//! | [`rank`] | labels by how likely they are wrong |
//! | [`solids`] | walls, as a map gives them, and what is inside of them |
//!
//! # What is asserted
//!
//! | rule | needs | says |
//! |---|---|---|
//! | `size` | cuboid | a side is longer or shorter than possible for the class |
//! | `aspect` | box, image size | the box is wider or higher than possible |
//! | `speed` | cuboid and pose, or velocity | faster than possible |
//! | `teleport` | identity; cuboid or box | far from where it was going |
//! | `size_jump` | cuboid or box | suddenly larger or smaller |
//! | `flicker` | box and image size, or cuboid of a sensor that sees all around | holes in a track in plain view: many short ones, or a single long one |
//! | `class_flip` | – | the class changes to and fro |
//! | `heading` | cuboid and pose | drives sideways or turns on the spot |
//! | `ground` | cuboid, height of the ground | in the ground, or above it |
//! | `solid` | a map's answer | inside a wall |
//! | `lidar` | cuboid, lidar points | close, in plain view, and nothing was hit where others would have several points |
//! | `duplicate` | box or cuboid | two objects at one place, whatever their classes |
//! | `appearance` | as `flicker` | begins large and near, away from the borders and with nothing to come from behind of |
//! | `prior` | learned priors | size, shape, speed, acceleration or rate of turn unlike the class |
//!
//! Of signals, which are poses, odometry, inertial measurements, fixes, transforms and single values, and of the stamps of frames:
//!
//! | rule | needs | says |
//! |---|---|---|
//! | `clock` | – | stamps go back, stand still, or jump ahead of the log's clock |
//! | `gap` | a steady rate | silent for several periods and a while, or from some time on to the end; how many samples are missing |
//! | `frozen` | another source of speed, unless it is an IMU | repeats exactly while the vehicle does something else; an IMU must have noise |
//! | `signal_range` | a fix, for GNSS | no number, no quaternion, no place on Earth, or nothing that a vehicle on a road does |
//! | `signal_jump` | a place of the vehicle, or its speed | further from one sample to the next than any vehicle gets |
//! | `disagree` | two sources of speed | poses, velocities, wheels and fixes contradict each other for a while; of three and more the odd one out is meant |
//!
//! A rate is steady when four of five intervals are near their median; topics that come when something happens have none. A place is the vehicle's in poses and odometry (unless
//! the topic speaks of goals or plans), in transforms from the world to `base_link` and the like, and in fixes. A value is the vehicle's speed when its name says so; where no unit is in the
//! name, it is the one of m/s, km/h and mph that fits the other sources best. Ends of recordings, silences of all topics at once, receivers that hold their fix while
//! standing, and steady speeds on a motorway are no faults.
//!
//! An object is in plain view when it is near and large enough, away from the border of the image, and not covered by what else was found; walls and trees that nobody
//! told of can still hide it, which is why a detector must flicker several times before it is said to. Boxes without identity are linked by overlap for the rules over time;
//! `teleport` alone cannot be checked then, and [`Outcome::not_checked`] says so.
//!
//! # From detections to tickets
//!
//! ```
//! use guideway_assert::{BBox, Checker, Cuboid, DVec3, Frame, Observation, Rules, Run, Se3, State, Subject, Tickets};
//!
//! // A file of one's own names only what differs from the shipped rules.
//! let rules = Rules::from_toml("[rules.size]\nowner = \"perception\"")?;
//! let mut checker = Checker::new(rules, Subject::Detections);
//! let mut tickets = Tickets::default();
//! let run = Run { id: "run-1".to_owned(), source: "predictions".to_owned(), at_ns: 0 };
//! for i in 0..300 {
//!     let frame = Frame { recording: "drive-1", sensor: "/camera", stamp_ns: i * 100_000_000, ..Frame::default() };
//!     let pose = Se3::from_yaw(0.0, DVec3::new(20.0, 4.0, 0.9))?;
//!     let bicycle = Observation {
//!         class: "bicycle",
//!         score: Some(0.8),
//!         track: Some("7"),
//!         cuboid: Some(Cuboid::new(pose, [50.0, 0.7, 1.7])?),
//!         ..Observation::default()
//!     };
//!     tickets.merge(&run, &checker.frame(&frame, &[bicycle]).violations);
//! }
//! tickets.merge(&run, &checker.finish_recording().violations);
//!
//! let open: Vec<_> = tickets.iter().filter(|ticket| ticket.is_open()).collect();
//! assert_eq!(open.len(), 1);
//! assert_eq!((open[0].title(), open[0].frames()), ("bicycle: 50.00 m long, possible is 0.8 to 3 m", 300));
//! assert_eq!((open[0].owner.as_str(), open[0].state), ("perception", State::Open));
//! // There were no boxes in images, no poses, no map: what could not be checked is counted.
//! assert!(checker.outcome().not_checked.values().all(|not| not.count > 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Signals have a checker of their own, [`SignalChecker`], whose violations go into the same tickets.
//!
//! # From labels to suspects
//!
//! Labels are checked with [`Subject::Labels`], whose rules are stricter. Priors are learned from the same objects, and [`rank()`] joins both.
//!
//! ```
//! use guideway_assert::{Checker, Cuboid, DVec3, Frame, Observation, Priors, Rules, Se3, Subject, rank};
//!
//! let rules = Rules::shipped()?;
//! let mut checker = Checker::new(rules.clone(), Subject::Labels);
//! let names: Vec<String> = (0..40).map(|car| car.to_string()).collect();
//! let frames = (0..5).map(|i| Frame { recording: "drive-1", sensor: "/lidar", stamp_ns: i * 500_000_000, ..Frame::default() });
//! let mut found = guideway_assert::Found::default();
//! for frame in frames {
//!     let mut cars = Vec::new();
//!     for (car, name) in names.iter().enumerate() {
//!         let pose = Se3::from_yaw(0.0, DVec3::new(10.0 * car as f64, 5.0, 0.8))?;
//!         // The labels of one car are a metre and a half too long: possible for a car, but not usual.
//!         let length = 4.2 + 0.01 * car as f64 + if car == 17 { 1.5 } else { 0.0 };
//!         let cuboid = Cuboid::new(pose, [length, 1.8, 1.5])?;
//!         cars.push(Observation { class: "car", track: Some(name), cuboid: Some(cuboid), ..Observation::default() });
//!     }
//!     found.append(checker.frame(&frame, &cars));
//! }
//! found.append(checker.finish_recording());
//! let priors = Priors::of_objects(&found.objects);
//! let suspects = rank(&found.objects, &found.violations, &priors, rules.set(Subject::Labels));
//! assert_eq!(suspects[0].object, "track:17");
//! assert_eq!(suspects[0].reasons[0].message, "car: length 5.87 is unlike the class");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here reads a clock, a table or a file, and everything comes in the same order every time.

pub mod checker;
mod error;
mod frame_rules;
pub mod input;
mod motion;
pub mod object;
pub mod outcome;
pub mod params;
mod place;
pub mod priors;
pub mod rank;
mod report;
mod returns;
pub mod rule;
pub mod rules;
mod seen;
mod signal_speed;
mod signal_stream;
pub mod signals;
pub mod solids;
mod stream;
pub mod ticket;
mod time_rules;
pub mod violation;

pub use checker::{Checker, Found};
pub use error::AssertError;
pub use guideway_core::{BBox, Cuboid, DVec3, Se3};
pub use input::{Axes, Frame, Observation, View};
pub use object::{Feature, Object};
pub use outcome::{NotChecked, Outcome};
pub use params::RuleSet;
pub use priors::{Priors, Sample};
pub use rank::{Cause, Reason, Suspect, rank};
pub use rule::{Rule, Scope, Severity, Subject};
pub use rules::{ClassLimits, Rules};
pub use signals::{Signal, SignalChecker, SignalKind};
pub use solids::Solids;
pub use ticket::{Closing, Merged, Occurrence, Run, State, Ticket, Tickets};
pub use time_rules::NO_PRIORS;
pub use violation::Violation;
