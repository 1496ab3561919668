#!/usr/bin/env bash
# Installs the Node clients and identity providers of the tests (tests/clients/node/package-lock.json) under .tools/node-clients.
# Without Node, prints a warning and writes the file SKIPPED, which makes the tests skip them. In CI this is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

source=tests/clients/node
destination=.tools/node-clients
stamp=$destination/.installed # records what is installed; written last

source tools/fail.sh

node_is_usable() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'
}

if ! node_is_usable; then
    [ -z "${CI:-}" ] || fail "the Node client tests require Node 20 or later with npm" "Debian and Ubuntu: apt-get install nodejs npm"
    echo "==> clients: Node 20 or later was not found: THE NODE CLIENTS ARE NOT TESTED (Debian and Ubuntu: apt-get install nodejs npm)" >&2
    mkdir -p "$destination"
    rm -f "$stamp"
    echo "Node 20 or later was not found when tools/node-clients.sh ran" >"$destination/SKIPPED"
    exit 0
fi

wanted=$(node --version && cat "$source/package.json" "$source/package-lock.json" "$source"/*.mjs)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

echo "==> clients: installing the Node clients (Hugging Face, OpenAI, @azure/identity) and oidc-provider"
rm -rf "$destination"
mkdir -p "$destination"
cp "$source"/package.json "$source"/package-lock.json "$source"/*.mjs "$destination"
(cd "$destination" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >/dev/null ||
    fail "could not install the packages in $source/package-lock.json" \
        "see npm's error above; the packages come from the registry that npm is configured to use"
printf '%s\n' "$wanted" >"$stamp"
echo "    $destination: openai $(node -p "require('./$destination/node_modules/openai/package.json').version")," \
    "@huggingface/inference $(node -p "require('./$destination/node_modules/@huggingface/inference/package.json').version")"
