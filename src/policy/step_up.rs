//! Step-up: detects whether a rule would permit after a stronger sign-in.

use super::requirement::{Condition, Facts, Requirement};
use super::rule::{Effect, Rule};
use crate::decision::Denial;
use crate::logic::Truth;

/// Returns the denial that asks a caller to sign in again to satisfy an allow rule. Returns `None` if a
/// new sign-in would not help, or if the caller's client does not support the challenge. The result
/// only changes how a denial is reported, never whether the request is denied.
pub fn step_up(rule: &Rule, facts: Facts<'_>) -> Option<Denial> {
    let sign_in = facts.caller.step_up_at.as_ref()?;
    if rule.effect == Effect::Deny {
        return None;
    }
    let context = missing_context(&rule.require, facts)?;
    Some(Denial::StepUpRequired {
        rule: rule.name.clone(),
        context: context.to_owned(),
        authorization_uri: sign_in.uri(),
    })
}

/// Returns the first missing authentication context, if additional contexts would satisfy the requirement. A challenge
/// can name only one context; the next challenge names the next one.
fn missing_context<'r>(requirement: &'r Requirement, facts: Facts<'_>) -> Option<&'r str> {
    let mut needed: Vec<&str> = Vec::new();
    // A context under a `not` cannot help.
    requirement.visit(&mut |condition, polarity| match condition {
        Condition::AuthContext(context) if polarity => needed.push(context.as_str()),
        _ => {}
    });
    let suffice = |assumed: &[&str]| {
        let caller = facts.caller;
        let context = facts.context;
        let facts = Facts {
            caller,
            context,
            assumed,
        };
        requirement.truth(facts) == Truth::Satisfied
    };
    if suffice(&[]) || !suffice(&needed) {
        return None;
    }
    // Remove the contexts that are not needed, from the last to the first.
    for index in (0..needed.len()).rev() {
        let mut fewer = needed.clone();
        fewer.remove(index);
        if suffice(&fewer) {
            needed = fewer;
        }
    }
    needed.first().copied()
}
