#!/usr/bin/env bash
# expected: Claude Code does not retry a request after a 403 with `x-should-retry: false`, regardless of the source of its token.
# actual: with a fixed token it sends one request; with `apiKeyHelper` it repeats the request, by default for minutes, and runs the helper before each.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @anthropic-ai/claude-code@2.1.332
CLAUDE=$(echo "$folder"/node_modules/@anthropic-ai/claude-code-*/claude) python3 - <<'PY'
import json, os, pathlib, subprocess, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

seen = []

class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        seen.append(self.path.split("?")[0])
        error = {"type": "permission_error", "message": "no"}
        body = json.dumps({"type": "error", "error": error, "request_id": "1"}).encode()
        self.send_response(403)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-should-retry", "false")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

def requests(name, settings, token):
    """The number of requests for one prompt that is refused, with one retry allowed."""
    seen.clear()
    home = pathlib.Path(name)
    home.mkdir()
    (home / "settings.json").write_text(json.dumps(settings))
    env = {
        "PATH": os.environ["PATH"], "HOME": str(home.resolve()), "CLAUDE_CONFIG_DIR": str(home.resolve()),
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}", "ANTHROPIC_MODEL": "org/name",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_MAX_RETRIES": "1", **token,
    }
    done = subprocess.run([os.environ["CLAUDE"], "-p", "Hello"], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert done.returncode == 1, done
    return seen.count("/v1/messages")

fixed = requests("fixed", {}, {"ANTHROPIC_AUTH_TOKEN": "a.b.c"})
helper = requests("helper", {"apiKeyHelper": "echo a.b.c"}, {})
server.shutdown()
print(f"Claude Code 2.1.332, refused with 403: {fixed} request with a fixed token, {helper} with a helper")
assert fixed == 1 and helper > 1
PY
