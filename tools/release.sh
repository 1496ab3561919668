#!/usr/bin/env bash
# Creates a release in dist/ from a clean working tree: runs all checks and tests, compares two builds of the filter, then packs it.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'error: %s\n' "$@" >&2; exit 1; }

version=$(tools/version.sh)
[ -z "$(git status --porcelain)" ] ||
    fail "the working tree is not clean, so this release could not be reproduced; commit or stash:" "$(git status --short)"
grep -q "^## \[$version\]" CHANGELOG.md ||
    fail "CHANGELOG.md has no section [$version]; rename Unreleased to it and add a date, or set the version in Cargo.toml"

make lint
make test
tools/reproducible.sh
rm -rf dist
make oci
make chart images
cargo build --release --locked --bin entragate
cp target/wasm32-wasip1/release/entragate.wasm dist/
cp target/release/entragate "dist/entragate-$(rustc -vV | sed -n 's/^host: //p')"
# The section of this version, without its heading.
awk -v heading="## [$version]" 'index($0, "## [") == 1 { shown = index($0, heading) == 1; next } shown' CHANGELOG.md > dist/CHANGES.md
(cd dist && find -- * -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) > SHA256SUMS.new
mv SHA256SUMS.new dist/SHA256SUMS
"${CARGO_TARGET_DIR:-target}/debug/pack" provenance dist/SHA256SUMS --release "$version" --revision "$(git rev-parse HEAD)" \
    --created "$(git show -s --format=%cI HEAD)" ${BUILDER:+--builder "$BUILDER"} ${SOURCE:+--source "$SOURCE"} > provenance.new
mv provenance.new dist/provenance.json
if [ -n "${SIGNING_KEY:-}" ]; then
    tools/sign.sh
else
    echo "    SIGNING_KEY is not set, so the release is not signed; sign it with: SIGNING_KEY=FILE tools/sign.sh"
fi
[ -z "$(git status --porcelain)" ] || fail "the tests or the build changed the working tree:" "$(git status --short)"
echo "==> release: entragate $version, commit $(git rev-parse --short HEAD), in dist/"
