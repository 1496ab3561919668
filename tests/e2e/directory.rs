//! Revocation driven by the directory, in a real Envoy beside a stand-in for Microsoft Graph with 100,000 users.

use super::gateway::{Gateway, chat, header, wait_until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testbed::directory::{Directory, Faults, Kind};
use testbed::entra::{BATCH_SECRET, Entra};
use testbed::envoy::EnvoyConfig;
use testbed::persona::{BATCH_CLIENT, Persona, ROBOT_CLIENT, TENANT};
use testbed::reqwest::Client;

const USERS: u32 = 100_000;
const REFRESH: Duration = Duration::from_secs(2);
/// A change takes effect within `refresh` plus this.
const LATITUDE: Duration = Duration::from_secs(1);

fn id(persona: Persona) -> String {
    let claims = persona.claims(testbed::mint::now());
    claims["oid"].as_str().unwrap().to_owned()
}

async fn directory(users: u32) -> Directory {
    let directory = Directory::start(users).await.unwrap();
    for persona in [Persona::Ada, Persona::Ben, Persona::Nora] {
        directory.add(Kind::User, &id(persona), None);
    }
    directory.add(
        Kind::ServicePrincipal,
        &id(Persona::Robot),
        Some(ROBOT_CLIENT),
    );
    directory
}

/// The directory behind `graph.microsoft.com`, with a token of the Entra stand-in.
fn beside(directory: &Directory, change: Value) -> impl FnOnce(EnvoyConfig) -> EnvoyConfig {
    let (addr, tls) = (directory.addr(), directory.is_tls());
    let mut graph = json!({
        "cluster": "graph", "issuer": "contoso", "refresh": "2s", "max_stale": "20s", "timeout": "2s",
        "auth": {"client_credentials": {"cluster": "entra", "tenant": TENANT,
            "client_id": BATCH_CLIENT, "client_secret": {"env": "GRAPH_SECRET"},
            "scope": "https://graph.microsoft.com/.default"}},
    });
    for (name, value) in change.as_object().unwrap() {
        graph[name] = value.clone();
    }
    move |config| {
        config
            .upstream("graph", addr, tls)
            .vm_env("GRAPH_SECRET", BATCH_SECRET)
            .change_policy(|policy| policy["revocation"] = json!({"graph": graph}))
    }
}

impl Gateway {
    /// The codes of concurrent chats over connections of their own, so that every worker receives some.
    async fn codes(&self, token: &str) -> Vec<String> {
        let url = format!("{}/v1/chat/completions", self.envoy.url());
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let fresh: Client = testbed::client::client();
                let request = fresh.post(&url).bearer_auth(token).json(&chat());
                tokio::spawn(async move {
                    let response = request.send().await.unwrap();
                    match response.status().as_u16() {
                        200 => "permitted".to_owned(),
                        _ => header(&response, "x-error-code").to_owned(),
                    }
                })
            })
            .collect();
        let mut codes = Vec::new();
        for task in tasks {
            codes.push(task.await.unwrap());
        }
        codes
    }

    /// Waits until all workers answer with this code, and returns when the last request with another answer was sent.
    async fn last_other(&self, token: &str, code: &str) -> Instant {
        let mut last = Instant::now();
        let mut alike = 0;
        while alike < 5 {
            assert!(
                last.elapsed() < Duration::from_secs(20),
                "no change to {code}"
            );
            let sent = Instant::now();
            if self.codes(token).await.iter().all(|own| own == code) {
                alike += 1;
            } else {
                (last, alike) = (sent, 0);
            }
        }
        last
    }

    async fn wait_for_lists(&self) {
        wait_until("every VM has both lists", || async {
            let mut is_ready = true;
            for list in ["users", "service_principals"] {
                let name = format!("wasmcustom.entragate.revocation.graph.contoso.{list}.");
                let at = self
                    .envoy
                    .stat(&format!("{name}fetched_at"))
                    .await
                    .unwrap_or_default();
                let lacking = self.envoy.stat(&format!("{name}unusable")).await;
                is_ready &= at > 0 && matches!(lacking, Ok(0));
            }
            is_ready
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn change_in_the_directory_reaches_every_worker_within_refresh() {
    let directory = directory(USERS).await;
    directory.set_faults(Faults {
        throttled_one_in: 40,
        cut_one_in: 60,
        failing_one_in: 60,
        ..Faults::default()
    });
    let started = Instant::now();
    let gateway = Gateway::with(beside(&directory, json!({}))).await;
    gateway.wait_for_lists().await;
    println!(
        "first pass of {USERS} users: {:?}, {} requests",
        started.elapsed(),
        directory.requests().len()
    );
    directory.set_faults(Faults::default());
    let (ada, robot) = (gateway.token(Persona::Ada), gateway.token(Persona::Robot));
    for token in [&ada, &robot] {
        let codes = gateway.codes(token).await;
        assert!(codes.iter().all(|code| code == "permitted"), "{codes:?}");
    }
    for (kind, persona, token) in [
        (Kind::User, Persona::Ada, &ada),
        (Kind::ServicePrincipal, Persona::Robot, &robot),
    ] {
        for (enabled, code) in [(false, "token_revoked"), (true, "permitted")] {
            directory.enable(kind, &id(persona), enabled);
            let changed = Instant::now();
            let last = gateway.last_other(token, code).await;
            let took = last.saturating_duration_since(changed);
            println!("{kind:?} enabled: {enabled}: {took:?}");
            assert!(took <= REFRESH + LATITUDE, "{code} after {took:?}");
        }
    }
    directory.delete(Kind::User, &id(Persona::Ada));
    gateway.last_other(&ada, "token_revoked").await;
    directory.discard_state();
    let passes = directory.passes();
    wait_until("the list is fetched anew", || async {
        directory.passes() > passes
    })
    .await;
    let codes = gateway.codes(&ada).await;
    assert!(
        codes.iter().all(|code| code == "token_revoked"),
        "a deleted user stays revoked: {codes:?}"
    );
    let codes = gateway.codes(&robot).await;
    assert!(codes.iter().all(|code| code == "permitted"), "{codes:?}");
    let log = gateway.envoy.log_lines().join("\n");
    assert!(
        !log.contains("deltatoken") && !log.contains("skiptoken"),
        "a state token is in the log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn outage_of_one_list_denies_only_its_callers_once_it_is_stale() {
    let directory = directory(10).await;
    let changes = beside(&directory, json!({"max_stale": "4s"}));
    // Requests wait for the stale list only for a short time.
    let short_wait = |policy: &mut Value| policy["wait"] = json!({"timeout": "500ms"});
    let gateway = Gateway::with(|config| changes(config).change_policy(short_wait)).await;
    gateway.wait_for_lists().await;
    directory.set_faults(Faults {
        outage: Some(Kind::User),
        ..Faults::default()
    });
    let (ada, robot) = (gateway.token(Persona::Ada), gateway.token(Persona::Robot));
    gateway.last_other(&ada, "revocation_unavailable").await;
    let codes = gateway.codes(&robot).await;
    assert!(codes.iter().all(|code| code == "permitted"), "{codes:?}");
    directory.set_faults(Faults::default());
    gateway.last_other(&ada, "permitted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn first_pass_is_made_once_for_all_workers() {
    let directory = directory(2000).await;
    let entra = Entra::start().await.unwrap();
    let gateway = Gateway::cold(entra, |config| {
        beside(&directory, json!({"refresh": "60s", "max_stale": "10m"}))(config.concurrency(4))
    })
    .await;
    gateway.wait_for_vms_with_keys(5).await;
    gateway.wait_for_lists().await;
    assert_eq!(
        directory.passes(),
        2,
        "one of users, one of service principals"
    );
    let name = "wasmcustom.entragate.revocation_fetches.graph.contoso.users.shared";
    let shared = gateway.envoy.stat(name).await.unwrap();
    assert!(shared >= 4, "{shared} workers have taken it over");
}

/// Resident memory of Envoy in KiB, and its CPU time so far.
fn costs(gateway: &Gateway) -> (u64, Duration) {
    let pid = gateway.envoy.pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let resident = line.unwrap().split_whitespace().nth(1).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    // User and system time are the fields 14 and 15, in hundredths of a second; the command is field 2.
    let hundredths: u64 = fields[11..13]
        .iter()
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    (
        resident.parse().unwrap(),
        Duration::from_millis(hundredths * 10),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn large_directory_costs_little_memory_and_cpu() {
    const ENTRIES: u32 = 200_000;
    let directory = directory(ENTRIES).await;
    directory.set_faults(Faults {
        outage: Some(Kind::User),
        ..Faults::default()
    });
    let gateway = Gateway::with(beside(
        &directory,
        json!({"refresh": "1s", "max_stale": "60s"}),
    ))
    .await;
    let (_, before) = costs(&gateway);
    directory.set_faults(Faults::default());
    gateway.wait_for_lists().await;
    let (_, after) = costs(&gateway);
    let pass = after.saturating_sub(before);
    println!("CPU time of a full pass of {ENTRIES} users, with everything else in Envoy: {pass:?}");
    assert!(
        pass <= Duration::from_secs(6),
        "3 s for 100,000 users: {pass:?}"
    );
    // All but the three that directory() adds, so that the limit is not exceeded.
    let change_all = |enabled| {
        let users = (0..ENTRIES).map(testbed::directory::user_id);
        users.for_each(|user| directory.enable(Kind::User, &user, enabled));
    };
    // As many changes that add no entry. Afterwards, buffers for pages have their final size, and only entries are added.
    change_all(true);
    let last = Persona::Ada;
    for (enabled, code) in [(false, "token_revoked"), (true, "permitted")] {
        directory.enable(Kind::User, &id(last), enabled);
        gateway.last_other(&gateway.token(last), code).await;
    }
    let (empty, _) = costs(&gateway);
    change_all(false);
    let name = "wasmcustom.entragate.revocation.graph.contoso.users.entries";
    wait_until("all entries are there", || async {
        gateway.envoy.stat(name).await.unwrap() == u64::from(ENTRIES)
    })
    .await;
    // The other workers take them over within half a second.
    directory.enable(Kind::User, &id(last), true);
    gateway.last_other(&gateway.token(last), "permitted").await;
    let (full, _) = costs(&gateway);
    let grown = full.saturating_sub(empty);
    println!("{ENTRIES} entries in two workers, the main thread and shared data: {grown} KiB");
    assert!(grown <= 12 * 1024, "{grown} KiB");
}
