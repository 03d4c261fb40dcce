//! Integration tests of the store.

mod atomic;
mod doctor;
mod frozen;
mod kill;
mod lineage;
mod python;
mod sql;
mod support;
mod trace_speed;
