//! From a street plan to lanes, surface and furniture. Built for traffic that keeps right, and mirrored at the end where it
//! keeps left.

use glam::{Vec2, Vec3};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::axis::Axis;
use super::plan::{KERB, Plan, Profile};
use super::{
    Control, Curve, Kerb, Lane, LaneId, LaneKind, LineKind, ParkingSpot, Patch, Paving, Relief, RoadNetwork, Stroke,
};
use crate::params::{RoadKind, RoadParams, SurroundingsParams};
use crate::{Seed, WorldError};

/// Height of a kerb, m.
pub(super) const KERB_HEIGHT: f32 = 0.12;

impl RoadNetwork {
    /// A network of the kind that `params` ask for. Values outside the documented ranges are moved into them. A block that is
    /// shorter than its junctions need is made longer. `road.opendrive` is not looked at:
    /// [`RoadNetwork::from_opendrive`] reads such a file.
    pub fn generate(params: &RoadParams, surroundings: &SurroundingsParams, seed: Seed) -> Result<Self, WorldError> {
        let seed = seed.child("roads");
        let mut problem = String::new();
        // An irregular plan may turn out impossible to build; a more regular one follows, in the end a plain lattice.
        for attempt in 0..8_u32 {
            let looseness = 1.0 - attempt as f32 / 7.0;
            let plan = Plan::new(params, seed.index(u64::from(attempt)), looseness);
            match Builder::new(params, surroundings, seed, plan).and_then(Builder::build) {
                Ok(network) => return Ok(network),
                Err(what) => problem = what,
            }
        }
        Err(WorldError::Impossible {
            seed: seed.value(),
            problem,
            hint: "use a larger `road.extent`, or fewer or narrower lanes".to_owned(),
        })
    }
}

/// One end of a street, seen from its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arm {
    /// The street.
    pub street: usize,
    /// 0: its path starts here; 1: it ends here.
    pub end: usize,
}

/// The lanes of a street. Driving lanes from the middle outwards; `[0]` along the path, `[1]` against it.
#[derive(Debug, Clone, Default)]
pub(super) struct StreetLanes {
    pub driving: [Vec<LaneId>; 2],
    pub bicycle: [Option<LaneId>; 2],
}

pub(super) struct Builder<'a> {
    pub params: &'a RoadParams,
    pub surroundings: &'a SurroundingsParams,
    pub seed: Seed,
    pub plan: Plan,
    pub net: RoadNetwork,
    pub axes: Vec<Axis>,
    /// Arms of each node, counter-clockwise.
    pub arms: Vec<Vec<Arm>>,
    /// For each end of each street: distance from the node where the corner's rounding ends, and where its lanes end, m.
    pub mouths: Vec<[f32; 2]>,
    pub cuts: Vec<[f32; 2]>,
    /// Is there a crossing at this end?
    pub crossed: Vec<[bool; 2]>,
    pub lanes: Vec<StreetLanes>,
}

impl<'a> Builder<'a> {
    fn new(
        params: &'a RoadParams,
        surroundings: &'a SurroundingsParams,
        seed: Seed,
        plan: Plan,
    ) -> Result<Self, String> {
        let mut axes = plan
            .streets
            .iter()
            .map(|street| Axis::new(&street.path).ok_or_else(|| "a street without length".to_owned()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut arms = vec![Vec::new(); plan.nodes.len()];
        for (street, s) in plan.streets.iter().enumerate() {
            for end in 0..2 {
                arms[s.ends[end]].push(Arm { street, end });
            }
        }
        // Where streets continue each other they share their cross-section exactly.
        for arms in &arms {
            if let [a, b] = arms[..] {
                let heading = |arm: Arm| {
                    let axis: &Axis = &axes[arm.street];
                    if arm.end == 0 {
                        axis.direction(0.0)
                    } else {
                        -axis.direction(axis.length())
                    }
                };
                let through = (heading(b) - heading(a)).normalize_or(heading(b));
                axes[a.street].set_end(a.end, if a.end == 0 { -through } else { through });
                axes[b.street].set_end(b.end, if b.end == 0 { through } else { -through });
            }
        }
        let mut net = RoadNetwork {
            relief: Relief::hills(params.hills, seed.child("hills")),
            ..RoadNetwork::default()
        };
        net.relief.lift = match params.kind {
            RoadKind::Urban | RoadKind::Suburban => KERB_HEIGHT,
            RoadKind::Rural | RoadKind::Highway => -0.06,
        };
        let count = plan.streets.len();
        Ok(Self {
            params,
            surroundings,
            seed,
            plan,
            net,
            axes,
            arms,
            mouths: vec![[0.0; 2]; count],
            cuts: vec![[0.0; 2]; count],
            crossed: vec![[false; 2]; count],
            lanes: vec![StreetLanes::default(); count],
        })
    }

    fn build(mut self) -> Result<RoadNetwork, String> {
        for node in 0..self.plan.nodes.len() {
            self.sort_arms(node);
            self.place_cuts(node)?;
        }
        for street in 0..self.plan.streets.len() {
            let rest = self.axes[street].length() - self.cuts[street][0] - self.cuts[street][1];
            if rest < 9.0 {
                return Err(format!("a street of {rest:.1} m between junctions"));
            }
            let tightest = super::plan::tightest(&self.plan.streets[street].path);
            let outer = self.profile(street).outer();
            if tightest < outer + 3.0 {
                return Err(format!(
                    "a bend of {tightest:.1} m in a street {:.1} m wide",
                    2.0 * outer
                ));
            }
        }
        for street in 0..self.plan.streets.len() {
            self.build_street(street);
        }
        for node in 0..self.plan.nodes.len() {
            match self.arms[node].len() {
                0 => {}
                2 => self.build_joint(node),
                _ => self.build_junction(node),
            }
        }
        self.join_footways();
        self.furnish();
        if self.params.left_hand {
            self.net = self.net.mirrored();
        }
        match self.net.check().into_iter().next() {
            None => Ok(self.net),
            Some(problem) => Err(problem),
        }
    }

    pub(super) fn profile(&self, street: usize) -> Profile {
        self.plan.streets[street].profile
    }

    pub(super) fn rng(&self, name: &str, index: usize) -> ChaCha8Rng {
        self.seed.child(name).index(index as u64).rng()
    }

    /// The point of an arm this far from its node, and this far to the left as seen from there, m.
    pub(super) fn at(&self, arm: Arm, s: f32, left: f32) -> Vec2 {
        let axis = &self.axes[arm.street];
        if arm.end == 0 {
            axis.at(s, left)
        } else {
            axis.at(axis.length() - s, -left)
        }
    }

    /// Direction of an arm away from its node.
    pub(super) fn outward(&self, arm: Arm, s: f32) -> Vec2 {
        let axis = &self.axes[arm.street];
        if arm.end == 0 {
            axis.direction(s)
        } else {
            -axis.direction(axis.length() - s)
        }
    }

    pub(super) fn cut(&self, arm: Arm) -> f32 {
        self.cuts[arm.street][arm.end]
    }

    pub(super) fn mouth(&self, arm: Arm) -> f32 {
        self.mouths[arm.street][arm.end]
    }

    /// Driving lanes that come in through an arm, from the middle outwards.
    pub(super) fn incoming(&self, arm: Arm) -> Vec<LaneId> {
        self.lanes[arm.street].driving[1 - arm.end].clone()
    }

    /// Driving lanes that leave through an arm.
    pub(super) fn outgoing(&self, arm: Arm) -> Vec<LaneId> {
        self.lanes[arm.street].driving[arm.end].clone()
    }

    fn bearing(&self, arm: Arm) -> f32 {
        let direction = self.at(arm, 14.0, 0.0) - self.at(arm, 0.0, 0.0);
        f64::from(direction.y).atan2(f64::from(direction.x)) as f32
    }

    fn sort_arms(&mut self, node: usize) {
        let mut arms = std::mem::take(&mut self.arms[node]);
        arms.sort_by(|a, b| self.bearing(*a).total_cmp(&self.bearing(*b)));
        self.arms[node] = arms;
    }

    /// How far from the node each arm begins, so that kerbs have room for their rounding and pavements do not overlap.
    fn place_cuts(&mut self, node: usize) -> Result<(), String> {
        let arms = self.arms[node].clone();
        if arms.len() == 2 {
            return Ok(());
        }
        let mut rng = self.rng("crossings", node);
        let mut mouths: Vec<f32> = vec![4.0; arms.len()];
        if let [arm] = arms[..] {
            let radius = self.turning_radius(arm);
            let edge = self.profile(arm.street).edge();
            mouths[0] = (radius * radius - edge * edge).max(1.0).sqrt();
        }
        for i in 0..arms.len() {
            if arms.len() < 3 {
                break;
            }
            let j = (i + 1) % arms.len();
            let theta = (self.bearing(arms[j]) - self.bearing(arms[i])).rem_euclid(std::f32::consts::TAU);
            if theta < 0.87 {
                return Err(format!("two streets meet at {:.0}°", theta.to_degrees()));
            }
            if theta > 2.6 {
                continue;
            }
            let (sin, cos) = (f64::from(theta).sin() as f32, f64::from(theta).cos() as f32);
            let rounding = self.plan.corner * (1.0 + cos) / sin;
            for (own, other, mouth) in [(arms[i], arms[j], i), (arms[j], arms[i], j)] {
                let (a, b) = (self.profile(own.street), self.profile(other.street));
                let kerbs = (b.edge() + a.edge() * cos) / sin;
                let outer = (b.outer() + a.outer() * cos) / sin;
                mouths[mouth] = mouths[mouth].max(kerbs + rounding + 1.0).max(outer + 1.5);
            }
        }
        for (arm, mouth) in arms.iter().zip(mouths) {
            let can_cross = arms.len() > 2 && self.profile(arm.street).sidewalk > 0.0;
            let crossed = can_cross && rng.random::<f64>() < self.params.crossings;
            self.mouths[arm.street][arm.end] = mouth;
            self.cuts[arm.street][arm.end] = mouth + if crossed { 5.4 } else { 1.0 };
            self.crossed[arm.street][arm.end] = crossed;
        }
        Ok(())
    }

    /// Radius of the turning place at the end of a street, m.
    pub(super) fn turning_radius(&self, arm: Arm) -> f32 {
        (self.profile(arm.street).edge() + 3.5).max(8.5)
    }

    /// Adds a lane; `points` in the plan, `rise` above the road, m.
    pub(super) fn add_lane(
        &mut self,
        kind: LaneKind,
        points: &[Vec2],
        widths: (f32, f32),
        rise: f32,
        kmh: u16,
    ) -> Option<LaneId> {
        let relief = &self.net.relief;
        let center = Curve::new(points.iter().map(|p| relief.on(*p) + Vec3::Z * rise))?;
        let length = center.length();
        let width = center
            .arc()
            .iter()
            .map(|s| widths.0 + (widths.1 - widths.0) * s / length)
            .collect();
        let id = LaneId(self.net.lanes.len() as u32);
        self.net.lanes.push(Lane {
            id,
            kind,
            center,
            width,
            successors: Vec::new(),
            predecessors: Vec::new(),
            left: None,
            right: None,
            left_line: LineKind::None,
            right_line: LineKind::None,
            speed_limit: f32::from(kmh) / 3.6,
            junction: None,
            control: Control::Free,
            yields_to: Vec::new(),
            turn: 0,
        });
        Some(id)
    }

    pub(super) fn lane_mut(&mut self, id: LaneId) -> &mut Lane {
        &mut self.net.lanes[id.index()]
    }

    /// Makes the one lane follow the other.
    pub(super) fn link(&mut self, from: LaneId, to: LaneId) {
        if !self.net.lanes[from.index()].successors.contains(&to) {
            self.lane_mut(from).successors.push(to);
            self.lane_mut(to).predecessors.push(from);
        }
    }

    pub(super) fn patch(&mut self, paving: Paving, corners: [(Vec2, f32); 4]) {
        let corners = corners.map(|(p, rise)| self.net.relief.on(p) + Vec3::Z * rise);
        self.net.patches.push(Patch { paving, corners });
    }

    fn build_street(&mut self, street: usize) {
        let profile = self.profile(street);
        let axis = self.axes[street].clone();
        let (from, to) = (self.cuts[street][0], axis.length() - self.cuts[street][1]);
        // Parking keeps clear of junctions; kerbs swing out over 2 m.
        let bays = (profile.parking > 0.0 && to - from > 30.0).then_some((from + 8.0, to - 8.0));
        let swing = 2.0;
        let through = bays.map_or(vec![], |(a, b)| vec![a - swing, a, b, b + swing]);
        let stations = axis.stations(from, to, &through);
        let kerb = |s: f32| match bays {
            Some((a, b)) if s > a - swing && s < b + swing => {
                let t = ((s - a + swing) / swing).min((b + swing - s) / swing).clamp(0.0, 1.0);
                profile.edge() + profile.parking * t
            }
            _ => profile.edge(),
        };
        self.pave(street, &axis, &stations, &kerb);
        self.street_lanes(street, &axis, &stations, bays);
        self.street_lines(&profile, &axis, &stations, bays);
        if self.params.kind == RoadKind::Highway {
            self.rails(street, &axis, &stations);
        }
    }

    fn pave(&mut self, street: usize, axis: &Axis, stations: &[f32], kerb: &dyn Fn(f32) -> f32) {
        let profile = self.profile(street);
        let coloured = profile.bicycle > 0.0 && self.rng("cycleway", street).random::<f32>() < 0.4;
        let lift = self.net.relief.lift;
        // Bands from left to right, as offsets to the left with their rise; the paving lies between one and the next.
        let bands = |s: f32| {
            let k = kerb(s);
            let mut bands = if profile.sidewalk > 0.0 {
                vec![
                    (profile.outer(), lift, Some(Paving::Slabs)),
                    (k + KERB, KERB_HEIGHT, Some(Paving::Kerb)),
                    (k, KERB_HEIGHT, None),
                    (k, 0.0, Some(Paving::Asphalt)),
                ]
            } else {
                vec![
                    (profile.outer(), lift, Some(Paving::Gravel)),
                    (k, 0.0, Some(Paving::Asphalt)),
                ]
            };
            if coloured {
                bands.push((profile.driving() + profile.bicycle, 0.0, Some(Paving::Cycleway)));
                bands.push((profile.driving(), 0.0, Some(Paving::Asphalt)));
            }
            if profile.median > 0.0 {
                bands.push((profile.inner() - 0.4, 0.0, Some(Paving::Grass)));
            }
            let count = bands.len();
            for i in (0..count).rev() {
                let (offset, rise, _) = bands[i];
                let paving = if i > 0 { bands[i - 1].2 } else { None };
                bands.push((-offset, rise, paving));
            }
            bands
        };
        let mut kerbs = [Vec::new(), Vec::new()];
        for pair in stations.windows(2) {
            let (a, b) = (bands(pair[0]), bands(pair[1]));
            for i in 0..a.len() - 1 {
                let Some(paving) = a[i].2 else { continue };
                let at = |s: f32, band: (f32, f32, Option<Paving>)| (axis.at(s, band.0), band.1);
                self.patch(
                    paving,
                    [
                        at(pair[0], a[i]),
                        at(pair[0], a[i + 1]),
                        at(pair[1], b[i + 1]),
                        at(pair[1], b[i]),
                    ],
                );
            }
            let outer = profile.outer();
            self.net.footprint.push([
                axis.at(pair[0], outer),
                axis.at(pair[0], -outer),
                axis.at(pair[1], -outer),
                axis.at(pair[1], outer),
            ]);
        }
        if profile.sidewalk > 0.0 {
            for s in stations {
                for (side, sign) in [1.0, -1.0].into_iter().enumerate() {
                    let foot = self.net.relief.on(axis.at(*s, sign * kerb(*s)));
                    kerbs[side].push((foot, KERB_HEIGHT));
                }
            }
            self.net.kerbs.extend(kerbs.map(|points| Kerb { points }));
        }
    }

    fn street_lanes(&mut self, street: usize, axis: &Axis, stations: &[f32], bays: Option<(f32, f32)>) {
        let profile = self.profile(street);
        let line = |offset: f32, against: bool| {
            let mut points: Vec<Vec2> = stations.iter().map(|s| axis.at(*s, offset)).collect();
            if against {
                points.reverse();
            }
            points
        };
        let center_line = center_line(&profile);
        for direction in 0..2 {
            let (sign, against) = if direction == 0 { (-1.0, false) } else { (1.0, true) };
            let mut lanes = Vec::new();
            for k in 0..profile.lanes {
                let offset = sign * (profile.inner() + (k as f32 + 0.5) * profile.lane_width);
                let width = (profile.lane_width, profile.lane_width);
                lanes.extend(self.add_lane(LaneKind::Driving, &line(offset, against), width, 0.0, profile.kmh));
            }
            let edge_line = if profile.bicycle > 0.0 || profile.shoulder > 0.0 {
                LineKind::Solid
            } else {
                LineKind::None
            };
            for (k, id) in lanes.iter().enumerate() {
                let (left, right) = (k.checked_sub(1).map(|l| lanes[l]), lanes.get(k + 1).copied());
                let lane = self.lane_mut(*id);
                (lane.left, lane.right) = (left, right);
                lane.left_line = if left.is_some() { LineKind::Broken } else { center_line };
                lane.right_line = if right.is_some() { LineKind::Broken } else { edge_line };
            }
            if profile.bicycle > 0.0 {
                let offset = sign * (profile.driving() + profile.bicycle / 2.0);
                let width = (profile.bicycle, profile.bicycle);
                let id = self.add_lane(
                    LaneKind::Bicycle,
                    &line(offset, against),
                    width,
                    0.0,
                    profile.kmh.min(30),
                );
                self.lanes[street].bicycle[direction] = id;
            }
            if profile.shoulder >= 2.0 {
                let offset = sign * (profile.edge() - profile.shoulder / 2.0);
                let width = (profile.shoulder, profile.shoulder);
                self.add_lane(LaneKind::Shoulder, &line(offset, against), width, 0.0, profile.kmh);
            }
            if profile.sidewalk > 0.0 {
                // Around a block: the block to the left, the street to the right.
                let width = (profile.sidewalk, profile.sidewalk);
                let points = line(sign * profile.walk(), !against);
                self.add_lane(LaneKind::Sidewalk, &points, width, KERB_HEIGHT, 30);
            }
            if let Some((a, b)) = bays {
                self.bays(axis, &profile, sign, (a, b));
            }
            self.lanes[street].driving[direction] = lanes;
        }
    }

    fn bays(&mut self, axis: &Axis, profile: &Profile, sign: f32, (a, b): (f32, f32)) {
        let offset = sign * (profile.edge() + profile.parking / 2.0);
        let stations = axis.stations(a, b, &[]);
        let mut points: Vec<Vec2> = stations.iter().map(|s| axis.at(*s, offset)).collect();
        if sign > 0.0 {
            points.reverse();
        }
        self.add_lane(LaneKind::Parking, &points, (profile.parking, profile.parking), 0.0, 30);
        let length = 6.2;
        let count = ((b - a) / length) as usize;
        let start = a + ((b - a) - count as f32 * length) / 2.0;
        for i in 0..count {
            let s = start + (i as f32 + 0.5) * length;
            let along = axis.direction(s) * -sign;
            self.net.parking.push(ParkingSpot {
                center: self.net.relief.on(axis.at(s, offset)),
                yaw: f64::from(along.y).atan2(f64::from(along.x)) as f32,
                size: Vec2::new(length, profile.parking),
            });
        }
    }

    fn street_lines(&mut self, profile: &Profile, axis: &Axis, stations: &[f32], bays: Option<(f32, f32)>) {
        let fast = profile.kmh >= 70;
        let dash = if profile.median > 0.0 {
            (6.0, 12.0)
        } else if fast {
            (4.0, 8.0)
        } else {
            (3.0, 6.0)
        };
        let width = if profile.median > 0.0 { 0.15 } else { 0.12 };
        let mut stroke = |offset: f32, kind: LineKind, width: f32, dash: (f32, f32), span: (f32, f32)| {
            let relief = &self.net.relief;
            let path = stations
                .iter()
                .filter(|s| **s >= span.0 && **s <= span.1)
                .map(|s| relief.on(axis.at(*s, offset)))
                .collect();
            self.net.strokes.push(Stroke {
                path,
                kind,
                width,
                dash,
                yellow: false,
            });
        };
        let all = (f32::NEG_INFINITY, f32::INFINITY);
        if profile.median > 0.0 {
            for sign in [1.0, -1.0] {
                stroke(sign * profile.inner(), LineKind::Solid, 0.2, dash, all);
            }
        } else {
            stroke(0.0, center_line(profile), width, dash, all);
        }
        for sign in [1.0, -1.0] {
            for k in 1..profile.lanes {
                let offset = sign * (profile.inner() + k as f32 * profile.lane_width);
                stroke(offset, LineKind::Broken, width, dash, all);
            }
            if profile.bicycle > 0.0 {
                stroke(sign * profile.driving(), LineKind::Solid, 0.2, dash, all);
            }
            if profile.shoulder > 0.0 {
                let broad = if profile.median > 0.0 { 0.3 } else { 0.12 };
                stroke(sign * (profile.driving() + 0.05), LineKind::Solid, broad, dash, all);
            }
            if let Some(span) = bays {
                let offset = sign * (profile.edge() + 0.06);
                stroke(
                    offset,
                    LineKind::Broken,
                    0.1,
                    (0.8, 0.8),
                    (span.0 - 0.01, span.1 + 0.01),
                );
            }
        }
    }

    fn rails(&mut self, street: usize, axis: &Axis, stations: &[f32]) {
        let profile = self.profile(street);
        let outer = self.rng("rails", street).random::<f32>() < 0.7;
        for sign in [1.0, -1.0] {
            let offsets = [Some(profile.inner() - 0.7), outer.then_some(profile.edge() + 0.7)];
            for offset in offsets.into_iter().flatten() {
                let relief = &self.net.relief;
                let curve = Curve::new(stations.iter().map(|s| relief.on(axis.at(*s, sign * offset))));
                self.net.rails.extend(curve);
            }
        }
    }

    /// Two streets of the same cross-section that continue each other.
    fn build_joint(&mut self, node: usize) {
        let [a, b] = [self.arms[node][0], self.arms[node][1]];
        for (from, to) in [(a, b), (b, a)] {
            let (ending, starting) = (self.incoming(from), self.outgoing(to));
            for (i, lane) in ending.iter().enumerate() {
                if let Some(next) = starting.get(i.min(starting.len().saturating_sub(1))) {
                    self.link(*lane, *next);
                }
            }
            let (ending, starting) = (self.bicycle(from, true), self.bicycle(to, false));
            if let (Some(lane), Some(next)) = (ending, starting) {
                self.link(lane, next);
            }
        }
        self.join_shoulders(node);
    }

    /// The bicycle lane that comes in through an arm, or leaves through it.
    pub(super) fn bicycle(&self, arm: Arm, incoming: bool) -> Option<LaneId> {
        self.lanes[arm.street].bicycle[if incoming { 1 - arm.end } else { arm.end }]
    }

    fn join_shoulders(&mut self, node: usize) {
        let place = self.plan.nodes[node];
        let near: Vec<LaneId> = self
            .net
            .lanes_of(LaneKind::Shoulder)
            .filter(|lane| {
                let ends = [lane.center.at(0.0), lane.center.at(lane.center.length())];
                ends.iter().any(|e| e.position.truncate().distance(place) < 60.0)
            })
            .map(|lane| lane.id)
            .collect();
        self.join_ends(&near);
    }

    /// Pavements follow each other wherever one ends at the start of another.
    fn join_footways(&mut self) {
        let ids: Vec<LaneId> = self.net.lanes_of(LaneKind::Sidewalk).map(|lane| lane.id).collect();
        self.join_ends(&ids);
    }

    fn join_ends(&mut self, ids: &[LaneId]) {
        let key = |p: Vec3| ((p.x * 10.0).floor() as i64, (p.y * 10.0).floor() as i64);
        let mut starts: std::collections::BTreeMap<(i64, i64), Vec<LaneId>> = std::collections::BTreeMap::new();
        for id in ids {
            let start = self.net.lane(*id).center.at(0.0).position;
            starts.entry(key(start)).or_default().push(*id);
        }
        for id in ids {
            let lane = self.net.lane(*id);
            let (start, end) = (
                lane.center.at(0.0).position,
                lane.center.at(lane.center.length()).position,
            );
            let (i, j) = key(end);
            let mut next = Vec::new();
            for (a, b) in (-1..=1).flat_map(|a| (-1..=1).map(move |b| (a, b))) {
                for other in starts.get(&(i + a, j + b)).into_iter().flatten() {
                    let curve = &self.net.lane(*other).center;
                    let back = curve.at(curve.length()).position.distance(start) < 0.04;
                    if other != id && !back && curve.at(0.0).position.distance(end) < 0.04 {
                        next.push(*other);
                    }
                }
            }
            for other in next {
                self.link(*id, other);
            }
        }
    }
}

fn center_line(profile: &Profile) -> LineKind {
    match profile {
        Profile { median, .. } if *median > 0.0 => LineKind::Solid,
        Profile { lanes: 2.., .. } => LineKind::DoubleSolid,
        Profile {
            kmh: 0..=30,
            lane_width,
            ..
        } if *lane_width < 3.0 => LineKind::None,
        _ => LineKind::Broken,
    }
}
