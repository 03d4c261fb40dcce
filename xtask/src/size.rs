//! File lengths: a file that nobody can hold in their head is split before it grows further.

use std::path::Path;

use anyhow::bail;

use crate::project::Project;

/// Above this many lines a file is reported.
const WARN_LINES: usize = 800;
/// Above this many lines the check fails.
const FAIL_LINES: usize = 1200;

/// How long a file may be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    Long,
    TooLong,
}

/// Checks every Rust file of the project.
pub(crate) fn run(project: &Project) -> anyhow::Result<()> {
    let files = project.rust_files()?;
    let mut too_long = 0_usize;
    for file in &files {
        let lines = code_lines(&project.read(file)?);
        match judge(file, lines) {
            Verdict::Fine => {}
            Verdict::Long => eprintln!("warning: {lines} lines, better under {WARN_LINES}: {}", file.display()),
            Verdict::TooLong => {
                too_long += 1;
                eprintln!("error: {lines} lines, at most {FAIL_LINES}: {}", file.display());
            }
        }
    }
    if too_long > 0 {
        bail!("{too_long} file(s) over {FAIL_LINES} lines; split them by topic");
    }
    println!("size: {} Rust files, none over {FAIL_LINES} lines", files.len());
    Ok(())
}

/// Lines up to the file's own test module, which may be as long as it needs.
fn code_lines(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

/// Test code is exempt: long tables of cases are easier to read in one piece.
fn judge(file: &Path, lines: usize) -> Verdict {
    let is_test = file.components().any(|part| part.as_os_str() == "tests")
        || file
            .file_stem()
            .is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"));
    if is_test || lines <= WARN_LINES {
        Verdict::Fine
    } else if lines <= FAIL_LINES {
        Verdict::Long
    } else {
        Verdict::TooLong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive() {
        let file = Path::new("crates/a/src/lib.rs");
        assert_eq!(judge(file, WARN_LINES), Verdict::Fine);
        assert_eq!(judge(file, WARN_LINES + 1), Verdict::Long);
        assert_eq!(judge(file, FAIL_LINES), Verdict::Long);
        assert_eq!(judge(file, FAIL_LINES + 1), Verdict::TooLong);
    }

    #[test]
    fn tests_are_exempt() {
        for file in [
            "crates/a/tests/it/main.rs",
            "crates/a/src/reader/tests.rs",
            "crates/a/src/reader_tests.rs",
        ] {
            assert_eq!(judge(Path::new(file), 5000), Verdict::Fine, "{file}");
        }
        assert_eq!(judge(Path::new("crates/a/src/contests.rs"), 5000), Verdict::TooLong);
    }

    #[test]
    fn a_trailing_test_module_does_not_count() {
        assert_eq!(code_lines("//! A\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n"), 3);
        assert_eq!(code_lines(""), 0);
    }
}
