//! What can be said of an object over time.

use std::collections::VecDeque;

use guideway_core::BBox;

use crate::frame_rules::{UNSETTLED, settled};
use crate::input::View;
use crate::motion::{Change, Motion, Sight, box_state, seconds};
use crate::object::Feature;
use crate::place::{Place, turn};
use crate::report::{Desk, Measured};
use crate::rule::Rule;
use crate::seen::Seen;
use crate::stream::{At, Birth, Flip, Gap, Recent, Stream, Track};

/// Sightings that make a usual size.
const USUAL: usize = 5;
/// Fastest that the vehicle itself moves, m/s: what it adds to speeds that are relative to it.
const EGO_MPS: f64 = 45.0;
/// How fast what is out of sight gets away from where it should be, m/s.
const LOST_MPS: f64 = 1.5;
/// How long ago what a new object came from may have been seen, s.
const BEFORE_S: f64 = 0.6;

/// Why the rule `prior` is not checked where a [`Checker`](crate::Checker) was given none.
pub const NO_PRIORS: &str = "no priors were given";

impl Desk<'_> {
    /// All rules about an object over time, before its new sighting is added to its past.
    pub(crate) fn over_time(&mut self, seen: &Seen, track: &mut Track, recent: &VecDeque<Recent>) {
        if let Some(last) = track.past.last().cloned() {
            let dt = seconds(last.stamp_ns, self.frame.stamp_ns);
            self.flips(seen, track, &last);
            self.gaps(seen, track, &last, recent);
            self.jump(seen, track, dt);
            self.size_jump(seen, track);
            self.turned(seen, track, &last, dt);
        } else {
            for rule in [Rule::Teleport, Rule::SizeJump, Rule::Flicker, Rule::ClassFlip] {
                if self.enabled(rule) {
                    self.outcome.skip(rule, "first sighting");
                }
            }
        }
        track.past.push(seen.sight.clone(), self.set.all.memory_s);
        self.speed_and_heading(seen, track);
        self.prior(seen, track);
    }

    fn flips(&mut self, seen: &Seen, track: &mut Track, last: &Sight) {
        if !self.enabled(Rule::ClassFlip) {
            return;
        }
        if !self.plain(&seen.sight.place, self.view) || seen.sight.cut {
            self.outcome.skip(Rule::ClassFlip, "not in plain view");
            return;
        }
        self.outcome.check(Rule::ClassFlip);
        let p = &self.set.class_flip;
        let (min_flips, window_s) = (p.min_flips, p.window_s);
        let now = self.frame.stamp_ns;
        track.flips.retain(|flip| seconds(flip.stamp_ns, now) <= window_s);
        if seen.sight.kind.name == last.kind.name {
            return;
        }
        track.flips.push_back(Flip {
            stamp_ns: now,
            at: Some(self.at(seen)),
            message: format!("{} becomes {}", last.kind.name, seen.sight.kind.name),
        });
        let count = track.flips.len();
        if count < min_flips as usize {
            return;
        }
        let due: Vec<(At, String)> = track
            .flips
            .iter_mut()
            .filter_map(|flip| flip.at.take().map(|at| (at, flip.message.clone())))
            .collect();
        for (at, message) in due {
            let measured = Measured::by(count as f64, f64::from(min_flips));
            let message = format!("{message}, one of {count} changes within {window_s} s");
            self.report(Rule::ClassFlip, (seen, track), at, measured, message);
        }
    }

    fn gaps(&mut self, seen: &Seen, track: &mut Track, last: &Sight, recent: &VecDeque<Recent>) {
        let blind = match self.view {
            View::Unknown => Some("what the sensor sees is not known"),
            View::Image { .. } if seen.bbox().is_none() || last.place.bbox.is_none() => Some("no box in the image"),
            View::Around if seen.sight.place.range.is_none() || last.place.range.is_none() => {
                Some("distance not known")
            }
            _ => None,
        };
        if let Some(reason) = blind {
            if self.enabled(Rule::Flicker) {
                self.outcome.skip(Rule::Flicker, reason);
            }
            return;
        }
        if self.enabled(Rule::Flicker) {
            self.outcome.check(Rule::Flicker);
        }
        let p = self.set.flicker.clone();
        let now = self.frame.stamp_ns;
        track.gaps.retain(|gap| seconds(gap.end_ns, now) <= p.window_s);
        let lasted = seconds(last.stamp_ns, now);
        let frames = seen.sight.frame - last.frame - 1;
        if frames == 0 {
            track.tally.worst(Feature::Gap, 0.0);
            return;
        }
        if lasted > p.max_gap_s || last.cut || seen.sight.cut || !self.sure(last) || !self.sure(&seen.sight) {
            return;
        }
        let mut missing = Vec::new();
        for frame in recent.iter().filter(|frame| frame.number > last.frame) {
            let share = seconds(last.stamp_ns, frame.stamp_ns) / lasted.max(1e-9);
            let place = Place::between(&last.place, &seen.sight.place, share);
            let hidden = place.covered(frame.places.iter()) > self.set.all.covered;
            if hidden || !self.plain(&place, frame.view) {
                return;
            }
            missing.push(At {
                stamp_ns: frame.stamp_ns,
                frame_id: frame.frame_id.clone(),
                row: None,
                observation: None,
                bbox: place.bbox,
            });
        }
        // Frames that are no longer remembered cannot say whether it was in plain view.
        if missing.len() as u64 != frames {
            return;
        }
        track.tally.worst(Feature::Gap, lasted);
        if !self.enabled(Rule::Flicker) {
            return;
        }
        track.gaps.push_back(Gap {
            end_ns: now,
            frames,
            missing,
        });
        let alone = p.long_gap_frames > 0 && frames >= u64::from(p.long_gap_frames);
        let count = track.gaps.len();
        let in_window = track.past.frame_rate(seen.sight.frame, now).unwrap_or(0.0) * p.window_s;
        let missed: u64 = track.gaps.iter().map(|gap| gap.frames).sum();
        let many = count >= p.min_gaps as usize && missed as f64 >= p.min_share * in_window;
        if !alone && !many {
            return;
        }
        let due: Vec<At> = if many {
            track
                .gaps
                .iter_mut()
                .flat_map(|gap| std::mem::take(&mut gap.missing))
                .collect()
        } else {
            track
                .gaps
                .back_mut()
                .map(|gap| std::mem::take(&mut gap.missing))
                .unwrap_or_default()
        };
        let name = seen.sight.kind.name.clone();
        for at in due {
            let (measured, message) = if many {
                (
                    Measured::by(count as f64, f64::from(p.min_gaps)),
                    format!(
                        "{name}: not seen here, one of {count} holes within {} s, in plain view",
                        p.window_s
                    ),
                )
            } else {
                (
                    Measured::by(frames as f64, f64::from(p.long_gap_frames)),
                    format!("{name}: not seen in {frames} frames in between, in plain view"),
                )
            };
            self.report(Rule::Flicker, (seen, track), at, measured, message);
        }
    }

    /// Is the detector sure of it? Labels are.
    fn sure(&self, sight: &Sight) -> bool {
        sight.score.is_none_or(|score| score >= self.set.all.sure_score)
    }

    /// Must it be seen, as far as distance, size and border say?
    fn plain(&self, place: &Place, view: View) -> bool {
        let all = &self.set.all;
        place.range.is_none_or(|range| range <= all.plain_m)
            && place.bbox.is_none_or(|bbox| bbox.height() >= all.plain_px)
            && !place.at_border(view, all.border_px)
    }

    fn jump(&mut self, seen: &Seen, track: &mut Track, dt: f64) {
        let p = self.set.teleport.clone();
        let sight = &seen.sight;
        let (value, limit, unit) = if track.linked {
            // What jumps is not linked.
            if self.enabled(Rule::Teleport) {
                self.outcome.skip(Rule::Teleport, "no identity");
            }
            return;
        } else if let (Some(here), Some((there, known))) = (sight.position, track.past.predict(sight.stamp_ns))
            && track
                .past
                .last()
                .is_some_and(|last| last.over_ground == sight.over_ground)
        {
            let range = sight.place.range.unwrap_or(0.0);
            let mut limit = p.margin_m + p.per_range * range + p.per_s_m * dt;
            if !known {
                let relative = if sight.over_ground { 0.0 } else { EGO_MPS };
                limit += (sight.kind.limits.max_mps + relative) * dt;
            }
            ((here - there).truncate().length(), limit, "m")
        } else if seen.bbox().is_some_and(|bbox| bbox.height() < self.set.all.plain_px) {
            // A few pixels of what is far away or half hidden are anywhere.
            if self.enabled(Rule::Teleport) {
                self.outcome.skip(Rule::Teleport, "small in the image");
            }
            return;
        } else if let (Some(bbox), false) = (seen.bbox(), sight.cut)
            && let Some(ahead) = track.past.predict_box(sight.stamp_ns)
        {
            let [to_x, to_y, to_size] = box_state(bbox);
            let unit = ahead.ln_size.max(to_size).exp();
            let limit = p.margin_sizes + p.per_s_sizes * ahead.age_s;
            let limit = if ahead.known { limit } else { 2.0 * limit };
            ((to_x - ahead.x).hypot(to_y - ahead.y) / unit, limit, "sizes of its box")
        } else {
            if self.enabled(Rule::Teleport) {
                self.outcome
                    .skip(Rule::Teleport, "cut by the border or by another object");
            }
            return;
        };
        track.tally.worst(Feature::Jump, value / limit.max(1e-9));
        if !self.enabled(Rule::Teleport) {
            return;
        }
        self.outcome.check(Rule::Teleport);
        if value > limit {
            let message = format!(
                "{}: {value:.1} {unit} from where it was going, within {dt:.2} s; allowed is {limit:.1}",
                sight.kind.name
            );
            track.past.break_motion(sight.frame);
            track.past.break_boxes(sight.frame);
            self.report(
                Rule::Teleport,
                (seen, track),
                self.at(seen),
                Measured::by(value, limit),
                message,
            );
        }
    }

    fn size_jump(&mut self, seen: &Seen, track: &mut Track) {
        let p = self.set.size_jump.clone();
        let sight = &seen.sight;
        let (value, limit, what) = if sight.cut {
            if self.enabled(Rule::SizeJump) {
                self.outcome
                    .skip(Rule::SizeJump, "cut by the border or by another object");
            }
            return;
        } else if let (Some(size), Some((usual, count))) = (sight.size, track.past.usual_size())
            && count >= USUAL.min(3)
        {
            let (factor, what) = [(0, "length"), (1, "width"), (2, "height")]
                .map(|(axis, what)| ((size[axis] / usual[axis]).ln().abs().exp(), what))
                .into_iter()
                .fold((1.0, "length"), |best, next| if next.0 > best.0 { next } else { best });
            (factor, p.ratio, what)
        } else if track.linked {
            // The overlap that linked it leaves little room for a jump, and says little about its being the same.
            if self.enabled(Rule::SizeJump) {
                self.outcome.skip(Rule::SizeJump, "no identity");
            }
            return;
        } else if let (Some(bbox), Some(ahead)) = (seen.bbox(), track.past.predict_box(sight.stamp_ns))
            && ahead.known
        {
            let mut factor = (box_state(bbox)[2] - ahead.ln_size).abs().exp();
            if !sight.kind.limits.heading {
                // Who walks across the view is wide and narrow with every step; how high does not change.
                factor = factor.min((bbox.height() / ahead.height).ln().abs().exp());
            }
            (
                factor,
                p.box_ratio * (p.box_per_s * ahead.age_s).exp(),
                "size of the box",
            )
        } else {
            if self.enabled(Rule::SizeJump) {
                self.outcome.skip(Rule::SizeJump, "seen too shortly");
            }
            return;
        };
        track.tally.worst(Feature::SizeChange, value);
        if !self.enabled(Rule::SizeJump) {
            return;
        }
        if !self.plain(&sight.place, self.view) {
            self.outcome.skip(Rule::SizeJump, "not in plain view");
            return;
        }
        self.outcome.check(Rule::SizeJump);
        if value > limit {
            let message = format!(
                "{}: {what} differs {value:.2} times from what it was, allowed is {limit:.2}",
                sight.kind.name
            );
            track.past.break_boxes(sight.frame);
            self.report(
                Rule::SizeJump,
                (seen, track),
                self.at(seen),
                Measured::by(value, limit),
                message,
            );
        }
    }

    fn turned(&mut self, seen: &Seen, track: &mut Track, last: &Sight, dt: f64) {
        let (Some(before), Some(now), true) = (
            last.yaw,
            seen.sight.yaw,
            seen.sight.kind.limits.heading && last.over_ground == seen.sight.over_ground,
        ) else {
            return;
        };
        let p = &self.set.heading;
        let value = turn(before, now).abs().to_degrees();
        let limit = p.max_step_deg + p.per_s_deg * dt;
        track.tally.worst(Feature::HeadingStep, value / limit.max(1e-9));
        if value > limit && self.enabled(Rule::Heading) {
            let message = format!(
                "{}: turned by {value:.0}° within {dt:.2} s, allowed is {limit:.0}°",
                seen.sight.kind.name
            );
            self.report(
                Rule::Heading,
                (seen, track),
                self.at(seen),
                Measured::by(value, limit),
                message,
            );
        }
    }

    fn speed_and_heading(&mut self, seen: &Seen, track: &mut Track) {
        let sight = &seen.sight;
        let window_s = self.set.speed.window_s;
        let motion = track.past.motion(window_s);
        let speed = motion
            .map(|motion| motion.velocity.truncate().length())
            .or_else(|| track.past.given_speed(window_s));
        match speed {
            Some(value) => {
                track.tally.worst(Feature::Speed, value);
                if self.enabled(Rule::Speed) && !settled(seen, track) {
                    self.outcome.skip(Rule::Speed, UNSETTLED);
                } else if self.enabled(Rule::Speed) {
                    self.outcome.check(Rule::Speed);
                    let limit = sight.kind.limits.max_mps;
                    if value > limit {
                        let message = format!(
                            "{}: {value:.1} m/s ({:.0} km/h), possible is {limit} m/s",
                            sight.kind.name,
                            value * 3.6
                        );
                        self.report(
                            Rule::Speed,
                            (seen, track),
                            self.at(seen),
                            Measured::by(value, limit),
                            message,
                        );
                    }
                }
            }
            None if self.enabled(Rule::Speed) => {
                let reason = match sight.position {
                    None => "no cuboid",
                    Some(_) if !sight.over_ground => "pose of the vehicle not known",
                    Some(_) => "seen too shortly",
                };
                self.outcome.skip(Rule::Speed, reason);
            }
            None => {}
        }
        self.change(seen, track, motion);
        let p = self.set.heading.clone();
        let limits = &sight.kind.limits;
        let reason = match motion {
            _ if !limits.heading => "class may face anywhere",
            None if sight.position.is_none() => "no cuboid",
            None if !sight.over_ground => "pose of the vehicle not known",
            None => "seen too shortly",
            Some(motion) => {
                let speed = motion.velocity.truncate().length();
                match motion.yaw {
                    Some(yaw) if motion.clear && speed >= p.min_mps => {
                        let course = motion.velocity.y.atan2(motion.velocity.x);
                        let mut value = turn(course, yaw).abs().to_degrees();
                        if speed <= p.reverse_mps {
                            value = value.min(180.0 - value);
                        }
                        track.tally.sample(Feature::HeadingOffset, value);
                        if self.enabled(Rule::Heading) {
                            self.outcome.check(Rule::Heading);
                            if value > p.max_offset_deg {
                                let limit = p.max_offset_deg;
                                let message = format!(
                                    "{}: faces {value:.0}° away from where it goes with {speed:.1} m/s, allowed is {limit}°",
                                    sight.kind.name
                                );
                                let at = self.at(seen);
                                self.report(Rule::Heading, (seen, track), at, Measured::by(value, limit), message);
                            }
                        }
                        return;
                    }
                    _ => "too slow",
                }
            }
        };
        if self.enabled(Rule::Heading) {
            self.outcome.skip(Rule::Heading, reason);
        }
    }

    /// How its motion changed since the last window that nothing of this one belongs to: noise of single sightings is no acceleration.
    fn change(&mut self, seen: &Seen, track: &mut Track, motion: Option<Motion>) {
        let now = self.frame.stamp_ns;
        let Some(motion) = motion else {
            (track.moved, track.changed, track.lasting) = (None, None, None);
            return;
        };
        let window_s = self.set.speed.window_s;
        let (then, before) = *track.moved.get_or_insert((now, motion));
        let dt = seconds(then, now);
        if dt < window_s {
            return;
        }
        track.moved = Some((now, motion));
        // After a hole nothing is known of what happened in it.
        if dt > 2.0 * window_s {
            (track.changed, track.lasting) = (None, None);
            return;
        }
        let acceleration = (motion.velocity - before.velocity).truncate().length() / dt;
        let fast = |motion: Motion| motion.clear && motion.velocity.truncate().length() >= self.set.heading.min_mps;
        let moves = fast(motion) && fast(before);
        // By where it goes: where it faces is often taken the wrong way round.
        let course = |motion: Motion| motion.velocity.y.atan2(motion.velocity.x);
        let turn_rate = (moves && seen.sight.kind.limits.heading)
            .then(|| turn(course(before), course(motion)).abs().to_degrees() / dt);
        let change = Change {
            acceleration,
            turn_rate,
        };
        track.lasting = track.changed.replace(change).map(|last| last.lesser(change));
        if let Some(lasting) = track.lasting {
            track.tally.worst(Feature::Acceleration, lasting.acceleration);
            if let Some(turn_rate) = lasting.turn_rate {
                track.tally.worst(Feature::TurnRate, turn_rate);
            }
        }
    }

    fn prior(&mut self, seen: &Seen, track: &mut Track) {
        if !self.enabled(Rule::Prior) {
            return;
        }
        let Some(priors) = self.priors else {
            self.outcome.skip(Rule::Prior, NO_PRIORS);
            return;
        };
        if !settled(seen, track) {
            self.outcome.skip(Rule::Prior, UNSETTLED);
            return;
        }
        let class = &*seen.sight.kind.name;
        let mut features: Vec<(Feature, f64)> = Vec::new();
        if let Some(([length, width, height], count)) = track.past.usual_size()
            && count >= USUAL
        {
            features.push((Feature::Length, length));
            features.push((Feature::Width, width));
            features.push((Feature::Height, height));
            features.push((Feature::Slenderness, length / width));
        }
        if let Some(motion) = track.past.motion(self.set.speed.window_s) {
            features.push((Feature::Speed, motion.velocity.truncate().length()));
        }
        if let Some(lasting) = track.lasting {
            features.push((Feature::Acceleration, lasting.acceleration));
            features.extend(lasting.turn_rate.map(|turn_rate| (Feature::TurnRate, turn_rate)));
        }
        if let (Some(bbox), false, View::Image { .. }) = (seen.bbox(), seen.sight.cut, self.view)
            && bbox.height().max(bbox.width()) >= self.set.all.plain_px
        {
            features.push((Feature::Aspect, bbox.width() / bbox.height()));
        }
        let mut most: Option<(Feature, f64, f64)> = None;
        for (feature, value) in features {
            if let Some(surprise) = priors.surprise(class, feature, value)
                && most.is_none_or(|(.., so_far)| surprise > so_far)
            {
                most = Some((feature, value, surprise));
            }
        }
        let Some((feature, measured, value)) = most else {
            let known = priors.classes.contains_key(class);
            let reason = if known {
                "seen too shortly"
            } else {
                "nothing was learned of the class"
            };
            self.outcome.skip(Rule::Prior, reason);
            return;
        };
        self.outcome.check(Rule::Prior);
        let limit = self.set.prior.min_surprise;
        if value > limit {
            let message =
                format!("{class}: {feature} {measured:.2} is unlike the class ({value:.1} nats, allowed are {limit})");
            self.report(
                Rule::Prior,
                (seen, track),
                self.at(seen),
                Measured::by(value, limit),
                message,
            );
        }
    }

    /// Does a new object come from somewhere? `others` are the places of the same frame.
    pub(crate) fn birth(&mut self, seen: &Seen, others: &[Seen], stream: &Stream) -> Birth {
        let p = &self.set.appearance;
        let place = &seen.sight.place;
        let large = |bbox: BBox| bbox.height() >= p.min_px;
        let reason = match self.view {
            View::Unknown => Some("what the sensor sees is not known"),
            View::Image { .. } if place.bbox.is_none() => Some("no box in the image"),
            View::Around if place.range.is_none() => Some("distance not known"),
            _ if seconds(stream.steady_since_ns, self.frame.stamp_ns) < p.after_s => Some("too early in the recording"),
            _ => None,
        };
        if let Some(reason) = reason {
            self.outcome.skip(Rule::Appearance, reason);
            return Birth::Fine;
        }
        self.outcome.check(Rule::Appearance);
        let far = place.range.is_some_and(|range| range > p.within_m) || place.bbox.is_some_and(|bbox| !large(bbox));
        if far
            || !self.sure(&seen.sight)
            || seen.sight.cut
            || place.near_sides(self.view, p.border_widths)
            || others
                .iter()
                .any(|other| other.row != seen.row && place.comes_from_behind(&other.sight.place, p.clearance))
        {
            return Birth::Fine;
        }
        let before = stream
            .recent
            .iter()
            .filter(|frame| seconds(frame.stamp_ns, self.frame.stamp_ns) <= BEFORE_S)
            .flat_map(|frame| &frame.places);
        for other in before {
            if place.comes_from_behind(other, p.clearance) || place.same_as(other, self.set.all.link_iou) {
                return Birth::Fine;
            }
        }
        if stream
            .tracks
            .iter()
            .any(|(key, track)| *key != seen.key && self.back(seen, track))
        {
            return Birth::Fine;
        }
        Birth::Suspicious
    }

    /// Is this an object that was lost, and comes back under another name?
    fn back(&self, seen: &Seen, track: &Track) -> bool {
        let now = self.frame.stamp_ns;
        let Some(last) = track.past.last() else { return false };
        let dt = seconds(last.stamp_ns, now);
        // What was there for a moment alone is a false alarm, not somebody.
        if dt <= 0.0 || track.tally.frames < USUAL as u64 || last.kind.name != seen.sight.kind.name {
            return false;
        }
        if let (Some(here), Some(was), Some((there, _))) = (seen.sight.position, last.position, track.past.predict(now))
        {
            let reach = self.set.all.link_m + LOST_MPS * dt;
            return last.over_ground == seen.sight.over_ground
                && ((here - was).truncate().length() < reach || (here - there).truncate().length() < reach);
        }
        let (Some(here), Some(was)) = (seen.bbox(), last.place.bbox) else {
            return false;
        };
        let [x, y, size] = box_state(here);
        let ahead = track.past.predict_box(now).map_or(was, |ahead| ahead.carry(was));
        (size - box_state(was)[2]).abs() < std::f64::consts::LN_2
            && [was, ahead].into_iter().any(|b| {
                let [u, v] = b.center();
                (x - u).hypot(y - v) < 0.5 * size.exp()
            })
    }

    /// What came out of nowhere is said as long as it stays where it can be seen well, up to the number of frames that the rule asks for.
    pub(crate) fn appeared(&mut self, seen: &Seen, track: &mut Track) {
        let enough = self.set.appearance.min_frames;
        if track.birth == Birth::Fine {
            return;
        }
        if seen.sight.cut {
            track.birth = Birth::Fine;
            return;
        }
        let place = &seen.sight.place;
        let message = match (place.range, place.bbox) {
            (Some(range), _) => format!("{}: came out of nowhere, {range:.1} m away", seen.sight.kind.name),
            (None, bbox) => format!(
                "{}: came out of nowhere, {:.0} px high",
                seen.sight.kind.name,
                bbox.map_or(0.0, BBox::height)
            ),
        };
        let measured = match (place.range, place.bbox) {
            (Some(value), _) => Measured::by(value, self.set.appearance.within_m),
            (None, bbox) => Measured::by(bbox.map_or(0.0, BBox::height), self.set.appearance.min_px),
        };
        self.report(Rule::Appearance, (seen, track), self.at(seen), measured, message);
        if track.tally.frames >= u64::from(enough) {
            track.birth = Birth::Fine;
        }
    }
}
