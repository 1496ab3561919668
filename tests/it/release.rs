//! The signature of a release: OpenSSL, a verifier that the script does not use for signing, accepts what tools/sign.sh writes and
//! nothing else.

use crate::pages as docs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

fn openssl(arguments: &[&str], directory: &Path) -> bool {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(directory)
        .output();
    output.expect("openssl").status.success()
}

fn sign(dist: &Path, key: Option<&Path>) -> (bool, String) {
    let mut command = Command::new(docs::root().join("tools/sign.sh"));
    command.arg(dist).env_remove("SIGNING_KEY");
    command.envs(key.map(|key| ("SIGNING_KEY", key)));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), said)
}

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
    openssl(&verify, dist)
}

#[test]
fn signed_release_verifies_and_a_changed_one_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let dist = directory.path();
    let sums = b"00  entragate.wasm\n";
    let provenance = br#"{"_type": "https://in-toto.io/Statement/v1"}"#;
    fs::write(dist.join("SHA256SUMS"), sums).unwrap();
    fs::write(dist.join("provenance.json"), provenance).unwrap();
    let key = dist.join("key.pem");
    let make = [
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
        "key.pem",
    ];
    assert!(openssl(&make, dist));
    let (is_done, said) = sign(dist, Some(&key));
    assert!(is_done, "{said}");
    let signature = fs::read_to_string(dist.join("SHA256SUMS.sig")).unwrap();
    assert!(is_signed(dist, sums, &signature));
    assert!(!is_signed(dist, b"01  entragate.wasm\n", &signature));
    let envelope = fs::read(dist.join("provenance.intoto.jsonl")).unwrap();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    let payload = STANDARD
        .decode(envelope["payload"].as_str().unwrap())
        .unwrap();
    assert_eq!(payload, provenance);
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
    let (is_done, said) = sign(directory.path(), None);
    assert!(!is_done && said.contains("SIGNING_KEY"), "{said}");
}
