#!/usr/bin/env bash
# Prints the version from workspace.package in Cargo.toml, the only place that sets it.
set -euo pipefail
cd "$(dirname "$0")/.."
sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml
