#!/usr/bin/env bash
# Checks the dependencies against deny.toml: licences, bans and sources always, known vulnerabilities if the RustSec database
# can be fetched.
# usage: tools/deny.sh [required]   required: fail if the database cannot be fetched
set -euo pipefail
cd "$(dirname "$0")/.."

advisories=${1:-optional}

cargo_deny() { .tools/bin/cargo-deny --locked --workspace "$@"; }

tools/tool.sh cargo-deny 0.20.2

echo "==> lint: dependencies: licences, bans, sources"
# cargo-deny checks the dependencies of every platform, so fetch all of them first.
cargo fetch --quiet --locked
checks=(licenses bans sources)
if ! found=$(cargo_deny --offline check --hide-inclusion-graph "${checks[@]}" 2>&1); then
    # Run again to print only the errors, with the inclusion graph.
    cargo_deny --offline --log-level error check "${checks[@]}" || true
    echo "error: a dependency violates deny.toml; see above" >&2
    exit 1
fi
awk 'BEGIN { RS = ""; ORS = "\n\n" } /^warning/ && !/^warning\[duplicate\]/' <<<"$found"
echo "    $(grep -c '^warning\[duplicate\]' <<<"$found" || true) crates have more than one version (see cargo tree --duplicates)"
echo "    ${found##*$'\n'}"

echo "==> lint: dependencies: known vulnerabilities (RustSec)"
# Prevents git from prompting for a password and from waiting long on a network that drops packets.
export GIT_TERMINAL_PROMPT=0 GIT_HTTP_LOW_SPEED_LIMIT=1000 GIT_HTTP_LOW_SPEED_TIME=60
if fetched=$(cargo_deny fetch db 2>&1); then
    cargo_deny check advisories || {
        echo "error: known vulnerabilities found, see above; deny.toml shows how to ignore one that cannot be fixed" >&2
        exit 1
    }
elif [ "$advisories" = required ]; then
    printf '%s\n' "$fetched" >&2
    printf 'error: could not fetch the advisory database; vulnerabilities were not checked\n' >&2
    printf '       check that this machine can reach the git repository named above\n' >&2
    exit 1
else
    printf '%s\n' "$fetched" | tail -3 | sed 's/^/    /'
    echo "    NOT CHECKED: this machine cannot reach the advisory database (the git repository named above)."
    echo "    On a machine that can, run: make lint ADVISORIES=required"
fi
