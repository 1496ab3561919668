//! Several files, directories, and several plugins in one file.

use super::*;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn check_paths(paths: &[&Path]) -> (i32, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entragate"));
    command.args(["check", "--json"]).args(paths);
    command.env("HF_READ", "hf_x").env("VAULT_TOKEN", "x");
    let outcome = cli::run(&mut command, "");
    let findings = serde_json::from_str(&outcome.out);
    let findings = findings.unwrap_or_else(|_| panic!("{}{}", outcome.out, outcome.err));
    (outcome.status, findings)
}

/// The plugin and the hosts in the base for Istio, as two files.
fn istio() -> (String, String) {
    let (plugin, rest) = ISTIO.split_once("---\n").unwrap();
    (plugin.to_owned(), rest.to_owned())
}

#[test]
fn files_of_one_call_are_one_deployment() {
    let (plugin, hosts) = istio();
    let plain = hosts.replacen("mode: SIMPLE", "mode: DISABLE", 1);
    let directory = directory(&[
        ("plugin.yaml", &plugin),
        ("hosts.yaml", &hosts),
        ("plain.yaml", &plain),
    ]);
    let path = |name: &str| directory.path().join(name);
    let (status, findings) = check_paths(&[&path("plugin.yaml")]);
    assert_eq!(
        (status, ids(&findings)),
        (
            0,
            BTreeSet::from(["cluster_not_visible", "records_not_visible"])
        )
    );
    let (status, findings) = check_paths(&[&path("plugin.yaml"), &path("hosts.yaml")]);
    assert_eq!((status, findings), (0, Vec::new()));
    let (status, findings) = check_paths(&[&path("plugin.yaml"), &path("plain.yaml")]);
    assert_eq!(
        (status, ids(&findings)),
        (1, BTreeSet::from(["cluster_without_tls"]))
    );
    let [finding] = &findings[..] else {
        panic!("{findings:#?}")
    };
    assert_eq!(finding["file"], path("plain.yaml").to_str().unwrap());
    assert_eq!(finding["name"], "outbound|443||login.microsoftonline.com");
}

#[test]
fn directory_is_read_recursively_without_other_files() {
    let (plugin, hosts) = istio();
    let directory = directory(&[
        ("plugin.yaml", &plugin),
        ("more/hosts.yml", &hosts),
        ("notes.txt", "a: [1"),
        (".hidden/broken.yaml", "a: [1"),
        ("dashboard.json", "{\"rules\": [], \"title\": \"x\"}"),
    ]);
    let (status, findings) = check_paths(&[directory.path()]);
    assert_eq!((status, findings), (0, Vec::new()));
}

#[test]
fn clusters_and_routes_of_discovery_files_belong_to_the_bootstrap() {
    let (listeners, clusters) = ENVOY.split_once("  clusters:\n").unwrap();
    let (before, routes) = listeners.split_once("          route_config:\n").unwrap();
    let rds = "          rds: {route_config_name: models}\n";
    let bootstrap = format!("{before}{rds}");
    let clusters: String = clusters.lines().map(|line| format!("{line}\n")).collect();
    let cluster_type = "\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster";
    let clusters = clusters.replace("  - name: ", &format!("  - {cluster_type}\n    name: "));
    let routes = routes.replacen(
        "            virtual_hosts:",
        "          - \"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n            name: models\n            virtual_hosts:",
        1,
    );
    let plain = clusters.replace(
        "validation_context: {trusted_ca: {filename: hf.pem}}",
        "tls_params: {}",
    );
    for (clusters, expected) in [
        (&clusters, BTreeSet::new()),
        (&plain, BTreeSet::from(["cluster_without_ca"])),
    ] {
        let directory = directory(&[
            ("envoy.yaml", &bootstrap),
            ("cds.yaml", &format!("resources:\n{clusters}")),
            ("rds.yaml", &format!("resources:\n{routes}")),
        ]);
        let (_, findings) = check_paths(&[directory.path()]);
        assert_eq!(ids(&findings), expected, "{findings:#?}");
    }
}

#[test]
fn other_plugins_are_ignored_and_our_own_are_distinguished() {
    let foreign = "          http_filters:\n          - name: waf\n            typed_config: {config: {name: waf, fail_open: true, vm_config: {}, configuration: {rules: []}}}\n";
    let text = ENVOY.replacen("          http_filters:\n", foreign, 1);
    let (_, findings) = check(&text, &[]);
    assert_eq!(findings, Vec::<Value>::new());

    let (status, findings) = check(
        "kind: WasmPlugin\nspec: {pluginName: waf, pluginConfig: {rules: []}}\n",
        &[],
    );
    assert_eq!(
        (status, ids(&findings)),
        (2, BTreeSet::from(["filter_not_found"]))
    );

    let listener = "  - name: gateway\n";
    let (before, rest) = ENVOY.split_once(listener).unwrap();
    let (gateway, clusters) = rest.split_once("  clusters:\n").unwrap();
    let second = gateway
        .replace("name: entragate", "name: entragate-2")
        .replace("FAIL_RELOAD", "FAIL_OPEN");
    let text = format!("{before}{listener}{gateway}{listener}{second}  clusters:\n{clusters}");
    let (_, findings) = check(&text, &[]);
    let [finding] = &findings[..] else {
        panic!("{findings:#?}")
    };
    assert_eq!(
        (&finding["id"], &finding["name"]),
        (&"fail_open".into(), &"entragate-2".into())
    );
    let (before, rest) = text.split_once("entragate-2").unwrap();
    let mistaken = rest.replacen("env: HF_READ", "value: x", 1);
    let (_, findings) = check(&format!("{before}entragate-2{mistaken}"), &[]);
    let plugins: Vec<_> = findings
        .iter()
        .map(|finding| (&finding["id"], &finding["plugin"]))
        .collect();
    let secret = (&"secret_in_configuration".into(), &"entragate-2".into());
    assert!(plugins.contains(&secret), "{findings:#?}");
    let line = text
        .lines()
        .position(|line| line.contains("FAIL_OPEN"))
        .unwrap()
        + 1;
    assert_eq!(finding["line"], line);
}

#[test]
fn lines_in_embedded_texts_are_reported_as_lines_of_the_file() {
    let text = kubernetes().replace("normalize_path: true", "normalize_path: false");
    let (_, findings) = check(&text, &[]);
    let line = text
        .lines()
        .position(|line| line.contains("normalize_path"))
        .unwrap()
        + 1;
    assert_eq!(findings[0]["line"], line, "{findings:#?}");
    let secret = text
        .replace("kind: ConfigMap", "kind: Secret")
        .replace("\ndata:", "\nstringData:");
    let (_, again) = check(&secret, &[]);
    assert_eq!(
        (&again[0]["id"], &again[0]["line"]),
        (&findings[0]["id"], &line.into())
    );
    let path = findings[0]["path"].as_str().unwrap();
    assert!(
        path.starts_with("data[\"envoy.yaml\"].static_resources."),
        "{path}"
    );

    let plugin = "kind: WasmPlugin\nspec:\n  pluginName: entragate\n  pluginConfig: |\n    {\"issuers\": [],\n     \"rulez\": 1}\n";
    let (status, findings) = check(plugin, &[]);
    let unknown = findings.iter().find(|finding| finding["path"] == "rulez");
    assert_eq!(
        (status, &unknown.unwrap()["line"]),
        (1, &6.into()),
        "{findings:#?}"
    );
}

#[test]
fn unusable_files_are_findings() {
    let directory = directory(&[("broken.yaml", "a: 1\nb: [1\n"), ("fine.yaml", ALONE)]);
    let (status, findings) = check_paths(&[directory.path()]);
    assert_eq!(
        (status, ids(&findings)),
        (1, BTreeSet::from(["file_unusable"]))
    );
    assert!(findings[0]["line"].is_u64(), "{findings:#?}");
    let (status, findings) = check_paths(&[&directory.path().join("absent.yaml")]);
    assert_eq!(
        (status, ids(&findings)),
        (2, BTreeSet::from(["file_unusable"]))
    );
}

#[test]
fn filter_from_a_discovery_file_runs_in_the_manager_that_discovers_it() {
    let (before, rest) = ENVOY.split_once("            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm").unwrap();
    let (filter, after) = rest
        .split_once("          - name: envoy.filters.http.router")
        .unwrap();
    let bootstrap = format!(
        "{before}            config_discovery: {{config_source: {{path_config_source: {{path: ecds.yaml}}}}}}\n          - name: envoy.filters.http.router{after}"
    );
    let ecds = format!(
        "resources:\n          - name: gate\n            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm{filter}"
    );
    let unsafe_path = bootstrap.replace("normalize_path: true", "normalize_path: false");
    for (bootstrap, expected) in [
        (&bootstrap, BTreeSet::new()),
        (&unsafe_path, BTreeSet::from(["path_not_normalized"])),
    ] {
        let directory = directory(&[("envoy.yaml", bootstrap), ("ecds.yaml", &ecds)]);
        let (_, findings) = check_paths(&[directory.path()]);
        assert_eq!(ids(&findings), expected, "{findings:#?}");
    }
}
