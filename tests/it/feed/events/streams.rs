//! Streams that deliver no events: the feed is unavailable.

use super::*;

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
    let reason = "stream idp is paused or disabled by the transmitter";
    serving.unavailable(reason).await;
    transmitter.send(
        "ssf/event-type/stream-updated",
        json!({"status": "enabled"}),
        stream,
    );
    serving.wait("a feed again", |_| true).await;
    transmitter.fail(&[(401, None); 1000]);
    let reason = "stream idp has not been current for too long";
    serving.unavailable(reason).await;
    assert!(
        serving
            .warnings()
            .contains("status 401; check the stream's token")
    );
    transmitter.fail(&[]);
    serving.wait("a feed after the outage", |_| true).await;
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
    let reports_the_loss = |code, text: &str| {
        assert_eq!(code, 503, "{text}");
        text.contains("was disabled by the transmitter, so events are lost")
    };
    serving.until("the loss", reports_the_loss).await;
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
