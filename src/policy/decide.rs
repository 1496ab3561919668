//! The decision: a request and a verified caller in, a permit or a denial out.
//!
//! Deny rules first, then the first allow rule that holds; nothing holds: denied. Every requirement
//! has three values, and what is indeterminate never permits.

use super::describe::describe;
use super::evaluate::{Facts, Truth, evaluate};
use super::rule::{AnonymousRule, Effect, Mode, Policy, Rule};
use super::step_up::step_up;
use super::surroundings::Surroundings;
use crate::decision::Denial;
use crate::request::Request;
use crate::token::claims::Claims;
use crate::token::verify::Verified;
use std::sync::Arc;

/// Proof that a rule permits a request. Only this room makes one; a credential can't be had without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    rule: Arc<str>,
    credential: Option<usize>,
}

impl Permit {
    /// The rule that permits.
    pub fn rule(&self) -> &Arc<str> {
        &self.rule
    }

    /// Index of the rule's credential; `None` only for an anonymous rule.
    pub fn credential(&self) -> Option<usize> {
        self.credential
    }
}

/// A decision and what led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub outcome: Result<Permit, Denial>,
    /// What shadow rules would have done.
    pub shadow: Vec<Shadow>,
}

/// What a rule in shadow mode would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    pub rule: Arc<str>,
    pub would: Would,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Would {
    Permit,
    Deny,
}

impl Policy {
    /// The permit of an anonymous rule, which asks for no token. A rule whose model can't be told
    /// permits nothing.
    pub fn permit_anonymous(&self, request: &Request) -> Option<Permit> {
        self.anonymous
            .iter()
            .find(|rule| rule.matches.covers(request, None))
            .map(|rule| Permit {
                rule: rule.name.clone(),
                credential: rule.credential,
            })
    }

    /// Whether which anonymous rule permits, if any, hangs on a model that can't be told (yet).
    pub fn anonymous_needs_model(&self, request: &Request) -> bool {
        let open = |rule: &AnonymousRule| rule.matches.waits_for_model(request, None);
        let mut rules = self.anonymous.iter();
        let first = rules.find(|rule| open(rule) || rule.matches.covers(request, None));
        first.is_some_and(open)
    }

    /// Whether any rule may come to ask for the model, whoever calls; a shadow rule only to observe.
    pub fn may_ask_for_model(&self, request: &Request) -> bool {
        let anonymous = self.anonymous.iter().map(|rule| &rule.matches);
        let rules = self.rules.iter().map(|rule| &rule.matches);
        anonymous
            .chain(rules)
            .any(|matches| matches.may_wait_for_model(request))
    }

    /// Whether the decision hangs on a model that can't be told (yet): a deny rule that names models
    /// could hold, or an allow rule that does comes before any that permits. Where the decision is
    /// the same for every model this is false.
    pub fn needs_model(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        surroundings: &Surroundings,
    ) -> bool {
        let facts = Facts::of(caller, surroundings);
        let issuer = Some(&*caller.issuer);
        let open = |rule: &Rule| rule.matches.waits_for_model(request, issuer);
        let truth = |rule: &Rule| evaluate(&rule.require, facts);
        let enforced = || self.rules.iter().filter(|rule| rule.mode == Mode::Enforce);
        let (deny, allow): (Vec<_>, Vec<_>) =
            enforced().partition(|rule| rule.effect == Effect::Deny);
        let about = |rule: &Rule| rule.matches.covers(request, issuer);
        if deny
            .iter()
            .any(|rule| about(rule) && truth(rule) != Truth::Unsatisfied)
        {
            return false;
        }
        if deny
            .iter()
            .any(|rule| open(rule) && truth(rule) != Truth::Unsatisfied)
        {
            return true;
        }
        let permits = |rule: &&&Rule| about(rule) && truth(rule) == Truth::Satisfied;
        let first = allow.iter().find(|rule| open(rule) || permits(rule));
        first.is_some_and(|rule| open(rule))
    }

    /// Decides about an authenticated caller. A model that is needed and can't be told denies.
    pub fn decide(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        surroundings: &Surroundings,
    ) -> Decision {
        if let Some(lack) = request.model.lack()
            && self.needs_model(request, caller, surroundings)
        {
            return Decision {
                outcome: Err(lack.denial()),
                shadow: Vec::new(),
            };
        }
        let facts = Facts::of(caller, surroundings);
        let about = || {
            let covers = |rule: &&Rule| rule.matches.covers(request, Some(&caller.issuer));
            self.rules.iter().filter(covers)
        };
        let (shadow, enforced): (Vec<_>, Vec<_>) =
            about().partition(|rule| rule.mode == Mode::Shadow);
        Decision {
            outcome: enforce(&enforced, facts),
            shadow: shadow
                .into_iter()
                .filter_map(|rule| observe(rule, facts))
                .collect(),
        }
    }
}

fn enforce(rules: &[&Rule], facts: Facts<'_>) -> Result<Permit, Denial> {
    for rule in rules.iter().filter(|rule| rule.effect == Effect::Deny) {
        match evaluate(&rule.require, facts) {
            Truth::Satisfied => {
                return Err(Denial::DeniedByRule {
                    rule: rule.name.clone(),
                });
            }
            Truth::Indeterminate => return Err(indeterminate(rule, facts.caller)),
            Truth::Unsatisfied => {}
        }
    }
    let mut refusal = None;
    for rule in rules {
        let Effect::Allow { credential } = rule.effect else {
            continue;
        };
        match evaluate(&rule.require, facts) {
            Truth::Satisfied => {
                let rule = rule.name.clone();
                return Ok(Permit {
                    rule,
                    credential: Some(credential),
                });
            }
            Truth::Indeterminate if facts.caller.groups.overage => {
                refusal = Some(indeterminate(rule, facts.caller));
            }
            Truth::Indeterminate | Truth::Unsatisfied => {
                refusal = refusal.or_else(|| {
                    Some(Denial::RuleUnsatisfied {
                        rule: rule.name.clone(),
                        lacks: describe(&rule.require),
                    })
                });
            }
        }
    }
    let stronger = rules.iter().find_map(|rule| step_up(rule, facts));
    Err(stronger.or(refusal).unwrap_or(Denial::NoRule))
}

/// A rule that can't be told to hold or not: a deny rule then denies, an allow rule does not permit.
fn indeterminate(rule: &Rule, caller: &Claims) -> Denial {
    let rule = rule.name.clone();
    match caller.groups.overage {
        true => Denial::GroupsOverage { rule },
        false => Denial::DeniedByRule { rule },
    }
}

fn observe(rule: &Rule, facts: Facts<'_>) -> Option<Shadow> {
    let would = match (rule.effect, evaluate(&rule.require, facts)) {
        (Effect::Allow { .. }, Truth::Satisfied) => Would::Permit,
        (Effect::Deny, Truth::Satisfied | Truth::Indeterminate) => Would::Deny,
        (Effect::Allow { .. }, Truth::Unsatisfied | Truth::Indeterminate)
        | (Effect::Deny, Truth::Unsatisfied) => return None,
    };
    Some(Shadow {
        rule: rule.name.clone(),
        would,
    })
}
