//! Rules about what surrounds a caller: time, place, client certificate, strength of sign-in; and
//! what a caller is told who could sign in more strongly.

mod support;

use serde_json::{Value, json};
use support::*;
use testbed::mint::Token;
use testbed::persona::*;

const HOUR: u64 = 3600;
/// `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
const CLAIMS_C1: &str =
    "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";

/// The latest Monday, at midnight UTC.
fn monday() -> u64 {
    let days = testbed::mint::now() / (24 * HOUR);
    // 1970-01-01 was a Thursday.
    (days - (days + 3) % 7) * 24 * HOUR
}

/// One request: who, when, and over what.
struct Case {
    token: Token,
    now: u64,
    properties: Vec<(&'static str, &'static str)>,
    headers: Vec<(&'static str, &'static str)>,
    hops: u64,
}

impl Case {
    fn of(token: Token) -> Self {
        let (properties, headers) = (Vec::new(), Vec::new());
        Self {
            token,
            now: testbed::mint::now(),
            properties,
            headers,
            hops: 0,
        }
    }

    fn ada() -> Self {
        Self::of(ada())
    }

    /// Ada at that time, with a token of that time.
    fn at(now: u64) -> Self {
        Self {
            now,
            ..Self::of(Token::at(Persona::Ada, now))
        }
    }

    fn from(address: &'static str) -> Self {
        Self {
            properties: vec![("source.address", address)],
            ..Self::ada()
        }
    }

    fn forwarded(hops: u64, headers: &[&'static str]) -> Self {
        let headers = headers
            .iter()
            .map(|value| ("x-forwarded-for", *value))
            .collect();
        Self {
            hops,
            headers,
            ..Self::from("10.0.0.1:1")
        }
    }

    fn with_certificate(uri: &'static str) -> Self {
        Self {
            properties: vec![("connection.uri_san_peer_certificate", uri)],
            ..Self::ada()
        }
    }

    fn code(&self, rules: Value) -> String {
        let mut settings = with_rules(rules);
        settings["client_address"] = json!({"trusted_hops": self.hops});
        self.run(&settings).0
    }

    /// The code, the reply's challenge and the audit record.
    fn run(&self, settings: &Value) -> (String, Option<String>, Value) {
        let mut bench = Bench::warm(settings);
        bench.now = entragate::time::Timestamp::from_secs(self.now);
        for (name, value) in &self.properties {
            bench
                .properties
                .insert((*name).into(), value.as_bytes().to_vec());
        }
        let authorization = format!("Bearer {}", self.token.build());
        let mut fields = vec![
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            (":authority", "x"),
            ("authorization", authorization.as_str()),
        ];
        fields.extend(&self.headers);
        let (id, ruling) = bench.send(&fields);
        let code = code_of(&ruling);
        let challenge = (code != "permitted").then(|| header_of(&ruling, "www-authenticate"));
        bench.gate.finish(id, Some(200), bench.now);
        (code, challenge.flatten(), bench.audit().remove(0))
    }
}

/// What a clause makes of a case: `true` and `false`, and `None` where it can't be told.
fn truth(clause: &Value, case: &Case) -> Option<bool> {
    let allow = |require: Value| {
        let code = case.code(json!([{"name": "only", "require": require}]));
        code == "permitted"
    };
    let holds = allow(clause.clone());
    let fails = allow(json!({ "not": clause }));
    assert!(!(holds && fails), "{clause}");
    let denied = case.code(json!([
        {"name": "all", "require": {"issuer": "contoso"}},
        {"name": "ban", "require": clause, "effect": "deny"},
    ]));
    let expected = if fails { "permitted" } else { "denied_by_rule" };
    assert_eq!(denied, expected, "a deny rule with {clause}");
    (holds || fails).then_some(holds)
}

#[test]
fn each_clause_holds_where_it_should() {
    let (yes, no, unknown) = (Some(true), Some(false), None);
    let office = || {
        json!({"time": {"days": ["mon", "tue", "wed", "thu", "fri"],
                                    "from": "08:00", "to": "18:00", "utc_offset": "+01:00"}})
    };
    let night = || json!({"time": {"days": ["sun"], "from": "22:00", "to": "06:00"}});
    let ten = || json!({"source": ["10.0.0.0/8", "2001:db8::/32"]});
    let spiffe = || json!({"peer": "spiffe://contoso.com/ns/*/sa/nightly"});
    let mfa = || json!({"mfa": true});
    let c1 = || json!({"auth_context": "c1"});
    let amr = |amr: Value| Case::of(ada().claim("amr", amr));
    let acrs = |acrs: Value| Case::of(ada().claim("acrs", acrs));
    for (clause, case, expected) in [
        (office(), Case::at(monday() + 7 * HOUR), yes),
        (office(), Case::at(monday() + 7 * HOUR - 1), no),
        (office(), Case::at(monday() + 17 * HOUR), no),
        (office(), Case::at(monday() - 12 * HOUR), no),
        (night(), Case::at(monday() + 5 * HOUR), yes),
        (night(), Case::at(monday() + 6 * HOUR), no),
        (ten(), Case::from("10.1.2.3:4711"), yes),
        (ten(), Case::from("[::ffff:10.1.2.3]:4711"), yes),
        (ten(), Case::from("[2001:db8::7]:4711"), yes),
        (ten(), Case::from("11.1.2.3:4711"), no),
        (ten(), Case::from("[2001:db9::7]:4711"), no),
        (ten(), Case::from("/run/socket"), unknown),
        (ten(), Case::ada(), unknown),
        // Without trusted hops nothing that a caller writes is believed.
        (
            ten(),
            Case {
                hops: 0,
                ..Case::forwarded(1, &["11.0.0.1"])
            },
            yes,
        ),
        (ten(), Case::forwarded(1, &["6.6.6.6, 10.9.9.9"]), yes),
        (ten(), Case::forwarded(1, &["10.9.9.9, 6.6.6.6"]), no),
        (ten(), Case::forwarded(2, &["10.9.9.9, 6.6.6.6"]), yes),
        (ten(), Case::forwarded(2, &["10.9.9.9", "6.6.6.6"]), yes),
        (ten(), Case::forwarded(3, &["10.9.9.9, 6.6.6.6"]), unknown),
        (ten(), Case::forwarded(1, &[]), unknown),
        (ten(), Case::forwarded(1, &["10.9.9.9, "]), unknown),
        (ten(), Case::forwarded(1, &["10.9.9.9, unknown"]), unknown),
        (
            spiffe(),
            Case::with_certificate("spiffe://contoso.com/ns/ml/sa/nightly"),
            yes,
        ),
        (
            spiffe(),
            Case::with_certificate("spiffe://contoso.com/ns/a/b/sa/nightly"),
            no,
        ),
        (
            spiffe(),
            Case::with_certificate("spiffe://evil.com/ns/ml/sa/nightly"),
            no,
        ),
        (spiffe(), Case::ada(), no),
        (mfa(), amr(json!(["pwd", "mfa"])), yes),
        (mfa(), amr(json!(["ngcmfa"])), yes),
        (mfa(), amr(json!("mfa")), yes),
        (mfa(), amr(json!(["pwd"])), no),
        (mfa(), Case::ada(), no),
        (mfa(), amr(json!(["mfa", 1])), unknown),
        (mfa(), amr(json!({"mfa": true})), unknown),
        (c1(), acrs(json!(["p1", "c1"])), yes),
        (c1(), acrs(json!(["c10", "C1"])), no),
        (c1(), Case::of(ada().without("xms_cc")), no),
        (
            c1(),
            Case::of(ada().without("xms_cc").claim("acrs", 1)),
            unknown,
        ),
    ] {
        assert_eq!(
            truth(&clause, &case),
            expected,
            "{clause} {case:?}",
            case = case.describe()
        );
    }
}

impl Case {
    fn describe(&self) -> String {
        format!(
            "{} {:?} {:?} {}",
            self.now,
            self.properties,
            self.headers,
            self.token.claims_value()
        )
    }
}

#[test]
fn a_refusal_says_when_and_where() {
    let settings = with_rules(json!([{"name": "r", "require": {"all": [
        {"time": {"days": ["sat"], "from": "22:00", "to": "06:00", "utc_offset": "-03:30"}},
        {"source": ["10.0.0.0/8", "::1"]}, {"peer": "spiffe://a/*"}, {"mfa": true}, {"auth_context": "c7"},
    ]}}]));
    let (_, _, record) = Case::at(monday()).run(&settings);
    assert_eq!(
        record["reason"],
        "You are authenticated, but rule r asks for the time sat 22:00 to 06:00 UTC-03:30 and a \
         client address in 10.0.0.0/8, ::1/128 and a client certificate of 'spiffe://a/*' and a \
         sign-in with several factors and authentication context 'c7'"
    );
}

#[test]
fn the_facts_of_a_request_wait_with_it() {
    let settings = with_rules(json!([{"name": "only", "require": {"source": ["10.0.0.0/8"]}}]));
    let mut bench = Bench::cold(&settings);
    let source = |bench: &mut Bench, address: &str| {
        bench
            .properties
            .insert("source.address".into(), address.into());
        bench.chat(&ada().build()).0
    };
    let (inside, outside) = (
        source(&mut bench, "10.0.0.1:1"),
        source(&mut bench, "9.9.9.9:1"),
    );
    bench.answer(jwks(&[&testbed::keys::rsa()]));
    let expected = [
        (inside, "permitted".to_owned()),
        (outside, "rule_unsatisfied".to_owned()),
    ];
    assert_eq!(bench.resume_woken(), expected);
}

/// The usual settings with one allowing rule.
fn asking(require: Value) -> Value {
    with_rules(json!([{"name": "careful", "require": require}]))
}

#[test]
fn step_up_is_told_as_entras_clients_expect() {
    let settings = asking(json!({"all": [{"role": "Model.Query"}, {"auth_context": "c1"}]}));
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
    // Who is told no reasons is told this all the same, or no client could ever step up.
    let mut minimal = settings.clone();
    minimal["replies"] = json!({"detail": "minimal"});
    let (code, challenge, _) = Case::ada().run(&minimal);
    assert_eq!(
        (code.as_str(), challenge),
        ("step_up_required", Some(expected))
    );
    // With the context there is nothing left to ask.
    assert_eq!(
        Case::of(Token::of(Persona::Cora)).run(&settings).0,
        "permitted"
    );
}

#[test]
fn step_up_is_answered_only_where_it_helps() {
    let c = |n: u8| json!({"auth_context": format!("c{n}")});
    let role = |name: &str| json!({"role": name});
    let stepped = |n: u8| (format!("\"value\":\"c{n}\""), "step_up_required");
    let refused = || (String::new(), "rule_unsatisfied");
    let app = Token::of(Persona::Batch).claim("xms_cc", json!(["cp1"]));
    let ben = Token::of(Persona::Ben).claim("xms_cc", json!(["CP1"]));
    for (require, token, (value, code)) in [
        (c(1), ada(), stepped(1)),
        (c(1), ben, stepped(1)),
        (c(1), ada().without("xms_cc"), refused()),
        (c(1), ada().claim("xms_cc", json!(["cp2"])), refused()),
        (c(1), ada().claim("xms_cc", json!("cp1 ")), refused()),
        (c(1), app, refused()),
        (json!({"all": [c(1), role("x")]}), ada(), refused()),
        (
            json!({"all": [c(1), {"source": ["10.0.0.0/8"]}]}),
            ada(),
            refused(),
        ),
        (
            json!({"not": c(1)}),
            ada().claim("acrs", json!(["c1"])),
            refused(),
        ),
        (
            json!({"any": [{"all": [c(2), role("x")]}, c(3)]}),
            ada(),
            stepped(3),
        ),
        (json!({"any": [c(4), c(3)]}), ada(), stepped(4)),
        (json!({"all": [c(1), c(2)]}), ada(), stepped(1)),
        (
            json!({"all": [c(1), c(2)]}),
            ada().claim("acrs", json!(["c1"])),
            stepped(2),
        ),
        (json!({"all": [c(1), {"not": c(2)}]}), ada(), stepped(1)),
        (
            json!({"all": [c(1), {"not": c(2)}]}),
            ada().claim("acrs", json!(["c2"])),
            refused(),
        ),
        (json!({"not": {"not": c(5)}}), ada(), stepped(5)),
    ] {
        let (found, challenge, _) = Case::of(token).run(&asking(require.clone()));
        assert_eq!(found, code, "{require}");
        let claims = claims_of(&challenge.unwrap());
        assert!(claims.contains(&value), "{require}: {claims}");
    }
}

/// The claims of a challenge, decoded; empty when it has none.
fn claims_of(challenge: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let encoded = challenge.split("claims=\"").nth(1).unwrap_or_default();
    let encoded = encoded.trim_end_matches('"');
    String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap()
}

#[test]
fn step_up_among_other_rules() {
    let careful = json!({"name": "careful", "require": {"auth_context": "c1"}});
    let rules = |other: Value| json!([other, careful]);
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
        // A deny rule that a step-up would lift is no invitation.
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
fn other_clouds_and_other_providers() {
    let mut settings = asking(json!({"auth_context": "c1"}));
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

    let mut settings = asking(json!({"auth_context": "c1"}));
    settings["issuers"] = json!([{"name": "contoso", "oidc": {"issuer": "https://kc.example"}, "audiences": [AUDIENCE],
                                  "jwks": {"cluster": "kc", "uri": "https://kc.example/keys"}}]);
    let elsewhere = ada().claim("iss", "https://kc.example");
    assert_eq!(Case::of(elsewhere).run(&settings).0, "rule_unsatisfied");
}
