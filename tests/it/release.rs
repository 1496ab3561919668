//! The signature of a release: OpenSSL, a verifier that the script does not use for signing, accepts what tools/sign.sh writes and
//! nothing else.

use crate::signed_release::{PROVENANCE, SUMS, run, sign, signed};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Whether the release's key verifies this signature, in base64, of these bytes.
fn is_signed(dist: &Path, content: &[u8], signature: &str) -> bool {
    fs::write(dist.join("signed"), content).unwrap();
    let signature = STANDARD.decode(signature.trim()).unwrap();
    fs::write(dist.join("signature"), signature).unwrap();
    let verify = [
        "dgst",
        "-sha256",
        "-verify",
        "release.pub",
        "-signature",
        "signature",
        "signed",
    ];
    run(Command::new("openssl").args(verify).current_dir(dist)).is_ok()
}

#[test]
fn signed_release_verifies_and_a_changed_one_does_not() {
    let directory = signed();
    let dist = directory.path();
    let signature = fs::read_to_string(dist.join("SHA256SUMS.sig")).unwrap();
    assert!(is_signed(dist, SUMS.as_bytes(), &signature));
    assert!(!is_signed(dist, b"01  entragate.wasm\n", &signature));
    let envelope = fs::read(dist.join("provenance.intoto.jsonl")).unwrap();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    let payload = STANDARD
        .decode(envelope["payload"].as_str().unwrap())
        .unwrap();
    assert_eq!(payload, PROVENANCE.as_bytes());
    // DSSE's pre-authentication encoding.
    let kind = "application/vnd.in-toto+json";
    assert_eq!(envelope["payloadType"], kind);
    let begin = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    let signed = [begin.as_bytes(), &payload].concat();
    let signature = envelope["signatures"][0]["sig"].as_str().unwrap();
    assert!(is_signed(dist, &signed, signature));
    assert!(!is_signed(dist, &payload, signature));
}

#[test]
fn signing_without_a_key_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let said = sign(directory.path(), None).unwrap_err();
    assert!(said.contains("SIGNING_KEY"), "{said}");
}
