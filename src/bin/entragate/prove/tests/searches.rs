//! The search itself: how it uses the answers of the gate.

use super::load;
use crate::prove::concrete::Witness;
use crate::prove::facts::Facts;
use crate::prove::search::{MOST_REFUSALS, Search, core, search};
use crate::prove::solver::{Effort, Lit, Solver};
use entragate::config::Config;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Facts of a policy whose rules mention these roles.
fn roles(names: &[String]) -> (Config, Solver, Facts) {
    let parts: Vec<Value> = names.iter().map(|name| json!({"role": name})).collect();
    let config = load(&json!({
        "issuers": [{"name": "contoso", "entra": {"tenants": ["aaaabbbb-0000-cccc-1111-dddd2222eeee"]}, "audiences": ["hf"],
                     "jwks": {"cluster": "entra"}}],
        "credentials": [{"name": "r", "value": "hf_r"}],
        "rules": [{"name": "rule", "require": {"any": parts}, "credential": "r"}],
    }));
    let mut solver = Solver::new();
    let facts = Facts::of(&mut solver, &[&config], None);
    (config, solver, facts)
}

/// A goal: an accepted token has a role.
fn has_role(solver: &mut Solver, facts: &Facts, config: &Config) -> Lit {
    let accepted = facts.is_accepted(solver, config);
    let any = solver.any(facts.roles.held.values().copied().collect::<Vec<_>>());
    solver.all([accepted, any])
}

fn roles_of(witness: &Witness) -> String {
    let caller = witness.caller.as_ref();
    caller
        .map_or(Value::Null, |caller| caller["claims"]["roles"].clone())
        .to_string()
}

#[test]
fn request_that_one_search_refuses_is_found_by_the_next() {
    let (config, mut solver, facts) = roles(&["a".into(), "b".into()]);
    let goal = has_role(&mut solver, &facts, &config);
    let mut is = |wanted: &'static str| {
        let mut confirm = |witness: &Witness| (roles_of(witness) == wanted).then_some(());
        search(&mut solver, &facts, &config, goal, &mut confirm)
    };
    for _ in 0..2 {
        assert!(matches!(is(r#"["a"]"#), Search::Found(())));
        assert!(matches!(is(r#"["b"]"#), Search::Found(())));
        // Refuses every request until none is left.
        assert!(matches!(is("never"), Search::Undecided));
    }
}

#[test]
fn search_is_given_up_after_many_refusals() {
    let names: Vec<String> = (0..2 * MOST_REFUSALS)
        .map(|at| format!("role-{at:03}"))
        .collect();
    let (config, mut solver, facts) = roles(&names);
    let goal = has_role(&mut solver, &facts, &config);
    let mut refused = HashSet::new();
    let mut refuse = |witness: &Witness| -> Option<()> {
        refused.insert(roles_of(witness));
        None
    };
    let result = search(&mut solver, &facts, &config, goal, &mut refuse);
    assert!(matches!(result, Search::Undecided));
    assert_eq!(refused.len(), MOST_REFUSALS);
    // The requests are excluded only from that search.
    let mut accept = |witness: &Witness| refused.contains(&roles_of(witness)).then_some(());
    let result = search(&mut solver, &facts, &config, goal, &mut accept);
    assert!(matches!(result, Search::Found(())));
}

#[test]
fn peer_of_a_request_is_a_uri() {
    let (config, mut solver, facts) = roles(&["a".into()]);
    let goal = facts.request.peer_state.uri;
    let mut peer = |witness: &Witness| witness.request["peer"].as_str().map(str::to_owned);
    let result = search(&mut solver, &facts, &config, goal, &mut peer);
    assert!(
        matches!(&result, Search::Found(peer) if peer.contains(':')),
        "{result:?}"
    );
}

#[test]
fn core_contains_a_true_fact_instead_of_the_facts_that_it_makes_false() {
    let mut solver = Solver::new();
    let facts = [(); 4].map(|()| solver.variable());
    let [a, b, c, d] = facts;
    solver.exactly_one(&facts);
    let goal = solver.all([!a, !b, !c]);
    assert_eq!(
        core(&mut solver, goal, &[!a, !b, !c, d], Effort::Quick),
        [d]
    );
}

#[test]
fn core_has_no_fact_that_is_not_needed() {
    let mut solver = Solver::new();
    let [a, b, x, goal] = [(); 4].map(|()| solver.variable());
    // `b` implies the goal, whatever `x` is; with `a`, the solver does not need to try both values.
    solver.require(&[!b, x, goal]);
    solver.require(&[!b, !x, goal]);
    solver.require(&[!a, x]);
    assert_eq!(core(&mut solver, goal, &[a, b], Effort::Thorough), [b]);
}
