#!/usr/bin/env bash
# expected: openai's client requests the model `org/name` at /v1/models/org/name, with the id as it is listed.
# actual: models.retrieve("org/name") requests /v1/models/org%2Fname, so a gateway that rejects encoded slashes rejects every model whose id has an organization.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openai==3.54.0
"$folder/venv/bin/python" - <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import openai

seen = []

class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append(self.path)
        body = b'{"id": "org/name", "object": "model", "created": 0, "owned_by": "org"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none")
model = client.models.retrieve("org/name")
server.shutdown()
print(f"openai {openai.__version__}: models.retrieve({model.id!r}) requested {seen[0]}")
assert seen == ["/v1/models/org%2Fname"], seen
PY
