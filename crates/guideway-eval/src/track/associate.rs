//! Which detection belongs to which track, in one stage.

use super::params::{ClassParams, Gate};
use super::space::Space;
use crate::assign::{Assigner, PairMatrix};
use crate::stats::gamma_quantile;

/// The stages of the assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    First,
    Second,
    Tentative,
}

/// A class's settings with what follows from them.
#[derive(Debug, Clone)]
pub(super) struct Ready<S: Space> {
    pub(super) params: ClassParams<S>,
    /// Largest squared Mahalanobis distances of the three gates, where they have one.
    squares: [Option<f64>; 3],
    /// And of the gate beside them.
    innovation: Option<f64>,
}

impl<S: Space> Ready<S> {
    pub(super) fn new(params: ClassParams<S>) -> Self {
        // χ² with k degrees of freedom is twice a gamma distribution of shape k/2.
        let quantile = |probability| 2.0 * gamma_quantile(0.5 * S::DEGREES, probability);
        let of_gate = |gate: Gate| match gate {
            Gate::Mahalanobis { probability } => Some(quantile(probability)),
            _ => None,
        };
        let a = params.association;
        Self {
            params,
            squares: [of_gate(a.first), a.second.and_then(of_gate), of_gate(a.tentative)],
            innovation: a.innovation.map(quantile),
        }
    }

    fn gate(&self, stage: Stage) -> Option<(Gate, Option<f64>)> {
        let a = &self.params.association;
        match stage {
            Stage::First => Some((a.first, self.squares[0])),
            Stage::Second => a.second.map(|gate| (gate, self.squares[1])),
            Stage::Tentative => Some((a.tentative, self.squares[2])),
        }
    }

    pub(super) fn needs_innovation(&self) -> bool {
        self.innovation.is_some() || self.squares.iter().any(Option::is_some)
    }

    /// How far a detection is within the gate: 0 is perfect, at 1 it ends. `None` outside.
    pub(super) fn cost(&self, stage: Stage, track: &Expected<S>, detection: &S::Detection) -> Option<f64> {
        let (gate, square) = self.gate(stage)?;
        let distance = |limit: f64| Some(S::mahalanobis(track.innovation.as_ref()?, detection) / limit);
        let shapes = || S::compare_shapes(&gate, &track.shape, &S::detected(detection));
        let cost = match gate {
            Gate::Iou { above } | Gate::IouBev { above } | Gate::Giou { above } => (1.0 - shapes()) / (1.0 - above),
            Gate::CenterDistance { below, per_s } => shapes() / (below + per_s * track.unseen_s),
            Gate::Mahalanobis { .. } => distance(square?)?,
        };
        let inside = cost < 1.0
            && self
                .innovation
                .is_none_or(|limit| distance(limit).is_some_and(|d| d < 1.0));
        inside.then_some(cost)
    }
}

/// Where a track should be now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<S: Space> {
    pub(super) shape: S::Shape,
    pub(super) innovation: Option<S::Innovation>,
    /// Time since its last detection, s.
    pub(super) unseen_s: f64,
}

/// A pair that may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) track: usize,
    pub(super) detection: usize,
    pub(super) cost: f64,
    /// The track's class pairs greedily.
    pub(super) greedy: bool,
}

/// The chosen pairs `(track, detection)`, ascending by track. Detections come in the order in which they choose.
///
/// Pairs fall apart into clusters that share nothing; each is solved by itself, so that a street full of objects costs no more than its
/// densest corner.
pub(super) fn choose(tracks: usize, detections: usize, candidates: &[Candidate]) -> Vec<(usize, usize)> {
    let mut clusters = Clusters((0..tracks + detections).collect());
    for c in candidates {
        clusters.join(c.track, tracks + c.detection);
    }
    let mut sorted: Vec<(usize, Candidate)> = candidates.iter().map(|c| (clusters.root(c.track), *c)).collect();
    sorted.sort_by_key(|(root, c)| (*root, c.track, c.detection));
    let mut pairs = Vec::new();
    let mut assigner = Assigner::default();
    for cluster in sorted.chunk_by(|a, b| a.0 == b.0) {
        if cluster.iter().any(|(_, c)| c.greedy) {
            greedy(cluster, &mut pairs);
        } else {
            optimal(cluster, &mut assigner, &mut pairs);
        }
    }
    pairs.sort_unstable();
    pairs
}

fn optimal(cluster: &[(usize, Candidate)], assigner: &mut Assigner, pairs: &mut Vec<(usize, usize)>) {
    let mut rows: Vec<usize> = cluster.iter().map(|(_, c)| c.track).collect();
    let mut columns: Vec<usize> = cluster.iter().map(|(_, c)| c.detection).collect();
    for names in [&mut rows, &mut columns] {
        names.sort_unstable();
        names.dedup();
    }
    let mut costs = PairMatrix::new(rows.len(), columns.len(), f64::INFINITY);
    for (_, c) in cluster {
        let (row, column) = (
            rows.partition_point(|r| *r < c.track),
            columns.partition_point(|d| *d < c.detection),
        );
        costs.set(row, column, c.cost);
    }
    // Costs inside a gate are finite: there is always an answer.
    let found = assigner.below(&costs, 1.0).unwrap_or_default();
    pairs.extend(found.iter().map(|(row, column)| (rows[*row], columns[*column])));
}

fn greedy(cluster: &[(usize, Candidate)], pairs: &mut Vec<(usize, usize)>) {
    let mut left: Vec<Candidate> = cluster.iter().map(|(_, c)| *c).collect();
    left.sort_by(|a, b| (a.detection.cmp(&b.detection)).then(a.cost.total_cmp(&b.cost)));
    let mut taken: Vec<usize> = Vec::new();
    for own in left.chunk_by(|a, b| a.detection == b.detection) {
        if let Some(nearest) = own.iter().find(|c| !taken.contains(&c.track)) {
            taken.push(nearest.track);
            pairs.push((nearest.track, nearest.detection));
        }
    }
}

/// Disjoint sets, each named by its least member.
struct Clusters(Vec<usize>);

impl Clusters {
    fn root(&mut self, mut member: usize) -> usize {
        while self.0[member] != member {
            self.0[member] = self.0[self.0[member]];
            member = self.0[member];
        }
        member
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
