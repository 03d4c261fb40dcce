"""Renders the town of bench_render with PyBullet's TinyRenderer: one thread, rasterised, with and without its shadow map.

usage: peer.py FOLDER ROUNDS
"""

import json
import math
import pathlib
import resource
import statistics
import sys
import time

import pybullet as p

WIDTH, HEIGHT, FOCAL = 640, 384, 457.0


def body(path):
    shape = p.createVisualShape(p.GEOM_MESH, fileName=str(path), rgbaColor=[0.6, 0.6, 0.6, 1.0])
    return p.createMultiBody(baseVisualShapeIndex=shape)


def main():
    folder, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    p.connect(p.DIRECT)
    files = sorted(folder.glob("*.obj"))
    triangles = sum(line.startswith("f ") for f in files for line in f.open())
    bodies = [body(f) for f in files]
    assert all(b >= 0 for b in bodies), "a mesh could not be loaded"
    # The camera of bench_render: at (1.6, -2, 1.4), looking along x.
    view = p.computeViewMatrix([1.6, -2.0, 1.4], [2.6, -2.0, 1.4], [0, 0, 1])
    fov = 2.0 * math.degrees(math.atan(HEIGHT / 2.0 / FOCAL))
    projection = p.computeProjectionMatrixFOV(fov, WIDTH / HEIGHT, 0.1, 1000.0)
    print(json.dumps({"what": "pybullet scene", "triangles": triangles, "bodies": len(bodies)}))
    for shadow in (1, 0):
        wall, before = [], resource.getrusage(resource.RUSAGE_SELF).ru_utime
        for _ in range(rounds):
            start = time.perf_counter()
            _, _, _, _, mask = p.getCameraImage(
                WIDTH, HEIGHT, view, projection, shadow=shadow, lightDirection=[0.3, -0.4, 0.9],
                renderer=p.ER_TINY_RENDERER,
            )
            wall.append((time.perf_counter() - start) * 1e3)
        processor = (resource.getrusage(resource.RUSAGE_SELF).ru_utime - before) * 1e3 / rounds
        flat = mask.ravel().tolist() if hasattr(mask, "ravel") else list(mask)
        seen = len(set(flat) - {-1})
        assert seen > 5, f"only {seen} bodies in the picture"
        print(json.dumps({
            "what": "pybullet camera" + (", shadow map" if shadow else ""), "threads": 1,
            "median_ms": round(statistics.median(wall), 2), "best_ms": round(min(wall), 2),
            "processor_ms": round(processor, 2), "bodies_seen": seen,
        }))


main()
