//! What a lidar gets back from what it sees, by class: how fine it is, learned from the recording itself.
//!
//! Points of an object, times its distance squared, by the area of its largest side are nearly points per steradian. Of those that are hit this hardly depends on the distance, and what
//! does not follow it, because of dark paint, rain, gaps between legs, is in the lower quartile, which is what others are measured by.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Densities that are kept of a class; of more, the latest.
const KEPT: usize = 256;
/// From so many…
const LEAST: usize = 6;
/// …of so many objects something is learned.
const OBJECTS: usize = 3;
/// Of those that are hit, this part has fewer.
const SHARE: f64 = 0.25;
/// What is known of others holds for a class of which nothing is known by this part: there is more air about a person than about a car.
const STRANGE: f64 = 0.5;

/// Points per steradian of an object of these sides (length, width, height, m) at this distance, m.
pub(crate) fn density(points: u32, range: f64, size: [f64; 3]) -> f64 {
    let area = size[2] * size[0].max(size[1]);
    f64::from(points) * range * range / area.max(1e-3)
}

/// Densities of one sensor in one recording.
#[derive(Debug, Default)]
pub(crate) struct Returns {
    /// By class group, with the object's key.
    by_class: BTreeMap<Arc<str>, VecDeque<(String, f64)>>,
}

impl Returns {
    /// Takes what an object has when it is in plain view for the `nth` time. Only the first times and ever fewer of the later ones count: who stands beside the vehicle
    /// for a minute is one of many.
    pub(crate) fn learn(&mut self, class: &Arc<str>, (key, nth): (&str, u64), density: f64) {
        if !nth.is_power_of_two() {
            return;
        }
        let known = self.by_class.entry(class.clone()).or_default();
        if known.len() == KEPT {
            known.pop_front();
        }
        known.push_back((key.to_owned(), density));
    }

    /// What others of the class have, points per steradian: the lower quartile. Until there are enough of them it is half of that of all classes. `None` until there are enough of those.
    pub(crate) fn usual(&self, class: &str, key: &str) -> Option<f64> {
        let not_it = |(of, _): &&(String, f64)| of != key;
        let of_class = self.by_class.get(class).into_iter().flatten().filter(not_it);
        quartile(of_class).or_else(|| Some(STRANGE * quartile(self.by_class.values().flatten().filter(not_it))?))
    }
}

/// The lower quartile, if there are enough.
fn quartile<'a>(densities: impl Iterator<Item = &'a (String, f64)>) -> Option<f64> {
    let mut objects: BTreeSet<&str> = BTreeSet::new();
    let mut values: Vec<f64> = Vec::new();
    for (key, density) in densities {
        objects.insert(key);
        values.push(*density);
    }
    if objects.len() < OBJECTS || values.len() < LEAST {
        return None;
    }
    values.sort_by(f64::total_cmp);
    values.get((SHARE * values.len() as f64) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_say_what_is_usual_and_one_of_them_alone_says_nothing() {
        let car: Arc<str> = Arc::from("car");
        let mut returns = Returns::default();
        for frame in 1..200 {
            returns.learn(&car, ("a", frame), 900.0);
        }
        assert_eq!(returns.usual("car", "b"), None, "one object");
        for key in ["b", "c", "d"] {
            for frame in 1..4 {
                returns.learn(&car, (key, frame), 500.0);
            }
        }
        assert_eq!(returns.usual("car", "x"), Some(500.0));
        assert_eq!(returns.usual("bus", "x"), Some(250.0), "half of what others have");
        assert_eq!(returns.usual("car", "a"), Some(500.0));
        for key in 0..1000_u32 {
            returns.learn(&car, (&key.to_string(), 1), 50.0);
        }
        assert_eq!(returns.usual("car", "x"), Some(50.0));
        assert_eq!(returns.by_class["car"].len(), KEPT);
    }

    #[test]
    fn the_same_is_hit_less_often_further_away() {
        let size = [4.0, 1.8, 1.5];
        let near = density(400, 10.0, size);
        assert!((density(100, 20.0, size) - near).abs() < 1e-9);
    }
}
