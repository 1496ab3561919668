#!/usr/bin/env bash
# Builds the committed sources in two directories. Fails if the two filters differ or contain a path of this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/entragate-reproducible.XXXXXX")
trap 'rm -rf "$work"' EXIT

build() {
    mkdir -p "$1"
    git archive HEAD | tar -x -C "$1"
    make -C "$1" optimized >/dev/null
    mv "$1/target/wasm32-wasip1/release/entragate.wasm" "$work/$2"
    rm -rf "$1"
}
echo "==> reproducible: building the filter in two directories (several minutes)"
build "$work/one" one.wasm
build "$work/another/and/deeper" two.wasm

sha256sum "$work/one.wasm" "$work/two.wasm" | awk '{print "    " $1}'
cmp "$work/one.wasm" "$work/two.wasm" || { echo "error: two builds of the same sources differ" >&2; exit 1; }
for path in "$work" "$HOME" "${CARGO_HOME:-$HOME/.cargo}" "$PWD"; do
    if grep -qaF "$path/" "$work/one.wasm"; then
        echo "error: the filter contains a path of this machine: $path" >&2
        exit 1
    fi
done
