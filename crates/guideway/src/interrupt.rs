//! Stopping work that is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use guideway_schema::SinkError;
use guideway_train::TrainError;
use thiserror::Error as ThisError;

use crate::error::{Error, ErrorKind};
use crate::workspace::Workspace;

/// Asks the work of a [`Workspace`] to stop at its next safe point. Cheap to clone; usable from any thread.
///
/// [`Workspace::ingest`], [`Workspace::freeze`], [`Workspace::train`], [`Workspace::predict`], [`Workspace::evaluate`], [`Workspace::mine`],
/// [`Workspace::run_loop`] and [`Workspace::run_experiment`]
/// listen. What is whole by then is kept, and doing the same again goes on from there.
///
/// ```no_run
/// use guideway::{IngestOptions, Workspace, core::Silent};
///
/// let workspace = Workspace::discover()?;
/// let interrupt = workspace.interrupt().clone();
/// std::thread::Builder::new().spawn(move || interrupt.request()).ok();
/// let report = workspace.ingest(&["drives".into()], &IngestOptions::default(), &Silent)?;
/// println!("{} recordings were left for the next time", report.not_read);
/// # Ok::<(), guideway::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
}

impl Interrupt {
    /// Asks for it. It cannot be taken back.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// Was it asked for?
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.requested
    }

    /// An error when it was asked for: to be returned from code that only passes errors through.
    pub(crate) fn check(&self) -> Result<(), Stopped> {
        if self.is_requested() { Err(Stopped) } else { Ok(()) }
    }
}

/// The work was asked to stop.
#[derive(Debug, Clone, Copy, ThisError)]
#[error("interrupted")]
pub(crate) struct Stopped;

impl Stopped {
    /// Is this the reason of a sink's error?
    pub(crate) fn is_in_sink(err: &SinkError) -> bool {
        err.0.is::<Self>()
    }

    /// Is this the reason of an error of training or prediction?
    pub(crate) fn is_in_train(err: &TrainError) -> bool {
        matches!(err, TrainError::Source { source, .. } | TrainError::Evaluate { source, .. } if source.is::<Self>())
    }
}

impl Workspace {
    /// Ends a use case here if that was asked for. The message says what was done and kept, the hint how to go on.
    pub(crate) fn stop_here(&self, message: impl FnOnce() -> String, hint: &str) -> Result<(), Error> {
        self.interrupt()
            .check()
            .map_err(|Stopped| Error::interrupted(message(), hint))
    }
}

impl Error {
    /// Work that was stopped on request: what is kept, and how to go on.
    pub fn interrupted(message: impl Into<String>, hint: impl Into<String>) -> Self {
        ErrorKind::Interrupted {
            message: message.into(),
            hint: hint.into(),
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use guideway_core::{Silent, exit};
    use guideway_ingest::testing::{DriveOptions, drive};

    use super::*;
    use crate::{FreezeOptions, IngestOptions, TrainOptions};

    /// Smaller than any that learns.
    const CONFIG: &str = "\
[model]
input_width = 64
input_height = 64
width = 8
neck = 8
depth = 1
strides = [8, 16]

[train]
epochs = 1
batch = 4
";

    fn interrupted<T: std::fmt::Debug>(result: Result<T, Error>) {
        let err = result.unwrap_err();
        assert!(matches!(err.kind(), ErrorKind::Interrupted { .. }), "{err}");
        assert_eq!(err.exit_code(), exit::INTERRUPTED);
    }

    #[test]
    fn what_is_interrupted_keeps_nothing_half_done() {
        let dir = tempfile::tempdir().unwrap();
        let (log, late, config) = (
            dir.path().join("drive.mcap"),
            dir.path().join("late.mcap"),
            dir.path().join("tiny.toml"),
        );
        drive(&log, DriveOptions::default()).unwrap();
        drive(
            &late,
            DriveOptions {
                frames: 3,
                ..DriveOptions::default()
            },
        )
        .unwrap();
        std::fs::write(&config, CONFIG).unwrap();
        let workspace = Workspace::init(&dir.path().join("ws")).unwrap();
        workspace.ingest(&[log], &IngestOptions::default(), &Silent).unwrap();
        let freeze = FreezeOptions {
            sql: "SELECT frame_id FROM frames WHERE modality = 'camera'".to_owned(),
            split: Some("train=1".parse().unwrap()),
            ..FreezeOptions::default()
        };
        workspace.freeze("d", &freeze, &Silent).unwrap();
        let train = |name: &str| TrainOptions {
            dataset: "d".to_owned(),
            name: Some(name.to_owned()),
            train_split: "train".to_owned(),
            ..TrainOptions::default()
        };
        workspace.train(&config, &train("m"), &Silent).unwrap();
        drop(workspace);

        let workspace = Workspace::open(&dir.path().join("ws")).unwrap();
        workspace.interrupt().request();
        let report = workspace.ingest(&[late], &IngestOptions::default(), &Silent).unwrap();
        assert_eq!((report.recordings.len(), report.not_read), (0, 1));
        interrupted(workspace.freeze("e", &freeze, &Silent));
        interrupted(workspace.train(&config, &train("n"), &Silent));
        interrupted(workspace.predict("m", "d", None, &Silent));
        interrupted(workspace.predict("m", &freeze.sql, None, &Silent));
        interrupted(workspace.evaluate("m", "d", None, &Silent));

        assert_eq!(workspace.recordings().unwrap().len(), 1);
        assert_eq!(workspace.datasets().unwrap().len(), 1);
        assert_eq!(workspace.models().unwrap().len(), 1);
        let runs = workspace.block_on(workspace.store().runs()).unwrap();
        assert_eq!(runs.iter().map(|run| run.kind.as_str()).collect::<Vec<_>>(), ["train"]);
        assert!(workspace.doctor(true, &Silent).unwrap().is_whole());
    }
}
