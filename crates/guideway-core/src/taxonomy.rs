//! One set of class names for driving, and the names of well-known data sets in it.
//!
//! The table itself is `data/taxonomy.toml`, embedded here; a user's own table in the same form ([`TaxonomyFile`], TOML or
//! JSON) extends or overrides it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::Hint;
use crate::hint::closest;

/// The table that applies to every data set.
const ANY: &str = "any";

/// What is wrong with a taxonomy table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TaxonomyError {
    /// The text is not the TOML of a taxonomy.
    #[error("cannot read the taxonomy table")]
    Parse(#[source] toml::de::Error),
    /// A class name that is not lower snake case.
    #[error("class {name:?} is not in lower snake case")]
    BadName {
        /// The name.
        name: String,
    },
    /// A parent or a mapping's target that is no class.
    #[error("{wanted:?}, wanted by {by:?}, is no class")]
    UnknownClass {
        /// The name that is missing.
        wanted: String,
        /// The class or mapping that names it.
        by: String,
        /// A class with a similar name.
        closest: Option<String>,
    },
    /// Classes that are their own ancestors.
    #[error("class {name:?} is its own ancestor")]
    Cycle {
        /// One of them.
        name: String,
    },
    /// Two spellings of one name that go to different classes.
    #[error("{name:?} of data set {dataset:?} goes to both {first:?} and {second:?}")]
    Ambiguous {
        /// The data set.
        dataset: String,
        /// The name, normalised.
        name: String,
        /// One target.
        first: String,
        /// The other.
        second: String,
    },
}

impl Hint for TaxonomyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownClass {
                wanted,
                closest: Some(name),
                ..
            } => Some(format!(
                "did you mean {name:?}? Otherwise add {wanted:?} under [classes]"
            )),
            Self::UnknownClass { wanted, .. } => Some(format!("add {wanted:?} under [classes]")),
            Self::BadName { name } => Some(format!("write {:?}", normalise(name))),
            _ => None,
        }
    }
}

/// A taxonomy as a user writes it; see `data/taxonomy.toml` for an example.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxonomyFile {
    /// Class → its parent, or the empty string for a root.
    #[serde(default)]
    pub classes: BTreeMap<String, String>,
    /// Data set → its class name → class. The data set `any` applies to all, after their own tables.
    #[serde(default)]
    pub datasets: BTreeMap<String, BTreeMap<String, String>>,
}

impl TaxonomyFile {
    /// Reads the TOML form.
    pub fn from_toml(text: &str) -> Result<Self, TaxonomyError> {
        toml::from_str(text).map_err(TaxonomyError::Parse)
    }
}

/// Classes as a forest, and mappings into it.
///
/// ```
/// use guideway_core::Taxonomy;
/// let taxonomy = Taxonomy::builtin();
/// assert_eq!(taxonomy.canonical("nuscenes", "vehicle.bus.bendy"), Some("bus"));
/// assert_eq!(taxonomy.resolve("coco", "potted plant"), "potted_plant");
/// assert!(taxonomy.is_a("ambulance", "vehicle"));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taxonomy {
    /// Class → parent.
    parents: BTreeMap<String, Option<String>>,
    /// Data set → normalised name → class.
    mappings: BTreeMap<String, BTreeMap<String, String>>,
}

impl Taxonomy {
    /// The classes and mappings that guideway brings: COCO, KITTI, nuScenes, Argoverse 2 (`av2`), Waymo, BDD100K,
    /// Cityscapes.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Taxonomy> = LazyLock::new(|| {
            // The table is part of the program and a test reads it; an empty taxonomy maps nothing and harms nothing.
            read_builtin().unwrap_or_default()
        });
        &BUILTIN
    }

    /// Adds classes and mappings. What both have, the file decides. Nothing changes when there is an error.
    pub fn extend(&mut self, file: &TaxonomyFile) -> Result<(), TaxonomyError> {
        let mut merged = self.clone();
        for (name, parent) in &file.classes {
            if name.is_empty() || *name != normalise(name) {
                return Err(TaxonomyError::BadName { name: name.clone() });
            }
            let parent = (!parent.is_empty()).then(|| parent.clone());
            merged.parents.insert(name.clone(), parent);
        }
        for (name, parent) in &merged.parents {
            if let Some(parent) = parent {
                merged.known(parent, name)?;
            }
        }
        for name in merged.parents.keys() {
            // A chain longer than there are classes goes round in a circle.
            if merged.ancestors(name).count() >= merged.parents.len() {
                return Err(TaxonomyError::Cycle { name: name.clone() });
            }
        }
        for (dataset, names) in &file.datasets {
            let dataset = normalise(dataset);
            let mut table: BTreeMap<String, String> = BTreeMap::new();
            for (name, class) in names {
                merged.known(class, name)?;
                let name = normalise(name);
                if let Some(first) = table.insert(name.clone(), class.clone())
                    && first != *class
                {
                    return Err(TaxonomyError::Ambiguous {
                        dataset,
                        name,
                        first,
                        second: class.clone(),
                    });
                }
            }
            merged.mappings.entry(dataset).or_default().extend(table);
        }
        *self = merged;
        Ok(())
    }

    fn known(&self, wanted: &str, by: &str) -> Result<(), TaxonomyError> {
        if self.parents.contains_key(wanted) {
            return Ok(());
        }
        Err(TaxonomyError::UnknownClass {
            wanted: wanted.to_owned(),
            by: by.to_owned(),
            closest: closest(wanted, self.classes()).map(str::to_owned),
        })
    }

    /// The class that a data set's name stands for: by the data set's own table, else by the table for all data sets,
    /// else as the name of a class itself. `None` when nothing applies.
    pub fn canonical(&self, dataset: &str, source_class: &str) -> Option<&str> {
        let name = normalise(source_class);
        let look = |table: &str| self.mappings.get(table).and_then(|names| names.get(&name));
        if let Some(class) = look(&normalise(dataset)) {
            return Some(class);
        }
        // `person` is both a class of the tree and many data sets' word for a pedestrian: their word wins.
        if let Some(class) = look(ANY) {
            return Some(class);
        }
        self.parents.get_key_value(&name).map(|(class, _)| class.as_str())
    }

    /// The class to store: [`Self::canonical`], or the name itself in lower snake case where no mapping applies.
    pub fn resolve(&self, dataset: &str, source_class: &str) -> String {
        self.canonical(dataset, source_class)
            .map_or_else(|| normalise(source_class), str::to_owned)
    }

    /// All classes, sorted.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.parents.keys().map(String::as_str)
    }

    /// The data sets with a table of their own, sorted.
    pub fn datasets(&self) -> impl Iterator<Item = &str> {
        self.mappings.keys().map(String::as_str).filter(|name| *name != ANY)
    }

    /// The class above, `None` for a root or an unknown class.
    pub fn parent(&self, class: &str) -> Option<&str> {
        self.parents.get(class)?.as_deref()
    }

    /// The classes above, nearest first.
    pub fn ancestors<'a>(&'a self, class: &str) -> impl Iterator<Item = &'a str> {
        // Bounded, because this also serves to find circles.
        std::iter::successors(self.parent(class), |above| self.parent(above)).take(self.parents.len())
    }

    /// Whether a class is another one or below it.
    pub fn is_a(&self, class: &str, ancestor: &str) -> bool {
        class == ancestor || self.ancestors(class).any(|above| above == ancestor)
    }
}

fn read_builtin() -> Result<Taxonomy, TaxonomyError> {
    let mut taxonomy = Taxonomy::default();
    taxonomy.extend(&TaxonomyFile::from_toml(include_str!("../data/taxonomy.toml"))?)?;
    Ok(taxonomy)
}

/// A name in lower snake case: `DontCare`, `Dont care` and `dont-care` all become `dont_care`. Letters of any script stay.
///
/// ```
/// assert_eq!(guideway_core::taxonomy::normalise("human.pedestrian.Adult"), "human_pedestrian_adult");
/// assert_eq!(guideway_core::taxonomy::normalise("TYPE_VEHICLE"), "type_vehicle");
/// ```
pub fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
            after_lower = false;
            continue;
        }
        if c.is_uppercase() && after_lower {
            out.push('_');
        }
        after_lower = c.is_lowercase() || c.is_numeric();
        out.extend(c.to_lowercase());
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_table_is_whole() {
        let taxonomy = read_builtin().unwrap();
        assert_eq!(
            taxonomy.datasets().collect::<Vec<_>>(),
            ["av2", "bdd100k", "cityscapes", "coco", "kitti", "nuscenes", "waymo"]
        );
        assert_eq!(*Taxonomy::builtin(), taxonomy);
    }

    #[test]
    fn every_data_sets_names_arrive() {
        let t = Taxonomy::builtin();
        for (dataset, name, class) in [
            ("coco", "person", "pedestrian"),
            ("coco", "traffic light", "traffic_light"),
            ("coco", "car", "car"),
            ("kitti", "Person_sitting", "pedestrian"),
            ("kitti", "DontCare", "ignore"),
            ("KITTI", "Tram", "tram"),
            ("av2", "REGULAR_VEHICLE", "car"),
            ("av2", "BICYCLIST", "cyclist"),
            ("waymo", "TYPE_CYCLIST", "cyclist"),
            ("bdd100k", "motor", "motorcycle"),
            ("cityscapes", "traffic sign", "traffic_sign"),
            ("nuscenes", "movable_object.trafficcone", "traffic_cone"),
            ("yolo", "Ambulance", "ambulance"),
            ("never heard of", "Motorbike", "motorcycle"),
        ] {
            assert_eq!(t.canonical(dataset, name), Some(class), "{dataset} {name}");
        }
        assert_eq!(t.canonical("kitti", "Misc"), None);
        assert_eq!(t.resolve("kitti", "Misc"), "misc");
    }

    #[test]
    fn names_are_normalised() {
        for (name, want) in [
            ("  Fire  Hydrant! ", "fire_hydrant"),
            ("DontCare", "dont_care"),
            ("TV", "tv"),
            ("", ""),
            ("Straße 7b", "straße_7b"),
        ] {
            assert_eq!(normalise(name), want);
            assert_eq!(normalise(want), want);
        }
    }

    #[test]
    fn a_user_extends_and_overrides() {
        let mut t = Taxonomy::builtin().clone();
        let file = TaxonomyFile::from_toml(
            "[classes]\nforklift = \"vehicle\"\n[datasets.depot]\nFLT = \"forklift\"\n[datasets.kitti]\nVan = \"car\"\n",
        )
        .unwrap();
        t.extend(&file).unwrap();
        assert_eq!(t.canonical("depot", "flt"), Some("forklift"));
        assert_eq!(t.canonical("kitti", "Van"), Some("car"));
        assert_eq!(t.canonical("kitti", "Tram"), Some("tram"));
        assert!(t.is_a("forklift", "vehicle"));
    }

    #[test]
    fn bad_tables_are_refused_and_change_nothing() {
        let extend = |text: &str| {
            let mut t = Taxonomy::builtin().clone();
            let err = t.extend(&TaxonomyFile::from_toml(text).unwrap()).unwrap_err();
            assert_eq!(t, *Taxonomy::builtin());
            err
        };
        let err = extend("[datasets.x]\na = \"pedestrain\"");
        assert_eq!(
            err.hint().unwrap(),
            "did you mean \"pedestrian\"? Otherwise add \"pedestrain\" under [classes]"
        );
        assert!(matches!(
            extend("[classes]\na = \"b\"\nb = \"a\""),
            TaxonomyError::Cycle { .. }
        ));
        assert!(matches!(
            extend("[classes]\n\"Big Car\" = \"car\""),
            TaxonomyError::BadName { .. }
        ));
        assert!(matches!(
            extend("[datasets.x]\n\"a b\" = \"car\"\na_b = \"bus\""),
            TaxonomyError::Ambiguous { .. }
        ));
        assert!(TaxonomyFile::from_toml("classes = 3").is_err());
    }
}
