//! COCO's object annotations: `instances_*.json` with boxes, polygons, run lengths and crowd regions.

mod annotation;
mod source;
mod stream;

pub use annotation::{CocoId, CocoProblem};
pub use source::{CocoOptions, CocoSource};
pub use stream::{CocoSection, CocoSeen, stream_coco};

pub(crate) use stream::{Sniffed, sniff};

#[doc(hidden)]
pub use source::fuzz_coco;
