//! Buildings: houses in rows, blocks of flats, offices, shops, farms, churches, halls.
//!
//! A building's frame: x along its front (to the right for who stands before it), y into it, z up; the origin is at the front's
//! left corner on the ground floor. Its front wall lies at y = 0; eaves, balconies and awnings reach out to y < 0, its foundation
//! below z = 0.

mod facade;
mod house;
mod roof;
mod special;

use glam::Vec2;

pub(super) use facade::accent;

use super::StreetLamp;
use crate::dice::Dice;
use crate::mesh::Mesh;
use crate::seed::Seed;

/// What a building is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BuildingKind {
    /// A house in a row, with flats.
    TownHouse,
    /// The same with a shop in its ground floor.
    Shop,
    /// A block of flats with balconies.
    Apartment,
    /// Offices: glass, or bands of windows.
    Office,
    /// A house with a garden.
    Detached,
    /// A garage.
    Garage,
    /// A factory, a warehouse, a supermarket.
    Hall,
    /// A church.
    Church,
    /// A barn.
    Barn,
    /// A petrol station: the roof over its pumps, and a shop.
    PetrolStation,
    /// A building under construction, with a scaffold and a crane.
    ConstructionSite,
    /// A wooden shed.
    Shed,
}

impl BuildingKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::TownHouse,
        Self::Shop,
        Self::Apartment,
        Self::Office,
        Self::Detached,
        Self::Garage,
        Self::Hall,
        Self::Church,
        Self::Barn,
        Self::PetrolStation,
        Self::ConstructionSite,
        Self::Shed,
    ];
}

/// How finely something is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Detail {
    /// A few triangles, for what is far from every road.
    Low,
    /// Without frames and goods.
    Medium,
    /// Everything.
    #[default]
    Full,
}

impl Detail {
    /// One step coarser.
    #[must_use]
    pub fn coarser(self) -> Self {
        match self {
            Self::Full => Self::Medium,
            Self::Medium | Self::Low => Self::Low,
        }
    }
}

/// What building to build.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BuildingSpec {
    /// What it is.
    pub kind: BuildingKind,
    /// Width (x) and depth (y) of its walls, m.
    pub size: Vec2,
    /// Storeys, the ground floor counted.
    pub storeys: u32,
    /// Does a neighbour stand against its right and its left wall?
    pub party: [bool; 2],
    /// How far its foundation reaches below its ground floor, m.
    pub plinth: f32,
    /// Fraction of windows lit at night.
    pub lit: f32,
    /// How finely it is built.
    pub detail: Detail,
}

/// A building, what it lights, and where nothing can be but the building.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// Its shape.
    pub mesh: Mesh,
    /// Lamps, in its frame.
    pub lamps: Vec<StreetLamp>,
    /// Rectangles on the ground with walls all around, from corner to corner (least x and y, greatest x and y), in its frame, m.
    pub walled: Vec<[Vec2; 2]>,
}

/// Builds one building.
pub fn building(spec: &BuildingSpec, seed: Seed) -> Built {
    let mut dice = Dice::new(seed);
    let mut built = Built {
        walled: vec![[Vec2::ZERO, spec.size]],
        ..Built::default()
    };
    match spec.kind {
        BuildingKind::TownHouse => house::town_house(&mut built.mesh, spec, false, &mut dice),
        BuildingKind::Shop => house::town_house(&mut built.mesh, spec, true, &mut dice),
        BuildingKind::Apartment => house::apartment(&mut built.mesh, spec, &mut dice),
        BuildingKind::Office => house::office(&mut built.mesh, spec, &mut dice),
        BuildingKind::Detached => house::detached(&mut built.mesh, spec, &mut dice),
        BuildingKind::Garage => special::garage(&mut built.mesh, spec, &mut dice),
        BuildingKind::Hall => special::hall(&mut built.mesh, spec, &mut dice),
        BuildingKind::Church => special::church(&mut built, spec, &mut dice),
        BuildingKind::Barn => special::barn(&mut built.mesh, spec, &mut dice),
        BuildingKind::PetrolStation => special::petrol_station(&mut built, spec, &mut dice),
        BuildingKind::ConstructionSite => {
            // A frame of columns: there is nothing around it yet.
            built.walled.clear();
            special::construction_site(&mut built.mesh, spec, &mut dice);
        }
        BuildingKind::Shed => special::shed(&mut built.mesh, spec, &mut dice),
    }
    built
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::material::Semantic;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn every_building_stands_on_its_plan(
            kind in prop::sample::select(BuildingKind::ALL.to_vec()),
            width in 2.0_f32..45.0, depth in 2.0_f32..30.0, storeys in 1_u32..40, seed in any::<u64>(),
            party in any::<[bool; 2]>(), lit in 0.0_f32..1.0,
            detail in prop::sample::select(vec![Detail::Low, Detail::Medium, Detail::Full]),
        ) {
            let size = Vec2::new(width, depth);
            let spec = BuildingSpec { kind, size, storeys, party, plinth: 0.8, lit, detail };
            let Built { mesh, walled, .. } = building(&spec, Seed::new(seed));
            for [from, to] in walled {
                prop_assert!(from.cmpge(Vec2::ZERO).all() && to.cmple(size + 1e-3).all() && to.cmpgt(from).all(), "{kind:?}");
            }
            let (low, high) = mesh.bounds().unwrap();
            prop_assert!(low.is_finite() && high.is_finite());
            // Eaves, balconies and the like reach out, but not far.
            prop_assert!(low.x > -1.5 && low.y > -1.7, "{kind:?} {low}");
            prop_assert!(high.x < width + 1.5 && high.y < depth + 1.7, "{kind:?} {high}");
            prop_assert!(low.z < 0.0 && high.z > 1.9, "{kind:?} {low} {high}");
            prop_assert!(mesh.triangles.len() > 8);
            // A window every metre and a half of every wall, each of some twenty triangles, is the most that a facade holds.
            let around = 2.0 * (width + depth);
            let most = 400.0 + 80.0 * around + 15.0 * around * storeys as f32;
            prop_assert!((mesh.triangles.len() as f32) < most, "{} of {most}", mesh.triangles.len());
            prop_assert!(mesh.palette.iter().all(|m| m.semantic == Semantic::Building));
            for normal in &mesh.normals {
                prop_assert!((normal.length() - 1.0).abs() < 1e-3);
            }
            // What reaches over a pavement leaves room for people.
            for p in mesh.positions.iter().filter(|p| p.y < -0.5) {
                prop_assert!(p.z > 2.0, "{kind:?} {p}");
            }
        }
    }

    #[test]
    fn the_same_seed_is_the_same_house_and_another_is_not() {
        let spec = BuildingSpec {
            kind: BuildingKind::TownHouse,
            size: Vec2::new(11.0, 12.0),
            storeys: 4,
            party: [true, true],
            plinth: 0.5,
            lit: 0.3,
            detail: Detail::Full,
        };
        let house = |seed| building(&spec, Seed::new(seed)).mesh;
        assert_eq!(house(1).positions, house(1).positions);
        assert_eq!(house(1).palette, house(1).palette);
        assert_ne!(house(1).palette, house(2).palette);
    }
}
