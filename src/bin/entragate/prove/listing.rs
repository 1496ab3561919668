//! Requests for one entry of a list of models, which are refused if the caller may not use the model.

use super::facts::Facts;
use super::solver::{Lit, Solver};
use entragate::config::Config;
use entragate::policy::rule::{Effect, Match, Mode, Models, Rule};
use entragate::policy::view::overrides;

/// Whether the model is shown to the caller of a request. Without `has_caller`, only anonymous rules show models.
pub fn is_shown(solver: &mut Solver, facts: &mut Facts, config: &Config, has_caller: bool) -> Lit {
    let mut ways = Vec::new();
    for rule in &config.policy.anonymous {
        let usable = may_use(solver, facts, &rule.matches, false);
        let is_sent = facts.is_sent(solver, config, rule.credential);
        let covered = facts
            .request
            .covers_listed(solver, &rule.matches.models)
            .yes;
        ways.push(solver.all([usable, is_sent, covered]));
    }
    let rules = config
        .policy
        .rules
        .iter()
        .filter(|rule| rule.mode == Mode::Enforce && has_caller);
    let (deny, allow): (Vec<&Rule>, Vec<&Rule>) =
        rules.partition(|rule| rule.effect == Effect::Deny);
    for rule in allow {
        let Effect::Allow { credential } = rule.effect else {
            continue;
        };
        let mut conditions = vec![
            may_use(solver, facts, &rule.matches, true),
            facts.requirement(solver, &rule.require).yes,
            facts.is_sent(solver, config, credential),
            facts
                .request
                .covers_listed(solver, &rule.matches.models)
                .yes,
        ];
        for other in deny
            .iter()
            .filter(|other| overrides(&other.matches, &rule.matches))
        {
            let usable = may_use(solver, facts, &other.matches, true);
            let applies = !facts.requirement(solver, &other.require).no;
            let models = &other.matches.models;
            let denies = if models.patterns.is_empty() {
                solver.always()
            } else {
                // A model without a name may be any model.
                !facts.request.covers_listed(solver, models).no
            };
            conditions.push(!solver.all([usable, applies, denies]));
        }
        ways.push(solver.all(conditions));
    }
    solver.any(ways)
}

/// Whether a rule could match a request that uses a model: a POST to any path.
fn may_use(solver: &mut Solver, facts: &mut Facts, matches: &Match, has_caller: bool) -> Lit {
    let is_post =
        matches.methods.is_empty() || matches.methods.iter().any(|method| method == "POST");
    if matches.mcp.are_named() || !is_post {
        return solver.never();
    }
    let place = Match {
        methods: Vec::new(),
        paths: Vec::new(),
        models: Models::default(),
        ..matches.clone()
    };
    facts.covers(solver, &place, has_caller).yes
}
