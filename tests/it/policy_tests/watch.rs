//! `--watch`: the tests run again when a file changes.

use super::*;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// The program, which is ended with the test.
struct Watching {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watching {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_entragate"))
            .args(["test", "gateway.yaml", "--policy", "policy.yaml", "--watch"])
            .current_dir(folder)
            .env_remove("GITHUB_ACTIONS")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (to_out, from_out) = channel();
        let (to_err, from_err) = channel();
        std::thread::spawn(move || pass(out, &to_out));
        std::thread::spawn(move || pass(err, &to_err));
        Self {
            child,
            out: from_out,
            err: from_err,
        }
    }

    /// The errors of a run, once the program waits for a change.
    fn errors(&self) -> String {
        lines_until(&self.err, "Watching the files")
    }

    /// The last line of a run's report, and its errors.
    fn summary(&self) -> String {
        let report = lines_until(&self.out, " case, ");
        self.errors();
        report.lines().last().unwrap_or_default().to_owned()
    }
}

fn pass(from: impl Read, to: &Sender<String>) {
    for line in BufReader::new(from).lines() {
        let Ok(line) = line else { return };
        if to.send(line).is_err() {
            return;
        }
    }
}

/// Returns the lines up to the first one that contains a text.
fn lines_until(lines: &Receiver<String>, text: &str) -> String {
    let mut all = String::new();
    loop {
        let line = lines.recv_timeout(Duration::from_secs(60));
        let line = line.unwrap_or_else(|_| panic!("no line contains {text:?}: {all}"));
        all.push_str(&line);
        all.push('\n');
        if line.contains(text) {
            return all;
        }
    }
}

#[test]
fn tests_run_again_when_a_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let write =
        |name: &str, value: &Value| fs::write(folder.path().join(name), value.to_string()).unwrap();
    let case = |expect: &str| json!({"name": "open", "caller": "none", "request": {"method": "GET", "path": "/health"}, "expect": expect});
    write("gateway.yaml", &policy());
    write("policy.yaml", &json!({"cases": [case("anonymous")]}));
    let watching = Watching::start(folder.path());
    assert_eq!(watching.summary(), "1 case, all as expected");

    // The configuration.
    let mut closed = policy();
    closed["rules"].as_array_mut().unwrap().remove(0);
    write("gateway.yaml", &closed);
    assert_eq!(watching.summary(), "1 case, 1 failed");

    // The policy file, with another file that does not exist yet.
    let compared = json!({"cases": [case("token_missing")], "compare": [{"name": "same", "equivalent_to": "old.yaml"}]});
    write("policy.yaml", &compared);
    let errors = watching.errors();
    assert!(errors.contains("old.yaml: No such file"), "{errors}");
    write("old.yaml", &closed);
    assert_eq!(watching.summary(), "1 case, all as expected");

    // A configuration that is not valid does not end the program.
    fs::write(folder.path().join("gateway.yaml"), "rules: 5").unwrap();
    let errors = watching.errors();
    assert!(errors.contains("error"), "{errors}");
    write("gateway.yaml", &closed);
    assert_eq!(watching.summary(), "1 case, all as expected");
}

#[test]
fn standard_input_cannot_be_watched() {
    let file = json!({"cases": [{"name": "a", "caller": "none", "request": {"method": "GET", "path": "/"}, "expect": "no_rule"}]});
    let outcome = test_on(&policy(), &file, &["--watch"]);
    assert_eq!(outcome.status, 2);
    assert!(outcome.err.contains("--watch"), "{}", outcome.err);
}
