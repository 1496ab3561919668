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
fn missing_variables_warn_unless_asked_for() {
    let outcome = check(VALID);
    assert_eq!(outcome.status, 0);
    let warning = "warning: standard input: the environment here has no \"ENTRAGATE_TEST_TOKEN\"";
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
