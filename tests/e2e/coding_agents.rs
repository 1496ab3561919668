//! Coding agents as clients: Claude Code and Codex, unattended, with the configuration in docs/clients.md. The agents are
//! real; the Azure CLI, which gets their tokens, is a stand-in.

use super::clients::agent_clients;
use super::docs::{blocks, read};
use super::gateway::Gateway;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use testbed::persona::Persona;
use tokio::process::Command;

const EXAMPLE: &str = "https://hf.contoso.com";
const MODEL: &str = "meta-llama/Llama-3.3-70B-Instruct";
/// Time for a record to appear in the log.
const SOON: Duration = Duration::from_secs(10);
const PROMPT: &str = "Say hello.";
/// Prints the tokens in the file `tokens` one after the other, and the last one from then on.
const AZ: &str = "#!/bin/sh\n\
    cd \"$(dirname \"$0\")\" && echo x >> calls && head -n 1 tokens\n\
    [ \"$(wc -l < tokens)\" -gt 1 ] && sed -i 1d tokens\n\
    exit 0\n";

/// A coding agent's home, with a gateway whose rules name models.
struct Home {
    gateway: Gateway,
    folder: TempDir,
}

impl Home {
    /// `language` and `block` identify the documented configuration: its language and a text that it contains. The agent reads `file`.
    async fn new(language: &str, block: &str, file: &str) -> Self {
        let gateway = Gateway::with(|config| {
            config.change_policy(|policy| {
                let rules = policy["rules"].as_array_mut().unwrap();
                let rule = rules.iter_mut().find(|rule| rule["name"] == "scientists");
                rule.unwrap()["match"]["models"] = json!(["meta-llama/*"]);
            })
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let page = read("docs/clients.md");
        let found = blocks(&page, language);
        let found = found.iter().find(|text| text.contains(block)).unwrap();
        assert!(found.contains(MODEL), "{found}");
        let file = folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, found.replace(EXAMPLE, &gateway.envoy.url())).unwrap();
        let az = folder.path().join("az");
        fs::write(&az, AZ).unwrap();
        fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
        Self { gateway, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the agent, which gets the tokens of these personas in this order.
    async fn run(&self, agent: &mut Command, personas: &[Persona]) -> Output {
        let tokens: Vec<String> = personas
            .iter()
            .map(|persona| self.gateway.token(*persona) + "\n")
            .collect();
        fs::write(self.path().join("tokens"), tokens.concat()).unwrap();
        fs::write(self.path().join("calls"), "").unwrap();
        let path = std::env::var("PATH").unwrap();
        let work = self.path().join("work");
        fs::create_dir_all(&work).unwrap();
        let agent = agent
            .env_clear()
            .env("PATH", format!("{}:{path}", self.path().display()))
            .env("HOME", self.path())
            .env("CODEX_HOME", self.path().join(".codex"))
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .current_dir(work)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        agent.output().await.unwrap()
    }

    fn token_requests(&self) -> usize {
        let calls = fs::read_to_string(self.path().join("calls")).unwrap();
        calls.lines().count()
    }

    /// Checks the requests that the endpoint received: the gateway's credential, and no token of the caller.
    fn check_requests(&self, path: &str) -> Vec<testbed::recorded::Recorded> {
        let requests = self.gateway.hf.take_requests();
        let requests: Vec<_> = requests
            .into_iter()
            .filter(|request| request.path.split('?').next() == Some(path))
            .collect();
        assert!(!requests.is_empty());
        for request in &requests {
            let expected = format!("Bearer {}", self.gateway.hf.token());
            assert_eq!(request.header("authorization"), Some(expected.as_str()));
            assert_eq!(request.header("x-api-key"), None);
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(body["model"], MODEL);
        }
        requests
    }

    /// Checks that the agent gets a new token and repeats its request if its token has expired.
    async fn check_renewal(&self, agent: &mut Command, path: &str) {
        let output = self.run(agent, &[Persona::Expired, Persona::Ada]).await;
        assert!(output.status.success(), "{}", text(&output));
        assert!(text(&output).contains("You said:"), "{}", text(&output));
        assert!(self.token_requests() >= 2);
        self.check_requests(path);
    }

    /// Checks that the agent shows the code of a denial, and that nothing reaches the endpoint.
    async fn check_refusal(&self, agent: &mut Command) {
        let output = self.run(agent, &[Persona::Nora]).await;
        assert!(!output.status.success(), "{}", text(&output));
        assert!(
            text(&output).contains("(rule_unsatisfied)"),
            "{}",
            text(&output)
        );
        assert!(self.gateway.hf.take_requests().is_empty());
    }

    /// Checks that the record of a permitted request has the model and the usage.
    async fn check_record(&self, path: &str) {
        let is_full = |record: &Value| {
            record["code"] == "permitted"
                && record["path"] == path
                && record["model"] == MODEL
                && record["usage"]["prompt_tokens"].as_u64() > Some(0)
                && record["usage"]["completion_tokens"].as_u64() > Some(0)
        };
        self.gateway
            .envoy
            .wait_for_audit(is_full, SOON)
            .await
            .unwrap();
    }
}

fn text(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams
        .map(|stream| String::from_utf8_lossy(stream).into_owned())
        .concat()
}

/// Claude Code's program, which npm installs for this platform.
pub fn claude_code(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder.join("node_modules/@anthropic-ai")).unwrap();
    let mut programs = entries.map(|entry| entry.unwrap().path().join("claude"));
    let program = programs.find(|path| path.is_file());
    program.expect("npm installs one platform")
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code_answers_streams_and_renews_its_token() {
    let Some(folder) = agent_clients() else {
        return;
    };
    let home = Home::new("json", "apiKeyHelper", ".claude/settings.json").await;
    let claude = claude_code(&folder);
    let ask = |format: &[&str]| {
        let mut claude = Command::new(&claude);
        claude.args(["-p", PROMPT, "--output-format"]).args(format);
        claude
    };

    let output = home.run(&mut ask(&["json"]), &[Persona::Ada]).await;
    assert!(output.status.success(), "{}", text(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["is_error"], false, "{answer}");
    assert!(
        answer["result"].as_str().unwrap().contains("You said:"),
        "{answer}"
    );
    for request in home.check_requests("/v1/messages") {
        assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
        assert!(request.header("anthropic-beta").is_some());
    }
    home.check_record("/v1/messages").await;

    let streamed = ["stream-json", "--verbose", "--include-partial-messages"];
    let output = home.run(&mut ask(&streamed), &[Persona::Ada]).await;
    assert!(output.status.success(), "{}", text(&output));
    assert!(
        text(&output).matches("\"text_delta\"").count() >= 2,
        "{}",
        text(&output)
    );
    home.check_requests("/v1/messages");

    home.check_renewal(&mut ask(&["text"]), "/v1/messages")
        .await;
    home.check_refusal(&mut ask(&["text"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_answers_and_renews_its_token() {
    let Some(folder) = agent_clients() else {
        return;
    };
    let home = Home::new("toml", "wire_api", ".codex/config.toml").await;
    let codex = folder.join("node_modules/.bin/codex");
    let ask = || {
        let mut codex = Command::new(&codex);
        codex.args(["exec", "--skip-git-repo-check", PROMPT]);
        codex
    };

    let output = home.run(&mut ask(), &[Persona::Ada]).await;
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("You said:"), "{}", text(&output));
    for request in home.check_requests("/v1/responses") {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["stream"], true);
    }
    home.check_record("/v1/responses").await;

    home.check_renewal(&mut ask(), "/v1/responses").await;
    home.check_refusal(&mut ask()).await;
}
