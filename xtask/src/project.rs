//! The project's folder, its files, and the way to run cargo on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// The workspace that this program checks.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    root: PathBuf,
}

impl Project {
    /// The nearest folder at or above the working directory that holds `xtask/layers.toml`.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("the working directory cannot be read")?;
        for folder in here.ancestors() {
            if folder.join("xtask/layers.toml").is_file() {
                return Ok(Self {
                    root: folder.to_path_buf(),
                });
            }
        }
        bail!(
            "no guideway project at or above {}; run this inside a checkout",
            here.display()
        )
    }

    /// The project's root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A cargo command in the project's root, in the environment that a person's shell would give it.
    ///
    /// `cargo run` describes its own package to the programs it starts; dependencies' build scripts that watch those
    /// variables would run again under a nested cargo, and everything above them would be compiled again.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let describes_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CFG_"];
            if describes_package.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command
    }

    /// What `cargo metadata` says; `resolved` adds the dependency graph for this machine's platform.
    pub(crate) fn metadata(&self, resolved: bool) -> anyhow::Result<Value> {
        let mut command = self.cargo();
        command.args(["metadata", "--format-version", "1", "--locked"]);
        if resolved {
            command.args(["--filter-platform", &host(self)?]);
        } else {
            command.arg("--no-deps");
        }
        let text = output(&mut command)?;
        serde_json::from_str(&text).context("`cargo metadata` did not print JSON")
    }

    /// The folder of cargo's artefacts.
    pub(crate) fn target_dir(&self) -> anyhow::Result<PathBuf> {
        let metadata = self.metadata(false)?;
        let Some(folder) = metadata["target_directory"].as_str() else {
            bail!("`cargo metadata` named no target_directory");
        };
        Ok(PathBuf::from(folder))
    }

    /// The project's own Rust files, relative to the root and sorted: tracked by git and new ones it does not ignore.
    ///
    /// Outside a git checkout (an unpacked archive) all `.rs` files below `crates`, `xtask`, `fuzz` and `bench`.
    pub(crate) fn rust_files(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut git = Command::new("git");
        git.current_dir(&self.root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.rs"]);
        let mut files: Vec<PathBuf> = Vec::new();
        if let Ok(text) = output(&mut git) {
            files.extend(text.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from));
        } else {
            for folder in ["crates", "xtask", "fuzz", "bench"] {
                walk(&self.root, Path::new(folder), &mut files)?;
            }
        }
        // A file that is deleted but not yet staged is still listed.
        files.retain(|file| self.root.join(file).is_file());
        files.sort();
        files.dedup();
        if files.is_empty() {
            bail!("no Rust files found below {}", self.root.display());
        }
        Ok(files)
    }

    /// The text of a file named relative to the root; bytes that are not UTF-8 are replaced.
    pub(crate) fn read(&self, file: &Path) -> anyhow::Result<String> {
        let path = self.root.join(file);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Adds the `.rs` files below `folder` (relative to `root`), skipping build outputs.
fn walk(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))? {
        let entry = entry.with_context(|| format!("cannot list {}", path.display()))?;
        let relative = folder.join(entry.file_name());
        let kind = entry
            .file_type()
            .with_context(|| format!("cannot look at {}", relative.display()))?;
        if kind.is_dir() && entry.file_name() != "target" {
            walk(root, &relative, found)?;
        } else if kind.is_file() && relative.extension().is_some_and(|ext| ext == "rs") {
            found.push(relative);
        }
    }
    Ok(())
}

/// This machine's platform, such as `x86_64-unknown-linux-gnu`.
fn host(project: &Project) -> anyhow::Result<String> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(project.root()).arg("-vV");
    let text = output(&mut rustc)?;
    match text.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("`rustc -vV` named no host"),
    }
}

/// What a command prints on stdout; a failure carries its stderr.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let shown = show(command);
    let output = command.output().with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed ({}):\n{}", output.status, stderr.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed bytes that are not UTF-8"))
}

/// Runs a command with its output shown; a failure is an error.
pub(crate) fn status(command: &mut Command) -> anyhow::Result<()> {
    let shown = show(command);
    eprintln!("+ {shown}");
    let status = command.status().with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Whether a command can be started and answers with success; its output is dropped.
pub(crate) fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The command as a person would type it.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    let mut text = name.into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
