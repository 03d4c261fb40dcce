//! The way to real test data, to the numbers of reference implementations, and to Python. Unpublished.

mod reference;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use reference::{Compared, cases};

/// The folder of real test data, or `None` with a loud note that the calling test is skipped.
///
/// Looked for in `GUIDEWAY_TEST_DATA`, else in `../shared/data` beside the project. The data are not part of the project.
///
/// ```no_run
/// let Some(cases) = guideway_testkit::data("ref_coco_ap/visible") else { return };
/// ```
pub fn data(relative: &str) -> Option<PathBuf> {
    let root = std::env::var_os("GUIDEWAY_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join(relative);
    if path.exists() {
        return Some(path.canonicalize().unwrap_or(path));
    }
    skip(&format!("no test data at {}; set GUIDEWAY_TEST_DATA", path.display()));
    None
}

/// Says that a test did not run, and why: on stderr, which test runners hide for tests that pass, and in the file that
/// `GUIDEWAY_SKIPPED` names, which the test command shows at its end.
#[expect(clippy::print_stderr, reason = "a skipped test must be visible in the test log")]
pub fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
    if let Some(path) = std::env::var_os("GUIDEWAY_SKIPPED") {
        // One short write each, so that tests of several processes do not mix their lines.
        let file = OpenOptions::new().create(true).append(true).open(path);
        drop(file.and_then(|mut file| file.write_all(format!("{why}\n").as_bytes())));
    }
}

/// The JSON value in a file.
///
/// # Panics
/// When the file cannot be read or parsed: this is for tests.
#[expect(clippy::panic, reason = "test support: a broken fixture must fail the test")]
pub fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

/// A Python that can import these modules (`"lance"`, `"mcap, numpy"`), or `None` with a loud note that the calling test is
/// skipped.
///
/// Looked for in `GUIDEWAY_PYTHON`, else in `.venv` of the project; `scripts/python-requirements.txt` says what belongs there.
pub fn python(modules: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    let named = std::env::var_os("GUIDEWAY_PYTHON").map(PathBuf::from);
    for python in named.into_iter().chain([here]) {
        let tried = Command::new(&python)
            .args(["-c", &format!("import {modules}")])
            .output();
        if tried.is_ok_and(|output| output.status.success()) {
            return Some(python);
        }
    }
    skip(&format!(
        "no Python that can `import {modules}`; set GUIDEWAY_PYTHON, or install scripts/python-requirements.txt into .venv"
    ));
    None
}
