//! Street plans: where junctions are, how streets run between them, and what their cross-sections are.

use std::f64::consts::TAU;

use glam::Vec2;
use rand::{Rng, RngExt as _};

use crate::Seed;
use crate::params::{RoadKind, RoadParams};

/// Distance between points of a street's path, m.
const STEP: f32 = 2.0;

/// A street's cross-section, the same on both sides. Metres from the middle outwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Profile {
    /// Driving lanes in each direction.
    pub lanes: u32,
    /// Width of one.
    pub lane_width: f32,
    /// Grass between the directions.
    pub median: f32,
    /// Width of a bicycle lane; 0 without.
    pub bicycle: f32,
    /// Paved beyond the lanes, to drive on in an emergency.
    pub shoulder: f32,
    /// Width of the parking lane; 0 without.
    pub parking: f32,
    /// Width of the pavement; 0 without, and then without kerbs.
    pub sidewalk: f32,
    /// Gravel beyond the paved surface where there are no kerbs.
    pub verge: f32,
    /// Speed limit, km/h.
    pub kmh: u16,
    /// The higher has priority.
    pub rank: u8,
}

/// Width of a kerb stone, m.
pub(super) const KERB: f32 = 0.15;

impl Profile {
    /// Inner edge of the innermost lane.
    pub(super) fn inner(&self) -> f32 {
        self.median / 2.0
    }

    /// Outer edge of the driving lanes.
    pub(super) fn driving(&self) -> f32 {
        self.inner() + self.lanes as f32 * self.lane_width
    }

    /// Edge of the carriageway where nobody parks: there the kerb stands at junctions.
    pub(super) fn edge(&self) -> f32 {
        self.driving() + self.bicycle + self.shoulder
    }

    /// Edge of the carriageway along parking lanes.
    pub(super) fn parked_edge(&self) -> f32 {
        self.edge() + self.parking
    }

    /// Outer edge of pavement or verge.
    pub(super) fn outer(&self) -> f32 {
        if self.sidewalk > 0.0 {
            self.parked_edge() + KERB + self.sidewalk
        } else {
            self.edge() + self.verge
        }
    }

    /// Middle of the pavement.
    pub(super) fn walk(&self) -> f32 {
        self.outer() - self.sidewalk / 2.0
    }
}

/// A street between two nodes.
#[derive(Debug, Clone)]
pub(super) struct Street {
    /// Its nodes.
    pub ends: [usize; 2],
    /// Points from the one to the other, about 2 m apart.
    pub path: Vec<Vec2>,
    /// Its cross-section.
    pub profile: Profile,
}

/// A street plan. Nodes with two streets join them without a junction, nodes with one are turning places.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub nodes: Vec<Vec2>,
    pub streets: Vec<Street>,
    /// Radius of kerbs at corners, m.
    pub corner: f32,
    /// Half the side of the area, m.
    pub half: f32,
}

impl Plan {
    /// The plan of this kind of place. `looseness` (0 to 1) scales everything irregular.
    pub(super) fn new(params: &RoadParams, seed: Seed, looseness: f32) -> Self {
        match params.kind {
            RoadKind::Highway => highway(params, seed, looseness),
            _ => grid(params, seed, looseness),
        }
    }
}

fn pick(rng: &mut impl Rng, of: &[u16]) -> u16 {
    of[rng.random_range(0..of.len())]
}

fn profile(params: &RoadParams, main: bool, rng: &mut impl Rng) -> Profile {
    let width = params.lane_width as f32;
    let lanes = if main { params.lanes.clamp(1, 4) } else { 1 };
    let bicycle = if rng.random::<f64>() < params.bicycle_lanes {
        rng.random_range(1.5..2.0)
    } else {
        0.0
    };
    let base = Profile {
        lanes,
        lane_width: width,
        median: 0.0,
        bicycle: 0.0,
        shoulder: 0.0,
        parking: 0.0,
        sidewalk: 0.0,
        verge: 0.0,
        kmh: 50,
        rank: u8::from(main),
    };
    match params.kind {
        RoadKind::Urban => Profile {
            bicycle,
            parking: if rng.random::<f32>() < if main { 0.55 } else { 0.85 } {
                2.1
            } else {
                0.0
            },
            sidewalk: rng.random_range(2.2..3.8),
            kmh: if main { 50 } else { pick(rng, &[30, 30, 40, 50]) },
            ..base
        },
        RoadKind::Suburban => Profile {
            bicycle: if main { bicycle } else { 0.0 },
            lane_width: if main { width } else { width.min(3.2) },
            parking: if rng.random::<f32>() < 0.6 { 2.1 } else { 0.0 },
            sidewalk: rng.random_range(1.6..2.4),
            kmh: if main { 50 } else { pick(rng, &[30, 30, 40]) },
            ..base
        },
        RoadKind::Rural => Profile {
            lanes: lanes.min(2),
            lane_width: if main { width } else { width.min(3.2) },
            shoulder: if main { 0.6 } else { 0.25 },
            verge: 1.6,
            kmh: if main {
                pick(rng, &[80, 90, 100])
            } else {
                pick(rng, &[70, 70, 80])
            },
            ..base
        },
        RoadKind::Highway => Profile {
            lanes: params.lanes.clamp(2, 4),
            lane_width: width.max(3.5),
            median: rng.random_range(3.5..6.0),
            shoulder: 2.6,
            verge: 1.6,
            kmh: pick(rng, &[100, 120, 130]),
            rank: 1,
            ..base
        },
    }
}

/// Smooth bending of the plane: sine waves that move points sideways.
struct Warp(Vec<([f64; 2], f64, Vec2)>);

impl Warp {
    /// `gradient` is the largest change of offset with place; it must stay well below 1.
    fn new(rng: &mut impl Rng, lengths: &[f64], gradient: f64) -> Self {
        let share = gradient / lengths.len() as f64;
        Self(
            lengths
                .iter()
                .map(|length| {
                    let length = length * rng.random_range(0.8..1.3);
                    let (heading, push) = (rng.random_range(0.0..TAU), rng.random_range(0.0..TAU));
                    let k = [TAU / length * heading.cos(), TAU / length * heading.sin()];
                    let amplitude = share * length / TAU;
                    let offset = Vec2::new((amplitude * push.cos()) as f32, (amplitude * push.sin()) as f32);
                    (k, rng.random_range(0.0..TAU), offset)
                })
                .collect(),
        )
    }

    fn apply(&self, p: Vec2) -> Vec2 {
        let (x, y) = (f64::from(p.x), f64::from(p.y));
        self.0.iter().fold(p, |sum, (k, phase, offset)| {
            sum + *offset * (k[0] * x + k[1] * y + phase).sin() as f32
        })
    }
}

/// Points along straight legs, `STEP` apart at most.
fn dense(corners: &[Vec2]) -> Vec<Vec2> {
    let mut path = Vec::new();
    for pair in corners.windows(2) {
        let steps = (pair[0].distance(pair[1]) / STEP).ceil().max(1.0) as usize;
        path.extend((0..steps).map(|i| pair[0].lerp(pair[1], i as f32 / steps as f32)));
    }
    path.extend(corners.last());
    path
}

/// Rounds a path, ends held, until it bends nowhere tighter than `radius`. Gives up after many rounds: then the caller sees it.
fn smooth(path: &mut [Vec2], radius: f32) {
    let mut before = path.to_vec();
    for round in 0..3000 {
        if round % 25 == 0 && tightest(path) >= radius {
            break;
        }
        before.copy_from_slice(path);
        for i in 1..path.len().saturating_sub(1) {
            path[i] = before[i] * 0.5 + (before[i - 1] + before[i + 1]) * 0.25;
        }
    }
}

/// The smallest radius of a path, measured over 6 m, m.
pub(super) fn tightest(path: &[Vec2]) -> f32 {
    let reach = 3;
    let mut sharpest = 0.0_f32;
    for i in reach..path.len().saturating_sub(reach) {
        let (a, b) = (path[i] - path[i - reach], path[i + reach] - path[i]);
        let sine = (a.perp_dot(b) / (a.length() * b.length()).max(1e-6)).abs();
        let sine = if a.dot(b) < 0.0 { 1.0 } else { sine };
        sharpest = sharpest.max(sine / (0.5 * (a.length() + b.length())).max(1e-6));
    }
    1.0 / sharpest.max(1e-6)
}

/// A link of the lattice before streets are merged.
#[derive(Clone, Copy)]
struct Link {
    ends: [usize; 2],
    main: bool,
}

/// An irregular lattice of streets, some left out.
fn grid(params: &RoadParams, seed: Seed, looseness: f32) -> Plan {
    let mut rng = seed.child("plan").rng();
    let (corner, wish, gone, jitter, dead_ends) = match params.kind {
        RoadKind::Urban => (5.5, params.block_length, 0.22, 0.13, 0.0),
        RoadKind::Suburban => (6.0, params.block_length * 1.25, 0.40, 0.16, 0.7),
        _ => (9.0, params.block_length.max(220.0), 0.35, 0.2, 0.0),
    };
    // The widest street decides how close junctions can be.
    let widest = Profile {
        bicycle: 2.0,
        parking: 2.1,
        ..profile(params, true, &mut rng)
    };
    let least = 2.0 * (1.45 * (widest.edge() + corner) + widest.parking + 7.0) + 14.0;
    let extent = params.extent.max(150.0) as f32;
    let n = (f64::from(extent) / wish.max(1.0)).round().clamp(2.0, 120.0) as usize;
    let n = n.min((extent / least) as usize).max(2);
    let pitch = (extent / n as f32).max(least);
    let half = pitch * n as f32 / 2.0;
    let id = |i: usize, j: usize| j * (n + 1) + i;

    let mut nodes = Vec::new();
    for j in 0..=n {
        for i in 0..=n {
            let mut shift = || rng.random_range(-1.0..1.0_f32) * jitter * pitch * looseness;
            nodes.push(Vec2::new(
                i as f32 * pitch - half + shift(),
                j as f32 * pitch - half + shift(),
            ));
        }
    }
    let mains: Vec<usize> = (0..2).map(|_| rng.random_range(0..3_usize)).collect();
    let is_main = |line: usize, axis: usize| n < 3 && line == n / 2 || n >= 3 && line % 3 == mains[axis];
    let mut links = Vec::new();
    // Faces on both sides of each link; the last is the outside.
    let mut sides = Vec::new();
    let face = |i: isize, j: isize| {
        let inside = |v: isize| (0..n as isize).contains(&v);
        if inside(i) && inside(j) {
            j as usize * n + i as usize
        } else {
            n * n
        }
    };
    for j in 0..=n {
        for i in 0..=n {
            let (x, y) = (i as isize, j as isize);
            if i < n {
                links.push(Link {
                    ends: [id(i, j), id(i + 1, j)],
                    main: is_main(j, 0),
                });
                sides.push([face(x, y), face(x, y - 1)]);
            }
            if j < n {
                links.push(Link {
                    ends: [id(i, j), id(i, j + 1)],
                    main: is_main(i, 1),
                });
                sides.push([face(x, y), face(x - 1, y)]);
            }
        }
    }
    let mut degree = vec![0_u32; nodes.len()];
    for end in links.iter().flat_map(|l| l.ends) {
        degree[end] += 1;
    }
    let mut order: Vec<usize> = (0..links.len()).collect();
    for i in (1..order.len()).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
    // Two faces merge when the street between them goes; blocks of more than three cells would look empty.
    let mut blocks: Vec<(usize, u32)> = (0..=n * n).map(|f| (f, 1)).collect();
    let find = |blocks: &[(usize, u32)], mut f: usize| {
        while blocks[f].0 != f {
            f = blocks[f].0;
        }
        f
    };
    let mut kept = vec![true; links.len()];
    for l in order {
        let [a, b] = sides[l].map(|f| find(&blocks, f));
        let wanted = !links[l].main
            && rng.random::<f32>() < gone
            && a != b
            && a != find(&blocks, n * n)
            && b != find(&blocks, n * n);
        let [u, v] = links[l].ends;
        if wanted && blocks[a].1 + blocks[b].1 <= 3 && degree[u] > 2 && degree[v] > 2 {
            kept[l] = false;
            degree[u] -= 1;
            degree[v] -= 1;
            blocks[a] = (b, 0);
            blocks[b].1 += 1;
        }
    }
    let mut kept_links: Vec<Link> = links.iter().zip(&kept).filter(|(_, k)| **k).map(|(l, _)| *l).collect();
    if dead_ends > 0.0 && pitch > 2.0 * least.min(62.0) {
        add_dead_ends(
            &mut rng,
            &mut nodes,
            &mut kept_links,
            n,
            pitch,
            dead_ends * f64::from(looseness),
        );
    }
    let bend = params.curviness.clamp(0.0, 1.0) * f64::from(looseness);
    let warp = match params.kind {
        RoadKind::Rural => Warp::new(&mut rng, &[f64::from(pitch) * 1.6, 210.0, 160.0], 0.72 * bend),
        _ => Warp::new(
            &mut rng,
            &[f64::from(pitch) * 4.5, f64::from(pitch) * 3.0, f64::from(pitch) * 1.9],
            0.42 * bend,
        ),
    };
    let streets = merge(params, &mut rng, &nodes, &kept_links, &warp);
    for node in &mut nodes {
        *node = warp.apply(*node);
    }
    Plan {
        nodes,
        streets,
        corner,
        half,
    }
}

/// Short streets into the blocks, with a turning place at their end.
fn add_dead_ends(rng: &mut impl Rng, nodes: &mut Vec<Vec2>, links: &mut Vec<Link>, n: usize, pitch: f32, share: f64) {
    let mut used = vec![false; n * n];
    for l in 0..links.len() {
        let Link { ends: [u, v], main } = links[l];
        if main || rng.random::<f64>() > share {
            continue;
        }
        // Lattice links go right or up: the cell to their left, or the one to their right.
        let (i, j) = (u % (n + 1), u / (n + 1));
        let horizontal = v == u + 1;
        let other = rng.random::<bool>();
        let cell = match (horizontal, other) {
            (_, false) => Some((i, j)),
            (true, true) => j.checked_sub(1).map(|j| (i, j)),
            (false, true) => i.checked_sub(1).map(|i| (i, j)),
        };
        let Some((ci, cj)) = cell.filter(|(i, j)| *i < n && *j < n && !used[j * n + i]) else {
            continue;
        };
        used[cj * n + ci] = true;
        let middle = nodes[u].lerp(nodes[v], rng.random_range(0.47..0.53));
        let away = if horizontal { Vec2::Y } else { Vec2::X } * if other { -1.0 } else { 1.0 };
        let end = middle + away * pitch * rng.random_range(0.40..0.47);
        let (m, e) = (nodes.len(), nodes.len() + 1);
        nodes.extend([middle, end]);
        links[l] = Link { ends: [u, m], main };
        links.push(Link { ends: [m, v], main });
        links.push(Link {
            ends: [m, e],
            main: false,
        });
    }
}

/// Links between junctions and dead ends become streets; nodes with two links become bends.
fn merge(params: &RoadParams, rng: &mut impl Rng, nodes: &[Vec2], links: &[Link], warp: &Warp) -> Vec<Street> {
    let mut around: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (l, link) in links.iter().enumerate() {
        for end in link.ends {
            around[end].push(l);
        }
    }
    // One cross-section for all main streets of a town, a few for the others.
    let main = profile(params, true, rng);
    let side: Vec<Profile> = (0..4).map(|_| profile(params, false, rng)).collect();
    let mut done = vec![false; links.len()];
    let mut streets = Vec::new();
    for start in 0..nodes.len() {
        if around[start].len() == 2 {
            continue;
        }
        for first in around[start].clone() {
            if done[first] {
                continue;
            }
            let mut chain = vec![start];
            let (mut here, mut link, mut all_main) = (start, first, true);
            loop {
                done[link] = true;
                all_main &= links[link].main;
                let [a, b] = links[link].ends;
                here = if a == here { b } else { a };
                chain.push(here);
                match around[here].as_slice() {
                    [x, y] => link = if *x == link { *y } else { *x },
                    _ => break,
                }
            }
            let profile = if all_main {
                main
            } else {
                side[rng.random_range(0..side.len())]
            };
            let corners: Vec<Vec2> = chain.iter().map(|c| nodes[*c]).collect();
            let mut path: Vec<Vec2> = dense(&corners).into_iter().map(|p| warp.apply(p)).collect();
            let radius = match params.kind {
                RoadKind::Rural => 45.0,
                _ => 14.0,
            };
            smooth(&mut path, profile.outer() + radius);
            streets.push(Street {
                ends: [start, here],
                path,
                profile,
            });
        }
    }
    streets
}

/// A closed loop of two carriageways: it has no ends that traffic would have to appear from.
fn highway(params: &RoadParams, seed: Seed, looseness: f32) -> Plan {
    let mut rng = seed.child("plan").rng();
    let profile = profile(params, true, &mut rng);
    let radius = (params.extent / 2.0).max(620.0);
    let bend = params.curviness.clamp(0.0, 1.0) * f64::from(looseness);
    let waves: Vec<(f64, f64, f64)> = [(2.0, 0.14), (3.0, 0.13), (4.0, 0.03)]
        .iter()
        .map(|(k, a)| (*k, a * bend * rng.random_range(0.5..1.0), rng.random_range(0.0..TAU)))
        .collect();
    let count = (TAU * radius / f64::from(STEP)) as usize;
    let ring: Vec<Vec2> = (0..count)
        .map(|i| {
            let phi = TAU * i as f64 / count as f64;
            let r = radius
                * (1.0
                    + waves
                        .iter()
                        .map(|(k, a, phase)| a * (k * phi + phase).cos())
                        .sum::<f64>());
            Vec2::new((r * phi.cos()) as f32, (r * phi.sin()) as f32)
        })
        .collect();
    let sections = 6.max(count / 400);
    let cut = |s: usize| s * count / sections;
    let nodes = (0..sections).map(|s| ring[cut(s)]).collect();
    let streets = (0..sections)
        .map(|s| Street {
            ends: [s, (s + 1) % sections],
            path: (cut(s)..=cut(s + 1)).map(|i| ring[i % count]).collect(),
            profile,
        })
        .collect();
    Plan {
        nodes,
        streets,
        corner: 9.0,
        half: radius as f32,
    }
}
