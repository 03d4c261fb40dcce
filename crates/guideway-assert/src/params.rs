//! The parameters of every rule. The shipped values stand in `data/rules.toml` and nowhere else.

use serde::{Deserialize, Serialize};

use crate::rule::{Rule, Scope, Severity};

/// What a key is worth that a partial file does not name. It is never used: the shipped file lies below every other, and names all keys.
pub(crate) trait Blank {
    fn blank() -> Self;
}

pub(crate) fn blank<T: Blank>() -> T {
    T::blank()
}

macro_rules! blank_by_default {
    ($($ty:ty),+) => {$(
        impl Blank for $ty {
            fn blank() -> Self {
                Self::default()
            }
        }
    )+};
}
blank_by_default!(bool, f64, u32, String, [f64; 2], Vec<String>, Vec<[String; 2]>);

impl Blank for Severity {
    fn blank() -> Self {
        Self::Low
    }
}

impl Blank for Scope {
    fn blank() -> Self {
        Self::Object
    }
}

macro_rules! params {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty),* $(,)? })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default = "blank", deny_unknown_fields)]
        pub struct $name { $($(#[$field_meta])* pub $field: $ty),* }

        impl Blank for $name {
            fn blank() -> Self {
                Self { $($field: Blank::blank()),* }
            }
        }
    )+};
}
pub(crate) use params;

/// What all rules have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head<'a> {
    /// Is it asserted at all?
    pub enabled: bool,
    /// Severity of its tickets.
    pub severity: Severity,
    /// What one ticket is about.
    pub scope: Scope,
    /// Who gets its tickets; empty for nobody in particular.
    pub owner: &'a str,
    /// Frames of one object in which it must be violated, within `memory_s`, before anything is said.
    pub min_frames: u32,
    /// What a violation adds to the suspicion of a label.
    pub weight: f64,
}

macro_rules! rule_params {
    ($($(#[$meta:meta])* $rule:ident $name:ident in $slot:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty),* $(,)? })+) => {
        params! {$(
            $(#[$meta])*
            $name {
                /// Is it asserted at all?
                enabled: bool,
                /// Severity of its tickets.
                severity: Severity,
                /// What one ticket is about.
                scope: Scope,
                /// Who gets its tickets; empty for nobody in particular.
                owner: String,
                /// Frames of one object in which it must be violated, within `memory_s`, before anything is said; for signals, violations that follow each other.
                min_frames: u32,
                /// What a violation adds to the suspicion of a label.
                weight: f64,
                $($(#[$field_meta])* $field: $ty),*
            }
        )+}

        params! {
            /// All rules' parameters for one subject.
            RuleSet {
                /// What they share.
                all: Shared,
                $($(#[$meta])* $slot: $name),+
            }
        }

        impl RuleSet {
            /// What all rules have, of one of them.
            pub fn head(&self, rule: Rule) -> Head<'_> {
                match rule {
                    $(Rule::$rule => {
                        let of = &self.$slot;
                        Head {
                            enabled: of.enabled,
                            severity: of.severity,
                            scope: of.scope,
                            owner: &of.owner,
                            min_frames: of.min_frames,
                            weight: of.weight,
                        }
                    })+
                }
            }
        }
    };
}

impl RuleSet {
    /// The first rule about signals that is not the same in another set.
    pub(crate) fn other_signal_rule(&self, other: &Self) -> Option<Rule> {
        let same = [
            (Rule::Clock, self.clock == other.clock),
            (Rule::Gap, self.gap == other.gap),
            (Rule::Frozen, self.frozen == other.frozen),
            (Rule::SignalRange, self.signal_range == other.signal_range),
            (Rule::SignalJump, self.signal_jump == other.signal_jump),
            (Rule::Disagree, self.disagree == other.disagree),
        ];
        same.iter().find(|(_, same)| !same).map(|(rule, _)| *rule)
    }
}

params! {
    /// What the rules share.
    Shared {
        /// Detections below this score are not looked at, 0..=1.
        min_score: f64,
        /// How long an object that is out of sight is remembered, and the longest past that a rule looks at, s.
        memory_s: f64,
        /// A box without an identity goes on from the one that it overlaps by this IoU.
        link_iou: f64,
        /// A cuboid without an identity and without a box goes on from the one whose predicted centre is nearer than this, m.
        link_m: f64,
        /// An object is in plain view when its box is at least so high, px…
        plain_px: f64,
        /// …when it is at most so far away, m…
        plain_m: f64,
        /// …when its box is at least so far from the border of the image, px…
        border_px: f64,
        /// …and when nearer objects cover no more than this part of it, 0..=1.
        covered: f64,
        /// Score from which a detector is sure. What is half hidden, by whatever nobody told of, it is not sure of: no hole next to such a sighting counts, and no
        /// object that begins with one came out of nowhere.
        sure_score: f64,
        /// Most objects at a time per sensor, and most observations per frame; more are counted and left out.
        max_objects: u32,
        /// Classes that mark areas to be left alone.
        ignore: Vec<String>,
    }
}

rule_params! {
    /// Sizes of cuboids, with the ranges of `[classes]`.
    Size SizeRule in size {}
    /// Shapes of boxes in the image that neither the border nor another object cuts, with the ranges of `[classes]`.
    Aspect AspectRule in aspect {}
    /// Speeds over ground, with the limits of `[classes]`.
    Speed SpeedRule in speed {
        /// Over how long a speed is taken, s.
        window_s: f64,
    }
    /// Jumps: how far an object is from where it was going. A limit is `margin + per_range · range + per_s · dt`.
    Teleport TeleportRule in teleport {
        /// In space, m.
        margin_m: f64,
        /// In space, for each metre of distance from the vehicle: far away depth is poorly known.
        per_range: f64,
        /// In space, for each second since the last sighting, m/s.
        per_s_m: f64,
        /// In the image, in sizes of the box (root of its area).
        margin_sizes: f64,
        /// In the image, for each second, sizes/s.
        per_s_sizes: f64,
    }
    /// Sudden changes of size.
    SizeJump SizeJumpRule in size_jump {
        /// Largest factor between a side of a cuboid and that side's median in the last seconds.
        ratio: f64,
        /// Largest factor between the size of a box in the image and the one that it was growing to, or of its height alone for classes that need not face where they go…
        box_ratio: f64,
        /// …and what is added to its logarithm for each second since the last sighting.
        box_per_s: f64,
    }
    /// Holes in a track while the object must be in plain view.
    Flicker FlickerRule in flicker {
        /// So many holes…
        min_gaps: u32,
        /// …that make up this part of the frames, 0..=1…
        min_share: f64,
        /// …within this time, s.
        window_s: f64,
        /// Longer than this is no flicker, s.
        max_gap_s: f64,
        /// A single hole of so many frames counts alone; 0 for never.
        long_gap_frames: u32,
    }
    /// Changes of class within a track.
    ClassFlip ClassFlipRule in class_flip {
        /// So many changes…
        min_flips: u32,
        /// …within this time, s.
        window_s: f64,
    }
    /// Headings of what faces where it goes (`heading` in `[classes]`).
    Heading HeadingRule in heading {
        /// From this speed on, m/s.
        min_mps: f64,
        /// Largest angle between heading and motion, degrees; driving backwards is allowed up to `reverse_mps`.
        max_offset_deg: f64,
        /// Fastest that anything reverses, m/s.
        reverse_mps: f64,
        /// Largest turn between two sightings, degrees…
        max_step_deg: f64,
        /// …and what is added for each second in between, degrees/s.
        per_s_deg: f64,
    }
    /// Cuboids against the ground below them (`grounded` in `[classes]`).
    Ground GroundRule in ground {
        /// The lower side may be so far in the ground, m.
        below_m: f64,
        /// The lower side may be so far above the ground, m.
        above_m: f64,
        /// Both grow by this for each metre of distance from the vehicle.
        per_range: f64,
    }
    /// Observations that a map says are inside walls.
    Solid SolidRule in solid {}
    /// Close objects in plain view that the lidar does not hit.
    Lidar LidarRule in lidar {
        /// Up to this distance, m.
        within_m: f64,
        /// So many points are as good as none.
        max_points: u32,
        /// Only where so many points would be expected, by what the lidar gets from others in the same recording, of its class where enough are known: between the rows of a coarse one
        /// there is room for a person.
        min_expected: f64,
    }
    /// Two observations of one object.
    Duplicate DuplicateRule in duplicate {
        /// IoU in the image from which two boxes are one object; used where one of them has no cuboid.
        iou: f64,
        /// IoU from above from which two cuboids are in each other's way.
        iou_bev: f64,
        /// Pairs of class groups that may be at one place: riders and what they ride.
        may_overlap: Vec<[String; 2]>,
    }
    /// Tracks that begin in plain view, with nothing to come from.
    Appearance AppearanceRule in appearance {
        /// Only boxes at least so high, px…
        min_px: f64,
        /// …and objects at most so far away, m: they were in view before.
        within_m: f64,
        /// Not in the first seconds of a recording, nor after a hole in it, s.
        after_s: f64,
        /// Not when another object is within so many of its widths: it may have come from behind.
        clearance: f64,
        /// Nearer to the side borders of the image than so many of its widths it may have come from outside.
        border_widths: f64,
    }
    /// What was learned of the class.
    Prior PriorRule in prior {
        /// How surprising a measurement must be, nats: how much less likely than the most usual value, as a logarithm.
        min_surprise: f64,
    }
    /// Stamps of signals and frames.
    Clock ClockRule in clock {
        /// Stamps may go back by so much, s.
        back_s: f64,
        /// So many samples in a row with one stamp are a clock that stands still.
        repeats: u32,
        /// A stamp that is ahead of the log's clock by so much more than those of the last seconds is a jump, s.
        ahead_s: f64,
    }
    /// Silence of what has a steady rate.
    Gap GapRule in gap {
        /// Silent for so many of its periods…
        periods: f64,
        /// …and for so long, s.
        min_s: f64,
        /// Silent for so long before the others end, s.
        end_s: f64,
    }
    /// Values that repeat exactly.
    Frozen FrozenRule in frozen {
        /// For so long, s.
        for_s: f64,
    }
    /// Values that no vehicle on a road has.
    SignalRange SignalRangeRule in signal_range {
        /// Greatest speed, m/s.
        max_mps: f64,
        /// Greatest acceleration along an axis, m/s²: the jolts that an IMU feels.
        max_mps2: f64,
        /// Greatest rate of turn about an axis, rad/s.
        max_radps: f64,
        /// Heights above the ellipsoid at which there are roads, m.
        altitude_m: [f64; 2],
        /// A quaternion may differ from unit length by so much.
        unit: f64,
    }
    /// Changes from one sample to the next.
    SignalJump SignalJumpRule in signal_jump {
        /// A pose may be so far from where it was going, m…
        margin_m: f64,
        /// …a GNSS fix so far, m…
        gnss_m: f64,
        /// …and a speed so far from the one before, m/s.
        margin_mps: f64,
        /// What braking and accelerating may add, m/s².
        max_mps2: f64,
        /// An orientation may turn by so much between two samples, degrees…
        margin_deg: f64,
        /// …and what is added for each second in between, degrees/s.
        per_s_deg: f64,
    }
    /// Speeds of several sources, as means over two seconds.
    Disagree DisagreeRule in disagree {
        /// They may differ by so much, m/s…
        margin_mps: f64,
        /// …by this part of the greater one…
        share: f64,
        /// …and where one is of GNSS fixes by so much more, m/s…
        gnss_mps: f64,
        /// …or for less long than this, s.
        for_s: f64,
    }
}
