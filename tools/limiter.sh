#!/usr/bin/env bash
# Builds the rate limit service of the tests and of the benchmark (target/limiter/debug/limiter, or release/limiter with --release), or runs
# another cargo command on it. It links OpenSSL, which is built from source if the system does not have its headers.
# usage: tools/limiter.sh [cargo-command [argument…]]   such as: tools/limiter.sh build --release
set -euo pipefail
cd "$(dirname "$0")/.."

command=${1:-build}
if [ $# -gt 0 ]; then shift; fi
vendored=
if ! pkg-config --exists 'openssl >= 1.1' 2>/dev/null && [ "$(uname -s)" = Linux ]; then vendored=yes; fi
echo "==> limiter: cargo $command on the rate limit service (first time: a minute or two on 2 cores)"
CARGO_TARGET_DIR=target/limiter cargo "$command" --quiet --locked --manifest-path testbed/limiter/Cargo.toml ${vendored:+--features vendored} "$@"
