//! Checks and generators of the guideway workspace.
fn main() {}
