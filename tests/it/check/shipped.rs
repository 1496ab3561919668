//! The shipped files pass `--strict` with an operator's values in place of the sample values.

use super::*;
use std::collections::BTreeMap;
use std::fs;
use testbed::persona::SCIENTISTS_GROUP;

/// Sample values, and an operator's values for them.
const VALUES: [(&str, &str); 6] = [
    (
        "72f988bf-86f1-41af-91ab-2d7cd011db47",
        "11112222-bbbb-3333-cccc-4444dddd5555",
    ),
    (
        "6e74172b-be56-4843-9ff4-e66a39bb12e3",
        "22223333-cccc-4444-dddd-5555eeee6666",
    ),
    (
        "aaaabbbb-0000-cccc-1111-dddd2222eeee",
        "11112222-bbbb-3333-cccc-4444dddd5555",
    ),
    (
        "00001111-aaaa-2222-bbbb-3333cccc4444",
        "22223333-cccc-4444-dddd-5555eeee6666",
    ),
    (SCIENTISTS_GROUP, "33334444-dddd-5555-eeee-6666ffff7777"),
    (
        testbed::hf::ENDPOINT_HOST,
        "own.us-east-1.aws.endpoints.huggingface.cloud",
    ),
];

/// Returns the warnings and errors for the files of a directory, read as one deployment.
fn findings(folder: &str, files: &[String]) -> Vec<String> {
    let copy = tempfile::tempdir().unwrap();
    for file in files {
        let mut text = docs::read(file);
        for (sample, operators) in VALUES {
            text = text.replace(sample, operators);
        }
        let name = file.rsplit('/').next().unwrap();
        fs::write(copy.path().join(name), text).unwrap();
    }
    let outcome = cli::entragate(
        &["check", "--strict", "--json", copy.path().to_str().unwrap()],
        "",
    );
    let findings: Vec<Value> = serde_json::from_str(&outcome.out).unwrap();
    let is_note = |finding: &&Value| finding["level"] == "note";
    let counted: Vec<String> = findings
        .iter()
        .filter(|finding| !is_note(finding))
        .map(|finding| format!("{finding:#}"))
        .collect();
    if findings.iter().all(|finding| finding["level"] == "note") {
        assert_eq!(outcome.status, 0, "{folder}: {}", outcome.out);
    }
    counted
}

/// Directories without a filter.
const OTHERS: [&str; 1] = ["deploy/monitoring"];

#[test]
fn shipped_files_pass_strict_with_an_operators_values() {
    let envoy = || vec!["envoy.yaml".to_owned()];
    let mut folders = BTreeMap::from([("envoy.yaml".to_owned(), envoy())]);
    for file in docs::files("deploy", "yaml") {
        let (folder, _) = file.rsplit_once('/').unwrap();
        let folder = folder.to_owned();
        folders.entry(folder).or_insert_with(Vec::new).push(file);
    }
    folders.retain(|folder, _| !OTHERS.contains(&folder.as_str()));
    // The Compose file mounts the repository's own envoy.yaml.
    folders.get_mut("deploy/docker").unwrap().extend(envoy());
    assert_eq!(folders.len(), 7);
    for (folder, files) in folders {
        assert_eq!(findings(&folder, &files), Vec::<String>::new(), "{folder}");
    }
}

#[test]
fn shipped_files_do_not_pass_strict_as_they_are() {
    for file in [
        "envoy.yaml",
        "deploy/kong/kong.yaml",
        "deploy/kubernetes/entragate.yaml",
    ] {
        let path = docs::root().join(file);
        let outcome = cli::entragate(&["check", "--strict", path.to_str().unwrap()], "");
        assert_eq!(outcome.status, 1, "{file}");
        assert!(
            outcome.err.contains("(sample_value)"),
            "{file}: {}",
            outcome.err
        );
    }
}

#[test]
fn first_line_with_the_sample_endpoint_is_reported() {
    let text = docs::read("envoy.yaml");
    let line = text
        .lines()
        .position(|line| line.contains(testbed::hf::ENDPOINT_HOST))
        .unwrap()
        + 1;
    let (_, findings) = check(&text, &[]);
    let is_endpoint =
        |finding: &&Value| finding["id"] == "sample_value" && finding["name"].is_null();
    let found: Vec<&Value> = findings.iter().filter(is_endpoint).collect();
    assert_eq!(found.len(), 1, "{findings:#?}");
    assert_eq!(found[0]["line"], line);
}
