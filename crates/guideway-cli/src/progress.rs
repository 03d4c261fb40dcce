//! Progress bars on a terminal, nothing otherwise; warnings on stderr, the same one only once.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guideway::core::{Reporter, Task, Warning};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Global;

/// How many warnings of one kind are printed before the rest is only counted.
const SHOWN_PER_CODE: u64 = 5;

/// Shows progress and warnings of a running command. A clone is the same console.
#[derive(Clone)]
pub(crate) struct Console {
    bars: MultiProgress,
    quiet: bool,
    warnings: Arc<Mutex<BTreeMap<String, Seen>>>,
}

/// Warnings of one kind.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Lines printed.
    lines: u64,
    /// Occurrences that those lines speak of.
    shown: u64,
    /// Occurrences in all.
    total: u64,
}

impl Console {
    /// Bars are drawn when stderr is a terminal and neither `--quiet` nor `--no-progress` is given.
    pub(crate) fn new(global: &Global) -> Self {
        let quiet = global.quiet;
        let draw = std::io::stderr().is_terminal() && !quiet && !global.no_progress;
        let target = if draw {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            bars: MultiProgress::with_draw_target(target),
            quiet,
            warnings: Arc::default(),
        }
    }

    /// Prints a line on stderr, above the bars, unless `--quiet`.
    pub(crate) fn say(&self, line: &str) {
        if !self.quiet {
            self.line(line);
        }
    }

    /// Was there any warning?
    pub(crate) fn has_warned(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Says how many warnings were counted but not shown.
    pub(crate) fn finish(&self) {
        let warnings = self.lock().clone();
        for (code, seen) in warnings {
            if seen.total > seen.shown {
                let more = seen.total - seen.shown;
                self.say(&format!("\u{1b}[33mwarning\u{1b}[0m: {more} more of kind {code}"));
            }
        }
    }

    fn line(&self, line: &str) {
        self.bars.suspend(|| {
            use std::io::Write as _;
            // A closed stderr is no reason to stop working.
            let _ignored = writeln!(anstream::stderr(), "{line}");
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Console {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) -> Box<dyn Task> {
        let bar = self
            .bars
            .add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        let template = match (total.is_some(), unit == "B") {
            (true, true) => {
                "{prefix} {wide_bar:.cyan/dim} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}".to_owned()
            }
            (true, false) => {
                format!("{{prefix}} {{wide_bar:.cyan/dim}} {{pos}}/{{len}} {unit} {{per_sec}} {{eta}} {{msg}}")
            }
            (false, _) => format!("{{spinner}} {{prefix}} {{pos}} {unit} {{elapsed}} {{msg}}"),
        };
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Box::new(Bar(bar))
    }

    fn warn(&self, warning: Warning) {
        let show = {
            let mut warnings = self.lock();
            let seen = warnings.entry(warning.code.clone()).or_default();
            let show = seen.lines < SHOWN_PER_CODE;
            seen.total += warning.count;
            if show {
                seen.lines += 1;
                seen.shown += warning.count;
            }
            show
        };
        if show && !self.quiet {
            let times = if warning.count > 1 {
                format!(" ({} times)", warning.count)
            } else {
                String::new()
            };
            self.line(&format!(
                "\u{1b}[33mwarning\u{1b}[0m: {}{times}: {} [{}]",
                warning.message, warning.location, warning.code
            ));
        }
    }
}

struct Bar(ProgressBar);

impl Task for Bar {
    fn advance(&self, amount: u64) {
        self.0.inc(amount);
    }

    fn note(&self, text: &str) {
        self.0.set_message(text.to_owned());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
