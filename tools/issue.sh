#!/usr/bin/env bash
# Replaces the tokens in tests/it/providers/issued: runs each identity provider at its pinned version and stores the tokens that
# it issues.
# Needs `make clients`.
set -euo pipefail
cd "$(dirname "$0")/.."

issued=tests/it/providers/issued
node=.tools/node-clients
python=.tools/issuers

source tools/fail.sh

[ -f "$node/.installed" ] || fail "$node is missing" "run: make clients"
rm -rf "$python"
python3 -m venv "$python" || fail "python3 has no venv" "Debian and Ubuntu: apt-get install python3-venv"
"$python/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: --requirement "$issued/requirements.txt"

# The old file stays if the command fails.
keep() {
    local file="$issued/$1.json"
    shift
    "$@" >"$file.new"
    mv "$file.new" "$file"
}

keep oidc-provider node "$node/oidc_provider.mjs" issue
keep openauth node "$node/openauth.mjs"
keep authlib "$python/bin/python" "$issued/authlib_server.py"
