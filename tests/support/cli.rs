//! The command-line program, run as a user would run it.
#![allow(dead_code, reason = "each test file uses its own part")]

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

pub struct Outcome {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// Runs `entragate` with the given standard input.
pub fn entragate(arguments: &[&str], input: &str) -> Outcome {
    run(
        Command::new(env!("CARGO_BIN_EXE_entragate")).args(arguments),
        input,
    )
}

/// Runs a command with the given standard input until it ends.
pub fn run(command: &mut Command, input: &str) -> Outcome {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The program may exit before it has read all of its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Outcome {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Returns the exit status and the output of `explain --json` for a configuration on standard input.
pub fn explain(settings: &Value, arguments: &[&str]) -> (i32, Value) {
    let all = [&["explain", "-", "--json"], arguments].concat();
    let Outcome { status, out, err } = entragate(&all, &settings.to_string());
    let json = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{arguments:?}: {out}{err}"));
    (status, json)
}

/// A temporary file, deleted at the end of the test.
pub fn file(name: &str, text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::with_suffix(name).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}
