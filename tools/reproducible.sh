#!/usr/bin/env bash
# Builds the committed sources in two directories and compares what came out: one digest, and no path of this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/entragate-reproducible.XXXXXX")
trap 'rm -rf "$work"' EXIT

build() {
    mkdir -p "$1"
    git archive HEAD | tar -x -C "$1"
    make -C "$1" build >/dev/null
    mv "$1/target/wasm32-wasip1/release/entragate.wasm" "$work/$2"
    rm -rf "$1"
}
echo "==> reproducible: building twice, in two directories"
build "$work/one" one.wasm
build "$work/another/and/deeper" two.wasm

sha256sum "$work/one.wasm" "$work/two.wasm" | awk '{print "    " $1}'
cmp "$work/one.wasm" "$work/two.wasm" || { echo "error: two builds of the same sources differ" >&2; exit 1; }
for path in "$work" "$HOME" "${CARGO_HOME:-$HOME/.cargo}" "$PWD"; do
    if grep -qaF "$path/" "$work/one.wasm"; then
        echo "error: the filter holds a path of this machine, $path" >&2
        exit 1
    fi
done
