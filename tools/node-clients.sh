#!/usr/bin/env bash
# Installs the Node clients that the end-to-end tests run (tests/clients/node/package-lock.json) under .tools/node-clients.
# Where there is no Node it says so and leaves a note instead, which those tests take for their leave; CI takes none.
set -euo pipefail
cd "$(dirname "$0")/.."

source=tests/clients/node
destination=.tools/node-clients
stamp=$destination/.installed # what was installed, written last

source tools/fail.sh

is_there() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'
}

if ! is_there; then
    [ -z "${CI:-}" ] || fail "the tests of the Node clients need Node 20 or later, with npm" "Debian and Ubuntu: apt-get install nodejs npm"
    echo "==> clients: Node 20 or later is not here: ITS CLIENTS ARE NOT TESTED (Debian and Ubuntu: apt-get install nodejs npm)" >&2
    mkdir -p "$destination"
    rm -f "$stamp"
    echo "Node 20 or later was not found when tools/node-clients.sh ran" >"$destination/SKIPPED"
    exit 0
fi

wanted=$(node --version && cat "$source/package.json" "$source/package-lock.json" "$source/check_clients.mjs")
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

echo "==> clients: installing the Node clients (Hugging Face, OpenAI, @azure/identity)"
rm -rf "$destination"
mkdir -p "$destination"
cp "$source"/package.json "$source"/package-lock.json "$source"/check_clients.mjs "$destination"
(cd "$destination" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >/dev/null ||
    fail "could not install what $source/package-lock.json names" \
        "see npm's error above: the packages come from the registry that npm is set up to use"
printf '%s\n' "$wanted" >"$stamp"
echo "    $destination: openai $(node -p "require('./$destination/node_modules/openai/package.json').version")," \
    "@huggingface/inference $(node -p "require('./$destination/node_modules/@huggingface/inference/package.json').version")"
