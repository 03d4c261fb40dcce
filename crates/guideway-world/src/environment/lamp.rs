//! Street lamps.
//!
//! A lamp post's frame: x is the direction of its arm (over the road), z up, its foot at the origin.

use glam::Vec3;

use super::StreetLamp;
use crate::dice::Dice;
use crate::material::{Material, Semantic, Switch, srgb};
use crate::mesh::Mesh;
use crate::seed::Seed;

/// What lamp posts look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LampKind {
    /// A straight post with a flat head on a short arm.
    Straight,
    /// A post that bends over the road.
    Bent,
    /// Two arms: over the road and over the pavement.
    Double,
    /// A lantern on an iron post, as in old towns.
    Lantern,
    /// A globe on a post, as in parks.
    Globe,
    /// A tall post beside a large road.
    Tall,
    /// A bell hanging from a curved arm.
    Bell,
}

impl LampKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Straight,
        Self::Bent,
        Self::Double,
        Self::Lantern,
        Self::Globe,
        Self::Tall,
        Self::Bell,
    ];
}

/// Its post and its light.
#[derive(Debug, Clone, Default)]
pub struct LampPost {
    /// Its shape.
    pub mesh: Mesh,
    /// Its lights, in its frame; none when it is out of order.
    pub lamps: Vec<StreetLamp>,
}

/// A lamp post. `tint` is the colour of its light (linear RGB, brightest channel 1), `works` whether it is in order.
pub fn lamp_post(kind: LampKind, tint: [f32; 3], works: bool, seed: Seed) -> LampPost {
    let mut dice = Dice::new(seed);
    let mut post = LampPost::default();
    let paint = match kind {
        LampKind::Lantern | LampKind::Bell => {
            Material::paint(Semantic::Pole, dice.pick(&[srgb(28, 34, 32), srgb(34, 52, 44)]))
        }
        _ => Material::metal(
            Semantic::Pole,
            dice.pick(&[srgb(150, 152, 152), srgb(110, 112, 112), srgb(70, 74, 78)]),
        ),
    };
    let radiance = if works { tint.map(|c| c * 2.5) } else { [0.0; 3] };
    let glow = Material::lamp(Semantic::Pole, [0.75, 0.75, 0.7], Switch::Night, radiance);
    let mesh = &mut post.mesh;
    let foot = Vec3::NEG_Z * 0.4;
    let p = Vec3::new;
    // (place of the light, irradiance at 1 m below it)
    let mut lights: Vec<(Vec3, f32)> = Vec::new();
    let head = |mesh: &mut Mesh, end: Vec3, out: f32| {
        let size = p(0.7, 0.28, 0.1);
        mesh.cuboid(paint, end + p(out * 0.3, 0.0, 0.03), size);
        let low = end + p(out * 0.32, 0.0, -0.03);
        mesh.cuboid(glow, low, p(0.5, 0.22, 0.02));
        low - Vec3::Z * 0.1
    };
    match kind {
        LampKind::Straight | LampKind::Double | LampKind::Tall => {
            let height = match kind {
                LampKind::Tall => dice.range(9.5, 12.0),
                _ => dice.range(6.5, 8.5),
            };
            mesh.tube(paint, foot, Vec3::Z * height, 0.1, 0.05, 7, true);
            let reach = if kind == LampKind::Tall {
                2.2
            } else {
                dice.range(0.6, 1.5)
            };
            let strength = if kind == LampKind::Tall { 0.035 } else { 0.022 };
            let arms: &[f32] = if kind == LampKind::Double { &[1.0, -1.0] } else { &[1.0] };
            for side in arms {
                let (from, end) = (Vec3::Z * (height - 0.1), p(side * reach, 0.0, height + 0.12));
                mesh.tube(paint, from, end, 0.04, 0.035, 5, false);
                lights.push((head(mesh, end, *side), strength));
            }
        }
        LampKind::Bent => {
            let height = dice.range(7.0, 9.0);
            let bend = [
                p(0.0, 0.0, height - 1.4),
                p(0.25, 0.0, height - 0.5),
                p(0.8, 0.0, height),
                p(1.6, 0.0, height + 0.12),
            ];
            mesh.tube(paint, foot, bend[0], 0.1, 0.06, 7, false);
            for pair in bend.windows(2) {
                mesh.tube(paint, pair[0], pair[1], 0.055, 0.05, 6, false);
            }
            lights.push((head(mesh, bend[3], 1.0), 0.025));
        }
        LampKind::Lantern => {
            let height = dice.range(3.6, 4.6);
            mesh.tube(paint, foot, Vec3::Z * 0.8, 0.16, 0.1, 8, false);
            mesh.tube(paint, Vec3::Z * 0.8, Vec3::Z * height, 0.06, 0.045, 6, false);
            mesh.tube(glow, Vec3::Z * height, Vec3::Z * (height + 0.5), 0.12, 0.22, 6, false);
            mesh.tube(
                paint,
                Vec3::Z * (height + 0.5),
                Vec3::Z * (height + 0.8),
                0.28,
                0.02,
                6,
                true,
            );
            lights.push((Vec3::Z * (height - 0.05) + Vec3::X * 0.3, 0.009));
        }
        LampKind::Globe => {
            let height = dice.range(3.4, 4.4);
            mesh.tube(paint, foot, Vec3::Z * height, 0.06, 0.05, 6, false);
            mesh.ellipsoid(glow, Vec3::Z * (height + 0.2), Vec3::splat(0.24), 5, 8);
            lights.push((Vec3::Z * (height - 0.1) + Vec3::X * 0.3, 0.009));
        }
        LampKind::Bell => {
            let height = dice.range(5.0, 6.5);
            mesh.tube(paint, foot, Vec3::Z * height, 0.09, 0.05, 7, false);
            let arc = [
                Vec3::Z * height,
                p(0.35, 0.0, height + 0.35),
                p(0.8, 0.0, height + 0.35),
                p(1.1, 0.0, height + 0.1),
            ];
            for pair in arc.windows(2) {
                mesh.tube(paint, pair[0], pair[1], 0.035, 0.035, 4, false);
            }
            mesh.tube(paint, arc[3] - Vec3::Z * 0.35, arc[3], 0.28, 0.06, 8, false);
            mesh.tube(
                glow,
                arc[3] - Vec3::Z * 0.38,
                arc[3] - Vec3::Z * 0.33,
                0.2,
                0.2,
                8,
                true,
            );
            lights.push((arc[3] - Vec3::Z * 0.5, 0.015));
        }
    }
    if works {
        post.lamps.extend(lights.iter().map(|(position, strength)| StreetLamp {
            position: *position,
            intensity: Vec3::from_array(tint) * *strength,
        }));
    }
    post
}

/// Colours of street lighting: sodium, warm and cool LEDs, mercury.
pub(super) fn tint(dice: &mut Dice) -> [f32; 3] {
    [[1.0, 0.5, 0.14], [1.0, 0.74, 0.46], [1.0, 0.9, 0.76], [0.86, 0.96, 1.0]][dice.index(&[3.0, 3.0, 3.0, 1.0])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lamp_that_works_shines_from_below_its_head() {
        for kind in LampKind::ALL {
            for seed in 0..6 {
                let on = lamp_post(kind, [1.0, 0.8, 0.6], true, Seed::new(seed));
                assert!(!on.lamps.is_empty(), "{kind:?}");
                let lit = |post: &LampPost| post.mesh.palette.iter().any(|m| m.emission.max_element() > 0.0);
                assert!(lit(&on));
                let off = lamp_post(kind, [1.0, 0.8, 0.6], false, Seed::new(seed));
                assert!(off.lamps.is_empty() && !lit(&off), "{kind:?}");
                let (low, high) = on.mesh.bounds().unwrap();
                assert!(low.z < 0.0 && high.z < 13.0);
                for lamp in &on.lamps {
                    assert!(lamp.position.z > 3.0 && lamp.position.z < high.z);
                    // Nothing of the post is straight below the light.
                    let near = on
                        .mesh
                        .positions
                        .iter()
                        .filter(|p| p.z < lamp.position.z && p.truncate().distance(lamp.position.truncate()) < 0.1);
                    assert_eq!(near.count(), 0, "{kind:?}");
                }
            }
        }
    }
}
