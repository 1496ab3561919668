#!/usr/bin/env bash
# Installs a version of a cargo subcommand under .tools/, unless it is already there.
# usage: tools/tool.sh <crate> <version>
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/output-matches.sh
crate=$1 version=$2

if output_matches -F "$version" .tools/bin/"$crate" "${crate#cargo-}" --version; then exit; fi
echo "==> installing $crate $version under .tools/ (once; a few minutes)"
CARGO_TARGET_DIR=$PWD/.tools/$crate-build cargo install --quiet --locked --root .tools "$crate" --version "=$version" || {
    printf 'error: could not install %s %s; see cargo'\''s error above\n' "$crate" "$version" >&2
    exit 1
}
rm -rf ".tools/$crate-build"
