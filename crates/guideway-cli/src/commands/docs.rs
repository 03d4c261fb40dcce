//! `completions` and the hidden `docs`.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::{Command as ClapCommand, CommandFactory as _};
use guideway::Error;

use crate::cli::{Cli, CompletionsArgs, DocsCommand};
use crate::context::Outcome;

pub(crate) fn completions(args: &CompletionsArgs) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "guideway", &mut script);
    print(&script)
}

pub(crate) fn run(command: &DocsCommand) -> Result<Outcome, Error> {
    match command {
        DocsCommand::Cli => print(reference().as_bytes()),
        DocsCommand::Schemas => print((guideway::schemas().join("\n") + "\n").as_bytes()),
        DocsCommand::Schema { name } => {
            let schema = guideway::schema(name).ok_or_else(|| {
                Error::usage(
                    format!("there is no schema `{name}`"),
                    format!("the schemas are {}", guideway::schemas().join(", ")),
                )
            })?;
            print((schema + "\n").as_bytes())
        }
    }
}

fn print(bytes: &[u8]) -> Result<Outcome, Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Error::output)?;
    Ok(Outcome::Done)
}

/// The whole command line as Markdown.
fn reference() -> String {
    let mut root = Cli::command().term_width(100);
    root.build();
    let mut text = String::from(
        "# The command line\n\nGenerated from the program by `cargo xtask gen`; do not edit.\n\n\
         Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished with warnings or with data left out, \
         4 nothing selected, 10 gate not met, 130 interrupted.\n\n\
         Ctrl-C stops `ingest`, `dataset freeze`, `train`, `predict`, `track`, `mine`, `eval run`, `assert run`, `loop run` and `experiment run` at the \
         next safe point: they say what is kept and how to go on, and end with 130. A second Ctrl-C, like a kill, ends the program at once; what it had committed is kept too.\n",
    );
    section(&mut text, &mut root, "guideway", 2);
    text
}

fn section(text: &mut String, command: &mut ClapCommand, path: &str, level: usize) {
    let help = command.render_long_help().to_string();
    let help = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    // Writing to a string cannot fail.
    let _ignored = write!(
        text,
        "\n{} `{path}`\n\n```text\n{}\n```\n",
        "#".repeat(level.min(4)),
        help.trim_end()
    );
    let names: Vec<String> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for name in names {
        if let Some(sub) = command.find_subcommand_mut(&name) {
            section(text, sub, &format!("{path} {name}"), level + 1);
        }
    }
}
