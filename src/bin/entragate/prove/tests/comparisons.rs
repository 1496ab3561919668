//! Random pairs of policies: if a comparison finds no difference, it is checked with all requests of a small world.

use super::world::{Numbers, World};
use super::{load, seeds};
use crate::prove::comparable::Side;
use crate::prove::compare::{Comparison, Which};
use crate::prove::gate::Evaluator;
use crate::prove::search::Search;
use serde_json::{Value, json};

/// A policy that differs in some rules, tenants, clients or audiences, or in none.
fn changed(settings: &Value, world: &World, numbers: &mut Numbers) -> Value {
    let mut changed = settings.clone();
    let others = world.settings(numbers)["rules"].clone();
    let rules = changed["rules"].as_array_mut().unwrap();
    let at = numbers.below(rules.len());
    match numbers.below(6) {
        0 => _ = rules.remove(at),
        1 => rules.reverse(),
        2 => {
            let mut rule = others[0].clone();
            rule["name"] = json!("added");
            rules.insert(at, rule);
        }
        3 => {
            let mut rule = others[0].clone();
            rule["name"] = rules[at]["name"].clone();
            rules[at] = rule;
        }
        4 => changed["issuers"][0]["clients"] = json!(["cccccccc-0000-4000-8000-000000000001"]),
        _ => rules[at]["name"] = json!("renamed"),
    }
    changed
}

#[test]
fn no_random_comparison_misses_a_request_that_only_one_policy_permits() {
    let (mut nothing, mut found, mut undecided) = (0, 0, 0);
    for seed in seeds() {
        let mut numbers = Numbers::new(seed ^ 0xC0FFEE);
        let world = World::new(&mut numbers);
        let old = world.settings(&mut numbers);
        let new = changed(&old, &world, &mut numbers);
        if new["rules"].as_array().unwrap().is_empty() {
            continue;
        }
        let (old_config, new_config) = (load(&old), load(&new));
        let sides = [
            Side {
                config: &new_config,
                members: &new,
            },
            Side {
                config: &old_config,
                members: &old,
            },
        ];
        let mut comparison = Comparison::new(sides[0], sides[1]);
        let results = [
            comparison.more(Which::First),
            comparison.more(Which::Second),
        ];
        let mut evaluators = [
            Evaluator::new(&new_config, true),
            Evaluator::new(&old_config, true),
        ];
        let requests = world.requests();
        for (at, result) in results.into_iter().enumerate() {
            match result {
                Search::Found(_) => found += 1,
                Search::Undecided => undecided += 1,
                Search::Nothing => {
                    nothing += 1;
                    for witness in &requests {
                        let answers = evaluators
                            .each_mut()
                            .map(|evaluator| evaluator.decide_as(witness, &old_config));
                        let [Some(first), Some(second)] = answers else {
                            continue;
                        };
                        let (own, other) = if at == 0 {
                            (first, second)
                        } else {
                            (second, first)
                        };
                        let differs = own.is_permit()
                            && (!other.is_permit()
                                || own.text("credential") != other.text("credential"));
                        assert!(
                            !differs,
                            "seed {seed}: {:?}\n{:#}\n{:#}",
                            witness, old["rules"], new["rules"]
                        );
                    }
                }
            }
        }
    }
    println!("{nothing} without a difference, {found} with one, {undecided} undecided");
    let all = nothing + found + undecided;
    assert!(nothing * 10 > all && found * 10 > all && undecided * 20 <= all);
}

/// Settings that are not translated.
#[test]
fn equal_rules_prove_nothing_if_other_settings_differ() {
    let world = World::new(&mut Numbers::new(1));
    let old = world.settings(&mut Numbers::new(1));
    let mut new = old.clone();
    new["token"] = json!({"max_lifetime": "1h"});
    let configs = [&old, &new].map(load);
    let side = |at: usize, members| Side {
        config: &configs[at],
        members,
    };
    let mut same = Comparison::new(side(0, &old), side(0, &old));
    assert!(matches!(same.more(Which::First), Search::Nothing));
    let mut different = Comparison::new(side(0, &old), side(1, &new));
    assert!(matches!(different.more(Which::First), Search::Undecided));
}

/// Tokens and requests that only one of two similar configurations permits.
#[test]
fn request_that_only_one_configuration_permits_is_shown() {
    let tenants = [
        "aaaabbbb-0000-cccc-1111-dddd2222eeee",
        "bbbbcccc-1111-dddd-2222-eeee3333ffff",
    ];
    let old = json!({
        "issuers": [{"name": "contoso", "entra": {"tenants": [tenants[0]]}, "audiences": ["hf"], "clients": ["c1"],
                     "jwks": {"cluster": "entra"}}],
        "credentials": [{"name": "r", "value": "hf_r"}],
        "endpoints": [{"paths": ["/models/**"], "model_from": "path"}],
        "rules": [{"name": "rule", "match": {"paths": ["/v1/**"]}, "require": {"role": "a"}, "credential": "r"},
                  {"name": "models", "match": {"paths": ["/models/*/x"], "models": ["**"]}, "require": {"role": "a"},
                   "credential": "r"}],
    });
    for (pointer, value, shown, expected) in [
        (
            "/issuers/0/audiences",
            json!(["hf", "api://hf"]),
            "/caller/claims/aud",
            json!(["api://hf"]),
        ),
        (
            "/issuers/0/clients",
            json!(["c1", "c2"]),
            "/caller/claims/azp",
            json!("c2"),
        ),
        (
            "/issuers/0/entra/tenants",
            json!(tenants),
            "/caller/claims/tid",
            json!(tenants[1]),
        ),
        // A body that cannot be read may contradict the path.
        (
            "/rules/1/match",
            json!({"paths": ["/models/*/x"]}),
            "/request/body",
            json!("unreadable"),
        ),
    ] {
        let mut new = old.clone();
        *new.pointer_mut(pointer).unwrap() = value;
        let configs = [&new, &old].map(load);
        let [first, second] = [(&configs[0], &new), (&configs[1], &old)]
            .map(|(config, members)| Side { config, members });
        let mut comparison = Comparison::new(first, second);
        let Search::Found(found) = comparison.more(Which::First) else {
            panic!("{pointer}");
        };
        let witness = json!({"caller": found.witness.caller, "request": found.witness.request});
        assert_eq!(witness.pointer(shown), Some(&expected), "{witness}");
        assert!(
            matches!(comparison.more(Which::Second), Search::Nothing),
            "{pointer}"
        );
    }
}
