//! Fetches of keys and the revocation feed over time, and requests that wait for them.

use super::*;

fn with_feed() -> Value {
    let mut settings = settings();
    settings["revocation"] = json!({"cluster": OPS, "uri": "https://ops.contoso.com/revoked.json"});
    settings
}

/// Answers all calls for keys and the feed until none is pending.
fn answer_all(gateway: &mut Gateway, feed: &Value) {
    loop {
        let keys = gateway.host.answer(ENTRA, jwks(&[&key::rsa()]));
        let feed = gateway.host.answer(OPS, Answer::ok(feed.to_string()));
        if !keys && !feed {
            return;
        }
    }
}

/// A policy whose credential comes from a secret store.
fn with_secret_store() -> Value {
    let mut settings = settings();
    settings["credentials"] = json!([{
        "name": "hf-read",
        "http": {"cluster": OPS, "uri": "https://ops.contoso.com/secret"},
    }]);
    settings
}

in_both_hosts! {
    fn requests_at_cold_start_are_held_until_keys_arrive(rules: Rules) {
        let mut gateway = Gateway::cold(rules, &settings());
        let good = gateway.chat(&ada().build());
        let bad = gateway.chat(&ada().corrupt_signature().build());
        assert_eq!((gateway.code(good), gateway.code(bad)), ("held".into(), "held".into()));
        gateway.host.tick();
        let call = &gateway.host.calls()[0];
        assert_eq!(call.header(":authority").as_deref(), Some("login.microsoftonline.com"));
        assert_eq!(call.header(":scheme").as_deref(), Some("https"));
        gateway.publish(&[&key::rsa()]);
        assert_eq!(gateway.code(good), "forwarded");
        assert_eq!(gateway.code(bad), "signature_invalid");
        assert!(gateway.host.calls().is_empty());
    }

    fn request_before_the_first_tick_is_held(rules: Rules) {
        let mut gateway = Gateway::cold(rules, &settings());
        let id = gateway.chat(&ada().build());
        assert_eq!(gateway.code(id), "held");
        gateway.host.tick();
        gateway.publish(&[&key::rsa()]);
        assert_eq!(gateway.code(id), "forwarded");
    }

    fn unknown_kid_triggers_one_fetch_per_cooldown(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        let new = key::other_rsa();
        let id = gateway.chat(&ada().signed_by(&new).build());
        assert_eq!(gateway.code(id), "held");
        assert_eq!(gateway.outcome(&ada().build()), "forwarded", "the old key remains in use");
        gateway.host.tick();
        gateway.publish(&[&key::rsa(), &new]);
        assert_eq!(gateway.code(id), "forwarded");
        let unknown = SigningKey::generate(testbed::keys::Algorithm::Rs256);
        assert_eq!(gateway.outcome(&ada().signed_by(&unknown).build()), "key_unknown");
        gateway.host.tick();
        assert!(gateway.host.calls().is_empty(), "the cooldown has not ended");
    }

    fn held_request_ends_at_its_timeout(rules: Rules) {
        let mut gateway = Gateway::cold(rules, &settings());
        gateway.host.tick();
        let id = gateway.chat(&ada().build());
        gateway.host.advance(SECOND);
        assert_eq!(gateway.code(id), "held");
        gateway.host.advance(SECOND);
        assert_eq!(gateway.code(id), "keys_unavailable");
    }

    fn outage_without_keys_denies(rules: Rules) {
        let mut gateway = Gateway::cold(rules, &settings());
        gateway.host.tick();
        let id = gateway.chat(&ada().build());
        while gateway.host.answer(ENTRA, Answer::Broken) {}
        gateway.host.advance(3 * SECOND);
        while gateway.host.answer(ENTRA, Answer::status(503)) {}
        gateway.host.advance(SECOND);
        assert_eq!(gateway.code(id), "keys_unavailable");
        let again = gateway.outcome(&ada().build());
        assert_ne!(again, "forwarded");
    }

    fn last_valid_keys_remain_in_use_during_an_outage(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        gateway.host.advance(3601 * SECOND);
        assert!(gateway.host.answer(ENTRA, Answer::Broken));
        let token = || Token::at(Persona::Ada, testbed::mint::now() + 3600).build();
        assert_eq!(gateway.outcome(&token()), "forwarded");
    }

    fn refused_call_counts_as_a_failed_fetch(rules: Rules) {
        let mut settings = Settings::new(rules, &settings());
        settings.clusters.insert(ENTRA.into(), strict_host::Cluster::Empty);
        let mut gateway = Gateway::start(settings);
        gateway.host.tick();
        let id = gateway.chat(&ada().build());
        while gateway.host.answer(ENTRA, Answer::Broken) {}
        gateway.host.advance(2 * SECOND);
        while gateway.host.answer(ENTRA, Answer::Broken) {}
        assert_eq!(gateway.code(id), "keys_unavailable");
    }

    fn revoked_caller_is_denied(rules: Rules) {
        let mut gateway = Gateway::cold(rules, &with_feed());
        gateway.host.tick();
        let id = gateway.chat(&ada().build());
        assert_eq!(gateway.code(id), "held");
        let oid = testbed::persona::Persona::Ada.claims(testbed::mint::now())["oid"].clone();
        answer_all(&mut gateway, &json!({"oids": [oid]}));
        assert_eq!(gateway.code(id), "token_revoked");
        gateway.host.advance(11 * SECOND);
        answer_all(&mut gateway, &json!({}));
        assert_eq!(gateway.outcome(&ada().build()), "forwarded");
    }

    fn missing_feed_denies(rules: Rules) {
        let mut gateway = Gateway::cold(rules, &with_feed());
        gateway.host.tick();
        gateway.publish(&[&key::rsa()]);
        let id = gateway.chat(&ada().build());
        while gateway.host.answer(OPS, Answer::status(500)) {}
        gateway.host.advance(2 * SECOND);
        while gateway.host.answer(OPS, Answer::status(500)) {}
        assert_eq!(gateway.code(id), "revocation_unavailable");
    }

    fn caller_that_hangs_up_while_held_is_released(rules: Rules) {
        let mut gateway = Gateway::cold(rules, &settings());
        let before_the_call = gateway.chat(&ada().build());
        gateway.host.end(before_the_call);
        gateway.host.tick();
        let during_the_call = gateway.chat(&ada().build());
        let patient = gateway.chat(&ada().build());
        gateway.host.end(during_the_call);
        gateway.publish(&[&key::rsa()]);
        assert_eq!(gateway.code(patient), "forwarded");
        gateway.host.end(patient);
        assert_eq!(gateway.audit().len(), 1, "only one request was decided");
    }

    fn polled_credential_is_awaited(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &with_secret_store());
        let id = gateway.chat(&ada().build());
        assert_eq!(gateway.code(id), "held");
        gateway.host.tick();
        while gateway.host.answer(OPS, Answer::ok(CREDENTIAL)) {}
        assert_eq!(gateway.code(id), "forwarded");
        let failing = gateway.outcome(&ada().corrupt_signature().build());
        assert_eq!(failing, "signature_invalid");
    }

    fn missing_credential_denies(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &with_secret_store());
        let id = gateway.chat(&ada().build());
        for _ in 0..4 {
            while gateway.host.answer(OPS, Answer::status(403)) {}
            gateway.host.advance(SECOND);
        }
        assert_eq!(gateway.code(id), "credential_unavailable");
    }
}
