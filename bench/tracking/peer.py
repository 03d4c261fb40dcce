"""TrackEval on generated sequences: peer.py mot17|kitti FOLDER. Prints its results and the time of each step as one line of JSON."""

import contextlib
import io
import json
import pathlib
import sys
import time



def now():
    return {"wall_s": time.perf_counter(), "processor_s": time.process_time()}


def between(begin, end):
    return {key: end[key] - begin[key] for key in begin}


begin = now()
import numpy as np  # noqa: E402
import trackeval  # noqa: E402

imported = now()


def plain(value):
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def main():
    layout, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    place = {"GT_FOLDER": str(folder / "gt"), "TRACKERS_FOLDER": str(folder), "TRACKERS_TO_EVAL": ["tracker"], "PRINT_CONFIG": False}
    quiet = ["PRINT_RESULTS", "PRINT_CONFIG", "TIME_PROGRESS", "OUTPUT_SUMMARY", "OUTPUT_DETAILED", "PLOT_CURVES"]
    with contextlib.redirect_stdout(io.StringIO()):
        if layout == "kitti":
            dataset = trackeval.datasets.Kitti2DBox(place)
        else:
            lengths = {path.parent.parent.name: None for path in folder.glob("gt/*/gt/gt.txt")}
            dataset = trackeval.datasets.MotChallenge2DBox(place | {"SEQ_INFO": lengths, "SKIP_SPLIT_FOL": True, "BENCHMARK": "MOT17"})
        kinds = trackeval.metrics.HOTA, trackeval.metrics.CLEAR, trackeval.metrics.Identity
        metrics = [kind({"PRINT_CONFIG": False}) for kind in kinds]
        evaluator = trackeval.Evaluator({name: False for name in quiet})
        results, _ = evaluator.evaluate([dataset], metrics)
    done = now()
    (result,) = results.values()
    steps = {"imports": between(begin, imported), "files to numbers": between(imported, done)}
    print(json.dumps({"steps": steps, "result": plain(result["tracker"])}))


main()
