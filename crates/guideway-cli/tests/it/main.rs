//! The program as a user meets it: what it prints, on which stream, and the exit code.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod assertions;
mod bug;
mod errors;
mod event;
mod failures;
mod files;
mod foreign;
mod interrupt;
mod kill;
mod label;
mod mine;
mod refusals;
mod rounds;
mod solids;
mod space;
mod support;
mod tour;
mod track;
mod world;
