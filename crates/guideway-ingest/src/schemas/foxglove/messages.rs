//! The messages themselves.
//!
//! Every field of the public `.proto` files of the Foxglove SDK (0.30) is here, under its number; a test holds the structs to
//! the schemas that are written into logs. In JSON, times are `{"sec": …, "nsec": …}` and bytes are base64; what is not given is
//! left out.

mod annotations;
mod common;
mod images;
mod motion;
mod points;
mod scene;

pub use annotations::{CircleAnnotation, ImageAnnotations, PointsAnnotation, PointsKind, TextAnnotation};
pub use common::{Color, Duration, KeyValuePair, Log, LogLevel, Point2, Point3, Pose, Quaternion, Time, Vector3};
pub use images::{CameraCalibration, CompressedImage, CompressedVideo, RawImage};
pub use motion::{CovarianceKind, FrameTransform, FrameTransforms, LocationFix, LocationFixes, Odometry, PoseInFrame};
pub use points::{NumericType, PackedElementField, PointCloud};
pub use scene::{
    ArrowPrimitive, CubePrimitive, CylinderPrimitive, DeletionKind, LineKind, LinePrimitive, ModelPrimitive,
    SceneEntity, SceneEntityDeletion, SceneUpdate, SpherePrimitive, TextPrimitive, TriangleListPrimitive,
};

/// Bytes as base64 in JSON.
mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        STANDARD
            .decode(text.as_bytes())
            .map_err(|err| D::Error::custom(format!("not base64: {err}")))
    }
}
