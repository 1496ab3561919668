#!/usr/bin/env bash
# expected: Hugging Face's MCP server behind a reverse proxy accepts the proxy's host name, and its 403 is about the credential.
# actual: it answers 403 to every Host except localhost and its configured hosts, whatever the credential, so behind a gateway that keeps the caller's host the token seems invalid.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --ignore-scripts --no-audit --no-fund --loglevel=error @llmindset/hf-mcp-server@0.4.23 >/dev/null
cat >serve.mjs <<'JS'
import { Application } from "@llmindset/hf-mcp-server/dist/server/application.js";
import { WebServer } from "@llmindset/hf-mcp-server/dist/server/web-server.js";

const webServerInstance = new WebServer();
await new Application({ transportType: "streamableHttpJson", webAppPort: 0, webServerInstance }).start();
console.error(webServerInstance.server.address().port);
JS
NODE_ENV=production node serve.mjs >/dev/null 2>port &
server=$!
until [ -s port ]; do
    kill -0 "$server"
    sleep 0.1
done
initialize='{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}'
status() {
    curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$(cat port)/mcp" -H "host: $1" -d "$initialize" \
        -H 'content-type: application/json' -H 'accept: application/json, text/event-stream'
}
version=$(node -p 'require("./node_modules/@llmindset/hf-mcp-server/package.json").version')
local_status=$(status localhost) other_status=$(status mcp.contoso.com)
echo "hf-mcp-server $version: $local_status for Host: localhost, $other_status for Host: mcp.contoso.com"
[ "$local_status" = 200 ] && [ "$other_status" = 403 ]
