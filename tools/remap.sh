#!/usr/bin/env bash
# Prints the compiler flags that keep this machine's paths out of the filter, so that every machine builds the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo_home=${CARGO_HOME:-$HOME/.cargo}
sysroot=$(rustc --print sysroot)
commit=$(rustc --version --verbose | sed -n 's/^commit-hash: //p')
printf '%s ' \
    "--remap-path-prefix=$PWD=/entragate" \
    "--remap-path-prefix=$cargo_home=/cargo" \
    "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc/$commit"
