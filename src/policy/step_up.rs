//! Step-up: a rule that would permit, had the caller signed in more strongly.

use super::evaluate::{Facts, Truth, evaluate};
use super::rule::{Effect, Requirement, Rule};
use crate::decision::Denial;

/// The denial that tells an allow rule's caller to sign in again; `None` when that would not help,
/// or when the caller's client would not understand. Decides how a refusal is told, never whether.
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

/// The first authentication context without which the requirement is not met, where contexts are
/// all that is missing. A challenge can name one; a second one is asked for when this one is held.
fn missing_context<'r>(requirement: &'r Requirement, facts: Facts<'_>) -> Option<&'r str> {
    let mut needed = Vec::new();
    collect(requirement, true, &mut needed);
    let suffice = |assumed: &[&str]| {
        let caller = facts.caller;
        let surroundings = facts.surroundings;
        let facts = Facts {
            caller,
            surroundings,
            assumed,
        };
        evaluate(requirement, facts) == Truth::Satisfied
    };
    if suffice(&[]) || !suffice(&needed) {
        return None;
    }
    // Those that can be done without go, the last named first.
    for index in (0..needed.len()).rev() {
        let mut fewer = needed.clone();
        fewer.remove(index);
        if suffice(&fewer) {
            needed = fewer;
        }
    }
    needed.first().copied()
}

/// The contexts whose presence could help: not those under a `not`.
fn collect<'r>(requirement: &'r Requirement, wanted: bool, needed: &mut Vec<&'r str>) {
    match requirement {
        Requirement::AuthContext(context) if wanted => needed.push(context),
        Requirement::All(parts) | Requirement::Any(parts) => {
            for part in parts {
                collect(part, wanted, needed);
            }
        }
        Requirement::Not(part) => collect(part, !wanted, needed),
        _ => {}
    }
}
