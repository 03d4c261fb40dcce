//! One set of artefacts for building and testing.
//!
//! Cargo compiles a dependency once for each set of features that is asked of it. A test-only dependency that turns on a
//! feature of a package which the program uses as well makes `cargo build` and `cargo test` compile that package twice,
//! and everything above it: on the engines this costs many minutes. `cargo tree` lists what each of the two asks for.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;

use crate::project::{Project, output};

/// Package (name and version) → the feature sets that it is built with.
type Asked = BTreeMap<String, BTreeSet<String>>;

/// Checks the project.
pub(crate) fn run(project: &Project) -> anyhow::Result<()> {
    let program = asked(project, "normal,build")?;
    let tests = asked(project, "normal,build,dev")?;
    let faults = differences(&program, &tests);
    for fault in &faults {
        eprintln!("error: {fault}");
    }
    if !faults.is_empty() {
        bail!(
            "{} package(s) would be compiled once for the program and once for its tests; ask for the same features in a \
             normal dependency (see ciborium in xtask/Cargo.toml)",
            faults.len()
        );
    }
    println!(
        "features: {} packages, the same for building and testing",
        program.len()
    );
    Ok(())
}

/// The packages and features along the given kinds of dependencies.
fn asked(project: &Project, kinds: &str) -> anyhow::Result<Asked> {
    let mut command = project.cargo();
    command.args([
        "tree",
        "--workspace",
        "--locked",
        "--prefix",
        "none",
        "--format",
        "{p}|{f}",
        "--edges",
        kinds,
    ]);
    Ok(parse(&output(&mut command)?))
}

/// Reads lines of `package|features`, which may end in cargo's mark for a repeated subtree.
fn parse(text: &str) -> Asked {
    let mut asked = Asked::new();
    for line in text.lines() {
        let line = line.trim_end().trim_end_matches("(*)").trim_end();
        if let Some((package, features)) = line.split_once('|') {
            asked.entry(package.to_owned()).or_default().insert(features.to_owned());
        }
    }
    asked
}

/// What the program asks for and the tests do not, as sentences.
fn differences(program: &Asked, tests: &Asked) -> Vec<String> {
    let mut found = Vec::new();
    for (package, sets) in program {
        let Some(tested) = tests.get(package) else { continue };
        for set in sets.difference(tested) {
            let has: BTreeSet<&str> = set.split(',').collect();
            let more: BTreeSet<&str> = tested
                .iter()
                .flat_map(|set| set.split(','))
                .filter(|f| !has.contains(f))
                .collect();
            let more: Vec<&str> = more.into_iter().collect();
            found.push(format!("the tests turn on `{}` of {package}", more.join(",")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_that_only_the_tests_ask_for_is_found() {
        let program = parse("app v1|\ncbor v0.2|\nserde v1|std (*)\n");
        let tests = parse("app v1|\ncbor v0.2|default,std\nserde v1|std\nbench v1|\n");
        assert_eq!(
            differences(&program, &tests),
            ["the tests turn on `default,std` of cbor v0.2"]
        );
        assert_eq!(differences(&program, &program), Vec::<String>::new());
    }

    #[test]
    fn the_same_package_for_host_and_target_may_differ() {
        let program = parse("syn v2|full\nsyn v2|full,visit\n");
        assert_eq!(program["syn v2"].len(), 2);
        assert_eq!(differences(&program, &program), Vec::<String>::new());
    }
}
