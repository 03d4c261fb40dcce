//! Shapes to draw from: each made when it is first wanted, then shared.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::Seed;
use crate::actors::{Model, Variant};
use crate::object::ObjectClass;

/// Makes a model of a class; the same arguments give the same model.
pub type MakeModel = dyn Fn(ObjectClass, Variant, Seed) -> Model + Send + Sync;

/// The shapes of one scene.
pub(super) struct Fleet {
    make: Arc<MakeModel>,
    seed: Seed,
    pools: BTreeMap<(ObjectClass, String), Vec<Option<Arc<Model>>>>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet")
            .field("pools", &self.pools.len())
            .finish_non_exhaustive()
    }
}

/// How many different shapes of a class a scene has: enough that one rarely sees two of the same.
fn variety(class: ObjectClass) -> usize {
    match class {
        ObjectClass::Car => 72,
        ObjectClass::Pedestrian => 64,
        ObjectClass::Bicycle => 28,
        ObjectClass::Van | ObjectClass::Truck => 20,
        ObjectClass::Bus => 12,
        _ => 16,
    }
}

impl Fleet {
    pub(super) fn new(make: Arc<MakeModel>, seed: Seed) -> Self {
        Self {
            make,
            seed: seed.child("fleet"),
            pools: BTreeMap::new(),
        }
    }

    /// A model at random.
    pub(super) fn draw(&mut self, class: ObjectClass, variant: Variant, rng: &mut ChaCha8Rng) -> Arc<Model> {
        let name = format!("{variant:?}");
        let size = variety(class);
        let pool = self
            .pools
            .entry((class, name.clone()))
            .or_insert_with(|| vec![None; size]);
        let index = rng.random_range(0..size);
        let (make, seed) = (&self.make, self.seed.child(class.name()).child(&name));
        Arc::clone(pool[index].get_or_insert_with(|| Arc::new(make(class, variant, seed.index(index as u64)))))
    }
}
