#!/usr/bin/env bash
# Unpacks Debian's package of Redis into .tools/redis, unless redis-server or valkey-server is on the PATH. The tests of rate limits
# run it. The packages are not installed, so root is not required.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/debian.sh
source tools/fail.sh

destination=.tools/redis
have() { command -v "$1" >/dev/null; }

if [ -x "$destination/bin/redis-server" ]; then exit; fi
if have redis-server || have valkey-server; then exit; fi
{ have apt-get && have dpkg; } ||
    fail "neither redis-server nor valkey-server is on the PATH, and this system has no apt-get" \
        "install Redis 7.0 or later, or Valkey, then run this again"

echo "==> redis: fetching redis-server from the Debian archive"
mkdir -p .tools
work=$(mktemp -d "$PWD/.tools/redis.XXXXXX")
trap 'rm -rf "$work"' EXIT
unpack_debian "$work" redis-server redis-tools ||
    fail "the Debian archive has no package redis-server for this system" "install Redis 7.0 or later, or Valkey, then run this again"
# The libraries of redis-server that this system does not have. Their names differ between releases.
dependencies=$(dpkg-deb --field "$work"/debs/redis-tools_*.deb Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/:any//g' | tr ',' '\n')
missing=()
for package in $dependencies; do
    dpkg --status "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then unpack_debian "$work" "${missing[@]}"; fi

install_with_libraries "$work" redis-server
"$work/out/bin/redis-server" --version >/dev/null
# Moved in one step at the end, so that an interrupted run leaves no incomplete installation.
rm -rf "$destination"
mv "$work/out" "$destination"
echo "    $destination"
