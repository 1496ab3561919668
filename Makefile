# Everything a user or CI does with this repository. `make` alone prints the targets.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

# One place for what cargo builds, whatever the user's own settings: the runner and the tests look for the filter there.
export CARGO_TARGET_DIR := $(CURDIR)/target
TARGET := wasm32-wasip1
WASM   := target/$(TARGET)/release/entragate.wasm

# `make lint ADVISORIES=required` fails where the advisory database cannot be fetched, instead of saying so and going on.
ADVISORIES ?= optional
# How many times over `make chaos` does what `make test` does once; how long `make soak` and each target of `make fuzz`
# run; the files that `make mutants` is about (empty: token/, keys/, policy/, decision).
CHAOS_TIMES  ?= 5
SOAK_SECONDS ?= 600
FUZZ_SECONDS ?= 60
MUTANTS      ?=

# `make push IMAGE=registry.example/entragate:0.1.0`; FORM=oci pushes the other form, DIST is
# where the forms are. What skopeo needs besides: SKOPEO_FLAGS. The policy that it goes without is about where images come
# from, and this one is our own.
FORM ?= oci-compat
DIST ?= dist

.PHONY: help run test bench build hooks chaos soak fuzz mutants lint fmt docs oci push reproducible release envoy clients registry clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build envoy ## start the gateway in a real Envoy, with stand-ins for Entra ID and Hugging Face
	@echo "==> run: stand-ins, and Envoy with the filter (Ctrl-C stops them)"
	@cargo build --locked --bin entragate
	@cargo run --locked -p testbed -- run

test: build hooks envoy clients registry ## run every test: native, and end to end with a real Envoy and real clients
	@echo "==> test: cargo test --workspace"
	@cargo test --workspace --locked

# BENCH_ROUNDS=3 for a quick look; BENCH_ONLY=memory for memory alone, BENCH_ONLY='ours, warm;native, warm' for the CPU of these
# rows, with nothing written; BENCH_BASELINE=FILE compares the portable signature with that of an earlier build; BENCH_LOG=FILE keeps
# Envoy's log, audit lines included.
bench: build envoy ## compare with Envoy's native filters, into bench/RESULTS.md (a quiet machine, ten minutes)
	@echo "==> bench: an empty filter, and the comparison"
	@cargo build --release --locked -p empty-filter --target $(TARGET)
	@cargo run --profile bench --locked -p bench

# RUSTFLAGS in the environment would replace those of .cargo/config.toml, so what ships is built without them.
build: ## build the filter: target/wasm32-wasip1/release/entragate.wasm
	@tools/wasm-target.sh $(TARGET)
	@echo "==> build: the filter, for $(TARGET)"
	@WRAPPED_RUSTC_WRAPPER="$${RUSTC_WRAPPER:-}" RUSTC_WRAPPER="$(CURDIR)/tools/rustc-remapped.sh" env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS cargo build --release --locked --lib --target $(TARGET)
	@echo "==> build: what requests call, side by side"
	@cargo run --locked -q -p layout -- $(WASM)
	@echo "    $(WASM): $$(wc -c < $(WASM)) bytes"

hooks: ## build the filter with hooks for the tests, which nothing that ships has
	@tools/wasm-target.sh $(TARGET)
	@echo "==> hooks: the filter with test hooks, for $(TARGET)"
	@cargo build --profile hooks --locked --lib --features test-hooks --target $(TARGET)

chaos: build hooks envoy ## let everything around a real Envoy go wrong, CHAOS_TIMES (5) times over
	@CHAOS_TIMES=$(CHAOS_TIMES) cargo test --locked --test chaos -- --nocapture --test-threads 1

soak: hooks envoy ## mixed traffic of 50,000 identities for SOAK_SECONDS (600); memory must settle
	@SOAK_SECONDS=$(SOAK_SECONDS) cargo test --locked --test soak -- --nocapture

fuzz: ## fuzz each target for FUZZ_SECONDS (60)
	@tools/fuzz.sh $(FUZZ_SECONDS)

mutants: ## mutation tests of what decides, or of MUTANTS="file …"
	@tools/mutants.sh $(MUTANTS)

lint: ## check formatting, clippy (native and wasm), the docs, and the dependencies' licences and sources
	@tools/wasm-target.sh $(TARGET)
	@tools/need-component.sh rustfmt clippy
	@echo "==> lint: formatting"
	@cargo fmt --all --check && cargo fmt --manifest-path mutants/Cargo.toml --check || { echo "    run: make fmt" >&2; exit 1; }
	@echo "==> lint: clippy, native"
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@echo "==> lint: clippy, $(TARGET)"
	@cargo clippy --locked --lib --target $(TARGET) -- -D warnings
	@cargo clippy --locked --lib --target $(TARGET) --features test-hooks -- -D warnings
	@echo "==> lint: clippy, mutants/"
	@CARGO_TARGET_DIR=target/mutants/tool cargo clippy --manifest-path mutants/Cargo.toml --all-targets --locked -- -D warnings
	@echo "==> lint: rustdoc"
	@RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --locked
	@tools/deny.sh $(ADVISORIES)

fmt: ## format the sources
	@cargo fmt --all
	@cargo fmt --manifest-path mutants/Cargo.toml

docs: ## write what is generated from the sources: docs/configuration.md, and the schema for Kong
	@mkdir -p docs
	@cargo run --locked -q --bin entragate -- schema --markdown > docs/configuration.md.new
	@mv docs/configuration.md.new docs/configuration.md
	@cargo run --locked -q --bin entragate -- schema --kong > deploy/kong/entragate.meta.json.new
	@mv deploy/kong/entragate.meta.json.new deploy/kong/entragate.meta.json

oci: build ## pack the filter into dist/: OCI image layouts in both forms, and a bill of materials
	@echo "==> oci: dist/"
	@mkdir -p dist
	@cargo run --locked -q -p pack -- oci --wasm $(WASM) --out dist --release "$$(tools/version.sh)" \
		--revision "$$(git rev-parse HEAD)" --created "$$(git show -s --format=%cI HEAD)" $(if $(SOURCE),--source "$(SOURCE)")
	@cargo metadata --locked --format-version 1 --filter-platform $(TARGET) | cargo run --locked -q -p pack -- sbom > dist/entragate.cdx.json

push: oci registry ## push the image: make push IMAGE=registry.example/entragate:0.1.0
	@test -n "$(IMAGE)" || { echo "error: say where: make push IMAGE=registry.example/entragate:0.1.0" >&2; exit 1; }
	@tools/skopeo.sh --insecure-policy copy --preserve-digests --digestfile $(DIST)/$(FORM).digest $(SKOPEO_FLAGS) oci:$(DIST)/$(FORM) docker://$(IMAGE)
	@echo "    $(IMAGE): pin it by its digest, $$(cat $(DIST)/$(FORM).digest)"

reproducible: ## build the committed sources twice, in two directories, and compare
	@tools/reproducible.sh

release: ## check, test and pack a release in dist/; refuses a tree that is not clean
	@tools/release.sh

registry: ## fetch an OCI registry and skopeo into .tools/, for the tests and for push
	@tools/registry.sh

envoy: ## fetch Envoy into .tools/, unless it is there or on the PATH
	@tools/envoy.sh

clients: ## install the clients that the tests run, of Python and Node, into .tools/
	@tools/clients.sh
	@tools/node-clients.sh

clean: ## remove what was built and fetched: target/ and .tools/
	rm -rf target .tools
