//! The labels of a picture.

use std::collections::BTreeMap;

use guideway_core::mask::MaskError;
use guideway_core::{BBox, Camera, Cuboid, DVec3, Intrinsics, Rle, Se3};
use serde::{Serialize, Serializer};

use super::lanes::{LaneLineLabel, LaneLines};
use super::planes::{self, ObjectMask, SEMANTICS};
use super::scene::SceneAttributes;
use super::things::Thing;
use crate::object::ObjectClass;
use crate::render::{CameraFrame, ObjectId, Renderer, Shot, Silhouette, Snapshot};
use crate::sensors::EgoMotion;
use crate::state::SignalState;

/// How far unclipped boxes may reach beyond the image, px.
const BEYOND_PX: u32 = 1_000_000;

/// Which objects are labelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelOptions {
    /// Also those without a visible pixel that would have some if nothing stood before them.
    pub occluded: bool,
    /// Least number of visible pixels (of those that have any).
    pub min_pixels: u32,
    /// Objects without a visible pixel are only looked for up to this distance, m.
    pub occluded_within_m: f64,
}

impl Default for LabelOptions {
    fn default() -> Self {
        Self {
            occluded: false,
            min_pixels: 1,
            occluded_within_m: 100.0,
        }
    }
}

/// A picture with all that it was made from.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    /// What took it.
    pub renderer: &'a dyn Renderer,
    /// Of what.
    pub snapshot: &'a Snapshot<'a>,
    /// How.
    pub shot: &'a Shot,
    /// The picture.
    pub frame: &'a CameraFrame,
    /// The lane lines of the road network, if they are to be labelled.
    pub lanes: Option<&'a LaneLines>,
    /// Lidar points on each object in the sweep that belongs to the picture (see [`super::count_points`]).
    pub lidar_points: Option<&'a BTreeMap<ObjectId, u32>>,
}

/// One object in a picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectLabel {
    /// Number in the instance mask; for actors the track id.
    pub id: ObjectId,
    /// Class.
    pub class: ObjectClass,
    /// What it is in its class: `sedan`, `child`, `stop`, ….
    pub kind: String,
    /// Box around its visible pixels, px: that of `mask`. All zeros without a visible pixel.
    pub visible: BBox,
    /// Box around its cuboid, clipped to the image, px.
    pub amodal: BBox,
    /// The same, not clipped (up to a million pixels beyond the image).
    pub amodal_unclipped: BBox,
    /// Its visible pixels.
    #[serde(serialize_with = "coco")]
    pub mask: Rle,
    /// Its cuboid in the ego frame, both at `dt_s`: projected with the camera's calibration it gives `amodal`.
    pub cuboid_ego: Cuboid,
    /// Its cuboid in the world at `dt_s`.
    pub cuboid_world: Cuboid,
    /// Velocity in the world, m/s.
    pub velocity: [f64; 3],
    /// Rate of turn about the world's z, rad/s.
    pub yaw_rate: f64,
    /// When the row with its cuboid's centre was exposed, s after the picture's stamp; 0 for a global shutter.
    pub dt_s: f64,
    /// Fraction of its pixels in the image that other things hide.
    pub occlusion: f64,
    /// Fraction of it that lies outside the image.
    pub truncation: f64,
    /// Its pixels alone, in the image and beyond.
    pub silhouette: SilhouetteLabel,
    /// Points of the lidar sweep on it; `None` without a sweep.
    pub num_lidar_points: Option<u32>,
    /// From the camera to its cuboid's centre, m.
    pub distance_m: f64,
    /// Activity, colour, lamps, signal state, ….
    pub attributes: BTreeMap<String, String>,
}

/// Pixels of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SilhouetteLabel {
    /// Visible.
    pub visible: u32,
    /// In the image, if nothing stood before it.
    pub inside: u32,
    /// In the image and beyond its edges.
    pub total: u32,
}

/// All labels of a picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrameLabels {
    /// Objects, by number.
    pub objects: Vec<ObjectLabel>,
    /// Lane lines, visible parts.
    pub lanes: Vec<LaneLineLabel>,
    /// Pixels that can be driven on: road and the paint on it.
    #[serde(serialize_with = "coco")]
    pub drivable: Rle,
    /// Pixels of each value of [`Semantic`](crate::material::Semantic).
    #[serde(serialize_with = "list")]
    pub histogram: [u32; SEMANTICS],
    /// State of each traffic light with a visible pixel.
    pub signals: Vec<(ObjectId, SignalState)>,
    /// Weather, time of day, traffic.
    pub scene: SceneAttributes,
}

/// As COCO writes masks: `{"size": [height, width], "counts": "…"}`.
fn coco<S: Serializer>(mask: &Rle, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Coco {
        size: [u32; 2],
        counts: String,
    }
    let coco = Coco {
        size: [mask.height(), mask.width()],
        counts: mask.to_coco_string(),
    };
    coco.serialize(serializer)
}

fn list<S: Serializer>(values: &[u32; SEMANTICS], serializer: S) -> Result<S::Ok, S::Error> {
    values.as_slice().serialize(serializer)
}

/// The labels of a picture: everything that has a visible pixel, and what `options` add.
///
/// Boxes and masks are counted from the picture's object plane; occlusion is `1 − visible / inside` and truncation
/// `1 − inside / total`, in pixels of the object's silhouette rendered alone. With a rolling shutter an object's cuboid and
/// amodal box are those of the time at which the row of the cuboid's centre was exposed.
///
/// # Errors
/// [`MaskError`] for a picture whose planes do not fill its size.
pub fn label_picture(picture: &Picture<'_>, options: &LabelOptions) -> Result<FrameLabels, MaskError> {
    let Picture {
        renderer,
        snapshot,
        shot,
        frame,
        ..
    } = *picture;
    let planes = planes::read(frame)?;
    let view = View::new(snapshot, shot);
    let found = planes
        .objects
        .into_iter()
        .filter(|o| o.area >= options.min_pixels.max(1));
    let mut seen: Vec<(Thing<'_>, ObjectMask)> = found
        .filter_map(|mask| Some((Thing::find(snapshot, mask.object)?, mask)))
        .collect();
    if options.occluded {
        let empty = Rle::from_counts(frame.height, frame.width, vec![frame.height * frame.width])?;
        let hidden: Vec<_> = Thing::all(snapshot)
            .filter(|thing| frame_lacks(&seen, thing.id()) && view.may_show(thing, options.occluded_within_m))
            .map(|thing| {
                let nothing = ObjectMask {
                    object: thing.id(),
                    mask: empty.clone(),
                    area: 0,
                };
                (thing, nothing)
            })
            .collect();
        seen.extend(hidden);
        seen.sort_by_key(|(thing, _)| thing.id());
    }
    let ids: Vec<ObjectId> = seen.iter().map(|(thing, _)| thing.id()).collect();
    let silhouettes = renderer.silhouettes(snapshot, shot, &ids);
    let mut signals = Vec::new();
    let mut objects = Vec::with_capacity(seen.len());
    for ((thing, mask), silhouette) in seen.into_iter().zip(silhouettes) {
        if mask.area == 0 && silhouette.inside == 0 {
            continue;
        }
        if let Thing::Standing(id, _, Some(state)) = thing
            && mask.area > 0
        {
            signals.push((id, state));
        }
        let points = picture
            .lidar_points
            .map(|counts| counts.get(&thing.id()).copied().unwrap_or(0));
        objects.push(view.label(&thing, mask, silhouette, points));
    }
    Ok(FrameLabels {
        objects,
        lanes: picture
            .lanes
            .map_or_else(Vec::new, |lanes| lanes.in_picture(snapshot, shot, frame)),
        drivable: planes.drivable,
        histogram: planes.histogram,
        signals,
        scene: SceneAttributes::of(snapshot, view.looking()),
    })
}

/// Is this object without a pixel? What has too few of them is not "hidden" either, so the picture's plane would have to be
/// asked; the list of what was found is sorted and shorter.
fn frame_lacks(seen: &[(Thing<'_>, ObjectMask)], id: ObjectId) -> bool {
    seen.binary_search_by_key(&id, |(_, mask)| mask.object).is_err()
}

/// A camera's view of a snapshot.
struct View<'a> {
    shot: &'a Shot,
    motion: EgoMotion<'a>,
    camera_from_ego: Se3,
    /// The same camera with an image that goes on beyond its edges by [`BEYOND_PX`].
    wide: Option<Camera>,
}

impl<'a> View<'a> {
    fn new(snapshot: &Snapshot<'a>, shot: &'a Shot) -> Self {
        let i = shot.camera.intrinsics();
        let beyond = f64::from(BEYOND_PX);
        let wide = Intrinsics {
            cx: i.cx + beyond,
            cy: i.cy + beyond,
            width: i.width.saturating_add(2 * BEYOND_PX),
            height: i.height.saturating_add(2 * BEYOND_PX),
            ..i
        };
        Self {
            shot,
            motion: EgoMotion::of(snapshot.state),
            camera_from_ego: shot.ego_from_camera.inverse(),
            wide: Camera::new(wide, shot.camera.model()).ok(),
        }
    }

    /// Where the camera looks, in the world frame.
    fn looking(&self) -> DVec3 {
        (self.motion.world_from_ego(0.0) * self.shot.ego_from_camera).transform_vector(DVec3::Z)
    }

    fn ego_from_world(&self, dt: f64) -> Se3 {
        self.motion.world_from_ego(dt).inverse()
    }

    /// Could the object be in the image?
    fn may_show(&self, thing: &Thing<'_>, within_m: f64) -> bool {
        let cuboid = thing.cuboid(0.0).transformed(self.ego_from_world(0.0));
        (self.camera_from_ego * cuboid.center).length() <= within_m
            && cuboid.project(&self.shot.camera, self.camera_from_ego).is_some()
    }

    /// When the row with the centre of the object's cuboid was exposed, s after the snapshot.
    fn instant(&self, thing: &Thing<'_>) -> f64 {
        row_time(self.shot, |dt| {
            let center = thing.cuboid(dt).center;
            self.camera_from_ego * (self.ego_from_world(dt) * center)
        })
    }

    fn label(&self, thing: &Thing<'_>, mask: ObjectMask, silhouette: Silhouette, points: Option<u32>) -> ObjectLabel {
        let dt = self.instant(thing);
        let cuboid_world = thing.cuboid(dt);
        let cuboid_ego = cuboid_world.transformed(self.ego_from_world(dt));
        let visible = mask.mask.bbox();
        // Nothing of a cuboid's edges is in front of a very wide lens when the object fills the whole view.
        let amodal = cuboid_ego
            .project(&self.shot.camera, self.camera_from_ego)
            .unwrap_or(visible);
        let beyond = f64::from(BEYOND_PX);
        let unclipped = self
            .wide
            .and_then(|wide| cuboid_ego.project(&wide, self.camera_from_ego))
            .map_or(amodal, |b| {
                BBox::new(b.x_min - beyond, b.y_min - beyond, b.x_max - beyond, b.y_max - beyond)
            });
        let share = |part: u32, whole: u32| {
            if whole == 0 {
                0.0
            } else {
                (1.0 - f64::from(part) / f64::from(whole)).clamp(0.0, 1.0)
            }
        };
        ObjectLabel {
            id: thing.id(),
            class: thing.class(),
            kind: thing.kind().to_owned(),
            visible,
            amodal,
            amodal_unclipped: unclipped,
            distance_m: (self.camera_from_ego * cuboid_ego.center).length(),
            cuboid_ego,
            cuboid_world,
            velocity: thing.velocity().to_array(),
            yaw_rate: thing.yaw_rate(),
            dt_s: dt,
            occlusion: share(mask.area, silhouette.inside),
            truncation: share(silhouette.inside, silhouette.total),
            silhouette: SilhouetteLabel {
                visible: mask.area,
                inside: silhouette.inside,
                total: silhouette.total,
            },
            num_lidar_points: points,
            mask: mask.mask,
            attributes: thing.attributes(),
        }
    }
}

/// The time, s after the picture's stamp, at which the row that shows a point was exposed; `point_in_camera` says where the
/// point is at a time. 0 for a global shutter and for points that are not in view.
pub(crate) fn row_time(shot: &Shot, point_in_camera: impl Fn(f64) -> guideway_core::DVec3) -> f64 {
    if shot.rolling_shutter_s <= 0.0 {
        return 0.0;
    }
    let rows = f64::from(shot.camera.intrinsics().height);
    let mut dt = 0.0;
    // What moves within a picture moves by a few rows: three rounds are exact to a thousandth of one.
    for _ in 0..3 {
        let Some([_, v]) = shot.camera.project(point_in_camera(dt)) else {
            return dt;
        };
        let row = (v - 0.5).clamp(0.0, rows - 1.0);
        dt = (row / (rows - 1.0).max(1.0) - 0.5) * shot.rolling_shutter_s;
    }
    dt
}
