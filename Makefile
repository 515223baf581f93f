# The only commands anyone needs. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup serve test build bench watch sim fmt guest

# Where `make serve` keeps its data and listens, and the image a new provider starts with.
DATA ?= ./data
LISTEN ?= 127.0.0.1:3000
GUEST := target/guest/darkroom-linux.qcow2
SEED_FLAGS ?= --seed-demo $(GUEST)
SEEDS ?= 1000
export CARGO_TARGET_DIR ?= $(CURDIR)/target
DARKROOM := $(CARGO_TARGET_DIR)/release/darkroom

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

setup: ## install what is missing to build, run and test
	@tools/setup.sh test

serve: ## build and run on 127.0.0.1:3000 with ./data; the first run makes a small demonstration provider
	@tools/setup.sh serve
	@tools/build.sh release >/dev/null
	@end2end/guest/build.sh $(GUEST)
	@exec $(DARKROOM) serve --data $(DATA) --listen $(LISTEN) $(SEED_FLAGS)

test: ## everything that must hold, from formatting to the browser with real machines
	@tools/test.sh

build: ## the release executable
	@tools/setup.sh serve
	@tools/build.sh release

guest: ## the bootable test machine
	@tools/setup.sh serve
	@end2end/guest/build.sh $(GUEST)

bench: ## the figures of docs/BENCHMARKS.md, with their targets
	@tools/setup.sh bench
	@tools/bench.sh

watch: ## rebuild and restart a development server on every change
	@tools/watch.sh $(DATA) $(LISTEN)

sim: ## the simulator with many seeds: make sim SEEDS=5000
	@DARKROOM_SIM_SEEDS=$(SEEDS) tools/sim.sh

fmt: ## format all Rust code
	@cargo fmt --all
