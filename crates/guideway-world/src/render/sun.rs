//! Where the sun stands.

use glam::Vec3;

use crate::params::TimeParams;

/// The direction to the sun, a unit vector in the world (x east, y north, z up).
///
/// Declination by Spencer's series (J. W. Spencer, "Fourier series representation of the position of the sun", Search 2 (5), 1971; the
/// one that NOAA's solar calculator documents), good to 0.04°. The hour is solar time, so no equation of time is needed. Refraction
/// is left out: it lifts the sun by half a degree at the horizon.
pub fn sun_direction(time: &TimeParams) -> Vec3 {
    let utc_hour = time.hour - time.longitude_deg / 15.0;
    let year = std::f64::consts::TAU / 365.0 * (f64::from(time.day_of_year) - 1.0 + (utc_hour - 12.0) / 24.0);
    let declination = 0.006_918 - 0.399_912 * year.cos() + 0.070_257 * year.sin() - 0.006_758 * (2.0 * year).cos()
        + 0.000_907 * (2.0 * year).sin()
        - 0.002_697 * (3.0 * year).cos()
        + 0.001_48 * (3.0 * year).sin();
    let (sin_lat, cos_lat) = time.latitude_deg.to_radians().sin_cos();
    let (sin_dec, cos_dec) = declination.sin_cos();
    let (sin_hour, cos_hour) = ((time.hour - 12.0) * 15.0).to_radians().sin_cos();
    let direction = [
        -cos_dec * sin_hour,
        cos_lat * sin_dec - sin_lat * cos_dec * cos_hour,
        sin_lat * sin_dec + cos_lat * cos_dec * cos_hour,
    ];
    // Rounded far below what anyone sees, so that the last bits of the platform's sine do not reach the pictures.
    Vec3::from_array(direction.map(|v| ((v * 1e6).round() / 1e6) as f32)).normalize_or(Vec3::Z)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude_deg: f64, day_of_year: u32, hour: f64) -> [f64; 2] {
        let d = sun_direction(&TimeParams {
            latitude_deg,
            longitude_deg: 0.0,
            day_of_year,
            hour,
        });
        let elevation = f64::from(d.z).asin().to_degrees();
        let azimuth = f64::from(d.x).atan2(f64::from(d.y)).to_degrees().rem_euclid(360.0);
        [elevation, azimuth]
    }

    /// Declinations of the Astronomical Almanac: solstices ±23.44°, equinoxes 0°; and what spherical trigonometry makes of them.
    #[test]
    fn the_sun_stands_where_the_almanac_says() {
        // (latitude, day, hour, elevation, azimuth)
        for (latitude, day, hour, elevation, azimuth) in [
            (48.1, 172, 12.0, 65.34, 180.0),
            (48.1, 355, 12.0, 18.46, 180.0),
            (0.0, 80, 12.0, 90.0, f64::NAN),
            (0.0, 80, 6.0, 0.0, 90.0),
            (-33.9, 355, 12.0, 79.54, 0.0),
            // sin h = sin φ sin δ and tan A = cot δ / cos φ … at six in the morning of the solstice.
            (48.1, 172, 6.0, 17.22, 73.85),
            (48.1, 172, 18.0, 17.22, 286.15),
        ] {
            let [e, a] = at(latitude, day, hour);
            assert!(
                (e - elevation).abs() < 0.5,
                "{latitude} {day} {hour}: elevation {e}, not {elevation}"
            );
            let turn = (a - azimuth + 540.0).rem_euclid(360.0) - 180.0;
            assert!(
                azimuth.is_nan() || turn.abs() < 0.5,
                "{latitude} {day} {hour}: azimuth {a}, not {azimuth}"
            );
        }
    }
}
