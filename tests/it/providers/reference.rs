//! 10,000 tokens whose claims vary in form, nullness and case, compared with a simple reference implementation: every permit is
//! also a permit of the reference, and no unused claim makes a token malformed.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

const GROUP: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
const USED: [&str; 6] = ["roles", "groups", "scope", "azp", "tid", "level"];
const UNUSED: [&str; 5] = ["wids", "sid", "uti", "jti", "xms_mirid"];

/// The three values of a requirement.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Truth {
    Yes,
    No,
    Unclear,
}

/// A value of any form, often the one that a rule requires.
fn value() -> impl Strategy<Value = Value> {
    let text = select(vec![
        "x",
        "X",
        GROUP,
        "AAAAAAAA-0000-4000-8000-00000000000A",
        "x y",
        "",
        "other",
    ]);
    let text = text.prop_map(|text| json!(text));
    let odd = select(vec![
        json!(null),
        json!(7),
        json!(1.5),
        json!(true),
        json!({"name": "x"}),
        json!([]),
    ]);
    let leaf = prop_oneof![4 => text, 2 => odd];
    let list = prop::collection::vec(leaf.clone(), 0..4).prop_map(|items| json!(items));
    prop_oneof![3 => leaf, 2 => list]
}

fn claims() -> impl Strategy<Value = Value> {
    let names: Vec<&str> = USED.into_iter().chain(UNUSED).collect();
    let elsewhere = prop::collection::btree_set(select(USED.to_vec()), 0..2);
    let elsewhere = prop::option::weighted(0.2, elsewhere);
    let members = prop::collection::btree_map(select(names), value(), 0..7);
    (members, elsewhere).prop_map(|(members, elsewhere)| {
        let mut claims = json!(members);
        if let Some(names) = elsewhere {
            let names: Map<String, Value> = names
                .into_iter()
                .map(|name| (name.to_owned(), json!("s")))
                .collect();
            claims["_claim_names"] = json!(names);
        }
        claims
    })
}

fn is_guid(text: &str) -> bool {
    text == GROUP || text.eq_ignore_ascii_case(GROUP)
}

fn same(text: &str, wanted: &str) -> bool {
    text == wanted || is_guid(text) && text.eq_ignore_ascii_case(wanted)
}

/// Returns the value of a requirement by a direct implementation of the documented rules.
fn evaluate(require: &Value, claims: &Value) -> Truth {
    let (kind, wanted) = require
        .as_object()
        .and_then(|members| members.iter().next())
        .expect("one");
    if kind == "not" {
        return match evaluate(wanted, claims) {
            Truth::Yes => Truth::No,
            Truth::No => Truth::Yes,
            Truth::Unclear => Truth::Unclear,
        };
    }
    let name = match kind.as_str() {
        "role" => "roles",
        "group" => "groups",
        "client" => "azp",
        "tenant" => "tid",
        "claim" => "level",
        other => other,
    };
    let is_elsewhere = claims["_claim_names"].get(name).is_some();
    let value = claims.get(name).filter(|value| !value.is_null());
    let (is_satisfied, is_clear) = match (kind.as_str(), value) {
        (_, None) => (false, true),
        ("claim", Some(value)) => (
            value == &wanted["equals"],
            !value.is_array() && !value.is_object(),
        ),
        ("client" | "tenant", Some(value)) => {
            let text = value.as_str();
            (
                text.is_some_and(|text| same(text, wanted.as_str().unwrap())),
                text.is_some(),
            )
        }
        (_, Some(value)) => {
            let items = value
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![value.clone()]);
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            let is_clear = texts.len() == items.len();
            let wanted = wanted.as_str().unwrap();
            let is_satisfied = match kind.as_str() {
                "scope" => texts
                    .iter()
                    .any(|text| text.split_whitespace().any(|word| word == wanted)),
                "group" => texts.iter().any(|text| same(text, wanted)),
                _ => texts.contains(&wanted),
            };
            (is_satisfied, is_clear)
        }
    };
    match (
        is_satisfied,
        is_clear && !(is_elsewhere && (kind != "claim" || value.is_none())),
    ) {
        (true, _) => Truth::Yes,
        (false, true) => Truth::No,
        (false, false) => Truth::Unclear,
    }
}

fn requirement() -> impl Strategy<Value = Value> {
    let leaf = select(vec![
        json!({"role": "x"}),
        json!({"group": GROUP}),
        json!({"scope": "x"}),
        json!({"client": GROUP}),
        json!({"tenant": GROUP}),
        json!({"claim": {"path": "level", "equals": 7}}),
    ]);
    (leaf, any::<bool>()).prop_map(|(leaf, negated)| {
        if negated {
            json!({ "not": leaf })
        } else {
            leaf
        }
    })
}

#[test]
fn permits_match_the_reference_implementation() {
    let mut runner = TestRunner::new(Config {
        cases: 10_000,
        failure_persistence: None,
        ..Config::default()
    });
    let cases = (claims(), requirement(), requirement());
    runner
        .run(&cases, |(claims, allow, deny)| {
            let settings = oidc(
                json!({}),
                json!([
                    {"name": "deny", "require": deny.clone(), "effect": "deny"},
                    {"name": "allow", "require": allow.clone()},
                ]),
            );
            let mut bench = Bench::cold(&settings);
            let (_, ruling) = bench.chat_by(&token(claims.clone()), &Trusting);
            let code = code_of(&ruling);
            prop_assert_ne!(&code, "token_malformed", "{}", claims);
            let is_permitted =
                evaluate(&deny, &claims) == Truth::No && evaluate(&allow, &claims) == Truth::Yes;
            prop_assert_eq!(
                code == "permitted",
                is_permitted,
                "{}: allow {} deny {}: {}",
                claims,
                allow,
                deny,
                code
            );
            Ok(())
        })
        .unwrap();
}
