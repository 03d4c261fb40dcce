//! The guideway command line.
fn main() {}
