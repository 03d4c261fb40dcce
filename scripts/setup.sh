#!/usr/bin/env bash
# Installs what building (`setup.sh build`) or testing (`setup.sh test`) needs and this machine lacks.
# Running it again changes nothing. What the build cannot do without is an error; what only some tests need is a note,
# and those tests skip.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-test}
venv=${VENV:-.venv}

say() { printf 'setup: %s\n' "$*" >&2; }
note() { printf '\n************************************************************\nsetup: NOTE: %s\n************************************************************\n\n' "$*" >&2; }
die() {
    printf 'setup: error: %s\n' "$*" >&2
    exit 1
}

# apt PACKAGE...: installs Debian packages where this user may.
apt() {
    command -v apt-get >/dev/null || return 1
    local as=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null && sudo -n true 2>/dev/null || return 1
        as=(sudo -n)
    fi
    say "apt-get install $*"
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2 && return 0
    # A bare image has no package lists yet.
    "${as[@]}" apt-get update -q >&2 || return 1
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

# need PROGRAM PACKAGE WHY: a program that the build cannot do without.
need() {
    command -v "$1" >/dev/null && return 0
    apt "$2" && command -v "$1" >/dev/null && return 0
    die "\`$1\` is missing ($3); install it, on Debian or Ubuntu: apt-get install $2"
}

# --- the compiler
if ! command -v cargo >/dev/null && [ -r "${CARGO_HOME:-$HOME/.cargo}/env" ]; then
    # shellcheck disable=SC1091
    . "${CARGO_HOME:-$HOME/.cargo}/env"
fi
channel=$(sed -n 's/^channel *= *"\(.*\)"$/\1/p' rust-toolchain.toml)
[ -n "$channel" ] || die "rust-toolchain.toml names no channel"
if command -v rustup >/dev/null; then
    installed=$(rustup component list --toolchain "$channel" --installed 2>/dev/null || true)
    if [[ $installed != *clippy* || $installed != *rustfmt* ]]; then
        say "rustup toolchain install $channel"
        rustup toolchain install "$channel" --profile minimal --component rustfmt --component clippy >&2 ||
            die "Rust $channel could not be installed; check the network, then: rustup toolchain install $channel"
    fi
elif command -v rustc >/dev/null; then
    have=$(rustc --version | awk '{print $2}')
    [ "$have" = "$channel" ] || say "rustc is $have, the project is tested with $channel (no rustup to install it)"
else
    die "Rust is missing; install rustup from https://rustup.rs, then run this again"
fi

# --- what build scripts of dependencies call
need cc build-essential "a C compiler and linker: SQLite, zstd and lz4 are compiled from C"
need protoc protobuf-compiler "the table engine's build generates code from its protobuf files"
# The table engine's files include protobuf's well-known types, which Debian ships apart from the compiler.
knows_well_known_types() {
    local dir status=0
    dir=$(mktemp -d)
    printf 'syntax = "proto3";\nimport "google/protobuf/any.proto";\nmessage M { google.protobuf.Any a = 1; }\n' >"$dir/m.proto"
    protoc "-I$dir" -o/dev/null "$dir/m.proto" 2>/dev/null || status=$?
    rm -rf "$dir"
    return "$status"
}
if ! knows_well_known_types; then
    apt libprotobuf-dev || true
    knows_well_known_types ||
        die "protoc cannot find google/protobuf/*.proto; on Debian or Ubuntu: apt-get install libprotobuf-dev"
fi

[ "$purpose" = test ] || exit 0

# --- the test runner
if ! cargo nextest --version >/dev/null 2>&1; then
    say "cargo install cargo-nextest (once, some minutes)"
    # The runner is not the hot part: built for a short build.
    cargo install --locked --quiet cargo-nextest --version 0.9.143 \
        --config profile.release.lto=false --config profile.release.opt-level=1 --config profile.release.codegen-units=16 >&2 ||
        note "cargo-nextest could not be installed; the tests run with \`cargo test\` instead"
fi

# --- Python, for the tests that open our tables with other people's libraries
python_ready() {
    cmp -s scripts/python-requirements.txt "$venv/.requirements" && "$venv/bin/python" -c 'import lance, pyarrow, pycocotools.mask, mcap_protobuf' 2>/dev/null
}
install_python() {
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        apt python3 python3-venv || return 1
    fi
    say "python packages of scripts/python-requirements.txt into $venv"
    rm -rf "$venv"
    python3 -m venv "$venv" &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: -r scripts/python-requirements.txt >&2 &&
        cp scripts/python-requirements.txt "$venv/.requirements" && python_ready
}
if ! python_ready && ! install_python; then
    note "no Python environment in $venv (needs python3 with venv, and the packages of scripts/python-requirements.txt); the interoperability tests will SKIP"
fi
