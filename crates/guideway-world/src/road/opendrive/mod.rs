//! Road networks from ASAM OpenDRIVE files, versions 1.4 to 1.7 (and what is the same in 1.8).
//!
//! Read are reference lines of every kind, elevation, superelevation, lane sections with their widths or borders, lane offsets, lane
//! types, heights, speeds and road marks, links between roads, junctions (also direct ones), signals and signs by type, crosswalks
//! and parking spaces. Not read: lateral shapes and cross-falls, railways, bridges and tunnels as structures.

mod furniture;
mod geometry;
mod join;
mod lay;
mod model;
mod xml;

use std::collections::BTreeMap;
use std::path::Path;

use glam::{DVec2, Vec2, Vec3};

use self::model::{Connection, Road};
use self::xml::{Source, children};
use super::roadside::{Division, Land};
use super::{LaneId, Patch, Paving, Relief, RoadNetwork};
use crate::params::{RoadParams, SurroundingsParams};
use crate::{Seed, WorldError};

pub use self::xml::ImportWarning;

/// Largest file, bytes.
const LARGEST: u64 = 512 << 20;

/// Coordinates beyond this are moved to the origin: in single precision lanes would lose their shape, m.
const FAR: f64 = 5_000.0;

impl RoadNetwork {
    /// Reads a network from an OpenDRIVE file. What is damaged but can be left out is, and stands in the warnings, ordered by line.
    ///
    /// # Errors
    /// [`WorldError::Io`] when the file cannot be read, [`WorldError::Syntax`] when it is no XML, [`WorldError::OpenDrive`] with line
    /// and element for values that make no road, [`WorldError::Impossible`] when there is no lane to drive on.
    pub fn from_opendrive(
        path: &Path,
        params: &RoadParams,
        surroundings: &SurroundingsParams,
        seed: Seed,
    ) -> Result<(Self, Vec<ImportWarning>), WorldError> {
        let io = |source| WorldError::Io {
            path: path.to_owned(),
            action: "reading",
            source,
        };
        let size = std::fs::metadata(path).map_err(io)?.len();
        if size > LARGEST {
            return Err(WorldError::Syntax {
                origin: path.display().to_string(),
                problem: format!("a file of {size} bytes; the most that is read is {LARGEST}"),
                hint: "cut the part that is needed out of the network",
            });
        }
        let bytes = std::fs::read(path).map_err(io)?;
        parse_opendrive(&String::from_utf8_lossy(&bytes), path, params, surroundings, seed)
    }
}

/// Reads a network from the text of an OpenDRIVE file; `path` is only named in errors. See [`RoadNetwork::from_opendrive`].
pub fn parse_opendrive(
    text: &str,
    path: &Path,
    params: &RoadParams,
    surroundings: &SurroundingsParams,
    seed: Seed,
) -> Result<(RoadNetwork, Vec<ImportWarning>), WorldError> {
    let document = roxmltree::Document::parse(text).map_err(|err| WorldError::Syntax {
        origin: format!("{}:{}", path.display(), err.pos().row),
        problem: format!("not well-formed XML: {err}"),
        hint: WorldError::ROAD_HINT,
    })?;
    let source = Source {
        document: &document,
        path,
    };
    let root = document.root_element();
    if !root.has_tag_name("OpenDRIVE") {
        return Err(source.error(root, "the root element must be `OpenDRIVE`"));
    }
    let mut warnings = Vec::new();
    let mut roads = Vec::new();
    let mut known = BTreeMap::new();
    for node in children(root, "road") {
        let road = Road::read(&source, node, &mut warnings)?;
        if let Some(line) = known.insert(road.id.clone(), source.line(node)) {
            return Err(source.error(node, format!("a second road with this id; the first is in line {line}")));
        }
        roads.push(road);
    }
    let mut junctions = BTreeMap::new();
    let mut connections: Vec<Connection<'_, '_>> = Vec::new();
    for (i, node) in children(root, "junction").enumerate() {
        junctions.insert(source.text(node, "id")?.to_owned(), i as u32);
        connections.extend(model::read_connections(&source, node)?);
    }
    let mut importer = Importer {
        net: RoadNetwork::default(),
        ids: BTreeMap::new(),
        junctions,
        warnings,
        shift: shift(&roads),
    };
    if importer.shift != DVec2::ZERO {
        let moved = format!("the network is moved by {} m to lie at the origin", -importer.shift);
        importer.warnings.push(source.warning(root, moved));
    }
    importer.net.left_hand = !roads.is_empty() && roads.iter().all(|road| road.left_hand);
    importer.lay(&source, &roads)?;
    importer.join(&source, &roads, &connections);
    importer.furnish(&source, &roads)?;
    let Importer {
        mut net,
        mut warnings,
        shift,
        ..
    } = importer;
    if net.lanes_of(super::LaneKind::Driving).next().is_none() {
        return Err(WorldError::Impossible {
            seed: seed.value(),
            problem: format!("{} has no lane to drive on", path.display()),
            hint: "the file needs a road with a lane of type `driving`".to_owned(),
        });
    }
    fill_junctions(&mut net);
    let points: Vec<Vec3> = net.patches.iter().flat_map(|patch| patch.corners).collect();
    net.relief = Relief::from_points(&points);
    net.relief.lift = -0.05;
    beside(&mut net, &roads, (params, surroundings), seed, shift);
    warnings.sort();
    Ok((net, warnings))
}

/// Where the network has to be moved from, if it lies far away.
fn shift(roads: &[Road<'_, '_>]) -> DVec2 {
    let starts = roads.iter().map(|road| road.reference.at(0.0).0);
    let (sum, count) = starts.fold((DVec2::ZERO, 0.0), |(sum, count), p| (sum + p, count + 1.0));
    let middle = (sum / f64::max(count, 1.0)).round();
    if middle.abs().max_element() > FAR {
        middle
    } else {
        DVec2::ZERO
    }
}

/// What grows while a file is read.
struct Importer {
    net: RoadNetwork,
    /// Lanes by road, section and their id in the file.
    ids: BTreeMap<(usize, usize, i32), LaneId>,
    junctions: BTreeMap<String, u32>,
    warnings: Vec<ImportWarning>,
    shift: DVec2,
}

/// Asphalt a little below the lanes of each junction: between lanes that turn there is road, not land.
fn fill_junctions(net: &mut RoadNetwork) {
    let mut ends: BTreeMap<u32, Vec<Vec3>> = BTreeMap::new();
    for lane in &net.lanes {
        if let (Some(junction), super::LaneKind::Driving) = (lane.junction, lane.kind) {
            for (s, width) in [(0.0, lane.width.first()), (lane.center.length(), lane.width.last())] {
                let place = lane.center.at(s);
                let half = place.left() * (width.copied().unwrap_or(0.0) / 2.0);
                ends.entry(junction)
                    .or_default()
                    .extend([place.position + half, place.position - half]);
            }
        }
    }
    for points in ends.values() {
        let outline = hull(points);
        let middle = outline.iter().sum::<Vec3>() / outline.len().max(1) as f32;
        let reach = outline.iter().map(|p| p.distance(middle)).fold(0.0, f32::max);
        if outline.len() < 3 || reach > 60.0 {
            continue;
        }
        for i in 0..outline.len() {
            let sunk = |p: Vec3| p - Vec3::Z * 0.03;
            let (a, b) = (outline[i], outline[(i + 1) % outline.len()]);
            let corners = [middle, a, b, b].map(sunk);
            net.patches.push(Patch {
                paving: Paving::Asphalt,
                corners,
            });
            net.footprint.push(corners.map(Vec3::truncate));
        }
    }
}

/// Convex hull in the plan, counter-clockwise (Andrew's monotone chain).
fn hull(points: &[Vec3]) -> Vec<Vec3> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let turn = |a: Vec3, b: Vec3, c: Vec3| (b - a).truncate().perp_dot((c - a).truncate());
    let chain = |points: &mut dyn Iterator<Item = Vec3>| {
        let mut chain: Vec<Vec3> = Vec::new();
        for p in points {
            while chain.len() >= 2 && turn(chain[chain.len() - 2], chain[chain.len() - 1], p) <= 1e-4 {
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut outline = chain(&mut sorted.iter().copied());
    outline.extend(chain(&mut sorted.iter().rev().copied()));
    outline
}

/// Plots and lamp posts along the roads outside junctions.
fn beside(
    net: &mut RoadNetwork,
    roads: &[Road<'_, '_>],
    (params, surroundings): (&RoadParams, &SurroundingsParams),
    seed: Seed,
    shift: DVec2,
) {
    let division = Division::of(params.kind);
    let spacing = surroundings.lamp_spacing.clamp(10.0, 200.0);
    let half = net
        .footprint
        .iter()
        .flatten()
        .map(|p| p.abs().max_element())
        .fold(1.0, f32::max);
    let mut lamps = Vec::new();
    let mut land = Land::new(net, half);
    for (r, road) in roads.iter().enumerate().filter(|(_, road)| road.junction.is_none()) {
        let mut rng = seed.child("plots").index(r as u64).rng();
        for side in [1, -1] {
            let edge = |s: f64| {
                let section = road.section_at(s);
                let edges = section.map(|section| road.edges(section, s)).unwrap_or_default();
                let paved = |id: &i32| section.is_some_and(|x| x.lanes[id].paving.is_some());
                let outermost = edges
                    .iter()
                    .filter(|(id, _)| id.signum() == side && paved(id))
                    .map(|(_, e)| e.1);
                outermost.fold(road.offset.at(s), |a, b| if side > 0 { a.max(b) } else { a.min(b) })
            };
            let at = |s: f32, beyond: f32| -> Vec2 {
                let s = f64::from(s);
                road.point(s, edge(s) + f64::from(side) * f64::from(beyond), 0.0, shift)
                    .truncate()
            };
            land.divide(&division, (2.0, road.reference.length as f32 - 2.0), &mut rng, &at);
            let count = (road.reference.length / spacing).round().min(1e4) as usize;
            for i in (0..count).filter(|i| (i % 2 == 0) == (side > 0)) {
                let s = ((i as f64 + 0.5) * spacing) as f32;
                let foot = at(s, 0.5);
                let over = (at(s, -2.0) - foot).normalize_or(Vec2::X);
                lamps.push((foot, over));
            }
        }
    }
    let plots = land.plots;
    net.plots = plots;
    let relief = &net.relief;
    net.lamp_posts = lamps.into_iter().map(|(foot, over)| (relief.on(foot), over)).collect();
}
