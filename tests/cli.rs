//! The command line as its users meet it.

#[path = "support/cli.rs"]
mod cli;

use cli::Outcome;
use std::process::Command;

const VALID: &str = r#"
issuers:
- name: contoso
  entra: {tenants: [72f988bf-86f1-41af-91ab-2d7cd011db47]}
  audiences: ["api://hf"]
  jwks: {cluster: entra}
credentials:
- {name: hf-read, env: ENTRAGATE_TEST_TOKEN}
rules:
- {name: all, require: {issuer: contoso}, credential: hf-read}
"#;

fn run(arguments: &[&str], input: &str, token: Option<&str>) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entragate"));
    command.args(arguments).env_remove("ENTRAGATE_TEST_TOKEN");
    command.envs(token.map(|token| ("ENTRAGATE_TEST_TOKEN", token)));
    cli::run(&mut command, input)
}

fn check(input: &str) -> Outcome {
    run(&["check", "-"], input, None)
}

#[test]
fn a_valid_configuration() {
    let outcome = run(&["check", "-"], VALID, Some("hf_x"));
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    let expected = "ok: 1 issuer, 1 rule, 1 credential, policy ";
    assert!(outcome.out.starts_with(expected), "{}", outcome.out);
    assert_eq!(outcome.err, "");
}

#[test]
fn missing_variables_are_noted_unless_asked_for() {
    let outcome = check(VALID);
    assert_eq!(outcome.status, 0);
    let warning = "note: standard input: the environment here has no \"ENTRAGATE_TEST_TOKEN\"";
    assert!(outcome.err.starts_with(warning), "{}", outcome.err);
    let outcome = run(&["check", "--env", "-"], VALID, None);
    assert_eq!(outcome.status, 1);
    let error = "error: standard input: credentials[0].env: ";
    assert!(outcome.err.contains(error), "{}", outcome.err);
}

#[test]
fn all_errors_with_paths_and_no_secret() {
    let outcome = check("issuers: []\ncredentials: [{name: A, value: hf_abc def}]\nrulez: []\n");
    assert_eq!((outcome.status, outcome.out.as_str()), (1, ""));
    for path in [
        "issuers: ",
        "credentials[0].name: ",
        "credentials[0].value: ",
        "rulez: ",
    ] {
        let error = format!("error: standard input: {path}");
        assert!(outcome.err.contains(&error), "{}", outcome.err);
    }
    assert!(!outcome.err.contains("hf_abc"), "{}", outcome.err);
}

#[test]
fn warns_of_what_is_valid_but_unwise() {
    let text = VALID
        .replace("[72f988bf-86f1-41af-91ab-2d7cd011db47]", "[\"*\"]")
        .replace("env: ENTRAGATE_TEST_TOKEN", "value: hf_abc");
    let outcome = check(&text);
    assert_eq!(outcome.status, 0);
    assert!(
        outcome
            .err
            .contains("credentials[0].value: the secret stands"),
        "{}",
        outcome.err
    );
    assert!(
        outcome
            .err
            .contains("issuers[0].entra.tenants: every tenant"),
        "{}",
        outcome.err
    );
}

#[test]
fn strict_takes_warnings_for_errors_but_not_notes() {
    let strict = |text: &str| run(&["check", "--strict", "-"], text, None).status;
    assert_eq!(strict(VALID), 0);
    assert_eq!(
        strict(&VALID.replace("env: ENTRAGATE_TEST_TOKEN", "value: hf_abc")),
        1
    );
}

#[test]
fn json_tells_the_same() {
    let text = VALID.replace("env: ENTRAGATE_TEST_TOKEN", "value: hf_abc");
    let outcome = run(&["check", "--json", "-"], &text, None);
    assert_eq!((outcome.status, outcome.err.as_str()), (0, ""));
    let told: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    let configuration = &told["configurations"][0];
    assert_eq!(configuration["valid"], true);
    assert_eq!(configuration["warnings"][0]["path"], "credentials[0].value");
    let outcome = run(
        &["check", "--json", "-"],
        &text.replace("issuers:", "isuers:"),
        None,
    );
    let told: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    let configuration = &told["configurations"][0];
    assert_eq!(
        (outcome.status, &configuration["valid"]),
        (1, &false.into())
    );
    assert_eq!(configuration["errors"][0]["path"], "isuers");
    let outcome = run(&["check", "--json", "/nowhere/at/all.yaml"], "", None);
    assert_eq!(outcome.status, 2);
    assert!(outcome.out.contains("No such file"), "{}", outcome.out);
}

/// The shipped bootstrap, changed in places; what is warned about.
fn warnings_of_bootstrap(changes: &[(&str, &str)]) -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = std::fs::read_to_string(root.join("envoy.yaml")).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let outcome = run(&["check", "--json", "-"], &text, None);
    assert_eq!(outcome.status, 0, "{}", outcome.out);
    let told: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    let warnings = told["configurations"][0]["warnings"].as_array().unwrap();
    let text = |warning: &serde_json::Value| {
        format!(
            "{}: {}",
            warning["path"].as_str().unwrap(),
            warning["text"].as_str().unwrap()
        )
    };
    warnings.iter().map(text).collect()
}

#[test]
fn what_we_ship_gives_no_cause_for_warnings() {
    assert_eq!(warnings_of_bootstrap(&[]), Vec::<String>::new());
}

#[test]
fn the_hosts_settings_are_looked_at() {
    const ROLE: &str = "- {role: Model.Query}";
    let model = (
        "paths: [/v1/models, \"/v1/models/**\"]",
        "paths: [/v1/models], models: [\"org/*\"]",
    );
    let source = (ROLE, "- {source: [10.0.0.0/8]}");
    let peer = (ROLE, "- {peer: \"spiffe://contoso.com/**\"}");
    let tls = |inside: &'static str| ("    - filters:\n", inside);
    for (changes, expected) in [
        (
            vec![("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_OPEN")],
            "failure_policy: `failure_policy: FAIL_OPEN` lets every",
        ),
        (
            vec![("failure_policy: FAIL_RELOAD", "fail_open: true")],
            "fail_open: `fail_open: true` lets",
        ),
        (
            vec![("failure_policy: FAIL_RELOAD", "# none")],
            "failure_policy: is not set",
        ),
        (
            vec![("vm_id: entragate ", "vm_id: \"\" ")],
            "vm_config.vm_id: is empty",
        ),
        (
            vec![("jwks: {cluster: entra}", "jwks: {cluster: entar}")],
            "issuers[0].jwks.cluster: no cluster is named \"entar\" in this file",
        ),
        (
            vec![
                model,
                (
                    "allow_on_headers_stop_iteration: true",
                    "allow_on_headers_stop_iteration: false",
                ),
            ],
            "rules[3].match.models: Envoy hands over no body",
        ),
        (
            vec![
                model,
                (
                    "per_connection_buffer_limit_bytes: 2097152",
                    "per_connection_buffer_limit_bytes: 65536",
                ),
            ],
            "rules[3].match.models: the listener's per_connection_buffer_limit_bytes (65536)",
        ),
        (
            vec![
                source,
                ("use_remote_address: true", "use_remote_address: false"),
            ],
            "use_remote_address: is not true",
        ),
        (vec![peer], "transport_socket: this filter chain has no TLS"),
        (
            vec![
                peer,
                tls(
                    "    - transport_socket: {typed_config: {common_tls_context: {tls_certificates: []}}}\n      filters:\n",
                ),
            ],
            "transport_socket: client certificates are not validated",
        ),
        (
            vec![
                peer,
                tls(
                    "    - transport_socket: {typed_config: {common_tls_context: {validation_context: {trust_chain_verification: ACCEPT_UNTRUSTED}}}}\n      filters:\n",
                ),
            ],
            "transport_socket: trust_chain_verification",
        ),
    ] {
        let warnings = warnings_of_bootstrap(&changes);
        assert!(
            warnings.len() == 1 && warnings[0].starts_with(expected),
            "{changes:?}: {warnings:?}"
        );
    }
    // And what makes it good.
    for changes in [
        vec![model],
        vec![source],
        vec![
            peer,
            tls(
                "    - transport_socket: {typed_config: {common_tls_context: {validation_context: {trusted_ca: {filename: ca.pem}}}}}\n      filters:\n",
            ),
        ],
    ] {
        assert_eq!(
            warnings_of_bootstrap(&changes),
            Vec::<String>::new(),
            "{changes:?}"
        );
    }
}

#[test]
fn finds_the_filter_in_a_deployment() {
    let indented = VALID.replace('\n', "\n    ");
    let plugin = format!(
        "kind: Namespace\n---\napiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\n\
         spec:\n  url: oci://x/entragate\n  failStrategy: FAIL_OPEN\n  pluginConfig:{indented}\n"
    );
    let outcome = check(&plugin);
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    assert!(
        outcome.out.contains("(spec.pluginConfig)"),
        "{}",
        outcome.out
    );
    assert!(outcome.err.contains("FAIL_OPEN"), "{}", outcome.err);
    let outcome = check("static_resources: {}\n");
    assert_eq!(outcome.status, 2);
    assert!(
        outcome.err.contains("no entragate filter in it"),
        "{}",
        outcome.err
    );
}

#[test]
fn wrong_use() {
    assert_eq!(run(&[], "", None).status, 2);
    assert_eq!(run(&["chekc"], "", None).status, 2);
    assert_eq!(run(&["check"], "", None).status, 2);
    let outcome = run(&["check", "/nowhere/at/all.yaml"], "", None);
    assert_eq!(outcome.status, 2);
    let error = "error: /nowhere/at/all.yaml: No such file";
    assert!(outcome.err.starts_with(error), "{}", outcome.err);
    assert_eq!(check("a: [1\n").status, 1);
    let help = run(&["check", "--help"], "", None);
    assert_eq!(help.status, 0);
    assert!(help.out.contains("Exit status:"), "{}", help.out);
    assert!(!help.out.contains('\x1b'), "no colours but on a terminal");
}

#[test]
fn which_identities_reach_which_credential() {
    let input = r#"
issuers:
- name: contoso
  entra: {tenants: [72f988bf-86f1-41af-91ab-2d7cd011db47]}
  audiences: [api://hf]
  jwks: {cluster: entra}
credentials:
- {name: hf-read, env: HF_READ}
- {name: hf-vault, http: {cluster: vault, uri: "https://vault/hf"}}
- name: hf-people
  token_exchange: {cluster: hf, uri: "https://huggingface.co/oauth/token", client_id: id, client_secret: {env: HF_APP}, subject_claim: preferred_username, subject_domains: [contoso.com]}
rules:
- {name: health, match: {paths: [/health]}, anonymous: true, credential: hf-read}
- {name: scientists, require: {any: [{role: Model.Query}, {group: g}]}, credential: hf-read}
- {name: people, match: {issuers: [contoso]}, require: {kind: user}, credential: hf-people}
- {name: later, require: {kind: user}, credential: hf-vault, mode: shadow}
"#;
    let outcome = check(input);
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    let lines: Vec<&str> = outcome.out.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "  credential hf-read can be reached by",
            "    rule health: anyone, without a token",
            "    rule scientists: role 'Model.Query' or group 'g'",
            "  credential hf-vault, polled from a secret store, can be reached by nobody",
            "  credential hf-people, one token per person, can be reached by",
            "    rule people: a caller of kind 'user', with a token of contoso",
        ]
    );
}
