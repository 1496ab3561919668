#!/usr/bin/env bash
# Packs the image of the command line and that of the demo as OCI layouts: dist/cli and dist/demo. The images contain
# the shared libraries of this system that the programs need. PROFILE (release) and DIST (dist) are for the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/fail.sh

profile=${PROFILE:-release}
dist=${DIST:-dist}
target=${CARGO_TARGET_DIR:-target}
wasm=$target/wasm32-wasip1/release/entragate.wasm
command -v ldd >/dev/null || fail "the images contain programs for Linux, and this system has no ldd" "build them on Linux"
envoy=.tools/envoy
[ -x "$envoy" ] || envoy=$(command -v envoy) || fail "there is no Envoy" "run: make envoy"

[ -f "$wasm" ] || fail "there is no filter in $wasm" "run: make optimized"
mkdir -p "$dist"
work=$(mktemp -d "$dist/images.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Copies programs into an image's tree, with the libraries that they link.
add_programs() {
    local root=$1 program library
    shift
    mkdir -p "$root/usr/bin"
    for program in "$@"; do
        install -m 755 "$program" "$root/usr/bin/"
        ldd "$program" | awk '$2 == "=>" && $3 ~ "^/" { print $3 } $1 ~ "^/" { print $1 }' | while read -r library; do
            install -D -m 755 "$library" "$root$library"
        done
    done
}

pack_image() {
    local name=$1
    shift
    "$target/debug/pack" image --root "$work/$name" --out "$dist/$name" --release "$(tools/version.sh)" \
        --revision "$(git rev-parse HEAD)" --created "$(git show -s --format=%cI HEAD)" "$@"
}

if [ "$profile" = release ]; then
    echo "==> images: building the programs (first build: several minutes on 2 cores)"
    cargo build --release --locked -q --workspace --bin entragate --bin testbed
fi
cargo build --locked -q --workspace --bin pack
# The tests use the programs that `cargo test --workspace` has built.
for program in entragate testbed; do
    [ -x "$target/$profile/$program" ] || fail "there is no $target/$profile/$program" "run: cargo build --workspace"
done

add_programs "$work/cli" "$target/$profile/entragate"
pack_image cli -- /usr/bin/entragate

add_programs "$work/demo" "$target/$profile/entragate" "$target/$profile/testbed" "$envoy"
mkdir -p "$work/demo/entragate" "$work/demo/etc/ssl/certs"
install -m 644 envoy.yaml "$wasm" "$work/demo/entragate/"
printf '127.0.0.1 localhost\n' >"$work/demo/etc/hosts"
# envoy.yaml names the file of the system's authorities; the stand-ins use their own authority instead.
: >"$work/demo/etc/ssl/certs/ca-certificates.crt"
# Only /tmp can be written when the container's file system is read-only.
pack_image demo --env ENTRAGATE_HOME=/entragate --env ENTRAGATE_WASM=/entragate/entragate.wasm --env ENVOY=/usr/bin/envoy -- /usr/bin/testbed run --records /tmp/audit.jsonl
