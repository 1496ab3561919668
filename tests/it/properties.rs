//! Properties of all policies: deny rules only remove permissions, indeterminate requirements never permit, and the order
//! within `any` and `all` has no effect.

use crate::support;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;
use support::*;
use testbed::mint::Token;
use testbed::persona::*;

/// Tokens of callers that differ in the facts that the rules below use, signed once.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let personas = [
        Persona::Ada,
        Persona::Ben,
        Persona::Carl,
        Persona::Cora,
        Persona::Olga,
        Persona::Batch,
    ];
    let unclear = Token::of(Persona::Nora)
        .without("scp")
        .claim("amr", 1)
        .claim("acrs", 1);
    let personas = personas.into_iter().map(Token::of);
    personas
        .chain([unclear])
        .map(|token| token.build())
        .collect()
});

/// The index of the caller's token, and its address; `None` means unknown.
#[derive(Clone, Copy, Debug)]
struct Call {
    caller: usize,
    source: Option<&'static str>,
}

const INSIDE: &str = "10.0.0.1:1";
const OUTSIDE: &str = "192.0.2.1:1";

fn call() -> impl Strategy<Value = Call> {
    let source = prop_oneof![Just(None), Just(Some(INSIDE)), Just(Some(OUTSIDE))];
    (0..TOKENS.len(), source).prop_map(|(caller, source)| Call { caller, source })
}

fn requirement() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![
        json!({"role": "Model.Query"}),
        json!({"role": "Contractor"}),
        json!({"group": SCIENTISTS_GROUP}),
        json!({"kind": "user"}),
        json!({"kind": "app"}),
        json!({"mfa": true}),
        json!({"auth_context": "c1"}),
        json!({"source": ["10.0.0.0/8"]}),
        json!({"peer": "spiffe://a/*"}),
        json!({"time": {"from": "00:00", "to": "24:00"}}),
        json!({"issuer": "contoso"}),
    ]);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|parts| json!({ "all": parts })),
            vec(inner.clone(), 1..4).prop_map(|parts| json!({ "any": parts })),
            inner.prop_map(|part| json!({ "not": part })),
        ]
    })
}

/// Rules with distinct names, in the form of the configuration.
fn rules() -> impl Strategy<Value = Vec<Value>> {
    let rule = (
        requirement(),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.2),
    );
    vec(rule, 1..5).prop_map(|rules| {
        let named = rules.into_iter().enumerate();
        let rule = |(index, (require, deny, shadow)): (usize, (Value, bool, bool))| {
            let effect = if deny { "deny" } else { "allow" };
            let mut rule =
                json!({"name": format!("r{index}"), "require": require, "effect": effect});
            if !deny {
                rule["credential"] = json!("hf-read");
            }
            if shadow {
                rule["mode"] = json!("shadow");
            }
            rule
        };
        named.map(rule).collect()
    })
}

/// Returns the code, and the rule that decided.
fn decide(rules: &[Value], call: Call) -> (String, Value) {
    decide_about(rules, &TOKENS[call.caller], call.source)
}

fn decide_about(rules: &[Value], token: &str, source: Option<&str>) -> (String, Value) {
    let mut bench = Bench::warm(&with_rules(json!(rules)));
    if let Some(source) = source {
        bench
            .properties
            .insert("source.address".into(), source.into());
    }
    let code = bench.code(token);
    (code, bench.audit().remove(0)["rule"].clone())
}

/// A caller whose groups, kind and address are unknown.
fn unclear_caller() -> Token {
    let token = Token::of(Persona::Olga).without("scp");
    token.claim("roles", json!(["Model.Query"]))
}

/// All possible values of the unknown information, as tokens and addresses.
static POSSIBILITIES: LazyLock<Vec<(String, &str)>> = LazyLock::new(|| {
    let groups = [json!([]), json!([SCIENTISTS_GROUP])];
    let mut possibilities = Vec::new();
    for (groups, kind) in groups
        .iter()
        .flat_map(|groups| [(groups, "user"), (groups, "app")])
    {
        let token = unclear_caller()
            .without("_claim_names")
            .claim("groups", groups.clone());
        let token = token.claim("idtyp", kind).build();
        possibilities.extend([INSIDE, OUTSIDE].map(|address| (token.clone(), address)));
    }
    possibilities
});

/// Returns the requirement with all lists of `any` and `all` reversed.
fn reversed(require: &Value) -> Value {
    let Some((name, inner)) = require.as_object().and_then(|one| one.iter().next()) else {
        return require.clone();
    };
    let inner = match (name.as_str(), inner) {
        ("all" | "any", Value::Array(parts)) => parts.iter().rev().map(reversed).collect(),
        ("not", part) => reversed(part),
        (_, inner) => inner.clone(),
    };
    json!({ name: inner })
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 192,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn additional_deny_rule_never_permits_more(
        rules in rules(), deny_rule in requirement(), place in any::<prop::sample::Index>(), call in call(),
    ) {
        let mut stricter = rules.clone();
        let deny_rule = json!({"name": "ban", "require": deny_rule, "effect": "deny"});
        stricter.insert(place.index(rules.len() + 1), deny_rule);
        let after = decide(&stricter, call);
        if after.0 == "permitted" {
            prop_assert_eq!(decide(&rules, call), after);
        }
    }

    #[test]
    fn unknown_information_never_permits(rules in rules(), call in call()) {
        let decide = |source| decide(&rules, Call { source, ..call });
        if decide(None).0 == "permitted" {
            // If the request is permitted without the information, no value of it changes the decision.
            prop_assert_eq!(decide(Some(INSIDE)).0, "permitted");
            prop_assert_eq!(decide(Some(OUTSIDE)).0, "permitted");
        }
    }

    #[test]
    fn permit_does_not_depend_on_unknown_information(rules in rules()) {
        if decide_about(&rules, &unclear_caller().build(), None).0 == "permitted" {
            for (token, address) in POSSIBILITIES.iter() {
                let found = decide_about(&rules, token, Some(address)).0;
                prop_assert_eq!(found, "permitted");
            }
        }
    }

    #[test]
    fn order_within_any_and_all_has_no_effect(rules in rules(), call in call()) {
        let reversed_rules = rules.iter().map(|rule| {
            let mut rule = rule.clone();
            rule["require"] = reversed(&rule["require"]);
            rule
        });
        let reversed_rules: Vec<Value> = reversed_rules.collect();
        prop_assert_eq!(decide(&rules, call), decide(&reversed_rules, call));
    }

    #[test]
    fn shadow_rules_have_no_effect(rules in rules(), call in call()) {
        let enforced: Vec<Value> = rules.iter().filter(|rule| rule["mode"].is_null()).cloned().collect();
        prop_assert_eq!(decide(&rules, call), decide(&enforced, call));
    }
}
