#!/usr/bin/env bash
# Installs the Node clients and identity providers of the tests (tests/clients/node/package-lock.json) under .tools/node-clients, and
# the coding agents (tests/clients/agents/package-lock.json, about 800 MB) under .tools/agent-clients. Without Node, prints a warning and
# writes the file SKIPPED, which makes the tests skip them. In CI this is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

source tools/fail.sh

node_is_usable() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'
}

if ! node_is_usable; then
    [ -z "${CI:-}" ] || fail "the Node client tests require Node 20 or later with npm" "Debian and Ubuntu: apt-get install nodejs npm"
    echo "==> clients: Node 20 or later was not found: THE NODE CLIENTS ARE NOT TESTED (Debian and Ubuntu: apt-get install nodejs npm)" >&2
    for destination in .tools/node-clients .tools/agent-clients; do
        mkdir -p "$destination"
        rm -f "$destination/.installed"
        echo "Node 20 or later was not found when tools/node-clients.sh ran" >"$destination/SKIPPED"
    done
    exit 0
fi

# Installs the packages of a directory; `.installed` records them and is written last.
install() {
    local source=$1 destination=$2 wanted
    wanted=$(node --version && cat "$source"/package.json "$source"/package-lock.json "$source"/*.mjs 2>/dev/null || true)
    [ -f "$destination/.installed" ] && [ "$(cat "$destination/.installed")" = "$wanted" ] && return
    echo "==> clients: installing $3"
    rm -rf "$destination"
    mkdir -p "$destination"
    cp "$source"/* "$destination"
    (cd "$destination" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >/dev/null ||
        fail "could not install the packages in $source/package-lock.json" \
            "see npm's error above; the packages come from the registry that npm is configured to use"
    printf '%s\n' "$wanted" >"$destination/.installed"
}

install tests/clients/node .tools/node-clients \
    "the Node clients (Hugging Face, OpenAI, Anthropic, AI SDK, @azure/identity), oidc-provider and Hugging Face's MCP server"
install tests/clients/agents .tools/agent-clients "the coding agents (Claude Code, Codex)"
