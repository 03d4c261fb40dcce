//! The workspace's own class names, on top of the built-in taxonomy.

use std::path::Path;

use guideway_core::Hint as _;
use guideway_core::taxonomy::{Taxonomy, TaxonomyFile};

use crate::error::{Error, ErrorKind};

/// Mappings from data sets' class names to classes, from the file that the settings name.
pub(crate) struct ClassNames(Option<Taxonomy>);

impl ClassNames {
    /// Reads the file, TOML or JSON by its name's ending. No file: nothing is mapped beyond what is built in.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        let bad = |message: String, hint| {
            Error::from(ErrorKind::ClassNames {
                path: path.to_owned(),
                message: message.trim_end().to_owned(),
                hint,
            })
        };
        let file: TaxonomyFile = if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(&text).map_err(|err| bad(err.to_string(), None))?
        } else {
            toml::from_str(&text).map_err(|err| bad(err.to_string(), None))?
        };
        let mut taxonomy = Taxonomy::builtin().clone();
        taxonomy.extend(&file).map_err(|err| bad(err.to_string(), err.hint()))?;
        Ok(Self(Some(taxonomy)))
    }

    /// The class that the workspace gives a source's class, if its file says anything about it.
    pub(crate) fn class_of(&self, format: &str, source_class: &str) -> Option<&str> {
        self.0
            .as_ref()?
            .canonical(format.split('-').next().unwrap_or(format), source_class)
    }
}
