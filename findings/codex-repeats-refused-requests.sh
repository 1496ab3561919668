#!/usr/bin/env bash
# expected: Codex does not retry a request after a 403; `stream_max_retries` applies to interrupted streams only.
# actual: Codex retries a request after a 403 as often as after an interrupted stream, five times by default, although the response has `x-should-retry: false`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @openai/codex@0.171.0
python3 - <<'PY'
import json, os, pathlib, subprocess, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

seen = []

class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        seen.append(self.path)
        error = {"message": "no", "type": "permission_error", "param": None, "code": "no"}
        body = json.dumps({"error": error}).encode()
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

def requests(name, setting):
    """The number of requests for one prompt that is refused."""
    seen.clear()
    home = pathlib.Path(name)
    home.mkdir()
    (home / "config.toml").write_text(
        'model = "org/name"\nmodel_provider = "own"\n[model_providers.own]\nname = "own"\n'
        f'base_url = "http://127.0.0.1:{server.server_port}/v1"\nwire_api = "responses"\nenv_key = "TOKEN"\n{setting}\n'
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(home.resolve()), "CODEX_HOME": str(home.resolve()), "TOKEN": "a.b.c"}
    program = ["node_modules/.bin/codex", "exec", "--skip-git-repo-check", "Hello"]
    done = subprocess.run(program, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert done.returncode == 1, done
    return seen.count("/v1/responses")

default, never = requests("default", ""), requests("never", "stream_max_retries = 0")
server.shutdown()
print(f"Codex 0.171.0, refused with 403: {default} requests by default, {never} with stream_max_retries = 0")
assert (default, never) == (6, 1)
PY
