//! Rules as a file: the shipped one, and what a user lays over it.

use std::collections::BTreeMap;

use guideway_core::hint::closest;
use guideway_core::taxonomy::normalise;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::error::AssertError;
use crate::params::{Blank, RuleSet, blank, params};
use crate::rule::{Rule, Subject};

/// The group of every class that no other group names.
pub const ANY: &str = "*";

params! {
    /// What is possible for a group of classes. Ranges are `[least, most]`.
    ClassLimits {
        /// Class names of the group in any spelling; one that ends in `*` means all that begin so.
        names: Vec<String>,
        /// Length of a cuboid, m.
        length_m: [f64; 2],
        /// Width of a cuboid, m.
        width_m: [f64; 2],
        /// Height of a cuboid, m.
        height_m: [f64; 2],
        /// Width by height in the image.
        aspect: [f64; 2],
        /// Speed over ground, m/s.
        max_mps: f64,
        /// Does it face where it goes?
        heading: bool,
        /// Does it stand on the ground?
        grounded: bool,
    }
}

impl Blank for BTreeMap<String, ClassLimits> {
    fn blank() -> Self {
        Self::new()
    }
}

/// A file of rules as it stands: it says whether the text is one.
#[derive(Deserialize)]
#[serde(default = "blank", deny_unknown_fields)]
struct File {
    rules: RuleSet,
    labels: RuleSet,
    classes: BTreeMap<String, ClassLimits>,
}

impl Blank for File {
    fn blank() -> Self {
        Self {
            rules: blank(),
            labels: blank(),
            classes: blank(),
        }
    }
}

/// Everything that is asserted, and of what.
///
/// ```
/// use guideway_assert::{Rules, Subject};
///
/// let rules = Rules::from_toml("[rules.flicker]\nmin_gaps = 4\n[classes.car]\nmax_mps = 60.0")?;
/// assert_eq!(rules.set(Subject::Detections).flicker.min_gaps, 4);
/// assert_eq!(rules.group("Vehicle.Car"), ("car", true));
/// assert_eq!(rules.limits("car").max_mps, 60.0);
/// // What the file does not name is as shipped.
/// assert_eq!(rules.limits("car").length_m, Rules::shipped()?.limits("car").length_m);
///
/// let error = Rules::from_toml("[rules.flicker]\nmin_gap = 4").unwrap_err();
/// assert!(error.to_string().contains("line 2"), "{error}");
/// # Ok::<(), guideway_assert::AssertError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rules {
    detections: RuleSet,
    labels: RuleSet,
    classes: BTreeMap<String, ClassLimits>,
    /// Normalised name → group.
    #[serde(skip)]
    exact: BTreeMap<String, String>,
    /// Normalised beginnings, the longest first.
    #[serde(skip)]
    beginnings: Vec<(String, String)>,
}

impl Rules {
    /// The shipped rules as TOML, with every key explained.
    pub fn default_toml() -> &'static str {
        include_str!("../data/rules.toml")
    }

    /// The shipped rules.
    ///
    /// # Errors
    /// None that a test has not seen.
    pub fn shipped() -> Result<Self, AssertError> {
        Self::from_toml("")
    }

    /// Reads a file and lays it over the shipped rules: what it does not name is as shipped. What it says of `rules` holds for labels too, where the
    /// shipped `labels` or its own say nothing else. A new class group takes what it does not name from `classes."*"`.
    ///
    /// # Errors
    /// [`AssertError::Syntax`] with line and column, and the nearest known key for an unknown one; [`AssertError::Parameter`] for a value out of
    /// range; [`AssertError::Ambiguous`], [`AssertError::UnknownGroup`].
    pub fn from_toml(text: &str) -> Result<Self, AssertError> {
        // First as it stands, for what is misspelt or of a wrong type: only the text itself knows lines and columns.
        let _: File = toml::from_str(text).map_err(|err| syntax(&err, true))?;
        let user: Table = toml::from_str(text).map_err(|err| syntax(&err, true))?;
        let shipped: Table = toml::from_str(Self::default_toml()).map_err(|err| syntax(&err, true))?;
        let detections = layers(&[part(&shipped, "rules"), part(&user, "rules")]);
        let labels = layers(&[
            part(&shipped, "rules"),
            part(&user, "rules"),
            part(&shipped, "labels"),
            part(&user, "labels"),
        ]);
        let own = |table: Option<&Table>, group: &str| {
            let limits = table?.get(group)?.as_table()?;
            Some(limits.clone())
        };
        let (shipped_classes, user_classes) = (part(&shipped, "classes"), part(&user, "classes"));
        let mut groups: Vec<&String> = [shipped_classes, user_classes]
            .into_iter()
            .flatten()
            .flat_map(Table::keys)
            .collect();
        groups.sort();
        groups.dedup();
        let mut classes = BTreeMap::new();
        for group in groups {
            let tables = [
                own(shipped_classes, ANY),
                own(user_classes, ANY),
                own(shipped_classes, group),
                own(user_classes, group),
            ];
            let limits = layers(&tables.each_ref().map(Option::as_ref));
            classes.insert(
                group.clone(),
                limits.try_into().map_err(|err: toml::de::Error| syntax(&err, false))?,
            );
        }
        let mut rules = Self {
            detections: detections
                .try_into()
                .map_err(|err: toml::de::Error| syntax(&err, false))?,
            labels: labels.try_into().map_err(|err: toml::de::Error| syntax(&err, false))?,
            classes,
            exact: BTreeMap::new(),
            beginnings: Vec::new(),
        };
        rules.check()?;
        rules.index()?;
        Ok(rules)
    }

    /// The parameters for a subject.
    pub fn set(&self, subject: Subject) -> &RuleSet {
        match subject {
            Subject::Detections => &self.detections,
            Subject::Labels => &self.labels,
        }
    }

    /// The group of a class as it is called in the data, and whether any group names it; [`ANY`] when none does.
    pub fn group(&self, class: &str) -> (&str, bool) {
        let name = normalise(class);
        if let Some(group) = self.exact.get(&name) {
            return (group, true);
        }
        self.beginnings
            .iter()
            .find(|(beginning, _)| name.starts_with(beginning))
            .map_or((ANY, false), |(_, group)| (group, true))
    }

    /// What is possible for a group; for one that does not exist, what is possible for all.
    pub fn limits(&self, group: &str) -> &ClassLimits {
        // `check` sees to it that the fallback exists.
        self.classes.get(group).unwrap_or_else(|| &self.classes[ANY])
    }

    /// Names of all groups, in order; [`ANY`] is the first.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.classes.keys().map(String::as_str)
    }

    fn index(&mut self) -> Result<(), AssertError> {
        for (group, limits) in &self.classes {
            // A group is called by its own name too.
            for name in limits.names.iter().chain((group != ANY).then_some(group)) {
                if let Some(beginning) = name.strip_suffix('*') {
                    self.beginnings.push((normalise(beginning), group.clone()));
                    continue;
                }
                let name = normalise(name);
                match self.exact.get(&name) {
                    Some(first) if first != group => {
                        return Err(AssertError::Ambiguous {
                            name,
                            first: first.clone(),
                            second: group.clone(),
                        });
                    }
                    _ => {
                        self.exact.insert(name, group.clone());
                    }
                }
            }
        }
        self.beginnings
            .sort_by(|(a, x), (b, y)| b.len().cmp(&a.len()).then_with(|| (a, x).cmp(&(b, y))));
        Ok(())
    }

    fn check(&self) -> Result<(), AssertError> {
        if let Some(rule) = self.labels.other_signal_rule(&self.detections) {
            return Err(AssertError::Parameter {
                key: format!("labels.{rule}"),
                value: "not what it is in `rules`".to_owned(),
                allowed: "nothing: signals are checked by `rules` alone",
            });
        }
        for (prefix, set) in [("rules", &self.detections), ("labels", &self.labels)] {
            check_set(prefix, set)?;
            for name in set.duplicate.may_overlap.iter().flatten() {
                if !self.classes.contains_key(name) {
                    return Err(AssertError::UnknownGroup {
                        key: format!("{prefix}.duplicate.may_overlap"),
                        name: name.clone(),
                        suggestion: closest(name, self.groups()).map(str::to_owned),
                    });
                }
            }
        }
        for (group, limits) in &self.classes {
            for (field, range) in [
                ("length_m", limits.length_m),
                ("width_m", limits.width_m),
                ("height_m", limits.height_m),
                ("aspect", limits.aspect),
            ] {
                if !(range[0] > 0.0 && range[1] >= range[0] && range[1].is_finite()) {
                    return Err(AssertError::Parameter {
                        key: format!("classes.{group}.{field}"),
                        value: format!("[{}, {}]", range[0], range[1]),
                        allowed: "[least, most], both above 0",
                    });
                }
            }
            let key = format!("classes.{group}.max_mps");
            within(key, limits.max_mps, 0.1, 1000.0, "0.1 to 1000")?;
        }
        Ok(())
    }
}

fn within(key: String, value: f64, least: f64, most: f64, allowed: &'static str) -> Result<(), AssertError> {
    if value >= least && value <= most {
        return Ok(());
    }
    Err(AssertError::Parameter {
        key,
        value: value.to_string(),
        allowed,
    })
}

fn check_set(prefix: &str, set: &RuleSet) -> Result<(), AssertError> {
    let all = &set.all;
    let shares = [
        ("all.min_score", all.min_score),
        ("all.link_iou", all.link_iou),
        ("all.covered", all.covered),
        ("all.sure_score", all.sure_score),
        ("flicker.min_share", set.flicker.min_share),
        ("duplicate.iou", set.duplicate.iou),
        ("duplicate.iou_bev", set.duplicate.iou_bev),
        ("disagree.share", set.disagree.share),
        ("signal_range.unit", set.signal_range.unit),
    ];
    for (key, value) in shares {
        within(format!("{prefix}.{key}"), value, 0.0, 1.0, "0 to 1")?;
    }
    let times = [
        ("all.memory_s", all.memory_s),
        ("speed.window_s", set.speed.window_s),
        ("flicker.window_s", set.flicker.window_s),
        ("flicker.max_gap_s", set.flicker.max_gap_s),
        ("class_flip.window_s", set.class_flip.window_s),
    ];
    for (key, value) in times {
        within(format!("{prefix}.{key}"), value, 0.01, 60.0, "0.01 to 60")?;
    }
    // Nothing older than the memory can be looked at.
    for (key, value) in &times[1..] {
        if *value > all.memory_s {
            return Err(AssertError::Parameter {
                key: format!("{prefix}.{key}"),
                value: value.to_string(),
                allowed: "at most `all.memory_s` of the same subject",
            });
        }
    }
    let amounts = [
        ("all.link_m", all.link_m),
        ("all.plain_px", all.plain_px),
        ("all.plain_m", all.plain_m),
        ("all.border_px", all.border_px),
        ("teleport.margin_m", set.teleport.margin_m),
        ("teleport.per_range", set.teleport.per_range),
        ("teleport.per_s_m", set.teleport.per_s_m),
        ("teleport.margin_sizes", set.teleport.margin_sizes),
        ("teleport.per_s_sizes", set.teleport.per_s_sizes),
        ("size_jump.box_per_s", set.size_jump.box_per_s),
        ("heading.min_mps", set.heading.min_mps),
        ("heading.reverse_mps", set.heading.reverse_mps),
        ("heading.max_offset_deg", set.heading.max_offset_deg),
        ("heading.max_step_deg", set.heading.max_step_deg),
        ("heading.per_s_deg", set.heading.per_s_deg),
        ("ground.below_m", set.ground.below_m),
        ("ground.above_m", set.ground.above_m),
        ("ground.per_range", set.ground.per_range),
        ("lidar.within_m", set.lidar.within_m),
        ("lidar.min_expected", set.lidar.min_expected),
        ("appearance.min_px", set.appearance.min_px),
        ("appearance.within_m", set.appearance.within_m),
        ("appearance.after_s", set.appearance.after_s),
        ("appearance.clearance", set.appearance.clearance),
        ("appearance.border_widths", set.appearance.border_widths),
        ("prior.min_surprise", set.prior.min_surprise),
        ("clock.back_s", set.clock.back_s),
        ("clock.ahead_s", set.clock.ahead_s),
        ("gap.periods", set.gap.periods),
        ("gap.min_s", set.gap.min_s),
        ("gap.end_s", set.gap.end_s),
        ("signal_range.max_mps", set.signal_range.max_mps),
        ("signal_range.max_mps2", set.signal_range.max_mps2),
        ("signal_range.max_radps", set.signal_range.max_radps),
        ("signal_jump.margin_m", set.signal_jump.margin_m),
        ("signal_jump.gnss_m", set.signal_jump.gnss_m),
        ("signal_jump.margin_mps", set.signal_jump.margin_mps),
        ("signal_jump.max_mps2", set.signal_jump.max_mps2),
        ("signal_jump.margin_deg", set.signal_jump.margin_deg),
        ("signal_jump.per_s_deg", set.signal_jump.per_s_deg),
        ("disagree.margin_mps", set.disagree.margin_mps),
        ("disagree.gnss_mps", set.disagree.gnss_mps),
    ];
    for (key, value) in amounts {
        within(format!("{prefix}.{key}"), value, 0.0, 1e6, "0 to 1000000")?;
    }
    for (key, value) in [
        ("size_jump.ratio", set.size_jump.ratio),
        ("size_jump.box_ratio", set.size_jump.box_ratio),
    ] {
        within(format!("{prefix}.{key}"), value, 1.0, 1e6, "1 to 1000000")?;
    }
    for (key, value) in [
        ("frozen.for_s", set.frozen.for_s),
        ("disagree.for_s", set.disagree.for_s),
    ] {
        within(format!("{prefix}.{key}"), value, 0.5, 600.0, "0.5 to 600")?;
    }
    let [low, high] = set.signal_range.altitude_m;
    if !(low <= high && low.is_finite() && high.is_finite()) {
        return Err(AssertError::Parameter {
            key: format!("{prefix}.signal_range.altitude_m"),
            value: format!("[{low}, {high}]"),
            allowed: "[least, most]",
        });
    }
    for (key, value) in [
        ("clock.repeats", set.clock.repeats),
        ("flicker.min_gaps", set.flicker.min_gaps),
        ("class_flip.min_flips", set.class_flip.min_flips),
        ("all.max_objects", set.all.max_objects),
    ] {
        within(format!("{prefix}.{key}"), f64::from(value), 1.0, 1e6, "1 to 1000000")?;
    }
    for rule in Rule::ALL {
        let head = set.head(rule);
        within(
            format!("{prefix}.{rule}.min_frames"),
            f64::from(head.min_frames),
            1.0,
            1000.0,
            "1 to 1000",
        )?;
        within(format!("{prefix}.{rule}.weight"), head.weight, 0.0, 1000.0, "0 to 1000")?;
    }
    Ok(())
}

fn part<'a>(file: &'a Table, key: &str) -> Option<&'a Table> {
    file.get(key).and_then(Value::as_table)
}

/// Tables over tables; values and lists replace each other whole.
fn layers(tables: &[Option<&Table>]) -> Table {
    let mut out = Table::new();
    for table in tables.iter().flatten() {
        lay(&mut out, table);
    }
    out
}

fn lay(base: &mut Table, over: &Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => lay(base, over),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

fn syntax(err: &toml::de::Error, from_text: bool) -> AssertError {
    let message = if from_text {
        err.to_string().trim_end().to_owned()
    } else {
        err.message().to_owned()
    };
    AssertError::Syntax {
        suggestion: unknown_key(err.message()),
        message,
    }
}

/// The key nearest to an unknown one, out of those that serde lists: ``unknown field `a`, expected one of `b`, `c` ``.
fn unknown_key(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field `")?.split('`');
    let key = quoted.next()?;
    // What is left alternates between text and keys.
    let known: Vec<&str> = quoted.skip(1).step_by(2).collect();
    closest(key, known).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use guideway_core::Hint as _;

    use super::*;

    #[test]
    fn the_shipped_file_names_every_key() {
        let shipped: Table = toml::from_str(Rules::default_toml()).unwrap();
        let full = Table::try_from(RuleSet::blank()).unwrap();
        for (rule, keys) in &full {
            for key in keys.as_table().unwrap().keys() {
                assert!(
                    shipped["rules"][rule].get(key).is_some(),
                    "rules.{rule}.{key} has no shipped value"
                );
            }
        }
        for key in Table::try_from(ClassLimits::blank()).unwrap().keys() {
            assert!(
                shipped["classes"][ANY].get(key).is_some(),
                "classes.\"*\".{key} has no shipped value"
            );
        }
        let rules = Rules::shipped().unwrap();
        for rule in Rule::ALL {
            assert!(full.contains_key(rule.name()), "{rule} is called otherwise in TOML");
            assert!(rules.set(Subject::Detections).head(rule).enabled);
        }
    }

    #[test]
    fn names_find_their_group_in_any_spelling() {
        let rules = Rules::shipped().unwrap();
        for (name, group) in [
            ("Car", "car"),
            ("vehicle.bus.bendy", "bus"),
            ("BUS", "bus"),
            ("bus_stop", ANY),
            ("Person_sitting", "pedestrian"),
            ("human.pedestrian.adult", "pedestrian"),
            ("Box Truck", "truck"),
            ("Fahrrad", ANY),
            ("", ANY),
        ] {
            assert_eq!(rules.group(name), (group, group != ANY), "{name}");
        }
        let own = Rules::from_toml("[classes.tractor]\nnames = [\"Traktor\"]\nmax_mps = 20.0").unwrap();
        assert_eq!(own.group("traktor").0, "tractor");
        assert_eq!(own.limits("tractor").length_m, own.limits(ANY).length_m);
        assert_eq!(own.limits("tractor").max_mps, 20.0);
    }

    #[test]
    fn a_file_holds_for_labels_where_they_say_nothing_else() {
        let rules =
            Rules::from_toml("[rules.size]\nmin_frames = 9\nowner = \"ann\"\n[labels.ground]\nabove_m = 0.1").unwrap();
        let (detections, labels) = (rules.set(Subject::Detections), rules.set(Subject::Labels));
        assert_eq!((detections.size.min_frames, labels.size.min_frames), (9, 1));
        assert_eq!(labels.size.owner, "ann");
        assert_eq!((detections.ground.above_m, labels.ground.above_m), (0.8, 0.1));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_a_way_out() {
        let mut out = String::new();
        for text in [
            "[rules.flicker]\nmin_gap = 4",
            "[rules.flickr]\nmin_gaps = 4",
            "[rules.size]\nseverity = \"huge\"",
            "[rules.all]\nmemory_s = \"long\"",
            "[rules.all\n",
            "[rules.all]\nmemory_s = 1.0",
            "[labels.size_jump]\nratio = 0.5",
            "[rules.all]\nmin_score = nan",
            "[classes.car]\nlength_m = [7.0, 2.0]",
            "[labels.gap]\nperiods = 9.0",
            "[rules.signal_range]\naltitude_m = [7.0, 2.0]",
            "[rules.frozen]\nfor_s = 0.0",
            "[classes.lkw]\nnames = [\"Truck\"]",
            "[rules.duplicate]\nmay_overlap = [[\"bycicle\", \"cyclist\"]]",
        ] {
            let error = Rules::from_toml(text).unwrap_err();
            out.extend([
                error.to_string(),
                "\nhint: ".to_owned(),
                error.hint().unwrap(),
                "\n\n".to_owned(),
            ]);
        }
        insta::assert_snapshot!(out);
    }
}
