//! The decision: takes a request and a verified caller, returns a permit or a denial.
//!
//! Deny rules are evaluated first, then allow rules in their order; the first satisfied rule
//! decides. If no rule is satisfied, the request is denied. Requirements have three values, and an indeterminate
//! requirement never permits.

use super::bits::Bits;
use super::membership::{Directory, lacks_groups};
use super::requirement::Facts;
use super::rule::{AnonymousRule, Effect, Match, Mode, Policy, Rule};
use super::step_up::step_up;
use crate::decision::{BodyUnavailable, Denial};
use crate::http::openai;
use crate::logic::Truth;
use crate::model::request::Request;
use crate::token::claims::Claims;
use std::sync::Arc;

/// Proof that a rule permits a request. Only this module creates one, and the credential store
/// requires one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    rule: Arc<str>,
    credential: Option<usize>,
    bill_to: Option<Arc<str>>,
}

impl Permit {
    /// Returns the rule that permits.
    pub fn rule(&self) -> &Arc<str> {
        &self.rule
    }

    /// Returns the index of the rule's credential; `None` if the rule sends no credential.
    pub fn credential(&self) -> Option<usize> {
        self.credential
    }

    /// Returns the payer, if the rule names one.
    pub fn bill_to(&self) -> Option<&Arc<str>> {
        self.bill_to.as_ref()
    }
}

/// A decision with the results of shadow rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub outcome: Result<Permit, Denial>,
    /// The decisions that shadow rules would have made.
    pub shadow: Vec<Shadow>,
    /// The decision depends on a part of the body that is unknown or not read yet.
    pub depends_on_body: bool,
}

/// The decision that a rule in shadow mode would have made.
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
    /// Returns the permit of the first anonymous rule that matches. The request is not a batch.
    pub(super) fn permit_anonymous_message(&self, request: &Request) -> Option<Permit> {
        let candidates = self.index.anonymous.candidates(request);
        pick(&self.anonymous, &candidates)
            .find(|rule| rule.matches.covers(request, None))
            .map(|rule| Permit {
                rule: rule.name.clone(),
                credential: rule.credential,
                bill_to: rule.bill_to.clone(),
            })
    }

    /// Returns whether the choice of the anonymous rule depends on the body. The request is not a batch.
    pub(super) fn anonymous_message_needs_body(&self, request: &Request) -> bool {
        let open = |rule: &AnonymousRule| rule.matches.waits_for_body(request, None);
        let candidates = self.index.anonymous.candidates(request);
        let mut rules = pick(&self.anonymous, &candidates);
        let first = rules.find(|rule| open(rule) || rule.matches.covers(request, None));
        first.is_some_and(open)
    }

    /// Returns whether any rule, for any caller, may depend on the model while it is unknown.
    /// Shadow rules are included.
    pub fn may_need_model(&self, request: &Request) -> bool {
        if request.model.unavailable().is_none() {
            return false;
        }
        let anonymous = self.index.anonymous.candidates_by_model(request);
        let rules = self.index.matches.candidates_by_model(request);
        self.any(&anonymous, &rules, &|matches| {
            matches.may_need_model(request)
        })
    }

    /// Returns whether any rule, for any caller, may depend on JSON-RPC messages while they are unknown.
    pub fn may_need_messages(&self, request: &Request) -> bool {
        if !self.has_messages || request.mcp.unavailable().is_none() {
            return false;
        }
        let anonymous = self.index.anonymous.candidates_by_message(request);
        let rules = self.index.matches.candidates_by_message(request);
        self.any(&anonymous, &rules, &|matches| {
            matches.may_need_messages(request)
        })
    }

    fn any(&self, anonymous: &Bits, rules: &Bits, test: &dyn Fn(&Match) -> bool) -> bool {
        pick(&self.anonymous, anonymous)
            .map(|rule| &rule.matches)
            .chain(pick(&self.rules, rules).map(|rule| &rule.matches))
            .any(test)
    }

    /// Decides a request that is not a batch.
    pub(super) fn decide_on(&self, request: &Request, facts: Facts<'_>) -> Decision {
        let candidates = self.index.matches.candidates(request);
        if let Some(reason) = self.depends_on_body(request, facts, &candidates) {
            return Decision {
                outcome: Err(reason.denial()),
                shadow: Vec::new(),
                depends_on_body: true,
            };
        }
        let (shadow, enforced): (Vec<_>, Vec<_>) = self
            .covering(request, facts.caller, candidates)
            .into_iter()
            .partition(|rule| rule.mode == Mode::Shadow);
        Decision {
            outcome: enforce(&enforced, request, facts),
            shadow: shadow
                .into_iter()
                .filter_map(|rule| observe(rule, facts))
                .collect(),
            depends_on_body: false,
        }
    }

    /// Returns why the body is unknown, if the decision depends on it: a deny rule that waits for the body could be
    /// satisfied, or an allow rule that waits for it precedes every rule that permits. Returns `None` if the decision is
    /// the same for every body.
    fn depends_on_body(
        &self,
        request: &Request,
        facts: Facts<'_>,
        candidates: &Bits,
    ) -> Option<BodyUnavailable> {
        let by_body = self.index.matches.waiting(candidates, request)?;
        let issuer = Some(&*facts.caller.issuer);
        let open = |rule: &Rule| rule.matches.waits_for_body(request, issuer);
        let covers = |rule: &Rule| rule.matches.covers(request, issuer);
        let truth = |rule: &Rule| rule.require.truth(facts);
        let mut relevant = candidates.clone();
        self.index.callers.narrow(&mut relevant, facts.caller);
        // Allow rules that depend on the body are included even if the caller does not satisfy them.
        relevant.union_with(&by_body);
        let deny = relevant.and(&self.index.denying);
        let allow = relevant.and(&self.index.allowing);
        let denies = |is_about: &dyn Fn(&Rule) -> bool| {
            let mut deny = pick(&self.rules, &deny);
            deny.find(|rule| is_about(rule) && truth(rule) != Truth::Unsatisfied)
        };
        if denies(&covers).is_some() {
            return None;
        }
        let permits = |rule: &Rule| covers(rule) && truth(rule) == Truth::Satisfied;
        let first = || pick(&self.rules, &allow).find(|rule| open(rule) || permits(rule));
        let decisive = denies(&open).or_else(|| first().filter(|rule| open(rule)))?;
        Some(decisive.matches.unavailable(request))
    }

    /// Returns the matching rules that the caller could satisfy, and the first matching allow rule
    /// even if the caller cannot satisfy it, because a denial names it.
    fn covering(&self, request: &Request, caller: &Claims, candidates: Bits) -> Vec<&Rule> {
        let covers = |rule: &Rule| rule.matches.covers(request, Some(&caller.issuer));
        let refuses =
            |rule: &Rule| rule.mode == Mode::Enforce && rule.effect != Effect::Deny && covers(rule);
        let rule = |index: &usize| self.rules.get(*index);
        let first = candidates
            .iter()
            .find(|index| rule(index).is_some_and(refuses));
        let mut found = candidates;
        self.index.callers.narrow(&mut found, caller);
        first.into_iter().for_each(|index| found.add(index));
        pick(&self.rules, &found)
            .filter(|rule| covers(rule))
            .collect()
    }
}

/// Returns the rules with these indices, in order.
fn pick<'p, T>(rules: &'p [T], found: &Bits) -> impl Iterator<Item = &'p T> {
    found.iter().filter_map(|index| rules.get(index))
}

pub(super) fn enforce(
    rules: &[&Rule],
    request: &Request,
    facts: Facts<'_>,
) -> Result<Permit, Denial> {
    for rule in rules.iter().filter(|rule| rule.effect == Effect::Deny) {
        match rule.require.truth(facts) {
            Truth::Satisfied => {
                return Err(Denial::DeniedByRule {
                    rule: rule.name.clone(),
                });
            }
            Truth::Indeterminate => return Err(indeterminate(rule, facts)),
            Truth::Unsatisfied => {}
        }
    }
    let (mut first, mut without_groups) = (None, None);
    for rule in rules {
        let Effect::Allow { credential } = rule.effect else {
            continue;
        };
        match rule.require.truth(facts) {
            Truth::Satisfied => {
                return Ok(Permit {
                    rule: rule.name.clone(),
                    credential,
                    bill_to: rule.bill_to.clone(),
                });
            }
            Truth::Indeterminate if lacks_groups(rule, facts) => without_groups = Some(rule),
            Truth::Indeterminate | Truth::Unsatisfied => first = first.or(Some(rule)),
        }
    }
    let denial = rules
        .iter()
        .find_map(|rule| step_up(rule, facts))
        .or_else(|| without_groups.map(|rule| indeterminate(rule, facts)))
        .or_else(|| first.map(|rule| unsatisfied(rule, facts)));
    Err(denial.unwrap_or_else(|| Denial::NoRule {
        lacks_version: openai::lacks_version(&request.path),
    }))
}

/// Returns the denial for an allow rule that the caller does not satisfy.
fn unsatisfied(rule: &Rule, facts: Facts<'_>) -> Denial {
    Denial::RuleUnsatisfied {
        rule: rule.name.clone(),
        requirement: rule.require.describe(),
        similar: rule.require.similar(facts.caller),
    }
}

/// Returns the denial for a rule whose requirement is indeterminate. An indeterminate deny rule
/// denies; an indeterminate allow rule does not permit.
fn indeterminate(rule: &Rule, facts: Facts<'_>) -> Denial {
    let for_groups = lacks_groups(rule, facts);
    let rule = rule.name.clone();
    match (for_groups, &facts.context.directory) {
        (false, _) => Denial::DeniedByRule { rule },
        (true, Directory::Unavailable(reason)) => Denial::GroupsOverage {
            rule,
            lookup: Some(*reason),
        },
        (true, Directory::NotQueried | Directory::Known(_)) => {
            let lookup = None;
            Denial::GroupsOverage { rule, lookup }
        }
    }
}

fn observe(rule: &Rule, facts: Facts<'_>) -> Option<Shadow> {
    let would = match (rule.effect, rule.require.truth(facts)) {
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
