//! Polls: batches, failures and tokens.

use super::*;
use testbed::transmitter::CLIENT;

#[tokio::test(flavor = "multi_thread")]
async fn backlog_is_fetched_in_batches_despite_failures_and_a_change_of_keys() {
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
        // Short enough that the token is replaced during the test, before it expires.
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
