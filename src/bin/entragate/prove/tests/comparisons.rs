//! Random pairs of policies: a comparison that finds nothing is compared with all requests of a small world.

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
