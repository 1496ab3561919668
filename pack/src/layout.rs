//! An image layout in a directory (image-spec, image-layout.md).

use crate::Failure;
use crate::image::{Blob, Image};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Writes the image in place of the directory's previous content. Returns the digest of the manifest.
pub fn write(directory: &Path, image: &Image) -> Result<String, Failure> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    for blob in image.blobs.iter().chain([&image.manifest]) {
        fs::write(blobs.join(name(blob)), &blob.bytes)?;
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [image.manifest.descriptor()],
    });
    fs::write(directory.join("index.json"), index.to_string())?;
    fs::write(
        directory.join("oci-layout"),
        json!({"imageLayoutVersion": "1.0.0"}).to_string(),
    )?;
    Ok(image.manifest.digest())
}

fn name(blob: &Blob) -> String {
    blob.digest().replace("sha256:", "")
}
