#!/usr/bin/env bash
# Trains and runs one network with guideway and with PyTorch, and prints images per second of both and their ratio.
#   bench/train/run.sh [CONFIG.toml]        VENV: where PyTorch is or shall be installed (default: .venv/bench-train)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
config=${1:-$root/crates/guideway-train/configs/vehicles.toml}
venv=${VENV:-$root/.venv/bench-train}
if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet torch numpy --index-url https://download.pytorch.org/whl/cpu ||
        "$venv/bin/pip" install --quiet torch numpy
fi
# The whole workspace: the same set of features as everywhere, so that no dependency is compiled anew.
(cd "$root" && cargo build --quiet --release --workspace --example speed)
ours=$("${CARGO_TARGET_DIR:-$root/target}/release/examples/speed" "$config")
peer=$("$venv/bin/python" "$here/peer.py" "$config" "$(nproc)")
printf '%s\n%s\n' "$ours" "$peer"
"$venv/bin/python" - "$ours" "$peer" <<'PY'
import json, sys
ours, peer = map(json.loads, sys.argv[1:])
assert ours["weights"] == peer["weights"], "the two networks differ"
for what in ("train", "predict"):
    key = f"{what}_images_per_second"
    print(f"{what}: ours {ours[key]:.0f}, PyTorch {peer[key]:.0f} images/s, ratio {ours[key] / peer[key]:.2f}")
PY
