//! The decision: a request and a verified caller in, a permit or a denial out.
//!
//! Deny rules first, then the first allow rule that holds; nothing holds: denied. Every requirement
//! has three values, and what is indeterminate never permits.

use super::bits::Bits;
use super::describe::describe;
use super::evaluate::{Facts, Truth, evaluate};
use super::membership::{Directory, lacks_groups};
use super::rule::{AnonymousRule, Effect, Mode, Policy, Rule};
use super::step_up::step_up;
use crate::decision::Denial;
use crate::model::request::Request;
use crate::policy::context::RequestContext;
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

    /// Index of the rule's credential; `None` where the rule sends none.
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
    /// Another model could change it, and which one is asked can't be told (yet).
    pub hangs_on_model: bool,
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
        let about = self.index.anonymous.about(request);
        pick(&self.anonymous, &about)
            .find(|rule| rule.matches.covers(request, None))
            .map(|rule| Permit {
                rule: rule.name.clone(),
                credential: rule.credential,
            })
    }

    /// Whether which anonymous rule permits, if any, hangs on a model that can't be told (yet).
    pub fn anonymous_needs_model(&self, request: &Request) -> bool {
        let open = |rule: &AnonymousRule| rule.matches.waits_for_model(request, None);
        let about = self.index.anonymous.about(request);
        let mut rules = pick(&self.anonymous, &about);
        let first = rules.find(|rule| open(rule) || rule.matches.covers(request, None));
        first.is_some_and(open)
    }

    /// Whether any rule may come to ask for the model that is not known, whoever calls; a shadow rule
    /// only to observe.
    pub fn may_ask_for_model(&self, request: &Request) -> bool {
        if request.model.lack().is_none() {
            return false;
        }
        let anonymous = self.index.anonymous.about_by_model(request);
        let rules = self.index.matches.about_by_model(request);
        pick(&self.anonymous, &anonymous)
            .map(|rule| &rule.matches)
            .chain(pick(&self.rules, &rules).map(|rule| &rule.matches))
            .any(|matches| matches.may_wait_for_model(request))
    }

    /// Decides about an authenticated caller. A model that is needed and can't be told denies.
    pub fn decide(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        surroundings: &RequestContext,
    ) -> Decision {
        self.decide_on(request, Facts::of(caller, surroundings))
    }

    pub(super) fn decide_on(&self, request: &Request, facts: Facts<'_>) -> Decision {
        let about = self.index.matches.about(request);
        if let Some(lack) = request.model.lack()
            && self.hangs_on_model(request, facts, &about)
        {
            return Decision {
                outcome: Err(lack.denial()),
                shadow: Vec::new(),
                hangs_on_model: true,
            };
        }
        let (shadow, enforced): (Vec<_>, Vec<_>) = self
            .covering(request, facts.caller, about)
            .into_iter()
            .partition(|rule| rule.mode == Mode::Shadow);
        Decision {
            outcome: enforce(&enforced, facts),
            shadow: shadow
                .into_iter()
                .filter_map(|rule| observe(rule, facts))
                .collect(),
            hangs_on_model: false,
        }
    }

    /// Whether the decision hangs on a model that can't be told (yet): a deny rule that names models
    /// could hold, or an allow rule that does comes before any that permits. Where the decision is
    /// the same for every model this is false.
    fn hangs_on_model(&self, request: &Request, facts: Facts<'_>, about: &Bits) -> bool {
        let by_model = self.index.matches.by_model(about);
        if by_model.is_empty() {
            return false;
        }
        let issuer = Some(&*facts.caller.issuer);
        let open = |rule: &Rule| rule.matches.waits_for_model(request, issuer);
        let covers = |rule: &Rule| rule.matches.covers(request, issuer);
        let truth = |rule: &Rule| evaluate(&rule.require, facts);
        let mut relevant = about.clone();
        self.index.callers.narrow(&mut relevant, facts.caller);
        // Whether its caller meets an allow rule does not matter while that is open.
        relevant.join(&by_model);
        let (deny, allow): (Vec<_>, Vec<_>) = pick(&self.rules, &relevant)
            .filter(|rule| rule.mode == Mode::Enforce)
            .partition(|rule| rule.effect == Effect::Deny);
        let denies = |is_about: &dyn Fn(&Rule) -> bool| {
            let mut deny = deny.iter();
            deny.any(|rule| is_about(rule) && truth(rule) != Truth::Unsatisfied)
        };
        if denies(&covers) {
            return false;
        }
        if denies(&open) {
            return true;
        }
        let permits = |rule: &Rule| covers(rule) && truth(rule) == Truth::Satisfied;
        let first = allow.iter().find(|rule| open(rule) || permits(rule));
        first.is_some_and(|rule| open(rule))
    }

    /// The rules about a request that its caller may meet; and the first that would allow it, met or
    /// not: a refusal names it.
    fn covering(&self, request: &Request, caller: &Claims, about: Bits) -> Vec<&Rule> {
        let covers = |rule: &Rule| rule.matches.covers(request, Some(&caller.issuer));
        let refuses =
            |rule: &Rule| rule.mode == Mode::Enforce && rule.effect != Effect::Deny && covers(rule);
        let rule = |index: &usize| self.rules.get(*index);
        let first = about.iter().find(|index| rule(index).is_some_and(refuses));
        let mut found = about;
        self.index.callers.narrow(&mut found, caller);
        first.into_iter().for_each(|index| found.add(index));
        pick(&self.rules, &found)
            .filter(|rule| covers(rule))
            .collect()
    }
}

/// Those rules, in their order.
fn pick<'p, T>(rules: &'p [T], found: &Bits) -> impl Iterator<Item = &'p T> {
    found.iter().filter_map(|index| rules.get(index))
}

pub(super) fn enforce(rules: &[&Rule], facts: Facts<'_>) -> Result<Permit, Denial> {
    for rule in rules.iter().filter(|rule| rule.effect == Effect::Deny) {
        match evaluate(&rule.require, facts) {
            Truth::Satisfied => {
                return Err(Denial::DeniedByRule {
                    rule: rule.name.clone(),
                });
            }
            Truth::Indeterminate => return Err(indeterminate(rule, facts)),
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
                return Ok(Permit { rule, credential });
            }
            Truth::Indeterminate if lacks_groups(rule, facts) => {
                refusal = Some(indeterminate(rule, facts));
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
fn indeterminate(rule: &Rule, facts: Facts<'_>) -> Denial {
    let for_groups = lacks_groups(rule, facts);
    let rule = rule.name.clone();
    match (for_groups, &facts.surroundings.directory) {
        (false, _) => Denial::DeniedByRule { rule },
        (true, Directory::Silent(lack)) => {
            let lack = Some(*lack);
            Denial::GroupsOverage { rule, lookup: lack }
        }
        (true, Directory::NotAsked | Directory::Says(_)) => {
            let lack = None;
            Denial::GroupsOverage { rule, lookup: lack }
        }
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

#[cfg(test)]
mod tests;
