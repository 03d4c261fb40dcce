#!/usr/bin/env bash
# Selects 10,000 of 1,000,000 embeddings of 128 values by core-set, and runs numpy's plain version beside it.
#   bench/mine/run.sh [ROWS] [BUDGET]      VENV: where numpy is or shall be installed (default: .venv/bench-mine)
# Twice: rows that are all independent, and rows in scenes of 200. numpy runs its first PICKS (default 20) picks, whose time is the
# same for each, and which must be the same rows.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
rows=${1:-1000000}
budget=${2:-10000}
venv=${VENV:-$root/.venv/bench-mine}
if ! "$venv/bin/python" -c 'import numpy' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet numpy
fi
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
cd "$root"
for kind in independent scenes; do
    echo "$kind rows: $budget of $rows × 128"
    cargo run --quiet --release -p guideway-mine --example select -- "$data/$kind" "$rows" 128 "$budget" "$kind" >"$data/$kind.json"
    "$venv/bin/python" "$here/peer.py" "$data/$kind" 128 "$budget" "$data/$kind.json"
done
