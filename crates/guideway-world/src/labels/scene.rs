//! Weather, time of day and traffic in words.

use guideway_core::DVec3;
use serde::Serialize;

use crate::params::{RoadKind, TimeParams, WeatherParams};
use crate::render::{Snapshot, sun_direction};

/// Vehicles within this distance of the ego vehicle are its traffic, m.
const NEAR_M: f32 = 80.0;

/// A sun this near to where a camera looks is in its picture or flares in its lens, degrees.
pub const GLARE_DEG: f64 = 35.0;

/// What a whole picture shows, in words that data sets use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SceneAttributes {
    /// `snow`, `rain`, `fog`, `overcast`, `partly_cloudy` or `clear`.
    pub weather: &'static str,
    /// `day`, `dawn`, `dusk` or `night`.
    pub time_of_day: &'static str,
    /// `urban`, `suburban`, `rural` or `highway`.
    pub road: &'static str,
    /// `dry`, `wet` or `snowy`.
    pub surface: &'static str,
    /// Traffic near the ego vehicle: `none`, `light`, `moderate` or `dense`.
    pub traffic: &'static str,
    /// Vehicles near the ego vehicle, parked ones too.
    pub vehicles: u32,
    /// People on foot near the ego vehicle.
    pub pedestrians: u32,
    /// Does the sun shine into the camera, or nearly so? Low, behind few clouds, and within [`GLARE_DEG`] of where the camera looks.
    pub glare: bool,
}

impl SceneAttributes {
    /// Of this scene, for a camera that looks along `looking`, a unit vector in the world frame.
    pub fn of(snapshot: &Snapshot<'_>, looking: DVec3) -> Self {
        let params = snapshot.params;
        let sun = sun_direction(&params.time).as_dvec3();
        let is_open = matches!(weather_word(&params.weather), "clear" | "partly_cloudy");
        let here = snapshot.state.ego.as_ref().map(|ego| ego.position).unwrap_or_default();
        let near = || {
            snapshot
                .state
                .actors
                .iter()
                .filter(move |a| a.position.distance(here) <= NEAR_M)
        };
        let moving = near()
            .filter(|a| a.model.class.is_vehicle() && a.activity != "parked")
            .count();
        Self {
            weather: weather_word(&params.weather),
            time_of_day: time_word(&params.time),
            road: match params.road.kind {
                RoadKind::Urban => "urban",
                RoadKind::Suburban => "suburban",
                RoadKind::Rural => "rural",
                RoadKind::Highway => "highway",
            },
            surface: if params.weather.snow_cover > 0.3 {
                "snowy"
            } else if params.weather.wetness > 0.2 {
                "wet"
            } else {
                "dry"
            },
            traffic: match moving {
                0 => "none",
                1..=4 => "light",
                5..=11 => "moderate",
                _ => "dense",
            },
            vehicles: near().filter(|a| a.model.class.is_vehicle()).count() as u32,
            pedestrians: near()
                .filter(|a| a.model.class == crate::ObjectClass::Pedestrian)
                .count() as u32,
            glare: is_open && sun.z > 0.0 && looking.dot(sun) > GLARE_DEG.to_radians().cos(),
        }
    }
}

/// The word for this weather: what falls comes before what hangs, and that before clouds.
pub fn weather_word(weather: &WeatherParams) -> &'static str {
    if weather.snowfall_mm_per_h > 0.1 {
        "snow"
    } else if weather.rain_mm_per_h > 0.1 {
        "rain"
    } else if weather.visibility_m < 1000.0 {
        // The World Meteorological Organization's limit between fog and mist.
        "fog"
    } else if weather.clouds > 0.75 {
        "overcast"
    } else if weather.clouds > 0.25 {
        "partly_cloudy"
    } else {
        "clear"
    }
}

/// The word for this time: between day and night the sun is 6° below the horizon (civil twilight) to 3° above it.
pub fn time_word(time: &TimeParams) -> &'static str {
    let elevation = f64::from(sun_direction(time).z).asin().to_degrees();
    if elevation > 3.0 {
        "day"
    } else if elevation < -6.0 {
        "night"
    } else if time.hour < 12.0 {
        "dawn"
    } else {
        "dusk"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_follow_the_sun_and_the_sky() {
        let at = |hour: f64| {
            time_word(&TimeParams {
                hour,
                ..TimeParams::default()
            })
        };
        assert_eq!([at(12.0), at(0.5), at(4.0), at(20.2)], ["day", "night", "dawn", "dusk"]);
        let weather = WeatherParams {
            rain_mm_per_h: 4.0,
            visibility_m: 500.0,
            clouds: 1.0,
            ..WeatherParams::default()
        };
        assert_eq!(weather_word(&weather), "rain");
        assert_eq!(
            weather_word(&WeatherParams {
                rain_mm_per_h: 0.0,
                ..weather
            }),
            "fog"
        );
        assert_eq!(weather_word(&WeatherParams::default()), "clear");
    }
}
