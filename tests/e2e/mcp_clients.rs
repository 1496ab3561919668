//! Real MCP clients and servers through the gateway: the Python SDK's client and server (`check_mcp.py`, `mcp_server.py`), and Hugging
//! Face's own server, which also runs behind `https://huggingface.co/mcp`.
//!
//! The tests cover the parts of Hugging Face's server that need no access to the Hub: the protocol, the list of tools, and the tool that
//! describes the account, which reports an anonymous caller. The other tools answer with an error of the Hub's client, so their
//! results are not tested. The server answers in JSON, has no sessions and refuses GET.

use super::clients::{agent_clients, node_clients, output_of, python};
use super::coding_agents::claude_code;
use super::docs::{blocks, read, root};
use super::gateway::{Gateway, SOON};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use testbed::envoy::EnvoyConfig;
use testbed::persona::Persona;
use testbed::reqwest::{Method, Response};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

/// Lets callers with the role list all tools, call some, and keep sessions.
fn policy(tools: &[&str]) -> impl Fn(&mut Value) {
    let rule = |name: &str, matches: Value| json!({"name": name, "match": matches, "require": {"role": "Model.Query"}, "credential": "hf-read"});
    let methods = [
        "initialize",
        "server/discover",
        "notifications/*",
        "ping",
        "tools/list",
    ];
    let rules = json!([
        rule(
            "mcp",
            json!({"paths": ["/mcp"], "mcp": {"methods": methods}})
        ),
        rule(
            "mcp-tools",
            json!({"paths": ["/mcp"], "mcp": {"tools": tools}})
        ),
        rule(
            "mcp-session",
            json!({"methods": ["GET", "DELETE"], "paths": ["/mcp"]})
        ),
    ]);
    move |policy| policy["rules"] = rules.clone()
}

/// A gateway in front of a server that listens on this port.
async fn gateway(port: u16, change: impl FnOnce(&mut Value)) -> Gateway {
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    let config = |config: EnvoyConfig| {
        let config = config.upstream("huggingface", server, false);
        // The servers refuse other hosts.
        let config = config.connection_manager(|manager| {
            let route = &mut manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"];
            route["host_rewrite_literal"] = json!("localhost");
        });
        config.change_policy(change)
    };
    Gateway::with(config).await
}

/// Starts the Python SDK's server, which answers in JSON or with events. Returns its port.
async fn start_python_server(form: &str) -> (Child, u16) {
    let mut server = Command::new(python());
    server.arg(root().join("tests/clients/mcp_server.py"));
    server
        .arg(form)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut server = server
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let port = port(server.stdout.take().unwrap()).await;
    (server, port)
}

/// Starts Hugging Face's server, and returns its port. `None` if `make clients` found no Node.
async fn start_hugging_faces_server() -> Option<(Child, u16)> {
    let mut server = Command::new("node");
    server.arg(node_clients()?.join("hf_mcp_server.mjs"));
    server.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut server = server
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let port = port(server.stderr.take().unwrap()).await;
    Some((server, port))
}

/// Reads the port, which is the first line that a server prints.
async fn port(output: impl AsyncRead + Unpin) -> u16 {
    let mut lines = BufReader::new(output).lines();
    let line = tokio::time::timeout(SOON, lines.next_line()).await;
    let line = line.expect("the server starts in time").unwrap();
    line.expect("the server prints its port; if it is not installed, run `make clients`")
        .parse()
        .unwrap()
}

async fn check_python_client(form: &str) {
    let (_server, port) = start_python_server(form).await;
    let gateway = gateway(port, policy(&["model_*"])).await;
    let mut client = Command::new(python());
    client
        .arg(root().join("tests/clients/check_mcp.py"))
        .env("GATEWAY_URL", gateway.envoy.url())
        .env("TOKEN", gateway.token(Persona::Ada))
        .env("OTHER_TOKEN", gateway.token(Persona::Cora))
        .env("FORM", form);
    let text = output_of(&mut client).await;
    assert!(text.contains(" 0 failed"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_client_uses_permitted_tools_of_a_server_that_answers_in_json() {
    check_python_client("json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_client_uses_permitted_tools_of_a_server_that_answers_with_events() {
    check_python_client("events").await;
}

async fn message(gateway: &Gateway, message: Value) -> Response {
    let request = gateway.request(Method::POST, "/mcp");
    let request = request.bearer_auth(gateway.token(Persona::Ada));
    let request = request.header("accept", "application/json, text/event-stream");
    request.json(&message).send().await.unwrap()
}

async fn tools(gateway: &Gateway) -> Vec<String> {
    let list = json!({"jsonrpc": "2.0", "id": "x", "method": "tools/list"});
    let list: Value = message(gateway, list).await.json().await.unwrap();
    let tools = list["result"]["tools"].as_array().unwrap().iter();
    tools
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_of_hugging_faces_server_are_filtered() {
    let Some((_server, port)) = start_hugging_faces_server().await else {
        return;
    };
    let unfiltered = gateway(port, |rules| {
        policy(&["hf_whoami"])(rules);
        rules["forward"] = json!({"filter_tools": false});
    })
    .await;
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let opened: Value = message(&unfiltered, initialize).await.json().await.unwrap();
    assert!(opened["result"]["serverInfo"].is_object(), "{opened}");
    let all = tools(&unfiltered).await;
    assert!(
        all.len() > 2 && all.iter().any(|name| name == "hf_whoami"),
        "{all:?}"
    );

    let filtered = gateway(port, policy(&["hf_whoami"])).await;
    assert_eq!(tools(&filtered).await, ["hf_whoami"]);
    let call = |name: &str| json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": name, "arguments": {}}});
    let answer: Value = message(&filtered, call("hf_whoami"))
        .await
        .json()
        .await
        .unwrap();
    assert!(answer["result"]["content"].is_array(), "{answer}");
    let other = all.iter().find(|name| *name != "hf_whoami").unwrap();
    let refused = message(&filtered, call(other)).await;
    assert_eq!(refused.status(), 403);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!(2), &json!(-32001))
    );
}

/// A coding agent's home with the configuration in docs/clients.md, for a model and an MCP server behind one gateway.
struct Home {
    gateway: Gateway,
    folder: TempDir,
    _server: Child,
}

impl Home {
    async fn new() -> Self {
        let (server, port) = start_python_server("events").await;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let gateway = Gateway::with(|config| {
            let config = config.upstream("mcp", address, false);
            let config = config.connection_manager(|manager| {
                let routes = &mut manager["route_config"]["virtual_hosts"][0]["routes"];
                let route = json!({"match": {"path": "/mcp"}, "route": {"cluster": "mcp"}});
                routes.as_array_mut().unwrap().insert(0, route);
            });
            config.change_policy(|all| {
                let chat = all["rules"].as_array().unwrap().clone();
                policy(&["model_*"])(all);
                all["rules"].as_array_mut().unwrap().extend(chat);
                all["credentials"][0]["clusters"] = json!(["huggingface", "mcp"]);
            })
        });
        Self {
            gateway: gateway.await,
            folder: tempfile::tempdir().unwrap(),
            _server: server,
        }
    }

    /// Writes the blocks that contain these texts to a file.
    fn write(&self, language: &str, contained: &[&str], file: &str) {
        let page = read("docs/clients.md");
        let blocks = blocks(&page, language);
        let block = |text: &&str| {
            blocks
                .iter()
                .find(|block| block.contains(*text))
                .unwrap()
                .as_str()
        };
        let text: Vec<&str> = contained.iter().map(block).collect();
        let file = self.folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text = text
            .join("\n")
            .replace("https://hf.contoso.com", &self.gateway.envoy.url());
        fs::write(file, text).unwrap();
    }

    /// Runs an agent with this persona's token, and returns what it prints.
    async fn run(&self, agent: &Path, arguments: &[&str], persona: Persona) -> String {
        let token = self.gateway.token(persona);
        let az = self.folder.path().join("az");
        fs::write(&az, format!("#!/bin/sh\necho {token}\n")).unwrap();
        fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut agent = Command::new(agent);
        agent
            .args(arguments)
            .env_clear()
            .env("PATH", format!("{}:{path}", self.folder.path().display()))
            .env("HOME", self.folder.path())
            .env("HF_GATEWAY_TOKEN", token)
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = agent.output().await.unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Returns whether the agent offered the permitted tools to the model; it must never offer others.
    fn offered_tools(&self) -> bool {
        let requests = self.gateway.hf.take_requests();
        let bodies = requests
            .iter()
            .map(|request| String::from_utf8_lossy(&request.body));
        let bodies: Vec<_> = bodies.collect();
        let offer = |tool: &str| bodies.iter().any(|body| body.contains(tool));
        assert!(!offer("delete_repo"), "{bodies:?}");
        offer("model_search")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code_gets_the_permitted_tools() {
    let Some(folder) = agent_clients() else {
        return;
    };
    let claude = claude_code(&folder);
    let home = Home::new().await;
    home.write("json", &["apiKeyHelper"], ".claude/settings.json");
    home.write("json", &["mcpServers"], ".claude.json");
    let list = home.run(&claude, &["mcp", "list"], Persona::Ada).await;
    assert!(list.contains("Connected"), "{list}");
    let mut is_offered = false;
    // Claude Code connects to the server while it asks the model, so on a busy machine it may ask before it has the tools.
    for _ in 0..10 {
        home.run(&claude, &["-p", "Say hello."], Persona::Ada).await;
        is_offered |= home.offered_tools();
        if is_offered {
            break;
        }
    }
    assert!(is_offered);
    let list = home.run(&claude, &["mcp", "list"], Persona::Nora).await;
    assert!(
        list.contains("hub") && !list.contains("Connected"),
        "{list}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_gets_the_permitted_tools() {
    let Some(folder) = agent_clients() else {
        return;
    };
    let codex = folder.join("node_modules/.bin/codex");
    let home = Home::new().await;
    home.write("toml", &["wire_api", "mcp_servers"], ".codex/config.toml");
    let ask = ["exec", "--skip-git-repo-check", "Say hello."];
    home.run(&codex, &ask, Persona::Ada).await;
    assert!(home.offered_tools());
}
