//! A release whose checksums and provenance tools/sign.sh signs with a new key.

use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

pub const SUMS: &str = "00  entragate.wasm\n";
pub const PROVENANCE: &str = r#"{"_type": "https://in-toto.io/Statement/v1"}"#;

/// Returns the directory of a signed release.
pub fn signed() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let dist = directory.path();
    fs::write(dist.join("SHA256SUMS"), SUMS).unwrap();
    fs::write(dist.join("provenance.json"), PROVENANCE).unwrap();
    let key = dist.join("key.pem");
    let mut make = Command::new("openssl");
    make.args(["ecparam", "-name", "prime256v1", "-genkey", "-noout"]);
    run(make.arg("-out").arg(&key)).unwrap();
    sign(dist, Some(&key)).unwrap();
    directory
}

/// Runs tools/sign.sh. Without a key, `SIGNING_KEY` is not set.
///
/// # Errors
/// What the script printed, if it failed.
pub fn sign(dist: &Path, key: Option<&Path>) -> Result<(), String> {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/sign.sh"));
    command.arg(dist).env_remove("SIGNING_KEY");
    command.envs(key.map(|key| ("SIGNING_KEY", key)));
    run(&mut command)
}

/// # Errors
/// What the command printed, if it failed.
pub fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    output.status.success().then_some(()).ok_or(text)
}
