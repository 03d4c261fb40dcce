//! Parameters: what can be asked of a world, as numbers or as distributions.

mod scene;

pub use scene::{
    EgoParams, OpticsParams, RareParams, RoadKind, RoadParams, SceneParams, SurroundingsParams, TimeParams,
    TrafficParams, VehicleMix, WeatherParams,
};
