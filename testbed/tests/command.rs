//! The `testbed` command.

use std::process::{Command, Output};

use testbed::persona::Persona;

fn testbed(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_testbed"))
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn personas_command_lists_all_personas() {
    let output = testbed(&["personas"], &[]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for persona in Persona::ALL {
        assert!(table.contains(persona.about()), "{persona}");
    }
}

#[test]
fn missing_filter_or_envoy_is_reported_with_the_fix() {
    let wasm = ("ENTRAGATE_WASM", "/nonexistent/entragate.wasm");
    let cases = [
        (wasm, "make build"),
        (("ENVOY", "/nonexistent/envoy"), "make envoy"),
    ];
    for (variable, advice) in cases {
        // The filter is looked for first; for the second case any file will do as one.
        let any_file = ("ENTRAGATE_WASM", env!("CARGO_BIN_EXE_testbed"));
        let output = testbed(&["run", "--once"], &[any_file, variable]);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(advice), "{error}");
    }
}

/// What `make run` shows, once: needs the filter (`make build`) and Envoy (`make envoy`).
#[test]
fn walkthrough_has_the_expected_results() {
    let output = testbed(&["run", "--once"], &[]);
    let table = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{table}\n{errors}");
    for line in [
        "(token_missing)",
        "You said: Hello from the desk",
        "Rule contractors denies this request (denied_by_rule)",
        "the Entra token did not arrive",
    ] {
        assert!(table.contains(line), "{line} in\n{table}");
    }
    let rows = |code: &str, rule: &str| {
        let row = |line: &&str| line.contains(code) && line.contains(rule);
        table.lines().filter(row).count()
    };
    assert_eq!(rows(" permitted ", " scientists "), 2, "{table}");
    assert_eq!(rows(" denied_by_rule ", " contractors "), 1, "{table}");
}
