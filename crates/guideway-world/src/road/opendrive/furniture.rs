//! Signals, signs, crosswalks and parking spaces, and who gives way in junctions.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::PI;

use glam::{DVec2, Vec2, Vec3};
use roxmltree::Node;

use super::Importer;
use super::model::Road;
use super::xml::{Source, child, children};
use crate::WorldError;
use crate::road::junction::segments_meet;
use crate::road::paint::counter_clockwise;
use crate::road::rules::{Claim, give_way};
use crate::road::{Control, Crossing, Curve, LaneId, LaneKind, ParkingSpot, SignKind, SignPost, Signal, SignalHead};

/// What a signal of the file is here.
enum Meaning {
    Light { pedestrian: bool },
    Sign(SignKind),
    StopLine,
    Crosswalk,
    Unknown,
}

/// Most copies of a repeated object.
const MOST_COPIES: f64 = 2000.0;

impl Importer {
    /// Everything that stands by the roads or is painted on them beside lines, and the rules that follow from it.
    pub(super) fn furnish(&mut self, source: &Source<'_>, roads: &[Road<'_, '_>]) -> Result<(), WorldError> {
        for lane in &mut self.net.lanes {
            if lane.junction.is_some() {
                let (a, b) = (
                    lane.center.at(0.0).tangent,
                    lane.center.at(lane.center.length()).tangent,
                );
                let (cross, dot) = (a.truncate().perp_dot(b.truncate()), a.truncate().dot(b.truncate()));
                let angle = f64::from(cross).atan2(f64::from(dot));
                lane.turn = if angle.abs() < 0.6 { 0 } else { angle.signum() as i8 };
            }
        }
        let mut unknown: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        for (r, road) in roads.iter().enumerate() {
            for node in child(road.node, "signals")
                .into_iter()
                .flat_map(|s| children(s, "signal"))
            {
                self.signal(source, (r, road), node, &mut unknown)?;
            }
            for node in child(road.node, "objects")
                .into_iter()
                .flat_map(|o| children(o, "object"))
            {
                match node.attribute("type") {
                    Some("crosswalk") => self.crosswalk(source, road, node)?,
                    Some("parkingSpace") => self.parking(source, road, node)?,
                    _ => {}
                }
            }
        }
        for (kind, (line, count)) in unknown {
            self.warnings.push(super::ImportWarning {
                line,
                element: "signal".to_owned(),
                problem: format!("{count} signals of type `{kind}`, which is not known here; left out"),
            });
        }
        self.set_rights();
        Ok(())
    }

    fn signal(
        &mut self,
        source: &Source<'_>,
        (r, road): (usize, &Road<'_, '_>),
        node: Node<'_, '_>,
        unknown: &mut BTreeMap<String, (u32, u32)>,
    ) -> Result<(), WorldError> {
        let s = source.number(node, "s")?.clamp(0.0, road.reference.length);
        let t = source.number(node, "t")?.clamp(-500.0, 500.0);
        let along = match node.attribute("orientation") {
            Some("-") => false,
            None | Some("+" | "none") => true,
            Some(other) => {
                let problem = format!("attribute `orientation` is `{other}`, allowed are `+`, `-` and `none`");
                return Err(source.error(node, problem));
            }
        };
        let foot = road.point(s, t, 0.0, self.shift);
        // It faces those who drive towards it.
        let drive = if along { road.direction(s) } else { -road.direction(s) };
        match meaning(node) {
            Meaning::Light { pedestrian: false } => self.light(
                road,
                r,
                (s, along),
                SignalHead {
                    foot,
                    facing: -drive,
                    arm: 0.0,
                },
            ),
            Meaning::Light { pedestrian: true } => {
                let turn = source.number_or(node, "hOffset", 0.0)?;
                let facing = DVec2::from_angle(turn).as_vec2().rotate(-drive);
                self.walk_light(foot, facing);
            }
            Meaning::Sign(kind) => {
                self.net.signs.push(SignPost {
                    foot,
                    facing: -drive,
                    kind,
                });
                let control = match kind {
                    SignKind::Stop => Some(Control::Stop),
                    SignKind::Yield => Some(Control::Yield),
                    _ => None,
                };
                if let Some(control) = control {
                    for lane in self.lanes_before((r, road), s, along) {
                        let lane = &mut self.net.lanes[lane.index()];
                        if lane.control == Control::Free {
                            lane.control = control;
                        }
                    }
                }
            }
            Meaning::StopLine => self.stop_line(road, s, along),
            Meaning::Crosswalk => {
                let width = source.number_or(node, "value", 4.0)?;
                self.cross(road, s, if (1.0..=12.0).contains(&width) { width } else { 4.0 });
            }
            Meaning::Unknown => {
                let kind = node.attribute("type").unwrap_or("").to_owned();
                let entry = unknown.entry(kind).or_insert((source.line(node), 0));
                entry.1 += 1;
            }
        }
        Ok(())
    }

    /// Driving lanes that obey something at `s`: those of the road in this direction whose end lies in a junction or at the
    /// road's end; on a connecting road those that lead into it.
    fn lanes_before(&self, (r, road): (usize, &Road<'_, '_>), s: f64, along: bool) -> Vec<LaneId> {
        let k = road
            .sections
            .partition_point(|section| section.s <= s + 1e-6)
            .saturating_sub(1);
        let here: Vec<LaneId> = self
            .ids
            .range((r, k, i32::MIN)..=(r, k, i32::MAX))
            .filter(|((_, _, id), lane)| {
                road.is_forward(*id) == along && self.net.lane(**lane).kind == LaneKind::Driving
            })
            .map(|(_, lane)| *lane)
            .collect();
        if road.junction.is_none() {
            return here;
        }
        let before: BTreeSet<LaneId> = here
            .iter()
            .flat_map(|lane| self.net.lane(*lane).predecessors.clone())
            .collect();
        before.into_iter().collect()
    }

    fn light(&mut self, road: &Road<'_, '_>, r: usize, (s, along): (f64, bool), head: SignalHead) {
        let lanes = self.lanes_before((r, road), s, along);
        let ahead = |lane: &LaneId| {
            self.net
                .lane(*lane)
                .successors
                .iter()
                .find_map(|next| self.net.lane(*next).junction)
        };
        let Some(junction) = lanes.iter().find_map(ahead) else {
            // Far from any junction it holds nobody back, but still stands there.
            let junction = self.junctions.len() as u32;
            self.net.signals.push(Signal {
                junction,
                phase: 0,
                pedestrian: false,
                heads: vec![head],
            });
            return;
        };
        // One group for all heads of an approach; approaches along one axis are green together.
        let obeyed = lanes.iter().find_map(|lane| match self.net.lane(*lane).control {
            Control::Signal(signal) => Some(signal),
            _ => None,
        });
        if let Some(signal) = obeyed {
            self.net.signals[signal as usize].heads.push(head);
            return;
        }
        let first = self
            .net
            .signals
            .iter()
            .find(|x| x.junction == junction && !x.pedestrian);
        let phase = first.map_or(0, |first| {
            let axis = first.heads.first().map_or(Vec2::X, |h| h.facing);
            let same = axis.dot(head.facing).abs() > 0.7;
            if same { first.phase } else { 1 - first.phase.min(1) }
        });
        let signal = self.net.signals.len() as u32;
        self.net.signals.push(Signal {
            junction,
            phase,
            pedestrian: false,
            heads: vec![head],
        });
        for lane in lanes {
            if self.net.lane(lane).junction.is_none() {
                self.net.lanes[lane.index()].control = Control::Signal(signal);
            }
        }
    }

    /// A light for people on foot: theirs is the phase of the traffic that runs as they walk.
    fn walk_light(&mut self, foot: Vec3, facing: Vec2) {
        let near = |signal: &Signal| {
            signal
                .heads
                .iter()
                .map(|h| h.foot.distance(foot))
                .fold(f32::INFINITY, f32::min)
        };
        let vehicles = self.net.signals.iter().filter(|s| !s.pedestrian);
        let nearest = vehicles.min_by(|a, b| near(a).total_cmp(&near(b)));
        let (junction, phase) = nearest.map_or((self.junctions.len() as u32, 0), |signal| {
            let along = signal.heads.first().map_or(Vec2::X, |h| h.facing).dot(facing).abs() > 0.7;
            (
                signal.junction,
                if along { signal.phase } else { 1 - signal.phase.min(1) },
            )
        });
        self.net.signals.push(Signal {
            junction,
            phase,
            pedestrian: true,
            heads: vec![SignalHead { foot, facing, arm: 0.0 }],
        });
    }

    fn stop_line(&mut self, road: &Road<'_, '_>, s: f64, along: bool) {
        let Some(section) = road.section_at(s) else { return };
        let edges = road.edges(section, s);
        for (id, lane) in &section.lanes {
            if lane.kind == Some(LaneKind::Driving) && road.is_forward(*id) == along {
                let (inner, outer) = edges[id];
                let depth = if along { -0.4 } else { 0.4 };
                let at = |s: f64, t: f64| road.point(s, t, 0.0, self.shift).truncate();
                let corners = vec![at(s, inner), at(s + depth, inner), at(s + depth, outer), at(s, outer)];
                if (outer - inner).abs() > 0.5 {
                    self.net.marks.push(counter_clockwise(corners));
                }
            }
        }
    }

    /// A crossing at right angles over all lanes for vehicles.
    fn cross(&mut self, road: &Road<'_, '_>, s: f64, width: f64) {
        let Some(section) = road.section_at(s) else { return };
        let edges = road.edges(section, s);
        let vehicles = [
            LaneKind::Driving,
            LaneKind::Bicycle,
            LaneKind::Parking,
            LaneKind::Shoulder,
        ];
        let ts = section
            .lanes
            .iter()
            .filter(|(_, lane)| lane.kind.is_some_and(|k| vehicles.contains(&k)))
            .flat_map(|(id, _)| {
                let (inner, outer) = edges[id];
                [inner, outer]
            });
        let (low, high) = ts.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), t| (l.min(t), h.max(t)));
        if high - low > 1.5 {
            let at = |t: f64| road.point(s, t, 0.0, self.shift);
            self.add_crossing(at(high), at(low), width as f32);
        }
    }

    fn add_crossing(&mut self, from: Vec3, to: Vec3, width: f32) {
        let Some(path) = Curve::new([from, from.lerp(to, 0.5), to]) else {
            return;
        };
        // Files may give the same crossing as object and as signal.
        if self
            .net
            .crossings
            .iter()
            .any(|c| c.path.at(c.path.length() / 2.0).position.distance(from.lerp(to, 0.5)) < 3.0)
        {
            return;
        }
        let (a, b) = (from.truncate(), to.truncate());
        let mut lanes = Vec::new();
        for lane in self
            .net
            .lanes
            .iter()
            .filter(|l| matches!(l.kind, LaneKind::Driving | LaneKind::Bicycle))
        {
            let points = lane.center.points().windows(2).zip(lane.center.arc());
            let meets = points.into_iter().find_map(|(pair, s)| {
                let t = segments_meet(pair[0].truncate(), pair[1].truncate(), a, b)?;
                Some(s + t * pair[0].distance(pair[1]))
            });
            // Another level of a junction is not crossed.
            let level = |s: f32| (lane.center.at(s).position.z - from.lerp(to, 0.5).z).abs() < 2.0;
            lanes.extend(meets.filter(|s| level(*s)).map(|s| (lane.id, s)));
        }
        let along = (b - a).perp().normalize_or(Vec2::X) * (width / 2.0);
        let length = a.distance(b);
        let step = (b - a) / length.max(1e-3);
        let mut s = 0.25;
        while s + 0.5 <= length && length < 200.0 {
            let (p, q) = (a + step * s, a + step * (s + 0.5));
            self.net
                .marks
                .push(counter_clockwise(vec![p - along, q - along, q + along, p + along]));
            s += 1.0;
        }
        self.net.crossings.push(Crossing {
            path,
            width,
            zebra: true,
            lanes,
            signal: None,
        });
    }

    fn crosswalk(&mut self, source: &Source<'_>, road: &Road<'_, '_>, node: Node<'_, '_>) -> Result<(), WorldError> {
        let s = source.number(node, "s")?;
        if !(0.0..=road.reference.length).contains(&s) {
            let allowed = format!("allowed is 0 to {} m", road.reference.length);
            self.warnings
                .push(source.warning(node, format!("attribute `s` is `{s}`, {allowed}; left out")));
            return Ok(());
        }
        let corners = self.corners(source, road, node)?;
        if corners.len() < 3 {
            let width = source.number_or(node, "width", 4.0)?;
            self.cross(road, s, width.clamp(1.0, 12.0));
            return Ok(());
        }
        // People walk across the road: the extent along its normal is the path's length.
        let middle = corners.iter().sum::<Vec3>() / corners.len() as f32;
        let along = road.direction(s);
        let extent = |axis: Vec2| {
            let reach = corners.iter().map(|c| axis.dot((*c - middle).truncate()));
            reach.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), d| (l.min(d), h.max(d)))
        };
        let (across, width) = (extent(along.perp()), extent(along));
        let at = |t: f32| middle + (along.perp() * t).extend(0.0);
        if across.1 - across.0 > 1.0 {
            self.add_crossing(at(across.1), at(across.0), (width.1 - width.0).clamp(1.0, 12.0));
        }
        Ok(())
    }

    /// Corners of an object's first outline, world, m.
    fn corners(&self, source: &Source<'_>, road: &Road<'_, '_>, node: Node<'_, '_>) -> Result<Vec<Vec3>, WorldError> {
        let outline = child(node, "outlines")
            .and_then(|o| child(o, "outline"))
            .or_else(|| child(node, "outline"));
        let (s, t) = (
            source.number_or(node, "s", 0.0)?,
            source.number_or(node, "t", 0.0)?.clamp(-500.0, 500.0),
        );
        let heading = source.number_or(node, "hdg", 0.0)?;
        let mut corners = Vec::new();
        for corner in outline.into_iter().flat_map(|o| o.children().filter(Node::is_element)) {
            match corner.tag_name().name() {
                "cornerRoad" => {
                    let t = source.number(corner, "t")?.clamp(-500.0, 500.0);
                    corners.push(road.point(source.number(corner, "s")?, t, 0.0, self.shift));
                }
                "cornerLocal" => {
                    let local = DVec2::new(source.number(corner, "u")?, source.number(corner, "v")?);
                    let turned = DVec2::from_angle(heading + road.reference.at(s).1).rotate(local);
                    corners.push(road.point(s, t, 0.0, self.shift) + turned.as_vec2().extend(0.0));
                }
                _ => {}
            }
        }
        Ok(corners)
    }

    fn parking(&mut self, source: &Source<'_>, road: &Road<'_, '_>, node: Node<'_, '_>) -> Result<(), WorldError> {
        let s = source.number(node, "s")?;
        let t = source.number(node, "t")?.clamp(-500.0, 500.0);
        let corners = self.corners(source, road, node)?;
        let heading = source.number_or(node, "hdg", 0.0)?;
        // Size and place as if at (s, t); copies are moved along.
        let (center, yaw, size) = if let [a, b, c, ..] = corners[..] {
            let (one, two) = ((b - a).truncate(), (c - b).truncate());
            let long = if one.length() >= two.length() { one } else { two };
            let size = Vec2::new(one.length().max(two.length()), one.length().min(two.length()));
            let center = corners.iter().sum::<Vec3>() / corners.len() as f32;
            (center, f64::from(long.y).atan2(f64::from(long.x)), size)
        } else {
            let length = source.number_or(node, "length", 5.0)?.clamp(1.0, 30.0);
            let width = source.number_or(node, "width", 2.5)?.clamp(1.0, 30.0);
            let center = road.point(s, t, 0.0, self.shift);
            (
                center,
                heading + road.reference.at(s).1,
                Vec2::new(length as f32, width as f32),
            )
        };
        if !(size.x > 2.0 && size.x < 40.0 && size.y > 1.2) {
            self.warnings
                .push(source.warning(node, format!("a parking space of {} × {} m, left out", size.x, size.y)));
            return Ok(());
        }
        let origin = road.point(s, t, 0.0, self.shift);
        let base = road.reference.at(s).1;
        let mut places = Vec::new();
        for repeat in children(node, "repeat") {
            let distance = source.number(repeat, "distance")?;
            let (from, length) = (source.number(repeat, "s")?, source.number(repeat, "length")?);
            let (t0, t1) = (
                source.number_or(repeat, "tStart", t)?,
                source.number_or(repeat, "tEnd", t)?,
            );
            let count = if distance > 0.5 {
                (length / distance).floor()
            } else {
                0.0
            };
            if !(0.0..=MOST_COPIES).contains(&count) {
                return Err(source.error(repeat, format!("{count} copies, allowed are up to {MOST_COPIES}")));
            }
            places.extend((0..=count as usize).map(|i| {
                let f = i as f64 * distance / length.max(1e-6);
                (from + i as f64 * distance, (t0 + (t1 - t0) * f).clamp(-500.0, 500.0))
            }));
        }
        if places.is_empty() {
            places.push((s, t));
        }
        for (s, t) in places {
            let turn = road.reference.at(s).1 - base;
            let from_origin = Vec2::from_angle(turn as f32).rotate((center - origin).truncate());
            let at = road.point(s, t, 0.0, self.shift) + from_origin.extend(0.0);
            let yaw = (yaw + turn + PI).rem_euclid(2.0 * PI) - PI;
            self.net.parking.push(ParkingSpot {
                center: at,
                yaw: yaw as f32,
                size,
            });
        }
        Ok(())
    }

    /// Who gives way in each junction: by signals and signs, then by how they turn and where they come from.
    fn set_rights(&mut self) {
        let mut junctions: BTreeMap<u32, Vec<LaneId>> = BTreeMap::new();
        for lane in &self.net.lanes {
            if let (Some(junction), LaneKind::Driving | LaneKind::Bicycle) = (lane.junction, lane.kind) {
                junctions.entry(junction).or_default().push(lane.id);
            }
        }
        for lanes in junctions.values() {
            // Approaches in the order of their heading; those within 20° are one.
            let heading = |lane: &LaneId| {
                let d = self.net.lane(*lane).center.at(0.0).tangent;
                f64::from(-d.y).atan2(f64::from(-d.x))
            };
            let mut headings: Vec<f64> = lanes.iter().map(heading).collect();
            headings.sort_by(f64::total_cmp);
            headings.dedup_by(|b, a| *b - *a < 0.35);
            let claims: Vec<Claim> = lanes
                .iter()
                .map(|id| {
                    let own = heading(id);
                    let arm = headings.partition_point(|h| *h <= own + 1e-9).saturating_sub(1);
                    let lane = self.net.lane(*id);
                    let control = lane
                        .predecessors
                        .first()
                        .map_or(Control::Free, |p| self.net.lane(*p).control);
                    let (right, phase) = match control {
                        Control::Free => (2, None),
                        Control::Yield | Control::Stop => (1, None),
                        Control::Signal(signal) => (0, Some(self.net.signals[signal as usize].phase)),
                    };
                    Claim {
                        lane: *id,
                        arm,
                        right,
                        phase,
                    }
                })
                .collect();
            give_way(&mut self.net, &claims, headings.len());
        }
    }
}

/// German catalogue numbers, which most files use, and OpenDRIVE's own for lights and paint.
fn meaning(node: Node<'_, '_>) -> Meaning {
    let kind = node.attribute("type").unwrap_or("").trim();
    let number = |name: &str| node.attribute(name).and_then(|v| v.trim().parse::<f64>().ok());
    match kind {
        "1000001" | "1000007" | "1000009" | "1000010" | "1000011" | "1000012" | "1000013" => {
            Meaning::Light { pedestrian: false }
        }
        "1000002" | "1000008" => Meaning::Light { pedestrian: true },
        "1000003" | "293" => Meaning::Crosswalk,
        "294" => Meaning::StopLine,
        "205" => Meaning::Sign(SignKind::Yield),
        "206" => Meaning::Sign(SignKind::Stop),
        "301" | "306" => Meaning::Sign(SignKind::Priority),
        "267" => Meaning::Sign(SignKind::NoEntry),
        "283" | "286" => Meaning::Sign(SignKind::NoParking),
        "350" => Meaning::Sign(SignKind::Crossing),
        "274" => {
            // The number is the value, or the subtype: 274-50, 274.1 or 274-56 for 60.
            let shown = number("value").or_else(|| number("subtype")).unwrap_or(50.0);
            let kmh = if (50.0..60.0).contains(&shown) && shown % 5.0 != 0.0 {
                (shown - 50.0) * 10.0
            } else {
                shown
            };
            let kmh = if (5.0..=150.0).contains(&kmh) { kmh as u16 } else { 50 };
            Meaning::Sign(SignKind::SpeedLimit(kmh))
        }
        _ if kind.parse::<u32>().is_ok_and(|n| (101..=162).contains(&n)) => Meaning::Sign(SignKind::Warning),
        _ if kind.parse::<u32>().is_ok_and(|n| (430..=454).contains(&n)) => Meaning::Sign(SignKind::Direction),
        _ => Meaning::Unknown,
    }
}
