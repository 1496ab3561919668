#!/usr/bin/env bash
# Runs skopeo: ours, or the one on the PATH.
set -euo pipefail
own=$(dirname "$0")/../.tools/registry/bin/skopeo
if [ -x "$own" ]; then exec "$own" "$@"; fi
exec skopeo "$@"
