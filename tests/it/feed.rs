//! `entragate feed` beside a stand-in for Microsoft Graph: it serves the directory's revocations as a feed that the filter reads.

mod events;

use super::feed_server::{Serving, command, lists};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use testbed::directory::{Directory, Faults, Kind, user_id};
use testbed::persona::{AUDIENCE, ROBOT_CLIENT, TENANT};

const ROBOT: &str = "9b8f6c3a-51e7-4d92-a4c6-7d0e1f2a3b4c";

/// Files of one test: the configuration, and the stand-in's certificate authority.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(directory: &Directory) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({
            "issuers": [{"name": "contoso", "entra": {"tenants": [TENANT]}, "audiences": [AUDIENCE],
                "jwks": {"cluster": "entra"},
                "groups_overage": {"graph": {"cluster": "graph", "auth": {"env": "NOT_SET_EITHER"}}}}],
            "credentials": [{"name": "hf", "env": "NOT_SET_HERE"}],
            "revocation": {"graph": {"cluster": "graph", "host": format!("localhost:{}", directory.addr().port()),
                "issuer": "contoso", "refresh": "1s", "max_stale": "30s", "auth": {"env": "GRAPH_TOKEN"}}},
        });
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.folder.path());
        command
            .arg(self.path("config.json"))
            .args(arguments)
            .env("GRAPH_TOKEN", "graph-token");
        command
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_is_served_as_a_feed() {
    let directory = Directory::start(300).await.unwrap();
    directory.add(Kind::ServicePrincipal, ROBOT, Some(ROBOT_CLIENT));
    directory.set_largest_page(40);
    directory.set_faults(Faults {
        throttled_one_in: 9,
        cut_one_in: 9,
        ..Faults::default()
    });
    let (ada, ben) = (user_id(7), user_id(8));
    directory.enable(Kind::User, &ada, false);
    let files = Files::new(&directory);
    let serving = Serving::start(&mut files.command(&[]));
    let (early, _) = serving.get().await;
    assert!([200, 503].contains(&early), "{early}");
    serving
        .wait("the disabled user", |feed| lists(feed, "oids", &ada))
        .await;
    directory.set_faults(Faults::default());
    directory.enable(Kind::User, &ada, true);
    directory.delete(Kind::User, &ben);
    directory.enable(Kind::ServicePrincipal, ROBOT, false);
    let soon = "2099-01-01T00:00:00Z";
    directory.revoke_sessions(&user_id(9), soon);
    serving
        .wait("all changes", |feed| {
            !lists(feed, "oids", &ada)
                && lists(feed, "oids", &ben)
                && lists(feed, "oids", ROBOT)
                && lists(feed, "clients", ROBOT_CLIENT)
                && feed["not_before"][user_id(9)] == 4_070_908_800_u64
        })
        .await;
    directory.enable(Kind::ServicePrincipal, ROBOT, true);
    directory.discard_state();
    serving
        .wait("the full pass", |feed| {
            lists(feed, "oids", &ben) && !lists(feed, "clients", ROBOT_CLIENT)
        })
        .await;
    let elsewhere = serving.url.replace("revoked", "other");
    let other = testbed::client::client()
        .get(elsewhere)
        .send()
        .await
        .unwrap();
    assert_eq!(other.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shot_prints_the_feed() {
    let directory = Directory::start(20).await.unwrap();
    directory.enable(Kind::User, &user_id(3), false);
    let files = Files::new(&directory);
    let output = tokio::task::spawn_blocking(move || files.command(&["--once"]).output().unwrap());
    let output = output.await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let expected = json!({"oids": [user_id(3)], "clients": [], "not_before": {}});
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        expected
    );
}

#[test]
fn unusable_input_is_reported() {
    let run = |content: &str, token: Option<&str>| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, content).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_entragate"));
        command
            .arg("feed")
            .arg(&file)
            .arg("--once")
            .env_remove("GRAPH_TOKEN");
        token.map(|token| command.env("GRAPH_TOKEN", token));
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    };
    let issuer = format!(
        "issuers: [{{name: contoso, entra: {{tenants: [{TENANT}]}}, audiences: [a], jwks: {{cluster: c}}}}]\n"
    );
    let (status, text) = run(&issuer, None);
    assert!(
        status == 1 && text.contains("revocation.graph: is required"),
        "{text}"
    );
    let graph = format!(
        "{issuer}revocation: {{graph: {{cluster: g, issuer: contoso, auth: {{env: GRAPH_TOKEN}}}}}}\n"
    );
    let (status, text) = run(&graph, None);
    let expected = "config.yaml:2: error: revocation.graph.auth.env: the environment variable \"GRAPH_TOKEN\" is not set; set it\n";
    assert!(status == 1 && text.ends_with(expected), "{text}");
    let (status, text) = run("\n[", None);
    assert!(
        status == 1 && text.contains("config.yaml:2: error: "),
        "{text}"
    );
    let missing = Command::new(env!("CARGO_BIN_EXE_entragate"))
        .args(["feed", "config.yaml", "--ca", "/nowhere.pem"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(!Path::new("config.yaml").exists());
}
