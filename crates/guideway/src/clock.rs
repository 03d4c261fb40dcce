//! The wall clock, the machine and the code version: read in one place, for lineage records only.

use std::time::{SystemTime, UNIX_EPOCH};

use guideway_store::Operation;
use serde_json::{Value, json};

/// Release, and the commit it was built from where known.
pub(crate) fn code_version() -> String {
    match option_env!("GUIDEWAY_COMMIT") {
        Some(commit) if !commit.is_empty() => format!("guideway {} ({commit})", env!("CARGO_PKG_VERSION")),
        _ => format!("guideway {}", env!("CARGO_PKG_VERSION")),
    }
}

/// Nanoseconds since 1970, UTC. Results never depend on it; lineage records say when something was done.
pub(crate) fn now_ns() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the one clock: for lineage records only")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or(0)
}

/// The machine that computes.
pub(crate) fn machine() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    if host.is_empty() {
        "unknown".to_owned()
    } else {
        host.to_owned()
    }
}

/// Machine, operating system and number of cores.
pub(crate) fn environment() -> Value {
    json!({
        "machine": machine(),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
    })
}

/// An operation that began at `started_ns` and ends now.
pub(crate) fn operation(kind: &str, user: &str, started_ns: i64) -> Operation {
    let ended_ns = now_ns();
    let mut operation = Operation::new(kind);
    operation.code_version = code_version();
    operation.environment = environment();
    user.clone_into(&mut operation.user);
    operation.started_ns = started_ns;
    operation.ended_ns = ended_ns;
    operation.cost = json!({ "machine_seconds": (ended_ns - started_ns).max(0) as f64 * 1e-9 });
    operation
}
