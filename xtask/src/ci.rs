//! The continuous integration's jobs, each one command that works the same on a person's machine, cheapest first.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::project::{Project, output, status, works};
use crate::{clippy, features, generate, layers, size, words};

/// One job.
#[derive(Debug, Clone, Copy)]
struct Job {
    name: &'static str,
    about: &'static str,
    /// Part of `all`.
    in_all: bool,
    run: fn(&Project, &[String]) -> anyhow::Result<()>,
}

/// All jobs, in the order in which `all` runs them.
const JOBS: [Job; 11] = [
    Job {
        name: "fmt",
        about: "the code is formatted",
        in_all: true,
        run: |project, _| fmt(project),
    },
    Job {
        name: "layers",
        about: "dependency arrows as in layers.toml",
        in_all: true,
        run: |p, _| layers::run(p),
    },
    Job {
        name: "features",
        about: "building and testing share artefacts",
        in_all: true,
        run: |p, _| features::run(p),
    },
    Job {
        name: "size",
        about: "no file too long",
        in_all: true,
        run: |p, _| size::run(p),
    },
    Job {
        name: "words",
        about: "nothing unfinished",
        in_all: true,
        run: |p, _| words::run(p),
    },
    Job {
        name: "deny",
        about: "licences, bans and sources, where cargo-deny is installed",
        in_all: true,
        run: |p, _| deny(p),
    },
    Job {
        name: "clippy",
        about: "no lint findings",
        in_all: true,
        run: clippy::run,
    },
    Job {
        name: "doc",
        about: "the documentation's examples run",
        in_all: true,
        run: doc,
    },
    Job {
        name: "gen",
        about: "generated files are up to date",
        in_all: true,
        run: |p, _| generate::run(p, true),
    },
    // Last, so that the runner's counts are the last thing before the summary.
    Job {
        name: "test",
        about: "unit and integration tests",
        in_all: true,
        run: test,
    },
    Job {
        name: "fuzz-build",
        about: "fuzz targets compile (nightly, cargo-fuzz)",
        in_all: false,
        run: |p, _| fuzz_build(p),
    },
];

/// Prints the jobs.
pub(crate) fn list() {
    for job in JOBS {
        let note = if job.in_all { "" } else { " (not part of all)" };
        println!("{:<12}{}{note}", job.name, job.about);
    }
}

/// Runs the named jobs in order and prints what each took. All are run even if one fails; then the whole fails.
pub(crate) fn run(project: &Project, names: &[String], packages: &[String]) -> anyhow::Result<()> {
    let jobs = select(names)?;
    let mut results: Vec<(&str, Duration, anyhow::Result<()>)> = Vec::new();
    for job in jobs {
        eprintln!("── {}: {}", job.name, job.about);
        let started = now();
        let result = (job.run)(project, packages);
        if let Err(err) = &result {
            eprintln!("error: {err:#}");
        }
        results.push((job.name, started.elapsed(), result));
    }
    let failed = results.iter().filter(|(_, _, result)| result.is_err()).count();
    println!("\n{:<12}{:>9}  result", "job", "seconds");
    for (name, took, result) in &results {
        println!(
            "{name:<12}{:>9.1}  {}",
            took.as_secs_f64(),
            if result.is_ok() { "ok" } else { "FAILED" }
        );
    }
    if failed > 0 {
        bail!("{failed} of {} jobs failed", results.len());
    }
    Ok(())
}

/// A point in time to measure from.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a job takes is for the reader; no result depends on it"
)]
fn now() -> Instant {
    Instant::now()
}

/// The jobs that the names ask for; `all` stands for every job that is part of it.
fn select(names: &[String]) -> anyhow::Result<Vec<Job>> {
    for name in names {
        if name != "all" && !JOBS.iter().any(|job| job.name == name) {
            let known: Vec<&str> = JOBS.iter().map(|job| job.name).collect();
            bail!("no job {name:?}; there are all, {}", known.join(", "));
        }
    }
    let all = names.iter().any(|name| name == "all");
    let wanted = |job: &Job| (all && job.in_all) || names.iter().any(|name| name == job.name);
    Ok(JOBS.into_iter().filter(wanted).collect())
}

/// Adds the packages to a cargo command, the whole workspace where none is named.
fn with_packages<'a>(command: &'a mut Command, packages: &[String]) -> &'a mut Command {
    if packages.is_empty() {
        return command.arg("--workspace");
    }
    packages
        .iter()
        .fold(command, |command, package| command.args(["--package", package]))
}

fn fmt(project: &Project) -> anyhow::Result<()> {
    status(project.cargo().args(["fmt", "--all", "--check"]))
}

fn deny(project: &Project) -> anyhow::Result<()> {
    if !works(project.cargo().args(["deny", "--version"])) {
        println!("SKIPPED: cargo-deny is not installed; cargo install --locked cargo-deny");
        return Ok(());
    }
    // The advisories need the network and change under our feet; they are a job of their own, not of a build.
    status(
        project
            .cargo()
            .args(["deny", "--offline", "check", "licenses", "bans", "sources"]),
    )
}

fn test(project: &Project, packages: &[String]) -> anyhow::Result<()> {
    let skipped = project.target_dir()?.join("skipped-tests.txt");
    if let Err(err) = std::fs::remove_file(&skipped)
        && err.kind() != std::io::ErrorKind::NotFound
    {
        return Err(err).with_context(|| format!("removing {}", skipped.display()));
    }
    let result = run_tests(project, packages, &skipped);
    say_skipped(&std::fs::read_to_string(&skipped).unwrap_or_default());
    result
}

/// A skipped test passes, and must not pass for one that was run.
fn say_skipped(reasons: &str) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons.lines() {
        *counts.entry(reason).or_default() += 1;
    }
    for (reason, count) in counts {
        println!("SKIPPED {count}×: {reason}");
    }
}

fn run_tests(project: &Project, packages: &[String], skipped: &Path) -> anyhow::Result<()> {
    let mut command = project.cargo();
    command.env("GUIDEWAY_SKIPPED", skipped);
    if works(project.cargo().args(["nextest", "--version"])) {
        command.args(["nextest", "run", "--release", "--locked"]);
        return status(with_packages(&mut command, packages));
    }
    println!("cargo-nextest is not installed: running the tests with cargo test");
    command.args([
        "test",
        "--release",
        "--locked",
        "--no-fail-fast",
        "--lib",
        "--bins",
        "--tests",
        "--examples",
    ]);
    status(with_packages(&mut command, packages))
}

fn doc(project: &Project, packages: &[String]) -> anyhow::Result<()> {
    let mut command = project.cargo();
    command.args(["test", "--release", "--locked", "--quiet", "--doc"]);
    status(with_packages(&mut command, packages))
}

fn fuzz_build(project: &Project) -> anyhow::Result<()> {
    let toolchain = output(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    let has_nightly = toolchain.lines().any(|line| line.starts_with("nightly"));
    if !has_nightly || !works(project.cargo().args(["fuzz", "--version"])) {
        println!("SKIPPED: needs a nightly toolchain and cargo-fuzz");
        return Ok(());
    }
    // The proxy picks the toolchain from the environment, where cargo has put the pinned one.
    let mut command = Command::new("cargo");
    command
        .current_dir(project.root())
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .args(["fuzz", "build"]);
    status(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Vec<&'static str> {
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        select(&asked).unwrap().iter().map(|job| job.name).collect()
    }

    #[test]
    fn all_leaves_out_the_optional_jobs_and_keeps_the_order() {
        let all = names(&["all"]);
        assert_eq!(all.first(), Some(&"fmt"));
        assert_eq!(all.last(), Some(&"test"));
        assert!(!all.contains(&"fuzz-build"));
        assert_eq!(names(&["words", "fmt", "words"]), ["fmt", "words"]);
        assert!(names(&["all", "fuzz-build"]).contains(&"fuzz-build"));
    }

    #[test]
    fn an_unknown_job_is_an_error_that_lists_the_known_ones() {
        let err = select(&["tests".to_owned()]).unwrap_err().to_string();
        assert!(err.contains("no job \"tests\"") && err.contains("fuzz-build"), "{err}");
    }

    #[test]
    fn packages_replace_the_workspace() {
        let args = |packages: &[String]| {
            let mut command = Command::new("cargo");
            let args = with_packages(&mut command, packages).get_args();
            args.map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(args(&[]), ["--workspace"]);
        assert_eq!(
            args(&["a".to_owned(), "b".to_owned()]),
            ["--package", "a", "--package", "b"]
        );
    }
}
