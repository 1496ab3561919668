//! Real Python and Node clients through the gateway (tests/clients).

use super::docs::root;
use super::exchange::exchanging;
use super::gateway::Gateway;
use serde_json::json;
use std::path::PathBuf;
use std::process::Stdio;
use testbed::hf::Mode;
use testbed::persona::Persona;
use tokio::process::Command;

/// The Python in which the clients are installed.
pub fn python() -> PathBuf {
    let python = root().join(".tools/clients/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run `make clients`",
        python.display()
    );
    python
}

/// Runs a client that must succeed, and returns its output.
pub async fn output_of(client: &mut Command) -> String {
    let client = client.stdin(Stdio::null()).kill_on_drop(true);
    let output = client.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn python_clients_work_and_show_denials() {
    let gateway = Gateway::start().await;
    let mut client = Command::new(python());
    client
        .arg(root().join("tests/clients/check_clients.py"))
        .env("GATEWAY_URL", gateway.envoy.url())
        .env("TOKEN_OK", gateway.token(Persona::Ada))
        .env("TOKEN_FORBIDDEN", gateway.token(Persona::Nora))
        .env("TOKEN_EXPIRED", gateway.token(Persona::Expired));
    let text = output_of(&mut client).await;
    assert!(text.contains(" 0 failed"), "{text}");
}

/// `check_outcome.py` or `check_clients.mjs`, which check the outcome of each call of some clients.
struct Script {
    program: PathBuf,
    file: PathBuf,
    calls: usize,
}

async fn outcome(script: &Script, gateway: &Gateway, persona: Persona, expect: &str) {
    let Script {
        program,
        file,
        calls,
    } = script;
    let before = gateway.hf.requests().len();
    let mut client = Command::new(program);
    client
        .arg(file)
        .env("GATEWAY_URL", gateway.envoy.url())
        .env("TOKEN", gateway.token(persona))
        .env("EXPECT", expect);
    let text = output_of(&mut client).await;
    assert!(
        text.contains(&format!("{calls} passed, 0 failed")),
        "{text}"
    );
    // One request per call: no client retries in a loop.
    let request_count = gateway.hf.requests().len() - before;
    assert!(
        request_count == *calls || (request_count == 0 && expect.starts_with("403")),
        "{expect}: {request_count} requests"
    );
}

async fn each_outcome(script: &Script) {
    let gateway = Gateway::start().await;
    for (mode, persona, expect) in [
        (Mode::Normal, Persona::Ada, "200"),
        (Mode::Normal, Persona::Nora, "403:rule_unsatisfied"),
        (Mode::forbidden(), Persona::Ada, "502:credential_rejected"),
        (
            Mode::scaled_to_zero(),
            Persona::Ada,
            "502:endpoint_unavailable",
        ),
        (Mode::paused(), Persona::Ada, "502:endpoint_unavailable"),
    ] {
        gateway.hf.set_mode(mode);
        outcome(script, &gateway, persona, expect).await;
    }
    let (gateway, _hugging_face) = exchanging(3600, json!({})).await;
    let (persona, expect) = (Persona::Nora, "403:not_a_member");
    outcome(script, &gateway, persona, expect).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_clients_show_upstream_errors() {
    let script = Script {
        program: python(),
        file: root().join("tests/clients/check_outcome.py"),
        calls: 6,
    };
    each_outcome(&script).await;
}

/// The directory of the Node clients; `None` if `make clients` found no Node.
pub fn node_clients() -> Option<PathBuf> {
    installed("node-clients")
}

/// The directory of the coding agents; `None` if `make clients` found no Node.
pub fn agent_clients() -> Option<PathBuf> {
    installed("agent-clients")
}

fn installed(name: &str) -> Option<PathBuf> {
    let folder = root().join(".tools").join(name);
    if folder.join("SKIPPED").exists() && std::env::var_os("CI").is_none() {
        eprintln!("NOT TESTED: {name} need Node, which is not installed");
        return None;
    }
    let is_there = folder.join(".installed").exists();
    assert!(
        is_there,
        "{} is missing: run `make clients`",
        folder.display()
    );
    Some(folder)
}

fn node_script(name: &str) -> Option<PathBuf> {
    Some(node_clients()?.join(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn node_clients_show_upstream_errors() {
    if let Some(file) = node_script("check_clients.mjs") {
        let script = Script {
            program: "node".into(),
            file,
            calls: 8,
        };
        each_outcome(&script).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_clients_get_a_new_token_after_an_expired_one() {
    let Some(script) = node_script("check_renewal.mjs") else {
        return;
    };
    let gateway = Gateway::start().await;
    let mut client = Command::new("node");
    client
        .arg(script)
        .env("GATEWAY_URL", gateway.envoy.url())
        .env("TOKEN", gateway.token(Persona::Ada))
        .env("TOKEN_EXPIRED", gateway.token(Persona::Expired));
    let text = output_of(&mut client).await;
    assert!(text.contains("3 passed, 0 failed"), "{text}");
}

/// Shows why the filter replaces a 503: huggingface.js retries it without pause.
#[tokio::test(flavor = "multi_thread")]
async fn huggingface_js_without_the_gateway_retries_without_pause() {
    let Some(script) = node_script("check_clients.mjs") else {
        return;
    };
    let gateway = Gateway::with(|config| {
        config.change_policy(|policy| {
            policy["forward"] = json!({"remap_upstream_unavailable": false});
        })
    });
    let gateway = gateway.await;
    gateway.hf.set_mode(Mode::scaled_to_zero());
    let mut client = Command::new("node")
        .arg(script)
        .env("GATEWAY_URL", gateway.envoy.url())
        .env("TOKEN", gateway.token(Persona::Ada))
        .env("EXPECT", "503:none")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let retries_often = || async { gateway.hf.requests().len() > 50 };
    super::gateway::wait_until("the client has sent more than 50 requests", retries_often).await;
    client.kill().await.unwrap();
}
