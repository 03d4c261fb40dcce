//! Roads as lanes, patches and lines.

use std::collections::BTreeMap;

use glam::{DVec2, Vec2, Vec3};

use super::Importer;
use super::model::{Mark, RawLane, Road, Section};
use super::xml::Source;
use crate::WorldError;
use crate::road::roadside::bounds;
use crate::road::{Control, Curve, Kerb, Lane, LaneId, LaneKind, LineKind, Patch, Stroke};

/// Height of pavements whose height the file does not give, m.
const PAVEMENT: f64 = 0.12;

/// Most points of lanes in a network: a file that asks for more is damaged.
const MOST_POINTS: usize = 1_500_000;

/// Edges of a section's lanes at one station: inner and outer t by lane id.
pub(super) type Edges = BTreeMap<i32, (f64, f64)>;

impl Road<'_, '_> {
    /// The point at road coordinates, `h` above the surface, relative to `shift`.
    pub(super) fn point(&self, s: f64, t: f64, h: f64, shift: DVec2) -> Vec3 {
        let (p, heading) = self.reference.at(s);
        let (sin, cos) = self.superelevation.at(s).clamp(-1.2, 1.2).sin_cos();
        let p = p + DVec2::from_angle(heading).perp() * (t * cos) - shift;
        let z = (self.elevation.at(s) + t * sin + h).clamp(-1e4, 1e4);
        Vec3::new(p.x as f32, p.y as f32, z as f32)
    }

    /// Direction of growing s.
    pub(super) fn direction(&self, s: f64) -> Vec2 {
        DVec2::from_angle(self.reference.at(s).1).as_vec2()
    }

    /// Does a lane's traffic run towards growing s?
    pub(super) fn is_forward(&self, lane: i32) -> bool {
        (lane < 0) != self.left_hand
    }

    /// The section at an arc length.
    pub(super) fn section_at(&self, s: f64) -> Option<&Section> {
        let i = self
            .sections
            .partition_point(|section| section.s <= s)
            .saturating_sub(1);
        self.sections.get(i)
    }

    /// Where each lane of a section begins and ends sideways.
    pub(super) fn edges(&self, section: &Section, s: f64) -> Edges {
        let middle = self.offset.at(s).clamp(-1e3, 1e3);
        let mut edges = Edges::new();
        for sign in [1, -1] {
            let mut inner = middle;
            let side = section.lanes.iter().filter(|(id, _)| id.signum() == sign);
            let mut side: Vec<(&i32, &RawLane)> = side.collect();
            side.sort_by_key(|(id, _)| id.abs());
            for (id, lane) in side {
                let value = lane.width.at(s - section.s);
                let outward = if lane.by_border {
                    (value.abs() - (inner - middle).abs()).clamp(0.0, 100.0)
                } else {
                    value.clamp(0.0, 100.0)
                };
                let outer = inner + f64::from(sign) * outward;
                edges.insert(*id, (inner, outer));
                inner = outer;
            }
        }
        edges
    }

    /// Arc lengths close enough together for strips.
    fn stations(&self, from: f64, to: f64, breaks: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut stops = vec![from];
        let mut inside: Vec<f64> = breaks
            .chain(self.reference.starts())
            .filter(|s| *s > from + 0.2 && *s < to - 0.2)
            .collect();
        inside.sort_by(f64::total_cmp);
        inside.dedup_by(|b, a| *b - *a < 0.2);
        stops.extend(inside);
        stops.push(to);
        let mut stations = vec![from];
        for pair in stops.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let heading = |k: i32| {
                self.reference
                    .at(a + (b - a) * (1e-6 + f64::from(k) / 8.0 * (1.0 - 2e-6)))
                    .1
            };
            let turn: f64 = (0..8).map(|k| (heading(k + 1) - heading(k)).sin().abs()).sum();
            let steps = ((b - a) / 5.0).max(turn / 0.07).min((b - a) / 0.4).ceil().max(1.0) as usize;
            stations.extend((1..=steps).map(|i| a + (b - a) * i as f64 / steps as f64));
        }
        stations
    }
}

impl RawLane {
    /// Height over the road at the inner and the outer edge, m.
    fn rise(&self) -> [f64; 2] {
        let own = if self.kind == Some(LaneKind::Sidewalk) {
            PAVEMENT
        } else {
            0.0
        };
        self.height.unwrap_or([own, own])
    }

    fn mark_at(&self, offset: f64) -> Option<&Mark> {
        let i = self
            .marks
            .partition_point(|m| m.offset <= offset + 1e-6)
            .saturating_sub(1);
        self.marks.get(i)
    }
}

impl Importer {
    /// Lays every road.
    pub(super) fn lay(&mut self, source: &Source<'_>, roads: &[Road<'_, '_>]) -> Result<(), WorldError> {
        let mut points = 0;
        for (r, road) in roads.iter().enumerate() {
            for k in 0..road.sections.len() {
                let section = &road.sections[k];
                let breaks = section.lanes.values().flat_map(|lane| {
                    let marks = lane.marks.iter().map(|m| m.offset);
                    marks
                        .chain(lane.width.0.iter().map(|c| c.s))
                        .map(|offset| section.s + offset)
                });
                let end = section.end.min(road.reference.length);
                if end - section.s < 1e-3 {
                    continue;
                }
                let stations = road.stations(section.s, end, breaks);
                points += stations.len() * section.lanes.len().max(1);
                if points > MOST_POINTS {
                    return Err(source.error(
                        road.node,
                        format!("more than {MOST_POINTS} points of lanes up to this road: too large a network"),
                    ));
                }
                let edges: Vec<Edges> = stations.iter().map(|s| road.edges(section, *s)).collect();
                self.lay_lanes(source, (r, road), k, &stations, &edges);
                self.lay_patches(road, section, &stations, &edges);
                self.lay_lines(road, section, &stations, &edges);
            }
        }
        Ok(())
    }

    fn lay_lanes(
        &mut self,
        source: &Source<'_>,
        (r, road): (usize, &Road<'_, '_>),
        k: usize,
        stations: &[f64],
        edges: &[Edges],
    ) {
        let section = &road.sections[k];
        for (id, raw) in &section.lanes {
            let Some(kind) = raw.kind else { continue };
            let forward = road.is_forward(*id);
            let rise = raw.rise();
            let mut along: Vec<(Vec3, f32)> = stations
                .iter()
                .zip(edges)
                .map(|(s, edges)| {
                    let (inner, outer) = edges[id];
                    let p = road.point(
                        *s,
                        f64::midpoint(inner, outer),
                        f64::midpoint(rise[0], rise[1]),
                        self.shift,
                    );
                    (p, (outer - inner).abs() as f32)
                })
                .collect();
            along.dedup_by(|b, a| a.0.distance(b.0) < 1e-3);
            if !forward {
                along.reverse();
            }
            if along.iter().all(|(_, width)| *width < 0.05) {
                continue;
            }
            let Some(center) = Curve::new(along.iter().map(|(p, _)| *p)) else {
                self.warnings.push(source.warning(
                    road.node,
                    format!("lane {id} has no length from s = {}, left out", section.s),
                ));
                continue;
            };
            let own = raw.mark_at(0.0).map_or(LineKind::None, |m| m.kind);
            let inner = section
                .lanes
                .get(&(id - id.signum()))
                .and_then(|lane| lane.mark_at(0.0));
            let inner = inner.map_or(LineKind::None, |m| m.kind);
            let (left_line, right_line) = if road.left_hand { (own, inner) } else { (inner, own) };
            let lane = LaneId(self.net.lanes.len() as u32);
            self.ids.insert((r, k, *id), lane);
            self.net.lanes.push(Lane {
                id: lane,
                kind,
                width: along.iter().map(|(_, width)| *width).collect(),
                center,
                successors: Vec::new(),
                predecessors: Vec::new(),
                left: None,
                right: None,
                left_line,
                right_line,
                speed_limit: raw.speed.unwrap_or_else(|| road.speed(section.s)).max(1.0) as f32,
                junction: road.junction.as_ref().and_then(|j| self.junctions.get(j).copied()),
                control: Control::Free,
                yields_to: Vec::new(),
                turn: 0,
            });
        }
        // Neighbours, where the line between them may be crossed.
        for (id, raw) in &section.lanes {
            let (Some(a), Some(b)) = (self.ids.get(&(r, k, *id)), self.ids.get(&(r, k, id + id.signum()))) else {
                continue;
            };
            let (a, b) = (a.index(), b.index());
            let kind = self.net.lanes[a].kind;
            let line = raw.mark_at(0.0);
            let may = line.is_none_or(|m| m.change && matches!(m.kind, LineKind::Broken | LineKind::None));
            if *id == 0 || kind != self.net.lanes[b].kind || !may {
                continue;
            }
            let (a_id, b_id) = (self.net.lanes[a].id, self.net.lanes[b].id);
            if road.left_hand {
                (self.net.lanes[a].left, self.net.lanes[b].right) = (Some(b_id), Some(a_id));
            } else {
                (self.net.lanes[a].right, self.net.lanes[b].left) = (Some(b_id), Some(a_id));
            }
        }
    }

    fn lay_patches(&mut self, road: &Road<'_, '_>, section: &Section, stations: &[f64], edges: &[Edges]) {
        let shift = self.shift;
        for (i, s) in stations.windows(2).enumerate() {
            let (a, b) = (&edges[i], &edges[i + 1]);
            // Runs of paved lanes from right to left make up the footprint.
            let mut run: Option<[f64; 4]> = None;
            for id in section.lanes.keys().filter(|id| **id != 0) {
                let lane = &section.lanes[id];
                let (one, two) = (a[id], b[id]);
                let Some(paving) = lane
                    .paving
                    .filter(|_| (one.1 - one.0).abs() + (two.1 - two.0).abs() > 0.02)
                else {
                    self.cover(road, (s[0], s[1]), run.take());
                    continue;
                };
                let rise = lane.rise();
                let right_to_left = |(inner, outer): (f64, f64)| {
                    if *id < 0 {
                        ((outer, rise[1]), (inner, rise[0]))
                    } else {
                        ((inner, rise[0]), (outer, rise[1]))
                    }
                };
                let ((r0, l0), (r1, l1)) = (right_to_left(one), right_to_left(two));
                let at = |s: f64, (t, h): (f64, f64)| road.point(s, t, h, shift);
                self.net.patches.push(Patch {
                    paving,
                    corners: [at(s[0], r0), at(s[1], r1), at(s[1], l1), at(s[0], l0)],
                });
                run = Some(run.map_or([r0.0, r1.0, l1.0, l0.0], |before| [before[0], before[1], l1.0, l0.0]));
            }
            self.cover(road, (s[0], s[1]), run);
        }
        self.lay_kerbs(road, section, stations, edges);
    }

    fn cover(&mut self, road: &Road<'_, '_>, (a, b): (f64, f64), run: Option<[f64; 4]>) {
        let Some([r0, r1, l1, l0]) = run else { return };
        let corners = [(a, r0), (b, r1), (b, l1), (a, l0)].map(|(s, t)| road.point(s, t, 0.0, self.shift).truncate());
        let turns =
            |i: usize| (corners[(i + 1) % 4] - corners[i]).perp_dot(corners[(i + 2) % 4] - corners[(i + 1) % 4]);
        let (low, high) = bounds(&corners);
        // Inside a bend tighter than the road is wide strips overlap; what is not convex covers nothing.
        if (0..4).all(|i| turns(i) > -1e-4) && (high - low).max_element() > 1e-2 {
            self.net.footprint.push(corners);
        }
    }

    /// A step wherever two lanes beside each other meet at different heights.
    fn lay_kerbs(&mut self, road: &Road<'_, '_>, section: &Section, stations: &[f64], edges: &[Edges]) {
        for (id, lane) in section
            .lanes
            .iter()
            .filter(|(id, lane)| **id != 0 && lane.paving.is_some())
        {
            let inner = section.lanes.get(&(id - id.signum())).filter(|_| id.abs() > 1);
            let below = inner.map_or(0.0, |lane| lane.rise()[1]);
            let step = (lane.rise()[0] - below) as f32;
            if step.abs() < 0.02 {
                continue;
            }
            let foot = |(s, edges): (&f64, &Edges)| road.point(*s, edges[id].0, below, self.shift);
            let points = stations.iter().zip(edges).map(|pair| (foot(pair), step)).collect();
            self.net.kerbs.push(Kerb { points });
        }
    }

    fn lay_lines(&mut self, road: &Road<'_, '_>, section: &Section, stations: &[f64], edges: &[Edges]) {
        for (id, lane) in &section.lanes {
            for (i, mark) in lane.marks.iter().enumerate() {
                if mark.kind == LineKind::None {
                    continue;
                }
                let from = section.s + mark.offset - 1e-3;
                let to = lane
                    .marks
                    .get(i + 1)
                    .map_or(f64::INFINITY, |next| section.s + next.offset + 1e-3);
                let path: Vec<Vec3> = stations
                    .iter()
                    .zip(edges)
                    .filter(|(s, _)| **s >= from && **s <= to)
                    .map(|(s, edges)| {
                        let t = edges
                            .get(id)
                            .map_or_else(|| road.offset.at(*s).clamp(-1e3, 1e3), |(_, outer)| *outer);
                        road.point(*s, t, 0.0, self.shift)
                    })
                    .collect();
                let kind = match mark.kind {
                    // Given from the inside out; the path runs along s, its own side is the left.
                    LineKind::SolidBroken if *id > 0 => LineKind::BrokenSolid,
                    LineKind::BrokenSolid if *id > 0 => LineKind::SolidBroken,
                    kind => kind,
                };
                if path.len() >= 2 {
                    let dash = (mark.dash.0 as f32, mark.dash.1 as f32);
                    self.net.strokes.push(Stroke {
                        path,
                        kind,
                        width: mark.width as f32,
                        dash,
                        yellow: mark.yellow,
                    });
                }
            }
        }
    }
}
