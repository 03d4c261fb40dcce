"""The plain greedy k-centre selection in numpy, beside what guideway took."""

import json
import os
import sys
import time

import numpy as np

PICKS = int(os.environ.get("PICKS", "20"))


def main() -> None:
    path, width, budget, ours = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    points = np.fromfile(path, dtype=np.float32).reshape(-1, width)
    distances = np.full(len(points), np.inf, dtype=np.float32)
    taken = [0]
    start = time.perf_counter()
    while len(taken) < min(PICKS, budget):
        difference = points - points[taken[-1]]
        np.minimum(distances, np.einsum("ij,ij->i", difference, difference), out=distances)
        taken.append(int(np.argmax(distances)))
    seconds = time.perf_counter() - start
    whole = seconds / max(1, len(taken) - 1) * budget
    with open(ours) as lines:
        for line in lines:
            result = json.loads(line)
            text = f"  {result['function']:<10} {result['seconds']:8.1f} s"
            if result["function"] == "core-set":
                same = result["first"][: len(taken)] == taken
                text += f"   numpy {whole:8.0f} s ({seconds:.1f} s for {len(taken)} picks)   {whole / result['seconds']:.0f}×"
                text += f"   first {len(taken)} rows {'the same' if same else 'DIFFER'}"
                if not same:
                    print(text)
                    sys.exit(1)
            print(text)


main()
