//! Sigstore's own library verifies the signatures that tools/sign.sh writes, as cosign does with `--key`.

use crate::clients::node_clients;
use crate::signed_release::{run, signed};
use std::fs;
use std::path::Path;
use std::process::Command;

fn verify(clients: &Path, dist: &Path) -> Result<(), String> {
    let script = clients.join("verify_release.mjs");
    run(Command::new("node").arg(script).arg(dist))
}

#[test]
fn signed_release_is_verified_by_sigstore() {
    let Some(clients) = node_clients() else {
        return;
    };
    let directory = signed();
    let dist = directory.path();
    verify(&clients, dist).unwrap();

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
        let text = verify(&clients, dist).unwrap_err();
        let fails = text.contains("signature verification failed");
        assert!(fails, "{name}: {text}");
        fs::write(&path, signed).unwrap();
    }
}
