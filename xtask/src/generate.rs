//! Generated documents: the CLI reference and the configuration schemas, printed by the program itself.
//!
//! The program has hidden subcommands for this: `guideway docs cli` prints the reference in Markdown, `guideway docs
//! schemas` the names of the configuration schemas, one a line, and `guideway docs schema NAME` one of them as JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::project::{Project, output};

/// Where the schemas lie, relative to the root.
const SCHEMAS: &str = "docs/schema";
/// Changed lines shown for each file.
const SHOWN_LINES: usize = 12;

/// Writes the documents, or with `check` compares them with what lies on disk.
pub(crate) fn run(project: &Project, check: bool) -> anyhow::Result<()> {
    let wanted = generate(&program(project)?)?;
    let present = on_disk(project)?;
    let changes = compare(&wanted, &present);
    if check {
        for (file, summary) in &changes {
            eprintln!("error: {} is out of date\n{summary}", file.display());
        }
        if !changes.is_empty() {
            bail!(
                "{} generated file(s) out of date; run `cargo xtask gen` and commit the result",
                changes.len()
            );
        }
        println!("gen: {} generated files up to date", wanted.len());
        return Ok(());
    }
    for file in changes.keys() {
        let path = project.root().join(file);
        if let Some(text) = wanted.get(file) {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            }
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            println!("wrote {}", file.display());
        } else {
            std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            println!("removed {}", file.display());
        }
    }
    println!("gen: {} generated files, {} changed", wanted.len(), changes.len());
    Ok(())
}

/// The built program: `GUIDEWAY_BIN`, else the release build's. It is not built here, so that a check never starts a build.
fn program(project: &Project) -> anyhow::Result<PathBuf> {
    let name = format!("guideway{}", std::env::consts::EXE_SUFFIX);
    let path = match std::env::var_os("GUIDEWAY_BIN") {
        Some(path) => PathBuf::from(path),
        None => project.target_dir()?.join("release").join(name),
    };
    if !path.is_file() {
        bail!(
            "no program at {}; build it first: make build (or set GUIDEWAY_BIN)",
            path.display()
        );
    }
    Ok(path)
}

/// All documents, by their path relative to the root.
fn generate(program: &Path) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let ask = |args: &[&str]| {
        // The width of a terminal and colours must not find their way into a document.
        let mut command = Command::new(program);
        command
            .args(args)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .env_remove("CLICOLOR_FORCE");
        Ok::<_, anyhow::Error>(tidy(&output(&mut command)?))
    };
    let mut documents = BTreeMap::from([(PathBuf::from("docs/cli.md"), ask(&["docs", "cli"])?)]);
    let names = ask(&["docs", "schemas"])?;
    for name in names.lines().map(str::trim).filter(|name| !name.is_empty()) {
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            bail!("`guideway docs schemas` names {name:?}, which cannot be a file name");
        }
        let schema = ask(&["docs", "schema", name])?;
        serde_json::from_str::<serde_json::Value>(&schema)
            .with_context(|| format!("`guideway docs schema {name}` did not print JSON"))?;
        documents.insert(Path::new(SCHEMAS).join(format!("{name}.json")), schema);
    }
    Ok(documents)
}

/// One line end at the end, none before line ends: what editors and git expect of a text file.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    for line in text.trim_end().lines() {
        tidied.push_str(line.trim_end());
        tidied.push('\n');
    }
    tidied
}

/// The generated files that are there now.
fn on_disk(project: &Project) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut files = vec![PathBuf::from("docs/cli.md")];
    let folder = project.root().join(SCHEMAS);
    if folder.is_dir() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let name = entry
                .with_context(|| format!("cannot list {}", folder.display()))?
                .file_name();
            if Path::new(&name).extension().is_some_and(|ext| ext == "json") {
                files.push(Path::new(SCHEMAS).join(name));
            }
        }
    }
    let mut present = BTreeMap::new();
    for file in files {
        if project.root().join(&file).is_file() {
            let text = project.read(&file)?;
            present.insert(file, text);
        }
    }
    Ok(present)
}

/// What must be written or removed, with a summary of the difference for each file.
fn compare(wanted: &BTreeMap<PathBuf, String>, present: &BTreeMap<PathBuf, String>) -> BTreeMap<PathBuf, String> {
    let mut changes = BTreeMap::new();
    for (file, text) in wanted {
        match present.get(file) {
            None => {
                changes.insert(file.clone(), "  the file is missing".to_owned());
            }
            Some(old) if old != text => {
                changes.insert(file.clone(), difference(old, text));
            }
            Some(_) => {}
        }
    }
    for file in present.keys().filter(|file| !wanted.contains_key(*file)) {
        changes.insert(file.clone(), "  the program no longer has this".to_owned());
    }
    changes
}

/// The lines between the common start and the common end, removed ones first, at most a few.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    let mut lines = vec![format!(
        "  from line {}: {} line(s) become {}",
        start + 1,
        old.len(),
        new.len()
    )];
    for (mark, side) in [('-', old), ('+', new)] {
        lines.extend(side.iter().take(SHOWN_LINES).map(|line| format!("  {mark} {line}")));
        if side.len() > SHOWN_LINES {
            lines.push(format!("  {mark} … {} more", side.len() - SHOWN_LINES));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
        list.iter()
            .map(|(name, text)| (PathBuf::from(name), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn missing_changed_and_left_over_files_are_told_apart() {
        let wanted = files(&[("a", "1\n"), ("b", "1\n2\n3\n"), ("c", "1\n")]);
        let present = files(&[("b", "1\nx\n3\n"), ("c", "1\n"), ("d", "1\n")]);
        let changes = compare(&wanted, &present);
        assert_eq!(
            changes,
            files(&[
                ("a", "  the file is missing"),
                ("b", "  from line 2: 1 line(s) become 1\n  - x\n  + 2"),
                ("d", "  the program no longer has this"),
            ])
        );
    }

    #[test]
    fn long_differences_are_cut_and_pure_additions_work() {
        let new = "line\n".repeat(30);
        let text = difference("", &new);
        assert!(text.starts_with("  from line 1: 0 line(s) become 30"), "{text}");
        assert!(text.ends_with("… 18 more"), "{text}");
        assert_eq!(
            difference("a\na\n", "a\na\na\n"),
            "  from line 3: 0 line(s) become 1\n  + a"
        );
    }

    #[test]
    fn texts_end_with_one_line_end() {
        assert_eq!(tidy("a  \n\nb\n\n\n"), "a\n\nb\n");
        assert_eq!(tidy("a"), "a\n");
    }

    #[cfg(unix)]
    #[test]
    fn documents_come_from_the_program() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../target")
            .join("xtask-generate-test");
        std::fs::create_dir_all(&folder).unwrap();
        let script = folder.join("guideway");
        let write = |body: &str| {
            std::fs::write(&script, format!("#!/bin/sh\n{body}\n")).unwrap();
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        write(
            r#"case "$*" in
"docs cli") echo "reference";;
"docs schemas") printf 'project\ndetector\n';;
"docs schema project") echo '{"title": "project"}';;
"docs schema detector") echo '{}';;
*) exit 9;; esac"#,
        );
        let documents = generate(&script).unwrap();
        assert_eq!(
            documents,
            files(&[
                ("docs/cli.md", "reference\n"),
                ("docs/schema/detector.json", "{}\n"),
                ("docs/schema/project.json", "{\"title\": \"project\"}\n"),
            ])
        );
        write(r#"if [ "$2" = schemas ]; then echo ../../evil; fi"#);
        assert!(
            generate(&script)
                .unwrap_err()
                .to_string()
                .contains("cannot be a file name")
        );
        write("exit 3");
        assert!(format!("{:#}", generate(&script).unwrap_err()).contains("docs cli` failed"));
    }
}
