#!/usr/bin/env bash
# expected: the stream that InferenceClient.chat_completion(stream=True) returns keeps the objects that it needs alive.
# actual: if the client object is not kept, reading the stream fails; with the client kept, the same stream is read to its end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check huggingface_hub==2.4.0
HF_HUB_OFFLINE=0 "$folder/venv/bin/python" - <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import huggingface_hub
from huggingface_hub import InferenceClient

class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for word in ("a", "b", "c"):
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "system_fingerprint": "",
                     "choices": [{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}]}
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
messages = [{"role": "user", "content": "hello"}]

def words(stream):
    return "".join(chunk.choices[0].delta.content for chunk in stream)

client = InferenceClient(base_url=url, api_key="none")
kept = words(client.chat_completion(messages, stream=True))
failure = None
try:
    words(InferenceClient(base_url=url, api_key="none").chat_completion(messages, stream=True))
except Exception as error:
    failure = type(error).__name__
server.shutdown()
print(f"huggingface_hub {huggingface_hub.__version__}: client kept: {kept!r}; client not kept: {failure}")
assert kept == "abc" and failure == "StreamClosed", (kept, failure)
PY
