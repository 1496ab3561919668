//! The image: pushed to a real registry, pulled unchanged by digest, and loaded into Envoy.

use super::docs::root;
use super::gateway::Gateway;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use testbed::envoy::wasm_path;
use testbed::persona::Persona;

/// Returns the path of a tool from `make registry`, or its name if it is on the PATH.
fn tool(name: &str) -> PathBuf {
    let installed = root().join(".tools/registry/bin").join(name);
    if installed.exists() {
        installed
    } else {
        name.into()
    }
}

fn succeed(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; make registry"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

/// A registry on its own port, which is stopped on drop.
struct Registry {
    process: Child,
    address: String,
}

impl Registry {
    fn start(folder: &Path) -> Self {
        let settings = folder.join("registry.yml");
        let storage = folder.join("storage");
        let text = format!(
            "version: 0.1\nlog: {{formatter: text}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:0\"}}\n",
            storage.display()
        );
        fs::write(&settings, text).unwrap();
        let mut process = Command::new(tool("docker-registry"))
            .arg("serve")
            .arg(&settings)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("docker-registry: {error}; make registry"));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.ok()?;
            let (_, rest) = line.split_once("listening on ")?;
            Some(
                rest.chars()
                    .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
                    .collect(),
            )
        });
        // Drains the pipe, so that the registry never blocks on it.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.expect("the registry ended before it listened");
        Self { process, address }
    }

    async fn get(&self, path: &str) -> Vec<u8> {
        let client = testbed::client::client();
        let url = format!("http://{}/v2/entragate/{path}", self.address);
        let accept = "application/vnd.oci.image.manifest.v1+json";
        let response = client
            .get(&url)
            .header("accept", accept)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{url}");
        response.bytes().await.unwrap().to_vec()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn pack(out: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    succeed(
        Command::new(cargo)
            .current_dir(root())
            .args([
                "run",
                "--quiet",
                "--locked",
                "-p",
                "pack",
                "--",
                "oci",
                "--release",
                "0.0.0",
                "--revision",
                "test",
            ])
            .args(["--created", "2026-11-23T00:00:00Z", "--wasm"])
            .arg(wasm_path())
            .arg("--out")
            .arg(out),
    );
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_image_is_pulled_unchanged_and_runs() {
    let work = tempfile::tempdir().unwrap();
    let dist = work.path().join("dist");
    pack(&dist);
    let registry = Registry::start(work.path());
    let ours = fs::read(wasm_path()).unwrap();
    let mut module = PathBuf::new();
    for form in ["oci", "oci-compat"] {
        let layout = dist.join(form);
        // Pushes in the way that a user does, without the build and fetch steps.
        succeed(
            Command::new("make")
                .args(["-o", "oci", "-o", "registry", "push"])
                .arg(format!("DIST={}", dist.display()))
                .arg(format!("FORM={form}"))
                .arg(format!("IMAGE={}/entragate:{form}", registry.address))
                .arg("SKOPEO_FLAGS=--dest-tls-verify=false")
                .current_dir(root()),
        );
        let blob = |digest: &str| layout.join("blobs").join(digest.replace(':', "/"));
        let index = json(&fs::read(layout.join("index.json")).unwrap());
        let digest = index["manifests"][0]["digest"].as_str().unwrap();
        // The digest that `make push` prints, for use in deploy/.
        let printed = fs::read_to_string(dist.join(format!("{form}.digest"))).unwrap();
        assert_eq!(printed.trim(), digest);
        let manifest = registry.get(&format!("manifests/{digest}")).await;
        assert!(
            manifest == fs::read(blob(digest)).unwrap(),
            "{form}: another manifest"
        );
        let manifest = json(&manifest);
        let layers = manifest["layers"].as_array().unwrap();
        for part in layers.iter().chain([&manifest["config"]]) {
            let digest = part["digest"].as_str().unwrap();
            let pulled = registry.get(&format!("blobs/{digest}")).await;
            assert!(
                pulled == fs::read(blob(digest)).unwrap(),
                "{form}: another {digest}"
            );
        }
        // Extracts the module in the way that a proxy does.
        let last = layers.last().unwrap()["digest"].as_str().unwrap();
        let pulled = work.path().join(form);
        fs::write(&pulled, registry.get(&format!("blobs/{last}")).await).unwrap();
        module = match form {
            "oci" => pulled,
            _ => {
                succeed(
                    Command::new("tar")
                        .arg("-xzf")
                        .arg(&pulled)
                        .arg("-C")
                        .arg(work.path()),
                );
                work.path().join("plugin.wasm")
            }
        };
        assert!(fs::read(&module).unwrap() == ours, "{form}: another module");
    }
    let gateway = Gateway::with(|config| config.wasm(&module)).await;
    assert_eq!(
        gateway.chat(&gateway.token(Persona::Ada)).await.status(),
        200
    );
    assert_eq!(
        gateway.chat(&gateway.token(Persona::Carl)).await.status(),
        403
    );
}
