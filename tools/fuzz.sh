#!/usr/bin/env bash
# Runs every fuzz target for the given number of seconds, starting from fuzz/corpus. Inputs that reach new code are stored under
# target/fuzz. Fails if an input breaks a target; that input is stored in fuzz/artifacts.
# usage: tools/fuzz.sh <seconds> [target…]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | grep -v '^entragate')

tools/tool.sh cargo-fuzz 0.13.2
# libFuzzer requires nightly compiler flags. RUSTC_BOOTSTRAP makes the stable compiler accept them.
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
        echo "error: fuzz target $target failed; see $log" >&2
        exit 1
    }
    printf '==> fuzz: %-14s %s\n' "$target" "$(grep -E '^Done ' "$log")"
done
