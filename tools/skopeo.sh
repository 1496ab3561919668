#!/usr/bin/env bash
# Runs skopeo from .tools/ if it is installed there, otherwise from the PATH.
set -euo pipefail
own=$(dirname "$0")/../.tools/registry/bin/skopeo
if [ -x "$own" ]; then exec "$own" "$@"; fi
exec skopeo "$@"
