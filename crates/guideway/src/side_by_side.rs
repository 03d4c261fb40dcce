//! Long work for several items at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use guideway_core::{Reporter, Silent, Task, Warning};

use crate::error::Error;

/// How long one waits for another one's write.
pub(crate) const PATIENCE: Duration = Duration::from_hours(1);

/// Cores to work with.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does work for each item, on so many threads at most. The results come in the order of the items; of several errors, the first item's.
///
/// What an item's work does in parallel shares its thread and its part of the cores: several items that split small pieces of work among the same
/// threads would mostly wait for each other.
pub(crate) fn side_by_side<I: Sync, R: Send>(
    items: &[I],
    threads: usize,
    work: impl Fn(&I) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let threads = threads.min(items.len());
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let pools = (0..threads)
        .map(|_| {
            rayon::ThreadPoolBuilder::new()
                .num_threads((cores() / threads).max(1))
                .build()
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|err| {
            Error::failed(
                format!("cannot start threads: {err}"),
                "free some, or work on fewer things at once",
            )
        })?;
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(usize::MAX);
    let results: Mutex<Vec<(usize, Result<R, Error>)>> = Mutex::default();
    std::thread::scope(|scope| {
        let (next, failed, results, work) = (&next, &failed, &results, &work);
        for pool in &pools {
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    // After an error nothing new is begun.
                    if failed.load(Ordering::Relaxed) < usize::MAX {
                        break;
                    }
                    let result = pool.install(|| work(item));
                    if result.is_err() {
                        failed.fetch_min(at, Ordering::Relaxed);
                    }
                    results
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Passes warnings on. Bars of several at once would overwrite each other.
pub(crate) struct Quiet<'r> {
    reporter: &'r dyn Reporter,
}

impl<'r> Quiet<'r> {
    pub(crate) fn new(reporter: &'r dyn Reporter) -> Self {
        Self { reporter }
    }
}

impl Reporter for Quiet<'_> {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) -> Box<dyn Task> {
        Box::new(Silent)
    }

    fn warn(&self, warning: Warning) {
        self.reporter.warn(warning);
    }
}
