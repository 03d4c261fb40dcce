//! The next best data: which frames to label next, and what a set of mistakes has in common. Pure functions over arrays.
//!
//! | module | holds |
//! |---|---|
//! | [`scores`] | acquisition functions: how unsure models are of a frame, from probability maps and from found objects |
//! | [`diversity`] | selections that do not take the same thing twice: core-set, k-means++, sparse modelling, BADGE, PPAL, thinning in time |
//! | [`targeted`] | more like these: submodular mutual information between a bug's objects and the pool's |
//! | [`slices`] | which attributes, and which region of embedding space, describe a set of events better than chance |
//!
//! Frames are rows; a selection is a list of row numbers in the order of choice. What a row is called, where its image lies and what a label costs
//! is known to the caller alone. Everything is deterministic: by seed where something is drawn, and the same on any number of
//! threads.
//!
//! ```
//! use guideway_mine::diversity::{Pool, core_set, top_n};
//! use guideway_mine::scores::{Aggregate, mutual_information};
//! use guideway_mine::Points;
//!
//! // What two models say about two places of three frames, and what the frames look like.
//! let said = [[[0.1, 0.9], [0.1, 0.9]], [[0.1, 0.9], [0.9, 0.1]], [[0.2, 0.9], [0.8, 0.1]]];
//! let embeddings = Points::new(&[0.0, 0.0, 5.0, 5.0, 5.0, 5.1], 2)?;
//! let mut scores = Vec::new();
//! for [first, second] in &said {
//!     let mut places = Vec::new();
//!     mutual_information(&[first, second], &mut places)?;
//!     scores.push(Aggregate::Max.of(&places));
//! }
//! assert_eq!(top_n(&scores, 2)?, [1, 2], "the models contradict each other on the last two");
//! // The last two look alike: with diversity, one of them is enough.
//! let scores = [0.2, 0.5, 0.4];
//! assert_eq!(core_set(&Pool::new(embeddings).weights(&scores)?, 2)?, [1, 0]);
//! # Ok::<(), guideway_mine::MineError>(())
//! ```

mod distance;
pub mod diversity;
mod error;
mod points;
pub mod scores;
pub mod slices;
pub mod targeted;

pub use error::MineError;
pub use points::{Points, unit_rows};
