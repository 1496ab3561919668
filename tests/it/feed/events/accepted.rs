//! Which SETs are accepted, by their signature and claims.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn malformed_and_forged_sets_are_reported_and_revoke_nothing() {
    let transmitter = Transmitter::start().await.unwrap();
    let receiver = Receiver::with(&transmitter, |settings| {
        // A SET without a matching key is rejected after a second, with the next fetch of the keys.
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
async fn event_without_a_key_id_is_accepted_after_a_change_of_keys() {
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
    // Other events are delivered in the meantime.
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
