#!/usr/bin/env bash
# Prints the version, which stands in one place: workspace.package in Cargo.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml
