//! The two forms of image for a proxy-wasm module: the *oci* form, whose two layers are a description and the module, and the
//! *compat* form, which looks like any container image.

use crate::{Failure, archive};
use clap::Args;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

/// The values of the annotations (image-spec, annotations.md).
#[derive(Args, Clone, Debug)]
pub struct About {
    /// The version of the filter
    #[arg(long)]
    pub release: String,
    /// The commit that was built
    #[arg(long)]
    pub revision: String,
    /// The time of that commit, RFC 3339. The time of packing would differ each time
    #[arg(long)]
    pub created: String,
    /// The URL of the source repository
    #[arg(long)]
    pub source: Option<String>,
}

/// Bytes with their media type.
pub struct Blob {
    pub media_type: &'static str,
    pub bytes: Vec<u8>,
}

impl Blob {
    pub fn json(media_type: &'static str, value: &Value) -> Self {
        Self {
            media_type,
            bytes: value.to_string().into_bytes(),
        }
    }

    /// The digest in the form `sha256:…`.
    pub fn digest(&self) -> String {
        digest(&self.bytes)
    }

    /// The descriptor by which manifests and indexes refer to the blob.
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest(), "size": self.bytes.len()})
    }
}

/// A manifest and all blobs that it refers to.
pub struct Image {
    pub manifest: Blob,
    pub blobs: Vec<Blob>,
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MODULE_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
const MODULE: &str = "application/vnd.module.wasm.content.layer.v1+wasm";

/// Returns the oci form: exactly two layers, the description and the module.
pub fn oci(wasm: &[u8], about: &About) -> Result<Image, Failure> {
    check(wasm)?;
    let description = json!({
        "type": "envoy_proxy",
        "abiVersions": ["0.2.1"],
        "config": {"root_ids": ["entragate"]},
    });
    let description = Blob::json(MODULE_CONFIG, &description);
    let module = Blob {
        media_type: MODULE,
        bytes: wasm.to_vec(),
    };
    let diff_ids = [description.digest(), module.digest()];
    Ok(image(
        vec![description, module],
        &diff_ids,
        annotations(about),
    ))
}

/// Returns the compat form: one layer with the file `plugin.wasm`.
pub fn compat(wasm: &[u8], about: &About) -> Result<Image, Failure> {
    check(wasm)?;
    let archive = tar(wasm)?;
    let diff_ids = [digest(&archive)];
    let mut annotations = annotations(about);
    annotations["module.wasm.image/variant"] = "compat".into();
    let layer = Blob {
        media_type: TAR_GZIP,
        bytes: gzip(&archive)?,
    };
    Ok(image(vec![layer], &diff_ids, annotations))
}

/// `diff_ids`: the digests of the uncompressed layers.
fn image(layers: Vec<Blob>, diff_ids: &[String], annotations: Value) -> Image {
    // The values that `docker build FROM scratch` writes on most machines. They have no effect, since nothing in the image is
    // executed.
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    with_config(layers, Blob::json(IMAGE_CONFIG, &config), annotations)
}

/// The process that an image runs.
#[derive(Args, Clone, Debug)]
pub struct Program {
    /// An environment variable, as NAME=VALUE
    #[arg(long)]
    env: Vec<String>,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Returns the image of a program: one layer with the files of a directory, and the command to run.
pub fn program(root: &Path, program: &Program, about: &About) -> Result<Image, Failure> {
    let archive = archive::of(root, "", |_, content| content)?;
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"User": "65532:65532", "Entrypoint": program.command, "Env": program.env},
        "rootfs": {"type": "layers", "diff_ids": [digest(&archive)]},
    });
    let layer = Blob {
        media_type: TAR_GZIP,
        bytes: gzip(&archive)?,
    };
    let config = Blob::json(IMAGE_CONFIG, &config);
    Ok(with_config(vec![layer], config, annotations(about)))
}

pub fn with_config(layers: Vec<Blob>, config: Blob, annotations: Value) -> Image {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        "annotations": annotations,
    });
    let mut blobs = layers;
    blobs.push(config);
    Image {
        manifest: Blob::json(MANIFEST, &manifest),
        blobs,
    }
}

pub fn annotations(about: &About) -> Value {
    let mut annotations = json!({
        "org.opencontainers.image.title": "entragate",
        "org.opencontainers.image.description": "A proxy-wasm filter that lets only permitted Microsoft Entra ID identities query Hugging Face endpoints",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.version": about.release,
        "org.opencontainers.image.revision": about.revision,
        "org.opencontainers.image.created": about.created,
    });
    if let Some(source) = &about.source {
        annotations["org.opencontainers.image.source"] = source.as_str().into();
    }
    annotations
}

/// Rejects input that is not a module or that Istio and Envoy Gateway would reject for its size.
fn check(wasm: &[u8]) -> Result<(), Failure> {
    const MAX_BYTES: usize = 256 * 1024 * 1024;
    match wasm {
        module if !module.starts_with(b"\0asm") => {
            Err("the filter is not a WebAssembly module".into())
        }
        module if module.len() > MAX_BYTES => Err("the filter is larger than 256 MiB".into()),
        _ => Ok(()),
    }
}

fn tar(wasm: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(wasm.len() as u64);
    header.set_mode(0o444);
    header.set_mtime(0);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "plugin.wasm", wasm)?;
    archive.into_inner()
}

pub fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    // The header contains neither the time nor the operating system.
    let builder = GzBuilder::new().mtime(0).operating_system(255);
    let mut gzip = builder.write(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut gzip, bytes)?;
    gzip.finish()
}

fn digest(bytes: &[u8]) -> String {
    let hex = |byte: &u8| format!("{byte:02x}");
    let digits: String = Sha256::digest(bytes).iter().map(hex).collect();
    format!("sha256:{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    const WASM: &[u8] = b"\0asm\x01\0\0\0";

    fn about() -> About {
        About {
            release: "0.1.0".into(),
            revision: "abc".into(),
            created: "2026-11-23T00:00:00Z".into(),
            source: None,
        }
    }

    fn manifest(image: &Image) -> Value {
        serde_json::from_slice(&image.manifest.bytes).unwrap()
    }

    #[test]
    fn oci_form_contains_the_description_and_the_module() {
        let image = oci(WASM, &about()).unwrap();
        let manifest = manifest(&image);
        let kinds: Vec<&Value> = manifest["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| &layer["mediaType"])
            .collect();
        assert_eq!(kinds, [MODULE_CONFIG, MODULE]);
        assert_eq!(image.blobs[1].bytes, WASM);
        assert_eq!(
            manifest["annotations"]["org.opencontainers.image.revision"],
            "abc"
        );
        let description: Value = serde_json::from_slice(&image.blobs[0].bytes).unwrap();
        assert_eq!(description["config"]["root_ids"], json!(["entragate"]));
    }

    #[test]
    fn compat_form_is_an_archive_with_plugin_wasm() {
        let image = compat(WASM, &about()).unwrap();
        let manifest = manifest(&image);
        assert_eq!(
            manifest["annotations"]["module.wasm.image/variant"],
            "compat"
        );
        assert_eq!(manifest["config"]["mediaType"], IMAGE_CONFIG);
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&image.blobs[0].bytes[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        let config: Value = serde_json::from_slice(&image.blobs[1].bytes).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"], json!([digest(&unpacked)]));
        let mut archive = tar::Archive::new(&unpacked[..]);
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("plugin.wasm"));
        let mut module = Vec::new();
        entry.read_to_end(&mut module).unwrap();
        assert_eq!(module, WASM);
    }

    #[test]
    fn program_image_has_its_files_and_command() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("usr")).unwrap();
        std::fs::write(root.path().join("usr/program"), "x").unwrap();
        let runs = Program {
            env: vec!["A=b".into()],
            command: vec!["/usr/program".into()],
        };
        let image = program(root.path(), &runs, &about()).unwrap();
        let config: Value = serde_json::from_slice(&image.blobs[1].bytes).unwrap();
        assert_eq!(config["config"]["Entrypoint"], json!(["/usr/program"]));
        assert_eq!(config["config"]["Env"], json!(["A=b"]));
        let layer = flate2::read::GzDecoder::new(&image.blobs[0].bytes[..]);
        let mut archive = tar::Archive::new(layer);
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("usr/program"));
    }

    #[test]
    fn digest_depends_only_on_the_input() {
        for form in [oci, compat] {
            let digest = |wasm: &[u8], about: &About| form(wasm, about).unwrap().manifest.digest();
            let first = digest(WASM, &about());
            assert_eq!(first, digest(WASM, &about()));
            let newer = About {
                revision: "abd".into(),
                ..about()
            };
            assert_ne!(first, digest(WASM, &newer));
            assert_ne!(first, digest(b"\0asm\x01\0\0\0\0", &about()));
        }
    }

    #[test]
    fn input_that_is_not_a_module_is_rejected() {
        assert!(compat(b"<html>", &about()).is_err());
        assert!(oci(b"", &about()).is_err());
    }
}
