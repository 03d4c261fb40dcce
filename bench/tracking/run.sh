#!/usr/bin/env bash
# Evaluates tracks by MOTChallenge's and KITTI's rules with guideway and with TrackEval 1.3.0 on the same files; and what guideway's memory
# grows with.
#   bench/tracking/run.sh [FRAMES] [GROWTH]     frames of each of MOT17's 7 sequences (default 750), and the most times of sequences and of
#                                               length that memory is measured with: 1, 4 or 16 (default 16)
#   GUIDEWAY_BIN (default target/release/guideway), VENV: where TrackEval is or shall be installed (default: .venv/bench-tracking),
#   TRACKING_DATA: where the files are made, once (default target/bench-tracking; 0.6 GB)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
guideway=$(realpath "${GUIDEWAY_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/guideway}")
frames=${1:-750}
growth=${2:-16}
venv=${VENV:-$root/.venv/bench-tracking}
data=${TRACKING_DATA:-$root/target/bench-tracking}/$frames-frames
if ! "$venv/bin/python" -c 'import trackeval' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet trackeval==1.3.0
fi
mkdir -p "$data"
made() {
    [ -d "$data/$2" ] || "$venv/bin/python" "$here/generate.py" "$1" "$data/$2" "$3" "$4"
}
made mot17 mot17 7 "$frames"
made kitti kitti 21 $((frames / 2))
for times in 4 16; do
    [ "$times" -le "$growth" ] || continue
    made mot17 "sequences-$times" $((7 * times)) "$frames"
    made mot17 "length-$times" 7 $((frames * times))
done
"$venv/bin/python" "$here/compare.py" "$guideway" "$data"
