//! Real clients: huggingface_hub and openai-python through the gateway (tests/clients).

use super::gateway::Gateway;
use std::path::Path;
use std::process::Stdio;
use testbed::persona::Persona;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn huggingface_hub_and_openai_python_work_and_show_our_errors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".tools/clients/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run `make clients`",
        python.display()
    );
    let gateway = Gateway::start().await;
    let output = Command::new(python)
        .arg(root.join("tests/clients/check_clients.py"))
        .env("GATEWAY_URL", gateway.envoy.url())
        .env("TOKEN_OK", gateway.token(Persona::Ada))
        .env("TOKEN_FORBIDDEN", gateway.token(Persona::Nora))
        .env("TOKEN_EXPIRED", gateway.token(Persona::Expired))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains(" 0 failed"), "{text}");
}
