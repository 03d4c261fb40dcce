//! What the road network asks for: signals, signs, lamp posts.

use std::sync::Arc;

use glam::{Affine3A, Vec2, Vec3};

use super::lamp::{self, LampKind};
use super::place::{Footprint, layer};
use super::sign;
use super::signal::{self, SignalStyle};
use super::site::{Site, upright};
use crate::dice::Dice;
use crate::object::ObjectClass;
use crate::params::RoadKind;
use crate::road::SignKind;
use crate::seed::Seed;

/// Height of the middle of a head that hangs over the road, m: nothing of it is below 4.5 m.
const HANGING: f32 = 5.75;

/// Puts up every signal of the network.
pub(super) fn signals(site: &mut Site<'_>, seed: Seed) {
    let style = SignalStyle::of(seed);
    let vehicle = Arc::new(signal::vehicle_head(&style));
    let pedestrian = Arc::new(signal::pedestrian_head(&style));
    let short = Arc::new(signal::post(3.5, 0.06));
    let network = site.network;
    for (index, group) in network.signals.iter().enumerate() {
        for (i, head) in group.heads.iter().enumerate() {
            let facing = head.facing.normalize_or(Vec2::X);
            let hangs = head.arm.abs() > 0.3;
            // One post carries the head at its side and the one on its arm.
            let shared = group.heads.iter().enumerate().any(|(j, other)| {
                let same = other.foot.distance(head.foot) < 0.3;
                j != i && same && (other.arm.abs() > 0.3 || j < i)
            });
            if hangs {
                let toward = facing.perp() * head.arm.signum();
                let arm = Arc::new(signal::arm(HANGING + 0.3, head.arm.abs()));
                site.put(arm, upright(head.foot, toward));
            } else if !shared {
                site.put(Arc::clone(&short), upright(head.foot, facing));
            }
            site.taken.claim(
                Footprint::new(head.foot.truncate(), facing, Vec2::splat(0.3)),
                layer::SOLID,
            );
            let (mesh, kind, height) = if group.pedestrian {
                (&pedestrian, "pedestrian_signal", 2.45)
            } else {
                (&vehicle, "vehicle_signal", if hangs { HANGING } else { 2.95 })
            };
            // In front of the post, or at the end of the arm.
            let aside = facing.perp() * if hangs { head.arm } else { 0.0 };
            let place = head.foot + (facing * 0.27 + aside).extend(height);
            site.put_object(
                Arc::clone(mesh),
                upright(place, facing),
                ObjectClass::TrafficLight,
                kind.to_owned(),
                Some(index as u32),
            );
        }
    }
}

/// Puts up every sign of the network.
pub(super) fn signs(site: &mut Site<'_>, seed: Seed) {
    let mut dice = Dice::new(seed.child("size"));
    let kind = site.params.road.kind;
    let (nominal, under) = match kind {
        RoadKind::Urban => (0.62, 2.2),
        RoadKind::Suburban => (0.62, 2.1),
        RoadKind::Rural => (0.76, 1.6),
        RoadKind::Highway => (1.0, 1.7),
    };
    let nominal = nominal * dice.range(0.95, 1.12);
    let network = site.network;
    for (index, post) in network.signs.iter().enumerate() {
        let facing = post.facing.normalize_or(Vec2::X);
        let panel = post.kind == SignKind::Direction;
        let size = match (panel, kind) {
            (false, _) => nominal,
            (true, RoadKind::Urban | RoadKind::Suburban) => 0.9,
            (true, RoadKind::Rural) => 1.5,
            (true, RoadKind::Highway) => 2.8,
        };
        let mesh = sign::plate(post.kind, size, kind == RoadKind::Highway, seed.index(index as u64));
        let Some((low, high)) = mesh.bounds() else {
            continue;
        };
        let span = high.y - low.y;
        // Where another post stands already, this one goes behind it.
        let mut foot = post.foot;
        let place = |foot: Vec3| Footprint::new(foot.truncate(), facing, Vec2::new(0.2, span / 2.0 * 0.6));
        for _ in 0..3 {
            if site.taken.free(&place(foot), layer::SOLID) {
                break;
            }
            foot -= (facing * 0.7).extend(0.0);
        }
        // A wide board stands further off than the network knows.
        let over_road = |foot: Vec3| {
            let shadow = Footprint::new(foot.truncate(), facing, Vec2::new(0.1, span / 2.0 + 0.1));
            !site.taken.free(&shadow, layer::ROAD | layer::CROSSING)
        };
        let aside = (0..40).flat_map(|i| [0.2 * i as f32, -0.2 * i as f32]);
        let clear = aside
            .map(|d| foot + (facing.perp() * d).extend(0.0))
            .find(|foot| !over_road(*foot));
        // Between roads without a gap it hangs above the traffic.
        let under = if clear.is_some() { under } else { 4.7 };
        if let Some(clear) = clear.filter(|c| *c != foot) {
            foot = site.ground(clear.truncate());
        }
        site.taken.claim(place(foot), layer::SOLID);
        let middle = under - low.z;
        let post_mesh = sign::post(middle + high.z - 0.04, span, panel && span > 1.0);
        site.put(Arc::new(post_mesh), upright(foot, facing));
        site.put_object(
            Arc::new(mesh),
            upright(foot + Vec3::Z * middle, facing),
            ObjectClass::TrafficSign,
            sign::sign_name(post.kind),
            None,
        );
    }
}

/// Puts up every lamp post of the network; some do not work.
pub(super) fn lamps(site: &mut Site<'_>, seed: Seed) {
    let mut dice = Dice::new(seed);
    let kinds: [LampKind; 4] = match site.params.road.kind {
        RoadKind::Urban => [LampKind::Straight, LampKind::Bent, LampKind::Double, LampKind::Bell],
        RoadKind::Suburban => [LampKind::Straight, LampKind::Globe, LampKind::Lantern, LampKind::Bent],
        RoadKind::Rural => [LampKind::Straight, LampKind::Bent, LampKind::Straight, LampKind::Bell],
        RoadKind::Highway => [LampKind::Tall; 4],
    };
    // One kind and one colour for a scene: posts are bought by the hundred.
    let (main, tint) = (dice.pick(&kinds), lamp::tint(&mut dice));
    let working = site.params.surroundings.lamps_working as f32;
    let shape = seed.child("shape");
    let network = site.network;
    let mut shared: [Option<lamp::LampPost>; 2] = [None, None];
    let mut meshes = [None, None];
    for (foot, over) in &network.lamp_posts {
        let works = dice.chance(working);
        let place = Footprint::new(foot.truncate(), *over, Vec2::splat(0.14));
        if !site.taken.take(place, layer::SOLID) {
            continue;
        }
        let which = usize::from(works);
        let post = shared[which].get_or_insert_with(|| lamp::lamp_post(main, tint, works, shape));
        let mesh = meshes[which].get_or_insert_with(|| Arc::new(std::mem::take(&mut post.mesh)));
        let world: Affine3A = upright(*foot, *over);
        site.out.lamps.extend(post.lamps.iter().map(|lamp| super::StreetLamp {
            position: world.transform_point3(lamp.position),
            ..*lamp
        }));
        site.put(Arc::clone(mesh), world);
    }
}
