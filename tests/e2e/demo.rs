//! The images of the demo and of the command line run with nothing but their own files.

use super::docs::root;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Packs the images with the programs of the tests' profile.
fn images(dist: &Path) {
    let output = Command::new(root().join("tools/images.sh"))
        .envs([("PROFILE", "debug"), ("DIST", dist.to_str().unwrap())])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// Unpacks the only layer of an image; returns its root and its configuration.
fn unpack(layout: &Path) -> (PathBuf, Value) {
    let json =
        |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
        layout.join("blobs").join(digest)
    };
    let index = json(layout.join("index.json"));
    let manifest = json(blob(&index["manifests"][0]));
    let tree = layout.join("tree");
    fs::create_dir(&tree).unwrap();
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(blob(&manifest["layers"][0]))
        .arg("-C")
        .arg(&tree)
        .status();
    assert!(unpacked.unwrap().success());
    (tree, json(blob(&manifest["config"])))
}

/// Runs the image's command as a container engine does: in its own tree, which is read-only, with /proc and an empty /tmp.
fn run(tree: &Path, config: &Value, more: &[&str]) -> Output {
    let texts = |name: &str| -> Vec<String> {
        let texts = config["config"][name].as_array().unwrap().iter();
        texts
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    let script = r#"root=$1; shift; mkdir -p "$root/proc" "$root/tmp" "$root/dev"
        mount --bind "$root" "$root" && mount -o remount,bind,ro "$root" && mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" && mount -t tmpfs tmpfs "$root/tmp" && exec chroot "$root" "$@""#;
    let environment = texts("Env").into_iter().map(|text| {
        let (name, value) = text.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(tree)
        .args(texts("Entrypoint"))
        .args(more)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .envs(environment)
        .output()
        .unwrap()
}

#[test]
fn demo_image_runs_the_walkthrough_and_cli_image_runs_the_command_line() {
    let dist = tempfile::tempdir().unwrap();
    images(dist.path());
    let (tree, config) = unpack(&dist.path().join("demo"));
    let shown = run(&tree, &config, &["--once"]);
    let (out, err) = (
        String::from_utf8_lossy(&shown.stdout),
        String::from_utf8_lossy(&shown.stderr),
    );
    assert!(shown.status.success(), "{out}{err}");
    assert!(
        out.contains("permitted") && out.contains("denied_by_rule"),
        "{out}"
    );
    let (tree, config) = unpack(&dist.path().join("cli"));
    let version = run(&tree, &config, &["--version"]);
    assert!(
        String::from_utf8_lossy(&version.stdout).starts_with("entragate "),
        "{version:?}"
    );
}
