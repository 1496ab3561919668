//! The reply to a caller that could satisfy a rule by a stronger sign-in.

use crate::support;

use serde_json::{Value, json};
use support::case::Case;
use support::*;
use testbed::mint::Token;
use testbed::persona::*;

/// `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
const CLAIMS_C1: &str =
    "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";

/// The default settings with one allow rule.
fn with_requirement(require: Value) -> Value {
    with_rules(json!([{"name": "careful", "require": require}]))
}

#[test]
fn step_up_challenge_has_the_form_of_entra_clients() {
    let settings =
        with_requirement(json!({"all": [{"role": "Model.Query"}, {"auth_context": "c1"}]}));
    let (code, challenge, record) = Case::ada().run(&settings);
    assert_eq!(code, "step_up_required");
    let expected = format!(
        "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize\", \
         error=\"insufficient_claims\", claims=\"{CLAIMS_C1}\""
    );
    assert_eq!(challenge, Some(expected.clone()));
    assert_eq!(
        (&record["rule"], &record["code"]),
        (&json!("careful"), &json!("step_up_required"))
    );
    // The challenge is sent even with `detail: minimal`; otherwise no client could step up.
    let mut minimal = settings.clone();
    minimal["replies"] = json!({"detail": "minimal"});
    let (code, challenge, _) = Case::ada().run(&minimal);
    assert_eq!(
        (code.as_str(), challenge),
        ("step_up_required", Some(expected))
    );
    // A token with the context satisfies the rule.
    assert_eq!(
        Case::of(Token::of(Persona::Cora)).run(&settings).0,
        "permitted"
    );
}

#[test]
fn step_up_is_offered_only_if_it_leads_to_a_permit() {
    let c = |n: u8| json!({"auth_context": format!("c{n}")});
    let role = |name: &str| json!({"role": name});
    let step_up = |n: u8| (format!("\"value\":\"c{n}\""), "step_up_required");
    let denied = || (String::new(), "rule_unsatisfied");
    let app = Token::of(Persona::Batch).claim("xms_cc", json!(["cp1"]));
    let ben = Token::of(Persona::Ben).claim("xms_cc", json!(["CP1"]));
    for (require, token, (value, code)) in [
        (c(1), ada(), step_up(1)),
        (c(1), ben, step_up(1)),
        (c(1), ada().without("xms_cc"), denied()),
        (c(1), ada().claim("xms_cc", json!(["cp2"])), denied()),
        (c(1), ada().claim("xms_cc", json!("cp1 ")), denied()),
        (c(1), app, denied()),
        (json!({"all": [c(1), role("x")]}), ada(), denied()),
        (
            json!({"all": [c(1), {"source": ["10.0.0.0/8"]}]}),
            ada(),
            denied(),
        ),
        (
            json!({"not": c(1)}),
            ada().claim("acrs", json!(["c1"])),
            denied(),
        ),
        (
            json!({"any": [{"all": [c(2), role("x")]}, c(3)]}),
            ada(),
            step_up(3),
        ),
        (json!({"any": [c(4), c(3)]}), ada(), step_up(4)),
        (json!({"all": [c(1), c(2)]}), ada(), step_up(1)),
        (
            json!({"all": [c(1), c(2)]}),
            ada().claim("acrs", json!(["c1"])),
            step_up(2),
        ),
        (json!({"all": [c(1), {"not": c(2)}]}), ada(), step_up(1)),
        (
            json!({"all": [c(1), {"not": c(2)}]}),
            ada().claim("acrs", json!(["c2"])),
            denied(),
        ),
        (json!({"not": {"not": c(5)}}), ada(), step_up(5)),
    ] {
        let (found, challenge, _) = Case::of(token).run(&with_requirement(require.clone()));
        assert_eq!(found, code, "{require}");
        let claims = claims_of(&challenge.unwrap());
        assert!(claims.contains(&value), "{require}: {claims}");
    }
}

/// Returns the decoded claims of a challenge, or an empty string if it has none.
fn claims_of(challenge: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let encoded = challenge.split("claims=\"").nth(1).unwrap_or_default();
    let encoded = encoded.trim_end_matches('"');
    String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap()
}

#[test]
fn step_up_takes_other_rules_into_account() {
    let with_context = json!({"name": "careful", "require": {"auth_context": "c1"}});
    let rules = |other: Value| json!([other, with_context]);
    for (other, code) in [
        (
            json!({"name": "o", "require": {"role": "Model.Query"}}),
            "permitted",
        ),
        (
            json!({"name": "o", "require": {"role": "x"}}),
            "step_up_required",
        ),
        (
            json!({"name": "o", "require": {"role": "Model.Query"}, "effect": "deny"}),
            "denied_by_rule",
        ),
        // No step-up is offered if it would satisfy a deny rule.
        (
            json!({"name": "o", "require": {"not": {"auth_context": "c1"}}, "effect": "deny"}),
            "denied_by_rule",
        ),
        (
            json!({"name": "o", "require": {"role": "x"}, "mode": "shadow"}),
            "step_up_required",
        ),
    ] {
        assert_eq!(Case::ada().code(rules(other.clone())), code, "{other}");
    }
    let shadow = json!([{"name": "s", "require": {"auth_context": "c1"}, "mode": "shadow"}]);
    assert_eq!(Case::ada().code(shadow), "no_rule");
}

#[test]
fn step_up_supports_other_clouds_and_no_other_providers() {
    let mut settings = with_requirement(json!({"auth_context": "c1"}));
    settings["issuers"][0]["entra"]["cloud"] = json!("china");
    let issuer = format!("https://login.partner.microsoftonline.cn/{TENANT}/v2.0");
    let mut bench = Bench::cold(&settings);
    let key = testbed::keys::rsa().to_entra_jwk("partner.microsoftonline.cn", Some(&issuer));
    bench.answer(ok(json!({"keys": [key]})));
    let (_, ruling) = bench.chat(&ada().claim("iss", issuer).build());
    let challenge = header_of(&ruling, "www-authenticate").unwrap();
    assert!(
        challenge.contains(&format!(
            "\"https://login.partner.microsoftonline.cn/{TENANT}/"
        )),
        "{challenge}"
    );

    let mut settings = with_requirement(json!({"auth_context": "c1"}));
    settings["issuers"] = json!([{"name": "contoso", "oidc": {"issuer": "https://kc.example"}, "audiences": [AUDIENCE],
                                  "jwks": {"cluster": "kc", "uri": "https://kc.example/keys"}}]);
    let elsewhere = ada().claim("iss", "https://kc.example");
    assert_eq!(Case::of(elsewhere).run(&settings).0, "rule_unsatisfied");
}
