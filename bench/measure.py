"""Runs a program on two cores and says how long it took and how much memory it held; for the benchmarks' comparisons."""

import json
import os
import subprocess
import sys
import tempfile
import time

CORES = sorted(os.sched_getaffinity(0))[:2]


def measure(command):
    """What the program prints, read as JSON, and its wall-clock time and processor time in s and peak memory in MiB."""
    with tempfile.TemporaryFile() as out:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, preexec_fn=lambda: os.sched_setaffinity(0, CORES))
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begin
        # it is waited for already
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"exit code {child.returncode}: {' '.join(command)}")
        out.seek(0)
        result = json.load(out)
    return result, {"wall_s": wall, "processor_s": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}


def best(command, rounds):
    """Like `measure`, of the shortest of several runs, since other work on the machine only slows one down."""
    runs = [measure(command) for _ in range(rounds)]
    return min(runs, key=lambda run: run[1]["wall_s"])


def line(name, times):
    memory = f"{times['peak_mib']:9.0f} MiB" if "peak_mib" in times else ""
    return f"  {name:<34}{times['wall_s']:9.2f} s wall{times['processor_s']:9.2f} s processor{memory}"


def faster(ours, steps):
    """How often our whole run fits into the peer's steps, its imports left out: by wall-clock time, and by processor time."""
    work = [times for name, times in steps.items() if name != "imports"]
    return tuple(sum(times[key] for times in work) / ours[key] for key in ("wall_s", "processor_s"))


def speedup(ratios):
    return f"  faster by {ratios[0]:.1f}× (in processor time {ratios[1]:.1f}×), the peer's imports left out"


def differences(ours, theirs, path=""):
    """The largest difference of two results, and where it is. What only the second has does not count; NaN there is null here."""
    if isinstance(ours, dict):
        if missing := set(ours) - set(theirs):
            return float("inf"), f"{path}: {sorted(missing)} missing"
        return max((differences(ours[key], theirs[key], f"{path}/{key}") for key in ours), default=(0.0, path))
    if isinstance(ours, list):
        if len(ours) != len(theirs):
            return float("inf"), f"{path}: {len(ours)} and {len(theirs)} values"
        return max((differences(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(ours, theirs))), default=(0.0, path))
    if ours is None or theirs is None or theirs != theirs:
        same = ours is None and (theirs is None or theirs != theirs)
        return (0.0 if same else float("inf")), f"{path}: {ours} and {theirs}"
    return abs(ours - theirs), path
