//! Runs the client code in README.md and docs/clients.md as written, except for the gateway's address and an added last line
//! that makes a request. The clients and Microsoft's libraries are real; the managed identity that issues the token is a
//! stand-in.

use super::clients::{node_clients, output_of, python};
use super::docs::{blocks, files, read};
use super::explain::cli::entragate;
use super::gateway::Gateway;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use testbed::envoy::{Envoy, EnvoyConfig};
use testbed::persona::{AUDIENCE, AUDIENCE_URI, Persona};
use testbed::stub::{Answer, Stub};
use tokio::process::Command;

/// The gateway's address in the documentation.
const EXAMPLE: &str = "https://hf.contoso.com";
const QUESTION: &str = r#"[{"role": "user", "content": "Hello"}]"#;

/// A block of a page, identified by a text that it contains, and the line that is added to run it.
struct Block {
    page: &'static str,
    language: &'static str,
    contains: &'static str,
    added_line: &'static str,
}

const PYTHON: [Block; 6] = [
    Block {
        page: "README.md",
        language: "python",
        contains: "def token():",
        added_line: "print(client.chat_completion(QUESTION).choices[0].message.content)",
    },
    Block {
        page: "docs/clients.md",
        language: "python",
        contains: "# call it: token()",
        added_line: "import openai\n\
              client = openai.OpenAI(base_url='https://hf.contoso.com/v1', api_key=token())\n\
              print(client.chat.completions.create(model='a/b', messages=QUESTION).choices[0].message.content)",
    },
    Block {
        page: "docs/clients.md",
        language: "python",
        contains: "answer = client",
        added_line: "print(answer.choices[0].message.content)",
    },
    Block {
        page: "docs/clients.md",
        language: "python",
        contains: "InferenceClient",
        added_line: "print(client.chat_completion(QUESTION).choices[0].message.content)",
    },
    Block {
        page: "docs/clients.md",
        language: "python",
        contains: "ChatOpenAI",
        added_line: "print(model.invoke('Hello').content)",
    },
    Block {
        page: "docs/clients.md",
        language: "python",
        contains: "Anthropic(",
        added_line: "print(client.messages.create(model='a/b', max_tokens=16, messages=QUESTION).content[0].text)",
    },
];

const NODE: [Block; 4] = [
    Block {
        page: "docs/clients.md",
        language: "js",
        contains: "new OpenAI",
        added_line: "const made = await client.chat.completions.create({ model: 'a/b', messages: QUESTION });\n\
              console.log(made.choices[0].message.content);",
    },
    Block {
        page: "docs/clients.md",
        language: "js",
        contains: "new InferenceClient",
        added_line: "console.log((await client.chatCompletion({ messages: QUESTION })).choices[0].message.content);",
    },
    Block {
        page: "docs/clients.md",
        language: "js",
        contains: "new Anthropic",
        added_line: "const made = await client.messages.create({ model: 'a/b', max_tokens: 16, messages: QUESTION });\n\
              console.log(made.content[0].text);",
    },
    Block {
        page: "docs/clients.md",
        language: "js",
        contains: "createHuggingFace(",
        added_line: "import { generateText } from 'ai';\n\
              console.log((await generateText({ model: huggingFace('a/b'), prompt: 'Hello' })).text);",
    },
];

/// A marker of blocks in which a person signs in with a browser, which a test cannot do.
const INTERACTIVE: &str = "acquire_token_interactive";

impl Block {
    fn text(&self, gateway: &Gateway) -> String {
        let page = read(self.page);
        let found: Vec<_> = blocks(&page, self.language)
            .into_iter()
            .filter(|block| block.contains(self.contains))
            .collect();
        assert_eq!(found.len(), 1, "{}: {}", self.page, self.contains);
        let program = format!("{}\n{}\n", found[0], self.added_line);
        program
            .replace(EXAMPLE, &gateway.envoy.url())
            .replace("QUESTION", QUESTION)
    }
}

/// The token endpoint that Azure provides to apps with a managed identity.
async fn managed_identity(gateway: &Gateway) -> Stub {
    let stub = Stub::start_plain().await.unwrap();
    let token = gateway.token(Persona::Ada);
    stub.answer("/msi/token", move |request| {
        let is_ours = request.header("x-identity-header") == Some("testbed")
            && (request.path.contains(&format!("resource={AUDIENCE_URI}"))
                || request
                    .path
                    .contains(&format!("resource=api%3A%2F%2F{AUDIENCE}")));
        let expires = (testbed::mint::now() + 3600).to_string();
        if is_ours {
            Answer::json(
                200,
                &json!({"access_token": token, "expires_on": expires, "resource": AUDIENCE_URI,
                    "token_type": "Bearer"}),
            )
        } else {
            Answer::json(400, &json!({"error": "invalid_resource"}))
        }
    });
    stub
}

/// Runs a program as an app with that managed identity, and checks that it prints the endpoint's answer.
async fn run(gateway: &Gateway, identity: &Stub, program: &Path, script: &Path) {
    let before = gateway.hf.requests().len();
    let mut client = Command::new(program);
    client
        .arg(script)
        .env("IDENTITY_ENDPOINT", format!("{}/msi/token", identity.url()))
        .env("IDENTITY_HEADER", "testbed")
        .env_remove("HF_TOKEN")
        .env("NO_PROXY", "127.0.0.1,localhost");
    let text = output_of(&mut client).await;
    assert!(text.contains("Hello"), "{script:?}: {text}");
    assert!(gateway.hf.requests().len() > before, "{script:?}: {text}");
}

async fn run_each(written: &[Block], extension: &str, program: &Path, directory: &Path) {
    let gateway = Gateway::start().await;
    let identity = managed_identity(&gateway).await;
    for (index, block) in written.iter().enumerate() {
        let file = directory.join(format!("block-{index}.{extension}"));
        fs::write(&file, block.text(&gateway)).unwrap();
        run(&gateway, &identity, program, &file).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_python_runs() {
    let directory = tempfile::tempdir().unwrap();
    run_each(&PYTHON, "py", &python(), directory.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_javascript_runs() {
    let Some(clients) = node_clients() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    symlink(
        clients.join("node_modules"),
        directory.path().join("node_modules"),
    )
    .unwrap();
    run_each(&NODE, "mjs", Path::new("node"), directory.path()).await;
}

/// The Azure CLI is a stand-in; the shell and curl are real.
#[tokio::test(flavor = "multi_thread")]
async fn documented_curl_runs() {
    let gateway = Gateway::start().await;
    let identity = managed_identity(&gateway).await;
    let directory = tempfile::tempdir().unwrap();
    let az = directory.path().join("az");
    fs::write(
        &az,
        format!("#!/bin/sh\necho '{}'\n", gateway.token(Persona::Ada)),
    )
    .unwrap();
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
    let curl = Block {
        page: "docs/clients.md",
        language: "sh manual",
        contains: "curl",
        added_line: "",
    };
    let script = directory.path().join("block.sh");
    let path = format!("PATH={}:$PATH\n", directory.path().display());
    fs::write(&script, path + &curl.text(&gateway)).unwrap();
    run(&gateway, &identity, Path::new("bash"), &script).await;
}

#[test]
fn every_documented_block_is_run() {
    for language in ["python", "js"] {
        let mut pages = files("docs", "md");
        pages.push("README.md".to_owned());
        for page in pages {
            for block in blocks(&read(&page), language) {
                let is_run = PYTHON
                    .iter()
                    .chain(&NODE)
                    .any(|known| known.page == page && block.contains(known.contains));
                assert!(is_run || block.contains(INTERACTIVE), "{page}: {block}");
            }
        }
    }
}

/// The blocks of docs/clusters.md in one `envoy.yaml`, with files of a certificate where the documentation names some.
#[tokio::test(flavor = "multi_thread")]
async fn documented_envoy_configuration_is_valid_and_passes_the_strict_check() {
    let page = read("docs/clusters.md");
    let of_kind = |kind: &str| -> Vec<Value> {
        let blocks = blocks(&page, &format!("yaml {kind}"));
        assert!(!blocks.is_empty(), "{kind}");
        let blocks = blocks.iter();
        blocks
            .map(|block| serde_saphyr::from_str(block).unwrap())
            .collect()
    };
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = testbed::tls::ca().server_pem(&["chat.contoso.com"]);
    fs::write(directory.path().join("tls.crt"), certificate).unwrap();
    fs::write(directory.path().join("tls.key"), key).unwrap();
    let socket = of_kind("transport_socket")[0].to_string();
    let socket = socket.replace("/etc/envoy/tls", directory.path().to_str().unwrap());
    let config = EnvoyConfig::from_user_file().unwrap();
    let config = config
        .connection_manager(|manager| {
            let hosts = of_kind("virtual_hosts").into_iter();
            let hosts = hosts.flat_map(|block| block.as_array().unwrap().clone());
            manager["route_config"]["virtual_hosts"] = hosts.collect();
        })
        .document(|document| {
            let resources = &mut document["static_resources"];
            let chain = &mut resources["listeners"][0]["filter_chains"][0];
            chain["transport_socket"] = serde_json::from_str(&socket).unwrap();
            let clusters = resources["clusters"].as_array_mut().unwrap();
            clusters.retain(|cluster| cluster["name"] == "entra");
            let more = of_kind("clusters").into_iter();
            clusters.extend(more.flat_map(|block| block.as_array().unwrap().clone()));
        })
        .change_policy(|policy| {
            for part in of_kind("part") {
                let members = part.as_object().unwrap().clone();
                policy.as_object_mut().unwrap().extend(members);
            }
        })
        .host_env_keys(&["VAULT_TOKEN"])
        .environment("VAULT_TOKEN", "token-of-the-tests");
    let validation = Envoy::validate(&config).await.unwrap();
    assert!(validation.is_ok(), "{validation:?}");
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    fs::write(file.path(), config.as_json().to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let outcome = entragate(&["check", "--strict", "--json", path], "");
    let findings: Vec<Value> = serde_json::from_str(&outcome.out).unwrap();
    let counted: Vec<&Value> = findings
        .iter()
        .filter(|own| own["level"] != "note")
        .collect();
    assert!(counted.is_empty(), "{counted:#?}");
}
