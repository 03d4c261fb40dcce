"""nuscenes-devkit on a generated data base: peer.py FOLDER. Prints its summary and the time of each step as one line of JSON."""

import contextlib
import io
import json
import sys
import tempfile
import time



def now():
    return {"wall_s": time.perf_counter(), "processor_s": time.process_time()}


def between(begin, end):
    return {key: end[key] - begin[key] for key in begin}


begin = now()
from nuscenes import NuScenes  # noqa: E402
from nuscenes.eval.common.config import config_factory  # noqa: E402
from nuscenes.eval.detection.evaluate import DetectionEval  # noqa: E402

imported = now()
folder = sys.argv[1]
with tempfile.TemporaryDirectory() as output, contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    database = NuScenes("v1.0-bench", folder, verbose=False)
    tables = now()
    job = DetectionEval(
        database, config_factory("detection_cvpr_2019"), f"{folder}/results.json", "bench", output, verbose=False
    )
    loaded = now()
    metrics, _ = job.evaluate()
    done = now()
print(json.dumps({
    "steps": {
        "imports": between(begin, imported), "tables": between(imported, tables), "boxes and filters": between(tables, loaded),
        "evaluate": between(loaded, done),
    },
    "labels": len(job.gt_boxes.all), "detections": len(job.pred_boxes.all), "summary": metrics.serialize(),
}))
