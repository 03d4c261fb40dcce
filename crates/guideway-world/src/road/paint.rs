//! What is painted at junctions: stop lines, arrows, crossings, bicycles.

use glam::Vec2;

use super::procedural::{Arm, Builder};
use super::{Control, LaneId};

impl Builder<'_> {
    /// The line where traffic of an arm stops, and arrows for its lanes.
    pub(super) fn paint_before(&mut self, arm: Arm, control: Control) {
        let profile = self.profile(arm.street);
        let s = self.cut(arm);
        let (inner, outer) = (profile.inner() + 0.1, profile.driving() + profile.bicycle - 0.05);
        let across = |from: f32, to: f32, depth: f32| {
            vec![
                self.at(arm, s + depth, from),
                self.at(arm, s + depth, to),
                self.at(arm, s, to),
                self.at(arm, s, from),
            ]
        };
        let lines = match control {
            Control::Free => Vec::new(),
            Control::Yield => {
                let count = ((outer - inner) / 0.75) as usize;
                (0..count)
                    .map(|i| inner + i as f32 * 0.75)
                    .map(|x| across(x, x + 0.5, 0.4))
                    .collect()
            }
            Control::Stop | Control::Signal(_) => vec![across(inner, outer, 0.45)],
        };
        self.net.marks.extend(lines.into_iter().map(counter_clockwise));
        if profile.lanes >= 2 || matches!(control, Control::Signal(_)) {
            let length = self.axes[arm.street].length() - self.cuts[arm.street][0] - self.cuts[arm.street][1];
            for lane in self.incoming(arm) {
                for back in [9.0, 34.0].into_iter().filter(|back| back + 8.0 < length) {
                    self.paint_arrow(lane, back);
                }
            }
        }
        if let Some(bicycle) = self.bicycle(arm, true) {
            self.paint_bicycle(bicycle, 7.0);
        }
    }

    /// An arrow on a lane, its tip this far before the lane's end, m. Directions are those of the lanes after it.
    fn paint_arrow(&mut self, lane: LaneId, back: f32) {
        let lane = self.net.lane(lane);
        let mut turns: Vec<i8> = lane
            .successors
            .iter()
            .map(|next| self.net.lane(*next))
            .filter(|next| next.kind == lane.kind)
            .map(|next| next.turn)
            .collect();
        turns.sort_unstable();
        turns.dedup();
        let place = lane.center.at(lane.center.length() - back);
        let (origin, ahead) = (
            place.position.truncate(),
            place.tangent.truncate().normalize_or(Vec2::X),
        );
        let at = |x: f32, y: f32| origin + ahead * x + ahead.perp() * y;
        let mut shapes = vec![vec![at(-4.6, -0.09), at(-1.4, -0.09), at(-1.4, 0.09), at(-4.6, 0.09)]];
        for turn in turns {
            let side = f32::from(turn);
            if turn == 0 {
                shapes.push(vec![at(-1.5, -0.42), at(0.0, 0.0), at(-1.5, 0.42)]);
            } else {
                shapes.push(vec![
                    at(-2.6, 0.0),
                    at(-1.9, 0.0),
                    at(-1.5, 0.55 * side),
                    at(-1.9, 0.55 * side),
                ]);
                shapes.push(vec![at(-2.35, 0.5 * side), at(-1.05, 0.5 * side), at(-1.7, 1.0 * side)]);
            }
        }
        self.net.marks.extend(shapes.into_iter().map(counter_clockwise));
    }

    /// A bicycle: two wheels and a frame.
    fn paint_bicycle(&mut self, lane: LaneId, back: f32) {
        let lane = self.net.lane(lane);
        let place = lane.center.at(lane.center.length() - back);
        let (origin, ahead) = (
            place.position.truncate(),
            place.tangent.truncate().normalize_or(Vec2::X),
        );
        // Drawn upright across the lane, as riders see it: x to their right, y ahead.
        let at = |x: f32, y: f32| origin + ahead * y - ahead.perp() * x;
        let bar = |a: (f32, f32), b: (f32, f32), half: f32| {
            let (a, b) = (at(a.0, a.1), at(b.0, b.1));
            let aside = (b - a).perp().normalize_or(Vec2::X) * half;
            vec![a - aside, b - aside, b + aside, a + aside]
        };
        let mut shapes = Vec::new();
        for wheel in [-0.38, 0.38] {
            let rim = |i: usize, r: f32| {
                let (sin, cos) = (f64::from(i as u32) * std::f64::consts::TAU / 8.0).sin_cos();
                at(wheel + r * cos as f32, 0.25 + r * 1.3 * sin as f32)
            };
            shapes.extend((0..8).map(|i| vec![rim(i, 0.2), rim(i, 0.27), rim(i + 1, 0.27), rim(i + 1, 0.2)]));
        }
        shapes.extend([
            bar((-0.38, 0.25), (-0.15, 0.8), 0.035),
            bar((-0.15, 0.8), (0.25, 0.8), 0.035),
            bar((0.25, 0.95), (0.38, 0.25), 0.035),
            bar((0.0, 0.25), (0.25, 0.8), 0.035),
            bar((-0.38, 0.25), (0.0, 0.25), 0.035),
        ]);
        self.net.marks.extend(shapes.into_iter().map(counter_clockwise));
    }

    /// Zebra bars, or two lines.
    pub(super) fn paint_crossing(&mut self, crossing: usize, arm: Arm) {
        let crossing = &self.net.crossings[crossing];
        let (length, half) = (crossing.path.length(), crossing.width / 2.0);
        let along = self.outward(arm, self.cut(arm));
        let at = |s: f32, off: f32| crossing.path.at(s).position.truncate() + along * off;
        let mut shapes = Vec::new();
        if crossing.zebra {
            let count = ((length - 0.3) / 1.0).floor().max(1.0);
            let start = 0.5 * (length - count + 0.5);
            for i in 0..count as usize {
                let s = start + i as f32;
                shapes.push(vec![at(s, -half), at(s + 0.5, -half), at(s + 0.5, half), at(s, half)]);
            }
        } else {
            for off in [-half, half - 0.25] {
                let steps = (length / 0.8) as usize;
                for i in 0..steps {
                    let s = 0.15 + i as f32 * 0.8;
                    shapes.push(vec![
                        at(s, off),
                        at(s + 0.5, off),
                        at(s + 0.5, off + 0.25),
                        at(s, off + 0.25),
                    ]);
                }
            }
        }
        self.net.marks.extend(shapes.into_iter().map(counter_clockwise));
    }
}

/// The same polygon, counter-clockwise.
pub(super) fn counter_clockwise(mut outline: Vec<Vec2>) -> Vec<Vec2> {
    let area: f32 = (1..outline.len().saturating_sub(1))
        .map(|i| (outline[i] - outline[0]).perp_dot(outline[i + 1] - outline[0]))
        .sum();
    if area < 0.0 {
        outline.reverse();
    }
    outline
}
