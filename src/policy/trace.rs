//! Explains a decision: lists each rule, whether it matches the request, and which of its clauses
//! are satisfied. All values come from the evaluation; nothing is decided here.

use super::requirement::{Condition, Facts, Requirement};
use super::rule::{Effect, Field, Mode, Policy};
use crate::logic::{Operator, Truth};
use crate::model::request::Request;
use crate::policy::context::RequestContext;
use crate::text::excerpt;
use crate::token::claims::Claims;
use crate::token::verify::Verified;
use std::sync::Arc;

/// One rule and how it applies to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTrace {
    pub rule: Arc<str>,
    pub kind: RuleKind,
    pub mode: Mode,
    /// Whether the rule matches the request; `None` if that depends on an unknown body.
    pub matches: Option<bool>,
    /// The first field of `match` that does not match.
    pub mismatch: Option<Field>,
    /// The requirement on the caller; absent if the rule requires no token.
    pub require: Option<ClauseTrace>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    Anonymous,
    Allow,
    Deny,
}

/// One clause with its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct ClauseTrace {
    /// The clause in words; for a combination, how its parts are combined.
    pub text: String,
    pub truth: Truth,
    /// A value of the token that differs from the required one only in case.
    pub similar: Option<String>,
    pub parts: Vec<ClauseTrace>,
}

impl Policy {
    /// Returns all rules in evaluation order: anonymous, deny, allow.
    pub fn trace(
        &self,
        request: &Request,
        caller: Option<&Verified<Claims>>,
        context: &RequestContext,
    ) -> Vec<RuleTrace> {
        let facts = caller.map(|caller| Facts::of(caller, context));
        let issuer = caller.map(|caller| &*caller.issuer);
        let anonymous = self.anonymous.iter().map(|rule| RuleTrace {
            rule: rule.name.clone(),
            kind: RuleKind::Anonymous,
            mode: Mode::Enforce,
            matches: rule.matches.may_cover(request, None),
            mismatch: rule.matches.mismatch(request, None),
            require: None,
        });
        let mut ordinary: Vec<RuleTrace> = self
            .rules
            .iter()
            .map(|rule| RuleTrace {
                rule: rule.name.clone(),
                kind: match rule.effect {
                    Effect::Allow { .. } => RuleKind::Allow,
                    Effect::Deny => RuleKind::Deny,
                },
                mode: rule.mode,
                matches: rule.matches.may_cover(request, issuer),
                mismatch: rule.matches.mismatch(request, issuer),
                require: facts.map(|facts| clause(&rule.require, facts)),
            })
            .collect();
        ordinary.sort_by_key(|rule| rule.kind != RuleKind::Deny);
        anonymous.chain(ordinary).collect()
    }
}

fn clause(requirement: &Requirement, facts: Facts<'_>) -> ClauseTrace {
    let condition = |condition: &Condition| ClauseTrace {
        text: condition.describe(),
        truth: condition.truth(facts),
        similar: condition.similar(facts.caller).map(excerpt),
        parts: Vec::new(),
    };
    requirement.fold(&condition, &|operator, parts| {
        let parts: Vec<_> = parts.collect();
        let text = match operator {
            Operator::All if parts.is_empty() => "anything",
            Operator::All => "all of",
            Operator::Any => "any of",
            Operator::Not => "not",
        };
        ClauseTrace {
            text: text.to_owned(),
            truth: operator.truth(parts.iter().map(|part| part.truth)),
            similar: None,
            parts,
        }
    })
}
