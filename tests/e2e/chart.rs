//! The Helm chart, rendered by Helm's engine: Kubernetes' schemas accept the result, a real Envoy runs its configuration, and
//! `entragate check` finds only the sample values.

use super::explain::cli::entragate;
use serde_json::{Value, json};
use std::process::{Command, Output};
use testbed::envoy::{Envoy, EnvoyConfig, workspace_root};

/// Kubernetes has mounted images since this version.
const KUBERNETES: &str = "1.33";

fn render(values: &Value) -> Output {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), values.to_string()).unwrap();
    let root = workspace_root();
    Command::new(root.join(".tools/helm/bin/python"))
        .arg(root.join("tests/helm/check.py"))
        .arg(root.join("deploy/helm/entragate"))
        .arg(file.path())
        .arg(KUBERNETES)
        .output()
        .unwrap_or_else(|error| panic!(".tools/helm: {error}; run: make helm"))
}

fn documents(values: &Value) -> Vec<Value> {
    let output = render(values);
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    let rendered = String::from_utf8(output.stdout).unwrap();
    let documents = rendered
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    documents.collect()
}

fn full() -> Value {
    let file = workspace_root().join("deploy/helm/entragate/ci/values.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn of_kind<'d>(documents: &'d [Value], kind: &str) -> Vec<&'d Value> {
    documents.iter().filter(|own| own["kind"] == kind).collect()
}

fn envoy_yaml(documents: &[Value]) -> String {
    let config = of_kind(documents, "ConfigMap")[0];
    config["data"]["envoy.yaml"].as_str().unwrap().to_owned()
}

#[test]
fn chart_with_everything_has_every_resource() {
    let documents = documents(&full());
    for kind in [
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "SecretProviderClass",
        "ServiceAccount",
        "ServiceMonitor",
    ] {
        assert_eq!(of_kind(&documents, kind).len(), 1, "{kind}");
    }
    let container =
        &of_kind(&documents, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        container["env"][0]["valueFrom"]["secretKeyRef"]["name"],
        "huggingface"
    );
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    let text = serde_json::to_string(&documents).unwrap();
    assert!(text.contains("azure.workload.identity/client-id"));
}

#[test]
fn optional_resources_can_be_disabled() {
    let mut values = full();
    for (name, value) in [
        ("autoscaling", json!({"enabled": false})),
        ("networkPolicy", json!({"enabled": false})),
        ("podDisruptionBudget", json!({"enabled": false})),
        ("secretStore", json!({"enabled": false})),
        ("serviceAccount", json!({"create": false, "name": "own"})),
        ("metrics", json!({"serviceMonitor": {"enabled": false}})),
        ("tls", json!({"enabled": false})),
    ] {
        values[name] = value;
    }
    let documents = documents(&values);
    let kinds: Vec<&str> = documents
        .iter()
        .map(|own| own["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["ConfigMap", "Deployment", "Service", "Service"]);
    let deployment = of_kind(&documents, "Deployment")[0];
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_eq!(
        deployment["spec"]["template"]["spec"]["serviceAccountName"],
        "own"
    );
    assert!(!envoy_yaml(&documents).contains("certificate.yaml"));
}

#[test]
fn mistakes_in_values_are_refused() {
    for (name, value, message) in [
        ("policy", json!({}), "policy is required"),
        ("endpoints", json!([]), "endpoints is required"),
        (
            "endpoints",
            json!([{"name": "a", "host": "https://a/b"}]),
            "host",
        ),
        (
            "filter",
            json!({"image": {"reference": ""}}),
            "filter.image.reference is required",
        ),
        ("polcy", json!({}), "polcy"),
    ] {
        let mut values = full();
        values[name] = value;
        let output = render(&values);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(message),
            "{name}: {said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rendered_configuration_runs_in_envoy_and_passes_the_check() {
    let documents = documents(&full());
    let yaml = envoy_yaml(&documents);
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), &yaml).unwrap();
    let outcome = entragate(&["check", "--json", file.path().to_str().unwrap()], "");
    let findings: Vec<Value> = serde_json::from_str(&outcome.out).unwrap();
    for finding in &findings {
        let is_of_the_sample = finding["id"] == "sample_value" || finding["level"] == "note";
        assert!(is_of_the_sample, "{finding}");
    }
    // The certificate is a file of the container that does not exist here, so the listener's TLS is removed.
    let config = EnvoyConfig::from_yaml(&yaml).unwrap().document(|document| {
        let listener = &mut document["static_resources"]["listeners"][0];
        listener["filter_chains"][0]
            .as_object_mut()
            .unwrap()
            .remove("transport_socket");
    });
    let config = config.environment("HF_TOKEN_READ", "hf_abcdefghijklmnopqrstuvwxyz");
    let validation = Envoy::validate(&config).await.unwrap();
    assert!(validation.is_ok(), "{validation:?}");
}
