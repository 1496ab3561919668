#!/usr/bin/env bash
# Unpacks Debian's packages of an OCI registry (docker-registry) and skopeo into .tools/, unless both are on the PATH. The packages
# are not installed, so root is not required.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/debian.sh

destination=.tools/registry
wanted=(docker-registry skopeo)

have() { command -v "$1" >/dev/null; }

if [ -x "$destination/bin/skopeo" ] && [ -x "$destination/bin/docker-registry" ]; then
    exit 0
fi
if have skopeo && have docker-registry; then
    exit 0
fi
have apt-get && have dpkg ||
    { echo "error: docker-registry (CNCF Distribution) and skopeo are not on the PATH; install them and run this again" >&2; exit 1; }

echo "==> registry: fetching docker-registry and skopeo from the Debian archive"
mkdir -p .tools
work=$(mktemp -d "$PWD/.tools/registry.XXXXXX")
trap 'rm -rf "$work"' EXIT
# skopeo links gpgme, which a minimal system does not have. Its other libraries are on every system.
unpack_debian "$work" "${wanted[@]}" libgpgme11 libassuan0 libdevmapper1.02.1

install_with_libraries "$work" skopeo
mv "$work/tree/usr/bin/docker-registry" "$work/out/bin/"
"$work/out/bin/skopeo" --version >/dev/null
"$work/out/bin/docker-registry" --version >/dev/null
# Moved in one step at the end, so that an interrupted run leaves no incomplete installation.
rm -rf "$destination"
mv "$work/out" "$destination"
echo "    $destination"
