//! The parameters of a scene, every number fixed. In a file each may be a distribution instead.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that a scene is made from, besides its seed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SceneParams {
    /// The roads.
    pub road: RoadParams,
    /// What stands beside them.
    pub surroundings: SurroundingsParams,
    /// Where and when: the sun follows.
    pub time: TimeParams,
    /// The weather.
    pub weather: WeatherParams,
    /// Who is on the road.
    pub traffic: TrafficParams,
    /// The ego vehicle.
    pub ego: EgoParams,
    /// The state of the cameras' lenses.
    pub optics: OpticsParams,
    /// Rare things, each with the probability that a scene has it.
    pub rare: RareParams,
}

/// What kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoadKind {
    /// A dense town: short blocks, signals, pavements, parked cars.
    #[default]
    Urban,
    /// Houses with gardens, fewer signals.
    Suburban,
    /// Country roads between fields and woods.
    Rural,
    /// A motorway with two carriageways.
    Highway,
}

/// The roads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoadParams {
    /// What kind of place.
    pub kind: RoadKind,
    /// An OpenDRIVE file to take the roads from instead of making them; relative to the configuration file.
    pub opendrive: Option<String>,
    /// Distance between junctions, m.
    #[schemars(range(min = 40.0, max = 2000.0))]
    pub block_length: f64,
    /// Side of the area with roads, m.
    #[schemars(range(min = 150.0, max = 5000.0))]
    pub extent: f64,
    /// Lanes in each direction of a main road.
    #[schemars(range(min = 1, max = 4))]
    pub lanes: u32,
    /// Width of a lane, m.
    #[schemars(range(min = 2.5, max = 4.5))]
    pub lane_width: f64,
    /// How much roads bend: 0 straight, 1 strongly.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub curviness: f64,
    /// Height of hills, m.
    #[schemars(range(min = 0.0, max = 60.0))]
    pub hills: f64,
    /// Fraction of junctions with signals.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub signals: f64,
    /// Fraction of junction arms with a crossing for people on foot.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub crossings: f64,
    /// Fraction of roads with a lane for bicycles.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub bicycle_lanes: f64,
    /// How worn the road is: patches, cracks, faded paint; 0 new, 1 worn out.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub wear: f64,
    /// Traffic keeps to the left.
    pub left_hand: bool,
}

impl Default for RoadParams {
    fn default() -> Self {
        Self {
            kind: RoadKind::Urban,
            opendrive: None,
            block_length: 110.0,
            extent: 480.0,
            lanes: 1,
            lane_width: 3.4,
            curviness: 0.3,
            hills: 4.0,
            signals: 0.5,
            crossings: 0.6,
            bicycle_lanes: 0.3,
            wear: 0.4,
            left_hand: false,
        }
    }
}

/// What stands beside the roads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SurroundingsParams {
    /// Fraction of plots with a building.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub buildings: f64,
    /// Typical height of a building, storeys.
    #[schemars(range(min = 1.0, max = 40.0))]
    pub storeys: f64,
    /// Trees, bushes and hedges: 0 none, 1 lush.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub vegetation: f64,
    /// Season of the leaves: 0 bare, 1 full summer.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub foliage: f64,
    /// Distance between street lamps, m.
    #[schemars(range(min = 10.0, max = 200.0))]
    pub lamp_spacing: f64,
    /// Fraction of street lamps that work.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub lamps_working: f64,
    /// Benches, bins, bollards, boxes, bus shelters: 0 none, 1 many.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub furniture: f64,
    /// Fraction of windows lit at night.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub lit_windows: f64,
}

impl Default for SurroundingsParams {
    fn default() -> Self {
        Self {
            buildings: 0.85,
            storeys: 4.0,
            vegetation: 0.5,
            foliage: 0.9,
            lamp_spacing: 32.0,
            lamps_working: 0.95,
            furniture: 0.5,
            lit_windows: 0.3,
        }
    }
}

/// Where and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimeParams {
    /// Latitude of the place, degrees, north positive.
    #[schemars(range(min = -89.0, max = 89.0))]
    pub latitude_deg: f64,
    /// Longitude of the place, degrees, east positive.
    #[schemars(range(min = -180.0, max = 180.0))]
    pub longitude_deg: f64,
    /// Day of the year.
    #[schemars(range(min = 1, max = 366))]
    pub day_of_year: u32,
    /// Local solar time, hours: 12 is when the sun is highest.
    #[schemars(range(min = 0.0, max = 24.0))]
    pub hour: f64,
}

impl Default for TimeParams {
    fn default() -> Self {
        Self {
            latitude_deg: 48.1,
            longitude_deg: 11.6,
            day_of_year: 170,
            hour: 14.0,
        }
    }
}

/// The weather.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WeatherParams {
    /// Cloud cover: 0 clear, 1 overcast (no shadows).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub clouds: f64,
    /// Rain, mm/h.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub rain_mm_per_h: f64,
    /// Falling snow, mm/h of water.
    #[schemars(range(min = 0.0, max = 20.0))]
    pub snowfall_mm_per_h: f64,
    /// Fraction of the ground covered by snow.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub snow_cover: f64,
    /// Water on the road: 0 dry, 1 standing water with mirror images.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub wetness: f64,
    /// Meteorological visibility, m: contrast falls to 5 % over this distance.
    #[schemars(range(min = 20.0, max = 50000.0))]
    pub visibility_m: f64,
}

impl Default for WeatherParams {
    fn default() -> Self {
        Self {
            clouds: 0.2,
            rain_mm_per_h: 0.0,
            snowfall_mm_per_h: 0.0,
            snow_cover: 0.0,
            wetness: 0.0,
            visibility_m: 20000.0,
        }
    }
}

/// Who is on the road. Densities are per kilometre of road of the network near the ego vehicle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrafficParams {
    /// Moving motor vehicles per kilometre of lane.
    #[schemars(range(min = 0.0, max = 120.0))]
    pub vehicles_per_km: f64,
    /// Fraction of parking places taken.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub parked: f64,
    /// People on foot per kilometre of pavement.
    #[schemars(range(min = 0.0, max = 400.0))]
    pub pedestrians_per_km: f64,
    /// Fraction of the people on foot who are in a group.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub groups: f64,
    /// Fraction of the people on foot who are children.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub children: f64,
    /// Cyclists per kilometre of road.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub cyclists_per_km: f64,
    /// Fraction of cyclists with their lights on at night.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cyclist_lights: f64,
    /// Animals per kilometre of road.
    #[schemars(range(min = 0.0, max = 50.0))]
    pub animals_per_km: f64,
    /// Things lying on the road, per kilometre of road.
    #[schemars(range(min = 0.0, max = 50.0))]
    pub debris_per_km: f64,
    /// Weights of the kinds of motor vehicles.
    pub mix: VehicleMix,
    /// Mean factor of drivers' speeds over the limit.
    #[schemars(range(min = 0.3, max = 1.5))]
    pub speed_factor: f64,
    /// Time gap that drivers keep, s (IDM's T).
    #[schemars(range(min = 0.5, max = 4.0))]
    pub time_gap_s: f64,
    /// Fraction of people on foot who cross where there is no crossing, in a minute.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub jaywalking: f64,
}

impl Default for TrafficParams {
    fn default() -> Self {
        Self {
            vehicles_per_km: 18.0,
            parked: 0.6,
            pedestrians_per_km: 40.0,
            groups: 0.35,
            children: 0.12,
            cyclists_per_km: 6.0,
            cyclist_lights: 0.8,
            animals_per_km: 0.8,
            debris_per_km: 0.8,
            mix: VehicleMix::default(),
            speed_factor: 1.0,
            time_gap_s: 1.5,
            jaywalking: 0.05,
        }
    }
}

/// Weights of the kinds of motor vehicles; they need not sum to one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VehicleMix {
    /// Cars.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub car: f64,
    /// Vans.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub van: f64,
    /// Trucks.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub truck: f64,
    /// Buses.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub bus: f64,
    /// Motorcycles.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub motorcycle: f64,
}

impl Default for VehicleMix {
    fn default() -> Self {
        Self {
            car: 70.0,
            van: 10.0,
            truck: 9.0,
            bus: 5.0,
            motorcycle: 6.0,
        }
    }
}

/// The ego vehicle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EgoParams {
    /// Factor of its speed over the limit.
    #[schemars(range(min = 0.1, max = 1.5))]
    pub speed_factor: f64,
    /// Headlights on by night.
    pub headlights: bool,
}

impl Default for EgoParams {
    fn default() -> Self {
        Self {
            speed_factor: 0.95,
            headlights: true,
        }
    }
}

/// The state of the cameras' lenses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpticsParams {
    /// Dirt on the lens: 0 clean, 1 heavily soiled.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dirt: f64,
    /// Water drops on the lens: 0 none, 1 covered.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub drops: f64,
    /// Flare and veiling glare from bright lights: 0 none, 1 strong.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub flare: f64,
    /// Exposure against what the camera would choose, stops.
    #[schemars(range(min = -4.0, max = 4.0))]
    pub exposure_bias: f64,
    /// Factor of the sensor's noise.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub noise: f64,
}

impl Default for OpticsParams {
    fn default() -> Self {
        Self {
            dirt: 0.0,
            drops: 0.0,
            flare: 0.3,
            exposure_bias: 0.0,
            noise: 1.0,
        }
    }
}

/// Rare things: the probability that a scene has each, placed where the ego vehicle will meet it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RareParams {
    /// A cyclist without lights on the ego vehicle's lane.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub unlit_cyclist: f64,
    /// A child that walks onto the road from behind a parked van.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub child_behind_van: f64,
    /// An overturned truck across the road.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub overturned_truck: f64,
    /// A bus with bicycles on a rack.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub bus_with_bicycles: f64,
    /// A person lying on the road.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub person_lying: f64,
    /// A herd of animals on the road.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub herd: f64,
    /// A car that drives on the wrong side.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub wrong_way_driver: f64,
    /// Lost cargo spread over the lane.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub lost_cargo: f64,
}
