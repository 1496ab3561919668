#!/usr/bin/env bash
# Checks the dependencies against deny.toml: licences, bans and sources always; known vulnerabilities where RustSec's
# database can be had.
# usage: tools/deny.sh [required]   required: fail where the database cannot be had
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/output-matches.sh

version=0.20.2
advisories=${1:-optional}

cargo_deny() { .tools/bin/cargo-deny --locked --workspace "$@"; }

if ! output_matches -Fx "cargo-deny $version" .tools/bin/cargo-deny --version; then
    echo "==> lint: installing cargo-deny $version under .tools/ (once; two to three minutes)"
    # Its own target folder: an interrupted build goes on where it stopped, and nothing of it stays with ours.
    CARGO_TARGET_DIR=$PWD/.tools/cargo-deny-build cargo install --quiet --locked --root .tools cargo-deny --version "=$version" || {
        printf 'error: could not install cargo-deny %s\n' "$version" >&2
        printf '       see cargo'\''s error above: it is built from crates.io, and needs a C compiler and Rust 1.88 or later\n' >&2
        exit 1
    }
    rm -rf .tools/cargo-deny-build
fi

echo "==> lint: dependencies: licences, bans, sources"
# cargo-deny looks at the whole tree, for every platform: have all of it here first.
cargo fetch --quiet --locked
checks=(licenses bans sources)
if ! found=$(cargo_deny --offline check --hide-inclusion-graph "${checks[@]}" 2>&1); then
    # Again, for the errors alone, and with who brings in what.
    cargo_deny --offline --log-level error check "${checks[@]}" || true
    echo "error: a dependency is not as deny.toml asks: see above" >&2
    exit 1
fi
awk 'BEGIN { RS = ""; ORS = "\n\n" } /^warning/ && !/^warning\[duplicate\]/' <<<"$found"
echo "    $(grep -c '^warning\[duplicate\]' <<<"$found" || true) crates are there in more than one version (cargo tree --duplicates shows them)"
echo "    ${found##*$'\n'}"

echo "==> lint: dependencies: known vulnerabilities (RustSec)"
# Git must not ask for a password, nor wait long on a network that drops packets.
export GIT_TERMINAL_PROMPT=0 GIT_HTTP_LOW_SPEED_LIMIT=1000 GIT_HTTP_LOW_SPEED_TIME=60
if fetched=$(cargo_deny fetch db 2>&1); then
    cargo_deny check advisories || {
        echo "error: see above, and deny.toml for what to do about one that cannot be fixed" >&2
        exit 1
    }
elif [ "$advisories" = required ]; then
    printf '%s\n' "$fetched" >&2
    printf 'error: the advisory database could not be fetched, so vulnerabilities were not checked\n' >&2
    printf '       it is the git repository named above: check that its host can be reached from here\n' >&2
    exit 1
else
    printf '%s\n' "$fetched" | tail -3 | sed 's/^/    /'
    echo "    NOT CHECKED: the advisory database (a git repository, named above) cannot be reached from here."
    echo "    Run this where it can be: make lint ADVISORIES=required"
fi
