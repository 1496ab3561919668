//! Bodies in transit: late keys, slow callers, hosts that withhold bodies, shadow rules.

use super::*;

#[test]
fn keys_and_body_can_arrive_in_either_order() {
    let llama = body("meta/llama");
    let secret = body("secret/one");
    for (body, code) in [(&llama, "permitted"), (&secret, "denied_by_rule")] {
        // The complete body arrives before the keys.
        let mut bench = Bench::cold(&by_model());
        let (id, ruling) = sent("/v1/x", body).begin(&mut bench);
        assert_eq!(ruling.step, Step::Wait);
        assert_eq!(feed(&mut bench, id, body.as_bytes(), 5), None);
        bench.answer(jwks(&[&keys::rsa()]));
        assert_eq!(bench.resume_woken(), [(id, code.to_owned())]);
        // Half of the body arrives before the keys.
        let mut bench = Bench::cold(&by_model());
        let (id, _) = sent("/v1/x", body).begin(&mut bench);
        let (first, rest) = body.as_bytes().split_at(20);
        assert_eq!(
            bench
                .gate
                .body(id, Some(first), false, bench.now, &Portable),
            None
        );
        bench.answer(jwks(&[&keys::rsa()]));
        assert_eq!(bench.resume_woken(), [(id, "inspecting".to_owned())]);
        assert_eq!(code_of(&feed(&mut bench, id, rest, 3).unwrap()), code);
        // The keys arrive last, and an anonymous rule needs the body.
        let mut bench = Bench::cold(&by_model());
        let (id, ruling) = sent("/demo", body).begin(&mut bench);
        assert_eq!(ruling.step, Step::Inspect);
        let ruling = bench
            .gate
            .body(id, Some(body.as_bytes()), true, bench.now, &Portable);
        assert_eq!(ruling.unwrap().step, Step::Wait);
        bench.answer(jwks(&[&keys::rsa()]));
        assert_eq!(bench.resume_woken(), [(id, code.to_owned())]);
    }
}

#[test]
fn token_that_expires_while_the_body_arrives_is_refused() {
    let mut bench = Bench::warm(&by_model());
    let token = ada().claim(
        "exp",
        bench
            .now
            .plus(std::time::Duration::from_secs(30))
            .as_millis()
            / 1000,
    );
    let llama = body("meta/llama");
    let request = Sent {
        token: Some(token.build()),
        ..sent("/v1/x", &llama)
    };
    let (id, ruling) = request.begin(&mut bench);
    assert_eq!(ruling.step, Step::Inspect);
    assert_eq!(
        bench.gate.body(id, Some(b"{"), false, bench.now, &Portable),
        None
    );
    bench.advance(200);
    let ruling = bench
        .gate
        .body(id, Some(&llama.as_bytes()[1..]), true, bench.now, &Portable);
    assert_eq!(code_of(&ruling.unwrap()), "token_expired");
}

/// Sends a request whose token is verified before the first half of the body; the second half is missing.
fn halfway(bench: &mut Bench, llama: &str) -> StreamId {
    let (id, ruling) = sent("/v1/x", llama).begin(bench);
    assert_eq!(ruling.step, Step::Inspect);
    let first = &llama.as_bytes()[..20];
    let ruling = bench
        .gate
        .body(id, Some(first), false, bench.now, &Portable);
    assert_eq!(ruling, None);
    id
}

fn by_model_with_keys_of_ten_minutes() -> Value {
    let mut settings = by_model();
    settings["issuers"][0]["jwks"] =
        json!({"cluster": "entra", "refresh": "1m", "max_stale": "10m"});
    settings
}

#[test]
fn keys_that_become_stale_while_the_body_arrives_deny() {
    let llama = body("meta/llama");
    let rest = &llama.as_bytes()[20..];
    let renewed: [(&[&keys::SigningKey], &str); 3] = [
        (&[&keys::rsa()], "permitted"),
        (&[&keys::other_rsa(), &keys::rsa()], "permitted"),
        (&[&keys::other_rsa()], "key_unknown"),
    ];
    for (published, code) in renewed {
        // With a cached token, and with one that was just verified.
        for times in [1, 2] {
            let mut bench = Bench::warm(&by_model_with_keys_of_ten_minutes());
            let mut id = 0;
            (0..times).for_each(|_| id = halfway(&mut bench, &llama));
            bench.advance(601);
            let ruling = feed(&mut bench, id, rest, 9).expect("the body is complete");
            assert_eq!(ruling.step, Step::Wait, "the request waits for new keys");
            bench.answer(jwks(published));
            assert_eq!(bench.resume_woken(), [(id, code.to_owned())]);
        }
    }
    // No new keys arrive.
    let mut bench = Bench::warm(&by_model_with_keys_of_ten_minutes());
    let id = halfway(&mut bench, &llama);
    bench.advance(601);
    feed(&mut bench, id, rest, 9).expect("the body is complete");
    bench.advance(3);
    assert_eq!(bench.resume_woken(), [(id, "keys_unavailable".to_owned())]);
}

#[test]
fn key_removed_while_the_body_arrives_denies() {
    let llama = body("meta/llama");
    let rest = &llama.as_bytes()[20..];
    let renewed: [(&[&keys::SigningKey], &str); 2] = [
        (&[&keys::other_rsa(), &keys::rsa()], "permitted"),
        (&[&keys::other_rsa()], "key_unknown"),
    ];
    for (published, code) in renewed {
        let mut bench = Bench::warm(&by_model_with_keys_of_ten_minutes());
        let id = halfway(&mut bench, &llama);
        bench.advance(61);
        bench.answer(jwks(published));
        let ruling = feed(&mut bench, id, rest, 9).expect("the body is complete");
        assert_eq!(code_of(&ruling), code);
    }
}

#[test]
fn host_that_withholds_bodies_is_detected() {
    let mut bench = Bench::warm(&by_model());
    let (id, _) = sent("/v1/x", "{}").begin(&mut bench);
    bench.advance(1);
    assert_eq!(bench.resume_woken(), []);
    bench.advance(2);
    assert_eq!(bench.resume_woken(), [(id, "internal".to_owned())]);
    assert!(!bench.gate.is_permitted(id));
    let logged = bench
        .gate
        .take_notices()
        .into_iter()
        .any(|notice| match notice {
            Notice::Log(log::Level::Error, text) => {
                text.contains("allow_on_headers_stop_iteration")
            }
            _ => false,
        });
    assert!(logged);
    bench.gate.finish(id, Some(500), bench.now);
    let record = bench.audit().remove(0);
    assert!(
        record["reason"]
            .as_str()
            .unwrap()
            .contains("allow_on_headers_stop_iteration")
    );
    // After a body has arrived, a slow caller is recognized as slow.
    let llama = body("meta/llama");
    let (first, _) = sent("/v1/x", &llama).begin(&mut bench);
    let (second, _) = sent("/v1/x", &llama).begin(&mut bench);
    assert_eq!(
        bench
            .gate
            .body(first, Some(b""), false, bench.now, &Portable),
        None
    );
    bench.advance(600);
    assert_eq!(bench.resume_woken(), []);
    for id in [first, second] {
        assert_eq!(
            code_of(&feed(&mut bench, id, llama.as_bytes(), 9).unwrap()),
            "permitted"
        );
    }
}

#[test]
fn slow_caller_is_not_mistaken_for_a_withholding_host() {
    let mut bench = Bench::warm(&by_model());
    let llama = body("meta/llama");
    let (id, _) = sent("/v1/x", &llama).begin(&mut bench);
    bench.gate.note_received(id, 900);
    for _ in 0..3 {
        bench.advance(5);
        bench.gate.note_received(id, 900);
        assert_eq!(
            bench.resume_woken(),
            [],
            "no body arrived, so the host withheld none"
        );
    }
    // Bytes arrived at the host, but not at the filter.
    bench.advance(5);
    bench.gate.note_received(id, 950);
    assert_eq!(bench.resume_woken(), [(id, "internal".to_owned())]);
    let (_, ruling) = sent("/v1/x", &llama).begin(&mut bench);
    assert_eq!(
        code_of(&ruling),
        "internal",
        "the denial is immediate once this is detected"
    );
    // The path names the model, but a JSON body may name another; audio can't name one.
    assert_eq!(sent("/models/meta/x", "{}").end(&mut bench).0, "internal");
    let audio = Sent {
        content_type: "audio/flac",
        ..sent("/models/meta/x", "fLaC")
    };
    assert_eq!(audio.end(&mut bench).0, "permitted");
}

#[test]
fn caller_that_disconnects_while_the_body_arrives_is_counted_and_released() {
    let mut bench = Bench::warm(&by_model());
    let (id, _) = sent("/v1/x", "{}").begin(&mut bench);
    bench.gate.finish(id, None, bench.now);
    assert!(bench.audit().is_empty());
    assert_eq!(
        bench.gate.body(id, Some(b"{}"), true, bench.now, &Portable),
        None
    );
    // The host's own limit was reached before ours.
    let (id, _) = sent("/v1/x", "{}").begin(&mut bench);
    bench.gate.finish(id, Some(413), bench.now);
    assert_eq!(bench.audit()[0]["code"], "body_too_large");
    // A piece that can't be read leads to a denial.
    let (id, _) = sent("/v1/x", "{}").begin(&mut bench);
    let ruling = bench.gate.body(id, None, false, bench.now, &Portable);
    assert_eq!(code_of(&ruling.unwrap()), "internal");
}

#[test]
fn shadow_rule_reads_the_model_without_holding_the_body() {
    let mut settings = by_model();
    settings["rules"] = json!([
        {"name": "trial", "match": {"models": ["meta/*"]}, "require": {"role": "Model.Query"},
         "effect": "deny", "mode": "shadow"},
        {"name": "open", "require": {"role": "Model.Query"}, "credential": "hf-read"},
    ]);
    let mut bench = Bench::warm(&settings);
    for (body, shadow, model) in [
        (
            body("meta/llama"),
            json!([{"rule": "trial", "would": "deny"}]),
            json!("meta/llama"),
        ),
        (body("other"), json!([]), json!("other")),
        ("[".to_owned(), json!([]), Value::Null),
    ] {
        let (id, ruling) = sent("/v1/x", &body).begin(&mut bench);
        assert_eq!(code_of(&ruling), "permitted", "the decision is immediate");
        assert!(bench.gate.wants_body(id));
        assert_eq!(feed(&mut bench, id, body.as_bytes(), 4), None);
        assert!(!bench.gate.wants_body(id));
        bench.gate.finish(id, Some(200), bench.now);
        let record = bench.audit().remove(0);
        assert_eq!((&record["shadow"], &record["model"]), (&shadow, &model));
        assert_eq!(record["code"], "permitted");
    }
}
