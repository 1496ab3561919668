#!/usr/bin/env bash
# expected: crypto-bigint takes its limb width from the target's pointers, so 32 bits on wasm32.
# actual: it takes 64-bit limbs on wasm32-wasip1 by default; --cfg cpubits="32" selects 32-bit limbs, which multiply faster there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
rustup target add wasm32-wasip1 >/dev/null 2>&1 || true
cd "$folder"
cargo init --quiet --lib --name limbs
cargo add --quiet crypto-bigint@=0.7.10 --no-default-features
check() { # check BITS [RUSTFLAGS]: whether the crate compiles where limbs have that many bits
    printf 'const _: () = assert!(crypto_bigint::Limb::BITS == %s && usize::BITS == 32);\n' "$1" >src/lib.rs
    RUSTFLAGS=${2-} cargo check --quiet --target wasm32-wasip1 2>/dev/null
}
check 64 || { echo "limbs of wasm32 are no longer 64 bits wide" >&2; exit 1; }
check 32 '--cfg cpubits="32"' || { echo "--cfg cpubits no longer selects 32-bit limbs" >&2; exit 1; }
! check 32 || { echo "the check passes for any width" >&2; exit 1; }
echo "crypto-bigint 0.7.10 on wasm32-wasip1: 64-bit limbs by default, 32-bit limbs with --cfg cpubits=\"32\""
