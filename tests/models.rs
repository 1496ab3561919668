//! Rules by model: where the model is told, who must wait for the body, and what comes of it.

mod support;

use entragate::gate::{Notice, Ruling, Step, StreamId};
use entragate::token::signature::JwtSimple;
use serde_json::{Value, json};
use support::*;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::Persona;

/// Deny `secret/*`; allow `meta/*` to those with the role, everything to administrators.
fn by_model() -> Value {
    let mut settings = settings();
    settings["endpoints"] = json!([
        {"hosts": ["llama.contoso.com"], "model": "meta/llama"},
        {"hosts": ["secret.contoso.com"], "model": "Secret/One"},
        {"paths": ["/only/path/**"], "model_from": "path"},
        {"paths": ["/models/body/**"], "model_from": "body"},
    ]);
    settings["rules"] = json!([
        {"name": "demo", "match": {"paths": ["/demo"], "models": ["tiny/*"]}, "anonymous": true},
        {"name": "no-secrets", "match": {"models": ["secret/*"]}, "require": {"role": "Model.Query"},
         "effect": "deny"},
        {"name": "open", "match": {"paths": ["/open"]}, "require": {"role": "Model.Query"}, "credential": "hf-read"},
        {"name": "llama", "match": {"methods": ["POST"], "models": ["meta/*"]},
         "require": {"role": "Model.Query"}, "credential": "hf-read"},
        {"name": "admins", "match": {"paths": ["/v1/**"]}, "require": {"role": "Admin"}, "credential": "hf-read"},
    ]);
    settings["limits"] = json!({"body_inspected": 1000});
    settings
}

/// A request and what its body is, sent as the host would: headers, then pieces.
struct Sent<'a> {
    path: &'a str,
    host: &'a str,
    content_type: &'a str,
    body: Option<&'a [u8]>,
    token: Option<String>,
}

fn sent<'a>(path: &'a str, body: &'a str) -> Sent<'a> {
    Sent {
        path,
        host: "gateway.contoso.com",
        content_type: "application/json",
        body: Some(body.as_bytes()),
        token: Some(ada().build()),
    }
}

impl Sent<'_> {
    fn begin(&self, bench: &mut Bench) -> (StreamId, Ruling) {
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = entragate::request::Headers::from_iter([
            (":method", "POST"),
            (":path", self.path),
            (":authority", self.host),
            ("content-type", self.content_type),
        ]);
        if let Some(authorization) = &authorization {
            headers.push(b"authorization", authorization.as_bytes());
        }
        headers.is_all = self.body.is_none();
        bench.send_headers(headers)
    }

    /// How the request ends, whether its body was asked for, and the audited model.
    fn end(&self, bench: &mut Bench) -> (String, bool, Value) {
        let (id, mut ruling) = self.begin(bench);
        let inspected = ruling.step == Step::Inspect;
        if inspected {
            ruling =
                feed(bench, id, self.body.unwrap_or_default(), 7).expect("a decision at the end");
        }
        let code = code_of(&ruling);
        bench.gate.finish(id, Some(200), bench.now);
        let records = bench.audit();
        (
            code,
            inspected,
            records
                .last()
                .map_or(Value::Null, |record| record["model"].clone()),
        )
    }
}

/// Hands the body over in pieces of that size; the ruling must come with the last, or at a failure.
fn feed(bench: &mut Bench, id: StreamId, body: &[u8], size: usize) -> Option<Ruling> {
    let before = bench.gate.is_permitted(id);
    for piece in body.chunks(size) {
        let ruling = bench
            .gate
            .body(id, Some(piece), false, bench.now, &JwtSimple);
        if let Some(ruling) = ruling {
            assert!(
                matches!(ruling.step, Step::Reply(_)),
                "before the end only a denial"
            );
            return Some(ruling);
        }
        assert_eq!(bench.gate.is_permitted(id), before);
    }
    bench.gate.body(id, Some(b""), true, bench.now, &JwtSimple)
}

fn body(model: &str) -> String {
    json!({"messages": [{"content": "x"}], "model": model}).to_string()
}

#[test]
fn the_model_decides_wherever_it_is_told() {
    let mut bench = Bench::warm(&by_model());
    let [llama, secret, other] = ["meta/llama:fastest", "SECRET/one", "mistral/x"].map(body);
    let chat = "/v1/chat/completions";
    let at = |host, path, body| Sent {
        host,
        ..sent(path, body)
    };
    let gateway = "gateway.contoso.com";
    for (request, code, read, model) in [
        (sent(chat, &llama), "permitted", true, "meta/llama"),
        (sent(chat, &secret), "denied_by_rule", true, "SECRET/one"),
        (sent(chat, &other), "rule_unsatisfied", true, "mistral/x"),
        (
            sent("/v1/embeddings", &llama),
            "permitted",
            true,
            "meta/llama",
        ),
        // The host fixes the model, whatever the body says.
        (
            at("llama.contoso.com", chat, "{}"),
            "permitted",
            false,
            "meta/llama",
        ),
        (
            at("LLAMA.contoso.com:443", "/", &secret),
            "permitted",
            false,
            "meta/llama",
        ),
        (
            at("secret.contoso.com", chat, &llama),
            "denied_by_rule",
            false,
            "Secret/One",
        ),
        // The path does, before the body.
        (
            at(gateway, "/models/meta/llama", &secret),
            "permitted",
            false,
            "meta/llama",
        ),
        (
            at(
                gateway,
                "/hf-inference/models/meta/llama/pipeline/x",
                &secret,
            ),
            "permitted",
            false,
            "meta/llama",
        ),
        (
            at(gateway, "/models/secret/one", &llama),
            "denied_by_rule",
            false,
            "secret/one",
        ),
        (
            at(gateway, "/models/gpt2", &llama),
            "no_rule",
            false,
            "gpt2",
        ),
        (
            at(gateway, "/models/body/x", &llama),
            "permitted",
            true,
            "meta/llama",
        ),
        (
            at(gateway, "/only/path/x", &llama),
            "model_missing",
            false,
            "",
        ),
    ] {
        let model = match model {
            "" => Value::Null,
            model => model.into(),
        };
        let expected = (code.to_owned(), read, model);
        assert_eq!(
            request.end(&mut bench),
            expected,
            "{}{}",
            request.host,
            request.path
        );
    }
}

#[test]
fn a_body_that_can_t_tell_the_model_is_refused_with_a_reason() {
    let mut bench = Bench::warm(&by_model());
    let chat = "/v1/chat/completions";
    let long = json!({"model": "meta/llama", "x": "y".repeat(1000)}).to_string();
    let twice = r#"{"model":"meta/llama","model":"secret/one"}"#;
    let gzip: &[u8] = b"\x1f\x8b\x08\x00";
    for (request, code, read) in [
        (sent(chat, "{}"), "model_missing", true),
        (sent(chat, r#"{"model":"tgi"}"#), "model_missing", true),
        (sent(chat, r#"{"model":"dummy"}"#), "model_missing", true),
        (
            sent(chat, r#"{"model":"https://x.example/"}"#),
            "model_missing",
            true,
        ),
        (sent(chat, twice), "body_unreadable", true),
        (sent(chat, "model=meta/llama"), "body_unreadable", true),
        (sent(chat, &long), "body_too_large", true),
        (
            Sent {
                body: Some(gzip),
                ..sent(chat, "")
            },
            "body_unreadable",
            true,
        ),
        (
            Sent {
                content_type: "multipart/form-data; boundary=x",
                ..sent(chat, "")
            },
            "body_unreadable",
            false,
        ),
        // No body: rules that name models are not about it.
        (
            Sent {
                body: None,
                ..sent(chat, "")
            },
            "rule_unsatisfied",
            false,
        ),
        (sent(chat, ""), "rule_unsatisfied", true),
        (
            Sent {
                body: None,
                ..sent("/only", "")
            },
            "no_rule",
            false,
        ),
        (
            Sent {
                body: None,
                ..sent("/models/meta/x", "")
            },
            "permitted",
            false,
        ),
    ] {
        let (got, inspected, _) = request.end(&mut bench);
        assert_eq!(
            (got.as_str(), inspected),
            (code, read),
            "{:?}",
            request.body
        );
    }
}

#[test]
fn nobody_reads_a_body_that_decides_nothing() {
    let mut bench = Bench::warm(&by_model());
    let mut settings = by_model();
    let with = |token: Token| Some(token.build());
    // A bad token is refused before the body.
    let wrong = sent("/v1/x", "{}");
    let wrong = Sent {
        token: with(Token::of(Persona::WrongAudience)),
        ..wrong
    };
    assert_eq!(wrong.end(&mut bench).0, "audience_mismatch");
    let none = Sent {
        token: None,
        ..sent("/v1/x", "{}")
    };
    assert_eq!(
        none.end(&mut bench),
        ("token_missing".into(), false, Value::Null)
    );
    // Whom no open rule can touch is not asked: without the role the deny rule never holds.
    let admin = || with(ada().claim("roles", json!(["Admin"])));
    let request = Sent {
        token: admin(),
        ..sent("/v1/x", "{}")
    };
    assert_eq!(
        request.end(&mut bench).0,
        "model_missing",
        "an allow rule that names models is first"
    );
    settings["rules"][3]["mode"] = json!("shadow");
    let mut bench = Bench::warm(&settings);
    let request = Sent {
        token: admin(),
        ..sent("/v1/x", "{}")
    };
    assert_eq!(
        request.end(&mut bench),
        ("permitted".into(), false, Value::Null)
    );
    // A deny rule that might hold needs the model even where another permits.
    let request = sent("/open", "{}");
    assert_eq!(
        request.end(&mut bench),
        ("model_missing".into(), true, Value::Null)
    );
    let harmless = body("a/b");
    assert_eq!(sent("/open", &harmless).end(&mut bench).0, "permitted");
}

#[test]
fn an_anonymous_rule_can_name_models() {
    let mut bench = Bench::warm(&by_model());
    let [tiny, llama] = ["tiny/x", "meta/llama"].map(body);
    let stranger = |body| Sent {
        token: None,
        ..sent("/demo", body)
    };
    assert_eq!(
        stranger(&tiny).end(&mut bench),
        ("anonymous".into(), true, "tiny/x".into())
    );
    assert_eq!(
        stranger(&llama).end(&mut bench),
        ("token_missing".into(), true, "meta/llama".into())
    );
    assert_eq!(stranger("{}").end(&mut bench).0, "model_missing");
    assert_eq!(stranger("[").end(&mut bench).0, "body_unreadable");
    // Who brings a token is judged by it where the rule does not hold.
    assert_eq!(sent("/demo", &llama).end(&mut bench).0, "permitted");
    let broken = Sent {
        token: Some("a.b.c".into()),
        ..sent("/demo", &tiny)
    };
    assert_eq!(broken.end(&mut bench).0, "anonymous");
}

#[test]
fn keys_and_body_come_in_either_order() {
    let llama = body("meta/llama");
    let secret = body("secret/one");
    for (body, code) in [(&llama, "permitted"), (&secret, "denied_by_rule")] {
        // All of the body first.
        let mut bench = Bench::cold(&by_model());
        let (id, ruling) = sent("/v1/x", body).begin(&mut bench);
        assert_eq!(ruling.step, Step::Wait);
        assert_eq!(feed(&mut bench, id, body.as_bytes(), 5), None);
        bench.answer(jwks(&[&keys::rsa()]));
        assert_eq!(bench.resume_woken(), [(id, code.to_owned())]);
        // Half of it first.
        let mut bench = Bench::cold(&by_model());
        let (id, _) = sent("/v1/x", body).begin(&mut bench);
        let (first, rest) = body.as_bytes().split_at(20);
        assert_eq!(
            bench
                .gate
                .body(id, Some(first), false, bench.now, &JwtSimple),
            None
        );
        bench.answer(jwks(&[&keys::rsa()]));
        assert_eq!(bench.resume_woken(), [(id, "inspecting".to_owned())]);
        assert_eq!(code_of(&feed(&mut bench, id, rest, 3).unwrap()), code);
        // The keys last, for a body that an anonymous rule asked for.
        let mut bench = Bench::cold(&by_model());
        let (id, ruling) = sent("/demo", body).begin(&mut bench);
        assert_eq!(ruling.step, Step::Inspect);
        let ruling = bench
            .gate
            .body(id, Some(body.as_bytes()), true, bench.now, &JwtSimple);
        assert_eq!(ruling.unwrap().step, Step::Wait);
        bench.answer(jwks(&[&keys::rsa()]));
        assert_eq!(bench.resume_woken(), [(id, code.to_owned())]);
    }
}

#[test]
fn a_token_that_expires_while_its_body_comes_is_refused() {
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
        bench
            .gate
            .body(id, Some(b"{"), false, bench.now, &JwtSimple),
        None
    );
    bench.advance(200);
    let ruling = bench.gate.body(
        id,
        Some(&llama.as_bytes()[1..]),
        true,
        bench.now,
        &JwtSimple,
    );
    assert_eq!(code_of(&ruling.unwrap()), "token_expired");
}

#[test]
fn a_host_that_keeps_the_body_back_is_found_out() {
    let mut bench = Bench::warm(&by_model());
    let (id, _) = sent("/v1/x", "{}").begin(&mut bench);
    bench.advance(1);
    assert_eq!(bench.resume_woken(), []);
    bench.advance(2);
    assert_eq!(bench.resume_woken(), [(id, "internal".to_owned())]);
    assert!(!bench.gate.is_permitted(id));
    let told = bench
        .gate
        .take_notices()
        .into_iter()
        .any(|notice| match notice {
            Notice::Log(log::Level::Error, text) => {
                text.contains("allow_on_headers_stop_iteration")
            }
            _ => false,
        });
    assert!(told);
    bench.gate.finish(id, Some(500), bench.now);
    let record = bench.audit().remove(0);
    assert!(
        record["reason"]
            .as_str()
            .unwrap()
            .contains("allow_on_headers_stop_iteration")
    );
    // Once a body has come, a slow caller is only slow.
    let llama = body("meta/llama");
    let (first, _) = sent("/v1/x", &llama).begin(&mut bench);
    let (second, _) = sent("/v1/x", &llama).begin(&mut bench);
    assert_eq!(
        bench
            .gate
            .body(first, Some(b""), false, bench.now, &JwtSimple),
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
fn a_slow_caller_is_told_from_a_host_that_keeps_the_body_back() {
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
            "nothing came, so nothing was kept back"
        );
    }
    // Bytes came, but not to us.
    bench.advance(5);
    bench.gate.note_received(id, 950);
    assert_eq!(bench.resume_woken(), [(id, "internal".to_owned())]);
    let (_, ruling) = sent("/v1/x", &llama).begin(&mut bench);
    assert_eq!(
        code_of(&ruling),
        "internal",
        "at once, now that it is proven"
    );
    assert_eq!(sent("/models/meta/x", "{}").end(&mut bench).0, "permitted");
}

#[test]
fn whoever_leaves_while_the_body_comes_is_counted_and_forgotten() {
    let mut bench = Bench::warm(&by_model());
    let (id, _) = sent("/v1/x", "{}").begin(&mut bench);
    bench.gate.finish(id, None, bench.now);
    assert!(bench.audit().is_empty());
    assert_eq!(
        bench
            .gate
            .body(id, Some(b"{}"), true, bench.now, &JwtSimple),
        None
    );
    // The host's own limit was hit before ours.
    let (id, _) = sent("/v1/x", "{}").begin(&mut bench);
    bench.gate.finish(id, Some(413), bench.now);
    assert_eq!(bench.audit()[0]["code"], "body_too_large");
    // A piece that can't be read denies.
    let (id, _) = sent("/v1/x", "{}").begin(&mut bench);
    let ruling = bench.gate.body(id, None, false, bench.now, &JwtSimple);
    assert_eq!(code_of(&ruling.unwrap()), "internal");
}

#[test]
fn shadow_rules_see_the_model_without_holding_the_body() {
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
        assert_eq!(code_of(&ruling), "permitted", "at once");
        assert!(bench.gate.wants_body(id));
        assert_eq!(feed(&mut bench, id, body.as_bytes(), 4), None);
        assert!(!bench.gate.wants_body(id));
        bench.gate.finish(id, Some(200), bench.now);
        let record = bench.audit().remove(0);
        assert_eq!((&record["shadow"], &record["model"]), (&shadow, &model));
        assert_eq!(record["code"], "permitted");
    }
}

/// Whether the model is told by the body, read only where needed, or beforehand, must not matter.
#[test]
fn reading_late_decides_the_same() {
    let mut state = 9_u64;
    let mut below = |end: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % end
    };
    for _ in 0..150 {
        let mut rules = Vec::new();
        for n in 0..5 {
            let mut rule = json!({
                "name": format!("r{n}"), "match": {},
                "require": {"role": (["Model.Query", "Other"][below(2) as usize])},
            });
            if below(3) > 0 {
                rule["match"]["models"] = json!(([["a/*"], ["b/*"], ["**"]][below(3) as usize]));
            }
            match below(3) {
                0 => rule["effect"] = "deny".into(),
                _ => rule["credential"] = "hf-read".into(),
            }
            rules.push(rule);
        }
        let mut settings = settings();
        settings["rules"] = rules.into();
        let mut bench = Bench::warm(&settings);
        for model in ["a/x", "b/x", "c/x"] {
            let outcome = |bench: &mut Bench, path: &str| {
                let body = body(model);
                let (id, mut ruling) = sent(path, &body).begin(bench);
                if ruling.step == Step::Inspect {
                    ruling = feed(bench, id, body.as_bytes(), 11).unwrap();
                }
                let rule = ruling
                    .marks
                    .iter()
                    .find(|(name, _)| *name == "entragate.rule");
                match ruling.step {
                    Step::Forward(_) => rule.map(|(_, rule)| rule.clone()),
                    _ => None,
                }
            };
            let told = outcome(&mut bench, &format!("/models/{model}"));
            let read = outcome(&mut bench, "/v1/x");
            assert_eq!(told, read, "{model} under {settings}");
        }
    }
}
