//! A small world: a road with traffic, seen by a camera and a lidar on a vehicle that drives along it. What is there, and what can be seen of it.
//!
//! The road runs along x. What it has of the real one: lanes with traffic both ways, parked cars, pavements, trees that nobody labels, people who step out of
//! doors, vehicles that overtake, stops at lights, and sizes that differ as sizes do.

use guideway_core::{BBox, Cuboid, DVec3, Se3};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Normal};

pub(crate) const WIDTH: f64 = 1600.0;
pub(crate) const HEIGHT: f64 = 900.0;
pub(crate) const DT: f64 = 0.1;
const FOCAL: f64 = 1000.0;
const CENTER_Y: f64 = 420.0;
const CAMERA_Z: f64 = 1.5;
const SEEN_M: f64 = 110.0;

pub(crate) type Rng = ChaCha8Rng;

pub(crate) fn rng(seed: u64) -> Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub(crate) fn normal(rng: &mut Rng, mean: f64, sd: f64) -> f64 {
    Normal::new(mean, sd).unwrap().sample(rng)
}

/// An object of the world in one frame.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    pub(crate) id: u32,
    pub(crate) class: &'static str,
    /// In the vehicle's frame.
    pub(crate) cuboid: Cuboid,
    /// What the camera sees of it, cut by the border; `None` outside the image.
    pub(crate) bbox: Option<BBox>,
    /// The part that nothing hides, seen by the camera and by the lidar.
    pub(crate) visible: f64,
    pub(crate) visible_around: f64,
    /// Over ground, m/s.
    pub(crate) speed: f64,
    pub(crate) range: f64,
    /// How much of the light it throws back.
    pub(crate) gloss: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) stamp_ns: i64,
    pub(crate) world_from_ego: Se3,
    pub(crate) objects: Vec<Truth>,
}

struct Actor {
    id: u32,
    class: &'static str,
    size: [f64; 3],
    x: f64,
    y: f64,
    yaw: f64,
    speed: f64,
    wish: f64,
    gloss: f64,
    /// Sideways over the road, for those who cross, m/s.
    cross: f64,
}

pub(crate) fn size_of(rng: &mut Rng, class: &str) -> [f64; 3] {
    let mut around = |mean: f64, spread: f64| mean * normal(rng, 0.0, spread).exp();
    match class {
        "car" => {
            // Small cars, saloons and vans.
            let scale = around(1.0, 0.06);
            [
                4.5 * scale * around(1.0, 0.04),
                1.83 * scale.sqrt() * around(1.0, 0.02),
                1.55 * around(1.0, 0.08),
            ]
        }
        "truck" => [around(7.5, 0.28), around(2.4, 0.06), around(3.0, 0.14)],
        "bus" => [around(11.8, 0.1), around(2.55, 0.03), around(3.2, 0.07)],
        "pedestrian" => [around(0.6, 0.18), around(0.62, 0.14), around(1.71, 0.07)],
        _ => [around(1.78, 0.05), around(0.62, 0.1), around(1.72, 0.06)],
    }
}

fn spawn(rng: &mut Rng, id: u32, ego_x: f64, ego_speed: f64) -> Actor {
    let class = match rng.random_range(0..100) {
        0..52 => "car",
        52..62 => "truck",
        62..66 => "bus",
        66..87 => "pedestrian",
        _ => "cyclist",
    };
    let size = size_of(rng, class);
    let back = std::f64::consts::PI;
    let ahead = ego_x + SEEN_M + rng.random_range(0.0..15.0);
    let mut cross = 0.0;
    let (x, y, yaw, speed) = match class {
        "pedestrian" => {
            let side = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
            let y = side * rng.random_range(9.0..12.5);
            if rng.random_bool(0.12) {
                cross = -side * rng.random_range(0.9..1.8);
            }
            let yaw = if rng.random_bool(0.5) { 0.0 } else { back };
            // Now and then somebody steps out of a door.
            let x = if rng.random_bool(0.02) {
                ego_x + rng.random_range(12.0..60.0)
            } else {
                ahead
            };
            (x, y, yaw, rng.random_range(0.0..2.2))
        }
        "cyclist" => {
            let side = if rng.random_bool(0.5) { -1.0 } else { 1.0 };
            let yaw = if side < 0.0 { 0.0 } else { back };
            (
                ahead,
                side * 5.6 + if side > 0.0 { 3.0 } else { 0.0 },
                yaw,
                rng.random_range(3.0..8.5),
            )
        }
        "car" if rng.random_bool(0.4) => {
            // Parked, on either side.
            let side = if rng.random_bool(0.5) { -7.6 } else { 11.0 };
            (
                ahead,
                side + rng.random_range(-0.2..0.2),
                if rng.random_bool(0.3) { back } else { 0.0 },
                0.0,
            )
        }
        _ => match rng.random_range(0..3) {
            0 => (ahead, 3.6, back, rng.random_range(6.0..15.0)),
            // Overtakes from behind, or is caught up with.
            1 if ego_speed > 3.0 => (ego_x - 25.0, -3.6, 0.0, ego_speed + rng.random_range(1.5..6.0)),
            _ => (ahead, 0.0, 0.0, rng.random_range(7.0..13.0)),
        },
    };
    Actor {
        id,
        class,
        size,
        x,
        y,
        yaw,
        speed,
        wish: speed,
        gloss: rng.random_range(0.15..1.0),
        cross,
    }
}

fn project(cuboid: &Cuboid) -> Option<(BBox, BBox)> {
    let (mut x0, mut y0, mut x1, mut y1) = (f64::MAX, f64::MAX, f64::MIN, f64::MIN);
    for corner in cuboid.corners() {
        if corner.x < 0.5 {
            return None;
        }
        let u = WIDTH / 2.0 - FOCAL * corner.y / corner.x;
        let v = CENTER_Y - FOCAL * (corner.z - CAMERA_Z) / corner.x;
        (x0, x1) = (x0.min(u), x1.max(u));
        (y0, y1) = (y0.min(v), y1.max(v));
    }
    let whole = BBox::new(x0, y0, x1, y1);
    let seen = whole.clip(WIDTH, HEIGHT);
    (seen.is_valid() && seen.area() > 0.25 * whole.area() && seen.height() > 12.0).then_some((whole, seen))
}

/// How much of each is visible, nearer things hiding those behind: by the share of a grid of points in its box.
fn visible(boxes: &[(Option<BBox>, f64)]) -> Vec<f64> {
    boxes
        .iter()
        .map(|(bbox, range)| {
            let Some(bbox) = bbox else { return 0.0 };
            let nearer: Vec<BBox> = boxes
                .iter()
                .filter(|(_, r)| r + 0.3 < *range)
                .filter_map(|(b, _)| *b)
                .filter(|b| b.intersection_area(*bbox) > 0.0)
                .collect();
            if nearer.is_empty() {
                return 1.0;
            }
            let n = 8;
            let mut free = 0;
            for i in 0..n {
                for j in 0..n {
                    let x = bbox.x_min + bbox.width() * (f64::from(i) + 0.5) / f64::from(n);
                    let y = bbox.y_min + bbox.height() * (f64::from(j) + 0.5) / f64::from(n);
                    let hidden = nearer
                        .iter()
                        .any(|b| x >= b.x_min && x <= b.x_max && y >= b.y_min && y <= b.y_max);
                    free += i32::from(!hidden);
                }
            }
            f64::from(free) / f64::from(n * n)
        })
        .collect()
}

/// A box in directions instead of pixels, for what a lidar sees all around.
fn directions(cuboid: &Cuboid) -> BBox {
    let range = cuboid.center.truncate().length().max(1.0);
    let angle = cuboid.center.y.atan2(cuboid.center.x);
    let relative = cuboid.yaw() - angle;
    let across = f64::midpoint(
        cuboid.length * relative.sin().abs(),
        cuboid.width * relative.cos().abs(),
    );
    let half = across.atan2(range);
    let (low, high) = (
        cuboid.center.z - cuboid.height / 2.0,
        cuboid.center.z + cuboid.height / 2.0,
    );
    BBox::new(angle - half, (low - 1.8) / range, angle + half, (high - 1.8) / range)
}

/// A drive of so many seconds.
pub(crate) fn drive(seed: u64, seconds: f64, per_second: f64) -> Vec<Moment> {
    let mut rng = rng(seed);
    let mut actors: Vec<Actor> = Vec::new();
    let (mut ego_x, mut ego_speed, mut ego_wish): (f64, f64, f64) = (0.0, 10.0, 10.0);
    let mut next_id = 0;
    let mut out = Vec::new();
    // Trees along the pavements, of which nobody tells.
    let trees: Vec<(f64, f64)> = (0..2000)
        .map(|i| {
            (
                f64::from(i) * 23.0 + rng.random_range(-6.0..6.0),
                if i % 2 == 0 { 8.7 } else { -8.7 },
            )
        })
        .collect();
    let warm_up = 15.0;
    let steps = ((seconds + warm_up) / DT) as i64;
    for step in 0..steps {
        // Lights: now and then everything waits.
        if rng.random_bool(0.004) {
            ego_wish = if rng.random_bool(0.35) {
                0.0
            } else {
                rng.random_range(6.0..14.0)
            };
        }
        ego_speed += (ego_wish - ego_speed).clamp(-2.5 * DT, 1.5 * DT);
        ego_x += ego_speed * DT;
        let yaw = 0.03 * (step as f64 * DT * 0.2).sin();
        let world_from_ego = Se3::from_yaw(yaw, DVec3::new(ego_x, 0.0, 0.0)).unwrap();
        if rng.random_bool(per_second * DT) {
            let actor = spawn(&mut rng, next_id, ego_x, ego_speed);
            let free = actors.iter().all(|a| {
                (a.x - actor.x).abs() > 1.0 + 0.5 * (a.size[0] + actor.size[0]) || (a.y - actor.y).abs() > 2.6
            });
            if free {
                actors.push(actor);
                next_id += 1;
            }
        }
        // Nobody drives into what is in front, the vehicle itself included.
        let in_front: Vec<f64> = actors
            .iter()
            .map(|a| {
                let dir = a.yaw.cos();
                let others = actors
                    .iter()
                    .filter(|b| b.id != a.id && (b.y - a.y).abs() < 0.5 * (a.size[1] + b.size[1]) + 0.4)
                    .map(|b| (b.x, 0.5 * (a.size[0] + b.size[0])));
                let ego = (a.y.abs() < 1.8).then_some((ego_x, 0.5 * (a.size[0] + 4.8)));
                others
                    .chain(ego)
                    .map(|(x, reach)| ((x - a.x) * dir, reach))
                    .filter(|(gap, _)| *gap > 0.0)
                    .map(|(gap, reach)| gap - reach)
                    .fold(f64::MAX, f64::min)
            })
            .collect();
        for (actor, gap) in actors.iter_mut().zip(in_front) {
            let room = (gap - 2.0).max(0.0);
            let goal = actor.wish.min(room * 0.8);
            let brake = if room < 4.0 { 9.0 } else { 4.0 };
            actor.speed += (goal - actor.speed).clamp(-brake * DT, 1.5 * DT);
            actor.speed = actor.speed.max(0.0);
            actor.x += actor.speed * actor.yaw.cos() * DT;
            actor.y += actor.cross * DT;
        }
        // The vehicle keeps its distance too.
        let lead = actors
            .iter()
            .filter(|a| a.y.abs() < 2.2 && a.x > ego_x)
            .map(|a| a.x - ego_x - 0.5 * a.size[0] - 2.4)
            .fold(f64::MAX, f64::min);
        ego_speed = ego_speed.min((lead - 3.0).max(0.0));
        actors.retain(|a| (a.x - ego_x) > -40.0 && (a.x - ego_x) < SEEN_M + 30.0 && a.y.abs() < 16.0);
        if (step as f64) * DT < warm_up {
            continue;
        }
        let ego_from_world = world_from_ego.inverse();
        let mut objects = Vec::new();
        let (mut boxes, mut around) = (Vec::new(), Vec::new());
        for actor in &actors {
            let heading = if actor.cross == 0.0 {
                actor.yaw
            } else {
                actor.cross.atan2(actor.speed * actor.yaw.cos())
            };
            let pose = Se3::from_yaw(heading, DVec3::new(actor.x, actor.y, actor.size[2] / 2.0)).unwrap();
            let cuboid = Cuboid::new(pose, actor.size).unwrap().transformed(ego_from_world);
            let range = cuboid.center.truncate().length();
            let bbox = project(&cuboid).map(|(_, seen)| seen);
            boxes.push((bbox, range));
            around.push((Some(directions(&cuboid)), range));
            objects.push(Truth {
                id: actor.id,
                class: actor.class,
                cuboid,
                bbox,
                visible: 0.0,
                visible_around: 0.0,
                speed: actor.speed.hypot(actor.cross),
                range,
                gloss: actor.gloss,
            });
        }
        for (x, y) in &trees {
            if (x - ego_x).abs() < 60.0 {
                let pose = Se3::from_yaw(0.0, DVec3::new(*x, *y, 2.5)).unwrap();
                let tree = Cuboid::new(pose, [0.5, 0.5, 5.0]).unwrap().transformed(ego_from_world);
                let range = tree.center.truncate().length();
                boxes.push((project(&tree).map(|(_, seen)| seen), range));
                around.push((Some(directions(&tree)), range));
            }
        }
        for (i, (a, b)) in visible(&boxes).into_iter().zip(visible(&around)).enumerate() {
            if let Some(object) = objects.get_mut(i) {
                object.visible = a;
                object.visible_around = b;
            }
        }
        objects.retain(|o| o.range < SEEN_M);
        out.push(Moment {
            stamp_ns: 1_600_000_000_000_000_000 + step * (DT * 1e9) as i64,
            world_from_ego,
            objects,
        });
    }
    out
}
