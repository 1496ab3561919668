//! The provenance of a release: an in-toto statement with a SLSA v1 predicate about each file.

use crate::image::About;
use serde_json::{Value, json};

/// Returns the statement about files, given their sums as sha256sum prints them. `builder` identifies what ran the build.
pub fn of(sums: &str, about: &About, builder: &str) -> Value {
    let subjects = sums.lines().filter_map(|line| line.split_once("  "));
    let subjects: Vec<Value> = subjects
        .map(|(sum, name)| json!({"name": name, "digest": {"sha256": sum}}))
        .collect();
    let source = about.source.as_deref().unwrap_or("urn:entragate:source");
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:entragate:make-release:v1",
                "externalParameters": {"release": about.release},
                "resolvedDependencies": [
                    {"uri": source, "digest": {"gitCommit": about.revision}},
                ],
            },
            "runDetails": {"builder": {"id": builder}},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_names_every_file_with_its_digest_and_the_commit() {
        let about = About {
            release: "0.1.0".into(),
            revision: "4cd9eae".into(),
            created: String::new(),
            source: None,
        };
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let statement = of(&format!("{abc}  c\n"), &about, "urn:builder");
        assert_eq!(
            statement["subject"],
            json!([{"name": "c", "digest": {"sha256": abc}}])
        );
        let definition = &statement["predicate"]["buildDefinition"];
        assert_eq!(
            definition["resolvedDependencies"][0]["digest"]["gitCommit"],
            "4cd9eae"
        );
    }
}
