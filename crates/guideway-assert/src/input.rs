//! What is checked: frames in the order of time, and what was found or labelled in them.

use guideway_core::{BBox, Cuboid, DVec3, Se3};

/// What a sensor can see, which decides where objects may come from and go to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum View {
    /// Not known: rules that need to know where the view ends are not checked.
    #[default]
    Unknown,
    /// An image of this size, px.
    Image {
        /// Width, px.
        width: f64,
        /// Height, px.
        height: f64,
    },
    /// All around the vehicle, as a lidar on its roof does.
    Around,
}

/// The frame of reference of a frame's cuboids, velocities and ground heights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Axes {
    /// The vehicle's: x forward, y left, z up.
    #[default]
    Ego,
    /// The world's, with z up.
    World,
}

/// One image or sweep.
#[derive(Debug, Clone, Copy, Default)]
pub struct Frame<'a> {
    /// The recording that it belongs to. Recordings come one after the other.
    pub recording: &'a str,
    /// The sensor. Frames of several sensors may come interleaved; each sensor is checked by itself.
    pub sensor: &'a str,
    /// When, ns. It ascends for each sensor.
    pub stamp_ns: i64,
    /// Its id in the tables, for the evidence.
    pub frame_id: Option<&'a str>,
    /// What the sensor sees.
    pub view: View,
    /// Frame of reference of the cuboids.
    pub axes: Axes,
    /// Where the vehicle was. Without it speeds cannot be checked, unless cuboids are in the world or have velocities.
    pub world_from_ego: Option<Se3>,
}

/// Something found or labelled in a frame. Everything but the class is optional; rules that need what is not there are counted as not checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observation<'a> {
    /// Class, as the data call it.
    pub class: &'a str,
    /// Its id in the tables, for the evidence.
    pub id: Option<&'a str>,
    /// How sure the detector is, 0..=1; `None` for labels.
    pub score: Option<f64>,
    /// Identity within the recording. Without one, observations are linked by where they are.
    pub track: Option<&'a str>,
    /// Box in the image, px.
    pub bbox: Option<BBox>,
    /// Cuboid, in the frame's [`Axes`].
    pub cuboid: Option<Cuboid>,
    /// Velocity over ground, m/s, along the frame's [`Axes`].
    pub velocity: Option<DVec3>,
    /// Lidar points in the cuboid.
    pub points: Option<u32>,
    /// Height of the ground below its centre: z in the frame's [`Axes`], m.
    pub ground_z: Option<f64>,
    /// Does a map say that it is inside a wall or another solid thing?
    pub in_solid: Option<bool>,
    /// How much of it is hidden, 0..=1, where known.
    pub occlusion: Option<f64>,
}
