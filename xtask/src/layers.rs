//! The architecture's arrows: what depends on what is compared with `xtask/layers.toml`.
//!
//! Three questions, asked of `cargo metadata`:
//! 1. does every workspace crate have a row, and does it name only the workspace crates that its row allows?
//! 2. does a crate reach an engine (tables, deep learning) other than by way of the engine's owner?
//! 3. does a pure crate link anything that pure crates never link?
//!
//! The dependency graph is that of the whole workspace on this platform: what a workspace build really links.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::project::Project;

/// The rules as data.
const TABLE: &str = include_str!("../layers.toml");

/// `layers.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Workspace crates that every crate's tests may use.
    dev_everywhere: BTreeSet<String>,
    /// Families of packages that no pure crate links.
    pure_forbids: Vec<String>,
    /// Heavy dependencies with one owner each.
    #[serde(default)]
    engine: Vec<Engine>,
    /// One row for each workspace crate.
    #[serde(rename = "crate")]
    crates: BTreeMap<String, Row>,
}

/// A heavy dependency that one crate alone may name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Engine {
    name: String,
    owner: String,
    packages: Vec<String>,
}

/// What a crate may depend on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// For the reader of the table; must be given.
    role: String,
    may_depend_on: BTreeSet<String>,
    #[serde(default)]
    may_dev_depend_on: BTreeSet<String>,
    #[serde(default)]
    pure: bool,
    #[serde(default)]
    forbids: Vec<String>,
}

/// The part of `cargo metadata` that the rules look at.
#[derive(Debug, Default)]
struct Graph {
    /// Workspace crates, by name: the names of their direct dependencies, with whether each is for tests only.
    members: BTreeMap<String, BTreeSet<(String, bool)>>,
    /// Every package id, with its name.
    names: BTreeMap<String, String>,
    /// Package id → ids that it links (normal and build dependencies, not those of its tests).
    links: BTreeMap<String, BTreeSet<String>>,
    /// Workspace crate name → package id.
    ids: BTreeMap<String, String>,
}

/// Checks the project.
pub(crate) fn run(project: &Project) -> anyhow::Result<()> {
    let table = read_table(TABLE)?;
    let graph = Graph::from_metadata(&project.metadata(true)?)?;
    let faults = check(&table, &graph);
    for fault in &faults {
        eprintln!("error: {fault}");
    }
    if !faults.is_empty() {
        bail!("{} arrow(s) that xtask/layers.toml does not allow", faults.len());
    }
    println!("layers: {} crates, every arrow allowed", graph.members.len());
    Ok(())
}

/// Reads the rules; a row that names an unknown crate is an error, since it would never match.
fn read_table(text: &str) -> anyhow::Result<Table> {
    let table: Table = toml::from_str(text).context("xtask/layers.toml cannot be read")?;
    for (name, row) in &table.crates {
        if row.role.trim().is_empty() {
            bail!("xtask/layers.toml: crate {name} has no role");
        }
        for other in row.may_depend_on.iter().chain(&row.may_dev_depend_on) {
            if other != "*" && !table.crates.contains_key(other) {
                bail!("xtask/layers.toml: crate {name} may depend on {other}, which has no row");
            }
        }
    }
    for engine in &table.engine {
        if !table.crates.contains_key(&engine.owner) {
            bail!(
                "xtask/layers.toml: {} is owned by {}, which has no row",
                engine.name,
                engine.owner
            );
        }
    }
    Ok(table)
}

impl Graph {
    /// Takes what the rules need out of resolved metadata.
    fn from_metadata(metadata: &Value) -> anyhow::Result<Self> {
        let mut graph = Self::default();
        let mut by_id = BTreeMap::new();
        for package in list(metadata, "packages")? {
            let (id, name) = (text(package, "id")?, text(package, "name")?);
            graph.names.insert(id.to_owned(), name.to_owned());
            by_id.insert(id, package);
        }
        for id in list(metadata, "workspace_members")? {
            let id = id.as_str().context("cargo metadata: a workspace member is not text")?;
            let package = by_id
                .get(id)
                .with_context(|| format!("cargo metadata: no package for member {id}"))?;
            let mut direct = BTreeSet::new();
            for dependency in list(package, "dependencies")? {
                let is_dev = dependency["kind"].as_str() == Some("dev");
                direct.insert((text(dependency, "name")?.to_owned(), is_dev));
            }
            let name = text(package, "name")?.to_owned();
            graph.ids.insert(name.clone(), id.to_owned());
            graph.members.insert(name, direct);
        }
        let resolve = metadata.get("resolve").context("cargo metadata: not resolved")?;
        for node in list(resolve, "nodes")? {
            let linked = graph.links.entry(text(node, "id")?.to_owned()).or_default();
            for dependency in list(node, "deps")? {
                let kinds = list(dependency, "dep_kinds")?;
                if kinds.iter().any(|kind| kind["kind"].as_str() != Some("dev")) {
                    linked.insert(text(dependency, "pkg")?.to_owned());
                }
            }
        }
        Ok(graph)
    }

    /// The shortest chain of package names from `start` to a package of one of the `families`, without passing through
    /// `barrier`; `None` where there is none.
    fn path(&self, start: &str, families: &[String], barrier: Option<&str>) -> Option<Vec<String>> {
        let start = self.ids.get(start)?;
        let mut came_from: BTreeMap<&String, &String> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(id) = queue.pop_front() {
            let name = self.names.get(id)?;
            if id != start && families.iter().any(|family| is_of(name, family)) {
                let mut path = vec![name.clone()];
                let mut at = id;
                while let Some(before) = came_from.get(at) {
                    path.push(self.names.get(*before)?.clone());
                    at = before;
                }
                path.reverse();
                return Some(path);
            }
            if barrier == Some(name.as_str()) {
                continue;
            }
            for next in self.links.get(id).into_iter().flatten() {
                if next != start && !came_from.contains_key(next) {
                    came_from.insert(next, id);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

/// Whether a package is of a family: `lance` and `lance-io` (or `lance_io`) are of `lance`, `lancelot` is not.
fn is_of(name: &str, family: &str) -> bool {
    name.strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

/// All faults, as sentences; empty = the architecture holds.
fn check(table: &Table, graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, direct) in &graph.members {
        let Some(row) = table.crates.get(name) else {
            faults.push(format!(
                "crate {name} has no row in xtask/layers.toml: decide where it stands and add one"
            ));
            continue;
        };
        for (other, is_dev) in direct.iter().filter(|(other, _)| graph.members.contains_key(other)) {
            let allowed = allows(&row.may_depend_on, other)
                || (*is_dev && (allows(&row.may_dev_depend_on, other) || table.dev_everywhere.contains(other)))
                // A crate's own name as a dev-dependency turns on features for its tests.
                || (*is_dev && other == name);
            if !allowed {
                let kind = if *is_dev { "dev-depends" } else { "depends" };
                faults.push(format!(
                    "{name} {kind} on {other}, which its row in xtask/layers.toml does not allow"
                ));
            }
        }
        for engine in table.engine.iter().filter(|engine| engine.owner != *name) {
            if let Some(path) = graph.path(name, &engine.packages, Some(&engine.owner)) {
                let (path, owner, engine) = (path.join(" → "), &engine.owner, &engine.name);
                faults.push(format!("{name} reaches {engine} other than through {owner}: {path}"));
            }
        }
        let pure: &[String] = if row.pure { &table.pure_forbids } else { &[] };
        for family in pure.iter().chain(&row.forbids) {
            if let Some(path) = graph.path(name, std::slice::from_ref(family), None) {
                let kind = if row.pure { "pure crate " } else { "" };
                faults.push(format!("{kind}{name} must not link {family}: {}", path.join(" → ")));
            }
        }
    }
    faults
}

/// Whether a list of crate names allows one.
fn allows(list: &BTreeSet<String>, name: &str) -> bool {
    list.contains(name) || list.contains("*")
}

/// The array under a key.
fn list<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a Vec<Value>> {
    value[key]
        .as_array()
        .with_context(|| format!("cargo metadata: `{key}` is missing or no array"))
}

/// The text under a key.
fn text<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value[key]
        .as_str()
        .with_context(|| format!("cargo metadata: `{key}` is missing or no text"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: &str = r#"
        dev_everywhere = ["kit"]
        pure_forbids = ["engine", "runtime"]
        [[engine]]
        name = "the engine"
        owner = "owner"
        packages = ["engine"]
        [crate.base]
        role = "base"
        may_depend_on = []
        pure = true
        forbids = ["media"]
        [crate.owner]
        role = "owner"
        may_depend_on = ["base"]
        [crate.app]
        role = "app"
        may_depend_on = ["*"]
        [crate.kit]
        role = "kit"
        may_depend_on = []
    "#;

    /// A made-up crate: its name, whether it is a member, its dependencies with their kind.
    type Package<'a> = (&'a str, bool, &'a [(&'a str, &'a str)]);

    /// Metadata of made-up crates.
    fn metadata(packages: &[Package<'_>]) -> Value {
        let kind = |kind: &str| if kind == "normal" { Value::Null } else { json!(kind) };
        json!({
            "packages": packages.iter().map(|(name, _, deps)| json!({
                "id": format!("id-{name}"),
                "name": name,
                "dependencies": deps.iter().map(|(dep, k)| json!({"name": dep, "kind": kind(k)})).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "workspace_members": packages.iter().filter(|p| p.1).map(|p| format!("id-{}", p.0)).collect::<Vec<_>>(),
            "resolve": {"nodes": packages.iter().map(|(name, _, deps)| json!({
                "id": format!("id-{name}"),
                "deps": deps.iter().map(|(dep, k)| json!({
                    "pkg": format!("id-{dep}"), "dep_kinds": [{"kind": kind(k)}],
                })).collect::<Vec<_>>(),
            })).collect::<Vec<_>>()},
        })
    }

    fn faults(packages: &[Package<'_>]) -> Vec<String> {
        let table = read_table(RULES).unwrap();
        check(&table, &Graph::from_metadata(&metadata(packages)).unwrap())
    }

    #[test]
    fn the_projects_own_table_is_sound() {
        let table = read_table(TABLE).unwrap();
        for name in ["guideway-core", "guideway-schema", "guideway-ingest", "guideway-eval"] {
            assert!(table.crates[name].pure, "{name}");
        }
        // The arrows have one direction: repeatedly dropping crates whose dependencies are all gone leaves none.
        let mut left: BTreeMap<_, _> = table
            .crates
            .iter()
            .map(|(name, row)| (name, &row.may_depend_on))
            .collect();
        while !left.is_empty() {
            let before = left.len();
            let names: BTreeSet<_> = left.keys().copied().cloned().collect();
            left.retain(|_, needs| needs.iter().any(|need| names.contains(need)));
            assert!(left.len() < before, "a cycle among {:?}", left.keys());
        }
    }

    #[test]
    fn allowed_arrows_pass() {
        let found = faults(&[
            ("base", true, &[("small", "normal"), ("kit", "dev")]),
            ("owner", true, &[("base", "normal"), ("engine-core", "normal")]),
            ("app", true, &[("owner", "normal"), ("base", "normal")]),
            ("kit", true, &[]),
            ("small", false, &[]),
            ("engine-core", false, &[]),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn an_arrow_upwards_is_a_fault() {
        let found = faults(&[("base", true, &[("owner", "normal")]), ("owner", true, &[])]);
        assert_eq!(
            found,
            ["base depends on owner, which its row in xtask/layers.toml does not allow"]
        );
    }

    #[test]
    fn build_dependencies_count_and_the_testkit_is_for_tests_alone() {
        let found = faults(&[
            ("base", true, &[("kit", "build")]),
            ("owner", true, &[("kit", "normal")]),
            ("app", true, &[]),
            ("kit", true, &[]),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("base depends on kit"), "{found:?}");
        let found = faults(&[("base", true, &[("owner", "dev")]), ("owner", true, &[])]);
        assert_eq!(
            found,
            ["base dev-depends on owner, which its row in xtask/layers.toml does not allow"]
        );
    }

    #[test]
    fn a_crate_without_a_row_is_a_fault() {
        let found = faults(&[("newcomer", true, &[])]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("crate newcomer has no row"), "{found:?}");
    }

    #[test]
    fn an_engine_is_reached_through_its_owner_alone() {
        let found = faults(&[
            ("owner", true, &[("engine", "normal")]),
            ("app", true, &[("owner", "normal"), ("helper", "normal")]),
            ("helper", false, &[("engine-io", "normal")]),
            ("engine", false, &[]),
            ("engine-io", false, &[]),
        ]);
        assert_eq!(
            found,
            ["app reaches the engine other than through owner: app → helper → engine-io"]
        );
    }

    #[test]
    fn a_pure_crate_links_no_runtime_however_far_away() {
        let found = faults(&[
            ("base", true, &[("a", "normal"), ("media", "normal")]),
            ("a", false, &[("b", "build")]),
            ("b", false, &[("runtime", "normal")]),
            ("runtime", false, &[]),
            ("media", false, &[]),
        ]);
        assert_eq!(
            found,
            [
                "pure crate base must not link runtime: base → a → b → runtime",
                "pure crate base must not link media: base → media"
            ]
        );
        // What only the tests use is not linked.
        let found = faults(&[("base", true, &[("runtime", "dev")]), ("runtime", false, &[])]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn families_end_at_a_dash() {
        assert!(is_of("lance", "lance") && is_of("lance-io", "lance") && is_of("lance_io", "lance"));
        assert!(!is_of("lancelot", "lance") && !is_of("my-lance", "lance"));
    }

    #[test]
    fn tables_with_unknown_names_are_refused() {
        let unknown = RULES.replace(r#"may_depend_on = ["base"]"#, r#"may_depend_on = ["bse"]"#);
        let err = read_table(&unknown).unwrap_err().to_string();
        assert!(err.contains("owner may depend on bse, which has no row"), "{err}");
        let unknown = RULES.replace(r#"owner = "owner""#, r#"owner = "nobody""#);
        assert!(
            read_table(&unknown)
                .unwrap_err()
                .to_string()
                .contains("owned by nobody")
        );
        assert!(read_table("[crate.a]\nrol = 1").is_err());
    }

    #[test]
    fn unresolved_metadata_is_an_error() {
        let mut metadata = metadata(&[("base", true, &[])]);
        metadata.as_object_mut().unwrap().remove("resolve");
        assert!(
            Graph::from_metadata(&metadata)
                .unwrap_err()
                .to_string()
                .contains("not resolved")
        );
    }
}
