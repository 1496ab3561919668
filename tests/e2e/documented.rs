//! The client code in README.md and docs/clients.md, run as written: only the gateway's address and a final line that makes
//! a request are added. The clients and Microsoft's libraries are real; the managed identity that issues the token is a
//! stand-in.

use super::clients::{node_clients, printed, python};
use super::docs::{blocks, files, read};
use super::gateway::Gateway;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use testbed::persona::{AUDIENCE, AUDIENCE_URI, Persona};
use testbed::stub::{Answer, Stub};
use tokio::process::Command;

/// Where the pages say that the gateway is.
const EXAMPLE: &str = "https://hf.contoso.com";
const QUESTION: &str = r#"[{"role": "user", "content": "Hello"}]"#;

/// A block of a page, identified by a text in it, and the line that is added to run it.
struct Block {
    page: &'static str,
    language: &'static str,
    holds: &'static str,
    ask: &'static str,
}

const PYTHON: [Block; 5] = [
    Block {
        page: "README.md",
        language: "python",
        holds: "def token():",
        ask: "print(client.chat_completion(QUESTION).choices[0].message.content)",
    },
    Block {
        page: "docs/clients.md",
        language: "python",
        holds: "# call it: token()",
        ask: "import openai\n\
              client = openai.OpenAI(base_url='https://hf.contoso.com/v1', api_key=token())\n\
              print(client.chat.completions.create(model='a/b', messages=QUESTION).choices[0].message.content)",
    },
    Block {
        page: "docs/clients.md",
        language: "python",
        holds: "answer = client",
        ask: "print(answer.choices[0].message.content)",
    },
    Block {
        page: "docs/clients.md",
        language: "python",
        holds: "InferenceClient",
        ask: "print(client.chat_completion(QUESTION).choices[0].message.content)",
    },
    Block {
        page: "docs/clients.md",
        language: "python",
        holds: "ChatOpenAI",
        ask: "print(model.invoke('Hello').content)",
    },
];

const NODE: [Block; 2] = [
    Block {
        page: "docs/clients.md",
        language: "js",
        holds: "new OpenAI",
        ask: "const made = await client.chat.completions.create({ model: 'a/b', messages: QUESTION });\n\
              console.log(made.choices[0].message.content);",
    },
    Block {
        page: "docs/clients.md",
        language: "js",
        holds: "new InferenceClient",
        ask: "console.log((await client.chatCompletion({ messages: QUESTION })).choices[0].message.content);",
    },
];

/// A person signs in by a browser there: nothing that a test can do.
const BY_HAND: &str = "acquire_token_interactive";

impl Block {
    fn text(&self, gateway: &Gateway) -> String {
        let page = read(self.page);
        let found: Vec<_> = blocks(&page, self.language)
            .into_iter()
            .filter(|block| block.contains(self.holds))
            .collect();
        assert_eq!(found.len(), 1, "{}: {}", self.page, self.holds);
        let program = format!("{}\n{}\n", found[0], self.ask);
        program
            .replace(EXAMPLE, &gateway.envoy.url())
            .replace("QUESTION", QUESTION)
    }
}

/// The endpoint that Azure gives to apps with a managed identity.
async fn managed_identity(gateway: &Gateway) -> Stub {
    let stub = Stub::start_plain().await.unwrap();
    let token = gateway.token(Persona::Ada);
    stub.answer("/msi/token", move |asked| {
        let is_ours = asked.header("x-identity-header") == Some("testbed")
            && (asked.path.contains(&format!("resource={AUDIENCE_URI}"))
                || asked
                    .path
                    .contains(&format!("resource=api%3A%2F%2F{AUDIENCE}")));
        let expires = (testbed::mint::now() + 3600).to_string();
        match is_ours {
            true => Answer::json(
                200,
                &json!({"access_token": token, "expires_on": expires, "resource": AUDIENCE_URI,
                    "token_type": "Bearer"}),
            ),
            false => Answer::json(400, &json!({"error": "invalid_resource"})),
        }
    });
    stub
}

/// Runs a program as an app with that managed identity; the endpoint's answer must come out of it.
async fn run(gateway: &Gateway, identity: &Stub, program: &Path, script: &Path) {
    let before = gateway.hf.requests().len();
    let mut client = Command::new(program);
    client
        .arg(script)
        .env("IDENTITY_ENDPOINT", format!("{}/msi/token", identity.url()))
        .env("IDENTITY_HEADER", "testbed")
        .env_remove("HF_TOKEN")
        .env("NO_PROXY", "127.0.0.1,localhost");
    let text = printed(&mut client).await;
    assert!(text.contains("Hello"), "{script:?}: {text}");
    assert!(gateway.hf.requests().len() > before, "{script:?}: {text}");
}

async fn run_each(written: &[Block], extension: &str, program: &Path, folder: &Path) {
    let gateway = Gateway::start().await;
    let identity = managed_identity(&gateway).await;
    for (index, block) in written.iter().enumerate() {
        let file = folder.join(format!("block-{index}.{extension}"));
        fs::write(&file, block.text(&gateway)).unwrap();
        run(&gateway, &identity, program, &file).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_python_runs() {
    let folder = tempfile::tempdir().unwrap();
    run_each(&PYTHON, "py", &python(), folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_javascript_runs() {
    let Some(clients) = node_clients() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    symlink(
        clients.join("node_modules"),
        folder.path().join("node_modules"),
    )
    .unwrap();
    run_each(&NODE, "mjs", Path::new("node"), folder.path()).await;
}

/// The Azure CLI is a stand-in; the shell and curl are real.
#[tokio::test(flavor = "multi_thread")]
async fn documented_curl_runs() {
    let gateway = Gateway::start().await;
    let identity = managed_identity(&gateway).await;
    let folder = tempfile::tempdir().unwrap();
    let az = folder.path().join("az");
    fs::write(
        &az,
        format!("#!/bin/sh\necho '{}'\n", gateway.token(Persona::Ada)),
    )
    .unwrap();
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
    let curl = Block {
        page: "docs/clients.md",
        language: "sh manual",
        holds: "curl",
        ask: "",
    };
    let script = folder.path().join("block.sh");
    let path = format!("PATH={}:$PATH\n", folder.path().display());
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
                    .any(|own| own.page == page && block.contains(own.holds));
                assert!(is_run || block.contains(BY_HAND), "{page}: {block}");
            }
        }
    }
}
