#!/usr/bin/env bash
# Evaluates 3D detections by nuScenes' rules with guideway and with nuscenes-devkit 1.2.0 on the same files, and a large set with guideway.
#   bench/objects3d/run.sh [FRAMES] [BIG_FRAMES]     frames for both (default 6000, about nuScenes' validation set) and for guideway alone
#                                                    (default 40000; 0 for none); multiples of 40, with 30 boxes each
#   GUIDEWAY_BIN (default target/release/guideway), VENV: where the devkit is or shall be installed (default: .venv/bench-objects3d),
#   OBJECTS3D_DATA: where the files are made, once (default target/bench-objects3d; 1.4 GB)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
guideway=$(realpath "${GUIDEWAY_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/guideway}")
frames=${1:-6000}
big=${2:-40000}
venv=${VENV:-$root/.venv/bench-objects3d}
data=${OBJECTS3D_DATA:-$root/target/bench-objects3d}
if ! "$venv/bin/python" -c 'import nuscenes' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet nuscenes-devkit==1.2.0
fi
mkdir -p "$data"
folders=()
for count in "$frames" "$big"; do
    [ "$count" = 0 ] && continue
    [ -d "$data/$count-frames" ] || "$venv/bin/python" "$here/generate.py" "$data/$count-frames" "$count"
    folders+=("$data/$count-frames")
done
"$venv/bin/python" "$here/compare.py" "$guideway" "${folders[@]}"
