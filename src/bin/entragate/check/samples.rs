//! Values of the shipped samples, which an operator must replace.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;

/// Tenants, client ids and groups of the samples and the documentation, in lower case.
const SAMPLES: [&str; 5] = [
    "72f988bf-86f1-41af-91ab-2d7cd011db47",
    "6e74172b-be56-4843-9ff4-e66a39bb12e3",
    "aaaabbbb-0000-cccc-1111-dddd2222eeee",
    "00001111-aaaa-2222-bbbb-3333cccc4444",
    "11111111-1111-1111-1111-111111111111",
];

/// The host of the samples' endpoint.
const ENDPOINT: &str = "q8x1f0example.us-east-1.aws.endpoints.huggingface.cloud";

/// Whether a tenant, an audience or a group is that of a sample, either alone or as `api://…`.
pub fn is_sample(value: &str) -> bool {
    let id = value.strip_prefix("api://").unwrap_or(value);
    let id = id.split('/').next().unwrap_or_default();
    SAMPLES.iter().any(|sample| id.eq_ignore_ascii_case(sample))
}

/// Reports the sample's endpoint once for each document that names it: as a host, a URL, or Istio's name of a cluster.
pub fn endpoint(scene: &Scene<'_>, findings: &mut Findings) {
    for root in scene.deployment.roots() {
        let mut places = Vec::new();
        root.walk(&mut |node| {
            let text = node.value.as_str().unwrap_or_default();
            if text.ends_with(ENDPOINT) {
                places.push(node.place());
            }
        });
        // Members are visited in the order of their names.
        places.sort_by_key(|place| place.line);
        if let Some(place) = places.into_iter().next() {
            let message = "the endpoint is the sample's; write your endpoint's host wherever this file names it";
            findings.add(&ids::SAMPLE_VALUE, place, None, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_values_are_recognized_in_every_form() {
        for value in [
            "72F988BF-86f1-41af-91ab-2d7cd011db47",
            "api://00001111-aaaa-2222-bbbb-3333cccc4444",
            "api://00001111-aaaa-2222-bbbb-3333cccc4444/x",
            "11111111-1111-1111-1111-111111111111",
        ] {
            assert!(is_sample(value), "{value}");
        }
        for value in ["api://hf", "11112222-bbbb-3333-cccc-4444dddd5555", ""] {
            assert!(!is_sample(value), "{value}");
        }
    }
}
