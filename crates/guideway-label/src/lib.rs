//! Labelers: what they are asked, what they answer, how long it takes them and what it costs.
//!
//! A [`Labeler`] takes a [`Task`] (a frame and the classes to draw) and gives an [`Answer`]: boxes, or a refusal with a reason, with
//! seconds and a price. People will answer through the same trait; for now the answers are simulated. A [`SimulatedLabeler`] knows
//! the true boxes and draws them with the errors of its [`LabelerConfig`]; a [`Pool`] shares frames among several.
//!
//! | module | holds |
//! |---|---|
//! | `labeler` | [`Labeler`], and the [`Estimate`] it gives before the work |
//! | `task` | [`Task`], [`TruthBox`], [`Answer`], [`LabelledBox`], [`Refusal`] |
//! | `config` | [`LabelersFile`] and [`LabelerConfig`]: every error, time and price, with unit, range and default |
//! | `simulated` | [`SimulatedLabeler`]: how the errors are drawn |
//! | `pool` | [`Pool`]: who gets which frame |
//! | `tally` | [`Tally`]: answers counted against the truth |
//! | `money` | [`Money`] and [`Currency`]: whole millionths, so that sums are exact |
//!
//! An answer depends on the pool's seed, the labeler's name and settings, and the task: not on the order of the tasks, the order of
//! the boxes, the number of threads or the day. The same labeler asked twice gives the same answer.
//!
//! ```
//! use guideway_core::BBox;
//! use guideway_label::{Labeler as _, Money, Pool, Tally, Task, TruthBox};
//!
//! let pool = Pool::from_toml("seed = 7\n[[labelers]]\nname = \"ann\"\nmiss_rate = 0.05\nprice_per_box = 0.04")?;
//! let truth = [
//!     TruthBox::new("a", "car", BBox::new(100.0, 200.0, 260.0, 300.0)),
//!     TruthBox::new("b", "pedestrian", BBox::new(600.0, 180.0, 640.0, 290.0)),
//! ];
//! let classes = ["car".to_owned(), "pedestrian".to_owned()];
//! let task = Task { frame_id: "frame-1", width: 1280, height: 720, classes: &classes, truth: &truth };
//!
//! // Before the work: what it takes on average, and what it cannot exceed.
//! let estimate = pool.estimate(2)?;
//! assert!(estimate.price_at_most <= Money::parse("$0.15", pool.currency())?);
//!
//! let answer = pool.label(&task)?;
//! assert_eq!(answer, pool.label(&task)?);
//! assert!(answer.price <= estimate.price_at_most);
//!
//! let mut tally = Tally::new(pool.currency());
//! tally.add(&task, &answer)?;
//! assert_eq!(tally.frames, 1);
//! # Ok::<(), guideway_label::LabelError>(())
//! ```

mod config;
mod error;
mod labeler;
mod money;
mod pool;
mod simulated;
mod stream;
mod tally;
mod task;

pub use config::{LabelerConfig, LabelersFile};
pub use error::{LabelError, ServiceError};
pub use labeler::{Estimate, Labeler};
pub use money::{Currency, Money};
pub use pool::Pool;
pub use simulated::SimulatedLabeler;
pub use tally::Tally;
pub use task::{Answer, LabelledBox, Outcome, Refusal, Task, TruthBox};
