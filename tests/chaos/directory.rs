//! A directory that changes at random, throttles, fails and discards its state, beside a gateway whose configuration is reloaded:
//! once a caller's state has not changed for `max_stale`, every decision agrees with it, and no caller whose state never changes is
//! refused.
//! `DIRECTORY_SECONDS` is the duration; `make test` runs it for 30 s.

use super::gateway::{Gateway, chat, header, wait_until};
use super::reload::Listener;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testbed::directory::{Directory, Faults, Kind, user_id};
use testbed::envoy::EnvoyConfig;
use testbed::mint::Token;
use testbed::persona::Persona;

const USERS: u32 = 2000;
/// The users that send requests. Only those in the second half change.
const CALLERS: usize = 40;
const MAX_STALE: Duration = Duration::from_secs(20);
const REFRESH: Duration = Duration::from_secs(1);
/// The duration of each outage of Graph in seconds, too short for the lists to become stale.
const LONGEST_OUTAGE: u64 = 4;

/// The state of a caller in the directory, and the time of its last change.
#[derive(Clone, Copy)]
struct State {
    enabled: bool,
    since: Instant,
}

struct Callers {
    tokens: Vec<String>,
    states: Mutex<Vec<State>>,
    wrong: Mutex<Vec<String>>,
    requests: AtomicUsize,
    closed: AtomicUsize,
    ended: AtomicBool,
}

impl Callers {
    fn state(&self, caller: usize) -> State {
        self.states.lock().unwrap()[caller]
    }

    /// Sends requests of all callers in turn, and checks those whose state never changes or has not changed for `max_stale`.
    async fn run(&self, gateway: &Gateway, first: usize) {
        let url = format!("{}/v1/chat/completions", gateway.envoy.url());
        let mut caller = first;
        while !self.ended.load(Ordering::SeqCst) {
            caller = (caller + 1) % CALLERS;
            let (before, sent) = (self.state(caller), Instant::now());
            // A connection of its own, so that any worker receives the request.
            let client = testbed::client::client();
            let request = client
                .post(&url)
                .bearer_auth(&self.tokens[caller])
                .json(&chat());
            // Envoy closes new connections of a listener that has just been replaced, without an answer.
            let Ok(response) = request.send().await else {
                self.closed.fetch_add(1, Ordering::SeqCst);
                continue;
            };
            let status = response.status().as_u16();
            let after = self.state(caller);
            self.requests.fetch_add(1, Ordering::SeqCst);
            gateway.hf.take_requests();
            let is_old = sent.duration_since(before.since) > MAX_STALE;
            let is_settled = caller < CALLERS / 2 || (before.since == after.since && is_old);
            let expected = if before.enabled { 200 } else { 401 };
            if is_settled && status != expected {
                let code = header(&response, "x-error-code");
                let text = format!(
                    "caller {caller}, enabled: {}: {status} {code}",
                    before.enabled
                );
                self.wrong.lock().unwrap().push(text);
            }
        }
    }
}

/// Xorshift64 (Marsaglia 2003).
fn next(random: &mut u64) -> usize {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    usize::try_from(*random >> 33).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_directory_and_reloads_cause_no_wrong_decision() {
    let seconds = std::env::var("DIRECTORY_SECONDS").map_or(30, |text| text.parse().unwrap());
    let directory = Directory::start(USERS).await.unwrap();
    directory.set_largest_page(300);
    let (addr, tls) = (directory.addr(), directory.is_tls());
    let folder = tempfile::tempdir().unwrap();
    let mut listener = None;
    let gateway = Gateway::with(|config: EnvoyConfig| {
        config
            .drain_time(1)
            .upstream("graph", addr, tls)
            .vm_env("GRAPH_TOKEN", "graph-token")
            .change_policy(|policy| {
                policy["revocation"] = json!({"graph": {"cluster": "graph", "issuer": "contoso", "refresh": "1s",
                    "max_stale": "20s", "timeout": "1s", "auth": {"env": "GRAPH_TOKEN"}}});
                policy["audit"] = json!({"log": "off"});
            })
            .document(|document| listener = Some(Listener::extract(document, folder.path())))
    })
    .await;
    let (gateway, listener) = (Arc::new(gateway), listener.unwrap());
    let token = |caller: usize| {
        let id = user_id(u32::try_from(caller).unwrap());
        gateway.mint(Token::of(Persona::Ada).claim("oid", id))
    };
    let enabled = |_| State {
        enabled: true,
        since: Instant::now(),
    };
    let callers = Arc::new(Callers {
        tokens: (0..CALLERS).map(token).collect(),
        states: Mutex::new((0..CALLERS).map(enabled).collect()),
        wrong: Mutex::default(),
        requests: AtomicUsize::new(0),
        closed: AtomicUsize::new(0),
        ended: AtomicBool::new(false),
    });
    wait_until("the first pass is complete", || async {
        gateway.chat(&callers.tokens[0]).await.status() == 200
    })
    .await;
    let load: Vec<_> = (0..4)
        .map(|index| {
            let (gateway, callers) = (gateway.clone(), callers.clone());
            tokio::spawn(async move { callers.run(&gateway, index * 10).await })
        })
        .collect();
    let mut random = 0x9E37_79B9_7F4A_7C15;
    let (end, mut outage_ends, mut step) = (
        Instant::now() + Duration::from_secs(seconds),
        Instant::now(),
        0,
    );
    while Instant::now() < end {
        step += 1;
        // Half of the changing callers change often; the others stay as they are for longer than `max_stale`.
        let caller = CALLERS / 2
            + next(&mut random)
                % (if step % 40 == 0 {
                    CALLERS / 2
                } else {
                    CALLERS / 4
                });
        let enabled = next(&mut random).is_multiple_of(2);
        let id = user_id(u32::try_from(caller).unwrap());
        {
            let mut states = callers.states.lock().unwrap();
            if states[caller].enabled != enabled {
                directory.enable(Kind::User, &id, enabled);
                states[caller] = State {
                    enabled,
                    since: Instant::now(),
                };
            }
        }
        // On average, state is discarded every 20 s, and the configuration is reloaded every 10 s.
        match next(&mut random) % 200 {
            0 => directory.discard_state(),
            1 | 2 => listener.write(&format!("realm-{step}")),
            3..6 if Instant::now() > outage_ends + MAX_STALE => {
                outage_ends = Instant::now() + Duration::from_secs(LONGEST_OUTAGE);
            }
            _ => {}
        }
        let outage = (Instant::now() < outage_ends).then_some(Kind::User);
        directory.set_faults(Faults {
            throttled_one_in: 12,
            cut_one_in: 15,
            failing_one_in: 15,
            outage,
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    callers.ended.store(true, Ordering::SeqCst);
    for task in load {
        task.await.expect("no request failed");
    }
    println!(
        "chaos: {} requests in {seconds} s, {} passes, {} calls to Graph",
        callers.requests.load(Ordering::SeqCst),
        directory.passes(),
        directory.requests().len(),
    );
    assert_eq!(*callers.wrong.lock().unwrap(), Vec::<String>::new());
    let [requests, closed] =
        [&callers.requests, &callers.closed].map(|own| own.load(Ordering::SeqCst));
    assert!(
        requests > 100 && closed * 20 < requests,
        "{requests} requests, {closed} closed"
    );
    // Without faults, the final state takes effect within `refresh`.
    directory.set_faults(Faults::default());
    let codes = || async {
        for caller in 0..CALLERS {
            let status = gateway.chat(&callers.tokens[caller]).await.status();
            if (status == 200) != callers.state(caller).enabled {
                return false;
            }
        }
        true
    };
    let settled = Instant::now();
    wait_until("the final state is in effect", codes).await;
    println!(
        "chaos: the final state is in effect after {:?}; refresh is {REFRESH:?}",
        settled.elapsed()
    );
    super::assert_sound(&gateway).await;
}
