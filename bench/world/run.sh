#!/usr/bin/env bash
# Renders one town with guideway and with PyBullet's software renderer, and prints milliseconds of both.
#   bench/world/run.sh [ROUNDS]        VENV: where PyBullet is or shall be installed (default: .venv/bench-world)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
rounds=${1:-20}
venv=${VENV:-$root/.venv/bench-world}
if ! "$venv/bin/python" -c 'import pybullet' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet pybullet==3.2.7 numpy
fi
town=$(mktemp -d)
trap 'rm -rf "$town"' EXIT
cd "$root"
example=(cargo run --quiet --release -p guideway-world --example bench_render --)
"${example[@]}" --obj "$town"
"${example[@]}" "$rounds"
"$venv/bin/python" "$here/peer.py" "$town" "$rounds"
