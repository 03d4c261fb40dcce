//! The elements of a file that matter here, read and checked one by one.

use std::collections::BTreeMap;

use roxmltree::Node;

use super::geometry::{Profile, Reference};
use super::xml::{ImportWarning, Source, child, children};
use crate::WorldError;
use crate::road::{LaneKind, LineKind, Paving};

/// One end of a road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Start,
    Finish,
}

/// What a road's end leads to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    Road(String, End),
    Junction(String),
}

/// A lane as the file gives it.
#[derive(Debug, Clone)]
pub(super) struct RawLane {
    pub kind: Option<LaneKind>,
    pub paving: Option<Paving>,
    pub width: Profile,
    /// Outer borders are given instead of widths.
    pub by_border: bool,
    /// Height over the road at its inner and outer edge, m.
    pub height: Option<[f64; 2]>,
    /// Lines on its outer border, each from an offset in the section on.
    pub marks: Vec<Mark>,
    /// Speed limit, m/s.
    pub speed: Option<f64>,
    pub before: Option<i32>,
    pub after: Option<i32>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub offset: f64,
    pub kind: LineKind,
    pub width: f64,
    pub dash: (f64, f64),
    pub yellow: bool,
    pub change: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Section {
    pub s: f64,
    pub end: f64,
    /// By id: positive to the left, negative to the right; 0 holds the middle's marks.
    pub lanes: BTreeMap<i32, RawLane>,
}

pub(super) struct Road<'a, 'i> {
    pub node: Node<'a, 'i>,
    pub id: String,
    pub junction: Option<String>,
    pub left_hand: bool,
    pub reference: Reference,
    pub elevation: Profile,
    pub superelevation: Profile,
    pub offset: Profile,
    pub sections: Vec<Section>,
    pub links: BTreeMap<End, Target>,
    /// Speed limits along the road, m/s, each from an s on.
    pub speeds: Vec<(f64, f64)>,
}

/// A connection in a junction.
pub(super) struct Connection<'a, 'i> {
    pub node: Node<'a, 'i>,
    pub incoming: String,
    pub connecting: String,
    pub contact: End,
    pub lanes: Vec<(i32, i32)>,
}

fn contact(source: &Source<'_>, node: Node<'_, '_>) -> Result<End, WorldError> {
    match source.text(node, "contactPoint")? {
        "start" => Ok(End::Start),
        "end" => Ok(End::Finish),
        other => Err(source.error(
            node,
            format!("attribute `contactPoint` is `{other}`, allowed are `start` and `end`"),
        )),
    }
}

impl<'a, 'i: 'a> Road<'a, 'i> {
    pub(super) fn read(
        source: &Source<'_>,
        node: Node<'a, 'i>,
        warnings: &mut Vec<ImportWarning>,
    ) -> Result<Self, WorldError> {
        let reference = Reference::read(source, node, warnings)?;
        let junction = node.attribute("junction").filter(|j| *j != "-1").map(str::to_owned);
        let profile = |parent: &'static str, name: &'static str| {
            let nodes = child(node, parent).into_iter().flat_map(|p| children(p, name));
            Profile::read(source, nodes, "s")
        };
        let lanes = child(node, "lanes").ok_or_else(|| source.error(node, "element `lanes` is missing"))?;
        let mut sections = Vec::new();
        for section in children(lanes, "laneSection") {
            sections.push(read_section(source, section, warnings)?);
        }
        sections.sort_by(|a, b| a.s.total_cmp(&b.s));
        for i in 0..sections.len() {
            sections[i].end = sections.get(i + 1).map_or(reference.length, |next| next.s);
        }
        if sections.is_empty() {
            return Err(source.error(lanes, "no element `laneSection`"));
        }
        let before = sections.len();
        sections.retain(|section| section.end - section.s > 1e-3);
        if sections.len() < before {
            warnings.push(source.warning(
                lanes,
                format!("{} lane sections without length, left out", before - sections.len()),
            ));
        }
        let left_hand = match node.attribute("rule") {
            None | Some("RHT") => false,
            Some("LHT") => true,
            Some(other) => {
                return Err(source.error(
                    node,
                    format!("attribute `rule` is `{other}`, allowed are `RHT` and `LHT`"),
                ));
            }
        };
        let mut links = BTreeMap::new();
        for (end, name) in [(End::Start, "predecessor"), (End::Finish, "successor")] {
            let Some(link) = child(node, "link").and_then(|l| child(l, name)) else {
                continue;
            };
            let id = source.text(link, "elementId")?.to_owned();
            let target = match link.attribute("elementType") {
                Some("road") => Target::Road(id, contact(source, link)?),
                Some("junction") => Target::Junction(id),
                other => {
                    let other = other.unwrap_or("missing");
                    return Err(source.error(
                        link,
                        format!("attribute `elementType` is `{other}`, allowed are `road` and `junction`"),
                    ));
                }
            };
            links.insert(end, target);
        }
        Ok(Self {
            id: source.text(node, "id")?.to_owned(),
            junction,
            left_hand,
            elevation: profile("elevationProfile", "elevation")?,
            superelevation: profile("lateralProfile", "superelevation")?,
            offset: profile("lanes", "laneOffset")?,
            speeds: read_speeds(source, node)?,
            node,
            reference,
            sections,
            links,
        })
    }

    /// Speed limit at an arc length, m/s.
    pub(super) fn speed(&self, s: f64) -> f64 {
        let i = self.speeds.partition_point(|(from, _)| *from <= s + 1e-6);
        i.checked_sub(1).map_or(50.0 / 3.6, |i| self.speeds[i].1)
    }
}

fn read_speed(source: &Source<'_>, node: Node<'_, '_>) -> Result<Option<f64>, WorldError> {
    if matches!(node.attribute("max"), None | Some("no limit" | "undefined")) {
        return Ok(None);
    }
    let max = source.number(node, "max")?;
    let unit = match node.attribute("unit") {
        None | Some("m/s") => 1.0,
        Some("km/h") => 1.0 / 3.6,
        Some("mph") => 0.44704,
        Some(other) => {
            let allowed = "allowed are `m/s`, `km/h` and `mph`";
            return Err(source.error(node, format!("attribute `unit` is `{other}`, {allowed}")));
        }
    };
    Ok((max > 0.0).then_some((max * unit).min(100.0)))
}

fn read_speeds(source: &Source<'_>, road: Node<'_, '_>) -> Result<Vec<(f64, f64)>, WorldError> {
    let mut speeds = Vec::new();
    for kind in children(road, "type") {
        let usual: f64 = match kind.attribute("type") {
            Some("motorway") => 120.0,
            Some("rural") => 90.0,
            Some("lowSpeed" | "townCollector" | "townLocal" | "townPlayStreet" | "pedestrian" | "bicycle") => 30.0,
            _ => 50.0,
        };
        let given = child(kind, "speed")
            .map(|node| read_speed(source, node))
            .transpose()?
            .flatten();
        speeds.push((source.number_or(kind, "s", 0.0)?, given.unwrap_or(usual / 3.6)));
    }
    speeds.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(speeds)
}

fn read_section(
    source: &Source<'_>,
    node: Node<'_, '_>,
    warnings: &mut Vec<ImportWarning>,
) -> Result<Section, WorldError> {
    let mut lanes = BTreeMap::new();
    for (side, sign) in [("left", 1), ("center", 0), ("right", -1)] {
        for lane in child(node, side).into_iter().flat_map(|side| children(side, "lane")) {
            let id = source.integer(lane, "id")?;
            if id.signum() != sign || id.abs() > 1000 {
                return Err(source.error(lane, format!("attribute `id` is `{id}` on the side `{side}`; ids are positive to the left, 0 in the middle, negative to the right, up to 1000")));
            }
            let mut raw = read_lane(source, lane, warnings)?;
            if id == 0 {
                // The middle has marks and no width.
                (raw.kind, raw.paving) = (None, None);
            }
            if lanes.insert(id, raw).is_some() {
                return Err(source.error(lane, format!("a second lane {id} in this section")));
            }
        }
    }
    Ok(Section {
        s: source.number(node, "s")?,
        end: 0.0,
        lanes,
    })
}

fn read_lane(
    source: &Source<'_>,
    node: Node<'_, '_>,
    warnings: &mut Vec<ImportWarning>,
) -> Result<RawLane, WorldError> {
    let (kind, paving) = match node.attribute("type").unwrap_or("none") {
        "driving" | "entry" | "exit" | "offRamp" | "onRamp" | "connectingRamp" | "slipLane" | "bidirectional"
        | "bus" | "taxi" | "HOV" | "mwyEntry" | "mwyExit" | "shared" => {
            (Some(LaneKind::Driving), Some(Paving::Asphalt))
        }
        "biking" => (Some(LaneKind::Bicycle), Some(Paving::Asphalt)),
        "sidewalk" | "walking" => (Some(LaneKind::Sidewalk), Some(Paving::Slabs)),
        "parking" => (Some(LaneKind::Parking), Some(Paving::Asphalt)),
        "shoulder" | "stop" => (Some(LaneKind::Shoulder), Some(Paving::Asphalt)),
        "border" | "restricted" | "special1" | "special2" | "special3" | "roadWorks" | "tram" => {
            (None, Some(Paving::Asphalt))
        }
        "curb" => (None, Some(Paving::Kerb)),
        "median" => (None, Some(Paving::Grass)),
        "rail" => (None, Some(Paving::Gravel)),
        "none" => (None, None),
        other => {
            warnings.push(source.warning(node, format!("unknown lane type `{other}`, left as open ground")));
            (None, None)
        }
    };
    let by_border = child(node, "width").is_none() && child(node, "border").is_some();
    let name = if by_border { "border" } else { "width" };
    let height = child(node, "height")
        .map(|h| Ok([source.number_or(h, "inner", 0.0)?, source.number_or(h, "outer", 0.0)?]))
        .transpose()?
        .map(|h: [f64; 2]| h.map(|v| v.clamp(-1.0, 1.0)));
    let mut marks = Vec::new();
    for mark in children(node, "roadMark") {
        marks.extend(read_mark(source, mark, warnings)?);
    }
    marks.sort_by(|a, b| a.offset.total_cmp(&b.offset));
    let link = child(node, "link");
    let linked = |name: &'static str| {
        link.and_then(|l| child(l, name))
            .map(|l| source.integer(l, "id"))
            .transpose()
    };
    Ok(RawLane {
        kind,
        paving,
        width: Profile::read(source, children(node, name), "sOffset")?,
        by_border,
        height,
        marks,
        speed: child(node, "speed")
            .map(|s| read_speed(source, s))
            .transpose()?
            .flatten(),
        before: linked("predecessor")?,
        after: linked("successor")?,
    })
}

fn read_mark(
    source: &Source<'_>,
    node: Node<'_, '_>,
    warnings: &mut Vec<ImportWarning>,
) -> Result<Option<Mark>, WorldError> {
    let kind = match node.attribute("type").unwrap_or("none") {
        "none" | "curb" | "grass" => LineKind::None,
        // Of custom marks the pieces are listed below; they are drawn as one line.
        "solid" | "edge" | "custom" => LineKind::Solid,
        "broken" | "broken broken" | "botts dots" => LineKind::Broken,
        "solid solid" => LineKind::DoubleSolid,
        "solid broken" => LineKind::SolidBroken,
        "broken solid" => LineKind::BrokenSolid,
        other => {
            warnings.push(source.warning(node, format!("unknown road mark `{other}`, not drawn")));
            return Ok(None);
        }
    };
    let usual = if node.attribute("weight") == Some("bold") {
        0.25
    } else {
        0.12
    };
    let given = source.number_or(node, "width", usual)?;
    let line = child(node, "type").and_then(|t| child(t, "line"));
    let dash = match line {
        Some(line) => (
            source.number_or(line, "length", 3.0)?,
            source.number_or(line, "space", 6.0)?,
        ),
        None => (3.0, 6.0),
    };
    Ok(Some(Mark {
        offset: source.number_or(node, "sOffset", 0.0)?,
        kind,
        width: if (0.02..=1.0).contains(&given) { given } else { usual },
        dash: if dash.0 >= 0.2 && dash.1 >= 0.1 {
            dash
        } else {
            (3.0, 6.0)
        },
        yellow: node.attribute("color") == Some("yellow"),
        change: !matches!(node.attribute("laneChange"), Some("none")),
    }))
}

pub(super) fn read_connections<'a, 'i: 'a>(
    source: &Source<'_>,
    junction: Node<'a, 'i>,
) -> Result<Vec<Connection<'a, 'i>>, WorldError> {
    let mut connections = Vec::new();
    for node in children(junction, "connection") {
        // In direct junctions roads follow each other without a connecting road.
        let connecting = match node
            .attribute("connectingRoad")
            .or_else(|| node.attribute("linkedRoad"))
        {
            Some(id) => id.to_owned(),
            None if node.attribute("type") == Some("virtual") => continue,
            None => return Err(source.error(node, "attribute `connectingRoad` is missing")),
        };
        let mut lanes = Vec::new();
        for link in children(node, "laneLink") {
            lanes.push((source.integer(link, "from")?, source.integer(link, "to")?));
        }
        connections.push(Connection {
            node,
            incoming: source.text(node, "incomingRoad")?.to_owned(),
            connecting,
            contact: contact(source, node)?,
            lanes,
        });
    }
    Ok(connections)
}
