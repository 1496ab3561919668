#!/usr/bin/env bash
# expected: limitador's features are independent, so `redis_storage` without `disk_storage` builds the Redis storage without RocksDB.
# actual: with these features 0.14.0 does not compile: keys.rs, which both storages use, calls functions of a module that exists only with `disk_storage`. 0.6.0
# compiles.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
touch src/lib.rs
compiles() {
    printf '[package]\nname = "x"\nedition = "2024"\n[dependencies]\nlimitador = { version = "=%s", default-features = false, features = ["redis_storage"] }\n' "$1" >Cargo.toml
    rm -f Cargo.lock
    cargo check --quiet --target-dir target 2>errors
}
if compiles 0.14.0; then
    echo "limitador 0.14.0: compiles with redis_storage alone" >&2
    exit 1
fi
grep -F 'use of unresolved module or unlinked crate `bin`' errors >/dev/null
echo "limitador 0.14.0: redis_storage without disk_storage does not compile"
compiles 0.6.0
echo "limitador 0.6.0: redis_storage without disk_storage compiles"
