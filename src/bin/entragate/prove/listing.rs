//! Requests for one entry of a list of models: they are refused if the caller may not use the model.

use super::facts::Facts;
use super::solver::{Lit, Solver};
use super::three::Three;
use entragate::config::Config;
use entragate::policy::messages::Messages;
use entragate::policy::rule::{Effect, Match, Mode, Models, Rule};
use entragate::policy::view::overrides;

/// Whether the model is shown to the caller of a request; to nobody without `has_caller`.
pub fn is_shown(solver: &mut Solver, facts: &mut Facts, config: &Config, has_caller: bool) -> Lit {
    let mut ways = Vec::new();
    for rule in &config.policy.anonymous {
        let usable = may_use(solver, facts, &rule.matches, false);
        let is_sent = is_sent(solver, facts, config, rule.credential);
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
            requirement(solver, facts, rule).yes,
            is_sent(solver, facts, config, credential),
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
            let applies = !requirement(solver, facts, other).no;
            let models = &other.matches.models;
            let denies = if models.patterns.is_empty() {
                solver.always()
            } else {
                // A model without a name may be any.
                !facts.request.covers_listed(solver, models).no
            };
            conditions.push(!solver.all([usable, applies, denies]));
        }
        ways.push(solver.all(conditions));
    }
    solver.any(ways)
}

/// Whether a rule could match the use of a model: a POST to any path.
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
        mcp: Messages::default(),
        ..matches.clone()
    };
    let issuers = facts.issuers.clone();
    let issuer = |_: &Solver, name: &str| issuers.get(name).copied().filter(|_| has_caller);
    facts.request.covers(solver, &place, &issuer).yes
}

fn requirement(solver: &mut Solver, facts: &Facts, rule: &Rule) -> Three {
    Three::of(
        solver,
        &rule.require,
        &mut |solver: &mut Solver, condition| facts.truth(solver, condition),
    )
}

fn is_sent(
    solver: &mut Solver,
    facts: &mut Facts,
    config: &Config,
    credential: Option<usize>,
) -> Lit {
    let clusters = credential.and_then(|at| config.credentials.get(at));
    let clusters = clusters.map_or(&[][..], |credential| &credential.clusters);
    facts.request.is_sent_to(solver, clusters)
}
