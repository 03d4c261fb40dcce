#!/usr/bin/env python3
"""Writes crates/guideway-ingest/src/schemas/foxglove/descriptors.bin: the public Foxglove schemas that guideway writes into logs,
as one protobuf FileDescriptorSet. Run it when Foxglove's schemas change:

    pip install foxglove-schemas-protobuf==0.4.0
    python scripts/foxglove-descriptors.py
"""

import importlib
import pathlib

from google.protobuf import descriptor_pb2

ROOTS = """
CameraCalibration CompressedImage CompressedVideo FrameTransform FrameTransforms ImageAnnotations LocationFix LocationFixes Log
Odometry PointCloud PoseInFrame RawImage SceneUpdate
""".split()

files = {}


def add(descriptor):
    """A file and what it imports."""
    if descriptor.name in files:
        return
    proto = descriptor_pb2.FileDescriptorProto()
    descriptor.CopyToProto(proto)
    proto.ClearField("source_code_info")
    files[descriptor.name] = proto
    for dependency in descriptor.dependencies:
        add(dependency)


for name in ROOTS:
    add(importlib.import_module(f"foxglove_schemas_protobuf.{name}_pb2").DESCRIPTOR)
target = pathlib.Path(__file__).parent.parent / "crates/guideway-ingest/src/schemas/foxglove/descriptors.bin"
everything = descriptor_pb2.FileDescriptorSet(file=[files[name] for name in sorted(files)])
target.write_bytes(everything.SerializeToString(deterministic=True))
print(f"{target}: {len(files)} files, {target.stat().st_size} bytes")
