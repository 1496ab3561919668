//! `entragate feed --ssf` beside a transmitter of Shared Signals.

use super::*;
use std::time::{Duration, Instant};
use testbed::directory::Kind;
use testbed::keys;
use testbed::transmitter::{AUDIENCE as OURS, CLIENT, ISSUER, TOKEN, Transmitter};

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
    // Long polls bring events immediately.
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
    let expected = "1 accounts are revoked in events, but their object is not known";
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
async fn malformed_and_forged_sets_are_reported_and_revoke_nothing() {
    let transmitter = Transmitter::start().await.unwrap();
    let receiver = Receiver::with(&transmitter, |settings| {
        // A SET without a key that fits is rejected after a second, with the next fetch of the keys.
        settings["streams"][0]["wait"] = json!("1s");
        settings["streams"][0]["max_stale"] = json!("2s");
    });
    let disable = |claims: &mut Value| {
        let uri = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
        claims["events"] = json!({uri: {}});
        claims["sub_id"] = user("ada");
    };
    let (key, other) = (keys::rsa(), keys::other_rsa());
    let forged = transmitter.deliver_signed(&other, key.kid(), "secevent+jwt", disable);
    let unknown_key = transmitter.deliver_signed(&other, other.kid(), "secevent+jwt", disable);
    let access_token = transmitter.deliver_signed(&key, key.kid(), "at+jwt", disable);
    let issuer = transmitter.deliver(|claims| {
        disable(claims);
        claims["iss"] = json!("https://evil.example/");
    });
    let audience = transmitter.deliver(|claims| {
        disable(claims);
        claims["aud"] = json!("https://other.example/");
    });
    let other_id = transmitter.deliver(|claims| {
        disable(claims);
        claims["jti"] = json!("set-00000");
    });
    let no_subject = transmitter.deliver(|claims| {
        disable(claims);
        claims["sub_id"] = json!({"format": "iss_sub"});
    });
    transmitter.deliver_text("garbage", "garbage");
    let serving = receiver.start();
    until("all are rejected", || transmitter.errors().len() == 8).await;
    let expected = [
        (forged, "authentication_failed"),
        (unknown_key, "invalid_key"),
        (access_token, "invalid_request"),
        (issuer, "invalid_issuer"),
        (audience, "invalid_audience"),
        (other_id, "invalid_request"),
        (no_subject, "invalid_request"),
        ("garbage".to_owned(), "invalid_request"),
    ];
    let expected = expected.map(|(id, code)| (id, code.to_owned()));
    assert_eq!(transmitter.errors(), expected.into());
    serving
        .wait("a feed without them", |feed| {
            feed["oids"] == json!([]) && feed["not_before"] == json!({})
        })
        .await;
    assert_eq!(transmitter.acknowledged(), Vec::<String>::new());
    assert_eq!(transmitter.violations(), Vec::<String>::new());
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
    // Again and again, but not at full speed.
    let before = transmitter.polls().len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let made = transmitter.polls().len() - before;
    assert!((2..=15).contains(&made), "{made} polls in 1 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn backlog_is_fetched_in_batches_over_failures_and_a_change_of_keys() {
    let transmitter = Transmitter::start().await.unwrap();
    for number in 0..250 {
        transmitter.send(
            "risc/event-type/account-disabled",
            json!({}),
            user(&format!("u-{number}")),
        );
    }
    transmitter.fail(&[(503, Some("1")), (500, None), (429, Some("1"))]);
    let receiver = Receiver::new(&transmitter);
    let serving = receiver.start();
    let (early, text) = serving.get().await;
    assert_eq!(early, 503, "{text}");
    serving
        .wait("all", |feed| feed["oids"].as_array().unwrap().len() == 250)
        .await;
    let most = |poll: &Value| poll["maxEvents"] == 100;
    assert!(transmitter.polls().iter().all(most));
    let failed = status(&serving).await["streams"]["idp"]["failed_polls"].clone();
    assert_eq!(failed, 3);
    transmitter.set_keys(vec![keys::other_rsa()]);
    transmitter.send("risc/event-type/account-disabled", json!({}), user("last"));
    serving
        .wait("the last", |feed| lists(feed, "oids", "last"))
        .await;
    until("all are acknowledged", || {
        transmitter.acknowledged().len() == 251
    })
    .await;
    assert_eq!(transmitter.errors(), [].into());
    let warnings = serving.warnings();
    assert!(
        warnings.contains("stream idp: the poll failed"),
        "{warnings}"
    );
    assert!(
        !warnings.contains("u-1") && !warnings.contains(TOKEN),
        "{warnings}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn warning_names_the_cause_of_a_failed_poll() {
    let transmitter = Transmitter::start().await.unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let receiver = Receiver::with(&transmitter, |settings| {
        settings["streams"][0]["poll"] = json!(format!("http://{address}/poll"));
    });
    let serving = receiver.start();
    until("the cause is reported", || {
        let warnings = serving.warnings();
        warnings.contains("the call ended without a response (io: Connection refused")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_without_a_key_id_counts_although_the_keys_have_changed() {
    let transmitter = Transmitter::start().await.unwrap();
    let receiver = Receiver::new(&transmitter);
    let serving = receiver.start();
    let disable = |key: &keys::SigningKey, name: &str| {
        let id = transmitter.next_id();
        let uri = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
        let claims = json!({"iss": ISSUER, "aud": OURS, "iat": testbed::mint::now(), "jti": id, "events": {uri: {}},
            "sub_id": user(name)});
        let header = json!({"typ": "secevent+jwt", "alg": key.algorithm().name()});
        transmitter.deliver_text(&id, &testbed::mint::mint(&header, &claims, key));
    };
    disable(&keys::rsa(), "ada");
    serving
        .wait("the first", |feed| lists(feed, "oids", "ada"))
        .await;
    transmitter.set_keys(vec![keys::other_rsa()]);
    disable(&keys::other_rsa(), "ben");
    serving
        .wait("the second", |feed| lists(feed, "oids", "ben"))
        .await;
    assert_eq!(transmitter.errors(), [].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_is_unavailable_while_a_stream_is_stale_or_suspended() {
    let transmitter = Transmitter::start().await.unwrap();
    let receiver = Receiver::with(&transmitter, |settings| {
        settings["streams"][0]["max_stale"] = json!("2s");
        settings["streams"][0]["wait"] = json!("1s");
    });
    // The transmitter holds polls for longer than the receiver waits.
    let serving = receiver.start();
    serving.wait("a feed", |_| true).await;
    let waits = |poll: &Value| poll["returnImmediately"] == false;
    until("several long polls", || {
        transmitter
            .polls()
            .iter()
            .filter(|poll| waits(poll))
            .count()
            > 2
    })
    .await;
    let (code, text) = serving.get().await;
    assert_eq!(code, 200, "{text}");
    let stream = json!({"format": "opaque", "id": "stream-1"});
    transmitter.send(
        "ssf/event-type/stream-updated",
        json!({"status": "paused"}),
        stream.clone(),
    );
    let unavailable = |reason: &'static str| {
        let serving = &serving;
        async move {
            let began = Instant::now();
            loop {
                let (code, text) = serving.get().await;
                if code == 503 && text.contains(reason) {
                    return;
                }
                assert!(began.elapsed() < Duration::from_secs(20), "{code} {text}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    unavailable("stream idp is paused or disabled by the transmitter").await;
    transmitter.send(
        "ssf/event-type/stream-updated",
        json!({"status": "enabled"}),
        stream,
    );
    serving.wait("a feed again", |_| true).await;
    transmitter.fail(&[(401, None); 1000]);
    unavailable("stream idp has not been current for too long").await;
    assert!(
        serving
            .warnings()
            .contains("status 401; check the stream's token")
    );
    transmitter.fail(&[]);
    serving.wait("a feed after the outage", |_| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn account_is_found_by_an_address_in_any_case_and_a_lost_file_is_reported_once() {
    let transmitter = Transmitter::start().await.unwrap();
    let receiver = Receiver::with(&transmitter, |settings| {
        settings["subjects"] = json!("people.json");
    });
    let people = receiver.folder.path().join("people.json");
    std::fs::write(&people, r#"{"acct:Ada@contoso.com": "o-1"}"#).unwrap();
    let mut command = receiver.command();
    let serving = Serving::start(command.current_dir(receiver.folder.path()));
    let account = json!({"format": "account", "uri": "acct:Ada@contoso.com"});
    transmitter.send("risc/event-type/account-purged", json!({}), account);
    serving
        .wait("the account", |feed| lists(feed, "oids", "o-1"))
        .await;
    std::fs::remove_file(&people).unwrap();
    until("the file is missed", || {
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

#[tokio::test(flavor = "multi_thread")]
async fn set_of_a_new_key_waits_while_a_cache_has_the_old_keys() {
    let transmitter = Transmitter::start().await.unwrap();
    let receiver = Receiver::new(&transmitter);
    let serving = receiver.start();
    serving.wait("a feed", |_| true).await;
    let new = keys::other_rsa();
    let id = transmitter.deliver_signed(&new, new.kid(), "secevent+jwt", |claims| {
        let uri = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
        claims["events"] = json!({uri: {}});
        claims["sub_id"] = user("ada");
    });
    let fetches = transmitter.key_fetches();
    until("the old keys were fetched twice more", || {
        transmitter.key_fetches() >= fetches + 2
    })
    .await;
    assert_eq!(transmitter.errors(), [].into());
    assert_eq!(transmitter.acknowledged(), Vec::<String>::new());
    let status = status(&serving).await;
    assert_eq!(status["streams"]["idp"]["waiting"], 1, "{status}");
    let warnings = serving.warnings();
    assert!(
        warnings.contains("signed by a key that is not in the key set"),
        "{warnings}"
    );
    // Another stream of events goes on meanwhile.
    transmitter.send("risc/event-type/account-disabled", json!({}), user("ben"));
    serving
        .wait("the other event", |feed| lists(feed, "oids", "ben"))
        .await;
    transmitter.set_keys(vec![keys::rsa(), new]);
    serving
        .wait("the event", |feed| lists(feed, "oids", "ada"))
        .await;
    until("it is acknowledged", || {
        transmitter.acknowledged().contains(&id)
    })
    .await;
    assert_eq!(transmitter.errors(), [].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_stream_is_unavailable_until_the_operator_resumes_it() {
    let transmitter = Transmitter::start().await.unwrap();
    let receiver = Receiver::new(&transmitter);
    transmitter.send("risc/event-type/account-disabled", json!({}), user("ada"));
    for (status, ago) in [("disabled", 2), ("enabled", 1)] {
        transmitter.deliver(|claims| {
            let uri = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";
            claims["iat"] = json!(testbed::mint::now() - ago);
            claims["events"] = json!({uri: {"status": status}});
            claims["sub_id"] = json!({"format": "opaque", "id": "stream-1"});
        });
    }
    let serving = receiver.start();
    let began = Instant::now();
    loop {
        let (code, text) = serving.get().await;
        assert_eq!(code, 503, "{text}");
        if text.contains("was disabled by the transmitter, so events are lost") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let counts = status(&serving).await["streams"]["idp"].clone();
    assert_eq!(counts["has_lost_events"], true, "{counts}");
    drop(serving);
    let mut command = receiver.command();
    let serving = Serving::start(command.args(["--resume", "idp"]));
    serving
        .wait("the feed", |feed| lists(feed, "oids", "ada"))
        .await;
    drop(serving);
    let serving = receiver.start();
    serving
        .wait("the feed without --resume", |feed| {
            lists(feed, "oids", "ada")
        })
        .await;
    drop(serving);
    let mut command = receiver.command();
    let output = command.args(["--resume", "idq"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(2) && error.contains("no stream has the name \"idq\""),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_use_tokens_of_a_token_endpoint() {
    for authentication in ["basic", "body"] {
        let transmitter = Transmitter::start().await.unwrap();
        let uri = format!("{}/token", transmitter.url());
        let receiver = Receiver::with(&transmitter, |settings| {
            settings["streams"][0]["token"] = json!({"client_credentials": {
                "uri": uri, "client_id": CLIENT.0, "client_secret": {"file": "unset"}, "authentication": authentication,
                "parameters": {"scope": "ssf.read ssf.manage"},
            }});
        });
        let secret = receiver.folder.path().join("secret");
        std::fs::write(&secret, "wrong\n").unwrap();
        let settings = receiver.folder.path().join("ssf.json");
        let text = std::fs::read_to_string(&settings).unwrap();
        let text = text.replace("unset", secret.to_str().unwrap());
        std::fs::write(&settings, text).unwrap();
        // Expires while the test runs, so that another is requested before.
        transmitter.set_token_life(3);
        let serving = receiver.start();
        until("the refusal is reported", || {
            let expected =
                "no token from the token endpoint: the answer has status 401, invalid_client";
            serving.warnings().contains(expected)
        })
        .await;
        // The file is read for every request.
        std::fs::write(&secret, format!("{}\n", CLIENT.1)).unwrap();
        let id = transmitter.send("risc/event-type/account-disabled", json!({}), user("ada"));
        serving
            .wait("the event", |feed| lists(feed, "oids", "ada"))
            .await;
        until("it is acknowledged", || {
            transmitter.acknowledged().contains(&id)
        })
        .await;
        let request = json!({"grant_type": "client_credentials", "scope": "ssf.read ssf.manage",
            "authentication": authentication});
        let requests = transmitter.token_requests();
        assert!(requests.iter().all(|own| *own == request), "{requests:?}");
        transmitter.revoke_tokens();
        transmitter.send("risc/event-type/account-disabled", json!({}), user("ben"));
        serving
            .wait("an event with another token", |feed| {
                lists(feed, "oids", "ben")
            })
            .await;
        let count = transmitter.token_requests().len();
        transmitter.send("risc/event-type/account-disabled", json!({}), user("cleo"));
        until("the token is replaced before it expires", || {
            transmitter.send(
                "caep/event-type/session-established",
                json!({}),
                user("cleo"),
            );
            transmitter.token_requests().len() > count
        })
        .await;
        let warnings = serving.warnings();
        assert!(
            !warnings.contains("granted-") && !warnings.contains("cret:"),
            "{warnings}"
        );
        assert_eq!(transmitter.violations(), Vec::<String>::new());
    }
}
