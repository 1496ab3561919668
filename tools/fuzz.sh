#!/usr/bin/env bash
# Runs every fuzz target for so many seconds, from the corpora in fuzz/corpus. What libFuzzer finds on the way stays
# under target/; an input that breaks a target is left in fuzz/artifacts, and fails.
# usage: tools/fuzz.sh <seconds> [target…]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | grep -v '^entragate')

tools/tool.sh cargo-fuzz 0.13.2
# libFuzzer needs flags that only nightly offers; the stable compiler knows them too.
if rustup run nightly rustc --version >/dev/null 2>&1; then
    export RUSTUP_TOOLCHAIN=nightly
else
    export RUSTC_BOOTSTRAP=1
fi

for target in "${targets[@]}"; do
    found=target/fuzz/$target
    mkdir -p "$found"
    log=target/fuzz/$target.log
    .tools/bin/cargo-fuzz fuzz run "$target" "$found" "fuzz/corpus/$target" -- -max_total_time="$seconds" -max_len=65536 >"$log" 2>&1 || {
        tail -40 "$log" >&2
        echo "error: fuzz target $target failed: see $log" >&2
        exit 1
    }
    printf '==> fuzz: %-14s %s\n' "$target" "$(grep -E '^Done ' "$log")"
done
