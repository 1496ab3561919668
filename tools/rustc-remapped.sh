#!/usr/bin/env bash
# Wraps rustc (RUSTC_WRAPPER) to keep paths of this machine out of the filter, so that every machine builds the same bytes.
# RUSTFLAGS cannot do this: cargo derives symbol names from them, including the paths in them.
set -euo pipefail
rustc=$1
shift
workspace=$(cd "$(dirname "$0")/.." && pwd)
cargo_home=${CARGO_HOME:-$HOME/.cargo}
sysroot=$("$rustc" --print sysroot)
commit=$("$rustc" --version --verbose | sed -n 's/^commit-hash: //p')
# Runs the user's own wrapper, such as a compiler cache, if there is one.
exec ${WRAPPED_RUSTC_WRAPPER:-} "$rustc" "$@" \
    "--remap-path-prefix=$workspace=/entragate" \
    "--remap-path-prefix=$cargo_home=/cargo" \
    "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc/$commit"
