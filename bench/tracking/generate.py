"""Makes up sequences and a tracker's results for them: generate.py mot17|kitti FOLDER SEQUENCES FRAMES

FOLDER/gt and FOLDER/tracker/data, in the layout and about as dense as MOTChallenge 2017 or KITTI tracking. Objects live for 20 to 350
frames however long the sequence is. The tracker misses some boxes, changes identities and has false tracks. Each sequence has a seed of its
own.
"""

import math
import pathlib
import shutil
import sys

import numpy as np

SEED = 20260101
# objects at a time; picture, px; name, share, and number of the classes (KITTI's numbers are not in its files)
LAYOUTS = {
    "mot17": (27, (1920, 1080), [("pedestrian", 0.84, 1), ("car", 0.06, 3), ("static", 0.06, 7), ("distractor", 0.02, 8), ("reflection", 0.02, 12)]),
    "kitti": (7, (1242, 375), [("Car", 0.6, 0), ("Van", 0.08, 0), ("Pedestrian", 0.22, 0), ("Cyclist", 0.1, 0)]),
}


def boxes_of(rng, life, picture, upright):
    """Left, top, width, height of an object that moves steadily with some wobble, and grows or shrinks."""
    step = np.arange(life)
    height = rng.uniform(0.08, 0.4) * picture[1] * np.exp(rng.normal(0, 0.001) * step)
    width = height * (rng.uniform(0.35, 0.5) if upright else rng.uniform(1.2, 1.8))
    x, y = (
        rng.uniform(0, picture[axis]) + rng.normal(0, 2.0 - axis) * step + np.cumsum(rng.normal(0, 0.3, life)) for axis in (0, 1)
    )
    return np.stack([x, y, width, height], axis=1)


def sequence(rng, layout, frames):
    """Labels and predictions as columns: frame, id, class, boxes, and visibility or score."""
    count, picture, classes = LAYOUTS[layout]
    share = np.array([share for _, share, _ in classes])
    labels, predictions = [], []
    objects, tracks = 0, 0
    for _ in range(count):
        first = 0
        while first < frames:
            life = min(frames - first, int(rng.integers(20, 350)))
            kind = int(rng.choice(len(classes), p=share / share.sum()))
            frame = first + np.arange(life)
            upright = layout == "mot17" and classes[kind][0] != "car" or classes[kind][0] == "Pedestrian"
            boxes = boxes_of(rng, life, picture, upright)
            visible = np.clip(0.8 + np.cumsum(rng.normal(0, 0.03, life)), 0.0, 1.0)
            objects += 1
            labels.append((frame, np.full(life, objects), np.full(life, kind), boxes, visible))
            # found where it is visible enough, under identities that change now and then
            found = rng.random(life) < 0.3 + 0.65 * visible
            found &= rng.random() < 0.9
            changes = np.cumsum(rng.random(life) < 0.004)
            noise = rng.normal(0, 1, (life, 4)) * [0.05, 0.05, 0.06, 0.04]
            guess = boxes + noise * boxes[:, [2, 3, 2, 3]]
            score = np.clip(rng.normal(0.4 + 0.5 * visible, 0.1), 0.01, 1.0)
            predictions.append([column[found] for column in (frame, tracks + 1 + changes, np.full(life, kind), guess, score)])
            tracks += 1 + int(changes[-1])
            first += life + int(rng.integers(0, 30))
    for _ in range(max(1, frames * count // 60)):
        life = int(rng.integers(2, 10))
        first = int(rng.integers(0, max(1, frames - life)))
        life = min(life, frames - first)
        tracks += 1
        kind = int(rng.choice(len(classes), p=share / share.sum()))
        boxes = boxes_of(rng, life, picture, layout == "mot17")
        predictions.append((first + np.arange(life), np.full(life, tracks), np.full(life, kind), boxes, rng.uniform(0.05, 0.6, life)))
    return [[np.concatenate(column) for column in zip(*side, strict=True)] for side in (labels, predictions)]


def rows(side, order):
    return zip(*(column[order].tolist() for column in side), strict=True)


def write_mot17(folder, name, frames, labels, predictions):
    classes = LAYOUTS["mot17"][2]
    home = folder / "gt" / name
    (home / "gt").mkdir(parents=True)
    (home / "seqinfo.ini").write_text(f"[Sequence]\nname={name}\nimDir=img1\nframeRate=30\nseqLength={frames}\n")
    with open(home / "gt/gt.txt", "w") as out:
        # object by object, as the benchmark's files are
        for frame, number, kind, (x, y, w, h), visible in rows(labels, np.lexsort((labels[0], labels[1]))):
            mark = int(kind == 0 and visible > 0.05)
            out.write(f"{frame + 1},{number},{x:.0f},{y:.0f},{math.ceil(w)},{math.ceil(h)},{mark},{classes[kind][2]},{visible:.5f}\n")
    with open(folder / f"tracker/data/{name}.txt", "w") as out:
        for frame, number, _, (x, y, w, h), score in rows(predictions, np.lexsort((predictions[1], predictions[0]))):
            out.write(f"{frame + 1},{number},{x:.2f},{y:.2f},{w:.2f},{h:.2f},{score:.4f},-1,-1,-1\n")


def write_kitti(folder, name, frames, labels, predictions):
    classes = LAYOUTS["kitti"][2]
    with open(folder / "gt/evaluate_tracking.seqmap.training", "a") as out:
        out.write(f"{name} empty 000000 {frames:06}\n")
    space = "-1000 -1000 -1000 -10 -1 -1 -1"
    with open(folder / f"gt/label_02/{name}.txt", "w") as out:
        for frame in range(frames):
            x = 500 + 100 * math.sin(frame / 50)
            out.write(f"{frame} -1 DontCare -1 -1 -10 {x:.6f} 165.000000 {x + 90:.6f} 195.000000 {space}\n")
        for frame, number, kind, (x, y, w, h), visible in rows(labels, np.lexsort((labels[1], labels[0]))):
            occluded, truncated = int((1 - visible) * 3.99), int(number % 10 == 0)
            box = f"{x:.6f} {y:.6f} {x + w:.6f} {y + h:.6f}"
            out.write(f"{frame} {number} {classes[kind][0]} {truncated} {occluded} -10.000000 {box} {space}\n")
    with open(folder / f"tracker/data/{name}.txt", "w") as out:
        for frame, number, kind, (x, y, w, h), score in rows(predictions, np.lexsort((predictions[1], predictions[0]))):
            guess = "Car" if classes[kind][0] in ("Car", "Van") else "Pedestrian"
            box = f"{x:.2f} {y:.2f} {x + w:.2f} {y + h:.2f}"
            out.write(f"{frame} {number} {guess} -1 -1 -10 {box} {space} {score:.3f}\n")


def main():
    layout, folder, sequences, frames = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "tracker/data").mkdir(parents=True)
    (part / ("gt/label_02" if layout == "kitti" else "gt")).mkdir(parents=True)
    write = write_kitti if layout == "kitti" else write_mot17
    for number in range(sequences):
        rng = np.random.default_rng([SEED, sorted(LAYOUTS).index(layout), number])
        write(part, f"{number:04}", frames, *sequence(rng, layout, frames))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


main()
