//! What can be said of one frame.

use std::collections::BTreeMap;

use crate::object::Feature;
use crate::report::{Desk, Measured};
use crate::returns::{Returns, density};
use crate::rule::Rule;
use crate::seen::Seen;
use crate::stream::Track;

/// Nothing can be much nearer to a lidar than this, m: what is there may be in its blind zone.
const LIDAR_BLIND_M: f64 = 3.0;

/// Why a limit of a class is not asked of an object that has another class at most times: its class is the problem.
pub(crate) const UNSETTLED: &str = "not the class that the object has at most times";

/// Has the object the class now that it has at most times?
pub(crate) fn settled(seen: &Seen, track: &Track) -> bool {
    track.tally.class() == Some(&seen.sight.kind.name)
}

impl Desk<'_> {
    /// All rules about one observation alone.
    pub(crate) fn one(&mut self, seen: &Seen, track: &mut Track, returns: &mut Returns) {
        track.tally.see(self.frame.stamp_ns, &seen.sight.kind.name);
        self.size(seen, track);
        self.aspect(seen, track);
        self.ground(seen, track);
        self.solid(seen, track);
        self.lidar(seen, track, returns);
    }

    fn size(&mut self, seen: &Seen, track: &mut Track) {
        let Some(size) = seen.sight.size else {
            if self.enabled(Rule::Size) {
                self.outcome.skip(Rule::Size, "no cuboid");
            }
            return;
        };
        for (feature, value) in [Feature::Length, Feature::Width, Feature::Height].into_iter().zip(size) {
            track.tally.sample(feature, value);
        }
        track.tally.sample(Feature::Slenderness, size[0] / size[1]);
        if !self.enabled(Rule::Size) {
            return;
        }
        if !settled(seen, track) {
            self.outcome.skip(Rule::Size, UNSETTLED);
            return;
        }
        self.outcome.check(Rule::Size);
        let limits = seen.sight.kind.limits.clone();
        // The side that is furthest from what is possible speaks for all.
        let worst = [
            ("long", size[0], limits.length_m),
            ("wide", size[1], limits.width_m),
            ("high", size[2], limits.height_m),
        ]
        .into_iter()
        .filter_map(|(how, value, [least, most])| {
            let limit = if value > most {
                most
            } else if value < least {
                least
            } else {
                return None;
            };
            Some((how, Measured::by(value, limit), [least, most]))
        })
        .max_by(|a, b| {
            let off = |m: Measured| (m.value / m.limit).ln().abs();
            off(a.1).total_cmp(&off(b.1))
        });
        if let Some((how, measured, [least, most])) = worst {
            let message = format!(
                "{}: {:.2} m {how}, possible is {least} to {most} m",
                seen.sight.kind.name, measured.value
            );
            self.report(Rule::Size, (seen, track), self.at(seen), measured, message);
        }
    }

    fn aspect(&mut self, seen: &Seen, track: &mut Track) {
        let skip = match (seen.bbox(), self.view) {
            (None, _) => Some("no box in the image"),
            (_, crate::View::Unknown | crate::View::Around) => Some("size of the image not known"),
            (Some(_), _) if seen.sight.cut => Some("cut by the border or by another object"),
            (Some(bbox), _) if bbox.height().max(bbox.width()) < self.set.all.plain_px => {
                Some("too small in the image")
            }
            _ => None,
        };
        match (skip, seen.bbox()) {
            (None, Some(bbox)) => {
                let value = bbox.width() / bbox.height();
                track.tally.sample(Feature::Aspect, value);
                if !self.enabled(Rule::Aspect) {
                    return;
                }
                if !settled(seen, track) {
                    self.outcome.skip(Rule::Aspect, UNSETTLED);
                    return;
                }
                self.outcome.check(Rule::Aspect);
                let [least, most] = seen.sight.kind.limits.aspect;
                if value < least || value > most {
                    let limit = if value > most { most } else { least };
                    let message = format!(
                        "{}: box {value:.2} times as wide as high, possible is {least} to {most}",
                        seen.sight.kind.name
                    );
                    self.report(
                        Rule::Aspect,
                        (seen, track),
                        self.at(seen),
                        Measured::by(value, limit),
                        message,
                    );
                }
            }
            (skip, _) => {
                if self.enabled(Rule::Aspect) {
                    self.outcome.skip(Rule::Aspect, skip.unwrap_or("no box in the image"));
                }
            }
        }
    }

    fn ground(&mut self, seen: &Seen, track: &mut Track) {
        let grounded = seen.sight.kind.limits.grounded;
        let Some(above) = seen.above_ground.filter(|_| grounded) else {
            if self.enabled(Rule::Ground) {
                let reason = match (grounded, seen.cuboid) {
                    (false, _) => "class need not stand on the ground",
                    (true, None) => "no cuboid",
                    (true, Some(_)) => "height of the ground not known",
                };
                self.outcome.skip(Rule::Ground, reason);
            }
            return;
        };
        track.tally.sample(Feature::AboveGround, above);
        if !self.enabled(Rule::Ground) {
            return;
        }
        self.outcome.check(Rule::Ground);
        let p = &self.set.ground;
        let more = p.per_range * seen.sight.place.range.unwrap_or(0.0);
        let (below_m, above_m) = (p.below_m + more, p.above_m + more);
        let name = &seen.sight.kind.name;
        if above < -below_m {
            let message = format!("{name}: {:.2} m in the ground, allowed is {below_m:.2} m", -above);
            let measured = Measured::by(above, -below_m);
            self.report(Rule::Ground, (seen, track), self.at(seen), measured, message);
        } else if above > above_m {
            let message = format!("{name}: {above:.2} m above the ground, allowed is {above_m:.2} m");
            let measured = Measured::by(above, above_m);
            self.report(Rule::Ground, (seen, track), self.at(seen), measured, message);
        }
    }

    fn solid(&mut self, seen: &Seen, track: &mut Track) {
        if !self.enabled(Rule::Solid) {
            return;
        }
        match seen.in_solid {
            None => {
                let reason = match seen.cuboid {
                    None => "no cuboid",
                    Some(_) if !seen.sight.over_ground => "no pose of the vehicle",
                    Some(_) => "no map of solid things",
                };
                self.outcome.skip(Rule::Solid, reason);
            }
            Some(inside) => {
                self.outcome.check(Rule::Solid);
                if inside {
                    let message = format!("{}: inside a wall or another solid thing", seen.sight.kind.name);
                    let measured = Measured::yes_or_no(1.0, 0.0);
                    self.report(Rule::Solid, (seen, track), self.at(seen), measured, message);
                }
            }
        }
    }

    fn lidar(&mut self, seen: &Seen, track: &mut Track, returns: &mut Returns) {
        let p = &self.set.lidar;
        let (points, range, size) = match (seen.points, seen.sight.place.range, seen.sight.size) {
            (Some(points), Some(range), Some(size)) if !seen.sight.cut && range > LIDAR_BLIND_M => {
                (points, range, size)
            }
            (points, range, size) => {
                if self.enabled(Rule::Lidar) {
                    let reason = match (points, range, size) {
                        (None, ..) => "lidar points not counted",
                        (_, None, _) | (_, _, None) => "distance not known",
                        (_, Some(range), _) if range <= LIDAR_BLIND_M => "in the blind zone",
                        _ => "not in plain view",
                    };
                    self.outcome.skip(Rule::Lidar, reason);
                }
                return;
            }
        };
        // Far away one point more or less is all the difference.
        let one_point = density(1, range, size);
        if range <= p.within_m {
            let density = density(points, range, size);
            track.tally.sample(Feature::Points, density);
            if points > p.max_points {
                let nth = track.tally.sampled(Feature::Points);
                returns.learn(&seen.sight.kind.group, (&seen.key, nth), density);
            }
        }
        if !self.enabled(Rule::Lidar) {
            return;
        }
        if !seen.sight.kind.limits.grounded {
            self.outcome.skip(Rule::Lidar, "may hang above what the lidar sees");
            return;
        }
        if range > p.within_m {
            self.outcome.skip(Rule::Lidar, "too far away");
            return;
        }
        let Some(usual) = returns.usual(&seen.sight.kind.group, &seen.key) else {
            self.outcome
                .skip(Rule::Lidar, "not known yet how many points others have");
            return;
        };
        let expected = usual / one_point;
        if expected < p.min_expected {
            self.outcome
                .skip(Rule::Lidar, "too small there for the lidar's rows and columns");
            return;
        }
        self.outcome.check(Rule::Lidar);
        if points <= p.max_points {
            let message = format!(
                "{}: {points} lidar points at {range:.1} m, in plain view, where {expected:.0} or more are usual",
                seen.sight.kind.name
            );
            let measured = Measured::yes_or_no(f64::from(points), f64::from(p.max_points + 1));
            self.report(Rule::Lidar, (seen, track), self.at(seen), measured, message);
        }
    }

    /// Pairs at one place. The violation is that of the object that came later.
    pub(crate) fn duplicates(&mut self, seen: &[Seen], tracks: &mut BTreeMap<String, Track>) {
        if !self.enabled(Rule::Duplicate) {
            return;
        }
        let p = self.set.duplicate.clone();
        for (i, a) in seen.iter().enumerate() {
            self.outcome.check(Rule::Duplicate);
            for b in &seen[i + 1..] {
                let (value, limit, how) = match (a.cuboid, b.cuboid, a.bbox(), b.bbox()) {
                    (Some(x), Some(y), ..) => {
                        // Most pairs are far apart: the overlap of rectangles is not needed to know.
                        let reach = 0.5 * (x.length + x.width + y.length + y.width);
                        if (x.center - y.center).truncate().length() > reach || x.iou_3d(&y) <= 0.0 {
                            continue;
                        }
                        (x.rotated_iou_bev(&y), p.iou_bev, "seen from above")
                    }
                    (_, _, Some(x), Some(y)) => (x.iou(y), p.iou, "in the image"),
                    _ => continue,
                };
                if value < limit {
                    continue;
                }
                let (group_a, group_b) = (&*a.sight.kind.group, &*b.sight.kind.group);
                let may = p
                    .may_overlap
                    .iter()
                    .any(|[x, y]| (x == group_a && y == group_b) || (x == group_b && y == group_a));
                if may {
                    continue;
                }
                let born = |one: &Seen| tracks.get(&one.key).map(|track| track.tally.first_ns);
                let (later, first) = if (born(a), &a.key) > (born(b), &b.key) {
                    (a, b)
                } else {
                    (b, a)
                };
                let message = format!(
                    "{} is where {} {} is: IoU {value:.2} {how}, allowed is {limit}",
                    later.sight.kind.name, first.sight.kind.name, first.key
                );
                let at = self.at(later);
                if let Some(track) = tracks.get_mut(&later.key) {
                    self.report(Rule::Duplicate, (later, track), at, Measured::by(value, limit), message);
                }
            }
        }
    }
}
