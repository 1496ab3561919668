//! The files in deploy/ratelimit agree with each other and with `envoy.yaml`.

use crate::pages as docs;

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The members that fragment.yaml adds to routes.
const OF_ROUTES: [&str; 2] = ["request_headers_to_add", "typed_per_filter_config"];

fn shipped(name: &str) -> Value {
    docs::yaml(&docs::read(&format!("deploy/ratelimit/{name}")))
}

fn documents(name: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&docs::read(&format!("deploy/ratelimit/{name}"))).unwrap()
}

#[test]
fn example_is_the_tested_envoy_yaml_with_the_fragment() {
    let fragment = shipped("fragment.yaml");
    let mut envoy = docs::yaml(&docs::read("envoy.yaml"));
    let resources = &mut envoy["static_resources"];
    resources["clusters"]
        .as_array_mut()
        .unwrap()
        .push(fragment["cluster"].clone());
    let manager = &mut resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    let filters = manager["http_filters"].as_array_mut().unwrap();
    let policy = &mut filters[0]["typed_config"]["config"]["configuration"]["value"];
    let additions = fragment["policy"].as_object().unwrap().clone();
    policy.as_object_mut().unwrap().extend(additions);
    filters.insert(filters.len() - 1, fragment["http_filter"].clone());
    let route = &mut manager["route_config"]["virtual_hosts"][0]["routes"][0];
    for member in OF_ROUTES {
        route[member] = fragment[member].clone();
    }
    assert!(
        shipped("envoy.yaml") == envoy,
        "copy the change of envoy.yaml or of the fragment to deploy/ratelimit/envoy.yaml"
    );
}

#[test]
fn istio_has_the_limits_of_the_fragment() {
    let fragment = shipped("fragment.yaml");
    let istio = shipped("istio.yaml");
    let patches = istio["spec"]["configPatches"].as_array().unwrap();
    let [filter, host] = &patches[..] else {
        panic!("{patches:#?}")
    };
    let mut own = filter["patch"]["value"].clone();
    let cluster = &mut own["typed_config"]["rate_limit_service"]["grpc_service"]["envoy_grpc"]["cluster_name"];
    assert_eq!(
        *cluster,
        "outbound|8081||ratelimit.ratelimit.svc.cluster.local"
    );
    *cluster = json!("ratelimit");
    assert_eq!(own, fragment["http_filter"]);
    for member in OF_ROUTES {
        assert_eq!(host["patch"]["value"][member], fragment[member], "{member}");
    }
}

/// Collects the limits of limits.yaml: their keys, with the values that are given.
fn limits(descriptors: &Value, above: &str, found: &mut BTreeSet<String>) {
    for descriptor in descriptors.as_array().into_iter().flatten() {
        let (key, value) = (descriptor["key"].as_str().unwrap(), &descriptor["value"]);
        let own = match value.as_str() {
            Some(value) => format!("{above}/{key}={value}"),
            None => format!("{above}/{key}"),
        };
        if descriptor["rate_limit"].is_object() {
            found.insert(own.clone());
        }
        limits(&descriptor["descriptors"], &own, found);
    }
}

#[test]
fn every_limit_has_an_entry_and_every_entry_a_limit() {
    let file = shipped("limits.yaml");
    let mut defined = BTreeSet::new();
    limits(&file["descriptors"], "", &mut defined);
    // The limit for one identity has no entry of its own: it is reached through the entry for all identities.
    defined.remove("/budget=tokens/oid=22222222-2222-2222-2222-222222222222");
    let fragment = shipped("fragment.yaml");
    let key = |action: &Value| match &action["generic_key"] {
        Value::Null => action["extension"]["name"].as_str().unwrap().to_owned(),
        generic => {
            let part = |name: &str| generic[name].as_str().unwrap();
            format!("{}={}", part("descriptor_key"), part("descriptor_value"))
        }
    };
    let entries =
        &fragment["typed_per_filter_config"]["envoy.filters.http.ratelimit"]["rate_limits"];
    let entries = entries.as_array().unwrap().iter();
    let path = |entry: &Value| {
        let actions = entry["actions"].as_array().unwrap().iter();
        actions
            .map(|action| format!("/{}", key(action)))
            .collect::<String>()
    };
    assert_eq!(entries.map(path).collect::<BTreeSet<_>>(), defined);
    assert_eq!(
        file["domain"],
        fragment["http_filter"]["typed_config"]["domain"]
    );
}

#[test]
fn failure_mode_is_set_explicitly() {
    let filter = &shipped("fragment.yaml")["http_filter"]["typed_config"];
    assert_eq!(filter["failure_mode_deny"], true);
}

#[test]
fn compose_mounts_existing_files_and_isolates_the_counters() {
    let compose = shipped("compose.yaml");
    for (name, service) in compose["services"].as_object().unwrap() {
        for mount in service["volumes"].as_array().into_iter().flatten() {
            let Some(source) = mount["source"].as_str() else {
                continue;
            };
            let file = docs::root().join("deploy/ratelimit").join(source);
            assert!(
                file.exists() || source.ends_with("entragate.wasm"),
                "{name}: {source}"
            );
        }
        let is_inside = service["networks"] == json!(["limits"]) && service["ports"].is_null();
        assert!(is_inside || name == "gateway", "{name}");
    }
    assert_eq!(compose["networks"]["limits"]["internal"], true);
}

#[test]
fn kubernetes_objects_select_each_other() {
    let objects = documents("kubernetes.yaml");
    let of = |kind: &str| -> Vec<&Value> {
        objects
            .iter()
            .filter(|object| object["kind"] == kind)
            .collect()
    };
    for workload in of("Deployment").into_iter().chain(of("StatefulSet")) {
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        assert_eq!(&workload["spec"]["selector"]["matchLabels"], labels);
        let named = |service: &&&Value| service["metadata"]["name"] == workload["metadata"]["name"];
        let service = *of("Service").iter().find(named).unwrap();
        assert_eq!(&service["spec"]["selector"], labels);
        let container = &workload["spec"]["template"]["spec"]["containers"][0];
        let ports: Vec<&Value> = container["ports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|port| &port["name"])
            .collect();
        assert!(ports.contains(&&service["spec"]["ports"][0]["targetPort"]));
        let is_restricted =
            |policy: &&Value| policy["spec"]["podSelector"]["matchLabels"] == *labels;
        assert!(of("NetworkPolicy").iter().any(is_restricted));
        assert_eq!(
            container["securityContext"]["capabilities"]["drop"],
            json!(["ALL"])
        );
    }
}

#[test]
fn envoy_gateway_limits_by_headers_that_the_filter_sets() {
    let text = docs::read("deploy/ratelimit/envoy-gateway.yaml");
    let policy = docs::yaml(&text);
    let forward = docs::yaml(&docs::read("envoy.yaml"));
    let wasm = &forward["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        ["http_filters"][0];
    let headers =
        &wasm["typed_config"]["config"]["configuration"]["value"]["forward"]["identity_headers"];
    for rule in policy["spec"]["rateLimit"]["global"]["rules"]
        .as_array()
        .unwrap()
    {
        let header = &rule["clientSelectors"][0]["headers"][0];
        assert_eq!(header["type"], "Distinct");
        let name = header["name"].as_str().unwrap();
        let claim = headers[name].as_str().unwrap();
        assert!(
            text.contains(&format!("{name}: {claim}")),
            "the file says how to set {name}"
        );
    }
}
