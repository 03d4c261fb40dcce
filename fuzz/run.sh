#!/bin/sh
# Runs fuzz targets without cargo-fuzz: builds them with coverage on nightly, then gives each its time.
# usage: fuzz/run.sh [SECONDS [TARGET...]]
# What it finds lies in fuzz/artifacts, what it learns in fuzz/target; the seeds in fuzz/corpus stay as they are.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(sed -n 's/^path = "fuzz_targets\/\(.*\)\.rs"$/\1/p' Cargo.toml)

target=${CARGO_TARGET_DIR:-$PWD/target}
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
# The toolchain by variable: the pinned one would win over nightly. The host by name: build scripts need no coverage.
RUSTUP_TOOLCHAIN=nightly CARGO_TARGET_DIR=$target RUSTFLAGS="-Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing" \
    cargo build --release --bins --target "$host"

failed=
for name in "$@"; do
    mkdir -p "$target/corpus/$name" "artifacts/$name"
    echo "== $name"
    "$target/$host/release/$name" "$target/corpus/$name" "corpus/$name" "-artifact_prefix=artifacts/$name/" \
        "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 || failed="$failed $name"
done
[ -z "$failed" ] || { echo "found something:$failed"; exit 1; }
