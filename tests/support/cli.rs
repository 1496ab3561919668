//! The command line, run as a user runs it.
#![allow(dead_code, reason = "each test file uses its own part")]

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

pub struct Outcome {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// Runs `entragate` with that standard input.
pub fn entragate(arguments: &[&str], input: &str) -> Outcome {
    run(
        Command::new(env!("CARGO_BIN_EXE_entragate")).args(arguments),
        input,
    )
}

/// Runs a command with that standard input to its end.
pub fn run(command: &mut Command, input: &str) -> Outcome {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The program may end without having read it all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Outcome {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// What `explain --json` answers about a configuration on standard input.
pub fn explain(settings: &Value, arguments: &[&str]) -> (i32, Value) {
    let all = [&["explain", "-", "--json"], arguments].concat();
    let Outcome { status, out, err } = entragate(&all, &settings.to_string());
    let json = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{arguments:?}: {out}{err}"));
    (status, json)
}

/// A file that goes when the test ends.
pub fn file(name: &str, text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::with_suffix(name).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}
