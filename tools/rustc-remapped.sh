#!/usr/bin/env bash
# Called by cargo in the compiler's place (RUSTC_WRAPPER): keeps this machine's paths out of the filter, so that every
# machine builds the same bytes. Not by RUSTFLAGS: cargo derives the names of symbols from those, paths and all.
set -euo pipefail
rustc=$1
shift
workspace=$(cd "$(dirname "$0")/.." && pwd)
cargo_home=${CARGO_HOME:-$HOME/.cargo}
sysroot=$("$rustc" --print sysroot)
commit=$("$rustc" --version --verbose | sed -n 's/^commit-hash: //p')
# What the user wraps the compiler in (a cache, say) still wraps it.
exec ${WRAPPED_RUSTC_WRAPPER:-} "$rustc" "$@" \
    "--remap-path-prefix=$workspace=/entragate" \
    "--remap-path-prefix=$cargo_home=/cargo" \
    "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc/$commit"
