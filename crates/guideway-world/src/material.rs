//! What surfaces look like, to a camera and to a lidar.

use glam::Vec3;
use serde::{Deserialize, Serialize};

/// What a surface is, for semantic masks. The numbers are what the masks hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Semantic {
    /// Nothing was hit.
    Sky = 0,
    /// Drivable surface without paint.
    Road = 1,
    /// Paint on the road: lane lines, arrows, stop lines, crossings.
    LaneMarking = 2,
    /// Pavement for people on foot.
    Sidewalk = 3,
    /// The edge between road and pavement.
    Kerb = 4,
    /// Grass, soil, fields.
    Terrain = 5,
    /// Trees, bushes, hedges.
    Vegetation = 6,
    /// Houses, halls, sheds, bus shelters.
    Building = 7,
    /// Walls, guard rails, fences.
    Barrier = 8,
    /// Posts, lamp posts, gantries, bollards.
    Pole = 9,
    /// Traffic lights.
    TrafficLight = 10,
    /// Traffic signs.
    TrafficSign = 11,
    /// Cars.
    Car = 12,
    /// Vans.
    Van = 13,
    /// Trucks.
    Truck = 14,
    /// Buses.
    Bus = 15,
    /// Motorcycles with their riders.
    Motorcycle = 16,
    /// Bicycles with their riders.
    Bicycle = 17,
    /// People on foot.
    Pedestrian = 18,
    /// Animals.
    Animal = 19,
    /// Things on the road that do not belong there.
    Debris = 20,
    /// Benches, bins, boxes and other street furniture.
    Furniture = 21,
}

/// Which switch turns a surface's emission on. [`Lamps`](crate::state::Lamps) and signals say which switches are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Switch {
    /// Always on (or no emission at all).
    #[default]
    Always,
    /// Low-beam headlights, front position lights.
    Head,
    /// Tail lights and number plate.
    Tail,
    /// Brake lights.
    Brake,
    /// Left indicator.
    Left,
    /// Right indicator.
    Right,
    /// Reversing lights.
    Reverse,
    /// Blue or amber beacons, and other blinking lights.
    Beacon,
    /// A signal's red lamp.
    Red,
    /// A signal's amber lamp.
    Amber,
    /// A signal's green lamp.
    Green,
    /// On by night: street lamps, lit windows, illuminated signs.
    Night,
}

/// A procedural texture: a factor on the albedo, computed from the point in the frame of the mesh (metres).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Pattern {
    /// None.
    #[default]
    Plain,
    /// Smooth noise: wavelength (m) and strength (0 to 1).
    Noise {
        /// Wavelength, m.
        scale: f32,
        /// Strength, 0 to 1.
        amount: f32,
    },
    /// Asphalt: fine grain, patches, cracks along the lane.
    Asphalt,
    /// Grass and soil.
    Grass,
    /// Leaves: strong noise of light and dark at this wavelength, m.
    Leaves {
        /// Wavelength, m.
        scale: f32,
    },
    /// Bricks or slabs of this length and height, m, with joints.
    Bricks {
        /// Length, m.
        length: f32,
        /// Height, m.
        height: f32,
    },
    /// Stripes of two shades across x, width in m.
    Stripes {
        /// Width of a stripe, m.
        width: f32,
    },
    /// A checker of two shades, m. Also for fabrics.
    Checker {
        /// Side of a field, m.
        size: f32,
    },
}

/// A surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Material {
    /// Albedo, linear RGB, 0 to 1.
    pub color: Vec3,
    /// Texture on the albedo.
    pub pattern: Pattern,
    /// Strength of reflection at normal incidence, 0 to 1: 0.02 for cloth, 0.04 for paint and glass, 0.6 for chrome.
    pub specular: f32,
    /// Roughness of the reflection, 0 (mirror) to 1 (none visible).
    pub roughness: f32,
    /// Emitted radiance, linear RGB, in units where a white wall in full sun is 1. Counts while `switch` is on.
    pub emission: Vec3,
    /// What turns the emission on.
    pub switch: Switch,
    /// How much light goes straight back to where it came from, 0 to 1: signs, reflectors, safety vests, number plates.
    pub retro: f32,
    /// Reflectivity for a lidar at 905 nm, 0 to 1 (above 1 for retroreflectors).
    pub lidar: f32,
    /// What it is.
    pub semantic: Semantic,
}

impl Material {
    /// A matte surface of this colour (linear RGB).
    pub fn matte(semantic: Semantic, color: [f32; 3]) -> Self {
        let color = Vec3::from_array(color);
        Self {
            color,
            pattern: Pattern::Plain,
            specular: 0.02,
            roughness: 0.9,
            emission: Vec3::ZERO,
            switch: Switch::Always,
            retro: 0.0,
            // Most dyes are brighter at 905 nm than to the eye.
            lidar: 0.1 + 0.6 * color.element_sum() / 3.0,
            semantic,
        }
    }

    /// Glossy paint of this colour (linear RGB).
    pub fn paint(semantic: Semantic, color: [f32; 3]) -> Self {
        Self {
            specular: 0.05,
            roughness: 0.15,
            ..Self::matte(semantic, color)
        }
    }

    /// Dark glass, as windows look from outside by day.
    pub fn glass(semantic: Semantic) -> Self {
        Self {
            specular: 0.08,
            roughness: 0.02,
            lidar: 0.04,
            ..Self::matte(semantic, [0.015, 0.02, 0.025])
        }
    }

    /// Bare or chromed metal.
    pub fn metal(semantic: Semantic, color: [f32; 3]) -> Self {
        Self {
            specular: 0.5,
            roughness: 0.3,
            ..Self::matte(semantic, color)
        }
    }

    /// Black rubber.
    pub fn rubber(semantic: Semantic) -> Self {
        Self {
            lidar: 0.06,
            ..Self::matte(semantic, [0.02, 0.02, 0.02])
        }
    }

    /// A lamp behind a switch: its lens colour by day, its radiance when on.
    pub fn lamp(semantic: Semantic, lens: [f32; 3], switch: Switch, emission: [f32; 3]) -> Self {
        Self {
            emission: Vec3::from_array(emission),
            switch,
            specular: 0.06,
            roughness: 0.1,
            ..Self::matte(semantic, lens)
        }
    }

    /// With this texture.
    #[must_use]
    pub fn pattern(self, pattern: Pattern) -> Self {
        Self { pattern, ..self }
    }

    /// With this retroreflection.
    #[must_use]
    pub fn retro(self, retro: f32) -> Self {
        Self {
            retro,
            lidar: self.lidar + retro,
            ..self
        }
    }
}

/// Linear RGB from 8-bit sRGB, for colours written as people know them.
///
/// ```
/// let white = guideway_world::material::srgb(255, 255, 255);
/// assert!((white[0] - 1.0).abs() < 1e-6);
/// ```
pub fn srgb(r: u8, g: u8, b: u8) -> [f32; 3] {
    [r, g, b].map(|channel| {
        let v = f32::from(channel) / 255.0;
        if v <= 0.04045 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        }
    })
}
