#!/usr/bin/env bash
# COCO evaluation beside hotcoco 1.3.1 and pycocotools 2.0.11, on a generated set of val2017's size.
#
#   GUIDEWAY_PYTHON=~/venv/bin/python bench/coco/run.sh [REPEATS]
#
# GUIDEWAY_PYTHON is a Python with pycocotools (default: python3). The shortest of REPEATS (default 7) times counts; pycocotools runs
# twice. Leave the machine alone meanwhile.
set -euo pipefail
cd "$(dirname "$0")"
repeats=${1:-7}
python=${GUIDEWAY_PYTHON:-python3}
"$python" -c 'import pycocotools' || { echo "run.sh: set GUIDEWAY_PYTHON to a Python with pycocotools (pip install pycocotools==2.0.11)" >&2; exit 2; }
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
cargo build --release --locked
bench=$CARGO_TARGET_DIR/release/guideway-bench-coco
"$bench" gen "$CARGO_TARGET_DIR/coco-data"
"$python" compare.py "$CARGO_TARGET_DIR/coco-data" "$("$bench" run "$CARGO_TARGET_DIR/coco-data" "$repeats")" 2
