//! The Helm chart: the archive that `helm package` would write, and the image in which registries store it (Helm's
//! documentation, "Use OCI-based registries").

use crate::image::{About, Blob, Image};
use crate::{Failure, archive, image};
use serde_json::json;
use std::path::Path;

const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const CONTENT: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// Returns the chart's archive and its image. The versions in `Chart.yaml` are replaced with that of the release.
pub fn of(chart: &Path, about: &About) -> Result<(Vec<u8>, Image), Failure> {
    let release = |name: &str, content: Vec<u8>| match name {
        "Chart.yaml" => with_version(&content, &about.release),
        _ => content,
    };
    let archive = image::gzip(&archive::of(chart, "entragate/", release)?)?;
    let description = json!({
        "apiVersion": "v2",
        "name": "entragate",
        "version": about.release,
        "appVersion": about.release,
        "type": "application",
    });
    let layer = Blob {
        media_type: CONTENT,
        bytes: archive.clone(),
    };
    let image = image::with_config(
        vec![layer],
        Blob::json(CONFIG, &description),
        image::annotations(about),
    );
    Ok((archive, image))
}

fn with_version(content: &[u8], version: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(content);
    let lines = text.lines().map(|line| match line.split_once(": ") {
        Some((name @ ("version" | "appVersion"), _)) => format!("{name}: {version}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn shipped(release: &str) -> (Vec<u8>, Image) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let about = About {
            release: release.into(),
            revision: "abc".into(),
            created: "2026-11-23T00:00:00Z".into(),
            source: None,
        };
        of(&root.join("deploy/helm/entragate"), &about).unwrap()
    }

    #[test]
    fn archive_has_the_release_and_the_linked_envoy_yaml() {
        let (archive, _) = shipped("7.8.9");
        let mut unpacked = tar::Archive::new(flate2::read::GzDecoder::new(&archive[..]));
        let mut found = 0;
        for entry in unpacked.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            match path.as_str() {
                "entragate/Chart.yaml" => {
                    assert!(text.contains("\nversion: 7.8.9\nappVersion: 7.8.9\n"))
                }
                "entragate/files/envoy.yaml" => assert!(text.contains("static_resources:")),
                _ => continue,
            }
            found += 1;
        }
        assert_eq!(found, 2);
    }

    #[test]
    fn same_chart_has_the_same_digest() {
        let digest = |release| shipped(release).1.manifest.digest();
        assert_eq!(digest("1.0.0"), digest("1.0.0"));
        assert_ne!(digest("1.0.0"), digest("1.0.1"));
    }
}
