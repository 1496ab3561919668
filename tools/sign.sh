#!/usr/bin/env bash
# Signs the release in dist/ with an ECDSA P-256 key: SHA256SUMS, which covers every file, and the provenance. The signatures have
# the format of `cosign sign-blob --key`, and the provenance is in a DSSE envelope that cosign and slsa-verifier can read.
# usage: SIGNING_KEY=FILE tools/sign.sh [DIRECTORY]    (openssl ecparam -name prime256v1 -genkey -noout -out FILE)
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/fail.sh

dist=${1:-dist}
key=${SIGNING_KEY:-}
[ -n "$key" ] || fail "SIGNING_KEY is not set" "set it to the file of an ECDSA P-256 key in PEM"
command -v openssl >/dev/null || fail "openssl is not on the PATH" "Debian and Ubuntu: apt-get install openssl"
[ -f "$dist/SHA256SUMS" ] || fail "$dist/SHA256SUMS does not exist" "run: make release"

sign() { openssl dgst -sha256 -sign "$key" | openssl base64 -A; }

openssl ec -in "$key" -pubout -out "$dist/release.pub" 2>/dev/null || fail "$key is not an ECDSA key in PEM"
sign <"$dist/SHA256SUMS" >"$dist/SHA256SUMS.sig"

# DSSE signs the payload together with its type and length.
kind=application/vnd.in-toto+json
payload=$dist/provenance.json
signature=$({ printf 'DSSEv1 %d %s %d ' "${#kind}" "$kind" "$(wc -c <"$payload")"; cat "$payload"; } | sign)
printf '{"payloadType":"%s","payload":"%s","signatures":[{"keyid":"","sig":"%s"}]}\n' \
    "$kind" "$(openssl base64 -A <"$payload")" "$signature" >"$dist/provenance.intoto.jsonl"
echo "==> sign: $dist/SHA256SUMS.sig and $dist/provenance.intoto.jsonl; the public key is $dist/release.pub"
