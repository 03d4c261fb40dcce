"""guideway beside TrackEval: compare.py GUIDEWAY FOLDER, where generate.py has made what run.sh lists.

Both evaluate the sets of the benchmarks' sizes; guideway alone those that have more or longer sequences, for its memory. Prints times,
memory and the largest difference of all numbers; exits with 1 if they differ or a bar is missed.
"""

import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
from measure import best, differences, faster, line, measure, speedup  # noqa: E402

SAME, FASTER, MORE = 1e-6, 20, 1.5


def command(guideway, folder):
    return [guideway, "eval", "files", "--format", "mot", "--gt", f"{folder}/gt", "--pred", f"{folder}/tracker", "--output-format", "json"]


def totals(result):
    counts = [classes["Count"] for classes in result["COMBINED_SEQ"].values()]
    return sum(count["GT_Dets"] for count in counts), sum(count["Dets"] for count in counts)


def beside(layout, guideway, folder):
    """Prints both sides' times, and returns what is wrong with them."""
    ours, our_times = best(command(guideway, folder), 3)
    theirs, their_times = measure([sys.executable, str(here / "peer.py"), layout, str(folder)])
    labels, predictions = totals(ours)
    print(f"{layout}: {len(ours) - 1} sequences, {labels:,} labels and {predictions:,} predictions that count")
    print(line("guideway, files to numbers", our_times))
    print(line("TrackEval, the program", their_times))
    for name, times in theirs["steps"].items():
        print(line(f"  {name}", times))
    ratios = faster(our_times, theirs["steps"])
    print(speedup(ratios))
    # the means over α are ours alone
    for classes in ours.values():
        for report in classes.values():
            del report["HOTA_mean"]
    worst, where = differences(ours, theirs["result"])
    print(f"  largest difference of any number: {worst:.1e}")
    failed = []
    if set(ours) != set(theirs["result"]):
        failed.append(f"{layout}: other sequences than TrackEval's")
    if not worst <= SAME:
        failed.append(f"{layout}: the numbers differ by {worst} at {where}")
    if ratios[0] < FASTER:
        failed.append(f"{layout}: {ratios[0]:.1f} times faster, and the bar is {FASTER}")
    return failed


def memory(guideway, data):
    """Prints what memory grows with, and returns what is wrong with it: more sequences should not need more."""
    print("memory of guideway:")
    failed, first = [], None
    for folder in ("mot17", "sequences-4", "sequences-16", "length-4", "length-16"):
        if not (data / folder).is_dir():
            continue
        result, times = measure(command(guideway, data / folder))
        boxes = sum(totals(result))
        print(line(f"{folder}: {boxes / 1e6:.2f} M boxes", times))
        peak = times["peak_mib"]
        if first is None:
            first = (boxes, peak)
            continue
        print(f"    {(peak - first[1]) * 2**20 / (boxes - first[0]):.0f} bytes for each box more")
        if folder.startswith("sequences") and peak > MORE * first[1]:
            failed.append(f"memory: {first[1]:.0f} MiB for 7 sequences, {peak:.0f} MiB for {len(result) - 1} like them")
    return failed


def main():
    guideway, data = sys.argv[1], pathlib.Path(sys.argv[2])
    failed = []
    for layout in ("mot17", "kitti"):
        failed += beside(layout, guideway, data / layout)
    failed += memory(guideway, data)
    for problem in failed:
        print(f"FAILED: {problem}")
    sys.exit(1 if failed else 0)


main()
