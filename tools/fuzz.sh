#!/usr/bin/env bash
# Runs every fuzz target for the given number of seconds, starting from fuzz/corpus. Inputs that reach new code are stored under
# target/fuzz. Fails if an input breaks a target; that input is stored in fuzz/artifacts.
# usage: tools/fuzz.sh <seconds> [target…]
#        tools/fuzz.sh build   only build them
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
AT_ONCE=2 # targets that run at the same time
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | grep -v '^entragate')

tools/tool.sh cargo-fuzz 0.13.2
# libFuzzer requires nightly compiler flags. RUSTC_BOOTSTRAP makes the stable compiler accept them.
if rustup run nightly rustc --version >/dev/null 2>&1; then
    export RUSTUP_TOOLCHAIN=nightly
else
    export RUSTC_BOOTSTRAP=1
fi

# A directory of its own, so that this and a build of the filter can run at the same time.
export CARGO_TARGET_DIR=$PWD/target/fuzz/build

# No sanitizer: the crate forbids unsafe code where it is fuzzed, and a target runs several times as fast.
SANITIZER=none

build() {
    .tools/bin/cargo-fuzz fuzz build --sanitizer "$SANITIZER" >target/fuzz/build.log 2>&1 || {
        tail -40 target/fuzz/build.log >&2
        echo "error: the fuzz targets cannot be built; see target/fuzz/build.log" >&2
        exit 1
    }
}

# Prints the panic and the file of the input that caused it. cargo-fuzz also prints the input itself, byte by byte.
explain() {
    grep -a -A2 'panicked at' "$2" | cut -c1-300 | sed -n '1,6p'
    grep -a -o 'Test unit written to .*' "$2" || tail -5 "$2" | cut -c1-300
    echo "error: fuzz target $1 failed; see $2"
}

fuzz() {
    local target=$1 found=target/fuzz/$1 log=target/fuzz/$1.log
    mkdir -p "$found"
    if .tools/bin/cargo-fuzz fuzz run --sanitizer "$SANITIZER" "$target" "$found" "fuzz/corpus/$target" -- -max_total_time="$seconds" -max_len=65536 >"$log" 2>&1; then
        printf '==> fuzz: %-14s %s\n' "$target" "$(grep -a -E '^Done ' "$log")"
    else
        explain "$target" "$log" >&2
        return 1
    fi
}

mkdir -p target/fuzz
build
if [ "$seconds" = build ]; then exit; fi
status=0
running=()
for target in "${targets[@]}"; do
    if [ ${#running[@]} -ge "$AT_ONCE" ]; then
        wait "${running[0]}" || status=1
        running=("${running[@]:1}")
    fi
    fuzz "$target" &
    running+=($!)
done
for process in "${running[@]}"; do
    wait "$process" || status=1
done
exit $status
