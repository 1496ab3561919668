# All tasks of this repository, for users and CI. `make` without a target lists them.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

# Overrides the user's own setting: the runner and the tests expect the filter in this directory.
export CARGO_TARGET_DIR := $(CURDIR)/target
TARGET := wasm32-wasip1
WASM   := target/$(TARGET)/release/entragate.wasm

# With `make lint ADVISORIES=required`, lint fails if the advisory database cannot be fetched. Otherwise it prints a notice and continues.
ADVISORIES ?= optional
# CHAOS_TIMES: how often `make chaos` repeats each chaos test, which `make test` runs once. SOAK_SECONDS, FUZZ_SECONDS: the
# duration of `make soak` and of each target of `make fuzz`. MUTANTS: the files that `make mutants` changes (empty: the
# list in tools/mutants.sh). TEST_THREADS: how many tests run at the same time (by default two per core, since end-to-end tests
# also wait).
CHAOS_TIMES  ?= 5
SOAK_SECONDS ?= 600
FUZZ_SECONDS ?= 60
MUTANTS      ?=
TEST_THREADS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

# `make push IMAGE=registry.example/entragate:0.1.0` pushes the image in the form FORM (`oci-compat` or `oci`) from the directory
# DIST. SKOPEO_FLAGS holds further options for skopeo. `--insecure-policy` is safe here: skopeo's policy restricts the sources
# of images, and this image was built locally.
FORM ?= oci-compat
DIST ?= dist

# Builds a program of this workspace and runs it. The features of dependencies are those of the whole workspace, so that one build of
# them serves all programs.
program = cargo build --locked --quiet --workspace --bin $(1) && target/debug/$(1)

.PHONY: help run test fetch bench growth build optimized hooks chaos soak fuzzers fuzz mutants lint fmt docs oci images demo chart push reproducible release envoy clients registry prometheus helm redis limiter clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build envoy ## start a real Envoy with the filter and local stand-ins for Entra ID and Hugging Face
	@echo "==> run: building the entragate command and the stand-ins (first build: a few minutes on 2 cores)"
	@cargo build --locked --workspace --bin entragate --bin testbed
	@echo "==> run: starting the stand-ins and Envoy with the filter (Ctrl-C stops them)"
	@target/debug/testbed run

# The tests run the same filter as a release. It also starts faster in Envoy.
test: optimized hooks fetch limiter ## run all tests: native tests, and end-to-end tests with a real Envoy and real clients
	@echo "==> test: building and running all tests (on 2 cores: about 10 minutes, the first time 15)"
	@RUST_TEST_THREADS=$(TEST_THREADS) cargo test --workspace --locked
	@tools/limiter.sh test

fetch: envoy clients registry prometheus helm redis ## fetch all tools and clients that the tests use into .tools/

# BENCH_ROUNDS=3 gives a quick estimate. BENCH_ONLY=memory, =latency or =start measures one part only; BENCH_ONLY='ours, warm;native, warm'
# measures the CPU time of these rows. With BENCH_ONLY, the results file is not written. BENCH_BASELINE=FILE compares the start and
# signature verification in wasm with those of an earlier build. BENCH_LOG=FILE keeps Envoy's log, including audit records.
bench: optimized envoy redis ## compare with Envoy's native filters and write bench/RESULTS.md (idle machine, about 15 minutes)
	@echo "==> bench: building an empty filter and the benchmark, then measuring (about 15 minutes)"
	@cargo build --release --locked -p empty-filter --target $(TARGET)
	@tools/limiter.sh build --release
	@LIMITER=$(CURDIR)/target/limiter/release/limiter cargo run --profile bench --locked -p bench

growth: optimized envoy ## plot how the cost of a request grows, in docs/growth-*.svg (idle machine, about 5 minutes)
	@echo "==> growth: building the benchmark, then measuring (about 5 minutes)"
	@cargo run --profile bench --locked -p bench -- growth

# RUSTFLAGS from the environment would replace the flags in .cargo/config.toml, so they are unset for the filter.
build: ## build the filter: target/wasm32-wasip1/release/entragate.wasm
	@tools/wasm-target.sh $(TARGET)
	@echo "==> build: compiling the filter for $(TARGET) (first build: about a minute on 2 cores)"
	@WRAPPED_RUSTC_WRAPPER="$${RUSTC_WRAPPER:-}" RUSTC_WRAPPER="$(CURDIR)/tools/rustc-remapped.sh" env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS cargo build --release --locked --lib --target $(TARGET)
	@echo "    $(WASM): $$(wc -c < $(WASM)) bytes"

# Adapts the filter to V8 and to the CPU's caches (layout/). The result replaces the file that `build` wrote; the next
# `make build` restores that file. All measurements and releases use this target.
optimized: build ## optimize the filter for the code that requests execute, as in a release
	@echo "==> optimized: adapting the filter to what requests execute (first build: a minute or two on 2 cores)"
	@$(call program,layout) $(WASM)
	@echo "    $(WASM): $$(wc -c < $(WASM)) bytes"

hooks: ## build the filter with test hooks, which no release contains
	@tools/wasm-target.sh $(TARGET)
	@echo "==> hooks: compiling the filter with test hooks for $(TARGET) (first build: about a minute on 2 cores)"
	@cargo build --profile hooks --locked --lib --features test-hooks --target $(TARGET)

chaos: optimized hooks envoy ## run the fault-injection tests with a real Envoy, CHAOS_TIMES (5) times each
	@CHAOS_TIMES=$(CHAOS_TIMES) cargo test --locked --test chaos -- --nocapture --test-threads 1

soak: hooks envoy ## send mixed traffic of 50,000 identities for SOAK_SECONDS (600); memory use must level off
	@SOAK_SECONDS=$(SOAK_SECONDS) cargo test --locked --test soak -- --nocapture

fuzzers: ## build the fuzz targets
	@tools/fuzz.sh build

fuzz: ## fuzz each target for FUZZ_SECONDS (60)
	@tools/fuzz.sh $(FUZZ_SECONDS)

mutants: ## run mutation tests on the code that makes decisions, or on MUTANTS="file …"
	@tools/mutants.sh $(MUTANTS)

lint: ## check formatting, clippy (native and wasm), rustdoc, and the dependencies' licences and sources
	@tools/wasm-target.sh $(TARGET)
	@tools/need-component.sh rustfmt clippy
	@echo "==> lint: formatting"
	@cargo fmt --all --check && cargo fmt --manifest-path mutants/Cargo.toml --check && cargo fmt --manifest-path testbed/limiter/Cargo.toml --check || { echo "    run: make fmt" >&2; exit 1; }
	@echo "==> lint: clippy, native"
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@echo "==> lint: clippy, $(TARGET)"
	@cargo clippy --locked --lib --target $(TARGET) -- -D warnings
	@cargo clippy --locked --lib --target $(TARGET) --features test-hooks -- -D warnings
	@echo "==> lint: clippy, mutants/"
	@CARGO_TARGET_DIR=target/mutants/tool cargo clippy --manifest-path mutants/Cargo.toml --all-targets --locked -- -D warnings
	@tools/limiter.sh clippy --all-targets -- -D warnings
	@echo "==> lint: rustdoc"
	@RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --locked
	@tools/deny.sh $(ADVISORIES)

fmt: ## format the sources
	@cargo fmt --all
	@cargo fmt --manifest-path mutants/Cargo.toml
	@cargo fmt --manifest-path testbed/limiter/Cargo.toml

docs: ## generate docs/configuration.md, the schema for Kong and the picture of the dashboard
	@mkdir -p docs
	@$(call program,entragate) schema --markdown > docs/configuration.md.new
	@mv docs/configuration.md.new docs/configuration.md
	@$(call program,entragate) schema --kong > deploy/kong/entragate.meta.json.new
	@mv deploy/kong/entragate.meta.json.new deploy/kong/entragate.meta.json
	@$(call program,testbed) dashboard deploy/monitoring/dashboard.json > docs/dashboard.svg.new
	@mv docs/dashboard.svg.new docs/dashboard.svg

oci: optimized ## pack the filter into dist/: OCI image layouts in both forms, and a bill of materials
	@echo "==> oci: packing the filter into dist/"
	@mkdir -p dist
	@$(call program,pack) oci --wasm $(WASM) --out dist --release "$$(tools/version.sh)" \
		--revision "$$(git rev-parse HEAD)" --created "$$(git show -s --format=%cI HEAD)" $(if $(SOURCE),--source "$(SOURCE)")
	@cargo metadata --locked --format-version 1 --filter-platform $(TARGET) | target/debug/pack sbom > dist/entragate.cdx.json

images: optimized envoy ## pack the command line and the demo into dist/, as OCI image layouts
	@tools/images.sh

demo: registry ## run the demo image of dist/ in Docker or Podman: Envoy with the filter, and stand-ins (no Rust required)
	@tools/demo.sh

chart: ## pack the Helm chart into dist/: an archive, and an OCI image layout
	@$(call program,pack) chart --chart deploy/helm/entragate --out dist --release "$$(tools/version.sh)" \
		--revision "$$(git rev-parse HEAD)" --created "$$(git show -s --format=%cI HEAD)" $(if $(SOURCE),--source "$(SOURCE)")

push: oci registry ## push the image: make push IMAGE=registry.example/entragate:0.1.0
	@test -n "$(IMAGE)" || { echo "error: IMAGE is required, for example: make push IMAGE=registry.example/entragate:0.1.0" >&2; exit 1; }
	@tools/skopeo.sh --insecure-policy copy --preserve-digests --digestfile $(DIST)/$(FORM).digest $(SKOPEO_FLAGS) oci:$(DIST)/$(FORM) docker://$(IMAGE)
	@echo "    pushed $(IMAGE); pin it by its digest: $$(cat $(DIST)/$(FORM).digest)"

reproducible: ## build the committed sources in two directories and compare the results
	@tools/reproducible.sh

release: ## check, test and pack a release in dist/; requires a clean working tree
	@tools/release.sh

registry: ## fetch an OCI registry and skopeo into .tools/, for the tests and for `make push`
	@tools/registry.sh

prometheus: ## fetch Prometheus into .tools/, for the tests of the dashboard and the alerts
	@tools/prometheus.sh

helm: ## install Helm's engine and Kubernetes' schemas into .tools/, for the tests of the chart
	@tools/helm.sh

redis: ## fetch Redis into .tools/, for the tests of rate limits
	@tools/redis.sh

limiter: ## build the rate limit service that the tests use
	@tools/limiter.sh

envoy: ## fetch Envoy into .tools/, unless it is already there or on the PATH
	@tools/envoy.sh

clients: ## install the Python and Node clients and the coding agents that the tests use into .tools/
	@tools/clients.sh
	@tools/node-clients.sh

clean: ## remove target/ and .tools/
	rm -rf target .tools
