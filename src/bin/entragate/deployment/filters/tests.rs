use super::*;
use crate::deployment::Source;
use crate::document::Located;
use serde_json::json;
use std::rc::Rc;

fn deployment(documents: Vec<Value>) -> Deployment {
    let source = Rc::new(Source {
        name: "test".to_owned(),
        text: String::new(),
    });
    let documents = documents.into_iter().map(|value| {
        let located = Located { value, lines: None };
        Document::of_file(Rc::clone(&source), located)
    });
    Deployment {
        documents: documents.collect(),
    }
}

/// The paths, hosts and configurations of the filters in these documents.
fn found(documents: Vec<Value>) -> Vec<(String, Host, Configuration)> {
    find(&deployment(documents))
        .into_iter()
        .map(|filter| (filter.place, filter.host, filter.configuration))
        .collect()
}

fn only(document: Value) -> (String, Host, Configuration) {
    let mut all = found(vec![document]);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn filter_of_a_bootstrap_is_found() {
    let wrapped = |configuration: Value| {
        json!({"static_resources": {"listeners": [{"filters": [
            {"name": "other", "typed_config": {"config": {"name": "else", "vm_config": {}, "configuration": {}}}},
            {"name": "entragate", "typed_config": {"config": {
                "root_id": "entragate", "vm_config": {}, "configuration": configuration,
            }}},
        ]}]}})
    };
    let (place, host, configuration) = only(wrapped(json!({
        "@type": "type.googleapis.com/google.protobuf.StringValue", "value": "{\"issuers\":[]}",
    })));
    assert_eq!(host, Host::Envoy);
    assert_eq!(
        configuration,
        Configuration::Text("{\"issuers\":[]}".into())
    );
    assert_eq!(
        place,
        "static_resources.listeners[0].filters[1].typed_config.config.configuration"
    );
    let (_, _, configuration) = only(wrapped(json!({
        "@type": "type.googleapis.com/google.protobuf.Struct", "value": {"token": {"max_bytes": 5.0}},
    })));
    assert_eq!(
        configuration,
        Configuration::Value(json!({"token": {"max_bytes": 5}}))
    );
}

#[test]
fn filters_of_istio_envoy_gateway_and_kong_are_found() {
    let config = json!({"issuers": []});
    for (document, expected, place) in [
        (
            json!({"apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
                "spec": {"url": "oci://x/gate", "pluginConfig": config}}),
            Host::Istio,
            "spec.pluginConfig",
        ),
        (
            json!({"kind": "EnvoyExtensionPolicy", "spec": {"wasm": [
                {"name": "a", "rootID": "b", "config": {}}, {"name": "entragate", "config": config}]}}),
            Host::EnvoyGateway,
            "spec.wasm[1].config",
        ),
        (
            json!({"_format_version": "3.0", "services": [{"name": "hf", "filter_chains": [{"filters": [
                {"name": "gate", "config": config}]}]}]}),
            Host::Kong,
            "services[0].filter_chains[0].filters[0].config",
        ),
        (
            json!({"kind": "EnvoyFilter", "spec": {"configPatches": [{"patch": {"value": {"typed_config":
                {"config": {"root_id": "gate", "vm_config": {}, "configuration": config}}}}}]}}),
            Host::EnvoyFilter,
            "spec.configPatches[0].patch.value.typed_config.config.configuration",
        ),
    ] {
        let (at, host, configuration) = only(document);
        assert_eq!((at.as_str(), host), (place, expected));
        assert_eq!(configuration, Configuration::Value(config.clone()));
    }
}

#[test]
fn other_plugin_is_not_taken_for_entragate_even_if_it_is_alone() {
    for document in [
        json!({"kind": "WasmPlugin", "spec": {"url": "oci://x/waf", "pluginConfig": {"rules": []}}}),
        json!({"static_resources": {"x": {"name": "waf", "vm_config": {}, "configuration": {"a": 1}}}}),
    ] {
        assert!(found(vec![document.clone()]).is_empty(), "{document}");
    }
}

#[test]
fn deployments_are_distinguished_from_plugin_configurations() {
    assert_eq!(
        only(json!({"issuers": [], "x": {"pluginConfig": {}}})).0,
        ""
    );
    assert_eq!(only(json!({"isuers": []})).0, "");
    for document in [
        json!({"kind": "Service", "spec": {}}),
        json!({"static_resources": {}}),
        json!({"kind": "ClusterRole", "rules": []}),
        json!({"groups": [{"rules": []}]}),
    ] {
        assert!(found(vec![document.clone()]).is_empty(), "{document}");
    }
    let missing = only(json!({"admin": {}, "x": {"name": "entragate", "vm_config": {}}}));
    assert_eq!(missing.2, Configuration::Text(String::new()));
    let ours = json!({"issuers": [], "rules": []});
    let all = found(vec![
        json!({"kind": "Service"}),
        ours.clone(),
        json!({"isuers": []}),
        ours,
    ]);
    assert_eq!(all.len(), 2);
}
