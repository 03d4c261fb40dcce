//! Parameters: what can be asked of a world, as numbers or as distributions.

mod config;
mod dist;
mod scene;
mod schema;

pub use config::WorldConfig;
pub use dist::{Choice, Distribution, Follows, LogUniform, Normal, Scalar, Uniform};
pub use scene::{
    EgoParams, OpticsParams, RareParams, RoadKind, RoadParams, SceneParams, SurroundingsParams, TimeParams,
    TrafficParams, VehicleMix, WeatherParams,
};
pub use schema::world_schema;
