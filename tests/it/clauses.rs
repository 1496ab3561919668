//! Requirements on the request context: time, address, client certificate, strength of the sign-in.

use crate::support;

use serde_json::{Value, json};
use support::case::Case;
use support::*;

const HOUR: u64 = 3600;
/// The start of the current week: the latest Monday, at midnight UTC.
fn monday() -> u64 {
    let days = testbed::mint::now() / (24 * HOUR);
    // 1970-01-01 was a Thursday.
    (days - (days + 3) % 7) * 24 * HOUR
}

/// Returns the value of a requirement in a case; `None` means indeterminate.
fn truth(clause: &Value, case: &Case) -> Option<bool> {
    let allow = |require: Value| {
        let code = case.code(json!([{"name": "only", "require": require}]));
        code == "permitted"
    };
    let satisfied = allow(clause.clone());
    let unsatisfied = allow(json!({ "not": clause }));
    assert!(!(satisfied && unsatisfied), "{clause}");
    let denied = case.code(json!([
        {"name": "all", "require": {"issuer": "contoso"}},
        {"name": "ban", "require": clause, "effect": "deny"},
    ]));
    let expected = if unsatisfied {
        "permitted"
    } else {
        "denied_by_rule"
    };
    assert_eq!(denied, expected, "a deny rule with {clause}");
    (satisfied || unsatisfied).then_some(satisfied)
}

#[test]
fn context_requirement_is_satisfied_only_if_it_matches() {
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
        // Without trusted hops, the headers of the caller are ignored.
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

#[test]
fn denial_names_the_unsatisfied_context() {
    let settings = with_rules(json!([{"name": "r", "require": {"all": [
        {"time": {"days": ["sat"], "from": "22:00", "to": "06:00", "utc_offset": "-03:30"}},
        {"source": ["10.0.0.0/8", "::1"]}, {"peer": "spiffe://a/*"}, {"mfa": true}, {"auth_context": "c7"},
    ]}}]));
    let (_, _, record) = Case::at(monday()).run(&settings);
    assert_eq!(
        record["reason"],
        "You are authenticated, but rule r requires the time sat 22:00 to 06:00 UTC-03:30 and a \
         client address in 10.0.0.0/8, ::1/128 and a client certificate with URI 'spiffe://a/*' and \
         multifactor authentication and authentication context 'c7'"
    );
}

#[test]
fn parked_request_keeps_its_context() {
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

/// A denial mentions missing groups only if the rule requires a group.
#[test]
fn unknown_address_is_not_reported_as_missing_groups() {
    let abroad = json!({"not": {"source": ["10.0.0.0/8"]}});
    let settings = with_rules(json!([
        {"name": "abroad", "require": abroad, "effect": "deny"},
        {"name": "all", "require": {"issuer": "contoso"}},
    ]));
    let olga = testbed::mint::Token::of(testbed::persona::Persona::Olga);
    assert_eq!(Bench::warm(&settings).code(&olga.build()), "denied_by_rule");
}

#[test]
fn connection_properties_are_read_only_if_a_rule_or_the_record_uses_them() {
    let properties_read_with = |audit: Value, require: Value| {
        let mut settings = with_rules(json!([{"name": "only", "require": require}]));
        settings["audit"] = audit;
        let bench = Bench::warm(&settings);
        let paths = std::cell::RefCell::new(Vec::new());
        bench.gate.wanted().read(&|path| {
            paths.borrow_mut().push(path.replace('\0', "."));
            None
        });
        paths.into_inner()
    };
    let properties_read = |require| properties_read_with(json!({"log": "off"}), require);
    let source = json!({"source": ["10.0.0.0/8"]});
    let peer = json!({"peer": "spiffe://contoso/*"});
    let anyone = json!({"issuer": "contoso"});
    assert!(properties_read(anyone.clone()).is_empty());
    let recorded = properties_read_with(json!({}), anyone.clone());
    assert_eq!(recorded, ["source.address"]);
    let export = json!({"cluster": "monitor", "uri": "https://monitor/in"});
    let exported = properties_read_with(json!({"log": "off", "export": export}), anyone);
    assert_eq!(exported, ["source.address"]);
    assert_eq!(
        properties_read(json!({ "not": source })),
        ["source.address"]
    );
    let both = json!({"any": [{"role": "x"}, {"all": [source, peer]}]});
    let paths = ["source.address", "connection.uri_san_peer_certificate"];
    assert_eq!(properties_read(both), paths);
}
