//! What stands in deploy/ is good as it is.

#[path = "support/cli.rs"]
mod cli;
#[path = "support/docs.rs"]
mod docs;

use serde_json::Value;

#[test]
fn each_file_is_yaml_without_surprises() {
    for file in docs::files("deploy", "yaml") {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&docs::read(&file)).unwrap();
        for document in documents.iter().filter(|document| !document.is_null()) {
            let kind = ["kind", "services", "groups"]
                .iter()
                .any(|name| document.get(name).is_some());
            assert!(kind, "{file}: {document}");
        }
    }
}

#[test]
fn kubernetes_runs_the_envoy_yaml_that_we_test() {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&docs::read("deploy/kubernetes/entragate.yaml")).unwrap();
    let held = documents
        .iter()
        .find_map(|document| document.pointer("/data/envoy.yaml"));
    let ours = docs::read("envoy.yaml");
    let ours = ours.replace("/etc/envoy/entragate.wasm", "/etc/envoy/filter/plugin.wasm");
    assert!(held.unwrap() == ours.as_str(), "copy envoy.yaml over");
}

#[test]
fn compose_mounts_what_is_there() {
    let compose = docs::yaml(&docs::read("deploy/docker/compose.yaml"));
    let mounts = compose["services"]["gateway"]["volumes"]
        .as_array()
        .unwrap();
    let sources: Vec<&str> = mounts
        .iter()
        .filter_map(|mount| mount["source"].as_str())
        .collect();
    assert_eq!(
        sources,
        [
            "../../envoy.yaml",
            "../../target/wasm32-wasip1/release/entragate.wasm"
        ]
    );
    let targets: Vec<&str> = mounts
        .iter()
        .filter_map(|mount| mount["target"].as_str())
        .collect();
    let envoy = docs::read("envoy.yaml");
    assert!(
        envoy.contains(&format!("filename: {}", targets[1])),
        "{targets:?}"
    );
}

#[test]
fn kong_gets_the_schema_that_its_configuration_passes() {
    let meta = cli::entragate(&["schema", "--kong"], "").out;
    let same = meta == docs::read("deploy/kong/entragate.meta.json");
    assert!(
        same,
        "deploy/kong/entragate.meta.json is out of date: run make docs"
    );
    let meta: Value = serde_json::from_str(&meta).unwrap();
    let validator = jsonschema::draft4::new(&meta["config_schema"]).unwrap();
    let kong = docs::yaml(&docs::read("deploy/kong/kong.yaml"));
    let config = &kong["services"][0]["filter_chains"][0]["filters"][0]["config"];
    assert!(config.is_object());
    let complaints: Vec<String> = validator
        .iter_errors(config)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(complaints, Vec::<String>::new());
}
