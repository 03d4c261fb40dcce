# The two commands are `make demo` and `make test`; both install what is missing and share one set of artefacts.
#
#   make demo     the loop: worlds are driven through and recorded; a detector learns, picks what to label next, and learns again
#   make test     every check and test
#
# Always the release profile, always the whole workspace: cargo compiles a dependency once for each profile and each set
# of features asked of it, and the engines take over half an hour. `PKG="guideway-core guideway-eval"` narrows build, test and
# lint to light crates while working on them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# A toolchain installed a moment ago is not in the shell's path yet.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# Written into every lineage record: which code made this.
export GUIDEWAY_COMMIT := $(shell git describe --always --dirty --abbrev=12 2>/dev/null)
VENV ?= $(CURDIR)/.venv
export VENV
# The interoperability tests run this Python, and skip where it is absent.
export GUIDEWAY_PYTHON ?= $(VENV)/bin/python

BIN := $(abspath $(CARGO_TARGET_DIR))/release/guideway
XTASK := $(abspath $(CARGO_TARGET_DIR))/release/xtask
PKG ?=
SCOPE := $(if $(PKG),$(addprefix --package ,$(PKG) xtask),--workspace)
# Generated files come from the whole program.
JOBS ?= $(if $(PKG),fmt layers features size words clippy doc test,all)
# A folder of images with boxes instead of a world.
DATA ?=

.PHONY: help setup setup-build build test lint demo demo-data bench gen fmt fuzz-build clean-demo

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/\1|\2/p' Makefile | awk -F'|' '{printf "make %-12s %s\n", $$1, $$2}'

setup: ## install what building and testing need (again: nothing)
	@scripts/setup.sh test

setup-build:
	@scripts/setup.sh build

build: setup-build ## the program, as target/release/guideway
	cargo build --release --locked $(SCOPE)

test: setup ## every check and test (JOBS="clippy test" for some of them, PKG="guideway-core" for light crates)
	cargo fmt --all --check
	cargo build --release --locked $(SCOPE) --all-targets
	$(XTASK) ci $(JOBS) $(addprefix --package ,$(PKG))

lint: setup-build ## clippy alone, on the artefacts of the build
	cargo build --release --locked $(SCOPE)
	$(XTASK) ci clippy $(addprefix --package ,$(PKG))

demo: demo-data build ## the loop, in worlds of its own (or training on a folder of images with boxes: make demo DATA=FOLDER)
	GUIDEWAY_BIN="$(BIN)" DATA="$(DATA)" scripts/demo.sh

# Before the build: half an hour is a long wait for "there is no data".
demo-data:
	@CHECK_ONLY=1 DATA="$(DATA)" scripts/demo.sh

bench: setup build ## the benchmarks, beside their peers
	cargo bench --locked $(SCOPE) --benches
	@for peer in bench/*/run.sh; do env -u VENV GUIDEWAY_BIN="$(BIN)" "$$peer"; done

gen: build ## rewrite the generated files: docs/cli.md, docs/schema
	$(XTASK) gen

fmt: ## format the code
	cargo fmt --all

fuzz-build: ## compile the fuzz targets (nightly, cargo-fuzz)
	cargo xtask ci fuzz-build

clean-demo: ## remove what `make demo` made
	rm -rf demo-ws
