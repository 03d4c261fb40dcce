//! Where something came from and what was made of it.

use guideway_store::{Direction, TraceGraph, TraceLimits};

use crate::error::Error;
use crate::workspace::Workspace;

impl Workspace {
    /// Follows the lineage of a model, dataset, run, recording or frame, named by name, id or the first digits of an id; a
    /// recording also by its file.
    pub fn trace(&self, what: &str, direction: Direction) -> Result<TraceGraph, Error> {
        let node = self.block_on(self.store().resolve(what))?;
        Ok(self.block_on(self.store().trace(&node, direction, TraceLimits::default()))?)
    }
}
