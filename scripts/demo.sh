#!/usr/bin/env bash
# The whole path. Without DATA it needs nothing from outside: a world is made, a fleet drives through it, and its logs are
# ingested, queried, frozen, trained on, evaluated and traced. With DATA=FOLDER the same runs on a folder of images with boxes.
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
  # 3 says "finished, with warnings": worth reading, no reason to stop.
  "$guideway" "$@" || { code=$?; [ "$code" -eq 3 ] || exit "$code"; }
}

least=()
if [ -n "$data" ]; then
  # Each set of images gets a workspace of its own: a frozen dataset never changes.
  data=$(realpath "$data")
  workspace=${DEMO_WORKSPACE:-demo-ws/$(basename "$data")-$(printf %s "$data" | cksum | cut -c1-6)}
  detector=$configs/demo.toml
  run init "$workspace"
  cd "$workspace"
  run ingest "$data"
else
  workspace=${DEMO_WORKSPACE:-demo-ws/world}
  detector=$configs/world.toml
  run init "$workspace"
  cd "$workspace"
  run world preview "$configs/fleet.toml" --seed 1 --scenes 4 --out preview.png
  run world record "$configs/fleet.toml" --seed 1 --drives 16 --seconds 6 --out logs
  # The labels travel in the logs as ground truth: here they play the labellers.
  run ingest logs --with-ground-truth
  # What covers less than 400 px² is neither learnt nor counted.
  least=(--min-area 400)
fi

run log ls
run query "SELECT class, count(*) AS labels, count(DISTINCT frame_id) AS frames FROM labels WHERE x_min IS NOT NULL GROUP BY class ORDER BY labels DESC"
run dataset freeze demo-v1 --from "SELECT frame_id FROM frames WHERE modality = 'camera'" --split train=0.8,val=0.2 --seed 7 "${least[@]}"
run train "$detector" --dataset demo-v1 --name demo
run eval run demo --on demo-v1:val
run query "SELECT kind, count(*) AS events FROM events GROUP BY kind ORDER BY events DESC"
run trace demo
run doctor

printf '\nWorkspace: %s\nLook at:\n' "$PWD"
{ find . -maxdepth 1 -name '*.png'; find data/models data/runs -name '*.svg' 2>/dev/null; } | sort | sed "s|^\(\./\)\?|  $PWD/|"
