//! One module a noun; each function turns arguments into a call of the facade and its answer into a [`Report`].
//!
//! [`Report`]: crate::output::Report

mod assertions;
mod bug;
mod data;
mod dataset;
mod docs;
mod eval;
mod event;
mod files;
mod label;
mod lineage;
mod log;
mod mine;
mod model;
mod rounds;
mod slices;
mod track;
mod workspace;
mod world;

use guideway::Error;

use crate::cli::Command;
use crate::context::{Context, Outcome};

/// Runs a command.
pub(crate) fn run(context: &Context, command: Command) -> Result<Outcome, Error> {
    match command {
        Command::Init(args) => workspace::init(context, &args),
        Command::Ingest(args) => data::ingest(context, &args),
        Command::Log(command) => log::run(context, &command),
        Command::World(command) => world::run(context, &command),
        Command::Query(args) => data::query(context, &args),
        Command::Dataset(command) => dataset::run(context, &command),
        Command::Train(args) => model::train(context, &args),
        Command::Model(command) => model::run(context, &command),
        Command::Predict(args) => model::predict(context, &args),
        Command::Track(args) => track::run(context, &args),
        Command::Bug(command) => bug::run(context, &command),
        Command::Label(command) => label::run(context, &command),
        Command::Slices(args) => slices::run(context, &args),
        Command::Mine(args) => mine::mine(context, &args),
        Command::Loop(command) => rounds::run(context, &command),
        Command::Experiment(command) => rounds::experiment(context, &command),
        Command::Eval(command) => eval::run(context, &command),
        Command::Assert(command) => assertions::assert(context, &command),
        Command::Ticket(command) => assertions::ticket(context, &command),
        Command::Event(command) => event::run(context, &command),
        Command::Trace(args) => lineage::trace(context, &args),
        Command::Tables(args) => workspace::tables(context, &args),
        Command::Doctor(args) => workspace::doctor(context, &args),
        Command::Config(command) => workspace::config(context, &command),
        Command::Completions(args) => docs::completions(&args),
        Command::Docs(command) => docs::run(&command),
    }
}
