//! A detector with a tracker behind it, and what it does wrong on purpose.

use std::collections::{BTreeMap, BTreeSet};

use guideway_assert::{Axes, BBox, Cuboid, DVec3, Frame, Observation, Rule, Se3, View};
use guideway_core::DQuat;
use rand::RngExt as _;
use rand_distr::{Distribution as _, Poisson};

use crate::world::{DT, HEIGHT, Moment, Rng, Truth, WIDTH, normal, size_of};

/// What the detector gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Boxes and cuboids from a camera, with lidar points and a map.
    Full,
    /// Boxes with identities.
    Boxes,
    /// Boxes without.
    Anonymous,
    /// Cuboids around the vehicle.
    Around,
}

/// A row of a frame, owned.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) class: &'static str,
    pub(crate) score: Option<f64>,
    pub(crate) track: Option<String>,
    pub(crate) bbox: Option<BBox>,
    pub(crate) cuboid: Option<Cuboid>,
    pub(crate) points: Option<u32>,
    pub(crate) ground_z: Option<f64>,
    pub(crate) in_solid: Option<bool>,
    pub(crate) occlusion: Option<f64>,
}

impl Row {
    pub(crate) fn observation(&self) -> Observation<'_> {
        Observation {
            class: self.class,
            score: self.score,
            track: self.track.as_deref(),
            bbox: self.bbox,
            cuboid: self.cuboid,
            points: self.points,
            ground_z: self.ground_z,
            in_solid: self.in_solid,
            occlusion: self.occlusion,
            ..Observation::default()
        }
    }
}

pub(crate) fn frame(recording: &str, kind: Kind, moment: &Moment) -> Frame<'static> {
    Frame {
        recording: Box::leak(recording.to_owned().into_boxed_str()),
        sensor: if kind == Kind::Around { "/lidar" } else { "/camera" },
        stamp_ns: moment.stamp_ns,
        frame_id: None,
        view: if kind == Kind::Around {
            View::Around
        } else {
            View::Image {
                width: WIDTH,
                height: HEIGHT,
            }
        },
        axes: Axes::Ego,
        world_from_ego: (kind == Kind::Full || kind == Kind::Around).then_some(moment.world_from_ego),
    }
}

/// Something done wrong on purpose.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) rule: Rule,
    /// The object, or for a ghost the identity that it gets.
    pub(crate) object: u32,
    pub(crate) ghost: bool,
    /// Frames, from and up to.
    pub(crate) from: usize,
    pub(crate) to: usize,
}

pub(crate) fn ghost_name(fault: usize) -> String {
    format!("ghost-{fault}")
}

/// Is it in plain view of the sensor, and well within reach?
fn plain(kind: Kind, o: &Truth) -> bool {
    let inside = o.bbox.is_some_and(|b| {
        b.height() > 64.0 && b.x_min > 25.0 && b.y_min > 12.0 && b.x_max < WIDTH - 25.0 && b.y_max < HEIGHT - 12.0
    });
    match kind {
        Kind::Around => o.range < 32.0 && o.range > 4.0 && o.visible_around > 0.97,
        _ => inside && o.visible > 0.97 && o.range < 32.0,
    }
}

/// Frames that a fault of a rule lasts.
fn frames_of(rule: Rule) -> usize {
    match rule {
        Rule::Teleport => 3,
        Rule::SizeJump => 4,
        Rule::Speed => 22,
        Rule::Flicker => 20,
        Rule::Heading => 18,
        Rule::ClassFlip => 12,
        Rule::Aspect => 15,
        Rule::Prior => 35,
        Rule::Appearance => 15,
        _ => 12,
    }
}

/// Chooses objects and times for faults, of every rule that the detector's output can violate. No object has two.
pub(crate) fn plan(rng: &mut Rng, kind: Kind, moments: &[Moment], count: usize) -> Vec<Fault> {
    use Rule::{
        Appearance, Aspect, ClassFlip, Duplicate, Flicker, Ground, Heading, Lidar, Prior, Size, SizeJump, Solid, Speed,
        Teleport,
    };
    let rules: &[Rule] = match kind {
        Kind::Full => &[
            Size, Speed, Teleport, SizeJump, Flicker, ClassFlip, Heading, Ground, Solid, Lidar, Duplicate, Appearance,
            Prior,
        ],
        Kind::Boxes => &[Aspect, Teleport, SizeJump, Flicker, ClassFlip, Duplicate, Appearance],
        Kind::Anonymous => &[Aspect, ClassFlip, Duplicate, Appearance, Flicker],
        Kind::Around => &[
            Size, Speed, Teleport, SizeJump, Flicker, ClassFlip, Heading, Ground, Lidar, Duplicate, Appearance, Prior,
        ],
    };
    let shift = rng.random_range(0..rules.len());
    let mut faults: Vec<Fault> = Vec::new();
    for i in 0..count {
        let rule = rules[(i + shift) % rules.len()];
        let frames = frames_of(rule);
        for _ in 0..400 {
            let from = rng.random_range(30..moments.len() - frames - 30);
            if moments[from].objects.is_empty() {
                continue;
            }
            let object = &moments[from].objects[rng.random_range(0..moments[from].objects.len())];
            // In plain view for some time before, throughout and a little after: a fault that nobody could see is none.
            let (first, last) = (from - 8, from + frames + 3);
            let suits = moments[first..last].iter().all(|m| {
                m.objects.iter().any(|o| {
                    o.id == object.id
                        && plain(kind, o)
                        && (rule != Heading || (o.speed > 4.5 && o.class != "pedestrian"))
                        && (rule != Prior || o.class == "car" || o.class == "cyclist")
                        && (rule != Aspect || o.class != "truck" && o.class != "bus")
                })
            });
            let ghost = rule == Appearance;
            // Nothing may be where the ghost will be, or near: it could have come from there.
            let clear = !ghost
                || moments[first..last].iter().all(|m| {
                    m.objects
                        .iter()
                        .all(|o| o.cuboid.center.x < -1.0 || o.cuboid.center.x > 25.0 || o.cuboid.center.y.abs() > 6.5)
                });
            let free = !faults.iter().any(|f| {
                (f.object == object.id && !f.ghost && !ghost) || (from < f.to + 80 && f.from < from + frames + 80)
            });
            if (suits || ghost) && clear && free {
                faults.push(Fault {
                    rule,
                    object: object.id,
                    ghost,
                    from,
                    to: from + frames,
                });
                break;
            }
        }
    }
    faults
}

struct Memory {
    identity: u32,
    last: usize,
    /// Errors that last: of the sizes, and of the position along the ray and across.
    scale: [f64; 3],
    along: f64,
    across: f64,
    burst: u32,
}

fn moved(cuboid: &Cuboid, by: DVec3) -> Cuboid {
    Cuboid {
        center: cuboid.center + by,
        ..*cuboid
    }
}

pub(crate) fn turned(cuboid: &Cuboid, yaw: f64) -> Cuboid {
    Cuboid {
        rotation: DQuat::from_rotation_z(yaw) * cuboid.rotation,
        ..*cuboid
    }
}

/// What the detector says in every frame, faults included, and the identities that it gives each fault's object.
pub(crate) fn detect(
    rng: &mut Rng,
    kind: Kind,
    moments: &[Moment],
    faults: &[Fault],
) -> (Vec<Vec<Row>>, Vec<BTreeSet<String>>) {
    let mut memories: BTreeMap<u32, Memory> = BTreeMap::new();
    let mut next = 1;
    let mut names: Vec<BTreeSet<String>> = (0..faults.len()).map(|at| BTreeSet::from([ghost_name(at)])).collect();
    let mut frames = Vec::new();
    let mut speeding: BTreeMap<usize, f64> = BTreeMap::new();
    let mut ground = 0.0;
    for (number, moment) in moments.iter().enumerate() {
        ground = 0.98 * ground + normal(rng, 0.0, 0.02);
        let mut rows = Vec::new();
        for object in &moment.objects {
            let visible = if kind == Kind::Around {
                object.visible_around
            } else {
                object.visible
            };
            // Small, far and hidden things are missed; all others seldom.
            let pixels = object.bbox.map_or(0.0, guideway_assert::BBox::height);
            let (reach, small) = match kind {
                Kind::Around => (object.range < 90.0, (object.range / 90.0).powi(4)),
                _ => (object.bbox.is_some(), (-pixels / 18.0).exp()),
            };
            let fault = faults
                .iter()
                .enumerate()
                .find(|(_, f)| !f.ghost && f.object == object.id && f.from <= number && number < f.to);
            let near_fault = faults
                .iter()
                .any(|f| f.object == object.id && f.from < number + 15 && number < f.to + 15);
            let memory = memories.entry(object.id).or_insert_with(|| {
                next += 1;
                Memory {
                    identity: next,
                    last: number,
                    scale: [0, 1, 2].map(|_| normal(rng, 0.0, 0.04).exp()),
                    along: 0.0,
                    across: 0.0,
                    burst: 0,
                }
            });
            if memory.burst == 0 && rng.random_bool(0.0006) {
                memory.burst = rng.random_range(2..6);
            }
            let miss = 0.006 + small + 1.2 * (0.75 - visible).max(0.0);
            memory.burst = memory.burst.saturating_sub(1);
            if !reach || visible < 0.2 || memory.burst > 0 || rng.random_bool(miss.clamp(0.0, 1.0)) {
                continue;
            }
            // The tracker gives a new identity after a second, and seldom for no reason.
            if number - memory.last > 10 || (!near_fault && rng.random_bool(0.0004)) {
                next += 1;
                memory.identity = next;
            }
            memory.last = number;
            let identity = memory.identity;
            let bbox = object.bbox.filter(|_| kind != Kind::Around).map(|b| {
                let s = b.area().sqrt();
                let mut jitter = || normal(rng, 0.0, 0.6 + 0.012 * s);
                BBox::new(
                    b.x_min + jitter(),
                    b.y_min + jitter(),
                    b.x_max + jitter(),
                    b.y_max + jitter(),
                )
                .clip(WIDTH, HEIGHT)
            });
            let space = kind == Kind::Full || kind == Kind::Around;
            memory.along = 0.8 * memory.along + 0.6 * normal(rng, 0.0, 0.08 + 0.012 * object.range);
            memory.across = 0.8 * memory.across + 0.6 * normal(rng, 0.0, 0.05 + 0.004 * object.range);
            let cuboid = space.then(|| {
                let c = &object.cuboid;
                let ray = DVec3::new(c.center.x, c.center.y, 0.0).normalize_or_zero();
                let side = DVec3::new(-ray.y, ray.x, 0.0);
                let mut c = moved(c, ray * memory.along + side * memory.across);
                let mut noise = |scale: f64| scale * normal(rng, 0.0, 0.025).exp();
                c.length *= noise(memory.scale[0]);
                c.width *= noise(memory.scale[1]);
                c.height *= noise(memory.scale[2]);
                c.center.z += normal(rng, 0.0, 0.04 + 0.002 * object.range);
                let flip = if rng.random_bool(0.001) {
                    std::f64::consts::PI
                } else {
                    0.0
                };
                turned(&c, flip + normal(rng, 0.0, 0.05))
            });
            // Far away, cars and lorries, people and riders are taken for each other.
            let doubt = if object.range > 35.0 { 0.01 } else { 0.0008 };
            let class = if rng.random_bool(doubt) {
                alike(object.class)
            } else {
                object.class
            };
            let score = normal(rng, 0.9 - 0.5 * small - 0.6 * (1.0 - visible), 0.05).clamp(0.05, 0.99);
            let beam = 41_000.0 * object.cuboid.height * object.cuboid.width.min(object.cuboid.length)
                / (object.range * object.range);
            let mut row = Row {
                class,
                score: Some(score),
                track: (kind != Kind::Anonymous).then(|| identity.to_string()),
                bbox,
                cuboid,
                points: space.then(|| {
                    let mean = (beam * object.gloss * visible).max(1e-6);
                    Poisson::new(mean).unwrap().sample(rng) as u32
                }),
                ground_z: space.then_some(ground),
                in_solid: (kind == Kind::Full).then_some(false),
                occlusion: None,
            };
            if row.bbox.is_some_and(|b| !b.is_valid()) {
                continue;
            }
            if let Some((at, fault)) = fault {
                if let Some(track) = &row.track {
                    names[at].insert(track.clone());
                }
                if !spoil(
                    rng,
                    &mut row,
                    &mut rows,
                    (object, moment),
                    (at, fault, number),
                    &mut speeding,
                ) {
                    continue;
                }
            }
            rows.push(row);
        }
        for (at, fault) in faults.iter().enumerate().filter(|(_, f)| f.ghost) {
            if fault.from <= number && number < fault.to {
                rows.push(apparition(rng, kind, at, number - fault.from, ground));
            }
        }
        clutter(rng, kind, &mut rows, &mut next);
        frames.push(rows);
    }
    (frames, names)
}

pub(crate) fn alike(class: &str) -> &'static str {
    match class {
        "car" => "truck",
        "truck" => "bus",
        "bus" => "truck",
        "pedestrian" => "cyclist",
        _ => "pedestrian",
    }
}

/// Does the fault to a row. False when the row is not given out at all.
fn spoil(
    rng: &mut Rng,
    row: &mut Row,
    rows: &mut Vec<Row>,
    (object, moment): (&Truth, &Moment),
    (at, fault, number): (usize, &Fault, usize),
    speeding: &mut BTreeMap<usize, f64>,
) -> bool {
    let since = number - fault.from;
    let age = since as f64 * DT;
    match fault.rule {
        Rule::Size => {
            if let Some(c) = &mut row.cuboid {
                // Some far too large, some far too small.
                let factor = if at % 2 == 0 { 8.0 } else { 0.12 };
                c.length *= factor;
            }
        }
        Rule::Aspect => {
            if let Some(b) = &mut row.bbox {
                let [x, y] = b.center();
                let (w, h) = (b.width(), b.height());
                *b = if object.class == "car" {
                    BBox::from_cxcywh(x, y, w * 1.1, h * 0.12)
                } else {
                    BBox::from_cxcywh(x, y, w * 3.0, h * 0.25)
                };
            }
        }
        Rule::Speed => {
            // Speeds up within half a second, to half more than anything of its kind does.
            let top = match object.class {
                "car" => 110.0,
                "truck" => 90.0,
                "bus" => 70.0,
                "pedestrian" => 22.0,
                _ => 40.0,
            };
            let way = speeding.entry(at).or_insert(0.0);
            *way += top * (age / 0.5).min(1.0) * DT;
            if let Some(c) = &mut row.cuboid {
                let forward = moment.world_from_ego.inverse().transform_vector(DVec3::X);
                *c = moved(c, forward * *way);
            }
        }
        Rule::Teleport => {
            if let Some(c) = &mut row.cuboid {
                *c = moved(c, DVec3::new(0.0, 8.0, 0.0));
            } else if let Some(b) = &mut row.bbox {
                let by = 3.0 * b.area().sqrt() * if b.center()[0] < WIDTH / 2.0 { 1.0 } else { -1.0 };
                *b = BBox::new(b.x_min + by, b.y_min, b.x_max + by, b.y_max);
            }
        }
        Rule::SizeJump => {
            if let Some(c) = &mut row.cuboid {
                c.length *= 1.9;
            } else if let Some(b) = &mut row.bbox {
                let [x, y] = b.center();
                *b = BBox::from_cxcywh(x, y, b.width() * 2.1, b.height() * 2.1).clip(WIDTH, HEIGHT);
            }
        }
        Rule::Flicker => return since % 2 == 1,
        Rule::ClassFlip => {
            let flipped = (since / 2).is_multiple_of(2);
            row.class = if flipped { alike(object.class) } else { row.class };
        }
        Rule::Heading => row.cuboid = row.cuboid.map(|c| turned(&c, 1.4)),
        Rule::Ground => {
            if let Some(c) = &mut row.cuboid {
                c.center.z += if at % 2 == 0 { 2.5 } else { -2.0 };
            }
        }
        Rule::Solid => row.in_solid = Some(true),
        Rule::Lidar => row.points = Some(0),
        Rule::Duplicate => {
            let mut twin = row.clone();
            twin.track = row.track.as_ref().map(|t| format!("{t}-twin"));
            twin.score = row.score.map(|s| (s - 0.1).max(0.31));
            let mut jitter = || normal(rng, 0.0, 0.8);
            twin.bbox = row.bbox.map(|b| {
                BBox::new(
                    b.x_min + jitter(),
                    b.y_min + jitter(),
                    b.x_max + jitter(),
                    b.y_max + jitter(),
                )
            });
            rows.push(twin);
        }
        Rule::Prior => {
            if let Some(c) = &mut row.cuboid {
                if object.class == "car" {
                    // As short as the shortest cars, and as flat.
                    c.length *= 0.54;
                } else {
                    c.length = 3.1;
                    c.width = 1.4;
                }
            }
        }
        Rule::Appearance => {}
        // Signals have faults of their own.
        Rule::Clock | Rule::Gap | Rule::Frozen | Rule::SignalRange | Rule::SignalJump | Rule::Disagree => {}
    }
    true
}

/// A car that is not there, in front of the vehicle.
fn apparition(rng: &mut Rng, kind: Kind, at: usize, since: usize, ground: f64) -> Row {
    let x = 12.0 + 0.02 * since as f64;
    let pose = Se3::from_yaw(0.0, DVec3::new(x, 0.2, 0.75)).unwrap();
    let cuboid = Cuboid::new(pose, [4.4 + normal(rng, 0.0, 0.05), 1.8, 1.5]).unwrap();
    let space = kind == Kind::Full || kind == Kind::Around;
    let w = 1800.0 / (x - 2.2);
    Row {
        class: "car",
        score: Some(0.8),
        track: (kind != Kind::Anonymous).then(|| ghost_name(at)),
        bbox: (kind != Kind::Around).then(|| {
            let bottom = 420.0 + 1500.0 / (x - 2.2);
            BBox::new(
                WIDTH / 2.0 - 20.0 - w / 2.0,
                bottom - w * 0.85,
                WIDTH / 2.0 - 20.0 + w / 2.0,
                bottom,
            )
        }),
        cuboid: space.then_some(cuboid),
        points: space.then_some(40),
        ground_z: space.then_some(ground),
        in_solid: (kind == Kind::Full).then_some(false),
        occlusion: None,
    }
}

/// False alarms: small, short, and with low scores.
fn clutter(rng: &mut Rng, kind: Kind, rows: &mut Vec<Row>, next: &mut u32) {
    for _ in 0..2 {
        if !rng.random_bool(0.3) {
            continue;
        }
        *next += 1;
        let class = ["car", "pedestrian", "cyclist"][rng.random_range(0..3)];
        let score = 0.05 - 0.09 * rng.random::<f64>().max(1e-9).ln();
        let (h, x, y) = (
            rng.random_range(12.0..70.0),
            rng.random_range(0.0..WIDTH - 80.0),
            rng.random_range(350.0..600.0),
        );
        let aspect = match class {
            "car" => 1.6,
            "pedestrian" => 0.4,
            _ => 0.8,
        };
        let space = kind == Kind::Full || kind == Kind::Around;
        let size = size_of(rng, class);
        let pose = Se3::from_yaw(
            rng.random_range(-3.0..3.0),
            DVec3::new(
                rng.random_range(8.0..80.0),
                rng.random_range(-14.0..14.0),
                size[2] / 2.0,
            ),
        )
        .unwrap();
        rows.push(Row {
            class,
            score: Some(score.min(0.6)),
            track: (kind != Kind::Anonymous).then(|| next.to_string()),
            bbox: (kind != Kind::Around).then(|| BBox::from_xywh(x, y, h * aspect, h)),
            cuboid: space.then(|| Cuboid::new(pose, size).unwrap()),
            points: space.then(|| rng.random_range(0..20)),
            ground_z: space.then_some(0.0),
            in_solid: (kind == Kind::Full).then_some(false),
            occlusion: None,
        });
    }
}
