#!/usr/bin/env bash
# Makes a release in dist/ from a clean tree: everything is checked and tested first, and the filter built twice.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'error: %s\n' "$@" >&2; exit 1; }

version=$(tools/version.sh)
[ -z "$(git status --porcelain)" ] ||
    fail "the tree is not clean, so nobody could build this release again; commit or stash:" "$(git status --short)"
grep -q "^## \[$version\]" CHANGELOG.md ||
    fail "CHANGELOG.md has no section [$version]: give Unreleased that name and a date, or set the version in Cargo.toml"

make lint
make test
tools/reproducible.sh
rm -rf dist
make oci
cargo build --release --locked --bin entragate
cp target/wasm32-wasip1/release/entragate.wasm dist/
cp target/release/entragate "dist/entragate-$(rustc -vV | sed -n 's/^host: //p')"
# The section of this version, without its heading.
awk -v heading="## [$version]" 'index($0, "## [") == 1 { shown = index($0, heading) == 1; next } shown' CHANGELOG.md > dist/CHANGES.md
cargo run --locked -q -p pack -- sums dist > SHA256SUMS.new
mv SHA256SUMS.new dist/SHA256SUMS
[ -z "$(git status --porcelain)" ] || fail "the tests or the build changed the tree:" "$(git status --short)"
echo "==> release: entragate $version, commit $(git rev-parse --short HEAD), in dist/"
