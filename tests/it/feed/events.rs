//! `entragate feed --ssf` beside a transmitter of Shared Signals.

mod accepted;
mod polls;
mod streams;

use super::*;
use std::time::{Duration, Instant};
use testbed::directory::Kind;
use testbed::keys;
use testbed::transmitter::{AUDIENCE as OURS, ISSUER, TOKEN, Transmitter};

/// The files of one receiver.
struct Receiver {
    folder: tempfile::TempDir,
}

impl Receiver {
    fn new(transmitter: &Transmitter) -> Self {
        Self::with(transmitter, |_| {})
    }

    fn with(transmitter: &Transmitter, change: impl FnOnce(&mut Value)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = transmitter.url();
        let mut settings = json!({
            "state": folder.path().join("state.json"),
            "streams": [{"name": "idp", "poll": format!("{url}/poll"), "jwks": format!("{url}/keys"), "issuer": ISSUER,
                "audience": OURS, "token": {"env": "SSF_TOKEN"}, "interval": "100ms"}],
        });
        change(&mut settings);
        std::fs::write(folder.path().join("ssf.json"), settings.to_string()).unwrap();
        Self { folder }
    }

    fn command(&self) -> Command {
        let mut command = command(self.folder.path());
        command
            .arg("--ssf")
            .arg(self.folder.path().join("ssf.json"))
            .env("SSF_TOKEN", TOKEN);
        command
    }

    fn start(&self) -> Serving {
        Serving::start(&mut self.command())
    }
}

fn user(sub: &str) -> Value {
    json!({"format": "iss_sub", "iss": ISSUER, "sub": sub})
}

async fn until(goal: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "{goal}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn status(serving: &Serving) -> Value {
    let url = serving.url.replace("revoked", "status");
    let response = testbed::client::client().get(url).send().await.unwrap();
    response.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_in_the_feed_before_they_are_acknowledged() {
    let transmitter = Transmitter::start().await.unwrap();
    let receiver = Receiver::with(&transmitter, |settings| {
        settings["streams"][0]["session_ids"] = json!(true);
    });
    let serving = receiver.start();
    serving
        .wait("an empty feed", |feed| feed["oids"] == json!([]))
        .await;
    let first = transmitter.send("risc/event-type/account-disabled", json!({}), user("ada"));
    let session = json!({"format": "complex", "user": user("ben"), "session": {"format": "opaque", "id": "s-1"}});
    transmitter.send(
        "caep/event-type/session-revoked",
        json!({"event_timestamp": 1_790_000_000}),
        session,
    );
    let ended = testbed::mint::now() - 10;
    let changed =
        json!({"event_timestamp": ended, "change_type": "update", "credential_type": "password"});
    transmitter.send("caep/event-type/credential-change", changed, user("cleo"));
    let before = Instant::now();
    until("the first event is acknowledged", || {
        transmitter.acknowledged().contains(&first)
    })
    .await;
    // Long polls deliver events immediately.
    assert!(
        before.elapsed() < Duration::from_secs(5),
        "{:?}",
        before.elapsed()
    );
    let (_, text) = serving.get().await;
    assert!(
        lists(&serde_json::from_str(&text).unwrap(), "oids", "ada"),
        "{text}"
    );
    serving
        .wait("all events", |feed| {
            lists(feed, "oids", "ada")
                && lists(feed, "sessions", "s-1")
                && feed["not_before"]["cleo"] == ended
        })
        .await;
    transmitter.send("risc/event-type/account-enabled", json!({}), user("ada"));
    serving
        .wait("the account is enabled", |feed| !lists(feed, "oids", "ada"))
        .await;
    transmitter.send(
        "caep/event-type/session-established",
        json!({}),
        user("ada"),
    );
    let mail = json!({"format": "email", "email": "ada@contoso.com"});
    transmitter.send("risc/event-type/account-purged", json!({}), mail);
    until("all events are acknowledged", || {
        transmitter.acknowledged().len() == 6
    })
    .await;
    let status = status(&serving).await;
    let counts = &status["streams"]["idp"];
    assert_eq!(counts["applied"]["account-disabled"], 1, "{status}");
    assert_eq!(counts["ignored"]["session-established"], 1, "{status}");
    assert_eq!(status["accounts_without_object"], 1, "{status}");
    let warnings = serving.warnings();
    let expected = "accounts that events revoke, but whose object id is unknown: 1;";
    assert!(
        warnings.contains(expected) && !warnings.contains("contoso"),
        "{warnings}"
    );
    assert!(!status.to_string().contains("ada"), "{status}");
    assert_eq!(transmitter.violations(), Vec::<String>::new());
    let waits = |poll: &Value| poll["returnImmediately"] == false;
    assert!(transmitter.polls().iter().any(waits), "long polls");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_survives_a_restart_and_repeated_sets_have_no_effect() {
    let transmitter = Transmitter::start().await.unwrap();
    transmitter.ignore_acknowledgements(true);
    let receiver = Receiver::new(&transmitter);
    let serving = receiver.start();
    transmitter.send("risc/event-type/account-disabled", json!({}), user("ada"));
    transmitter.send("risc/event-type/account-disabled", json!({}), user("ben"));
    serving
        .wait("both", |feed| {
            lists(feed, "oids", "ada") && lists(feed, "oids", "ben")
        })
        .await;
    let later = testbed::mint::now() + 1;
    let enabled = json!({"event_timestamp": later});
    let last = transmitter.send("risc/event-type/account-enabled", enabled, user("ada"));
    serving
        .wait("one", |feed| !lists(feed, "oids", "ada"))
        .await;
    // Killed at any time, whether the last SET was acknowledged or not.
    drop(serving);
    let polls = transmitter.polls().len();
    let serving = receiver.start();
    serving
        .wait("the same", |feed| feed["oids"] == json!(["ben"]))
        .await;
    until("the SETs are acknowledged again", || {
        let polls_since = transmitter.polls().split_off(polls);
        let acknowledges = |poll: &Value| {
            let mut ids = poll["ack"].as_array().into_iter().flatten();
            ids.any(|id| *id == last)
        };
        polls_since.iter().any(acknowledges)
    })
    .await;
    let counts = status(&serving).await["streams"]["idp"].clone();
    assert!(
        counts["repeated"].as_u64() >= Some(3) && counts["applied"] == json!({}),
        "{counts}"
    );
    // The polls continue, with pauses in between.
    let before = transmitter.polls().len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let made = transmitter.polls().len() - before;
    assert!((2..=15).contains(&made), "{made} polls in 1 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn account_is_found_by_an_address_in_any_case_and_a_missing_file_is_reported_once() {
    let transmitter = Transmitter::start().await.unwrap();
    let receiver = Receiver::with(&transmitter, |settings| {
        settings["subjects"] = json!("people.json");
    });
    let people = receiver.folder.path().join("people.json");
    std::fs::write(&people, r#"{"acct:Ada@contoso.com": "o-1"}"#).unwrap();
    let mut command = receiver.command();
    let serving = Serving::start(command.current_dir(receiver.folder.path()));
    let account = json!({"format": "account", "uri": "acct:ada@Contoso.com"});
    transmitter.send("risc/event-type/account-purged", json!({}), account);
    serving
        .wait("the account", |feed| lists(feed, "oids", "o-1"))
        .await;
    std::fs::remove_file(&people).unwrap();
    until("the missing file is reported", || {
        serving.warnings().contains("people.json")
    })
    .await;
    for name in ["ben", "cleo"] {
        transmitter.send("risc/event-type/account-disabled", json!({}), user(name));
        serving
            .wait("an event", |feed| lists(feed, "oids", name))
            .await;
    }
    let warnings = serving.warnings();
    assert_eq!(warnings.matches("people.json").count(), 1, "{warnings}");
    let (_, text) = serving.get().await;
    assert!(text.contains("o-1"), "the last content remains: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_and_events_are_one_feed() {
    let directory = Directory::start(20).await.unwrap();
    directory.enable(Kind::User, &user_id(3), false);
    let transmitter = Transmitter::start().await.unwrap();
    transmitter.send("risc/event-type/account-disabled", json!({}), user("ada"));
    let mail = json!({"format": "email", "email": "Ben@Contoso.com"});
    transmitter.send("risc/event-type/account-disabled", json!({}), mail);
    let receiver = Receiver::with(&transmitter, |settings| {
        settings["subjects"] = json!("unset")
    });
    let subjects = receiver.folder.path().join("people.json");
    std::fs::write(&subjects, r#"{"ben@contoso.com": "o-ben"}"#).unwrap();
    let settings = receiver.folder.path().join("ssf.json");
    let text = std::fs::read_to_string(&settings).unwrap();
    let text = text.replace("unset", subjects.to_str().unwrap());
    std::fs::write(&settings, text).unwrap();
    let files = Files::new(&directory);
    let mut command = receiver.command();
    command
        .arg(files.path("config.json"))
        .arg("--once")
        .env("GRAPH_TOKEN", "graph-token");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut expected = [user_id(3), "ada".to_owned(), "o-ben".to_owned()];
    expected.sort();
    let feed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(feed["oids"], json!(expected));
}
