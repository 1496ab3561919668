#!/usr/bin/env bash
# Runs the demo image in Docker or Podman: a real Envoy with the filter, between stand-ins for Entra ID and Hugging Face. The image is
# dist/demo, from `make images` or a release.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/fail.sh

name=entragate-demo:latest
if command -v docker >/dev/null; then engine=docker
elif command -v podman >/dev/null; then engine=podman
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
