//! Boxes in space, and their overlaps.

use glam::{DQuat, DVec2, DVec3};

use crate::geometry_error::finite;
use crate::{BBox, Camera, CameraModel, GeometryError, Se3};

/// Points nearer to the camera's plane than this are cut off before projection, m.
const NEAR_M: f64 = 0.05;

/// Pieces that an edge is cut into where the lens bends it.
const EDGE_PIECES: u32 = 16;

/// A rectangle seen from above: centre (m), length along its heading, width across, and heading (radians, counter-clockwise
/// from x).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BevBox {
    /// Centre, m.
    pub center: [f64; 2],
    /// Extent along the heading, m.
    pub length: f64,
    /// Extent across, m.
    pub width: f64,
    /// Heading, radians.
    pub yaw: f64,
}

impl BevBox {
    /// Corners, counter-clockwise, beginning at the front left.
    pub fn corners(&self) -> [[f64; 2]; 4] {
        self.corners_around(DVec2::ZERO).map(|c| c.to_array())
    }

    /// Corners relative to a point: far from the origin (in UTM, say) the differences keep their digits.
    fn corners_around(&self, origin: DVec2) -> [DVec2; 4] {
        let center = DVec2::from_array(self.center) - origin;
        let (sin, cos) = self.yaw.sin_cos();
        let half = DVec2::new(0.5 * self.length, 0.5 * self.width);
        [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)].map(|(sx, sy)| {
            let (x, y) = (sx * half.x, sy * half.y);
            center + DVec2::new(cos * x - sin * y, sin * x + cos * y)
        })
    }

    /// Area, m²; 0 for a rectangle that is inside out or not a number.
    pub fn area(&self) -> f64 {
        self.length.max(0.0) * self.width.max(0.0)
    }

    /// Area that both cover, m²: one rectangle clipped by the four sides of the other (Sutherland–Hodgman). 0 when
    /// either is flat, inside out or not finite.
    pub fn intersection_area(&self, other: &Self) -> f64 {
        let values = [self, other].map(|b| [b.center[0], b.center[1], b.length, b.width, b.yaw]);
        if !values.as_flattened().iter().all(|v| v.is_finite()) || self.area() <= 0.0 || other.area() <= 0.0 {
            return 0.0;
        }
        let origin = DVec2::from_array(self.center);
        let reach = 0.5 * (self.length.hypot(self.width) + other.length.hypot(other.width));
        if (DVec2::from_array(other.center) - origin).length() > reach {
            return 0.0;
        }
        let sides = other.corners_around(origin);
        let mut polygon = Vec::with_capacity(8);
        polygon.extend(self.corners_around(origin));
        let mut clipped = Vec::with_capacity(8);
        for i in 0..4 {
            let (a, b) = (sides[i], sides[(i + 1) % 4]);
            let inside = |p: DVec2| (b - a).perp_dot(p - a);
            clipped.clear();
            for j in 0..polygon.len() {
                let (p, q) = (polygon[j], polygon[(j + 1) % polygon.len()]);
                let (dp, dq) = (inside(p), inside(q));
                if dp >= 0.0 {
                    clipped.push(p);
                }
                // Strictly on opposite sides: the division is safe however nearly parallel the edges are.
                if (dp > 0.0 && dq < 0.0) || (dp < 0.0 && dq > 0.0) {
                    clipped.push(p + (q - p) * (dp / (dp - dq)));
                }
            }
            std::mem::swap(&mut polygon, &mut clipped);
        }
        let Some((&first, rest)) = polygon.split_first() else {
            return 0.0;
        };
        let doubled: f64 = rest
            .windows(2)
            .map(|pair| (pair[0] - first).perp_dot(pair[1] - first))
            .sum();
        (0.5 * doubled).clamp(0.0, self.area().min(other.area()))
    }

    /// Intersection over union, 0 to 1; 0 when either is flat.
    pub fn iou(&self, other: &Self) -> f64 {
        let both = self.intersection_area(other);
        ratio(both, self.area() + other.area() - both)
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if part > 0.0 && whole > 0.0 {
        (part / whole).min(1.0)
    } else {
        0.0
    }
}

/// A box in space. Its own frame is x forward (length), y left (width), z up (height), the origin in the middle.
///
/// As JSON and in tables it is ten numbers, `x y z length width height qw qx qy qz`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "[f64; 10]", into = "[f64; 10]")]
pub struct Cuboid {
    /// Centre, m.
    pub center: DVec3,
    /// Extent along the box's x axis, m.
    pub length: f64,
    /// Extent along the box's y axis, m.
    pub width: f64,
    /// Extent along the box's z axis, m.
    pub height: f64,
    /// Unit quaternion from the box's axes to the frame's.
    pub rotation: DQuat,
}

impl Cuboid {
    /// From the pose `frame_from_box` and `[length, width, height]`, which must be finite and not negative.
    pub fn new(frame_from_box: Se3, size: [f64; 3]) -> Result<Self, GeometryError> {
        finite("cuboid size", &size)?;
        for (what, value) in ["cuboid length", "cuboid width", "cuboid height"].into_iter().zip(size) {
            if value < 0.0 {
                return Err(GeometryError::OutOfRange {
                    what,
                    value,
                    range: "the numbers from 0",
                });
            }
        }
        let [length, width, height] = size;
        Ok(Self {
            center: frame_from_box.translation(),
            length,
            width,
            height,
            rotation: frame_from_box.rotation(),
        })
    }

    /// From the ten numbers of a table: `x y z length width height qw qx qy qz`.
    pub fn from_slice(values: &[f64]) -> Result<Self, GeometryError> {
        let [x, y, z, length, width, height, qw, qx, qy, qz] = *values else {
            return Err(GeometryError::WrongCount {
                what: "a cuboid",
                expected: "10 (x y z length width height qw qx qy qz)",
                found: values.len(),
            });
        };
        Self::new(
            Se3::from_xyz_wxyz([x, y, z], [qw, qx, qy, qz])?,
            [length, width, height],
        )
    }

    /// The ten numbers of a table: `x y z length width height qw qx qy qz`.
    pub fn to_array(self) -> [f64; 10] {
        let (c, q) = (self.center, self.rotation);
        [c.x, c.y, c.z, self.length, self.width, self.height, q.w, q.x, q.y, q.z]
    }

    /// The pose `frame_from_box`.
    pub fn pose(&self) -> Result<Se3, GeometryError> {
        Se3::new(self.rotation, self.center)
    }

    /// The same box in another frame.
    #[must_use]
    pub fn transformed(self, target_from_frame: Se3) -> Self {
        Self {
            center: target_from_frame * self.center,
            rotation: target_from_frame.rotation() * self.rotation,
            ..self
        }
    }

    /// Heading about z, radians in -π..=π.
    pub fn yaw(&self) -> f64 {
        let q = self.rotation;
        (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z))
    }

    /// Volume, m³.
    pub fn volume(&self) -> f64 {
        self.length * self.width * self.height
    }

    /// The eight corners: the four of the top, front left first and counter-clockwise seen from above, then those below.
    pub fn corners(&self) -> [DVec3; 8] {
        let half = DVec3::new(self.length, self.width, self.height) * 0.5;
        [
            (1.0, 1.0, 1.0),
            (-1.0, 1.0, 1.0),
            (-1.0, -1.0, 1.0),
            (1.0, -1.0, 1.0),
            (1.0, 1.0, -1.0),
            (-1.0, 1.0, -1.0),
            (-1.0, -1.0, -1.0),
            (1.0, -1.0, -1.0),
        ]
        .map(|(x, y, z)| self.center + self.rotation * (half * DVec3::new(x, y, z)))
    }

    /// The box from above, upright: roll and pitch are taken as zero, as driving benchmarks do.
    pub fn bev(&self) -> BevBox {
        BevBox {
            center: [self.center.x, self.center.y],
            length: self.length,
            width: self.width,
            yaw: self.yaw(),
        }
    }

    /// Intersection over union seen from above.
    pub fn rotated_iou_bev(&self, other: &Self) -> f64 {
        self.bev().iou(&other.bev())
    }

    /// Intersection over union of volumes, both boxes taken as upright: overlap seen from above times overlap in height.
    pub fn iou_3d(&self, other: &Self) -> f64 {
        let span = |c: &Self| (c.center.z - 0.5 * c.height, c.center.z + 0.5 * c.height);
        let ((a0, a1), (b0, b1)) = (span(self), span(other));
        let tall = a1.min(b1) - a0.max(b0);
        if tall.is_nan() || tall <= 0.0 {
            return 0.0;
        }
        let both = self.bev().intersection_area(&other.bev()) * tall;
        ratio(both, self.volume() + other.volume() - both)
    }

    /// The box in the image around what the camera sees of this one, clipped to the image. `None` when nothing is in it.
    ///
    /// What lies behind the camera is cut off first, and where the lens bends straight edges they are followed in pieces.
    pub fn project(&self, camera: &Camera, camera_from_frame: Se3) -> Option<BBox> {
        let mut bounds: Option<BBox> = None;
        for [u, v] in self.project_edges(camera, camera_from_frame).into_iter().flatten() {
            bounds = Some(match bounds {
                None => BBox::new(u, v, u, v),
                Some(o) => BBox::new(o.x_min.min(u), o.y_min.min(v), o.x_max.max(u), o.y_max.max(v)),
            });
        }
        let size = camera.intrinsics();
        let clipped = bounds?.clip(f64::from(size.width), f64::from(size.height));
        clipped.is_valid().then_some(clipped)
    }

    /// The twelve edges as the camera sees them, px: lines, which may leave the image. What lies behind the camera, or where the lens model ends, is
    /// cut off; an edge of which nothing is left is missing.
    pub fn project_edges(&self, camera: &Camera, camera_from_frame: Se3) -> Vec<Vec<[f64; 2]>> {
        const EDGES: [(usize, usize); 12] = [
            (0, 1),
            (1, 2),
            (2, 3),
            (3, 0),
            (4, 5),
            (5, 6),
            (6, 7),
            (7, 4),
            (0, 4),
            (1, 5),
            (2, 6),
            (3, 7),
        ];
        let corners = self.corners().map(|c| camera_from_frame * c);
        let pieces = if camera.model() == CameraModel::Pinhole {
            1
        } else {
            EDGE_PIECES
        };
        let mut lines: Vec<Vec<[f64; 2]>> = Vec::with_capacity(EDGES.len());
        for (a, b) in EDGES {
            let (mut a, mut b) = (corners[a], corners[b]);
            if a.z < NEAR_M && b.z < NEAR_M {
                continue;
            }
            if a.z < NEAR_M {
                a = b + (a - b) * ((b.z - NEAR_M) / (b.z - a.z));
            } else if b.z < NEAR_M {
                b = a + (b - a) * ((a.z - NEAR_M) / (a.z - b.z));
            }
            let mut line = Vec::new();
            for piece in 0..=pieces {
                let t = f64::from(piece) / f64::from(pieces);
                match camera.project(a.lerp(b, t)) {
                    Some(pixel) => line.push(pixel),
                    // A gap: what comes after it is another line.
                    None => lines.push(std::mem::take(&mut line)),
                }
            }
            lines.push(line);
        }
        lines.retain(|line| !line.is_empty());
        lines
    }
}

impl TryFrom<[f64; 10]> for Cuboid {
    type Error = GeometryError;

    fn try_from(values: [f64; 10]) -> Result<Self, GeometryError> {
        Self::from_slice(&values)
    }
}

impl From<Cuboid> for [f64; 10] {
    fn from(cuboid: Cuboid) -> Self {
        cuboid.to_array()
    }
}
