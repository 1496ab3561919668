#!/usr/bin/env bash
# Makes sure that rustc can compile for the target named: adds it through rustup where it is missing.
# usage: tools/wasm-target.sh TARGET
set -euo pipefail

target=$1

source "$(dirname "$0")/fail.sh"

if ! { command -v rustc && command -v cargo; } >/dev/null; then
    fail "no Rust toolchain found (cargo and rustc)" "install one with rustup: https://rustup.rs"
fi

# The standard library is what counts: a distribution's Rust has it without rustup.
installed() { [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; }

installed && exit 0

command -v rustup >/dev/null ||
    fail "this Rust ($(rustc --version)) has no standard library for $target, and there is no rustup to add it" \
        "either install rustup (https://rustup.rs) and run this again," \
        "or add the package that brings it for your distribution's Rust (Fedora: rust-std-static-$target)"

echo "==> build: adding the Rust target $target"
rustup target add "$target" ||
    fail "rustup could not add $target" \
        "it is fetched from the Rust project's server: check the network (or RUSTUP_DIST_SERVER), then run: rustup target add $target"
installed || fail "rustup added $target, but not for the rustc in use ($(command -v rustc))" \
    "put rustup's rustc first on the PATH (usually ~/.cargo/bin)"
