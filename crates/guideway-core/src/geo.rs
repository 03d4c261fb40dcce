//! Places on the earth: WGS84 latitude and longitude, earth-centred coordinates (ECEF), a local tangent plane (ENU) and
//! UTM. Positions go in and out in the units that receivers and maps use: degrees and metres.
//!
//! UTM is the transverse Mercator series of Krüger to the sixth order as given by C. F. F. Karney, "Transverse Mercator with
//! an accuracy of a few nanometers", Journal of Geodesy 85 (2011), equations 35 and 36.

use glam::{DMat3, DQuat, DVec3};

use crate::geometry_error::finite;
use crate::{GeometryError, Se3};

/// Equatorial radius of the WGS84 ellipsoid, m.
pub const WGS84_A_M: f64 = 6_378_137.0;
/// Flattening of the WGS84 ellipsoid.
pub const WGS84_F: f64 = 1.0 / 298.257_223_563;
/// First eccentricity squared.
const E2: f64 = WGS84_F * (2.0 - WGS84_F);

/// Scale on a UTM zone's central meridian.
const UTM_SCALE: f64 = 0.9996;
/// Easting of the central meridian, m.
const UTM_FALSE_EASTING_M: f64 = 500_000.0;
/// Northing of the equator in the southern half, m.
const UTM_FALSE_NORTHING_M: f64 = 10_000_000.0;

/// A place by WGS84 latitude, longitude and height above the ellipsoid (not above the sea).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Geodetic {
    /// Latitude, degrees, -90 to 90.
    pub latitude_deg: f64,
    /// Longitude, degrees; east is positive.
    pub longitude_deg: f64,
    /// Height above the ellipsoid, m.
    pub height_m: f64,
}

impl Geodetic {
    /// Checked: finite, latitude within ±90°, longitude within ±360°.
    pub fn new(latitude_deg: f64, longitude_deg: f64, height_m: f64) -> Result<Self, GeometryError> {
        finite(
            "position (latitude longitude height)",
            &[latitude_deg, longitude_deg, height_m],
        )?;
        within("latitude", latitude_deg, -90.0, 90.0, "-90 to 90 degrees")?;
        within("longitude", longitude_deg, -360.0, 360.0, "-360 to 360 degrees")?;
        Ok(Self {
            latitude_deg,
            longitude_deg,
            height_m,
        })
    }

    /// Earth-centred, earth-fixed coordinates, m.
    pub fn to_ecef(self) -> DVec3 {
        let (sin_lat, cos_lat) = self.latitude_deg.to_radians().sin_cos();
        let (sin_lon, cos_lon) = self.longitude_deg.to_radians().sin_cos();
        let n = WGS84_A_M / (1.0 - E2 * sin_lat * sin_lat).sqrt();
        let ring = (n + self.height_m) * cos_lat;
        DVec3::new(
            ring * cos_lon,
            ring * sin_lon,
            (n * (1.0 - E2) + self.height_m) * sin_lat,
        )
    }

    /// From earth-centred coordinates, m, by Bowring's formula repeated until it stands still (nanometres).
    ///
    /// Less than 1,000 km from the earth's centre, where height and latitude lose their meaning, is refused.
    pub fn from_ecef(ecef: DVec3) -> Result<Self, GeometryError> {
        finite("ECEF position", &ecef.to_array())?;
        let radius = ecef.length();
        within(
            "distance from the earth's centre",
            radius,
            1e6,
            f64::MAX,
            "the numbers from 1,000,000 m",
        )?;
        let b = WGS84_A_M * (1.0 - WGS84_F);
        let ring = ecef.x.hypot(ecef.y);
        let second_e2 = E2 / (1.0 - E2);
        let mut beta = (WGS84_A_M * ecef.z).atan2(b * ring);
        let mut latitude = 0.0;
        for _ in 0..6 {
            let (sin_b, cos_b) = beta.sin_cos();
            latitude = (ecef.z + second_e2 * b * sin_b.powi(3)).atan2(ring - E2 * WGS84_A_M * cos_b.powi(3));
            let next = ((1.0 - WGS84_F) * latitude.sin()).atan2(latitude.cos());
            if (next - beta).abs() < 1e-16 {
                break;
            }
            beta = next;
        }
        let (sin_lat, cos_lat) = latitude.sin_cos();
        let height_m = ring * cos_lat + ecef.z * sin_lat - WGS84_A_M * (1.0 - E2 * sin_lat * sin_lat).sqrt();
        Ok(Self {
            latitude_deg: latitude.to_degrees(),
            longitude_deg: ecef.y.atan2(ecef.x).to_degrees(),
            height_m,
        })
    }

    /// The pose `ecef_from_enu` of the tangent plane here: x east, y north, z up.
    pub fn ecef_from_enu(self) -> Result<Se3, GeometryError> {
        let (sin_lat, cos_lat) = self.latitude_deg.to_radians().sin_cos();
        let (sin_lon, cos_lon) = self.longitude_deg.to_radians().sin_cos();
        let east = DVec3::new(-sin_lon, cos_lon, 0.0);
        let north = DVec3::new(-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat);
        let up = DVec3::new(cos_lat * cos_lon, cos_lat * sin_lon, sin_lat);
        Se3::new(DQuat::from_mat3(&DMat3::from_cols(east, north, up)), self.to_ecef())
    }

    /// The UTM zone of this place, with the exceptions for Norway and Svalbard.
    pub fn utm_zone(self) -> u8 {
        let (lat, lon) = (self.latitude_deg, wrap_degrees(self.longitude_deg));
        if (56.0..64.0).contains(&lat) && (3.0..12.0).contains(&lon) {
            return 32;
        }
        if (72.0..=84.0).contains(&lat) && (0.0..42.0).contains(&lon) {
            return match lon {
                ..9.0 => 31,
                ..21.0 => 33,
                ..33.0 => 35,
                _ => 37,
            };
        }
        // 180° itself belongs to zone 1.
        1 + (((lon + 180.0) / 6.0).floor() as u8) % 60
    }

    /// UTM coordinates in this place's own zone. Latitudes outside -80° to 84° are refused.
    pub fn to_utm(self) -> Result<Utm, GeometryError> {
        self.to_utm_in(self.utm_zone())
    }

    /// UTM coordinates in a given zone, for a map that goes over a zone's edge. Up to 30° from its central meridian.
    pub fn to_utm_in(self, zone: u8) -> Result<Utm, GeometryError> {
        finite(
            "position (latitude longitude)",
            &[self.latitude_deg, self.longitude_deg],
        )?;
        within(
            "latitude",
            self.latitude_deg,
            -80.0,
            84.0,
            "-80 to 84 degrees, which UTM covers",
        )?;
        let east_deg = wrap_degrees(self.longitude_deg - central_meridian_deg(zone)?);
        within(
            "distance from the UTM zone's central meridian",
            east_deg,
            -30.0,
            30.0,
            "-30 to 30 degrees",
        )?;
        let (sin_l, cos_l) = east_deg.to_radians().sin_cos();
        let tau = self.latitude_deg.to_radians().tan();
        let tau_c = conformal(tau);
        let xi_c = tau_c.atan2(cos_l);
        let eta_c = (sin_l / tau_c.hypot(cos_l)).asinh();
        let (mut xi, mut eta) = (xi_c, eta_c);
        for (j, alpha) in series_forward().into_iter().enumerate() {
            let k = 2.0 * (j + 1) as f64;
            xi += alpha * (k * xi_c).sin() * (k * eta_c).cosh();
            eta += alpha * (k * xi_c).cos() * (k * eta_c).sinh();
        }
        let scale = UTM_SCALE * rectifying_radius();
        let is_north = self.latitude_deg >= 0.0;
        let shift = if is_north { 0.0 } else { UTM_FALSE_NORTHING_M };
        Ok(Utm {
            zone,
            is_north,
            easting_m: scale * eta + UTM_FALSE_EASTING_M,
            northing_m: scale * xi + shift,
        })
    }
}

/// Universal transverse Mercator coordinates.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Utm {
    /// Zone, 1 to 60.
    pub zone: u8,
    /// In the northern half.
    pub is_north: bool,
    /// Easting, m.
    pub easting_m: f64,
    /// Northing, m.
    pub northing_m: f64,
}

impl Utm {
    /// The place, at height 0. Refuses what lies beyond the projection's reach (some 3,300 km from the meridian).
    pub fn to_geodetic(self) -> Result<Geodetic, GeometryError> {
        finite("UTM position", &[self.easting_m, self.northing_m])?;
        let scale = UTM_SCALE * rectifying_radius();
        let shift = if self.is_north { 0.0 } else { UTM_FALSE_NORTHING_M };
        let xi = (self.northing_m - shift) / scale;
        let eta = (self.easting_m - UTM_FALSE_EASTING_M) / scale;
        within("UTM easting", eta, -0.53, 0.53, "3,300 km from the central meridian")?;
        within(
            "UTM northing",
            xi,
            -std::f64::consts::FRAC_PI_2,
            std::f64::consts::FRAC_PI_2,
            "what lies between the poles",
        )?;
        let (mut xi_c, mut eta_c) = (xi, eta);
        for (j, beta) in series_back().into_iter().enumerate() {
            let k = 2.0 * (j + 1) as f64;
            xi_c -= beta * (k * xi).sin() * (k * eta).cosh();
            eta_c -= beta * (k * xi).cos() * (k * eta).sinh();
        }
        let tau_c = xi_c.sin() / eta_c.sinh().hypot(xi_c.cos());
        let mut tau = tau_c;
        for _ in 0..8 {
            let now = conformal(tau);
            let step = (tau_c - now) / now.hypot(1.0) * (1.0 + (1.0 - E2) * tau * tau) / ((1.0 - E2) * tau.hypot(1.0));
            tau += step;
            if step.abs() <= 1e-16 * tau.abs().max(1.0) {
                break;
            }
        }
        let east_deg = eta_c.sinh().atan2(xi_c.cos()).to_degrees();
        Geodetic::new(
            tau.atan().to_degrees(),
            wrap_degrees(central_meridian_deg(self.zone)? + east_deg),
            0.0,
        )
    }
}

fn within(what: &'static str, value: f64, low: f64, high: f64, range: &'static str) -> Result<(), GeometryError> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(GeometryError::OutOfRange { what, value, range })
    }
}

fn central_meridian_deg(zone: u8) -> Result<f64, GeometryError> {
    within("UTM zone", f64::from(zone), 1.0, 60.0, "1 to 60")?;
    Ok(f64::from(zone) * 6.0 - 183.0)
}

/// To -180 (included) to 180.
fn wrap_degrees(degrees: f64) -> f64 {
    if (-180.0..180.0).contains(&degrees) {
        degrees
    } else {
        (degrees + 180.0).rem_euclid(360.0) - 180.0
    }
}

/// Tangent of the conformal latitude from that of the geographic one.
fn conformal(tau: f64) -> f64 {
    let e = E2.sqrt();
    let secant = tau.hypot(1.0);
    let sigma = (e * (e * tau / secant).atanh()).sinh();
    tau * sigma.hypot(1.0) - sigma * secant
}

/// Third flattening.
const N: f64 = WGS84_F / (2.0 - WGS84_F);

/// Radius of the circle with a meridian's circumference, m.
fn rectifying_radius() -> f64 {
    let n2 = N * N;
    WGS84_A_M / (1.0 + N) * (1.0 + n2 * (1.0 / 4.0 + n2 * (1.0 / 64.0 + n2 / 256.0)))
}

fn polynomial(coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| (sum + c) * N)
}

/// α₁ to α₆: each list holds the factors of rising powers of n, from the first.
fn series_forward() -> [f64; 6] {
    [
        polynomial(&[
            1.0 / 2.0,
            -2.0 / 3.0,
            5.0 / 16.0,
            41.0 / 180.0,
            -127.0 / 288.0,
            7891.0 / 37800.0,
        ]),
        polynomial(&[
            0.0,
            13.0 / 48.0,
            -3.0 / 5.0,
            557.0 / 1440.0,
            281.0 / 630.0,
            -1_983_433.0 / 1_935_360.0,
        ]),
        polynomial(&[
            0.0,
            0.0,
            61.0 / 240.0,
            -103.0 / 140.0,
            15061.0 / 26880.0,
            167_603.0 / 181_440.0,
        ]),
        polynomial(&[
            0.0,
            0.0,
            0.0,
            49561.0 / 161_280.0,
            -179.0 / 168.0,
            6_601_661.0 / 7_257_600.0,
        ]),
        polynomial(&[0.0, 0.0, 0.0, 0.0, 34729.0 / 80640.0, -3_418_889.0 / 1_995_840.0]),
        polynomial(&[0.0, 0.0, 0.0, 0.0, 0.0, 212_378_941.0 / 319_334_400.0]),
    ]
}

/// β₁ to β₆.
fn series_back() -> [f64; 6] {
    [
        polynomial(&[
            1.0 / 2.0,
            -2.0 / 3.0,
            37.0 / 96.0,
            -1.0 / 360.0,
            -81.0 / 512.0,
            96199.0 / 604_800.0,
        ]),
        polynomial(&[
            0.0,
            1.0 / 48.0,
            1.0 / 15.0,
            -437.0 / 1440.0,
            46.0 / 105.0,
            -1_118_711.0 / 3_870_720.0,
        ]),
        polynomial(&[0.0, 0.0, 17.0 / 480.0, -37.0 / 840.0, -209.0 / 4480.0, 5569.0 / 90720.0]),
        polynomial(&[
            0.0,
            0.0,
            0.0,
            4397.0 / 161_280.0,
            -11.0 / 504.0,
            -830_251.0 / 7_257_600.0,
        ]),
        polynomial(&[0.0, 0.0, 0.0, 0.0, 4583.0 / 161_280.0, -108_847.0 / 3_991_680.0]),
        polynomial(&[0.0, 0.0, 0.0, 0.0, 0.0, 20_648_693.0 / 638_668_800.0]),
    ]
}
