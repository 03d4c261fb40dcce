//! How a driver follows: the Intelligent Driver Model.
//!
//! Treiber, Hennecke, Helbing: *Congested traffic states in empirical observations and microscopic simulations*, Phys. Rev. E 62,
//! 1805 (2000), doi 10.1103/PhysRevE.62.1805. Above the desired speed the deceleration is that of the improved model (Treiber and
//! Kesting, *Traffic Flow Dynamics*, 2013, section 11.3.7), since the original brakes far too hard where a limit begins.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// The strongest braking, m/s².
pub(super) const HARDEST: f64 = -8.0;

/// The strongest acceleration, m/s².
pub(super) const STRONGEST: f64 = 4.0;

/// A driver: the model's parameters, and manners.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Driver {
    /// Factor of the speed limit that is driven on an empty road.
    pub factor: f64,
    /// Speed that is never exceeded, m/s: the machine's or the legs'.
    pub fastest: f64,
    /// Time gap, s (T).
    pub gap_s: f64,
    /// Gap at a standstill, m (s₀).
    pub gap_m: f64,
    /// Acceleration, m/s² (a).
    pub accel: f64,
    /// Comfortable braking, m/s² (b).
    pub brake: f64,
    /// Weight of the others' loss when changing lanes (MOBIL's p).
    pub politeness: f64,
    /// Sideways acceleration in curves, m/s².
    pub lateral: f64,
}

impl Driver {
    /// A driver of the spread around the scene's means: `factor` of the limit, `gap_s` seconds; `heavy` for trucks and buses.
    pub(super) fn draw(rng: &mut ChaCha8Rng, factor: f64, gap_s: f64, heavy: bool) -> Self {
        Self {
            factor: factor * bell(rng, 1.0, 0.08),
            fastest: if heavy { 24.5 } else { 60.0 },
            gap_s: (gap_s * bell(rng, 1.0, 0.2)).max(0.5),
            gap_m: rng.random_range(1.6..2.6),
            accel: if heavy {
                rng.random_range(0.7..1.1)
            } else {
                rng.random_range(1.2..2.0)
            },
            brake: rng.random_range(1.6..2.4),
            politeness: rng.random_range(0.1..0.5),
            lateral: if heavy { 1.6 } else { rng.random_range(2.0..2.8) },
        }
    }

    /// Someone on a bicycle.
    pub(super) fn cyclist(rng: &mut ChaCha8Rng) -> Self {
        Self {
            factor: 1.0,
            fastest: bell(rng, 5.0, 0.9).clamp(3.0, 8.0),
            gap_s: 1.0,
            gap_m: 1.0,
            accel: rng.random_range(0.6..1.0),
            brake: 1.6,
            politeness: 0.5,
            lateral: 2.0,
        }
    }

    /// Acceleration on an empty road towards `wanted` m/s.
    pub(super) fn free(&self, speed: f64, wanted: f64) -> f64 {
        let wanted = wanted.max(0.1);
        if speed <= wanted {
            let r = (speed / wanted) * (speed / wanted);
            self.accel * (1.0 - r * r)
        } else {
            // Exponent a·δ/b of the improved model rounded to 2: no power function, so the same bits everywhere.
            let r = wanted / speed;
            -self.brake * (1.0 - r * r)
        }
    }

    /// Acceleration behind a leader `gap` metres ahead that drives at `ahead` m/s (negative: it comes towards us), where
    /// `standing` metres are kept at a standstill.
    pub(super) fn follow(&self, speed: f64, wanted: f64, gap: f64, ahead: f64, standing: f64) -> f64 {
        if gap <= 0.2 {
            return HARDEST;
        }
        let closing = speed - ahead;
        let dynamic = speed * self.gap_s + speed * closing / (2.0 * (self.accel * self.brake).sqrt());
        let ratio = (standing + dynamic.max(0.0)) / gap;
        let interaction = self.free(speed, wanted).min(self.accel) - self.accel * ratio * ratio;
        // What physics asks for, whatever the model says: to stop before, or to fall to the leader's speed.
        let room = (gap - 0.5 * standing.min(2.0)).max(0.1);
        let needed = if ahead <= 0.0 {
            speed * speed / (2.0 * room) + (-ahead) * speed / room
        } else if closing > 0.0 {
            closing * closing / (2.0 * room)
        } else {
            0.0
        };
        let kinematic = if needed > 3.5 { -1.15 * needed } else { STRONGEST };
        interaction.min(kinematic).clamp(HARDEST, STRONGEST)
    }

    /// Acceleration towards a line to stop at, `gap` metres ahead.
    pub(super) fn stop_at(&self, speed: f64, wanted: f64, gap: f64) -> f64 {
        // The model comes to rest one standstill gap before its leader: the leader stands half a metre behind that.
        self.follow(speed, wanted, gap + self.gap_m - 0.5, 0.0, self.gap_m)
    }
}

/// A number around `mean` with this standard deviation, at most 2.4 of them away: the sum of six uniform ones (no logarithm,
/// so that every machine draws the same).
pub(super) fn bell(rng: &mut ChaCha8Rng, mean: f64, deviation: f64) -> f64 {
    let sum: f64 = (0..6).map(|_| rng.random_range(-1.0..1.0_f64)).sum();
    mean + deviation * (sum * std::f64::consts::FRAC_1_SQRT_2).clamp(-2.4, 2.4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    fn driver() -> Driver {
        Driver {
            factor: 1.0,
            fastest: 60.0,
            gap_s: 1.5,
            gap_m: 2.0,
            accel: 1.5,
            brake: 2.0,
            politeness: 0.2,
            lateral: 2.5,
        }
    }

    #[test]
    fn follows_at_the_equilibrium_gap() {
        // s_e(v) = (s₀ + vT) / sqrt(1 - (v/v₀)⁴), Treiber et al. 2000, equation 7.
        let d = driver();
        let (v, v0) = (10.0_f64, 15.0_f64);
        let gap = (d.gap_m + v * d.gap_s) / (1.0 - (v / v0).powi(4)).sqrt();
        assert!(d.follow(v, v0, gap, v, d.gap_m).abs() < 1e-9);
        assert!(d.follow(v, v0, gap - 2.0, v, d.gap_m) < -0.1);
        assert!(d.follow(v, v0, gap + 2.0, v, d.gap_m) > 0.1);
    }

    #[test]
    fn stops_before_a_wall_within_the_bounds() {
        for start in [5.0, 15.0, 30.0] {
            let d = driver();
            let mut gap = start * start / (2.0 * 6.0) + 3.0;
            let mut v = start;
            for _ in 0..4000 {
                let a = d.follow(v, 40.0, gap, 0.0, d.gap_m);
                assert!((HARDEST..=STRONGEST).contains(&a));
                v = (v + a * 0.02_f64).max(0.0);
                gap -= v * 0.02;
            }
            assert!(gap > 0.5 && v < 0.1, "{start}: gap {gap}, speed {v}");
        }
    }

    #[test]
    fn bell_has_its_moments() {
        let mut rng = Seed::new(3).rng();
        let n = 20_000;
        let x: Vec<f64> = (0..n).map(|_| bell(&mut rng, 2.0, 0.5)).collect();
        let mean = x.iter().sum::<f64>() / f64::from(n);
        let var = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!(
            (mean - 2.0).abs() < 0.02 && (var.sqrt() - 0.5).abs() < 0.03,
            "{mean} {var}"
        );
    }
}
