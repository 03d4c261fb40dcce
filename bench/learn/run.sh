#!/usr/bin/env bash
# Can what a world shows be learnt? A detector learns from 2,000 pictures of towns by day and is tested on scenes of other seeds, by day
# and by night. Prints AP50 for cars of each training seed, and the spread.
#   bench/learn/run.sh [SEEDS]             SEEDS: how many trainings (default 3)
#   GUIDEWAY_BIN (default target/release/guideway), LEARN_WORKSPACE (default target/learn),
#   LEARN_FRAMES, LEARN_TEST: pictures to learn from (default 2000) and to test on, by day and by night each (default 400)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
guideway=${GUIDEWAY_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/guideway}
workspace=${LEARN_WORKSPACE:-$root/target/learn}
frames=${LEARN_FRAMES:-2000}
test=${LEARN_TEST:-400}
seeds=${1:-3}
[ -d "$workspace" ] || "$guideway" init "$workspace"
run() { "$guideway" -w "$workspace" "$@"; }

# Less than 400 px² of the picture is less than ten pixels square in the detector's input: neither learnt nor counted. (Of KITTI's
# objects, those of "moderate" difficulty are at least 25 px high in pictures of about this height.)
made() {
    run dataset show "$1" >/dev/null 2>&1 ||
        run world frames "$here/$2.toml" --seed "$3" --count "$4" --dataset "$1" --per-scene 4 --split "$5" --min-area 400
}
made day-train day 1 "$frames" train=0.95,val=0.05
made day-test day 1001 "$test" test=1
made night-test night 2001 "$test" test=1

for ((seed = 0; seed < seeds; seed++)); do
    model=learn-$seed
    started=$SECONDS
    if ! run model show "$model" >/dev/null 2>&1; then
        run train "$here/detector.toml" --dataset day-train --name "$model" --seed "$seed"
        echo "training: $((SECONDS - started)) s"
    fi
    for on in day night; do
        run --output-format json eval run "$model" --on "$on-test:test" >"$workspace/$model-$on.json"
    done
done
python3 - "$workspace" "$seeds" <<'PY'
import json, statistics, sys
folder, seeds = sys.argv[1], int(sys.argv[2])
for on in ("day", "night"):
    found = []
    for seed in range(seeds):
        classes = json.load(open(f"{folder}/learn-{seed}-{on}.json"))["classes"]
        found.append(next(c["ap50"] for c in classes if c["name"] == "car"))
    spread = f" ± {statistics.stdev(found):.3f}" if seeds > 1 else ""
    values = " ".join(f"{v:.3f}" for v in found)
    print(f"AP50 of cars by {on}: {values}; mean {statistics.mean(found):.3f}{spread}")
PY
