//! What the air does to a beam of infrared light: how much it takes away, and what it throws back.

use rand::{Rng, RngExt as _};
use rand_distr::Exp1;

use crate::params::WeatherParams;

/// Radius of the beam where it leaves the lidar, m.
const APERTURE_M: f64 = 0.005;
/// Fraction of the light on a drop or flake that goes straight back, as a factor on its cross-section.
const DROP_RETURN: f64 = 0.04;
const FLAKE_RETURN: f64 = 0.25;
/// Half the length of a pulse of 10 ns, m: the depth of fog that answers at once.
const PULSE_M: f64 = 1.5;
/// Below this range the receiver sees the beam only in part.
const OVERLAP_M: f64 = 3.0;
/// A particle farther away covers too little of the beam to be noticed, m.
const NOTICED_M: f64 = 6.0;
/// Number of particles that is not exceeded in weather on earth; a bound on the work for each ray.
const MOST_PARTICLES: u32 = 64;

/// Air that a lidar looks through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Air {
    /// Extinction, 1/m.
    pub extinction: f64,
    /// Backscatter of fog, as the reflectivity of a wall that would answer like it.
    fog: f64,
    /// Drops or flakes of more than 1 mm in a cubic metre, the mean of what their diameter exceeds 1 mm by (m), and the
    /// fraction of light that they return.
    rain: Particles,
    snow: Particles,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Particles {
    per_m3: f64,
    mean_excess_m: f64,
    returns: f64,
}

/// A random echo of the air.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Echo {
    /// Range, m.
    pub range: f64,
    /// Reflectivity of the wall at this range that would answer as strongly in clear air, extinction included.
    pub reflectivity: f64,
}

impl Air {
    /// Air in this weather.
    ///
    /// Fog: extinction by Koschmieder's law at 5 % contrast, `ln 20 / visibility`; backscatter `0.046 / visibility` per metre
    /// and steradian (R. H. Rasshofer, M. Spies, H. Spies, "Influences of weather phenomena on automotive laser radar
    /// systems", Advances in Radio Science 9, 2011). Rain and snow: ITU-R P.1814, equations 6 and 7 (dry snow). Drops by
    /// Marshall and Palmer (1948), `N(D) = 8000 exp(−4.1 R^−0.21 D)` per m³ and mm.
    pub fn new(weather: &WeatherParams) -> Self {
        let visibility = weather.visibility_m.max(1.0);
        // Decibels per kilometre to nepers of power per metre.
        let per_metre = |db_per_km: f64| db_per_km * std::f64::consts::LN_10 / 10.0 / 1000.0;
        let rain_rate = weather.rain_mm_per_h.max(0.0);
        let snow_rate = weather.snowfall_mm_per_h.max(0.0);
        let rain_loss = per_metre(1.076 * rain_rate.powf(0.67));
        let snow_loss = per_metre((5.42e-5 * 905.0 + 5.495_877_6) * snow_rate.powf(1.38).min(30.0));
        let drops = |rate: f64, returns: f64, factor: f64| {
            if rate <= 0.0 {
                return Particles::default();
            }
            let slope_per_mm = 4.1 * rate.powf(-0.21);
            Particles {
                per_m3: factor * 8000.0 / slope_per_mm * (-slope_per_mm).exp(),
                mean_excess_m: 1e-3 / slope_per_mm,
                returns,
            }
        };
        Self {
            extinction: 20_f64.ln() / visibility + rain_loss + snow_loss,
            fog: std::f64::consts::PI * 0.046 / visibility * PULSE_M,
            rain: drops(rain_rate, DROP_RETURN, 1.0),
            // Flakes are larger and fewer for the same water.
            snow: drops(snow_rate * 4.0, FLAKE_RETURN, 1.5),
        }
    }

    /// Is there nothing in it that could answer a lidar?
    pub fn is_clear(&self) -> bool {
        self.rain.per_m3 <= 0.0 && self.snow.per_m3 <= 0.0 && self.fog < 1e-4
    }

    /// Fraction of light that comes back from this range.
    pub fn two_way(&self, range: f64) -> f64 {
        (-2.0 * self.extinction * range).exp()
    }

    /// The strongest echo of the air itself before `limit` (m), for a beam of this divergence (full angle, rad), if any.
    ///
    /// Drops and flakes are drawn from the volume of the beam as V. Kilic and others do ("Lidar Light Scattering
    /// Augmentation", 2021); fog answers where the receiver begins to see the whole beam, as M. Hahner and others show ("Fog
    /// Simulation on Real LiDAR Point Clouds", ICCV 2021), with the fluctuation of speckle.
    pub fn echo(&self, rng: &mut impl Rng, limit: f64, divergence: f64) -> Option<Echo> {
        let mut best: Option<(f64, Echo)> = None;
        let mut offer = |range: f64, reflectivity: f64| {
            let seen = (range / OVERLAP_M).min(1.0);
            let reflectivity = reflectivity * seen * seen;
            let power = reflectivity / (range * range);
            if range > 0.0 && range < limit && best.is_none_or(|(p, _)| power > p) {
                best = Some((power, Echo { range, reflectivity }));
            }
        };
        if self.fog >= 1e-4 {
            let depth = rng.sample::<f64, _>(Exp1) * 2.0;
            let speckle: f64 = rng.sample(Exp1);
            offer(OVERLAP_M * 0.7 + depth, self.fog * speckle);
        }
        for particles in [self.rain, self.snow] {
            particles.strike(rng, limit, divergence, &mut offer);
        }
        // All candidates are near: which is the strongest hardly depends on what the air takes.
        best.map(|(_, echo)| Echo {
            reflectivity: echo.reflectivity * self.two_way(echo.range),
            ..echo
        })
    }
}

impl Particles {
    /// Offers the range and reflectivity of each particle that is in the beam.
    fn strike(self, rng: &mut impl Rng, limit: f64, divergence: f64, offer: &mut impl FnMut(f64, f64)) {
        if self.per_m3 <= 0.0 {
            return;
        }
        let reach = limit.min(NOTICED_M);
        let radius = |range: f64| APERTURE_M + range * divergence / 2.0;
        // The beam is a frustum; points are drawn from it by the cone that it is cut from.
        let apex = APERTURE_M / (divergence / 2.0);
        let cone = |range: f64| (range + apex).powi(3);
        let volume = std::f64::consts::PI / 3.0 * (divergence / 2.0).powi(2) * (cone(reach) - cone(0.0));
        // Knuth's method for a Poisson number: the mean is a handful at the most.
        let none = (-self.per_m3 * volume).exp();
        let mut left: f64 = rng.random();
        let mut count = 0;
        while left > none && count < MOST_PARTICLES {
            left *= rng.random::<f64>();
            count += 1;
        }
        for _ in 0..count {
            let at = cone(0.0) + (cone(reach) - cone(0.0)) * rng.random::<f64>();
            let range = at.cbrt() - apex;
            let diameter = 1e-3 + self.mean_excess_m * rng.sample::<f64, _>(Exp1);
            let share = (diameter / 2.0 / radius(range)).powi(2).min(1.0);
            offer(range, self.returns * share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    fn weather(rain: f64, snow: f64, visibility: f64) -> Air {
        Air::new(&WeatherParams {
            rain_mm_per_h: rain,
            snowfall_mm_per_h: snow,
            visibility_m: visibility,
            ..WeatherParams::default()
        })
    }

    #[test]
    fn visibility_is_where_five_per_cent_of_the_light_are_left() {
        let air = weather(0.0, 0.0, 200.0);
        assert!(((-air.extinction * 200.0).exp() - 0.05).abs() < 1e-12);
        assert!((air.two_way(100.0) - 0.05).abs() < 1e-12);
        assert!(weather(0.0, 0.0, 20_000.0).is_clear());
    }

    #[test]
    fn worse_weather_answers_more_often() {
        let echoes = |air: Air| {
            let mut rng = Seed::new(1).rng();
            let found: Vec<Echo> = (0..4000).filter_map(|_| air.echo(&mut rng, 60.0, 3e-3)).collect();
            assert!(
                found
                    .iter()
                    .all(|e| e.range > 0.0 && e.range < 60.0 && e.reflectivity >= 0.0)
            );
            // As a lidar would judge them: against a wall of 10 % at 80 m.
            found
                .iter()
                .filter(|e| e.reflectivity / 0.1 * (80.0 / e.range).powi(2) > 1.0)
                .count()
        };
        let counts = [
            echoes(weather(2.0, 0.0, 20_000.0)),
            echoes(weather(30.0, 0.0, 20_000.0)),
            echoes(weather(0.0, 3.0, 20_000.0)),
        ];
        assert!(counts[0] < counts[1] && counts[1] < 2000, "{counts:?}");
        assert!(counts[2] > counts[0], "{counts:?}");
        let fog = [
            echoes(weather(0.0, 0.0, 2000.0)),
            echoes(weather(0.0, 0.0, 200.0)),
            echoes(weather(0.0, 0.0, 30.0)),
        ];
        assert!(fog[0] < fog[1] && fog[1] < fog[2], "{fog:?}");
    }
}
