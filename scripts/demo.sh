#!/usr/bin/env bash
# The whole loop. Without DATA it needs nothing from outside: a fleet drives through worlds and records; a detector learns from a few labelled frames; the
# frames to label next are mined, labelled by simulated labelers and learnt from, beside as many drawn by lot; a gate decides; the model is packaged. With
# DATA=FOLDER a detector is trained on a folder of images with boxes, evaluated and traced.
# usage: GUIDEWAY_BIN=target/release/guideway [DATA=FOLDER] [DEMO_WORKSPACE=demo-ws] scripts/demo.sh
set -euo pipefail

data=${DATA:-}

if [ -n "$data" ] && [ ! -e "$data" ]; then
  cat >&2 <<EOF
demo: there is no data at '${data}'.

Give a folder of images with boxes, in YOLO layout (data.yaml, images/, labels/) or as COCO instances JSON, or nothing at all:

    make demo DATA=/path/to/folder
    make demo
EOF
  exit 2
fi
[ -z "${CHECK_ONLY:-}" ] || exit 0

guideway=$(realpath "${GUIDEWAY_BIN:-target/release/guideway}")
configs=$(realpath "$(dirname "$0")/../configs")

# Prints the command as a person would type it, then runs it.
run() {
  local shown=""
  for word in "$@"; do
    case "$word" in
      *\ *) shown+=" \"$word\"" ;;
      *) shown+=" $word" ;;
    esac
  done
  if [ -t 1 ]; then printf '\n\033[1m$ guideway%s\033[0m\n' "$shown"; else printf '\n$ guideway%s\n' "$shown"; fi
  # 3 says "finished, with warnings", 10 "the gate is not met": worth reading, no reason to stop.
  "$guideway" "$@" || { code=$?; [ "$code" -eq 3 ] || [ "$code" -eq 10 ] || exit "$code"; }
}

look() {
  printf '\nWorkspace: %s\nLook at:\n' "$PWD"
  { find . -maxdepth 1 -name '*.png'; find reports -name index.html 2>/dev/null; find data/models data/runs -name '*.svg' 2>/dev/null | head -6; } |
    sort | sed "s|^\(\./\)\?|  $PWD/|"
}

if [ -n "$data" ]; then
  # Each set of images gets a workspace of its own: a frozen dataset never changes.
  data=$(realpath "$data")
  workspace=${DEMO_WORKSPACE:-demo-ws/$(basename "$data")-$(printf %s "$data" | cksum | cut -c1-6)}
  run init "$workspace"
  cd "$workspace"
  run ingest "$data"
  run log ls
  run query "SELECT class, count(*) AS labels, count(DISTINCT frame_id) AS frames FROM labels WHERE x_min IS NOT NULL GROUP BY class ORDER BY labels DESC"
  run dataset freeze demo-v1 --from "SELECT frame_id FROM frames WHERE modality = 'camera'" --split train=0.8,val=0.2 --seed 7
  run train "$configs/demo.toml" --dataset demo-v1 --name demo
  run eval run demo --on demo-v1:val
  run query "SELECT kind, count(*) AS events FROM events GROUP BY kind ORDER BY events DESC"
  run trace demo
  run doctor
  look
  exit
fi

workspace=${DEMO_WORKSPACE:-demo-ws/loop}
run init "$workspace"
cd "$workspace"
run world preview "$configs/experiments/demo-mixed.toml" --seed 1 --scenes 4 --out preview.png
# Records three fleets, labels a seed set, trains, mines, labels, trains again: twice, beside frames drawn by lot.
run experiment run "$configs/experiments/demo.toml"
first=demo-s1-r0-m0
last=demo-mined-s1-r1-m0
run query "SELECT s.rank, s.score, f.name, a.boxes, a.price_micros / 1e6 AS price FROM selections s JOIN frames f USING (frame_id) JOIN answers a USING (frame_id) WHERE s.selection = 'demo-mined-s1-r1' ORDER BY s.rank LIMIT 5"
# What the first model missed by night is a bug; the gate is its test, and that nothing else got worse.
run bug new "cars at night are missed" --threshold 0.1 --events "SELECT event_id FROM events WHERE kind = 'miss' AND date_part('hour', to_timestamp_seconds(start_ns / 1000000000)) NOT BETWEEN 6 AND 19 AND run_id IN (SELECT run_id FROM runs WHERE kind = 'eval' AND name = '$first on demo-test:test')"
run bug check "cars at night are missed" --model "$last"
run model package "$last" --out model
printf '\nWhere it comes from, to the logs: guideway -w %s trace %s\n' "$PWD" "$last"
look
