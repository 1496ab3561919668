//! One short-lived credential per person, fetched while the first request waits.

use super::*;

const HUGGING_FACE: &str = "huggingface.co:443";

fn cold(rules: Rules) -> Gateway {
    let mut policy = settings();
    policy["credentials"] = json!([{
        "name": "hf-read",
        "token_exchange": {
            "cluster": HUGGING_FACE, "uri": "https://huggingface.co/oauth/token",
            "client_id": "app", "client_secret": {"env": "HF_OAUTH_SECRET"},
            "subject_claim": "preferred_username", "subject_domains": ["contoso.com"],
            "scopes": ["read-endpoints"],
        },
    }]);
    let mut settings = Settings::new(rules, &policy);
    let secret = ("HF_OAUTH_SECRET".to_owned(), "oauth-secret".to_owned());
    settings.environment.extend([secret]);
    Gateway::start(settings)
}

fn warm(rules: Rules) -> Gateway {
    let mut gateway = cold(rules);
    gateway.host.tick();
    gateway.publish(&[&key::rsa()]);
    gateway
}

fn issued(lifetime: u64) -> Answer {
    let answer =
        json!({"access_token": CREDENTIAL, "token_type": "bearer", "expires_in": lifetime});
    Answer::ok(answer.to_string())
}

fn refused() -> Answer {
    let body = json!({"error": "invalid_grant"}).to_string().into_bytes();
    let status = 400;
    Answer::Response { status, body }
}

in_both_hosts! {
    fn exchanged_token_is_awaited_and_reused(rules: Rules) {
        let mut gateway = warm(rules);
        let first = gateway.chat(&ada().build());
        let second = gateway.chat(&ada().build());
        assert_eq!((gateway.code(first), gateway.code(second)), ("held".into(), "held".into()));
        gateway.host.tick();
        // In nginx, each request makes a copy of the call, because only its own call can resume it.
        let calls = match rules {
            Rules::Envoy => 1,
            Rules::Nginx => 3,
        };
        assert_eq!(gateway.host.calls().len(), calls, "one exchange for both");
        let call = &gateway.host.calls()[0];
        assert_eq!(call.header(":method").as_deref(), Some("POST"));
        assert_eq!(call.header(":path").as_deref(), Some("/oauth/token"));
        let body = String::from_utf8_lossy(&call.body);
        assert!(body.contains("subject_token=ada%40contoso.com"), "{body}");
        while gateway.host.answer(HUGGING_FACE, issued(3600)) {}
        assert_eq!(gateway.code(first), "forwarded");
        assert_eq!(gateway.code(second), "forwarded");
        assert_eq!(gateway.outcome(&ada().build()), "forwarded");
        assert!(gateway.host.calls().is_empty());
    }

    fn non_member_is_denied(rules: Rules) {
        let mut gateway = warm(rules);
        let id = gateway.chat(&ada().build());
        gateway.host.tick();
        while gateway.host.answer(HUGGING_FACE, refused()) {}
        assert_eq!(gateway.code(id), "not_a_member");
    }

    fn request_waits_for_keys_and_then_the_exchange(rules: Rules) {
        let mut gateway = cold(rules);
        let id = gateway.chat(&ada().build());
        gateway.host.tick();
        gateway.publish(&[&key::rsa()]);
        assert_eq!(gateway.code(id), "held");
        gateway.host.tick();
        while gateway.host.answer(HUGGING_FACE, issued(3600)) {}
        assert_eq!(gateway.code(id), "forwarded");
    }

    fn failed_exchange_denies(rules: Rules) {
        let mut gateway = warm(rules);
        let id = gateway.chat(&ada().build());
        gateway.host.tick();
        for _ in 0..4 {
            while gateway.host.answer(HUGGING_FACE, Answer::Broken) {}
            gateway.host.advance(SECOND);
        }
        assert_eq!(gateway.code(id), "credential_unavailable");
    }

    fn caller_that_hangs_up_during_an_exchange_is_released(rules: Rules) {
        let mut gateway = warm(rules);
        let id = gateway.chat(&ada().build());
        gateway.host.tick();
        gateway.host.end(id);
        while gateway.host.answer(HUGGING_FACE, issued(3600)) {}
        assert_eq!(gateway.outcome(&ada().build()), "forwarded", "the result of the exchange is kept");
    }
}

#[test]
fn immediately_failing_service_is_not_called_endlessly_on_nginx() {
    let mut gateway = warm(Rules::Nginx);
    let id = gateway.chat(&ada().build());
    let mut calls = 0;
    while gateway.host.answer(HUGGING_FACE, Answer::Broken) {
        calls += 1;
        assert!(calls <= 4, "there was no tick in between");
    }
    assert_eq!(gateway.code(id), "credential_unavailable");
}
