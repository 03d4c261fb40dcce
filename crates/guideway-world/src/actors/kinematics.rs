//! How wheels, legs, pedals and trailers move.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use glam::{Affine3A, Vec3};

use super::{Joint, Kinematics, LEAN_MAX, PACE_MAX, STEER_MAX};
use crate::state::Articulation;

/// Where the parts of what is towed go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hitch {
    /// The hitch, body frame, m.
    pub pivot: Vec3,
    /// The largest angle that is shown, rad.
    pub max: f32,
}

/// What an arm does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ArmPose {
    /// Swings with the gait.
    #[default]
    Swing,
    /// Hangs with a load: hardly swings.
    Carry,
    /// Holds a telephone to the ear.
    Phone,
    /// Holds something up before the chest: an umbrella, a screen.
    Hold,
    /// Both hands on a handle in front: a pram, a wheelchair's rim.
    Push,
}

/// A person's skeleton and what it does.
///
/// Limbs: 0 trunk, 1 head, 2 and 3 left upper arm and forearm, 4 and 5 the right ones, 6 and 7 left thigh and shin with its foot,
/// 8 and 9 the right ones. The trunk's frame is at the middle of the hips, the head's at the neck, each limb's at its upper joint
/// with the limb hanging along −z.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Walker {
    /// Added to every part, m: moves the person into the middle of the cuboid.
    pub root: Vec3,
    /// Left hip joint against the middle of the hips, m.
    pub hip: Vec3,
    /// Left shoulder joint against the middle of the hips, m.
    pub shoulder: Vec3,
    /// Neck against the middle of the hips, m.
    pub neck: Vec3,
    /// Length of the thigh, m.
    pub thigh: f32,
    /// From the knee to the sole, m.
    pub shin: f32,
    /// Length of the upper arm, m.
    pub upper_arm: f32,
    /// From the ankle to the toes and to the heel, m.
    pub foot: (f32, f32),
    /// Gaits faster than this look like this, m/s: few people run, and their cuboids need not hold a run.
    pub pace_max: f32,
    /// The trunk leans forward by this, rad.
    pub stoop: f32,
    /// Left and right arm.
    pub arms: [ArmPose; 2],
    /// Sits: thighs forward, shins down, hips at this height above the ground, m.
    pub seat: Option<f32>,
}

/// A two-wheeler and its rider. Fixed parts and wheels lean about the line on which the wheels stand.
///
/// Limbs: 0 fork with handlebar, 1 cranks, 2 and 3 left thigh and shin with its foot, 4 and 5 the right ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cyclist {
    /// Added to every part, m.
    pub root: Vec3,
    /// A point of the steering axis, m.
    pub head: Vec3,
    /// Direction of the steering axis, unit.
    pub axis: Vec3,
    /// The largest steering angle that is shown, rad.
    pub steer_max: f32,
    /// Bottom bracket, m.
    pub crank: Vec3,
    /// Length of a crank, m.
    pub crank_length: f32,
    /// Left hip joint, m.
    pub hip: Vec3,
    /// Length of the thigh, m.
    pub thigh: f32,
    /// From the knee to the ball of the foot, m.
    pub shin: f32,
    /// y of the left pedal, m.
    pub pedal: f32,
    /// Metres for one turn of the pedals; 0 without pedals.
    pub development: f32,
}

/// An animal's legs.
///
/// Limbs: 0 trunk, 1 head with neck, then upper and lower leg of each leg: front left, front right, rear left, rear right. Birds have
/// the front pair only. Frames as for a [`Walker`]; the head's is at the base of the neck.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quadruped {
    /// Added to every part, m.
    pub root: Vec3,
    /// Upper joint of the left front leg, m above the sole plane.
    pub front: Vec3,
    /// Upper joint of the left rear leg, m.
    pub rear: Vec3,
    /// Length of the upper legs, front and rear, m.
    pub upper: [f32; 2],
    /// Base of the neck, m.
    pub neck: Vec3,
    /// How far its soles reach to the front and the back of the ankles, m.
    pub sole: f32,
    /// Rear legs exist.
    pub four: bool,
    /// How far the head nods with each step, rad.
    pub nod: f32,
}

/// Turns a hanging limb forward by `angle`.
fn forward(angle: f32) -> Affine3A {
    Affine3A::from_rotation_y(-angle)
}

/// 1 at the middle of the swing phase, 0 in the stance.
fn swing_phase(phase: f32) -> f32 {
    let s = (-(TAU * phase).sin()).max(0.0);
    s * s
}

/// Length of a stride by Froude similarity: long legs take long steps, and steps lengthen with the root of the speed.
fn stride_of(leg: f32, pace: f32) -> f32 {
    let froude = pace.max(0.05) / (9.81 * leg).sqrt();
    leg * 3.0 * froude.sqrt().min(1.25)
}

impl Kinematics {
    /// `body_from_part` for a joint.
    pub(super) fn body_from_part(&self, joint: Joint, a: &Articulation) -> Affine3A {
        let wheel = |pivot: Vec3, steer: f32| {
            Affine3A::from_translation(pivot) * Affine3A::from_rotation_z(steer) * Affine3A::from_rotation_y(a.wheel)
        };
        let steer = a.steer.clamp(-STEER_MAX, STEER_MAX);
        match self {
            Self::Cyclist(cyclist) => cyclist.body_from_part(joint, a),
            Self::Hitch(hitch) => {
                let bend = Affine3A::from_translation(hitch.pivot)
                    * Affine3A::from_rotation_z(a.hitch.clamp(-hitch.max, hitch.max))
                    * Affine3A::from_translation(-hitch.pivot);
                match joint {
                    Joint::Trailer => bend,
                    Joint::TrailerWheel { pivot } => bend * wheel(pivot, 0.0),
                    Joint::Wheel { pivot, steers } => wheel(pivot, if steers { steer } else { 0.0 }),
                    Joint::Fixed | Joint::Limb { .. } => Affine3A::IDENTITY,
                }
            }
            Self::Rigid | Self::Walker(_) | Self::Quadruped(_) => match (joint, self) {
                (Joint::Wheel { pivot, steers }, _) => wheel(pivot, if steers { steer } else { 0.0 }),
                (Joint::TrailerWheel { pivot }, _) => wheel(pivot, 0.0),
                (Joint::Limb { index }, Self::Walker(walker)) => walker.limb(index, a),
                (Joint::Limb { index }, Self::Quadruped(animal)) => animal.limb(index, a),
                _ => Affine3A::IDENTITY,
            },
        }
    }

    /// Moves the whole by `by`, m.
    pub(super) fn shift(&mut self, by: Vec3) {
        match self {
            Self::Rigid => {}
            Self::Hitch(hitch) => hitch.pivot += by,
            Self::Walker(walker) => walker.root += by,
            Self::Quadruped(animal) => animal.root += by,
            Self::Cyclist(cyclist) => {
                cyclist.root += by;
                cyclist.head += by;
                cyclist.crank += by;
                cyclist.hip += by;
            }
        }
    }

    /// Articulations whose bounds together are those of all articulations, to the margin returned with them (a fraction of the
    /// largest extent).
    pub(super) fn extremes(&self) -> (Vec<Articulation>, f32) {
        let rest = Articulation::default();
        let cycle = |count: u32, paces: &[f32]| -> Vec<Articulation> {
            let steps = paces.iter().flat_map(|pace| (0..count).map(move |i| (*pace, i)));
            let with = |(pace, i): (f32, u32)| Articulation {
                gait: i as f32 / count as f32,
                pace,
                ..rest
            };
            steps.map(with).collect()
        };
        match self {
            Self::Rigid | Self::Hitch(_) => {
                let hitch = if let Self::Hitch(hitch) = self { hitch.max } else { 0.0 };
                let all = (-6..=6).map(|i| {
                    let t = i as f32 / 6.0;
                    Articulation {
                        steer: t * STEER_MAX,
                        hitch: t * hitch,
                        ..rest
                    }
                });
                (all.collect(), 1e-4)
            }
            Self::Walker(walker) => {
                let paces = [0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0].map(|t| t * walker.pace_max);
                (cycle(40, &paces), 0.0035)
            }
            Self::Quadruped(_) => (cycle(40, &[0.0, 0.3, 0.7, 1.0, 1.4, 2.5, PACE_MAX]), 0.004),
            Self::Cyclist(cyclist) => {
                let mut all = vec![];
                for lean in [-LEAN_MAX, -LEAN_MAX / 2.0, 0.0, LEAN_MAX / 2.0, LEAN_MAX] {
                    let at = Articulation { lean, ..rest };
                    all.extend((-4..=4).map(|i| Articulation {
                        steer: i as f32 / 4.0 * cyclist.steer_max,
                        ..at
                    }));
                    let pedals = if cyclist.development > 0.0 { 24 } else { 0 };
                    all.extend((0..pedals).map(|i| Articulation {
                        gait: i as f32 / 24.0,
                        ..at
                    }));
                }
                (all, 0.002)
            }
        }
    }
}

impl Walker {
    /// Metres that one cycle of the gait (two steps) covers at `pace` m/s.
    pub fn stride(&self, pace: f32) -> f32 {
        if self.seat.is_some() {
            return 0.0;
        }
        stride_of(self.thigh + self.shin, pace.min(self.pace_max))
    }

    /// Angles of a leg: of the thigh (forward positive) and of the knee (bent positive).
    fn leg(&self, phase: f32, pace: f32) -> (f32, f32) {
        let length = self.thigh + self.shin;
        let moving = (pace / 0.6).min(1.0);
        let run = ((pace - 2.2) / 0.8).clamp(0.0, 1.0);
        // Half the step is what the leg reaches forward and back; in a run the flight does the rest.
        let reach = (stride_of(length, pace) / 4.0 / length).min(0.48);
        let swing = reach.asin() * moving;
        let bias = 0.06 * moving + 0.1 * run;
        let thigh = swing * (TAU * phase).cos() + bias + run * 0.35 * swing_phase(phase - 0.1);
        let knee = 0.06 * moving + run * 0.18 + (0.75 + 0.75 * run) * moving * swing_phase(phase + 0.04);
        (thigh, knee)
    }

    /// Height of the hips over the lowest point of the soles.
    fn hip_height(&self, a: &Articulation) -> f32 {
        if let Some(seat) = self.seat {
            return seat;
        }
        let pace = a.pace.clamp(0.0, self.pace_max);
        let lowest = |phase: f32| {
            let (thigh, knee) = self.leg(phase, pace);
            let down = |forward: f32, length: f32, angle: f32| length * angle.cos() - forward * angle.sin();
            let shin = thigh - knee;
            let knee_down = self.thigh * thigh.cos();
            let toe = knee_down + down(self.foot.0, self.shin, shin);
            let heel = knee_down + down(-self.foot.1, self.shin, shin);
            toe.max(heel)
        };
        lowest(a.gait).max(lowest(a.gait + 0.5)) - self.hip.z
    }

    fn limb(&self, index: u8, a: &Articulation) -> Affine3A {
        let pace = a.pace.clamp(0.0, self.pace_max);
        let run = ((pace - 2.2) / 0.8).clamp(0.0, 1.0);
        let moving = (pace / 0.6).min(1.0);
        let hips = Affine3A::from_translation(self.root + Vec3::Z * self.hip_height(a));
        let twist = 0.08 * moving * (TAU * a.gait).cos();
        let trunk = hips * Affine3A::from_rotation_y(self.stoop + 0.1 * run) * Affine3A::from_rotation_z(-twist);
        let left = matches!(index, 2 | 3 | 6 | 7);
        let side = if left { Vec3::ONE } else { Vec3::new(1.0, -1.0, 1.0) };
        let sign = if left { 1.0 } else { -1.0 };
        let phase = if left { a.gait } else { a.gait + 0.5 };
        match index {
            0 => trunk,
            1 => {
                trunk * Affine3A::from_translation(self.neck) * Affine3A::from_rotation_y(-0.8 * self.stoop - 0.1 * run)
            }
            2..=5 => {
                let pose = self.arms[usize::from(!left)];
                // An arm goes with the other side's leg.
                let swing = -(TAU * phase).cos() * (0.42 + 0.25 * run) * moving;
                let (upper, out, elbow) = match pose {
                    ArmPose::Swing => (swing, 0.08, 0.16 + 1.3 * run + 0.12 * moving + (0.2 * swing).max(0.0)),
                    ArmPose::Carry => (0.2 * swing, 0.1, 0.08),
                    ArmPose::Phone => (1.25, 0.25, 2.35),
                    ArmPose::Hold => (0.45, 0.05, 1.35),
                    ArmPose::Push => (0.62, 0.06, 0.55),
                };
                let shoulder = trunk
                    * Affine3A::from_translation(self.shoulder * side)
                    * Affine3A::from_rotation_x(sign * out)
                    * forward(upper);
                if index.is_multiple_of(2) {
                    shoulder
                } else {
                    let inward = match pose {
                        ArmPose::Phone => 0.7,
                        ArmPose::Hold | ArmPose::Push => 0.15,
                        ArmPose::Swing | ArmPose::Carry => 0.0,
                    };
                    shoulder
                        * Affine3A::from_translation(-Vec3::Z * self.upper_arm)
                        * Affine3A::from_rotation_z(-sign * inward)
                        * forward(elbow)
                }
            }
            _ => {
                let (thigh, knee) = if self.seat.is_some() {
                    (FRAC_PI_2 - 0.06, FRAC_PI_2 - 0.1)
                } else {
                    self.leg(phase, pace)
                };
                let upper = hips * Affine3A::from_translation(self.hip * side) * forward(thigh);
                if index.is_multiple_of(2) {
                    upper
                } else {
                    upper * Affine3A::from_translation(-Vec3::Z * self.thigh) * forward(-knee)
                }
            }
        }
    }
}

impl Cyclist {
    fn body_from_part(&self, joint: Joint, a: &Articulation) -> Affine3A {
        let lean = a.lean.clamp(-LEAN_MAX, LEAN_MAX);
        let leant = Affine3A::from_rotation_x(-lean);
        let steered = || {
            Affine3A::from_translation(self.head)
                * Affine3A::from_axis_angle(self.axis, a.steer.clamp(-self.steer_max, self.steer_max))
                * Affine3A::from_translation(-self.head)
        };
        match joint {
            Joint::Wheel { pivot, steers } => {
                let rolled = Affine3A::from_translation(pivot) * Affine3A::from_rotation_y(a.wheel);
                leant * if steers { steered() * rolled } else { rolled }
            }
            Joint::Limb { index: 0 } => leant * steered() * Affine3A::from_translation(self.root),
            Joint::Limb { index } => leant * self.limb(index, a),
            Joint::Fixed | Joint::Trailer | Joint::TrailerWheel { .. } => leant,
        }
    }

    fn limb(&self, index: u8, a: &Articulation) -> Affine3A {
        let turn = if self.development > 0.0 { TAU * a.gait } else { 0.0 };
        if index == 1 {
            return Affine3A::from_translation(self.crank) * Affine3A::from_rotation_y(turn);
        }
        let left = index < 4;
        let (sign, angle) = if left { (1.0, turn) } else { (-1.0, turn + PI) };
        let hip = Vec3::new(self.hip.x, self.hip.y * sign, self.hip.z);
        // The left crank points forward at gait 0, and its pedal goes down first.
        let pedal = self.crank
            + Vec3::new(
                self.crank_length * angle.cos(),
                self.pedal * sign - self.crank.y,
                -self.crank_length * angle.sin(),
            );
        let to = pedal - hip;
        let (dx, dz) = (to.x, to.z);
        let longest = (self.thigh + self.shin) * 0.999;
        let distance = dx.hypot(dz).clamp((self.thigh - self.shin).abs() + 0.01, longest);
        let cosine =
            (self.thigh * self.thigh + distance * distance - self.shin * self.shin) / (2.0 * self.thigh * distance);
        // Angles from straight down, forward positive.
        let line = dx.atan2(-dz);
        let thigh = line + cosine.clamp(-1.0, 1.0).acos();
        let upper = Affine3A::from_translation(hip) * forward(thigh);
        if index.is_multiple_of(2) {
            return upper;
        }
        let knee = upper.transform_point3(-Vec3::Z * self.thigh);
        let down = hip + Vec3::new(dx, 0.0, dz) * (distance / dx.hypot(dz).max(1e-3)) - knee;
        Affine3A::from_translation(knee) * forward(down.x.atan2(-down.z))
    }
}

impl Quadruped {
    /// Metres that one cycle of the gait covers at `pace` m/s.
    pub fn stride(&self, pace: f32) -> f32 {
        stride_of(self.front.z.max(0.02), pace.min(PACE_MAX))
    }

    /// How much of a full gait a pace is, 0 to 1: small legs are fast at a slow pace.
    fn moving(&self, pace: f32) -> f32 {
        (pace / (0.7 * self.front.z.max(0.02).sqrt())).min(1.0)
    }

    /// Angles of a leg (0 front left, 1 front right, 2 rear left, 3 rear right): of its upper part (forward positive) and of
    /// its bend.
    fn leg(&self, at: usize, gait: f32, pace: f32) -> (f32, f32) {
        // Walk: rear left, front left, rear right, front right. Two legs: left, right.
        let offset = match (self.four, at < 2, at.is_multiple_of(2)) {
            (true, true, true) => 0.75,
            (true, true, false) => 0.25,
            (_, _, true) => 0.0,
            (_, _, false) => 0.5,
        };
        let phase = gait + offset;
        let length = self.front.z.max(0.02);
        let reach = (stride_of(length, pace) / 4.0 / length).min(0.42);
        let moving = self.moving(pace);
        (
            reach.asin() * moving * (TAU * phase).cos(),
            0.7 * moving * swing_phase(phase),
        )
    }

    /// How much higher than at rest the body is, m, so that the lowest sole is on the ground.
    fn lift(&self, gait: f32, pace: f32) -> f32 {
        let mut lift = f32::NEG_INFINITY;
        for at in 0..4 {
            let joint = if at < 2 { self.front } else { self.rear };
            let upper = self.upper[at / 2];
            let (thigh, bend) = self.leg(at, gait, pace);
            let angle = thigh - bend;
            let reach = upper * thigh.cos() + (joint.z - upper) * angle.cos() + self.sole * angle.sin().abs();
            lift = lift.max(reach - joint.z);
        }
        lift
    }

    fn limb(&self, index: u8, a: &Articulation) -> Affine3A {
        let pace = a.pace.clamp(0.0, PACE_MAX);
        let body = Affine3A::from_translation(self.root + Vec3::Z * self.lift(a.gait, pace));
        match index {
            0 => body,
            1 => {
                let nod = self.nod * self.moving(pace) * (2.0 * TAU * a.gait).sin();
                body * Affine3A::from_translation(self.neck) * Affine3A::from_rotation_y(nod)
            }
            _ => {
                let at = usize::from((index - 2) / 2).min(3);
                let front = at < 2;
                let left = at.is_multiple_of(2);
                let (thigh, bend) = self.leg(at, a.gait, pace);
                let joint = if front { self.front } else { self.rear };
                let joint = if left { joint } else { joint * Vec3::new(1.0, -1.0, 1.0) };
                let upper = body * Affine3A::from_translation(joint) * forward(thigh);
                if index.is_multiple_of(2) {
                    upper
                } else {
                    let length = self.upper[usize::from(!front)];
                    upper * Affine3A::from_translation(-Vec3::Z * length) * forward(-bend)
                }
            }
        }
    }
}
