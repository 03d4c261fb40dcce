//! Settings: flag over environment over user file over project file over default, each with its origin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use guideway_core::hint::closest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// The file that marks a workspace.
pub const PROJECT_FILE: &str = "guideway.toml";

/// What `guideway init` writes into a new project file.
pub const NEW_PROJECT_FILE: &str = "\
# This folder is a guideway workspace. Every setting is listed by `guideway config show`.

# data = \"data\"              # tables, frozen datasets, models and the catalog; relative to this file
# device = \"cpu\"             # where to train and predict: cpu, cuda or wgpu
# query_memory_mb = 2048     # memory that a query may use before it spills to disk
# compact_above = 64         # an ingest merges the small files of a table that has more of them; 0: never
";

/// What a project file (`guideway.toml`) or the user's file may hold. Every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ConfigFile {
    /// Folder of the tables, frozen datasets, models and the catalog, relative to the project file. Default: `data`.
    pub data: Option<PathBuf>,
    /// Where to train and predict: `cpu`, `cuda` or `wgpu`. Default: `cpu`.
    pub device: Option<String>,
    /// Memory that a query may use before it spills to disk, in MB. Default: 2048.
    pub query_memory_mb: Option<u64>,
    /// An ingest merges the small files of a table that has more of them than this; 0 turns it off. Default: 64.
    pub compact_above: Option<u64>,
    /// Extra class names: a TOML or JSON file of mappings from data sets' names to classes, relative to the project file.
    pub taxonomy: Option<PathBuf>,
    /// Name recorded as the person behind an operation. Default: the environment variable `USER`.
    pub user: Option<String>,
}

/// An environment variable of guideway's own.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct EnvVar {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// Every environment variable of guideway's own.
pub const ENV_VARS: &[EnvVar] = &[
    EnvVar {
        name: "GUIDEWAY_WORKSPACE",
        meaning: "the workspace folder, like --workspace",
    },
    EnvVar {
        name: "GUIDEWAY_OUTPUT_FORMAT",
        meaning: "how to print results, like --output-format",
    },
    EnvVar {
        name: "GUIDEWAY_NO_PROGRESS",
        meaning: "no progress bars, like --no-progress",
    },
    EnvVar {
        name: "GUIDEWAY_LOG",
        meaning: "log filter, such as guideway=debug",
    },
    EnvVar {
        name: "GUIDEWAY_DEVICE",
        meaning: "where to train and predict: cpu, cuda or wgpu",
    },
    EnvVar {
        name: "GUIDEWAY_QUERY_MEMORY_MB",
        meaning: "memory that a query may use before it spills to disk",
    },
    EnvVar {
        name: "GUIDEWAY_USER",
        meaning: "the person recorded behind an operation",
    },
    EnvVar {
        name: "GUIDEWAY_CONFIG",
        meaning: "the user's settings file [default: ~/.config/guideway/config.toml]",
    },
    EnvVar {
        name: "NO_COLOR",
        meaning: "no colour on the terminal, when set to anything",
    },
];

/// A setting in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The value as text.
    pub value: String,
    /// Where it comes from: `default`, a file, or an environment variable.
    pub origin: String,
}

/// The settings in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Folder of the data, absolute.
    pub data: PathBuf,
    /// Where to compute.
    pub device: String,
    /// Memory for queries, MB.
    pub query_memory_mb: u64,
    /// Small files of a table above which an ingest merges them; never when `None`.
    pub compact_above: Option<usize>,
    /// File of extra class names.
    pub taxonomy: Option<PathBuf>,
    /// The person behind operations.
    pub user: String,
    origins: BTreeMap<&'static str, Setting>,
    unknown_keys: Vec<String>,
}

impl Settings {
    /// Reads the project file of a workspace, the user's file and the environment.
    pub fn load(workspace: &Path) -> Result<Self, Error> {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = env("GUIDEWAY_CONFIG").map(PathBuf::from);
        if let Some(path) = named.as_ref().filter(|path| !path.exists()) {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Error::io("read the settings (GUIDEWAY_CONFIG)", path, source));
        }
        let user_file = named.or_else(|| {
            env("XDG_CONFIG_HOME")
                .map(PathBuf::from)
                .or_else(|| env("HOME").map(|home| Path::new(&home).join(".config")))
                .map(|config| config.join("guideway/config.toml"))
        });
        Self::resolve(workspace, user_file.as_deref(), env)
    }

    fn resolve(
        workspace: &Path,
        user_file: Option<&Path>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let mut unknown_keys = Vec::new();
        let project_path = workspace.join(PROJECT_FILE);
        let project = read_file(&project_path, &mut unknown_keys)?;
        let user = match user_file {
            Some(path) if path.exists() => Some((path, read_file(path, &mut unknown_keys)?)),
            _ => None,
        };
        let mut origins = BTreeMap::new();
        let mut pick =
            |key: &'static str, var: Option<&str>, of: &dyn Fn(&ConfigFile) -> Option<String>, default: &str| {
                let from_env = var.and_then(|var| env(var).map(|value| (value, format!("environment variable {var}"))));
                let from_user = || {
                    user.as_ref()
                        .and_then(|(path, file)| of(file).map(|value| (value, path.display().to_string())))
                };
                let from_project = || of(&project).map(|value| (value, project_path.display().to_string()));
                let (value, origin) = from_env
                    .or_else(from_user)
                    .or_else(from_project)
                    .unwrap_or_else(|| (default.to_owned(), "default".to_owned()));
                origins.insert(
                    key,
                    Setting {
                        value: value.clone(),
                        origin: origin.clone(),
                    },
                );
                (value, origin)
            };
        let path = |value: &Option<PathBuf>| value.as_ref().map(|path| path.display().to_string());
        let data = pick("data", None, &|f| path(&f.data), "data").0;
        let device = pick("device", Some("GUIDEWAY_DEVICE"), &|f| f.device.clone(), "cpu").0;
        let (memory, memory_origin) = pick(
            "query_memory_mb",
            Some("GUIDEWAY_QUERY_MEMORY_MB"),
            &|f| f.query_memory_mb.map(|mb| mb.to_string()),
            "2048",
        );
        let (compact, compact_origin) = pick("compact_above", None, &|f| f.compact_above.map(|n| n.to_string()), "64");
        let taxonomy = pick("taxonomy", None, &|f| path(&f.taxonomy), "").0;
        let default_user = env("USER").unwrap_or_else(|| "unknown".to_owned());
        let user = pick("user", Some("GUIDEWAY_USER"), &|f| f.user.clone(), &default_user).0;
        let query_memory_mb = memory
            .parse::<u64>()
            .ok()
            .filter(|mb| *mb >= 64)
            .ok_or_else(|| ErrorKind::Setting {
                key: "query_memory_mb".to_owned(),
                message: format!("`{memory}` is not a number of megabytes of at least 64"),
                origin: memory_origin,
            })?;
        let compact_above = compact.parse::<usize>().map_err(|err| ErrorKind::Setting {
            key: "compact_above".to_owned(),
            message: format!("`{compact}` is not a number of files: {err}"),
            origin: compact_origin,
        })?;
        Ok(Self {
            data: workspace.join(data),
            device,
            query_memory_mb,
            compact_above: (compact_above > 0).then_some(compact_above),
            taxonomy: (!taxonomy.is_empty()).then(|| workspace.join(taxonomy)),
            user,
            origins,
            unknown_keys,
        })
    }

    /// Every setting with its value and origin.
    pub fn origins(&self) -> &BTreeMap<&'static str, Setting> {
        &self.origins
    }

    /// One sentence for each key in the files that means nothing.
    pub fn unknown_keys(&self) -> &[String] {
        &self.unknown_keys
    }
}

/// The keys of a [`ConfigFile`].
const KNOWN: [&str; 6] = ["data", "device", "query_memory_mb", "compact_above", "taxonomy", "user"];

fn read_file(path: &Path, unknown: &mut Vec<String>) -> Result<ConfigFile, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    let bad = |source: toml::de::Error| {
        Error::from(ErrorKind::Config {
            path: path.to_owned(),
            message: source.to_string().trim_end().to_owned(),
        })
    };
    let table: toml::Table = toml::from_str(&text).map_err(bad)?;
    for key in table.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
        let meant = closest(key, KNOWN).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
        unknown.push(format!("unknown setting `{key}` in {}{meant}", path.display()));
    }
    toml::from_str(&text).map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(project: &str, user: Option<&str>, env: &[(&str, &str)]) -> Result<Settings, Error> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(PROJECT_FILE), project).unwrap();
        let user_path = dir.path().join("user.toml");
        if let Some(text) = user {
            std::fs::write(&user_path, text).unwrap();
        }
        let env: BTreeMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Settings::resolve(dir.path(), Some(&user_path), |name| env.get(name).cloned())
    }

    #[test]
    fn layers_override_each_other() {
        let plain = settings("", None, &[]).unwrap();
        assert_eq!((plain.device.as_str(), plain.query_memory_mb), ("cpu", 2048));
        assert_eq!(plain.origins()["device"].origin, "default");
        let project = settings("device = 'wgpu'", None, &[]).unwrap();
        assert_eq!(project.device, "wgpu");
        let user = settings("device = 'wgpu'", Some("device = 'cuda'"), &[]).unwrap();
        assert_eq!(user.device, "cuda");
        assert_eq!(
            (
                plain.compact_above,
                settings("compact_above = 0", None, &[]).unwrap().compact_above
            ),
            (Some(64), None)
        );
        let env = settings(
            "device = 'wgpu'",
            Some("device = 'cuda'"),
            &[("GUIDEWAY_DEVICE", "cpu")],
        )
        .unwrap();
        assert_eq!(env.device, "cpu");
        assert_eq!(env.origins()["device"].origin, "environment variable GUIDEWAY_DEVICE");
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            settings("devcie = 'cpu'", None, &[]).unwrap().unknown_keys().len(),
            1,
            "an unknown key is a warning, not an error"
        );
        assert!(settings("device = 3", None, &[]).is_err());
        assert!(settings("", None, &[("GUIDEWAY_QUERY_MEMORY_MB", "lots")]).is_err());
    }

    #[test]
    fn new_project_file_is_valid() {
        let uncommented: Vec<&str> = NEW_PROJECT_FILE
            .lines()
            .filter_map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")))
            .collect();
        let settings = settings(&uncommented.join("\n"), None, &[]).unwrap();
        assert!(settings.unknown_keys().is_empty());
    }
}
