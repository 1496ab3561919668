//! Decisions by model, and whether the body was read for them.

use super::*;

#[test]
fn model_from_any_source_decides() {
    let mut bench = Bench::warm(&by_model());
    let [llama, secret, other] = ["meta/llama:fastest", "SECRET/one", "mistral/x"].map(body);
    let nameless = json!({"inputs": "x"}).to_string();
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
        // The host determines the model; the body is ignored.
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
        // The path determines the model, and the body must not contradict it.
        (
            at(gateway, "/models/meta/llama", &llama),
            "permitted",
            true,
            "meta/llama",
        ),
        (
            at(gateway, "/models/meta/llama", &secret),
            "request_ambiguous",
            true,
            "",
        ),
        (
            at(
                gateway,
                "/hf-inference/models/meta/llama/pipeline/x",
                &nameless,
            ),
            "permitted",
            true,
            "meta/llama",
        ),
        (
            at(gateway, "/models/secret/one", &nameless),
            "denied_by_rule",
            true,
            "secret/one",
        ),
        (
            at(gateway, "/models/secret/one", &llama),
            "request_ambiguous",
            true,
            "",
        ),
        (
            at(gateway, "/models/gpt2", &nameless),
            "no_rule",
            true,
            "gpt2",
        ),
        (
            at(gateway, "/models/body/x", &llama),
            "request_ambiguous",
            true,
            "",
        ),
        (
            at(gateway, "/v1/models/secret/one", &llama),
            "request_ambiguous",
            true,
            "",
        ),
        // No endpoint configures a model for this host: body and path are ignored.
        (
            at(gateway, "/generate", &llama),
            "denied_by_rule",
            false,
            "",
        ),
        (
            at(gateway, "/x/models/meta/llama", &llama),
            "denied_by_rule",
            false,
            "",
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
fn body_without_readable_model_is_refused_with_a_reason() {
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
        (sent(chat, twice), "request_ambiguous", true),
        (sent(chat, r#"{"model":5}"#), "model_missing", true),
        (sent(chat, r#"["meta/llama"]"#), "model_missing", true),
        (
            sent(chat, r#"{"model":"../meta/llama"}"#),
            "request_ambiguous",
            true,
        ),
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
                ..sent(chat, "--x--")
            },
            "body_unreadable",
            true,
        ),
        // Without a body, rules that name models do not apply.
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
fn body_is_not_read_if_no_rule_needs_it() {
    let mut bench = Bench::warm(&by_model());
    let mut settings = by_model();
    let with = |token: Token| Some(token.build());
    // An invalid token is denied before the body is read.
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
    // The body is not read if no rule that needs it can apply: without the role, the deny rule is never satisfied.
    let admin = || with(ada().claim("roles", json!(["Admin"])));
    let request = Sent {
        token: admin(),
        ..sent("/v1/x", "{}")
    };
    assert_eq!(
        request.end(&mut bench).0,
        "model_missing",
        "an allow rule that names models comes first"
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
    // A deny rule that could be satisfied needs the model, even if another rule permits the request.
    let request = sent("/open", "{}");
    assert_eq!(
        request.end(&mut bench),
        ("model_missing".into(), true, Value::Null)
    );
    let harmless = body("a/b");
    assert_eq!(sent("/open", &harmless).end(&mut bench).0, "permitted");
}

#[test]
fn anonymous_rule_can_name_models() {
    let mut bench = Bench::warm(&by_model());
    let [tiny, llama] = ["tiny/x", "meta/llama"].map(body);
    let without_token = |body| Sent {
        token: None,
        ..sent("/demo", body)
    };
    assert_eq!(
        without_token(&tiny).end(&mut bench),
        ("anonymous".into(), true, "tiny/x".into())
    );
    assert_eq!(
        without_token(&llama).end(&mut bench),
        ("token_missing".into(), true, "meta/llama".into())
    );
    assert_eq!(without_token("{}").end(&mut bench).0, "model_missing");
    assert_eq!(without_token("[").end(&mut bench).0, "body_unreadable");
    // If the anonymous rule does not apply, the token decides.
    assert_eq!(sent("/demo", &llama).end(&mut bench).0, "permitted");
    let broken = Sent {
        token: Some("a.b.c".into()),
        ..sent("/demo", &tiny)
    };
    assert_eq!(broken.end(&mut bench).0, "anonymous");
}

/// The decision must not depend on whether the model is known in advance or read from the body.
#[test]
fn late_body_gives_the_same_decision() {
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
            let from_path = outcome(&mut bench, &format!("/models/{model}"));
            let read = outcome(&mut bench, "/v1/x");
            assert_eq!(from_path, read, "{model} under {settings}");
        }
    }
}
