//! Agents as callers, which Entra's facets distinguish from people and applications.

mod decisions;

use crate::support;

use entragate::json::raw::Object;
use entragate::logic::Truth;
use entragate::policy::context::{Peer, RequestContext};
use entragate::policy::requirement::Facts;
use entragate::time::Timestamp;
use entragate::token::claims::Claims;
use entragate::token::facets::Actor;
use entragate::token::kind::Kind;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use support::case::Case;
use support::*;
use testbed::mint::Token;
use testbed::persona::*;

/// The rules whose requirements the tests evaluate, by name.
const REQUIREMENTS: [&str; 4] = ["user", "app", "agent", "actor"];

/// Configurations without and with `agent_claims`.
fn configured(agent_claims: bool) -> entragate::config::Config {
    let mut settings = with_rules(json!([
        {"name": "user", "require": {"kind": "user"}},
        {"name": "app", "require": {"kind": "app"}},
        {"name": "agent", "require": {"kind": "agent"}},
        {"name": "actor", "require": {"actor": "agent"}},
    ]));
    settings["issuers"][0]["entra"]["agent_claims"] = agent_claims.into();
    load(&settings)
}

static CONFIGURED: LazyLock<[entragate::config::Config; 2]> =
    LazyLock::new(|| [false, true].map(configured));

/// Returns the claims as the filter reads them.
fn read(claims: &Map<String, Value>, agent_claims: bool) -> Claims {
    let config = &CONFIGURED[usize::from(agent_claims)];
    let text = Value::Object(claims.clone()).to_string();
    Claims::read(&config.issuers[0], &Object::read(&text).unwrap()).unwrap()
}

/// Returns the values of the requirements, in their order.
fn truths(claims: &Claims) -> [Truth; 4] {
    let context = RequestContext {
        now: Timestamp::from_secs(0),
        source: None,
        peer: Peer::Unknown,
        directory: Default::default(),
    };
    let rules = &CONFIGURED[0].policy.rules;
    REQUIREMENTS.map(|name| {
        let rule = rules.iter().find(|rule| &*rule.name == name).unwrap();
        rule.require.truth(Facts::of(claims, &context))
    })
}

/// Returns the claims of Ada's token with these changes; null removes a claim.
fn claims(changes: Value) -> Map<String, Value> {
    let Value::Object(mut claims) = Persona::Ada.claims(1_900_000_000) else {
        panic!("claims are an object")
    };
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.remove(name)),
            value => drop(claims.insert(name.clone(), value.clone())),
        }
    }
    claims
}

/// Returns sets of numbers with the same meaning: in another order, with unknown numbers in between, repeated, with other
/// white space.
fn spellings(numbers: &[u64]) -> Vec<String> {
    const UNKNOWN: [u64; 6] = [1, 3, 9, 111, 1311, 99_999_999_999_999_999];
    let join = |numbers: &[u64], blank: &str| {
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        numbers.join(blank)
    };
    let reversed: Vec<u64> = numbers.iter().rev().copied().collect();
    let mut spelled = vec![join(numbers, " "), join(&reversed, " ")];
    for at in 0..=UNKNOWN.len() {
        let (before, after) = UNKNOWN.split_at(at);
        let all = [before, numbers, after].concat();
        spelled.push(join(&all, " "));
        spelled.push(format!(" {} ", join(&all, "  ")));
        spelled.push(join(&[&all[..], numbers].concat(), " "));
    }
    spelled.push(format!("{} 99999999999999999999999999", join(numbers, " ")));
    spelled
}

const AGENT: Option<Kind> = Some(Kind::Agent);
const USER: Option<Kind> = Some(Kind::User);
const APP: Option<Kind> = Some(Kind::App);
const ACTOR_IS_AGENT: Option<Actor> = Some(Actor::Agent);
const ACTOR_IS_NO_AGENT: Option<Actor> = Some(Actor::NoAgent);

#[test]
fn each_combination_of_facets_has_its_kind_and_actor_in_any_spelling() {
    // idtyp, the actor's numbers, the subject's numbers: kind, actor.
    for (idtyp, actor, subject, kind, acts) in [
        // The three documented combinations.
        ("app", &[11][..], &[11][..], AGENT, ACTOR_IS_AGENT),
        ("user", &[11], &[], USER, ACTOR_IS_AGENT),
        ("user", &[11], &[13], AGENT, ACTOR_IS_AGENT),
        // The subject has both numbers.
        ("app", &[11], &[11, 13], AGENT, ACTOR_IS_AGENT),
        ("user", &[11], &[11, 13], AGENT, ACTOR_IS_AGENT),
        // Facets that mark no agent.
        ("user", &[], &[], USER, ACTOR_IS_NO_AGENT),
        ("app", &[], &[], APP, ACTOR_IS_NO_AGENT),
        ("device", &[], &[], None, ACTOR_IS_NO_AGENT),
        // All other combinations.
        ("user", &[11], &[11], None, ACTOR_IS_AGENT),
        ("app", &[11], &[], None, ACTOR_IS_AGENT),
        ("app", &[11], &[13], None, ACTOR_IS_AGENT),
        ("device", &[11], &[11], None, ACTOR_IS_AGENT),
        ("device", &[11], &[13], None, ACTOR_IS_AGENT),
        ("device", &[11], &[], None, ACTOR_IS_AGENT),
        ("user", &[], &[11], None, None),
        ("user", &[], &[13], None, None),
        ("app", &[], &[11], None, None),
        ("app", &[], &[13], None, None),
        ("user", &[13], &[], None, None),
        ("user", &[13], &[13], None, None),
        ("app", &[13], &[11], None, None),
    ] {
        for (actor, subject) in spellings(actor)
            .iter()
            .flat_map(|actor| spellings(subject).into_iter().map(move |s| (actor, s)))
        {
            let given = json!({"idtyp": idtyp, "xms_act_fct": actor, "xms_sub_fct": subject});
            for agent_claims in [false, true] {
                let read = read(&claims(given.clone()), agent_claims);
                assert_eq!((read.kind, read.actor), (kind, acts), "{given}");
            }
        }
    }
}

#[test]
fn token_with_missing_or_unreadable_facets_is_read_conservatively() {
    let blueprint = || json!({"xms_par_app_azp": AGENT_BLUEPRINT});
    let acting = |idtyp: Value| json!({"idtyp": idtyp, "xms_act_fct": "11"});
    // The claims; kind and actor without `agent_claims`; kind and actor with it.
    for (given, without, with) in [
        // No facets.
        (
            json!({"idtyp": "user"}),
            (USER, None),
            (USER, ACTOR_IS_NO_AGENT),
        ),
        (
            json!({"idtyp": "app"}),
            (APP, None),
            (APP, ACTOR_IS_NO_AGENT),
        ),
        (json!({}), (USER, None), (USER, ACTOR_IS_NO_AGENT)),
        (
            json!({"xms_sub_fct": "3"}),
            (USER, None),
            (USER, ACTOR_IS_NO_AGENT),
        ),
        // A person's token without the subject facet, whose absence is meaningful only if the API requests facets
        // (`agent_claims`).
        (
            acting(json!("user")),
            (None, ACTOR_IS_AGENT),
            (USER, ACTOR_IS_AGENT),
        ),
        (
            acting(json!("app")),
            (None, ACTOR_IS_AGENT),
            (None, ACTOR_IS_AGENT),
        ),
        (
            acting(json!(null)),
            (None, ACTOR_IS_AGENT),
            (None, ACTOR_IS_AGENT),
        ),
        // The blueprint without facets, or with facets that mark no agent.
        (blueprint(), (None, None), (None, None)),
        (
            json!({"idtyp": "app", "xms_par_app_azp": 1}),
            (None, None),
            (None, None),
        ),
        (
            json!({"idtyp": "user", "xms_par_app_azp": "x", "xms_act_fct": "1", "xms_sub_fct": "1"}),
            (None, None),
            (None, None),
        ),
        // Values that are not a set of numbers.
        (
            json!({"idtyp": "user", "xms_act_fct": 11}),
            (None, None),
            (None, None),
        ),
        (
            json!({"idtyp": "user", "xms_act_fct": ["11"]}),
            (None, None),
            (None, None),
        ),
        (
            json!({"idtyp": "user", "xms_act_fct": "11,3"}),
            (None, None),
            (None, None),
        ),
        (
            json!({"idtyp": "user", "xms_act_fct": "+11"}),
            (None, None),
            (None, None),
        ),
        (
            json!({"idtyp": "user", "xms_sub_fct": "a"}),
            (None, None),
            (None, None),
        ),
        (
            json!({"idtyp": "user", "xms_act_fct": "11", "xms_sub_fct": [13]}),
            (None, ACTOR_IS_AGENT),
            (None, ACTOR_IS_AGENT),
        ),
        // Distributed claims.
        (
            json!({"_claim_names": {"xms_act_fct": "s"}}),
            (None, None),
            (None, None),
        ),
        (
            json!({"_claim_names": {"xms_sub_fct": "s"}}),
            (None, None),
            (None, None),
        ),
        (
            json!({"_claim_names": {"xms_par_app_azp": "s"}}),
            (None, None),
            (None, None),
        ),
        (
            json!({"_claim_names": {"idtyp": "s"}}),
            (None, None),
            (None, ACTOR_IS_NO_AGENT),
        ),
        (
            json!({"_claim_names": {"groups": "s"}}),
            (USER, None),
            (USER, ACTOR_IS_NO_AGENT),
        ),
    ] {
        for (agent_claims, expected) in [(false, without), (true, with)] {
            let read = read(&claims(given.clone()), agent_claims);
            assert_eq!((read.kind, read.actor), expected, "{given} {agent_claims}");
        }
    }
}

/// Claims that determine the kind, in plausible and implausible combinations.
fn any_claims() -> impl Strategy<Value = Map<String, Value>> {
    let number = prop_oneof![Just(11u64), Just(13), 0..20u64, any::<u64>()];
    let numbers = prop::collection::vec(number, 0..5).prop_map(|numbers| {
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        Value::from(numbers.join(" "))
    });
    let facet = prop_oneof![
        2 => Just(Value::Null),
        8 => numbers,
        1 => select(vec![json!(11), json!([11]), json!("11;13"), json!({"11": 1})]),
    ];
    (
        select(vec![
            json!(null),
            json!("user"),
            json!("app"),
            json!("device"),
            json!(1),
        ]),
        facet.clone(),
        facet,
        select(vec![json!(null), json!(AGENT_BLUEPRINT)]),
        select(vec![
            json!(null),
            json!("access_as_user"),
            json!("/"),
            json!(1),
        ]),
        any::<bool>(),
    )
        .prop_map(|(idtyp, actor, subject, blueprint, scope, is_principal)| {
            let mut all = claims(json!({
                "idtyp": idtyp, "xms_act_fct": actor, "xms_sub_fct": subject,
                "xms_par_app_azp": blueprint, "scp": scope,
            }));
            if is_principal {
                all.insert("sub".to_owned(), all["oid"].clone());
            }
            all
        })
}

/// Returns whether a claim contains the number, by a simple split of its text.
fn has(claims: &Map<String, Value>, name: &str, number: &str) -> bool {
    let text = claims.get(name).and_then(Value::as_str).unwrap_or_default();
    text.split(' ').any(|word| word == number)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agent_is_a_user_only_if_it_acts_for_a_person(claims in any_claims(), agent_claims: bool) {
        let read = read(&claims, agent_claims);
        let [user, app, agent, actor] = truths(&read);
        let marks = ["xms_act_fct", "xms_sub_fct"].map(|name| has(&claims, name, "11") || has(&claims, name, "13"));
        let is_agent = marks.contains(&true) || claims.contains_key("xms_par_app_azp");
        let is_for_person = claims.get("idtyp") == Some(&json!("user"))
            && has(&claims, "xms_act_fct", "11")
            && !has(&claims, "xms_sub_fct", "11")
            && !has(&claims, "xms_sub_fct", "13");
        if is_agent {
            prop_assert!(app != Truth::Satisfied);
            prop_assert!(user != Truth::Satisfied || is_for_person);
            // In this case, `not: {actor: agent}` would be satisfied.
            prop_assert!(actor != Truth::Unsatisfied);
            prop_assert!(user != Truth::Satisfied || actor == Truth::Satisfied);
        }
        prop_assert!(agent != Truth::Satisfied || is_agent && actor == Truth::Satisfied);
        let kinds = [user, app, agent].map(|truth| usize::from(truth == Truth::Satisfied));
        prop_assert!(kinds.iter().sum::<usize>() <= 1);
    }
}

/// Returns the code for a token under a rule with this requirement.
fn code(require: Value, agent_claims: bool, token: &Token) -> String {
    let mut settings = with_rules(json!([{"name": "only", "require": require}]));
    settings["issuers"][0]["entra"]["agent_claims"] = agent_claims.into();
    Bench::warm(&settings).code(&token.build())
}

#[test]
fn sets_of_numbers_are_compared_without_order() {
    let token = ada().claim("xms_act_fct", "3 9 11").claim("own", "3 9 11");
    let contains = |path: &str, value: Value| json!({"claim": {"path": path, "contains": value}});
    let (yes, no) = ("permitted", "rule_unsatisfied");
    for (require, expected) in [
        (contains("xms_act_fct", json!(9)), yes),
        (contains("/xms_act_fct", json!("9")), yes),
        (contains("xms_act_fct", json!(1)), no),
        (json!({"not": contains("xms_act_fct", json!(1))}), yes),
        (json!({"not": contains("xms_sub_fct", json!(1))}), yes),
        // Any other text is not a list.
        (contains("own", json!("9")), no),
        (json!({"not": contains("own", json!("1"))}), no),
    ] {
        assert_eq!(code(require.clone(), false, &token), expected, "{require}");
    }
    let unreadable = ada().claim("xms_act_fct", json!([9]));
    for require in [
        contains("xms_act_fct", json!(9)),
        json!({"not": contains("xms_act_fct", json!(9))}),
    ] {
        assert_eq!(code(require, false, &unreadable), no);
    }
}

#[test]
fn guid_in_a_claim_is_compared_without_case() {
    let token = Token::of(Persona::Scout);
    let upper = AGENT_BLUEPRINT.to_uppercase();
    for test in [json!({"equals": upper}), json!({"one_of": ["x", upper]})] {
        let mut claim = test.clone();
        claim["path"] = "xms_par_app_azp".into();
        let code = code(json!({ "claim": claim }), false, &token);
        assert_eq!(code, "permitted", "{test}");
    }
    let require = json!({"claim": {"path": "name", "equals": "ADA LOVELACE"}});
    assert_eq!(code(require, false, &ada()), "rule_unsatisfied");
}
