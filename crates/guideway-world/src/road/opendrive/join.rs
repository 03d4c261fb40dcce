//! Which lanes follow each other.

use std::collections::{BTreeMap, BTreeSet};

use glam::Vec3;
use roxmltree::Node;

use super::Importer;
use super::model::{Connection, End, Road, Target};
use super::xml::Source;
use crate::road::{Curve, LaneId};

/// Gaps up to this are closed by bending a lane's end, m; wider ones are reported and left open.
const CLOSABLE: f32 = 2.0;

/// Gaps up to this are none, m.
const CLOSED: f32 = 0.02;

/// An end of a lane in the file: road, end, lane id.
type RawEnd = (usize, End, i32);

impl Importer {
    /// Joins lanes within roads, between roads and through junctions.
    pub(super) fn join(&mut self, source: &Source<'_>, roads: &[Road<'_, '_>], connections: &[Connection<'_, '_>]) {
        let by_id: BTreeMap<&str, usize> = roads
            .iter()
            .enumerate()
            .map(|(i, road)| (road.id.as_str(), i))
            .collect();
        let mut joins: BTreeSet<(LaneId, LaneId)> = BTreeSet::new();
        for (r, road) in roads.iter().enumerate() {
            self.join_sections(r, road, &mut joins);
            for (end, target) in &road.links {
                match target {
                    Target::Road(id, contact) => match by_id.get(id.as_str()) {
                        Some(other) => {
                            for (lane, next) in linked(road, *end) {
                                self.join_ends(
                                    source,
                                    roads,
                                    (r, *end, lane),
                                    (*other, *contact, next),
                                    road.node,
                                    &mut joins,
                                );
                            }
                        }
                        None => self
                            .warnings
                            .push(source.warning(road.node, format!("is linked to road `{id}`, which is not there"))),
                    },
                    Target::Junction(id) if !self.junctions.contains_key(id) => {
                        self.warnings.push(
                            source.warning(road.node, format!("is linked to junction `{id}`, which is not there")),
                        );
                    }
                    Target::Junction(_) => {}
                }
            }
        }
        for connection in connections {
            let (Some(incoming), Some(connecting)) = (
                by_id.get(connection.incoming.as_str()),
                by_id.get(connection.connecting.as_str()),
            ) else {
                let what = format!(
                    "joins roads `{}` and `{}`, of which one is not there",
                    connection.incoming, connection.connecting
                );
                self.warnings.push(source.warning(connection.node, what));
                continue;
            };
            let end = self.facing_end(&roads[*incoming], &roads[*connecting], connection.contact);
            for (from, to) in &connection.lanes {
                let (a, b) = ((*incoming, end, *from), (*connecting, connection.contact, *to));
                self.join_ends(source, roads, a, b, connection.node, &mut joins);
            }
        }
        self.close_gaps(&joins);
    }

    fn join_sections(&self, r: usize, road: &Road<'_, '_>, joins: &mut BTreeSet<(LaneId, LaneId)>) {
        for k in 1..road.sections.len() {
            let (before, after) = (&road.sections[k - 1], &road.sections[k]);
            let forth = before.lanes.iter().filter_map(|(id, lane)| Some((*id, lane.after?)));
            let back = after.lanes.iter().filter_map(|(id, lane)| Some((lane.before?, *id)));
            for (a, b) in forth.chain(back) {
                let (Some(one), Some(two)) = (self.ids.get(&(r, k - 1, a)), self.ids.get(&(r, k, b))) else {
                    continue;
                };
                match (road.is_forward(a), road.is_forward(b)) {
                    (true, true) => joins.insert((*one, *two)),
                    (false, false) => joins.insert((*two, *one)),
                    _ => false,
                };
            }
        }
    }

    /// The end of the incoming road that lies at the junction: the one that names it, or the nearer one.
    fn facing_end(&self, incoming: &Road<'_, '_>, connecting: &Road<'_, '_>, contact: End) -> End {
        let place = |road: &Road<'_, '_>, end: End| {
            let s = if end == End::Start { 0.0 } else { road.reference.length };
            road.point(s, 0.0, 0.0, self.shift)
        };
        let meet = place(connecting, contact);
        if place(incoming, End::Start).distance(meet) < place(incoming, End::Finish).distance(meet) {
            End::Start
        } else {
            End::Finish
        }
    }

    fn join_ends(
        &mut self,
        source: &Source<'_>,
        roads: &[Road<'_, '_>],
        a: RawEnd,
        b: RawEnd,
        node: Node<'_, '_>,
        joins: &mut BTreeSet<(LaneId, LaneId)>,
    ) {
        let lane = |(r, end, id): RawEnd| {
            let k = if end == End::Start {
                0
            } else {
                roads[r].sections.len().checked_sub(1)?
            };
            let lane = *self.ids.get(&(r, k, id))?;
            // Does its traffic leave the road here?
            Some((lane, roads[r].is_forward(id) == (end == End::Finish)))
        };
        let known = |(r, end, id): RawEnd| {
            let sections = &roads[r].sections;
            let section = if end == End::Start {
                sections.first()
            } else {
                sections.last()
            };
            section.is_some_and(|s| s.lanes.contains_key(&id))
        };
        match (lane(a), lane(b)) {
            (Some((from, true)), Some((to, false))) | (Some((to, false)), Some((from, true))) => {
                if self.net.lane(from).kind == self.net.lane(to).kind {
                    joins.insert((from, to));
                }
            }
            (Some(_), Some(_)) => {
                let (one, two) = (&roads[a.0].id, &roads[b.0].id);
                let what = format!(
                    "lane {} of road `{one}` and lane {} of road `{two}` run against each other, not joined",
                    a.2, b.2
                );
                self.warnings.push(source.warning(node, what));
            }
            _ => {
                for end in [a, b].into_iter().filter(|end| !known(*end)) {
                    let road = &roads[end.0].id;
                    self.warnings.push(source.warning(
                        node,
                        format!("lane {} of road `{road}` is not there, not joined", end.2),
                    ));
                }
            }
        }
    }

    /// Bends ends of lanes until those that are joined meet, and links them.
    fn close_gaps(&mut self, joins: &BTreeSet<(LaneId, LaneId)>) {
        let mut settled: BTreeSet<(LaneId, bool)> = BTreeSet::new();
        // Exact ones first: they settle where everything else has to go.
        let gap = |net: &super::RoadNetwork, (from, to): (LaneId, LaneId)| {
            let (a, b) = (&net.lane(from).center, &net.lane(to).center);
            b.points()[0] - a.points()[a.points().len() - 1]
        };
        let mut order: Vec<(LaneId, LaneId)> = joins.iter().copied().collect();
        order.sort_by(|a, b| {
            gap(&self.net, *a)
                .length()
                .total_cmp(&gap(&self.net, *b).length())
                .then(a.cmp(b))
        });
        let mut open = 0;
        for (from, to) in order {
            let g = gap(&self.net, (from, to));
            if g.length() > CLOSED {
                let free = |lane: LaneId, end: bool| !settled.contains(&(lane, end));
                let movable = if g.length() > CLOSABLE {
                    None
                } else if free(from, true) && (self.net.lane(from).junction.is_some() || !free(to, false)) {
                    Some((from, true, g))
                } else if free(to, false) {
                    Some((to, false, -g))
                } else {
                    None
                };
                let moved = movable.is_some_and(|(lane, end, by)| self.bend(lane, end, by));
                if !moved {
                    open += 1;
                    continue;
                }
            }
            settled.extend([(from, true), (to, false)]);
            self.net.lanes[from.index()].successors.push(to);
            self.net.lanes[to.index()].predecessors.push(from);
        }
        if open > 0 {
            self.warnings.push(super::ImportWarning {
                line: 1,
                element: "OpenDRIVE".to_owned(),
                problem: format!("{open} pairs of lanes are linked but do not meet; not joined"),
            });
        }
    }

    /// Moves an end of a lane, and with it less and less of what lies up to 15 m behind.
    fn bend(&mut self, lane: LaneId, end: bool, by: Vec3) -> bool {
        let lane = &mut self.net.lanes[lane.index()];
        let length = lane.center.length();
        let reach = length.min(15.0);
        let arc = lane.center.arc();
        let moved = lane.center.points().iter().zip(arc).map(|(p, s)| {
            let from_end = if end { length - s } else { *s };
            *p + by * (1.0 - from_end / reach).max(0.0)
        });
        match Curve::new(moved) {
            Some(curve) if curve.points().len() == lane.width.len() => {
                lane.center = curve;
                true
            }
            _ => false,
        }
    }
}

/// Lane links over one end of a road.
fn linked(road: &Road<'_, '_>, end: End) -> Vec<(i32, i32)> {
    let section = if end == End::Start {
        road.sections.first()
    } else {
        road.sections.last()
    };
    section
        .into_iter()
        .flat_map(|section| &section.lanes)
        .filter_map(|(id, lane)| Some((*id, if end == End::Start { lane.before? } else { lane.after? })))
        .collect()
}
