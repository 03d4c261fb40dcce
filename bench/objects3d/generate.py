"""Makes up a data base in nuScenes' tables and a detection submission: generate.py FOLDER FRAMES [BOXES]

FOLDER/v1.0-bench/*.json and FOLDER/results.json, with BOXES (default 30) annotations and as many detections in every frame, written as
they are made. Scenes have 40 frames, 0.5 s apart; each scene has a seed of its own, so that the first of many are the same as few.
"""

import contextlib
import hashlib
import json
import math
import pathlib
import shutil
import sys

import numpy as np

SEED = 20260101
PER_SCENE = 40
STEP_S = 0.5
VERSION = "v1.0-bench"
CHANNELS = ["LIDAR_TOP"]
CHANNELS += ["CAM_" + place for place in ("FRONT", "FRONT_LEFT", "FRONT_RIGHT", "BACK", "BACK_LEFT", "BACK_RIGHT")]
CHANNELS += ["RADAR_" + place for place in ("FRONT", "FRONT_LEFT", "FRONT_RIGHT", "BACK_LEFT", "BACK_RIGHT")]

# category, class of the detection task, share of the annotations, size (width, length, height) in m, range in m
KINDS = [
    ("vehicle.car", "car", 0.41, (1.95, 4.6, 1.73), 50),
    ("vehicle.truck", "truck", 0.08, (2.5, 6.9, 2.8), 50),
    ("vehicle.bus.rigid", "bus", 0.02, (2.9, 11.0, 3.5), 50),
    ("vehicle.bus.bendy", "bus", 0.005, (2.9, 17.0, 3.5), 50),
    ("vehicle.trailer", "trailer", 0.02, (2.9, 12.0, 3.9), 50),
    ("vehicle.construction", "construction_vehicle", 0.015, (2.8, 6.4, 3.2), 50),
    ("human.pedestrian.adult", "pedestrian", 0.18, (0.67, 0.73, 1.77), 40),
    ("human.pedestrian.child", "pedestrian", 0.01, (0.5, 0.5, 1.4), 40),
    ("vehicle.motorcycle", "motorcycle", 0.02, (0.77, 2.1, 1.5), 40),
    ("vehicle.bicycle", "bicycle", 0.02, (0.6, 1.7, 1.3), 40),
    ("movable_object.trafficcone", "traffic_cone", 0.09, (0.4, 0.4, 1.07), 30),
    ("movable_object.barrier", "barrier", 0.11, (2.5, 0.5, 0.98), 30),
    ("static_object.bicycle_rack", None, 0.01, (2.6, 8.0, 1.4), 40),
    ("animal", None, 0.01, (0.4, 0.8, 0.6), 40),
]
CLASSES = ["car", "truck", "bus", "trailer", "construction_vehicle", "pedestrian", "motorcycle", "bicycle", "traffic_cone", "barrier"]
ATTRIBUTES = [
    "vehicle.moving", "vehicle.stopped", "vehicle.parked", "cycle.with_rider", "cycle.without_rider",
    "pedestrian.sitting_lying_down", "pedestrian.standing", "pedestrian.moving",
]


def token(*parts):
    return hashlib.md5(repr(parts).encode()).hexdigest()


def attribute_of(name, moving):
    if name == "pedestrian":
        return "pedestrian.moving" if moving else "pedestrian.standing"
    if name in ("motorcycle", "bicycle"):
        return "cycle.with_rider" if moving else "cycle.without_rider"
    if name in ("traffic_cone", "barrier", None):
        return ""
    return "vehicle.moving" if moving else "vehicle.parked"


class Table:
    """A JSON array that is written record by record."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.between = "["

    def add(self, record):
        self.file.write(self.between + "\n" + record)
        self.between = ","

    def close(self):
        self.file.write(("" if self.between == "," else "[") + "\n]\n")
        self.file.close()


def rotation(yaw):
    return f"[{math.cos(yaw / 2)!r}, 0.0, 0.0, {math.sin(yaw / 2)!r}]"


def instances_of(rng, boxes, speed, heading, origin):
    """Instances such that every frame of the scene has `boxes` of them: kind, frames, place, velocity, yaw, size."""
    kinds = np.arange(len(KINDS))
    share = np.array([kind[2] for kind in KINDS])
    ahead = np.array([math.cos(heading), math.sin(heading)])
    out = []
    for _ in range(boxes):
        first = 0
        while first < PER_SCENE:
            last = min(PER_SCENE, first + int(rng.integers(1, 25)))
            kind = int(rng.choice(kinds, p=share / share.sum()))
            _, name, _, size, reach = KINDS[kind]
            velocity, yaw = np.zeros(2), rng.uniform(-math.pi, math.pi)
            moving = name not in ("traffic_cone", "barrier", None) and rng.random() < 0.6
            if moving:
                pace = rng.uniform(0.5, 2.0) if name == "pedestrian" else max(1.0, speed + rng.normal(0, 3))
                yaw = heading + rng.normal(0, 0.2) + (math.pi if rng.random() < 0.3 else 0)
                velocity = pace * np.array([math.cos(yaw), math.sin(yaw)])
            # relative to the vehicle half way through its life; some are out of the class's range
            bearing, distance = rng.uniform(-math.pi, math.pi), 1.1 * reach * math.sqrt(rng.uniform(0.01, 1.0))
            middle = STEP_S * (first + last - 1) / 2
            place = origin + speed * middle * ahead + distance * np.array([math.cos(bearing), math.sin(bearing)])
            place -= velocity * middle
            dimensions = np.round(np.array(size) * np.exp(rng.normal(0, 0.12, 3)), 3)
            out.append((kind, first, last, place, velocity, yaw, dimensions, moving))
            first = last
    return out


def write_scene(number, boxes, tables, results):
    rng = np.random.default_rng([SEED, number])
    scene, log = token("scene", number), token("log", number)
    speed, heading = rng.uniform(0, 12), rng.uniform(-math.pi, math.pi)
    origin = rng.uniform(100, 2000, 2)
    start = 1_530_000_000_000_000 + number * 60_000_000
    samples = [token("sample", number, frame) for frame in range(PER_SCENE)]
    times = [start + int(frame * STEP_S * 1e6 + rng.integers(-20_000, 20_000)) for frame in range(PER_SCENE)]
    tables["log"].add(json.dumps({
        "token": log, "logfile": f"bench-{number}", "vehicle": "bench", "date_captured": "2026-01-01", "location": "nowhere",
    }))
    tables["scene"].add(json.dumps({
        "token": scene, "log_token": log, "nbr_samples": PER_SCENE, "first_sample_token": samples[0],
        "last_sample_token": samples[-1], "name": f"scene-{number:04}", "description": "made up",
    }))

    instances = instances_of(rng, boxes, speed, heading, origin)
    present = [[] for _ in range(PER_SCENE)]
    for index, (kind, first, last, *_) in enumerate(instances):
        tables["instance"].add(json.dumps({
            "token": token("instance", number, index), "category_token": token("category", KINDS[kind][0]),
            "nbr_annotations": last - first, "first_annotation_token": token("annotation", number, index, first),
            "last_annotation_token": token("annotation", number, index, last - 1),
        }))
        for frame in range(first, last):
            present[frame].append(index)

    for frame, sample in enumerate(samples):
        time, elapsed = times[frame], frame * STEP_S
        ego = origin + speed * elapsed * np.array([math.cos(heading), math.sin(heading)])
        before = samples[frame - 1] if frame > 0 else ""
        after = samples[frame + 1] if frame + 1 < PER_SCENE else ""
        tables["sample"].add(
            f'{{"token": "{sample}", "timestamp": {time}, "prev": "{before}", "next": "{after}", "scene_token": "{scene}"}}'
        )
        for channel in CHANNELS:
            data = token("data", number, frame, channel)
            before = token("data", number, frame - 1, channel) if frame > 0 else ""
            after = token("data", number, frame + 1, channel) if frame + 1 < PER_SCENE else ""
            image = channel.startswith("CAM")
            ending, height, width = ("jpg", 900, 1600) if image else ("pcd", 0, 0)
            tables["sample_data"].add(
                f'{{"token": "{data}", "sample_token": "{sample}", "ego_pose_token": "{data}", '
                f'"calibrated_sensor_token": "{token("calibration", channel)}", "timestamp": {time}, "fileformat": "{ending}", '
                f'"is_key_frame": true, "height": {height}, "width": {width}, '
                f'"filename": "samples/{channel}/bench__{channel}__{time}.{ending}", "prev": "{before}", "next": "{after}"}}'
            )
            tables["ego_pose"].add(
                f'{{"token": "{data}", "timestamp": {time}, "rotation": {rotation(heading)}, '
                f'"translation": [{ego[0]!r}, {ego[1]!r}, 0.0]}}'
            )
        write_frame(rng, number, frame, sample, elapsed, ego, instances, present[frame], boxes, tables, results)


def write_frame(rng, number, frame, sample, elapsed, ego, instances, present, boxes, tables, results):
    count = len(present)
    found = rng.random(count) < 0.85
    noise = rng.normal(0, 1, (count, 8))
    chance = rng.random((count, 4))
    points = rng.poisson(40, count) * (rng.random(count) > 0.03)
    detections = []

    def detect(center, size, yaw, velocity, name, score, attribute):
        detections.append(
            f'{{"sample_token": "{sample}", "translation": [{center[0]!r}, {center[1]!r}, {center[2]!r}], '
            f'"size": [{size[0]!r}, {size[1]!r}, {size[2]!r}], "rotation": {rotation(yaw)}, '
            f'"velocity": [{velocity[0]!r}, {velocity[1]!r}], "detection_name": "{name}", '
            f'"detection_score": {min(max(score, 0.0), 1.0):.4f}, "attribute_name": "{attribute}"}}'
        )

    for place, index in enumerate(present):
        kind, first, last, start, velocity, yaw, size, moving = instances[index]
        name = KINDS[kind][1]
        x, y = (start + velocity * elapsed).tolist()
        size = size.tolist()
        attribute = attribute_of(name, moving)
        labelled = attribute if chance[place, 0] > 0.03 else ""
        attributes = f'["{token("attribute", labelled)}"]' if labelled else "[]"
        before = token("annotation", number, index, frame - 1) if frame > first else ""
        after = token("annotation", number, index, frame + 1) if frame + 1 < last else ""
        tables["sample_annotation"].add(
            f'{{"token": "{token("annotation", number, index, frame)}", "sample_token": "{sample}", '
            f'"instance_token": "{token("instance", number, index)}", "visibility_token": "{1 + index % 4}", '
            f'"attribute_tokens": {attributes}, "translation": [{x:.3f}, {y:.3f}, {size[2] / 2:.3f}], '
            f'"size": [{size[0]!r}, {size[1]!r}, {size[2]!r}], "rotation": {rotation(yaw)}, "prev": "{before}", "next": "{after}", '
            f'"num_lidar_pts": {points[place]}, "num_radar_pts": 0}}'
        )
        if name is None or not found[place]:
            continue
        n, c = noise[place].tolist(), chance[place]
        detect(
            (x + 0.4 * n[0], y + 0.4 * n[1], size[2] / 2 + 0.1 * n[2]),
            [side * math.exp(0.08 * n[3]) for side in size],
            yaw + 0.1 * n[4] + (math.pi if c[1] < 0.05 else 0),
            (float(velocity[0]) + 0.5 * n[5], float(velocity[1]) + 0.5 * n[6]),
            name if c[2] < 0.95 else CLASSES[index % len(CLASSES)],
            0.65 - 0.15 * math.hypot(n[0], n[1]) + 0.15 * n[7],
            attribute if c[3] < 0.85 or not attribute else ATTRIBUTES[index % len(ATTRIBUTES)],
        )
    shares = np.array([kind[2] if kind[1] else 0.0 for kind in KINDS])
    clutter = boxes - len(detections)
    kinds = rng.choice(len(KINDS), clutter, p=shares / shares.sum())
    draws = rng.random((clutter, 5)).tolist()
    for kind, draw in zip(kinds, draws, strict=True):
        _, name, _, size, reach = KINDS[kind]
        bearing, distance = 2 * math.pi * draw[0], reach * math.sqrt(draw[1])
        center = (float(ego[0]) + distance * math.cos(bearing), float(ego[1]) + distance * math.sin(bearing), size[2] / 2)
        detect(center, size, 2 * math.pi * draw[2], (0.0, 0.0), name, 0.6 * draw[3] * draw[4], attribute_of(name, False))
    results(sample, detections)


def main():
    folder, frames = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    boxes = int(sys.argv[3]) if len(sys.argv) > 3 else 30
    if frames % PER_SCENE:
        sys.exit(f"generate.py: the number of frames must be a multiple of {PER_SCENE}")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / VERSION).mkdir(parents=True)
    # the devkit asks whether the mask of a map exists, and does not read it here
    (part / "maps").mkdir()
    (part / "maps/mask.png").touch()
    scenes = range(frames // PER_SCENE)

    def whole(name, records):
        (part / VERSION / f"{name}.json").write_text(json.dumps(records))

    whole("category", [{"token": token("category", kind[0]), "name": kind[0], "description": ""} for kind in KINDS])
    whole("attribute", [{"token": token("attribute", name), "name": name, "description": ""} for name in ATTRIBUTES])
    levels = ["v0-40", "v40-60", "v60-80", "v80-100"]
    whole("visibility", [{"token": str(i + 1), "level": level, "description": ""} for i, level in enumerate(levels)])
    modality = {"LIDAR": "lidar", "CAM": "camera", "RADAR": "radar"}
    whole("sensor", [
        {"token": token("sensor", channel), "channel": channel, "modality": modality[channel.split("_")[0]]} for channel in CHANNELS
    ])
    whole("calibrated_sensor", [
        {"token": token("calibration", channel), "sensor_token": token("sensor", channel), "translation": [1.0, 0.0, 1.8],
         "rotation": [1.0, 0.0, 0.0, 0.0], "camera_intrinsic": []} for channel in CHANNELS
    ])
    whole("map", [{
        "token": token("map"), "category": "semantic_prior", "filename": "maps/mask.png",
        "log_tokens": [token("log", number) for number in scenes],
    }])
    whole("splits", {"bench": [f"scene-{number:04}" for number in scenes]})
    names = ["log", "scene", "sample", "instance", "sample_annotation", "sample_data", "ego_pose"]
    tables = {name: Table(part / VERSION / f"{name}.json") for name in names}
    with contextlib.ExitStack() as stack:
        for table in tables.values():
            stack.callback(table.close)
        out = stack.enter_context(open(part / "results.json", "w", encoding="utf-8"))
        uses = {f"use_{what}": what == "lidar" for what in ("camera", "lidar", "radar", "map", "external")}
        out.write(f'{{"meta": {json.dumps(uses)}, "results": {{')
        between = "\n"

        def results(sample, detections):
            nonlocal between
            out.write(f'{between}"{sample}": [{", ".join(detections)}]')
            between = ",\n"

        for number in scenes:
            write_scene(number, boxes, tables, results)
        out.write("\n}}\n")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


main()
