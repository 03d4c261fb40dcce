//! The `guideway` command line: parse, run, print, and map the outcome to an exit code, all in one place.

mod cli;
mod commands;
mod context;
mod interrupt;
mod output;
mod progress;

use std::error::Error as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use guideway::core::{Hint as _, exit};

use crate::cli::Cli;
use crate::context::Context;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(err) => {
            let code = if err.use_stderr() { exit::USAGE } else { exit::OK };
            // Nothing is left to be done when the terminal is gone.
            let _ignored = err.print();
            return ExitCode::from(code);
        }
    };
    init_logging(cli.global.verbose);
    let context = Context::new(cli.global);
    let code = match commands::run(&context, cli.command) {
        Ok(outcome) => outcome.code(),
        Err(err) if err.is_broken_pipe() => exit::OK,
        Err(err) => {
            print_error(&err);
            err.exit_code()
        }
    };
    context.console.finish();
    ExitCode::from(code)
}

/// The error, its causes, then what to do next.
fn print_error(err: &guideway::Error) {
    let mut text = format!("\u{1b}[31merror\u{1b}[0m: {err}");
    let mut cause = err.source();
    let mut last = err.to_string();
    while let Some(err) = cause {
        let line = err.to_string();
        // Transparent wrappers repeat their source.
        if !last.contains(&line) {
            text.push_str("\n  cause: ");
            text.push_str(&line);
        }
        last = line;
        cause = err.source();
    }
    if let Some(hint) = err.hint() {
        text.push_str("\n\n\u{1b}[36mhint\u{1b}[0m: ");
        text.push_str(&hint);
    }
    // A closed stderr leaves the exit code to speak.
    let _ignored = writeln!(anstream::stderr(), "{text}");
}

fn init_logging(verbose: u8) {
    let default = match verbose {
        0 => "off",
        1 => "guideway=info",
        2 => "guideway=debug,info",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("GUIDEWAY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
