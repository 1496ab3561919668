#!/usr/bin/env bash
# Runs the demo image in Docker or Podman: a real Envoy with the filter, between stand-ins for Entra ID and Hugging Face. The image is
# dist/demo, from `make images` or a release.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/fail.sh

name=entragate-demo:latest
have() { command -v "$1" >/dev/null; }

# A machine may have Docker's client without a daemon.
if have docker && docker info >/dev/null 2>&1; then engine=docker
elif have podman; then engine=podman
elif have docker; then fail "docker has no connection to its daemon" "start it, install podman, or run the same without containers: make run"
else fail "neither docker nor podman is on the PATH" "install one of them, or run the same without containers: make run"
fi
[ -f dist/demo/index.json ] || fail "there is no image in dist/demo" "run: make images (requires Rust), or unpack demo.tar.gz of a release in dist/"

archive=$(mktemp "$PWD/dist/demo.XXXXXX")
trap 'rm -f "$archive"' EXIT
rm -f "$archive"
tools/skopeo.sh --insecure-policy copy --quiet oci:dist/demo "docker-archive:$archive:$name"
"$engine" load --quiet --input "$archive" >/dev/null
rm -f "$archive"
if [ "$engine" = docker ] && docker compose version >/dev/null 2>&1; then
    exec docker compose -f deploy/docker/demo.yaml up
fi
exec "$engine" run --rm --interactive --network host --read-only --tmpfs /tmp --cap-drop ALL "$name"
