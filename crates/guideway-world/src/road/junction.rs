//! Junctions and turning places: their surface, the lanes through them, crossings for people on foot.

use std::f32::consts::TAU;

use glam::{Vec2, Vec3};
use rand::RngExt as _;

use super::axis::blend;
use super::plan::KERB;
use super::procedural::{Arm, Builder, KERB_HEIGHT};
use super::{Crossing, Curve, Kerb, LaneId, LaneKind, Paving};

/// Height of a kerb that is lowered for a crossing, m.
const LOWERED: f32 = 0.02;

/// Length of a crossing along the street, and its distance from the mouth of the junction, m.
const CROSSING: f32 = 3.0;
const BEHIND_MOUTH: f32 = 1.1;

/// Where a kerb runs around a corner: its foot, its height, and the outer edge of the pavement behind it.
#[derive(Clone, Copy)]
struct Rim {
    foot: Vec2,
    rise: f32,
    outer: Vec2,
}

/// A lane through a junction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connector {
    pub lane: LaneId,
    pub from: Arm,
    pub to: Arm,
    pub kind: LaneKind,
}

impl Builder<'_> {
    pub(super) fn build_junction(&mut self, node: usize) {
        let arms = self.arms[node].clone();
        let corners: Vec<Vec<Rim>> = (0..arms.len())
            .map(|i| {
                if arms.len() == 1 {
                    self.turning_rim(arms[0])
                } else {
                    self.corner(arms[i], arms[(i + 1) % arms.len()])
                }
            })
            .collect();
        self.pave_junction(node, &corners);
        let first = self.net.lanes.len();
        let connectors = if let [arm] = arms[..] {
            self.turn_around(arm)
        } else {
            self.connect(node, &arms)
        };
        let footways = self.profile(arms[0].street).sidewalk > 0.0;
        if footways {
            self.walk_corners(&arms);
        }
        for lane in &mut self.net.lanes[first..] {
            lane.junction = Some(node as u32);
        }
        let crossings = if footways {
            self.crossings(&arms, &connectors, node)
        } else {
            Vec::new()
        };
        if arms.len() > 2 {
            self.rule(node, &arms, &connectors, &crossings);
        }
    }

    /// Kerb heights along one side of an arm, from its cut to its mouth: lowered where people cross.
    fn arm_rims(&self, arm: Arm, side: f32) -> Vec<Rim> {
        let profile = self.profile(arm.street);
        let (mouth, cut) = (self.mouth(arm), self.cut(arm));
        let mut marks = vec![(cut, KERB_HEIGHT)];
        if self.crossed[arm.street][arm.end] {
            let (near, far) = (mouth + BEHIND_MOUTH, mouth + BEHIND_MOUTH + CROSSING);
            marks.extend([
                (far + 0.6, KERB_HEIGHT),
                (far, LOWERED),
                (near, LOWERED),
                (near - 0.6, KERB_HEIGHT),
            ]);
        }
        marks.push((mouth, KERB_HEIGHT));
        marks
            .into_iter()
            .map(|(s, rise)| Rim {
                foot: self.at(arm, s, side * profile.edge()),
                rise,
                outer: self.at(arm, s, side * profile.outer()),
            })
            .collect()
    }

    /// The rim from the left side of one arm around the corner to the right side of the next.
    fn corner(&self, a: Arm, b: Arm) -> Vec<Rim> {
        let mut rims = self.arm_rims(a, 1.0);
        let mut after = self.arm_rims(b, -1.0);
        after.reverse();
        let steps = 8;
        let (heading, arriving) = (-self.outward(a, self.mouth(a)), self.outward(b, self.mouth(b)));
        if let (Some(start), Some(end)) = (rims.last().copied(), after.first().copied()) {
            let feet = blend(start.foot, heading, end.foot, arriving, steps);
            let outers = blend(start.outer, heading, end.outer, arriving, steps);
            let inner = feet.iter().zip(&outers).map(|(foot, outer)| Rim {
                foot: *foot,
                rise: KERB_HEIGHT,
                outer: *outer,
            });
            rims.extend(inner.skip(1).take(steps - 1));
        }
        rims.extend(after);
        rims
    }

    /// The rim of a turning place, from the left side of its arm all the way around to the right.
    fn turning_rim(&self, arm: Arm) -> Vec<Rim> {
        let profile = self.profile(arm.street);
        let node = self.at(arm, 0.0, 0.0);
        let forward = self.outward(arm, 0.0);
        let radius = self.turning_radius(arm);
        let outside = radius + profile.outer() - profile.edge();
        let half = |width: f32, radius: f32| f64::from((width / radius).min(1.0)).asin() as f32;
        let (inner, outer) = (half(profile.edge(), radius), half(profile.outer(), outside));
        let mut rims = self.arm_rims(arm, 1.0);
        let steps = 28;
        for i in 0..=steps {
            let t = i as f32 / steps as f32;
            let place = |half: f32, radius: f32| node + turned(forward, half + (TAU - 2.0 * half) * t) * radius;
            rims.push(Rim {
                foot: place(inner, radius),
                rise: KERB_HEIGHT,
                outer: place(outer, outside),
            });
        }
        let mut after = self.arm_rims(arm, -1.0);
        after.reverse();
        rims.extend(after);
        rims
    }

    fn pave_junction(&mut self, node: usize, corners: &[Vec<Rim>]) {
        let kerbed = corners.iter().flatten().next().is_some() && self.net.relief.lift > 0.0;
        let lift = self.net.relief.lift;
        let center = self.plan.nodes[node];
        let rims: Vec<Rim> = corners.iter().flatten().copied().collect();
        for i in 0..rims.len() {
            let (a, b) = (rims[i].foot, rims[(i + 1) % rims.len()].foot);
            if a.distance(b) < 1e-3 {
                continue;
            }
            // A ring of quadrilaterals around a fan, so that the surface follows the hill.
            let (c, d) = (center.lerp(b, 0.5), center.lerp(a, 0.5));
            self.patch(Paving::Asphalt, [(a, 0.0), (b, 0.0), (c, 0.0), (d, 0.0)]);
            self.patch(Paving::Asphalt, [(d, 0.0), (c, 0.0), (center, 0.0), (center, 0.0)]);
            let (a, b) = (rims[i].outer, rims[(i + 1) % rims.len()].outer);
            self.net.footprint.push([center, a, b, b]);
        }
        for corner in corners {
            for pair in corner.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                if a.foot.distance(b.foot) < 1e-3 && a.outer.distance(b.outer) < 1e-3 {
                    continue;
                }
                if kerbed {
                    let top = |r: Rim| r.foot + (r.outer - r.foot).normalize_or(Vec2::X) * KERB;
                    self.patch(
                        Paving::Kerb,
                        [(b.foot, b.rise), (a.foot, a.rise), (top(a), a.rise), (top(b), b.rise)],
                    );
                    self.patch(
                        Paving::Slabs,
                        [(top(b), b.rise), (top(a), a.rise), (a.outer, lift), (b.outer, lift)],
                    );
                } else {
                    self.patch(
                        Paving::Gravel,
                        [(b.foot, 0.0), (a.foot, 0.0), (a.outer, lift), (b.outer, lift)],
                    );
                }
            }
            if kerbed {
                let points = corner.iter().map(|r| (self.net.relief.on(r.foot), r.rise)).collect();
                self.net.kerbs.push(Kerb { points });
            }
        }
    }

    /// The lane around a turning place.
    fn turn_around(&mut self, arm: Arm) -> Vec<Connector> {
        let (Some(from), Some(to)) = (self.incoming(arm).last().copied(), self.outgoing(arm).last().copied()) else {
            return Vec::new();
        };
        let node = self.at(arm, 0.0, 0.0);
        let forward = self.outward(arm, 0.0);
        let radius = self.turning_radius(arm) - 2.4;
        let on = |angle: f32| node + turned(forward, angle) * radius;
        let (start, end) = (self.end_of(from), self.start_of(to));
        let enter = 1.1_f32;
        let mut points = blend(start.0, start.1, on(enter), turned(forward, enter).perp(), 6);
        points.extend((1..14).map(|i| on(enter + (TAU - 2.0 * enter) * i as f32 / 14.0)));
        points.extend(blend(on(TAU - enter), turned(forward, -enter).perp(), end.0, end.1, 6));
        let width = self.net.lane(from).width.last().copied().unwrap_or(3.0);
        let kmh = 20;
        let lanes = self.add_lane(LaneKind::Driving, &points, (width, width), 0.0, kmh);
        let connector = lanes.map(|lane| {
            self.link(from, lane);
            self.link(lane, to);
            self.lane_mut(lane).turn = 1;
            Connector {
                lane,
                from: arm,
                to: arm,
                kind: LaneKind::Driving,
            }
        });
        // Further lanes than the outermost end in the same turn.
        for other in self.incoming(arm) {
            if let Some(connector) = connector
                && self.net.lane(other).successors.is_empty()
            {
                let (start, heading) = self.end_of(other);
                let to = self.outgoing(arm)[0];
                let (end, arriving) = self.start_of(to);
                let mut points = blend(start, heading, on(enter), turned(forward, enter).perp(), 6);
                points.extend((1..14).map(|i| on(enter + (TAU - 2.0 * enter) * i as f32 / 14.0)));
                points.extend(blend(on(TAU - enter), turned(forward, -enter).perp(), end, arriving, 6));
                if let Some(lane) = self.add_lane(connector.kind, &points, (width, width), 0.0, kmh) {
                    self.link(other, lane);
                    self.link(lane, to);
                    self.lane_mut(lane).turn = 1;
                }
            }
        }
        connector.into_iter().collect()
    }

    pub(super) fn end_of(&self, lane: LaneId) -> (Vec2, Vec2) {
        let center = &self.net.lane(lane).center;
        let p = center.at(center.length());
        (p.position.truncate(), p.tangent.truncate().normalize_or(Vec2::X))
    }

    pub(super) fn start_of(&self, lane: LaneId) -> (Vec2, Vec2) {
        let p = self.net.lane(lane).center.at(0.0);
        (p.position.truncate(), p.tangent.truncate().normalize_or(Vec2::X))
    }

    fn connect(&mut self, _node: usize, arms: &[Arm]) -> Vec<Connector> {
        let mut connectors = Vec::new();
        for (i, from) in arms.iter().enumerate() {
            let incoming = self.incoming(*from);
            // Targets from right to left, as angles from straight on.
            let heading = -self.outward(*from, self.mouth(*from));
            let targets: Vec<(Arm, f32)> = (1..arms.len())
                .map(|k| {
                    let to = arms[(i + k) % arms.len()];
                    let away = self.outward(to, self.mouth(to));
                    let angle = f64::from(heading.perp_dot(away)).atan2(f64::from(heading.dot(away))) as f32;
                    (to, angle)
                })
                .collect();
            let turn = |angle: f32| {
                if angle.abs() < 0.6 {
                    0
                } else if angle > 0.0 {
                    1
                } else {
                    -1
                }
            };
            let goes_left = targets.iter().any(|(_, angle)| turn(*angle) == 1);
            let goes_right = targets.iter().any(|(_, angle)| turn(*angle) == -1);
            let n = incoming.len();
            for (to, angle) in &targets {
                let outgoing = self.outgoing(*to);
                let m = outgoing.len();
                for (k, lane) in incoming.iter().enumerate() {
                    let target = match turn(*angle) {
                        1 if k == 0 => Some(0),
                        -1 if k + 1 == n => Some(m - 1),
                        // Three lanes or more: the innermost only turns left. More lanes than go on: the inner ones turn.
                        0 if n >= 3 && k == 0 && goes_left => None,
                        0 if n > m && k < n - m && goes_left => None,
                        0 if n > m && k >= m && goes_right && !goes_left => None,
                        0 => Some((k + m).saturating_sub(n).min(m - 1)),
                        _ => None,
                    };
                    if let Some(target) = target {
                        connectors.extend(self.connector(
                            *from,
                            *lane,
                            *to,
                            outgoing[target],
                            turn(*angle),
                            LaneKind::Driving,
                        ));
                    }
                }
            }
            // Every lane leads somewhere.
            for (k, lane) in incoming.iter().enumerate() {
                let straightest = targets.iter().min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
                if let Some((to, angle)) = straightest
                    && self.net.lane(*lane).successors.is_empty()
                {
                    let outgoing = self.outgoing(*to);
                    let target = outgoing[k.min(outgoing.len() - 1)];
                    connectors.extend(self.connector(*from, *lane, *to, target, turn(*angle), LaneKind::Driving));
                }
            }
            self.connect_bicycles(*from, &incoming, &targets, &turn, &mut connectors);
        }
        connectors
    }

    /// Bicycle lanes go straight on and turn right; on streets without one they go on in the outermost driving lane.
    fn connect_bicycles(
        &mut self,
        from: Arm,
        incoming: &[LaneId],
        targets: &[(Arm, f32)],
        turn: &dyn Fn(f32) -> i8,
        connectors: &mut Vec<Connector>,
    ) {
        let own = self.bicycle(from, true);
        for (to, angle) in targets {
            if turn(*angle) == 1 && targets.iter().any(|(_, other)| turn(*other) != 1) {
                continue;
            }
            let next = self.bicycle(*to, false);
            let ends = match (own, next) {
                (Some(a), Some(b)) => Some((a, b)),
                (Some(a), None) => self.outgoing(*to).last().map(|b| (a, *b)),
                (None, Some(b)) => incoming.last().map(|a| (*a, b)),
                (None, None) => None,
            };
            if let Some((a, b)) = ends {
                connectors.extend(self.connector(from, a, *to, b, turn(*angle), LaneKind::Bicycle));
            }
        }
    }

    fn connector(&mut self, from: Arm, a: LaneId, to: Arm, b: LaneId, turn: i8, kind: LaneKind) -> Option<Connector> {
        let ((start, heading), (end, arriving)) = (self.end_of(a), self.start_of(b));
        let points = blend(start, heading, end, arriving, if turn == 0 { 6 } else { 12 });
        let width = |lane: LaneId| self.net.lane(lane).width.first().copied().unwrap_or(3.0);
        let widths = match kind {
            LaneKind::Bicycle => (1.5, 1.5),
            _ => (width(a), width(b)),
        };
        let kmh = match (self.profile(from.street).kmh.max(self.profile(to.street).kmh), turn) {
            (limit, 0) => limit,
            (limit, 1) => limit.min(30),
            (limit, _) => limit.min(25),
        };
        let lane = self.add_lane(kind, &points, widths, 0.0, kmh)?;
        self.lane_mut(lane).turn = turn;
        self.link(a, lane);
        self.link(lane, b);
        Some(Connector { lane, from, to, kind })
    }

    /// Pavements around the corners, in pieces that end where people cross.
    fn walk_corners(&mut self, arms: &[Arm]) {
        for (i, a) in arms.iter().enumerate() {
            let b = arms[(i + 1) % arms.len()];
            let (from, to) = (self.profile(b.street), self.profile(a.street));
            // From the right side of the next arm inwards, around the corner, and out on the left side of this one.
            let mut pieces: Vec<Vec<Vec2>> = vec![vec![self.at(b, self.cut(b), -from.walk())]];
            if self.crossed[b.street][b.end] {
                let p = self.at(b, self.crossing_at(b), -from.walk());
                pieces[0].push(p);
                pieces.push(vec![p]);
            }
            let last = pieces.len() - 1;
            if arms.len() == 1 {
                let node = self.at(*a, 0.0, 0.0);
                let radius = self.turning_radius(*a) + from.outer() - from.edge() - from.sidewalk / 2.0;
                let half = f64::from((from.walk() / radius).min(1.0)).asin() as f32;
                let forward = self.outward(*a, 0.0);
                let around =
                    (0..=20).map(|k| node + turned(forward, -half - (TAU - 2.0 * half) * k as f32 / 20.0) * radius);
                pieces[last].extend(around);
            } else {
                let start = self.at(b, self.mouth(b), -from.walk());
                let end = self.at(*a, self.mouth(*a), to.walk());
                let (heading, arriving) = (-self.outward(b, self.mouth(b)), self.outward(*a, self.mouth(*a)));
                pieces[last].extend(blend(start, heading, end, arriving, 8));
            }
            if self.crossed[a.street][a.end] {
                let p = self.at(*a, self.crossing_at(*a), to.walk());
                pieces[last].push(p);
                pieces.push(vec![p]);
            }
            let last = pieces.len() - 1;
            pieces[last].push(self.at(*a, self.cut(*a), to.walk()));
            for piece in pieces {
                self.add_lane(
                    LaneKind::Sidewalk,
                    &piece,
                    (from.sidewalk, to.sidewalk),
                    KERB_HEIGHT,
                    30,
                );
            }
        }
    }

    fn crossing_at(&self, arm: Arm) -> f32 {
        self.mouth(arm) + BEHIND_MOUTH + CROSSING / 2.0
    }

    /// Crossings over the arms that have one, with their arms.
    fn crossings(&mut self, arms: &[Arm], connectors: &[Connector], node: usize) -> Vec<(usize, Arm)> {
        let mut rng = self.rng("zebras", node);
        let mut made = Vec::new();
        for arm in arms.iter().copied() {
            if !self.crossed[arm.street][arm.end] {
                continue;
            }
            let profile = self.profile(arm.street);
            let s = self.crossing_at(arm);
            let at = |left: f32| self.at(arm, s, left);
            let across = [profile.walk(), profile.edge(), 0.0, -profile.edge(), -profile.walk()].map(at);
            let rises = [KERB_HEIGHT, LOWERED, 0.0, LOWERED, KERB_HEIGHT];
            for back in [false, true] {
                let mut points: Vec<Vec3> = across
                    .iter()
                    .zip(rises)
                    .map(|(p, rise)| self.net.relief.on(*p) + Vec3::Z * rise)
                    .collect();
                if back {
                    points.reverse();
                }
                // The lane's own height follows the lowered kerbs.
                if let (Some(id), Some(center)) = (
                    self.add_lane(LaneKind::Sidewalk, &across, (CROSSING, CROSSING), 0.0, 30),
                    Curve::new(points),
                ) {
                    let lane = self.lane_mut(id);
                    lane.width = vec![CROSSING; center.points().len()];
                    lane.center = center;
                    lane.junction = Some(node as u32);
                }
            }
            let relief = &self.net.relief;
            let Some(path) = Curve::new(across[1..4].iter().map(|p| relief.on(*p))) else {
                continue;
            };
            let (a, b) = (across[1], across[3]);
            let lanes = connectors
                .iter()
                .filter(|c| c.from == arm || c.to == arm)
                .filter_map(|c| Some((c.lane, self.meets(c.lane, a, b)?)))
                .collect();
            made.push((self.net.crossings.len(), arm));
            self.net.crossings.push(Crossing {
                path,
                width: CROSSING,
                zebra: rng.random::<f32>() < 0.85,
                lanes,
                signal: None,
            });
        }
        made
    }

    /// Arc length at which a lane's centre line meets a segment.
    fn meets(&self, lane: LaneId, a: Vec2, b: Vec2) -> Option<f32> {
        let center = &self.net.lane(lane).center;
        center.points().windows(2).zip(center.arc()).find_map(|(pair, s)| {
            let (p, q) = (pair[0].truncate(), pair[1].truncate());
            let t = segments_meet(p, q, a, b)?;
            Some(s + t * pair[0].distance(pair[1]))
        })
    }
}

/// Where on `p`–`q` (0 to 1) it meets `a`–`b`.
pub(super) fn segments_meet(p: Vec2, q: Vec2, a: Vec2, b: Vec2) -> Option<f32> {
    let (d, e) = (q - p, b - a);
    let denominator = d.perp_dot(e);
    if denominator.abs() < 1e-9 {
        return None;
    }
    let t = (a - p).perp_dot(e) / denominator;
    let u = (a - p).perp_dot(d) / denominator;
    ((0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u)).then_some(t)
}

/// A vector turned counter-clockwise, rad.
fn turned(v: Vec2, angle: f32) -> Vec2 {
    let (sin, cos) = f64::from(angle).sin_cos();
    Vec2::new(cos as f32, sin as f32).rotate(v)
}
