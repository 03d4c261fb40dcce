//! The classes that are labelled.

use serde::{Deserialize, Serialize};

use crate::material::Semantic;

/// A labelled class. Names are those of guideway's taxonomy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectClass {
    /// Passenger cars.
    Car,
    /// Vans and minibuses.
    Van,
    /// Trucks, with their trailers.
    Truck,
    /// Buses and coaches.
    Bus,
    /// Motorcycles and scooters, with their riders.
    Motorcycle,
    /// Bicycles, with their riders.
    Bicycle,
    /// People on foot, also with prams and wheelchairs.
    Pedestrian,
    /// Animals.
    Animal,
    /// Lost cargo, tyres, boxes, branches on the road.
    Debris,
    /// Traffic lights (one head).
    TrafficLight,
    /// Traffic signs (one plate).
    TrafficSign,
}

impl ObjectClass {
    /// Every class.
    pub const ALL: [Self; 11] = [
        Self::Car,
        Self::Van,
        Self::Truck,
        Self::Bus,
        Self::Motorcycle,
        Self::Bicycle,
        Self::Pedestrian,
        Self::Animal,
        Self::Debris,
        Self::TrafficLight,
        Self::TrafficSign,
    ];

    /// Its name in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Car => "car",
            Self::Van => "van",
            Self::Truck => "truck",
            Self::Bus => "bus",
            Self::Motorcycle => "motorcycle",
            Self::Bicycle => "bicycle",
            Self::Pedestrian => "pedestrian",
            Self::Animal => "animal",
            Self::Debris => "debris",
            Self::TrafficLight => "traffic_light",
            Self::TrafficSign => "traffic_sign",
        }
    }

    /// Its value in semantic masks.
    pub fn semantic(self) -> Semantic {
        match self {
            Self::Car => Semantic::Car,
            Self::Van => Semantic::Van,
            Self::Truck => Semantic::Truck,
            Self::Bus => Semantic::Bus,
            Self::Motorcycle => Semantic::Motorcycle,
            Self::Bicycle => Semantic::Bicycle,
            Self::Pedestrian => Semantic::Pedestrian,
            Self::Animal => Semantic::Animal,
            Self::Debris => Semantic::Debris,
            Self::TrafficLight => Semantic::TrafficLight,
            Self::TrafficSign => Semantic::TrafficSign,
        }
    }

    /// Does it move under its own power in traffic?
    pub fn is_vehicle(self) -> bool {
        matches!(
            self,
            Self::Car | Self::Van | Self::Truck | Self::Bus | Self::Motorcycle | Self::Bicycle
        )
    }
}
