//! Road networks: lanes, junctions, crossings, signals, and the surface that they lie on.
//!
//! World frame: x east, y north, z up, metres.

mod axis;
mod curve;
mod index;
mod junction;
mod network;
mod opendrive;
mod paint;
mod plan;
mod procedural;
mod relief;
mod roadside;
mod rules;
mod surface;
mod terrain;

use glam::{Vec2, Vec3};

pub use curve::{Curve, CurvePoint};
pub use index::LaneIndex;
pub use opendrive::{ImportWarning, parse_opendrive};
pub use relief::Relief;
pub use surface::surface;
pub use terrain::Terrain;

/// Index of a lane in its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId(pub u32);

impl LaneId {
    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Who a lane is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LaneKind {
    /// Motor traffic.
    Driving,
    /// Bicycles. In junctions a bicycle lane may start or end on a driving lane, where the street before or after has none.
    Bicycle,
    /// People on foot: pavements, their corners, and one lane each way over every crossing. Both directions: who walks
    /// against the lane goes on along its predecessors.
    Sidewalk,
    /// Standing vehicles along the road.
    Parking,
    /// The hard shoulder.
    Shoulder,
}

/// A line painted on the road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LineKind {
    /// None.
    #[default]
    None,
    /// One solid line.
    Solid,
    /// One broken line.
    Broken,
    /// Two solid lines.
    DoubleSolid,
    /// Solid on the lane's own side, broken on the other.
    SolidBroken,
    /// Broken on the lane's own side, solid on the other.
    BrokenSolid,
}

/// How traffic on a lane is held back at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Control {
    /// Not at all: it has priority, or there is nothing to give way to.
    #[default]
    Free,
    /// Gives way.
    Yield,
    /// A stop sign.
    Stop,
    /// A signal, by its index in the network.
    Signal(u32),
}

/// A lane, in its direction of travel.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Its own index.
    pub id: LaneId,
    /// Who it is for.
    pub kind: LaneKind,
    /// Centre line, on the surface.
    pub center: Curve,
    /// Width at each point of the centre line, m.
    pub width: Vec<f32>,
    /// Where one can go on from its end.
    pub successors: Vec<LaneId>,
    /// Where one can come from.
    pub predecessors: Vec<LaneId>,
    /// The neighbour to the left in the same direction, if one may change to it.
    pub left: Option<LaneId>,
    /// The neighbour to the right in the same direction, if one may change to it.
    pub right: Option<LaneId>,
    /// Line on its left edge.
    pub left_line: LineKind,
    /// Line on its right edge.
    pub right_line: LineKind,
    /// Speed limit, m/s.
    pub speed_limit: f32,
    /// The junction that it crosses, if it lies in one.
    pub junction: Option<u32>,
    /// What holds traffic back at its end.
    pub control: Control,
    /// Lanes that cross or merge with it inside the junction, and to which it gives way.
    pub yields_to: Vec<LaneId>,
    /// −1 turns right, 0 goes straight on, 1 turns left (lanes in junctions).
    pub turn: i8,
}

/// A place where people on foot cross.
#[derive(Debug, Clone)]
pub struct Crossing {
    /// From kerb to kerb, on the surface.
    pub path: Curve,
    /// Width, m.
    pub width: f32,
    /// Painted as a zebra, or only with two lines.
    pub zebra: bool,
    /// The lanes that it crosses, with the arc length of the middle of the crossing on each, m.
    pub lanes: Vec<(LaneId, f32)>,
    /// The signal for people on foot, if there is one: index in the network.
    pub signal: Option<u32>,
}

/// A signal group: everything that shows the same state.
#[derive(Debug, Clone)]
pub struct Signal {
    /// The junction that it belongs to; signals of one junction share a cycle.
    pub junction: u32,
    /// Its phase in the cycle: signals of the same phase are green together.
    pub phase: u32,
    /// For people on foot?
    pub pedestrian: bool,
    /// Where its heads stand: foot of the post on the ground, and the direction in which they look (towards those who obey them).
    pub heads: Vec<SignalHead>,
}

/// Where a signal head stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalHead {
    /// Foot of its post, on the ground.
    pub foot: Vec3,
    /// Direction that it faces, unit, horizontal.
    pub facing: Vec2,
    /// Hangs on an arm over the lane, this far from the post towards the left of the direction it faces, m; 0 stands on the post.
    /// Negative to the right: where traffic keeps right, posts stand on the drivers' right and arms reach to their left.
    pub arm: f32,
}

/// A sign that the network asks for (speed limits, priority, stop, …).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignPost {
    /// Foot of its post, on the ground.
    pub foot: Vec3,
    /// Direction that it faces, unit, horizontal.
    pub facing: Vec2,
    /// What it says.
    pub kind: SignKind,
}

/// What a sign says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignKind {
    /// Stop (red octagon).
    Stop,
    /// Give way (triangle on its tip).
    Yield,
    /// Priority road (yellow diamond).
    Priority,
    /// Speed limit, in the number shown.
    SpeedLimit(u16),
    /// Pedestrian crossing (blue square).
    Crossing,
    /// Warning (triangle).
    Warning,
    /// No entry (red disc with a white bar).
    NoEntry,
    /// No parking, no stopping (blue disc with a red edge).
    NoParking,
    /// Direction board (a large panel).
    Direction,
}

/// A place to park.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParkingSpot {
    /// Middle of the place, on the surface.
    pub center: Vec3,
    /// Direction of the parked vehicle, rad.
    pub yaw: f32,
    /// Length and width, m.
    pub size: Vec2,
}

/// A stretch of land beside the road, for what is built or grows there.
#[derive(Debug, Clone)]
pub struct Plot {
    /// Simple polygon, counter-clockwise, m.
    pub outline: Vec<Vec2>,
    /// Index of the outline's edge that faces the road.
    pub front: usize,
    /// How far from the town's middle, 0 (core) to 1 (edge and beyond).
    pub remoteness: f32,
}

/// A road network.
#[derive(Debug, Clone, Default)]
pub struct RoadNetwork {
    /// The lanes, by id.
    pub lanes: Vec<Lane>,
    /// Crossings for people on foot.
    pub crossings: Vec<Crossing>,
    /// Signal groups.
    pub signals: Vec<Signal>,
    /// Signs that belong to the road.
    pub signs: Vec<SignPost>,
    /// Places to park.
    pub parking: Vec<ParkingSpot>,
    /// Land beside the roads.
    pub plots: Vec<Plot>,
    /// Places for lamp posts: foot, and the direction of the arm (over the road).
    pub lamp_posts: Vec<(Vec3, Vec2)>,
    /// Traffic keeps to the left?
    pub left_hand: bool,
    /// The surface: everything paved, and verges.
    pub patches: Vec<Patch>,
    /// Plan view of all that the patches cover, in convex quadrilaterals (counter-clockwise, the last two corners may be
    /// the same); the ground between is [`Terrain`].
    pub footprint: Vec<[Vec2; 4]>,
    /// Kerbs.
    pub kerbs: Vec<Kerb>,
    /// Lines along lanes.
    pub strokes: Vec<Stroke>,
    /// Everything else that is painted: stop lines, arrows, zebra bars. Convex, counter-clockwise.
    pub marks: Vec<Vec<Vec2>>,
    /// Guard rails, along their foot.
    pub rails: Vec<Curve>,
    /// The lie of the land.
    pub relief: Relief,
    /// Finds lanes by place; built when first asked.
    pub index: LaneIndex,
}

/// What a patch of the surface is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Paving {
    /// Asphalt of the carriageway.
    Asphalt,
    /// Coloured asphalt of a bicycle lane.
    Cycleway,
    /// Slabs of a pavement.
    Slabs,
    /// Kerb stones.
    Kerb,
    /// Gravel of a verge.
    Gravel,
    /// Grass: medians, islands.
    Grass,
}

impl Paving {
    /// May a vehicle drive here?
    pub fn is_road(self) -> bool {
        matches!(self, Self::Asphalt | Self::Cycleway)
    }
}

/// A patch of the surface: a quadrilateral, counter-clockwise from above, split from its first to its third corner; a triangle when
/// the last two corners are the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patch {
    /// What it is made of.
    pub paving: Paving,
    /// Its corners, m.
    pub corners: [Vec3; 4],
}

/// A kerb: a step between two levels.
#[derive(Debug, Clone, PartialEq)]
pub struct Kerb {
    /// Its foot at the level of the road, and its height there, m.
    pub points: Vec<(Vec3, f32)>,
}

/// A painted line along a lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    /// Its middle, on the surface.
    pub path: Vec<Vec3>,
    /// Solid, broken or double; the path's own side is its left.
    pub kind: LineKind,
    /// Width of one line, m.
    pub width: f32,
    /// Length of a dash and of the gap after it, m.
    pub dash: (f32, f32),
    /// Yellow instead of white.
    pub yellow: bool,
}
