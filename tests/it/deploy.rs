//! The files in deploy/ are valid, consistent and secure as shipped.

use crate::command_line as cli;
use crate::pages as docs;

use serde_json::Value;

#[test]
fn deploy_files_are_valid_yaml() {
    for file in docs::files("deploy", "yaml") {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&docs::read(&file)).unwrap();
        for document in documents.iter().filter(|document| !document.is_null()) {
            let kinds = [
                "kind",
                "services",
                "groups",
                "static_resources",
                "http_filter",
                "domain",
                // A filter to be added to Envoy's configuration.
                "typed_config",
            ];
            let kind = kinds.iter().any(|name| document.get(name).is_some());
            assert!(kind, "{file}: {document}");
        }
    }
}

/// Returns the documents of a file.
fn documents(file: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&docs::read(file)).unwrap()
}

/// Returns all documents of this kind in deploy/, with their files.
fn of_kind(kind: &str) -> Vec<(String, Value)> {
    let files = docs::files("deploy", "yaml").into_iter();
    let all = files.flat_map(|file| {
        let documents = documents(&file).into_iter();
        documents.map(move |document| (file.clone(), document))
    });
    all.filter(|(_, document)| document["kind"] == kind)
        .collect()
}

/// Collects the values of all members with this name, at any depth.
fn members<'d>(document: &'d Value, name: &str, found: &mut Vec<&'d Value>) {
    match document {
        Value::Object(object) => {
            for (member, value) in object {
                if member == name {
                    found.push(value);
                }
                members(value, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, name, found)),
        _ => {}
    }
}

const NODE: &str = "node: {id: gateway, cluster: gateway}          # Envoy requires a node name to load a certificate from a file\n\n";
const TLS: &str = r#"    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_params: {tls_minimum_protocol_version: TLSv1_2}
            tls_certificate_sds_secret_configs:
            - {name: certificate, sds_config: {path_config_source: {path: /etc/envoy/certificate.yaml}}}
      filters:
"#;

#[test]
fn kubernetes_config_is_the_tested_envoy_yaml_with_tls() {
    let documents = documents("deploy/kubernetes/entragate.yaml");
    let shipped = documents
        .iter()
        .find_map(|document| document.pointer("/data/envoy.yaml"));
    let ours = docs::read("envoy.yaml");
    let ours = ours.replace("/etc/envoy/entragate.wasm", "/etc/envoy/filter/plugin.wasm");
    let is_kept = |line: &&str| {
        !line
            .trim_start()
            .starts_with("# Plain HTTP: put TLS in front")
    };
    let ours: Vec<&str> = ours.lines().filter(is_kept).collect();
    let ours = ours.join("\n") + "\n";
    assert_eq!(ours.matches("    - filters:\n").count(), 1);
    let ours = ours.replace("    - filters:\n", TLS);
    let ours = ours.replace("\nadmin:\n", &format!("\n{NODE}admin:\n"));
    assert!(shipped.unwrap() == ours.as_str(), "copy envoy.yaml over");
}

#[test]
fn kubernetes_mounts_refer_to_existing_volumes() {
    let documents = documents("deploy/kubernetes/entragate.yaml");
    let data = documents.iter().find_map(|document| document.get("data"));
    let pod = documents
        .iter()
        .find_map(|document| document.pointer("/spec/template/spec"))
        .unwrap();
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let mut paths = Vec::new();
    for mount in mounts {
        let volumes = pod["volumes"].as_array().unwrap();
        assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]));
        if let Some(file) = mount["subPath"].as_str() {
            assert!(data.unwrap()[file].is_string(), "{file}");
        }
        paths.push(mount["mountPath"].as_str().unwrap());
    }
    let used = data.unwrap().to_string();
    for path in paths.iter().skip(1) {
        assert!(used.contains(path), "{path} is not used");
    }
    let limit = pod["containers"][0]["resources"]["limits"]["memory"].as_str();
    let limit = limit.unwrap().strip_suffix("Mi").unwrap();
    let envoy = docs::yaml(&docs::read("envoy.yaml"));
    let mut heap = Vec::new();
    members(&envoy, "max_heap_size_bytes", &mut heap);
    let limit: u64 = limit.parse().unwrap();
    assert!(heap[0].as_u64().unwrap() < limit * 1024 * 1024);
}

/// Applying a file that contains a Secret would overwrite the real one.
#[test]
fn deploy_files_contain_no_secret() {
    assert_eq!(of_kind("Secret"), []);
    let text = docs::read("deploy/kubernetes/entragate.yaml");
    for name in ["huggingface", "hf-contoso-com"] {
        assert!(text.contains("#   kubectl create secret"));
        assert!(text.contains(&format!(" {name} --")), "{name}");
    }
}

/// Before 1.21, Istio verifies certificates only with `caCertificates`.
#[test]
fn istio_destination_rules_verify_certificates() {
    let rules = of_kind("DestinationRule");
    assert_eq!(rules.len(), 2);
    for (file, rule) in rules {
        let (host, tls) = (&rule["spec"]["host"], &rule["spec"]["trafficPolicy"]["tls"]);
        assert_eq!(tls["mode"], "SIMPLE", "{file}");
        assert_eq!(&tls["sni"], host, "{file}");
        assert_eq!(tls["subjectAltNames"], Value::Array(vec![host.clone()]));
        let authorities = tls["caCertificates"].as_str();
        assert!(
            authorities.is_some_and(|path| path.starts_with('/')),
            "{file}"
        );
    }
}

/// On a shared gateway, no rule may apply to other teams' hosts.
#[test]
fn rules_for_shared_gateways_name_their_hosts() {
    let shared = [
        "TrafficExtension",
        "WasmPlugin",
        "EnvoyFilter",
        "EnvoyExtensionPolicy",
    ];
    for kind in shared {
        let found = of_kind(kind);
        let mut rules = Vec::new();
        for (_, document) in &found {
            members(document, "rules", &mut rules);
        }
        assert_eq!(rules.len(), 1, "{kind}");
        let file = kind;
        let mut matches = Vec::new();
        members(rules[0], "match", &mut matches);
        assert_eq!(matches.len(), rules[0].as_array().unwrap().len());
        for rule in matches {
            assert_eq!(
                rule["hosts"],
                serde_json::json!(["hf.contoso.com"]),
                "{file}"
            );
        }
    }
}

/// A tag can be overwritten; a digest always identifies the same filter.
#[test]
fn image_is_pinned_by_its_digest() {
    let mut seen = 0;
    for file in docs::files("deploy", "yaml") {
        let text = docs::read(&file);
        for (at, _) in text.match_indices("registry.example/entragate") {
            let rest = &text[at + "registry.example/entragate".len()..];
            let rest = rest.strip_prefix("-demo").unwrap_or(rest);
            // Envoy Gateway has a separate field for the digest.
            let rest = rest.strip_prefix(":0.1.0\n        ").unwrap_or(rest);
            let digest = rest
                .strip_prefix("@sha256:")
                .or_else(|| rest.strip_prefix("sha256: \""))
                .unwrap_or_else(|| panic!("{file}: registry.example/entragate{}", &rest[..20]));
            let digits = digest.bytes().take_while(u8::is_ascii_hexdigit);
            assert_eq!(digits.count(), 64, "{file}");
            seen += 1;
        }
    }
    assert_eq!(seen, 6);
}

/// The image's entry point switches users if it runs as root, which requires capabilities.
#[test]
fn compose_runs_as_a_user_without_capabilities() {
    let compose = docs::yaml(&docs::read("deploy/docker/compose.yaml"));
    for (name, service) in compose["services"].as_object().unwrap() {
        if service["cap_drop"] == serde_json::json!(["ALL"]) {
            assert_eq!(service["user"], "101:101", "{name}");
        }
    }
    let documents = documents("deploy/kubernetes/entragate.yaml");
    let pod = documents
        .iter()
        .find_map(|document| document.pointer("/spec/template/spec/securityContext"));
    assert_eq!(pod.unwrap()["runAsUser"], 101);
    assert_eq!(pod.unwrap()["runAsGroup"], 101);
}

#[test]
fn compose_mounts_refer_to_existing_files() {
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
fn kong_configuration_is_valid_under_the_shipped_schema() {
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
    let errors: Vec<String> = validator
        .iter_errors(config)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}
