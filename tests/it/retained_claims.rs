//! A cached token keeps only the claims that the configuration can refer to. Decisions are the same as with a configuration
//! that keeps all claims for the audit record.

use crate::support;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};
use std::sync::LazyLock;
use support::*;

/// Additional claims of the tokens below.
const CLAIMS: [&str; 8] = [
    "acrs",
    "amr",
    "email",
    "email_verified",
    "https://c.example/dept",
    "jti",
    "nested",
    "preferred_username",
];
const PATHS: [&str; 7] = [
    "email",
    "https://c.example/dept",
    "/https:~1~1c.example~1dept",
    "/nested/dept",
    "/nested/list/0",
    "nested",
    "absent",
];

static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let all = ada()
        .claim("acrs", json!(["c1", "c2"]))
        .claim("amr", json!(["pwd", "mfa"]))
        .claim("email", "ada@contoso.com")
        .claim("email_verified", true)
        .claim("https://c.example/dept", "research")
        .claim("jti", "a-token-id")
        .claim(
            "nested",
            json!({"dept": "research", "list": ["research", 1]}),
        )
        .claim("preferred_username", "ada@contoso.com");
    let other = ada()
        .claim("acrs", "c1")
        .claim("amr", json!(["pwd"]))
        .claim("email", "ada@contoso.com")
        .claim("email_verified", false)
        .claim("nested", json!({"dept": 1}));
    [all, other, ada()].map(|token| token.build()).into()
});

fn claim_requirement() -> impl Strategy<Value = Value> {
    let test = select(vec![
        json!({"equals": "research"}),
        json!({"one_of": ["research", 1]}),
        json!({"contains": "research"}),
        json!({"present": true}),
        json!({"present": false}),
    ]);
    (select(&PATHS[..]), test).prop_map(|(path, mut test)| {
        test["path"] = json!(path);
        json!({ "claim": test })
    })
}

fn requirement() -> impl Strategy<Value = Value> {
    let others = select(vec![
        json!({"mfa": true}),
        json!({"auth_context": "c2"}),
        json!({"role": "Model.Query"}),
    ]);
    let leaf = prop_oneof![2 => claim_requirement(), 1 => others];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({ "all": parts })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({ "any": parts })),
            inner.prop_map(|part| json!({ "not": part })),
        ]
    })
}

/// Rules and identity headers.
fn configuration() -> impl Strategy<Value = Value> {
    let rules = prop::collection::vec((requirement(), any::<bool>(), any::<bool>()), 1..4);
    (rules, subsequence(&PATHS[..], 0..3)).prop_map(|(rules, headers)| {
        let rules: Vec<Value> = (0..).zip(rules).map(rule).collect();
        let mut settings = with_rules(json!(rules));
        for (index, path) in headers.iter().enumerate() {
            settings["forward"]["identity_headers"][format!("x-claim-{index}")] = json!(path);
        }
        settings
    })
}

fn rule((index, (require, denies, shadow)): (usize, (Value, bool, bool))) -> Value {
    let mode = if shadow { "shadow" } else { "enforce" };
    let mut rule = json!({"name": format!("r{index}"), "require": require, "mode": mode});
    if denies {
        rule["effect"] = json!("deny");
    }
    rule
}

/// The code of the decision, the headers that it sets, and its record.
type Outcome = (String, Vec<(String, String)>, Value);

/// Returns the outcome of each token, verified and cached, without the fields that differ by design.
fn outcomes(settings: &Value) -> Vec<Outcome> {
    let mut bench = Bench::warm(settings);
    let mut outcomes = Vec::new();
    for token in TOKENS.iter().chain(TOKENS.iter()) {
        let (id, ruling) = bench.chat(token);
        let code = code_of(&ruling);
        let edits = match code.as_str() {
            "permitted" => edits_of(&ruling),
            _ => Vec::new(),
        };
        bench.gate.finish(id, Some(200), bench.now);
        let record = bench.audit().remove(0);
        outcomes.push((
            code,
            edits,
            json!([record["rule"], record["shadow"], record["verified_by"]]),
        ));
    }
    outcomes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn discarded_claims_are_never_needed(settings in configuration()) {
        let mut keeping_all = settings.clone();
        keeping_all["audit"]["claims"] = json!(CLAIMS);
        prop_assert_eq!(outcomes(&settings), outcomes(&keeping_all));
    }
}
