"""Evaluates the generated set with pycocotools and compares: compare.py DIR RUST_JSON REPEATS.

Prints the times, the ratios and whether the twelve numbers are equal; exits with 1 if they are not or a bar is missed.
"""

import contextlib
import io
import json
import sys
import time

import pycocotools.coco
import pycocotools.cocoeval

directory, rust, repeats = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])

best = {"load_s": float("inf"), "evaluate_s": float("inf"), "total_s": float("inf")}
for _ in range(repeats):
    with contextlib.redirect_stdout(io.StringIO()):
        begin = time.perf_counter()
        truth = pycocotools.coco.COCO(f"{directory}/gt.json")
        results = truth.loadRes(f"{directory}/dt.json")
        load = time.perf_counter() - begin
        begin = time.perf_counter()
        run = pycocotools.cocoeval.COCOeval(truth, results, "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
        evaluate = time.perf_counter() - begin
    for key, value in (("load_s", load), ("evaluate_s", evaluate), ("total_s", load + evaluate)):
        best[key] = min(best[key], value)

all_times = {**rust, "pycocotools": {**best, "stats": [float(value) for value in run.stats]}}
ours = all_times["guideway"]
print(f"{'':12} {'load':>9} {'evaluate':>9} {'total':>9}   guideway is faster by (evaluate, total)   largest difference")
worst = 0.0
for name, row in all_times.items():
    difference = max(abs(a - b) for a, b in zip(row["stats"], ours["stats"], strict=True))
    worst = max(worst, difference)
    print(
        f"{name:12} {row['load_s']:8.3f}s {row['evaluate_s']:8.3f}s {row['total_s']:8.3f}s   "
        f"{row['evaluate_s'] / ours['evaluate_s']:17.2f}x {row['total_s'] / ours['total_s']:8.2f}x {difference:29.1e}"
    )

failed = []
if worst > 1e-9:
    failed.append(f"the numbers differ by {worst}")
for step in ("evaluate_s", "total_s"):
    if ours[step] > 1.5 * all_times["hotcoco"][step]:
        failed.append(f"{step}: more than 1.5 times hotcoco's time")
    if ours[step] * 15 > best[step]:
        failed.append(f"{step}: less than 15 times faster than pycocotools")
for line in failed:
    print(f"FAILED: {line}")
sys.exit(1 if failed else 0)
