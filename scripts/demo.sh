#!/usr/bin/env bash
# The whole path on a folder of images with boxes: ingest, query, freeze, train, evaluate, trace.
# usage: GUIDEWAY_BIN=target/release/guideway DATA=FOLDER [DEMO_WORKSPACE=demo-ws] scripts/demo.sh
set -euo pipefail

data=${DATA:-}

if [ -z "$data" ] || [ ! -e "$data" ]; then
  cat >&2 <<EOF
demo: there is no data at '${data}'.

Give a folder of images with boxes, in YOLO layout (data.yaml, images/, labels/) or as COCO instances JSON:

    make demo DATA=/path/to/folder
EOF
  exit 2
fi
[ -z "${CHECK_ONLY:-}" ] || exit 0

guideway=$(realpath "${GUIDEWAY_BIN:-target/release/guideway}")
config=$(realpath "$(dirname "$0")/../configs/demo.toml")
data=$(realpath "$data")
# Each set of images gets a workspace of its own: a frozen dataset never changes.
workspace=${DEMO_WORKSPACE:-demo-ws/$(basename "$data")-$(printf %s "$data" | cksum | cut -c1-6)}

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

run init "$workspace"
cd "$workspace"
run ingest "$data"
run log ls
run query "SELECT class, count(*) AS labels, count(DISTINCT frame_id) AS frames FROM labels GROUP BY class ORDER BY labels DESC"
run dataset freeze demo-v1 --from "SELECT frame_id FROM frames WHERE modality = 'camera'" --split train=0.8,val=0.2 --seed 7
run train "$config" --dataset demo-v1 --name demo
run eval run demo --on demo-v1:val
run query "SELECT kind, count(*) AS events FROM events GROUP BY kind ORDER BY events DESC"
run trace demo
run doctor

printf '\nWorkspace: %s\n' "$PWD"
find data/models data/runs -name '*.svg' 2>/dev/null | sort | sed "s|^|  plot: $PWD/|"
