//! Which sensor measures when, and when its data arrive.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::noise::normal;
use super::rig::{Rig, SensorRef};
use crate::Seed;

/// One measurement of one sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Firing {
    /// When it measures, ns after the start of the drive: the middle row's exposure of a camera, the middle of a lidar's
    /// sweep. This is its stamp.
    pub stamp_ns: i64,
    /// The sensor.
    pub sensor: SensorRef,
    /// Position in the sensor's sequence, from 0.
    pub sequence: u64,
    /// When the recorder receives it, ns after the start: the stamp, the latency and its jitter. Data of one sensor arrive in
    /// their order, never before they are measured.
    pub log_ns: i64,
}

impl Firing {
    /// When it measures, s after the start of the drive.
    pub fn time_s(&self) -> f64 {
        self.stamp_ns as f64 * 1e-9
    }
}

struct Clockwork {
    sensor: SensorRef,
    rate_hz: f64,
    phase_s: f64,
    latency_s: f64,
    jitter_s: f64,
    seed: Seed,
    last_log_ns: i64,
}

/// All measurements of a rig over a drive, by stamp; where stamps are equal, in the order of [`Rig::sensors`].
///
/// ```
/// use guideway_world::Seed;
/// use guideway_world::sensors::{Rig, Schedule};
/// let rig = Rig::builtin("default")?;
/// let firings: Vec<_> = Schedule::new(&rig, 1.0, Seed::new(1)).collect();
/// assert!(firings.is_sorted_by_key(|f| f.stamp_ns));
/// assert_eq!(firings.len(), 10 + 10 + 15 + 5 + 100 + 50);
/// # Ok::<(), guideway_world::WorldError>(())
/// ```
pub struct Schedule {
    end_ns: i64,
    sensors: Vec<Clockwork>,
    /// Next stamp, index of the sensor, sequence number.
    next: BinaryHeap<Reverse<(i64, usize, u64)>>,
}

impl Schedule {
    /// From time 0 to `duration_s` (not included).
    pub fn new(rig: &Rig, duration_s: f64, seed: Seed) -> Self {
        let seed = seed.child("schedule");
        let sensors: Vec<Clockwork> = rig
            .sensors()
            .into_iter()
            .map(|(sensor, common)| Clockwork {
                sensor,
                rate_hz: common.rate_hz.max(1e-3),
                phase_s: common.phase_s,
                latency_s: common.latency_s,
                jitter_s: common.jitter_s,
                seed: seed.child(common.name),
                last_log_ns: i64::MIN,
            })
            .collect();
        let mut schedule = Self {
            end_ns: nanoseconds(duration_s),
            next: BinaryHeap::new(),
            sensors,
        };
        for index in 0..schedule.sensors.len() {
            schedule.push(index, 0);
        }
        schedule
    }

    fn push(&mut self, index: usize, sequence: u64) {
        let sensor = &self.sensors[index];
        let stamp = nanoseconds(sensor.phase_s + sequence as f64 / sensor.rate_hz);
        if stamp < self.end_ns {
            self.next.push(Reverse((stamp, index, sequence)));
        }
    }
}

impl Iterator for Schedule {
    type Item = Firing;

    fn next(&mut self) -> Option<Firing> {
        let Reverse((stamp_ns, index, sequence)) = self.next.pop()?;
        self.push(index, sequence + 1);
        let sensor = &mut self.sensors[index];
        let delay = sensor.latency_s + sensor.jitter_s * normal(sensor.seed.index(sequence));
        let log_ns = (stamp_ns + nanoseconds(delay.max(0.0))).max(sensor.last_log_ns);
        sensor.last_log_ns = log_ns;
        Some(Firing {
            stamp_ns,
            sensor: sensor.sensor,
            sequence,
            log_ns,
        })
    }
}

fn nanoseconds(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_regular_and_arrivals_in_order() {
        let mut rig = Rig::builtin("default").unwrap();
        rig.cameras[0].rate_hz = 30.0;
        rig.cameras[0].jitter_s = 0.05;
        let firings: Vec<Firing> = Schedule::new(&rig, 20.0, Seed::new(3)).collect();
        assert!(firings.is_sorted_by_key(|f| (f.stamp_ns, f.sensor)));
        let camera: Vec<&Firing> = firings.iter().filter(|f| f.sensor == SensorRef::Camera(0)).collect();
        assert_eq!(camera.len(), 599);
        for (i, f) in camera.iter().enumerate() {
            let exact = 0.05 + i as f64 / 30.0;
            assert!((f.time_s() - exact).abs() < 1e-9, "no rounding error adds up");
            assert!(f.log_ns >= f.stamp_ns);
        }
        assert!(camera.is_sorted_by_key(|f| f.log_ns));
        let mean = camera
            .iter()
            .map(|f| (f.log_ns - f.stamp_ns) as f64 * 1e-9)
            .sum::<f64>()
            / camera.len() as f64;
        assert!((0.03..0.1).contains(&mean), "{mean}");
        let again: Vec<Firing> = Schedule::new(&rig, 20.0, Seed::new(3)).collect();
        assert_eq!(firings, again);
        let other: Vec<Firing> = Schedule::new(&rig, 20.0, Seed::new(4)).collect();
        assert_ne!(firings, other);
    }

    #[test]
    fn no_sensors_or_no_time_is_an_empty_schedule() {
        assert_eq!(Schedule::new(&Rig::default(), 10.0, Seed::new(0)).count(), 0);
        let rig = Rig::builtin("surround").unwrap();
        assert_eq!(Schedule::new(&rig, 0.0, Seed::new(0)).count(), 0);
        assert_eq!(Schedule::new(&rig, f64::NAN, Seed::new(0)).count(), 0);
    }
}
