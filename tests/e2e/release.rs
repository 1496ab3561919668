//! Sigstore's own library, which cosign's users have as well, verifies what tools/sign.sh writes.

use crate::clients::node_clients;
use crate::docs::root;
use std::fs;
use std::path::Path;
use std::process::Command;

fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn verify(clients: &Path, dist: &Path) -> (bool, String) {
    let script = clients.join("verify_release.mjs");
    run(Command::new("node").arg(script).arg(dist))
}

#[test]
fn signed_release_is_verified_by_sigstore() {
    let Some(clients) = node_clients() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let dist = directory.path();
    let provenance = br#"{"_type": "https://in-toto.io/Statement/v1"}"#;
    fs::write(dist.join("SHA256SUMS"), "00  entragate.wasm\n").unwrap();
    fs::write(dist.join("provenance.json"), provenance).unwrap();
    let key = dist.join("key.pem");
    let make = [
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
    ];
    let (is_made, text) = run(Command::new("openssl").args(make).arg(&key));
    assert!(is_made, "{text}");
    let mut sign = Command::new(root().join("tools/sign.sh"));
    let (is_signed, text) = run(sign.arg(dist).env("SIGNING_KEY", &key));
    assert!(is_signed, "{text}");
    let (is_verified, text) = verify(&clients, dist);
    assert!(is_verified, "{text}");

    for (name, from, to) in [
        ("SHA256SUMS", "00", "01"),
        // The Base64 of `{"_type`, and of `{"_typE`.
        ("provenance.intoto.jsonl", "eyJfdHlwZS", "eyJfdHlwRS"),
    ] {
        let path = dist.join(name);
        let signed = fs::read_to_string(&path).unwrap();
        let changed = signed.replacen(from, to, 1);
        assert_ne!(changed, signed, "{name}");
        fs::write(&path, changed).unwrap();
        let (is_verified, text) = verify(&clients, dist);
        let fails = text.contains("signature verification failed");
        assert!(!is_verified && fails, "{name}: {text}");
        fs::write(&path, signed).unwrap();
    }
}
