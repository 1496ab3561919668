//! The command-line program.

use crate::command_line as cli;

use cli::Outcome;
use std::process::Command;

const VALID: &str = r#"
issuers:
- name: contoso
  entra: {tenants: [11112222-bbbb-3333-cccc-4444dddd5555]}
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
fn valid_configuration_passes() {
    let outcome = run(&["check", "-"], VALID, Some("hf_x"));
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    let expected = "ok: 1 issuer, 1 rule, 1 credential, policy ";
    assert!(outcome.out.starts_with(expected), "{}", outcome.out);
    assert_eq!(outcome.err, "");
}

#[test]
fn missing_variable_is_a_note_without_env_and_an_error_with_it() {
    let outcome = check(VALID);
    assert_eq!(outcome.status, 0);
    let note = "standard input:8: note: [hf-read] credentials[0].env: this machine has no environment \
                variable \"ENTRAGATE_TEST_TOKEN\"";
    assert!(outcome.err.starts_with(note), "{}", outcome.err);
    let outcome = run(&["check", "--env", "-"], VALID, None);
    assert_eq!(outcome.status, 1);
    let error = "standard input:8: error: [hf-read] credentials[0].env: ";
    assert!(outcome.err.contains(error), "{}", outcome.err);
}

#[test]
fn all_errors_are_printed_with_paths_and_without_secrets() {
    let outcome = check("issuers: []\ncredentials: [{name: A, value: hf_abc def}]\nrulez: []\n");
    assert_eq!((outcome.status, outcome.out.as_str()), (1, ""));
    for (line, path) in [
        (1, "issuers: "),
        (2, "credentials[0].name: "),
        (2, "credentials[0].value: "),
        (3, "rulez: "),
    ] {
        let error = format!("standard input:{line}: error: {path}");
        assert!(outcome.err.contains(&error), "{}", outcome.err);
    }
    assert!(!outcome.err.contains("hf_abc"), "{}", outcome.err);
}

#[test]
fn insecure_settings_are_warnings() {
    let text = VALID
        .replace("[11112222-bbbb-3333-cccc-4444dddd5555]", "[\"*\"]")
        .replace("env: ENTRAGATE_TEST_TOKEN", "value: hf_abc");
    let outcome = check(&text);
    assert_eq!(outcome.status, 0);
    assert!(
        outcome
            .err
            .contains("credentials[0].value: the secret is part of"),
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
fn strict_treats_warnings_as_errors_and_ignores_notes() {
    let strict = |text: &str| run(&["check", "--strict", "-"], text, None).status;
    assert_eq!(strict(VALID), 0);
    assert_eq!(
        strict(&VALID.replace("env: ENTRAGATE_TEST_TOKEN", "value: hf_abc")),
        1
    );
}

#[test]
fn filter_in_a_kubernetes_resource_is_found() {
    let indented = VALID.replace('\n', "\n    ");
    let plugin = format!(
        "kind: Namespace\n---\napiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\n\
         spec:\n  url: oci://x/entragate\n  failStrategy: FAIL_OPEN\n  pluginConfig:{indented}\n"
    );
    let outcome = check(&plugin);
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    assert!(
        outcome.out.starts_with("ok: 1 issuer, 1 rule"),
        "{}",
        outcome.out
    );
    assert!(outcome.err.contains("FAIL_OPEN"), "{}", outcome.err);
    let outcome = check("static_resources: {}\n");
    assert_eq!(outcome.status, 2);
    assert!(
        outcome
            .err
            .contains("no entragate filter is configured here"),
        "{}",
        outcome.err
    );
}

#[test]
fn invalid_arguments_exit_with_2() {
    assert_eq!(run(&[], "", None).status, 2);
    assert_eq!(run(&["chekc"], "", None).status, 2);
    assert_eq!(run(&["check"], "", None).status, 2);
    let outcome = run(&["check", "/nowhere/at/all.yaml"], "", None);
    assert_eq!(outcome.status, 2);
    let error = "/nowhere/at/all.yaml: error: No such file";
    assert!(outcome.err.starts_with(error), "{}", outcome.err);
    assert_eq!(check("a: [1\n").status, 1);
    let help = run(&["check", "--help"], "", None);
    assert_eq!(help.status, 0);
    assert!(help.out.contains("Exit status:"), "{}", help.out);
    assert!(
        !help.out.contains('\x1b'),
        "colours are only used on a terminal"
    );
}

#[test]
fn credentials_are_listed_with_their_callers() {
    let input = r#"
issuers:
- name: contoso
  entra: {tenants: [11112222-bbbb-3333-cccc-4444dddd5555]}
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
            "  credential hf-read is available to:",
            "    rule health: anyone, without a token",
            "    rule scientists: role 'Model.Query' or group 'g'",
            "  credential hf-vault, polled from a secret store, is available to no caller",
            "  credential hf-people, one token per user, is available to:",
            "    rule people: a caller of kind 'user', with a token of contoso",
        ]
    );
}

#[test]
fn help_fits_the_terminal_without_breaking_a_command() {
    use std::os::unix::process::CommandExt;
    let help = |command: &str, columns: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_entragate"));
        program.arg0("entragate").args([command, "--help"]);
        cli::run(program.env("COLUMNS", columns), "").out
    };
    for command in [
        "audit", "check", "diff", "explain", "replay", "schema", "test",
    ] {
        let narrow = help(command, "80");
        for line in narrow.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
        let wide = help(command, "1000");
        if let Some(at) = wide.find("Examples:\n") {
            assert!(narrow.ends_with(&wide[at..]), "{command}: {narrow}");
        }
    }
}
