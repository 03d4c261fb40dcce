"""guideway beside nuscenes-devkit: compare.py GUIDEWAY SMALL [BIG]

Both evaluate the submission in SMALL, guideway that in BIG too. Prints times, memory and the largest difference of all numbers of the
summaries; exits with 1 if they differ or a bar is missed.
"""

import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
from measure import best, differences, faster, line, measure, speedup  # noqa: E402

SAME, FASTER, LIMIT_S = 1e-6, 20, 60


def command(guideway, folder):
    files = ["--gt", f"{folder}/v1.0-bench", "--pred", f"{folder}/results.json", "--split", "bench"]
    return [guideway, "eval", "files", "--format", "nuscenes", *files, "--output-format", "json"]


def main():
    guideway, small, big = sys.argv[1], sys.argv[2], sys.argv[3:]
    failed = []
    ours, our_times = best(command(guideway, small), 3)
    theirs, their_times = measure([sys.executable, str(here / "peer.py"), small])
    evaluated = f"{ours['after_filter']['gt']:,} labels and {ours['after_filter']['pred']:,} detections after the filters"
    print(f"{pathlib.Path(small).name}: {evaluated}")
    print(line("guideway, files to numbers", our_times))
    print(line("nuscenes-devkit, the program", their_times))
    for name, times in theirs["steps"].items():
        print(line(f"  {name}", times))
    ratios = faster(our_times, theirs["steps"])
    print(speedup(ratios))
    if ratios[0] < FASTER:
        failed.append(f"{ratios[0]:.1f} times faster, and the bar is {FASTER}")
    worst, where = differences(ours["summary"], theirs["summary"])
    print(f"  largest difference of any number: {worst:.1e}")
    if not worst <= SAME:
        failed.append(f"the numbers differ by {worst} at {where}")
    counts = (theirs["labels"], theirs["detections"])
    if counts != (ours["after_filter"]["gt"], ours["after_filter"]["pred"]):
        failed.append(f"the devkit's filters leave {counts}")
    for folder in big:
        result, times = best(command(guideway, folder), 2)
        before = result["before_filter"]
        print(f"{pathlib.Path(folder).name}: {before['annotations']:,} annotations and {before['pred']:,} detections")
        print(line("guideway, files to numbers", times))
        if times["wall_s"] >= LIMIT_S:
            failed.append(f"{times['wall_s']:.1f} s, and the bar is {LIMIT_S} s")
    for problem in failed:
        print(f"FAILED: {problem}")
    sys.exit(1 if failed else 0)


main()
