//! The reference evaluator: decides without an index, rule by rule, to show that the index changes
//! no outcome.

mod generators;

use super::decide::{Permit, Shadow, Would};
use super::requirement::Facts;
use super::rule::{AnonymousRule, Effect, Match, Mode, Policy, Rule};
use crate::decision::BodyUnavailable;
use crate::logic::Truth;
use crate::model::request::Request;
use crate::policy::context::{Peer, RequestContext};
use crate::time::Timestamp;
use generators::{caller, policy, request};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;

/// The results for a request that are compared.
#[derive(Debug, PartialEq)]
struct Results {
    anonymous: Option<Arc<str>>,
    anonymous_needs_body: bool,
    may_need_model: bool,
    may_need_messages: bool,
    needs_body: bool,
    /// The rule that permits and its credential, or the denial.
    outcome: Result<(Arc<str>, Option<usize>), String>,
    shadow: Vec<Shadow>,
}

fn reference(policy: &Policy, request: &Request, facts: Facts<'_>) -> Results {
    let open_to = |rule: &&AnonymousRule| rule.matches.covers(request, None);
    let waits = |rule: &AnonymousRule| rule.matches.waits_for_body(request, None);
    let mut anonymous = policy.anonymous.iter();
    let first = anonymous.find(|rule| waits(rule) || open_to(rule));
    let anonymous = policy.anonymous.iter().map(|rule| &rule.matches);
    let all: Vec<&Match> = anonymous
        .chain(policy.rules.iter().map(|rule| &rule.matches))
        .collect();
    let needs_body = needs_body(policy, request, facts);
    let (outcome, shadow) = match needs_body {
        Some(reason) => (Err(format!("{:?}", reason.denial())), Vec::new()),
        None => decide(policy, request, facts),
    };
    Results {
        anonymous: policy
            .anonymous
            .iter()
            .find(open_to)
            .map(|rule| rule.name.clone()),
        anonymous_needs_body: first.is_some_and(waits),
        may_need_model: all.iter().any(|matches| matches.may_need_model(request)),
        may_need_messages: all.iter().any(|matches| matches.may_need_messages(request)),
        needs_body: needs_body.is_some(),
        outcome,
        shadow,
    }
}

/// Returns why the body is unknown, if the decision depends on it.
fn needs_body(policy: &Policy, request: &Request, facts: Facts<'_>) -> Option<BodyUnavailable> {
    let issuer = Some(&*facts.caller.issuer);
    let open = |rule: &Rule| rule.matches.waits_for_body(request, issuer);
    let matches_request = |rule: &Rule| rule.matches.covers(request, issuer);
    let truth = |rule: &Rule| rule.require.truth(facts);
    let enforced = policy
        .rules
        .iter()
        .filter(|rule| rule.mode == Mode::Enforce);
    let (deny, allow): (Vec<_>, Vec<_>) = enforced.partition(|rule| rule.effect == Effect::Deny);
    let denies = |rule: &&&Rule| truth(rule) != Truth::Unsatisfied;
    if deny.iter().filter(denies).any(|rule| matches_request(rule)) {
        return None;
    }
    let reason = |rule: &Rule| match request.mcp.unavailable() {
        Some(reason) if rule.matches.mcp.are_named() => Some(reason),
        _ => request.model.unavailable(),
    };
    if let Some(rule) = deny.iter().filter(denies).find(|rule| open(rule)) {
        return reason(rule);
    }
    let permits = |rule: &Rule| matches_request(rule) && truth(rule) == Truth::Satisfied;
    let first = allow.iter().find(|rule| open(rule) || permits(rule));
    first
        .filter(|rule| open(rule))
        .and_then(|rule| reason(rule))
}

type Outcome = (Result<(Arc<str>, Option<usize>), String>, Vec<Shadow>);

/// Evaluates all rules as documented: deny rules, then the first allow rule that is satisfied. A
/// denial names the first matching allow rule, unless groups that a rule requires are unknown.
fn decide(policy: &Policy, request: &Request, facts: Facts<'_>) -> Outcome {
    let matches_request = |rule: &&Rule| rule.matches.covers(request, Some(&facts.caller.issuer));
    let (shadow, enforced): (Vec<&Rule>, Vec<&Rule>) = (policy.rules.iter())
        .filter(matches_request)
        .partition(|rule| rule.mode == Mode::Shadow);
    let shadow = shadow.into_iter().filter_map(|rule| {
        let would = match (rule.effect, rule.require.truth(facts)) {
            (Effect::Allow { .. }, Truth::Satisfied) => Would::Permit,
            (Effect::Deny, Truth::Satisfied | Truth::Indeterminate) => Would::Deny,
            _ => return None,
        };
        let rule = rule.name.clone();
        Some(Shadow { rule, would })
    });
    let outcome = super::decide::enforce(&enforced, request, facts);
    (comparable(outcome), shadow.collect())
}

fn comparable(
    outcome: Result<Permit, crate::decision::Denial>,
) -> Result<(Arc<str>, Option<usize>), String> {
    outcome
        .map(|permit| (permit.rule().clone(), permit.credential()))
        .map_err(|denial| format!("{denial:?}"))
}

fn indexed(policy: &Policy, request: &Request, facts: Facts<'_>) -> Results {
    let decision = policy.decide_on(request, facts);
    Results {
        anonymous: policy
            .permit_anonymous_message(request)
            .map(|permit| permit.rule().clone()),
        anonymous_needs_body: policy.anonymous_needs_body(request),
        may_need_model: policy.may_need_model(request),
        may_need_messages: policy.may_need_messages(request),
        needs_body: decision.depends_on_body,
        outcome: comparable(decision.outcome),
        shadow: decision.shadow,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn index_changes_no_outcome(
        policy in policy(), calls in vec((request(), caller()), 24),
    ) {
        let context = RequestContext {
            now: Timestamp::from_secs(0),
            source: None,
            peer: Peer::Unknown,
            directory: Default::default(),
        };
        for (request, caller) in &calls {
            let facts = Facts::of(caller, &context);
            prop_assert_eq!(
                indexed(&policy, request, facts),
                reference(&policy, request, facts),
                "{:?} {:?}", request, caller
            );
        }
    }
}
