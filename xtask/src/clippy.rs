//! Clippy on top of the ordinary build.
//!
//! `cargo clippy` compiles metadata of every dependency for itself, which on the engines takes many minutes after a build
//! that has made the same metadata already. Here `cargo build` runs with this program as the compiler wrapper of the
//! workspace's own crates: dependencies stay as they are, our crates go through `clippy-driver`, and since only its
//! findings matter, the wrapper asks for metadata alone: no code is generated and nothing is linked.
//!
//! Cargo then finds no libraries and programs where it expects some, so it looks at each of our crates every time. That
//! is wanted: no finding stays hidden behind a fresh artefact.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};

use crate::project::{Project, output, status};

/// Set for the wrapper: the path of `clippy-driver`.
const DRIVER: &str = "GUIDEWAY_XTASK_CLIPPY_DRIVER";
/// How `clippy-driver` gets its arguments in one variable: each ends with the mark.
const LINT_ARGS: &str = "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__";

/// Lints packages, or the whole workspace where none is named. A finding is a failure.
pub(crate) fn run(project: &Project, packages: &[String]) -> anyhow::Result<()> {
    let mut rustc = Command::new("rustc");
    let sysroot = output(rustc.current_dir(project.root()).args(["--print", "sysroot"]))?;
    let driver = Path::new(sysroot.trim())
        .join("bin")
        .join(format!("clippy-driver{}", std::env::consts::EXE_SUFFIX));
    if !driver.is_file() {
        bail!(
            "no clippy at {}; install it: rustup component add clippy",
            driver.display()
        );
    }
    let wrapper = std::env::current_exe().context("this program's own path cannot be found")?;
    let mut command = project.cargo();
    command.args(["build", "--release", "--all-targets", "--locked", "--keep-going"]);
    if packages.is_empty() {
        command.arg("--workspace");
    }
    for package in packages {
        command.args(["--package", package]);
    }
    command
        .env("RUSTC_WORKSPACE_WRAPPER", wrapper)
        .env(DRIVER, driver)
        .env("CLIPPY_ARGS", LINT_ARGS)
        .env("CLIPPY_CONF_DIR", project.root());
    status(&mut command)
}

/// The path of `clippy-driver` where this program runs as the compiler wrapper.
pub(crate) fn wrapped_driver() -> Option<PathBuf> {
    std::env::var_os(DRIVER).map(PathBuf::from)
}

/// Runs the compiler in place of cargo's call; the arguments are the compiler's path and its arguments.
pub(crate) fn wrapper_main(driver: &Path) -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let result = Command::new(driver).args(check_only(args, Path::is_file)).status();
    match result.map(|status| status.code()) {
        Ok(Some(0)) => ExitCode::SUCCESS,
        Ok(code) => ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(101)),
        Err(err) => {
            eprintln!("error: cannot run {}: {err}", driver.display());
            ExitCode::from(101)
        }
    }
}

/// The compiler's arguments, changed to write metadata alone and to read metadata of crates treated the same way.
///
/// Build scripts and procedural macros run during the build and keep their arguments.
fn check_only(args: Vec<OsString>, exists: impl Fn(&Path) -> bool) -> Vec<OsString> {
    let value_after = |flag: &str, test: &dyn Fn(&str) -> bool| {
        args.windows(2)
            .any(|pair| pair[0] == flag && pair[1].to_str().is_some_and(test))
    };
    let runs_in_build = value_after("--crate-name", &|name| name.starts_with("build_script_"))
        || value_after("--crate-type", &|kind| kind == "proc-macro");
    // Questions such as `--print` have no outputs; they pass unchanged as well.
    if runs_in_build {
        return args;
    }
    let mut changed: Vec<OsString> = Vec::with_capacity(args.len());
    for arg in args {
        let follows_extern = changed.last().is_some_and(|last| last == "--extern");
        let text = arg.to_str();
        if let Some(kinds) = text.and_then(|text| text.strip_prefix("--emit=")) {
            let dep_info = if kinds.split(',').any(|kind| kind == "dep-info") {
                "dep-info,"
            } else {
                ""
            };
            changed.push(OsString::from(format!("--emit={dep_info}metadata")));
        } else if follows_extern {
            changed.push(metadata_of(&arg, &exists).unwrap_or(arg));
        } else {
            changed.push(arg);
        }
    }
    changed
}

/// `name=libname.rlib` as `name=libname.rmeta`, where only the latter is there.
fn metadata_of(value: &OsStr, exists: &impl Fn(&Path) -> bool) -> Option<OsString> {
    let (name, file) = value.to_str()?.split_once('=')?;
    let library = Path::new(file);
    let metadata = library.with_extension("rmeta");
    let is_ours = library.extension()? == "rlib" && !exists(library) && exists(&metadata);
    is_ours.then(|| OsString::from(format!("{name}={}", metadata.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(args: &[&str], files: &[&str]) -> Vec<String> {
        let exists = |path: &Path| files.iter().any(|file| Path::new(file) == path);
        let args = args.iter().map(OsString::from).collect();
        check_only(args, exists)
            .into_iter()
            .map(|arg| arg.into_string().unwrap())
            .collect()
    }

    #[test]
    fn nothing_is_generated_and_metadata_is_read() {
        let args = [
            "rustc",
            "--crate-name",
            "app",
            "--crate-type",
            "bin",
            "--emit=dep-info,link",
            "--extern",
            "ours=/t/libours.rlib",
            "--extern",
            "serde=/t/libserde.rlib",
            "--extern",
            "noprelude:alloc=/t/liballoc.rmeta",
        ];
        let files = [
            "/t/libours.rmeta",
            "/t/libserde.rlib",
            "/t/libserde.rmeta",
            "/t/liballoc.rmeta",
        ];
        assert_eq!(
            changed(&args, &files),
            [
                "rustc",
                "--crate-name",
                "app",
                "--crate-type",
                "bin",
                "--emit=dep-info,metadata",
                "--extern",
                "ours=/t/libours.rmeta",
                "--extern",
                "serde=/t/libserde.rlib",
                "--extern",
                "noprelude:alloc=/t/liballoc.rmeta",
            ]
        );
    }

    #[test]
    fn what_runs_in_the_build_is_really_built() {
        for args in [
            [
                "rustc",
                "--crate-name",
                "build_script_build",
                "--crate-type",
                "bin",
                "--emit=dep-info,link",
            ],
            [
                "rustc",
                "--crate-name",
                "derive",
                "--crate-type",
                "proc-macro",
                "--emit=dep-info,link",
            ],
        ] {
            assert_eq!(changed(&args, &[]), args);
        }
    }

    #[test]
    fn questions_pass_unchanged() {
        let args = [
            "rustc",
            "-",
            "--crate-name",
            "___",
            "--print=file-names",
            "--crate-type",
            "bin",
            "--print=cfg",
        ];
        assert_eq!(changed(&args, &[]), args);
    }
}
