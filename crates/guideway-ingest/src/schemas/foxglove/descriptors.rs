//! The schemas as protobuf describes them to other readers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::messages as m;

/// Every schema that guideway writes; see `descriptors.md` beside it.
static FILES: LazyLock<BTreeMap<String, FileDescriptorProto>> = LazyLock::new(|| {
    // The bytes are part of the program, and a test reads them: nothing is lost by the default.
    let set = FileDescriptorSet::decode(&include_bytes!("descriptors.bin")[..]).unwrap_or_default();
    set.file
        .into_iter()
        .map(|file| (file.name().to_owned(), file))
        .collect()
});

/// A message of Foxglove's public schemas, as a channel of a log carries it.
pub trait FoxgloveMessage: Message + Default + Serialize + DeserializeOwned {
    /// The schema's full name, such as `foxglove.CompressedImage`.
    const SCHEMA: &'static str;
}

macro_rules! messages {
    ($($name:ident),+ $(,)?) => {
        $(impl FoxgloveMessage for m::$name {
            const SCHEMA: &'static str = concat!("foxglove.", stringify!($name));
        })+
    };
}

messages!(
    CameraCalibration,
    CompressedImage,
    CompressedVideo,
    FrameTransform,
    FrameTransforms,
    ImageAnnotations,
    LocationFix,
    LocationFixes,
    Log,
    Odometry,
    PointCloud,
    PoseInFrame,
    RawImage,
    SceneUpdate,
);

/// The binary `FileDescriptorSet` of a schema: the file that defines it after all files that it needs, as MCAP asks for in the
/// schema record of a protobuf channel (<https://mcap.dev/spec/registry>). `None` for a schema that guideway does not write.
///
/// ```
/// use guideway_ingest::schemas::foxglove::descriptor_set;
/// assert!(descriptor_set("foxglove.SceneUpdate").is_some());
/// assert!(descriptor_set("acme.Status").is_none());
/// ```
pub fn descriptor_set(schema: &str) -> Option<Vec<u8>> {
    // Foxglove defines each message in a file of its own.
    let name = format!("{}.proto", schema.replace('.', "/"));
    let mut set = FileDescriptorSet::default();
    let mut seen = BTreeSet::new();
    add(&name, &mut seen, &mut set)?;
    Some(set.encode_to_vec())
}

/// The files that a file imports, then the file itself. `None` when one is missing.
fn add(name: &str, seen: &mut BTreeSet<String>, set: &mut FileDescriptorSet) -> Option<()> {
    if !seen.insert(name.to_owned()) {
        return Some(());
    }
    let file = FILES.get(name)?;
    for dependency in &file.dependency {
        add(dependency, seen, set)?;
    }
    set.file.push(file.clone());
    Some(())
}
