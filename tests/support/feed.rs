//! `entragate feed` as a server.
#![allow(dead_code, reason = "each test file uses its own part")]

use entragate::revocation::List;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The command, which trusts the testbed's certificate authority.
pub fn command(folder: &std::path::Path) -> Command {
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, testbed::tls::ca().pem()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_entragate"));
    command
        .arg("feed")
        .arg("--ca")
        .arg(ca)
        .env_remove("HTTPS_PROXY")
        .env_remove("https_proxy")
        .env_remove("ALL_PROXY");
    command
}

/// A running server, stopped at the end of the test.
pub struct Serving {
    process: Child,
    pub url: String,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Serving {
    /// Starts the server with these arguments.
    pub fn start(command: &mut Command) -> Self {
        let command = command
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let (_, url) = line.split_once(" at ").unwrap_or_else(|| panic!("{line}"));
        let url = url.to_owned();
        // The server blocks if nothing reads its output.
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let read = warnings.clone();
        std::thread::spawn(move || {
            let lines = lines.map_while(Result::ok);
            lines.for_each(|line| read.lock().unwrap().push(line));
        });
        Self {
            process,
            url,
            warnings,
        }
    }

    pub fn warnings(&self) -> String {
        self.warnings.lock().unwrap().join("\n")
    }

    pub async fn get(&self) -> (u16, String) {
        let response = testbed::client::client()
            .get(&self.url)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Waits for a response whose status and body satisfy the condition.
    pub async fn until(&self, goal: &str, condition: impl Fn(u16, &str) -> bool) {
        let began = Instant::now();
        loop {
            let (status, text) = self.get().await;
            if condition(status, &text) {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{goal}: {status} {text}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a feed that satisfies the condition.
    pub async fn wait(&self, goal: &str, condition: impl Fn(&Value) -> bool) {
        let satisfied = |status, text: &str| {
            if status != 200 {
                return false;
            }
            List::from_json(text.as_bytes()).expect("the filter reads it");
            condition(&serde_json::from_str(text).unwrap())
        };
        self.until(goal, satisfied).await;
    }

    /// Waits until the feed is unavailable for this reason.
    pub async fn unavailable(&self, reason: &str) {
        let unavailable = |status, text: &str| status == 503 && text.contains(reason);
        self.until(reason, unavailable).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reports whether a member of a feed lists an id.
pub fn lists(feed: &Value, member: &str, id: &str) -> bool {
    feed[member].as_array().unwrap().iter().any(|own| own == id)
}
