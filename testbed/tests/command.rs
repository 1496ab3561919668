//! The `testbed` command.

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;
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
    let folder = tempfile::tempdir().unwrap();
    let wasm = ("ENTRAGATE_WASM", "/nonexistent/entragate.wasm");
    let cases = [
        (wasm, "make build"),
        (("ENVOY", "/nonexistent/envoy"), "make envoy"),
    ];
    for (variable, advice) in cases {
        // The filter is looked for before Envoy; in the second case, any existing file satisfies that check.
        let any_file = ("ENTRAGATE_WASM", env!("CARGO_BIN_EXE_testbed"));
        let output = testbed(&once(&folder.path().join("x")), &[any_file, variable]);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(advice), "{error}");
    }
}

/// The arguments of a walk-through whose records go to a file of its own.
fn once(records: &Path) -> [&str; 6] {
    let records = records.to_str().unwrap();
    ["run", "--once", "--port", "0", "--records", records]
}

/// What `make run` shows, once: needs the filter (`make build`) and Envoy (`make envoy`).
#[test]
fn walkthrough_has_the_expected_results() {
    let folder = tempfile::tempdir().unwrap();
    let records = folder.path().join("run/audit.jsonl");
    let output = testbed(&once(&records), &[("COLUMNS", "200")]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}\n{errors}");
    for line in [
        "(token_missing)",
        "You said: Hello from the desk",
        "Rule contractors denies this request (denied_by_rule)",
        "the Entra token did not arrive",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
    let rows = |code: &str, rule: &str| {
        let row = |line: &&str| line.contains(code) && line.contains(rule);
        shown.lines().filter(row).count()
    };
    assert_eq!(rows(" permitted ", " scientists "), 2, "{shown}");
    assert_eq!(rows(" denied_by_rule ", " contractors "), 1, "{shown}");

    assert!(shown.contains(records.to_str().unwrap()), "{shown}");
    let records = fs::read_to_string(&records).unwrap();
    let codes: Vec<Value> = records
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["code"].clone())
        .collect();
    assert_eq!(
        codes,
        ["token_missing", "permitted", "denied_by_rule", "permitted"]
    );
}

#[test]
fn walkthrough_fits_a_narrow_terminal_and_shows_codes_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let records = folder.path().join("audit.jsonl");
    let colours = [("COLUMNS", "80"), ("CLICOLOR_FORCE", "1")];
    let output = testbed(&once(&records), &colours);
    let coloured = String::from_utf8(output.stdout).unwrap();
    assert!(coloured.contains("\u{1b}[1m"), "{coloured}");
    let shown = anstream::adapter::strip_str(&coloured).to_string();
    let has_path = |line: &&str| {
        line.contains(records.to_str().unwrap()) || line.starts_with("Starting Envoy with ")
    };
    for line in shown.lines().filter(|line| !has_path(line)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for code in [
        "(token_missing)",
        "(denied_by_rule)",
        " denied_by_rule ",
        " token_missing ",
    ] {
        assert!(shown.contains(code), "{code} in\n{shown}");
    }
    let plain = testbed(
        &once(&records),
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
    );
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(!plain.contains('\u{1b}'), "{plain}");
}

/// The `testbed` command, which is interrupted at the end of the test.
struct Running {
    child: Child,
    /// Stays open until the command has ended.
    output: Lines<BufReader<ChildStdout>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        let _ = self.child.wait();
    }
}

#[test]
fn printed_commands_can_be_pasted_into_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let records = folder.path().join("audit.jsonl");
    let mut child = Command::new(env!("CARGO_BIN_EXE_testbed"));
    child.args(["run", "--port", "0", "--records", records.to_str().unwrap()]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut running = Running { child, output };
    let printed: Vec<String> = running
        .output
        .by_ref()
        .map(Result::unwrap)
        .take_while(|line| !line.starts_with("The audit log follows"))
        .collect();
    let is_command = |line: &&String| line.starts_with("curl ") || line.starts_with("TOKEN=");
    let commands: Vec<&String> = printed.iter().filter(is_command).collect();
    let mut said = Vec::new();
    let mut before = String::new();
    for command in commands {
        if command.starts_with("TOKEN=") {
            before = format!("{command}\n");
            continue;
        }
        let shell = Command::new("sh")
            .args(["-c", &format!("{before}{command}")])
            .output();
        let output = shell.unwrap();
        assert!(output.status.success(), "{command}");
        said.push(String::from_utf8(output.stdout).unwrap());
    }
    let expected = [
        "HTTP/1.1 401 ",
        "HTTP/1.1 200 ",
        "data: [DONE]",
        "HTTP/1.1 403 ",
        "HTTP/1.1 200 ",
        "",
        Persona::Ada.about(),
    ];
    assert_eq!(said.len(), expected.len(), "{printed:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{expected} in {said}");
    }
}
