//! The height of the ground: where the vehicle drove there is some, as far below it as what stands about it.

use guideway_assert::{Checker, Observation};
use guideway_core::{DVec3, Se3};
use guideway_eval::severity::EgoPath;
use guideway_schema::FrameRow;

/// Places of the vehicle nearer to each other than this say the same, m.
const STEP_M: f64 = 1.0;
/// Further than this from where the vehicle drove nothing is known of the ground, m.
const NEAR_M: f64 = 12.0;
/// Objects that say how high the vehicle's own frame is above the ground, at least.
const LEAST: usize = 30;

/// What is known of the ground of a recording.
pub(super) struct Ground {
    /// Where the vehicle was, in the world.
    way: Vec<DVec3>,
    /// Heights of what stands near the vehicle, in its frame, m.
    feet: Vec<f64>,
    /// The ground's height in the vehicle's frame, below the vehicle, m.
    below: Option<f64>,
}

impl Ground {
    /// Of a recording with these frames.
    pub(super) fn new(frames: &[FrameRow], path: &EgoPath) -> Self {
        let mut way: Vec<DVec3> = Vec::new();
        let places = frames.iter().filter_map(|frame| path.at(frame.timestamp_ns?));
        for place in places.map(Se3::translation) {
            if way.last().is_none_or(|last| last.distance(place) >= STEP_M) {
                way.push(place);
            }
        }
        Self {
            way,
            feet: Vec::new(),
            below: None,
        }
    }

    /// Learns from what stands near the vehicle, until that is enough: the middle one of all is on the ground.
    pub(super) fn learn(&mut self, observations: &[Observation<'_>], checker: &Checker) {
        if self.below.is_some() {
            return;
        }
        let rules = checker.rules();
        let stands = |one: &&Observation<'_>| rules.limits(rules.group(one.class).0).grounded;
        let feet = observations.iter().filter(stands).filter_map(|one| {
            let cuboid = one.cuboid?;
            let near = cuboid.center.x.hypot(cuboid.center.y) <= NEAR_M;
            near.then_some(cuboid.center.z - cuboid.height / 2.0)
        });
        self.feet.extend(feet);
        if self.feet.len() >= LEAST {
            self.feet.sort_by(f64::total_cmp);
            self.below = self.feet.get(self.feet.len() / 2).copied();
        }
    }

    /// The ground below a place in the vehicle's frame, in the same frame, m; nothing far from where the vehicle drove.
    pub(super) fn at(&self, place: DVec3, world_from_ego: Option<Se3>) -> Option<f64> {
        let (below, world_from_ego) = (self.below?, world_from_ego?);
        let place = world_from_ego.transform_point(place);
        let off = |at: &&DVec3| (at.x - place.x).hypot(at.y - place.y);
        let nearest = self.way.iter().min_by(|a, b| off(a).total_cmp(&off(b)))?;
        let ground = DVec3::new(place.x, place.y, nearest.z + below);
        (off(&nearest) <= NEAR_M).then(|| world_from_ego.inverse().transform_point(ground).z)
    }
}

#[cfg(test)]
mod tests {
    use guideway_assert::{Cuboid, Rules, Subject};

    use super::*;

    #[test]
    fn the_ground_follows_the_way_up_a_hill() {
        // Up by one metre in ten, the vehicle's frame 1.7 m above the road and level.
        let pose = |x: f64| Se3::from_yaw(0.0, DVec3::new(x, 0.0, 0.1 * x + 1.7)).unwrap();
        let poses = (0..100_i64).map(|at| (at * 100_000_000, pose(at as f64))).collect();
        let path = EgoPath::new(poses);
        let frames: Vec<FrameRow> = (0..100_i64)
            .map(|at| FrameRow {
                timestamp_ns: Some(at * 100_000_000),
                ..FrameRow::default()
            })
            .collect();
        let mut ground = Ground::new(&frames, &path);
        let checker = Checker::new(Rules::shipped().unwrap(), Subject::Labels);
        let car = |z: f64| Cuboid::new(Se3::from_yaw(0.0, DVec3::new(0.0, 4.0, z)).unwrap(), [4.0, 2.0, 1.6]).unwrap();
        let seen = |class: &'static str, z: f64| Observation {
            class,
            cuboid: Some(car(z)),
            ..Observation::default()
        };
        assert_eq!(ground.at(DVec3::ZERO, Some(pose(10.0))), None, "nothing is known yet");
        for _ in 0..12 {
            // Lamps hang anywhere, one car of three is wrong.
            ground.learn(
                &[
                    seen("car", -0.9),
                    seen("traffic_light", 4.0),
                    seen("car", -0.9),
                    seen("car", 3.0),
                ],
                &checker,
            );
        }
        let ahead = ground.at(DVec3::new(20.0, 5.0, 0.0), Some(pose(10.0))).unwrap();
        assert!((ahead - (2.0 - 1.7)).abs() < 0.11, "{ahead}");
        assert_eq!(ground.at(DVec3::new(0.0, 40.0, 0.0), Some(pose(10.0))), None);
        assert_eq!(ground.at(DVec3::ZERO, None), None);
    }
}
