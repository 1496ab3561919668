//! A configuration's decision as formulas over the facts.

use super::facts::Facts;
use super::listing;
use super::solver::{Lit, Solver};
use entragate::config::Config;
use entragate::policy::rule::{Effect, Mode, Rule};

/// A rule that decides, and the formula for its decision.
pub struct Decides {
    pub rule: String,
    /// The index of the configuration's credential; `None` sends none.
    pub credential: Option<usize>,
    pub when: Lit,
    /// The rule denies.
    pub denies: bool,
}

/// The formulas under which a configuration permits or denies.
pub struct Decision {
    /// The permits of anonymous rules.
    pub anonymous: Vec<Decides>,
    /// The permits of authenticated callers.
    pub permits: Vec<Decides>,
    /// The denials by deny rules.
    pub denials: Vec<Decides>,
}

impl Decision {
    pub fn of(solver: &mut Solver, facts: &mut Facts, config: &Config) -> Self {
        let (anonymous, decided) = anonymous(solver, facts, config);
        let accepted = facts.is_accepted(solver, config);
        let authenticated = solver.all([accepted, !decided]);
        let (denials, denied) = denials(solver, facts, config, authenticated);
        let undenied = solver.all([authenticated, !denied]);
        let permits = permits(solver, facts, config, undenied);
        Self {
            anonymous,
            permits,
            denials,
        }
    }

    /// Excludes requests for an entry of a list of models that the caller may not see.
    pub fn limit_listings(&mut self, solver: &mut Solver, facts: &mut Facts, config: &Config) {
        if !config.forward.filter_models {
            return;
        }
        let lists_one = facts.request.lists_one;
        for (has_caller, permits) in [(false, &mut self.anonymous), (true, &mut self.permits)] {
            let is_shown = listing::is_shown(solver, facts, config, has_caller);
            let allowed = solver.any([!lists_one, is_shown]);
            for decides in permits {
                decides.when = solver.all([decides.when, allowed]);
            }
        }
    }
}

/// Returns the permits of anonymous rules, and whether there is one: the first rule that matches permits.
fn anonymous(solver: &mut Solver, facts: &mut Facts, config: &Config) -> (Vec<Decides>, Lit) {
    let mut anonymous = Vec::new();
    let mut decided = solver.never();
    for rule in &config.policy.anonymous {
        let covers = facts.covers(solver, &rule.matches, false).yes;
        let applies = if rule.matches.mcp.are_named() {
            solver.all([covers, facts.request.others_are_open])
        } else {
            covers
        };
        let is_sent = facts.is_sent(solver, config, rule.credential);
        let when = solver.all([applies, is_sent, !decided]);
        decided = solver.any([decided, applies]);
        anonymous.push(Decides {
            rule: rule.name.to_string(),
            credential: rule.credential,
            when,
            denies: false,
        });
    }
    (anonymous, decided)
}

fn enforced(config: &Config) -> impl Iterator<Item = &Rule> {
    let rules = config.policy.rules.iter();
    rules.filter(|rule| rule.mode == Mode::Enforce)
}

/// Returns the denials, and whether a rule denies: it does unless it certainly does not match or is certainly unsatisfied.
fn denials(
    solver: &mut Solver,
    facts: &mut Facts,
    config: &Config,
    authenticated: Lit,
) -> (Vec<Decides>, Lit) {
    let mut denials = Vec::new();
    let mut denied = solver.never();
    for rule in enforced(config).filter(|rule| rule.effect == Effect::Deny) {
        let covers = facts.covers(solver, &rule.matches, true);
        let require = facts.requirement(solver, &rule.require);
        let applies = solver.all([!covers.no, !require.no]);
        let when = solver.all([authenticated, covers.yes, !require.no, !denied]);
        denied = solver.any([denied, applies]);
        denials.push(Decides {
            rule: rule.name.to_string(),
            credential: None,
            when,
            denies: true,
        });
    }
    (denials, denied)
}

/// Returns the permits. An allow rule decides if it is satisfied, or if it might match a body that cannot be read.
fn permits(solver: &mut Solver, facts: &mut Facts, config: &Config, undenied: Lit) -> Vec<Decides> {
    let mut permits = Vec::new();
    let mut decided = solver.never();
    for rule in enforced(config) {
        let Effect::Allow { credential } = rule.effect else {
            continue;
        };
        let covers = facts.covers(solver, &rule.matches, true);
        let require = facts.requirement(solver, &rule.require);
        let is_satisfied = solver.all([covers.yes, require.yes]);
        let is_sent = facts.is_sent(solver, config, credential);
        let when = solver.all([undenied, !decided, is_satisfied, is_sent]);
        let waits = solver.all([!covers.yes, !covers.no]);
        decided = solver.any([decided, is_satisfied, waits]);
        permits.push(Decides {
            rule: rule.name.to_string(),
            credential,
            when,
            denies: false,
        });
    }
    permits
}
