//! Networks and models for tests.

use std::sync::Arc;

use glam::Vec3;

use super::MakeModel;
use crate::actors::{Kinematics, Model, Variant};
use crate::object::ObjectClass;
use crate::road::{Control, Curve, Lane, LaneId, LaneKind, LineKind};

/// A driving lane.
pub(super) fn lane(id: u32, center: Curve, width: f32) -> Lane {
    Lane {
        id: LaneId(id),
        kind: LaneKind::Driving,
        width: vec![width; center.points().len()],
        center,
        successors: Vec::new(),
        predecessors: Vec::new(),
        left: None,
        right: None,
        left_line: LineKind::Broken,
        right_line: LineKind::Solid,
        speed_limit: 13.9,
        junction: None,
        control: Control::Free,
        yields_to: Vec::new(),
        turn: 0,
    }
}

/// Boxes with wheels and nothing else.
pub(super) fn boxes() -> Arc<MakeModel> {
    Arc::new(|class, variant, seed| {
        let vary = 0.9 + 0.2 * ((seed.value() % 1000) as f32 / 1000.0);
        let size = match (class, variant) {
            (ObjectClass::Car, _) => Vec3::new(4.4, 1.8, 1.5),
            (ObjectClass::Van, _) => Vec3::new(5.4, 2.0, 2.3),
            (ObjectClass::Truck, Variant::Overturned) => Vec3::new(9.0, 3.2, 2.5),
            (ObjectClass::Truck, _) => Vec3::new(9.5, 2.5, 3.4),
            (ObjectClass::Bus, _) => Vec3::new(11.5, 2.5, 3.1),
            (ObjectClass::Motorcycle, _) => Vec3::new(2.1, 0.8, 1.5),
            (ObjectClass::Bicycle, _) => Vec3::new(1.75, 0.6, 1.7),
            (ObjectClass::Pedestrian, Variant::Lying) => Vec3::new(1.75, 0.6, 0.4),
            (ObjectClass::Pedestrian, Variant::Child) => Vec3::new(0.5, 0.4, 1.2),
            (ObjectClass::Pedestrian, _) => Vec3::new(0.7, 0.55, 1.75),
            (ObjectClass::Animal, _) => Vec3::new(1.4, 0.5, 1.0),
            _ => Vec3::new(0.6, 0.5, 0.3),
        } * Vec3::new(vary, 1.0, vary);
        let wheels = matches!(
            class,
            ObjectClass::Pedestrian | ObjectClass::Animal | ObjectClass::Debris
        );
        Model {
            class,
            kind: "box",
            size,
            parts: Vec::new(),
            lamps: Vec::new(),
            wheelbase: if wheels { 0.0 } else { size.x * 0.6 },
            wheel_radius: if wheels { 0.0 } else { 0.33 },
            kinematics: Kinematics::Rigid,
            attributes: Vec::new(),
        }
    })
}
