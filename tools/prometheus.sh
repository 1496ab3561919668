#!/usr/bin/env bash
# Unpacks Debian's package of Prometheus (prometheus and promtool) into .tools/, unless both are on the PATH. The tests run the alerts
# and the dashboard's queries in it.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/debian.sh
source tools/fail.sh

destination=.tools/prometheus
have() { command -v "$1" >/dev/null; }

if [ -x "$destination/prometheus" ] && [ -x "$destination/promtool" ]; then exit; fi
if have prometheus && have promtool; then exit; fi
{ have apt-get && have dpkg; } ||
    fail "prometheus and promtool (2.42 or later) are not on the PATH, and this system has no apt-get" \
        "install them from your system's packages or from the Prometheus project, then run this again"

echo "==> prometheus: fetching prometheus from the Debian archive"
mkdir -p .tools
work=$(mktemp -d "$PWD/.tools/prometheus.XXXXXX")
trap 'rm -rf "$work"' EXIT
unpack_debian "$work" prometheus ||
    fail "the Debian archive has no package prometheus for this system" "install prometheus and promtool (2.42 or later), then run this again"
mkdir "$work/out"
mv "$work/tree/usr/bin/prometheus" "$work/tree/usr/bin/promtool" "$work/out/"
"$work/out/prometheus" --version >/dev/null
"$work/out/promtool" --version >/dev/null
# Moved in one step at the end, so that an interrupted run leaves no incomplete installation.
rm -rf "$destination"
mv "$work/out" "$destination"
echo "    $destination"
