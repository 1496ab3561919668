#!/usr/bin/env bash
# Installs the standard library for the given target with rustup if it is missing.
# usage: tools/wasm-target.sh TARGET
set -euo pipefail

target=$1

source "$(dirname "$0")/fail.sh"

if ! { command -v rustc && command -v cargo; } >/dev/null; then
    fail "cargo and rustc are not on the PATH" "install Rust with rustup: https://rustup.rs"
fi

# Looks for the standard library itself: a distribution's Rust can have it without rustup.
installed() { [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; }

installed && exit 0

command -v rustup >/dev/null ||
    fail "this Rust ($(rustc --version)) has no standard library for $target, and rustup is not installed" \
        "either install rustup (https://rustup.rs) and run this again," \
        "or install your distribution's package for it (Fedora: rust-std-static-$target)"

echo "==> build: adding the Rust target $target"
rustup target add "$target" ||
    fail "rustup could not add $target" \
        "it comes from the Rust project's server; check the network (or RUSTUP_DIST_SERVER), then run: rustup target add $target"
installed || fail "rustup added $target to a toolchain other than the rustc in use ($(command -v rustc))" \
    "put rustup's rustc first on the PATH (usually ~/.cargo/bin)"
