//! A drive: everything that a rig measures over a time, with its labels, in the order in which a recorder receives it.

use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use guideway_core::Se3;
use rayon::prelude::*;

use crate::labels::{LidarLabel, count_points, label_sweep};
use crate::picture::{self, CameraReading};
use crate::render::ObjectId;
use crate::sensors::lidar::sweep;
use crate::sensors::navigation::{GnssFix, ImuSample, gnss, imu, wheel_speed};
use crate::sensors::radar::{RadarDetection, detections};
use crate::sensors::{EgoMotion, Firing, LidarPoint, Rig, Schedule, SensorRef};
use crate::state::WorldState;
use crate::world::World;
use crate::{Seed, WorldError};

/// Pictures and sweeps that are worked on at the same time. More would only cost memory: each keeps all cores busy.
pub(crate) const AT_ONCE: usize = 4;

/// A sweep with its labels.
#[derive(Debug, Clone)]
pub struct LidarReading {
    /// The points, by firing.
    pub points: Vec<LidarPoint>,
    /// The objects that they lie on, and those in range without a point.
    pub labels: Vec<LidarLabel>,
}

/// What a sensor measured.
#[derive(Debug, Clone)]
pub enum Data {
    /// A picture.
    Camera(Box<CameraReading>),
    /// A sweep.
    Lidar(LidarReading),
    /// Detections.
    Radar(Vec<RadarDetection>),
    /// A position; `None` where there is none to be had.
    Gnss(Option<GnssFix>),
    /// Accelerations and rates of turn.
    Imu(ImuSample),
    /// A speed, m/s.
    Wheel(f64),
}

/// One measurement, and where the ego vehicle was.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// Which sensor, when.
    pub firing: Firing,
    /// Where the ego vehicle was at the stamp.
    pub world_from_ego: Se3,
    /// Velocity of the ego vehicle in the world, m/s.
    pub velocity: [f64; 3],
    /// Rate of turn of the ego vehicle, rad/s.
    pub yaw_rate: f64,
    /// What was measured.
    pub data: Data,
}

/// Runs a world and measures.
pub struct Drive {
    world: World,
    rig: Rig,
    schedule: std::iter::Peekable<Schedule>,
    seed: Seed,
    /// Measured, but a message with an earlier log time may still come.
    pending: BinaryHeap<Late>,
    ready: VecDeque<Measurement>,
    /// An error ends the drive.
    failed: bool,
}

impl std::fmt::Debug for Drive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drive")
            .field("world", &self.world)
            .finish_non_exhaustive()
    }
}

/// Ordered by log time, the earliest greatest; then by stamp and sensor.
struct Late(Measurement);

impl Late {
    fn key(&self) -> (i64, i64, SensorRef) {
        (self.0.firing.log_ns, self.0.firing.stamp_ns, self.0.firing.sensor)
    }
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Late {}

impl PartialOrd for Late {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Late {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.key().cmp(&self.key())
    }
}

impl Drive {
    /// Prepares a drive of this many seconds.
    ///
    /// # Errors
    /// A rig that contradicts itself.
    pub fn new(world: World, rig: Rig, seconds: f64) -> Result<Self, WorldError> {
        rig.check("the rig")?;
        let seed = world.seed().child("sensors");
        Ok(Self {
            schedule: Schedule::new(&rig, seconds, seed).peekable(),
            world,
            rig,
            seed,
            pending: BinaryHeap::new(),
            ready: VecDeque::new(),
            failed: false,
        })
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The rig.
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    fn work(&mut self) -> Result<(), WorldError> {
        let mut batch: Vec<(Firing, WorldState)> = Vec::new();
        let mut heavy = 0;
        while let Some(next) = self.schedule.peek() {
            // A picture and the sweep of the same moment belong together.
            let same = batch.last().is_some_and(|(firing, _)| firing.stamp_ns == next.stamp_ns);
            if heavy >= AT_ONCE && !same {
                break;
            }
            let Some(firing) = self.schedule.next() else { break };
            if matches!(firing.sensor, SensorRef::Camera(_) | SensorRef::Lidar(_)) {
                heavy += 1;
            }
            let state = self.world.state_at(firing.time_s());
            batch.push((firing, state));
        }
        let this = &*self;
        let is_camera = |firing: &Firing| matches!(firing.sensor, SensorRef::Camera(_));
        let (pictures, others): (Vec<_>, Vec<_>) = batch.iter().partition(|(firing, _)| is_camera(firing));
        let mut done = others
            .par_iter()
            .map(|(firing, state)| this.measure(*firing, state, None))
            .collect::<Result<Vec<_>, _>>()?;
        let mut counts: BTreeMap<i64, BTreeMap<ObjectId, u32>> = BTreeMap::new();
        for measurement in &done {
            if let (SensorRef::Lidar(0), Data::Lidar(reading)) = (measurement.firing.sensor, &measurement.data) {
                counts.insert(measurement.firing.stamp_ns, count_points(&reading.points));
            }
        }
        let pictures = pictures
            .par_iter()
            .map(|(firing, state)| this.measure(*firing, state, counts.get(&firing.stamp_ns)))
            .collect::<Result<Vec<_>, _>>()?;
        done.extend(pictures);
        self.pending.extend(done.into_iter().map(Late));
        // Nothing arrives before it is measured.
        let horizon = self.schedule.peek().map_or(i64::MAX, |next| next.stamp_ns);
        while let Some(late) = self.pending.peek() {
            if late.0.firing.log_ns >= horizon {
                break;
            }
            if let Some(Late(measurement)) = self.pending.pop() {
                self.ready.push_back(measurement);
            }
        }
        Ok(())
    }

    fn measure(
        &self,
        firing: Firing,
        state: &WorldState,
        lidar_points: Option<&BTreeMap<ObjectId, u32>>,
    ) -> Result<Measurement, WorldError> {
        let snapshot = self.world.snapshot(state);
        let motion = EgoMotion::of(state);
        let time = &self.world.params().time;
        // Navigation sensors have slow errors: theirs is one seed for the whole drive.
        let own = |kind: &str, i: usize| self.seed.child(kind).index(i as u64);
        let now = |kind: &str, i: usize| own(kind, i).index(firing.sequence);
        let data = match firing.sensor {
            SensorRef::Camera(i) => {
                let camera = &self.rig.cameras[i];
                let taken = picture::take(&self.world, state, camera, firing.stamp_ns, lidar_points)?;
                Data::Camera(Box::new(taken))
            }
            SensorRef::Lidar(i) => {
                let spec = &self.rig.lidars[i];
                let points = sweep(self.world.renderer(), &snapshot, spec, now("lidar", i));
                let labels = label_sweep(&snapshot, spec, &points, true);
                Data::Lidar(LidarReading { points, labels })
            }
            SensorRef::Radar(i) => Data::Radar(detections(
                self.world.renderer(),
                &snapshot,
                &self.rig.radars[i],
                now("radar", i),
            )),
            // The latitude was checked with the parameters.
            SensorRef::Gnss(i) => Data::Gnss(gnss(state, time, &self.rig.gnss[i], own("gnss", i)).ok()),
            SensorRef::Imu(i) => Data::Imu(imu(state, time, &self.rig.imus[i], own("imu", i))),
            SensorRef::Wheel(i) => Data::Wheel(wheel_speed(state, &self.rig.wheels[i], own("wheel", i))),
        };
        let ego = state.ego.as_ref();
        Ok(Measurement {
            firing,
            world_from_ego: motion.world_from_ego(0.0),
            velocity: ego.map_or([0.0; 3], |e| e.velocity.as_dvec3().to_array()),
            yaw_rate: ego.map_or(0.0, |e| f64::from(e.yaw_rate)),
            data,
        })
    }
}

impl Iterator for Drive {
    type Item = Result<Measurement, WorldError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            if self.failed || (self.schedule.peek().is_none() && self.pending.is_empty()) {
                return None;
            }
            if let Err(err) = self.work() {
                self.failed = true;
                return Some(Err(err));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
