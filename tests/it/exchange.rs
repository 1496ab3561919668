//! Token exchanges: one short-lived token per person, only for subjects that are identified unambiguously.

use crate::support;

use entragate::fetch::callout::{Answer, Callout, CalloutError};
use entragate::gate::Notice;
use serde_json::{Value, json};
use support::*;
use testbed::mint::Token;
use testbed::persona::Persona;

/// The default settings with one exchanged credential.
fn exchanging(change: Value) -> Value {
    let mut settings = settings();
    let mut exchange = json!({
        "cluster": "huggingface", "uri": "https://huggingface.co/oauth/token",
        "client_id": "client-1", "client_secret": {"env": "HF_OAUTH_SECRET"},
        "subject_claim": "preferred_username", "subject_domains": ["contoso.com"],
        "scopes": ["read-endpoints"],
    });
    for (name, value) in change.as_object().unwrap() {
        exchange[name] = value.clone();
    }
    settings["credentials"] = json!([{"name": "hf-per-user", "token_exchange": exchange}]);
    settings["rules"][1]["credential"] = json!("hf-per-user");
    settings
}

fn bench() -> Bench {
    Bench::warm(&exchanging(json!({})))
}

fn token(value: &str) -> Answer {
    ok(json!({"access_token": value, "token_type": "bearer", "expires_in": 28_800}))
}

fn error(status: u16, code: &str) -> Answer {
    let body = json!({"error": code}).to_string().into_bytes();
    Answer::Response { status, body }
}

/// Returns the person for whom an exchange is made.
fn subject(callout: &Callout) -> String {
    let body = String::from_utf8(callout.body.clone()).unwrap();
    let mut fields = body.split('&').filter_map(|field| field.split_once('='));
    let (_, subject) = fields.find(|(name, _)| *name == "subject_token").unwrap();
    subject.replace("%40", "@")
}

/// Returns the Authorization of a permitted request, or `None` if the request waits.
fn authorization_sent(bench: &mut Bench, persona: Persona) -> Option<String> {
    let (id, ruling) = bench.chat(&Token::of(persona).build());
    bench.gate.finish(id, Some(200), bench.now);
    let edits = (code_of(&ruling) == "permitted").then(|| edits_of(&ruling))?;
    let authorization = edits.into_iter().find(|(name, _)| name == "authorization");
    Some(authorization.unwrap().1)
}

#[test]
fn exchanged_token_is_per_person_and_reused() {
    let people = [
        (Persona::Ada, "ada@contoso.com"),
        (Persona::Cora, "cora@contoso.com"),
    ];
    let mut bench = bench();
    for (persona, mail) in people {
        assert_eq!(authorization_sent(&mut bench, persona), None);
        assert_eq!(subject(&bench.calls[0].callout), mail);
        bench.answer(token(&format!("token-of-{mail}")));
    }
    for secs in [0, 1, 600] {
        bench.advance(secs);
        for (persona, mail) in people {
            let expected = format!("Bearer token-of-{mail}");
            assert_eq!(authorization_sent(&mut bench, persona), Some(expected));
        }
    }
    assert!(bench.calls.is_empty(), "there is no further exchange");
}

#[test]
fn concurrent_requests_share_one_exchange_per_person() {
    let mut bench = bench();
    let ada = Token::of(Persona::Ada).build();
    let (first, ruling) = bench.chat(&ada);
    assert_eq!(code_of(&ruling), "waiting");
    let (second, _) = bench.chat(&ada);
    let (cora, _) = bench.chat(&Token::of(Persona::Cora).build());
    let subjects: Vec<_> = bench
        .calls
        .iter()
        .map(|call| subject(&call.callout))
        .collect();
    assert_eq!(subjects, ["ada@contoso.com", "cora@contoso.com"]);
    bench.answer(token("token-of-ada"));
    let permitted = || "permitted".to_owned();
    assert_eq!(
        bench.resume_woken(),
        [(first, permitted()), (second, permitted())]
    );
    assert!(!bench.gate.is_permitted(cora));
    bench.answer(token("token-of-cora"));
    assert_eq!(bench.resume_woken(), [(cora, permitted())]);
}

#[test]
fn ambiguous_subject_is_not_exchanged() {
    let ada = || Token::of(Persona::Ada);
    let named = |name: &str| ada().claim("preferred_username", name);
    for (token, change, expected) in [
        (named("ada@CONTOSO.com"), json!({}), Ok("ada@CONTOSO.com")),
        (
            named("ada@contoso.com"),
            json!({"subject_domains": ["x.example", "Contoso.COM"]}),
            Ok("ada@contoso.com"),
        ),
        (
            named("ada@fabrikam.com"),
            json!({}),
            Err("not in an accepted domain"),
        ),
        (
            named("ada@sub.contoso.com"),
            json!({}),
            Err("not in an accepted domain"),
        ),
        (
            named("ada@evilcontoso.com"),
            json!({}),
            Err("not in an accepted domain"),
        ),
        (
            named("ada@contoso.com.evil.example"),
            json!({}),
            Err("not in an accepted domain"),
        ),
        (
            named("eve@evil.example@contoso.com"),
            json!({}),
            Err("not a plain e-mail address"),
        ),
        (
            named("ada_fabrikam.com#EXT#@contoso.com "),
            json!({}),
            Err("not a plain e-mail address"),
        ),
        (named("ada"), json!({}), Err("not a plain e-mail address")),
        (named(""), json!({}), Err("not a plain e-mail address")),
        (
            ada().claim("preferred_username", json!(["ada@contoso.com"])),
            json!({}),
            Err("lacks the claim"),
        ),
        (
            ada().without("preferred_username"),
            json!({}),
            Err("lacks the claim"),
        ),
        (
            ada().claim("email", "ada@contoso.com"),
            json!({"subject_claim": "email"}),
            Ok("ada@contoso.com"),
        ),
        (
            ada()
                .claim("email", "ada@contoso.com")
                .claim("email_verified", false),
            json!({"subject_claim": "email"}),
            Err("not verified"),
        ),
        (
            ada()
                .claim("email", "ada@contoso.com")
                .claim("email_verified", "true"),
            json!({"subject_claim": "email"}),
            Err("not verified"),
        ),
        (
            Token::of(Persona::Batch),
            json!({}),
            Err("the caller is an application"),
        ),
        (
            Token::of(Persona::Batch).claim("preferred_username", "ada@contoso.com"),
            json!({}),
            Err("the caller is an application"),
        ),
        (
            Token::of(Persona::Batch),
            json!({"app_subject": "jobs@contoso.com"}),
            Ok("jobs@contoso.com"),
        ),
        (
            Token::of(Persona::Scout),
            json!({"app_subject": "jobs@contoso.com"}),
            Err("the caller is an agent"),
        ),
        (
            Token::of(Persona::Mate),
            json!({"app_subject": "jobs@contoso.com"}),
            Err("the caller is an agent"),
        ),
        (Token::of(Persona::Clerk), json!({}), Ok("ada@contoso.com")),
        (
            ada(),
            json!({"app_subject": "jobs@contoso.com"}),
            Ok("ada@contoso.com"),
        ),
        (
            ada().without("scp"),
            json!({"app_subject": "jobs@contoso.com"}),
            Err("does not show whether the caller is a person"),
        ),
    ] {
        let mut bench = Bench::warm(&exchanging(change));
        let (id, ruling) = bench.chat(&token.build());
        match expected {
            Ok(mail) => {
                assert_eq!(code_of(&ruling), "waiting", "{mail}");
                assert_eq!(subject(&bench.calls[0].callout), mail);
            }
            Err(reason) => {
                let reply = reply_of(&ruling);
                assert_eq!(reply.status, 403, "{}", reply.body);
                assert_eq!(header_of(&ruling, "x-error-code").unwrap(), "not_a_member");
                assert!(reply.body.contains(reason), "{reason}: {}", reply.body);
                assert!(bench.calls.is_empty());
                bench.gate.finish(id, Some(403), bench.now);
                let record = &bench.audit()[0];
                assert_eq!(record["credential"], "hf-per-user");
                assert_eq!(record["rule"], "scientists");
            }
        }
    }
}

#[test]
fn unknown_member_is_denied_and_not_retried_immediately() {
    let mut bench = bench();
    let ada = Token::of(Persona::Ada).build();
    let (id, _) = bench.chat(&ada);
    bench.answer(error(400, "invalid_grant"));
    assert_eq!(bench.resume_woken(), [(id, "not_a_member".into())]);
    let (_, ruling) = bench.chat(&ada);
    let reply = reply_of(&ruling);
    assert_eq!(reply.status, 403);
    assert!(reply.body.contains("ask its administrator to invite you"));
    assert!(bench.calls.is_empty());
    bench.advance(30);
    assert_eq!(bench.code(&ada), "waiting");
    bench.answer(token("invited"));
    assert_eq!(
        authorization_sent(&mut bench, Persona::Ada).as_deref(),
        Some("Bearer invited")
    );
}

#[test]
fn other_exchange_failure_is_a_gateway_error_and_logged_once() {
    for failure in [
        error(401, "invalid_client"),
        error(400, "invalid_scope"),
        error(500, "invalid_grant"),
        ok(json!({"token_type": "bearer"})),
        Answer::Failed(CalloutError::Interrupted),
    ] {
        let mut bench = bench();
        for persona in [Persona::Ada, Persona::Cora] {
            let (id, _) = bench.chat(&Token::of(persona).build());
            bench.answer(failure.clone());
            assert_eq!(
                bench.resume_woken(),
                [(id, "credential_unavailable".into())]
            );
        }
        let ada = Token::of(Persona::Ada).build();
        assert_eq!(bench.code(&ada), "credential_unavailable");
        assert!(
            bench.calls.is_empty(),
            "the exchange is not retried immediately"
        );
        let notices = bench.gate.take_notices();
        let is_warning = |notice: &&Notice| matches!(notice, Notice::Log(log::Level::Warn, text) if text.contains("hf-per-user"));
        assert_eq!(notices.iter().filter(is_warning).count(), 1, "{notices:?}");
        bench.advance(5);
        assert_eq!(bench.code(&ada), "waiting");
    }
}

#[test]
fn request_after_a_wait_timeout_uses_the_exchanged_token() {
    let mut bench = bench();
    let (id, _) = bench.chat(&Token::of(Persona::Ada).build());
    bench.advance(2);
    assert_eq!(
        bench.resume_woken(),
        [(id, "credential_unavailable".into())]
    );
    bench.answer(token("late"));
    assert_eq!(
        authorization_sent(&mut bench, Persona::Ada).as_deref(),
        Some("Bearer late")
    );
}

#[test]
fn rejected_token_is_exchanged_again() {
    let mut bench = bench();
    bench.chat(&Token::of(Persona::Ada).build());
    bench.answer(token("first"));
    bench.advance(60);
    let (id, _) = bench.chat(&Token::of(Persona::Ada).build());
    bench.gate.credential_rejected(id, bench.now);
    assert_eq!(authorization_sent(&mut bench, Persona::Ada), None);
    bench.answer(token("second"));
    bench.gate.credential_rejected(id, bench.now);
    assert_eq!(
        authorization_sent(&mut bench, Persona::Ada).as_deref(),
        Some("Bearer second"),
        "the rejection of the first token is outdated"
    );
}

#[test]
fn output_contains_no_addresses_or_tokens() {
    let mut bench = bench();
    let (id, _) = bench.chat(&Token::of(Persona::Ada).build());
    let calls = format!("{:?}", bench.calls);
    bench.answer(token("secret-token"));
    bench.resume_woken();
    bench.gate.finish(id, Some(200), bench.now);
    let notices = bench.gate.take_notices();
    let printed = format!("{calls} {notices:?}");
    let gate = format!("{:?}", bench.gate);
    for secret in ["secret-token", "oauth-secret", "client-1"] {
        assert!(!printed.contains(secret) && !gate.contains(secret));
    }
    assert!(!printed.contains("ada@contoso.com"), "{printed}");
}
