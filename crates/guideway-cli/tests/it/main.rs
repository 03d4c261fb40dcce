//! The program as a user meets it: what it prints, on which stream, and the exit code.

mod errors;
mod support;
mod tour;
