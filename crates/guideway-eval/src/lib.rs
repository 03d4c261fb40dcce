//! Metrics, events and statistics of perception results: pure functions over arrays.
