//! Who is billed for a request: `bill_to` of the rule, the credential or `forward`.

use crate::support;

use entragate::gate::Step;
use serde_json::{Value, json};
use support::*;

/// The value of `X-HF-Bill-To` and the member of the audit record, which must be equal.
fn payer(settings: &Value, path: &str, token: Option<&str>) -> Option<String> {
    let mut bench = Bench::warm(settings);
    let authorization = token.map(|token| format!("Bearer {token}"));
    let mut fields = vec![
        (":method", "POST"),
        (":path", path),
        (":authority", "hf.contoso.com"),
        ("x-hf-bill-to", "victim"),
    ];
    fields.extend(
        authorization
            .as_deref()
            .map(|value| ("authorization", value)),
    );
    let stripped = bench
        .gate
        .strip_credentials(&fields.iter().copied().collect());
    assert!(stripped.contains(&"x-hf-bill-to".to_owned()));
    let (id, ruling) = bench.send(&fields);
    let Step::Forward(edits) = ruling.step else {
        panic!("{:?}", ruling.step)
    };
    let mut sent = edits.iter().filter(|edit| edit.name == "x-hf-bill-to");
    let value = sent.next().map(|edit| edit.value.clone());
    assert!(sent.next().is_none());
    bench.gate.finish(id, Some(200), bench.now);
    assert_eq!(bench.audit()[0]["bill_to"], json!(value));
    value
}

#[test]
fn most_specific_payer_is_billed_and_recorded() {
    let give = |to: &mut Value, name: &str, is_given: bool| {
        if is_given {
            to["bill_to"] = name.into();
        }
    };
    for bits in 0..8 {
        let [by_rule, by_credential, by_default] = [bits & 1 > 0, bits & 2 > 0, bits & 4 > 0];
        let mut settings = with_rules(json!([
            {"name": "open", "match": {"paths": ["/open"]}, "anonymous": true, "credential": "hf-read"},
            {"name": "own", "match": {"paths": ["/own"]}, "require": {"issuer": "contoso"}},
            {"name": "bare", "match": {"paths": ["/bare"]}, "require": {"issuer": "contoso"},
             "credential": "none"},
        ]));
        settings["forward"] = json!({});
        for rule in 0..2 {
            give(
                &mut settings["rules"][rule],
                "68e0a1b2c3d4e5f60718293a",
                by_rule,
            );
        }
        give(&mut settings["credentials"][0], "contoso-ml", by_credential);
        give(&mut settings["forward"], "contoso", by_default);
        let expected = match (by_rule, by_credential, by_default) {
            (true, _, _) => Some("68e0a1b2c3d4e5f60718293a"),
            (false, true, _) => Some("contoso-ml"),
            (false, false, true) => Some("contoso"),
            (false, false, false) => None,
        };
        let token = ada().build();
        let found = payer(&settings, "/own", Some(&token));
        assert_eq!(found.as_deref(), expected, "{bits}");
        let found = payer(&settings, "/open", None);
        assert_eq!(found.as_deref(), expected, "{bits}");
        // Nobody is billed for a request without a credential.
        assert_eq!(payer(&settings, "/bare", Some(&token)), None);
    }
}
