//! Evaluates requirements in three values (Kleene's strong logic).

use super::membership::is_member;
use super::rule::Requirement;
use crate::policy::context::{Peer, RequestContext};
use crate::token::claims::{Claims, Fact};
use crate::token::issuer::same_id as same;
use serde_json::Value;

/// The claim with the authentication methods of the sign-in (RFC 8176).
pub(super) const METHODS: &str = "amr";
/// Entra's claim with the satisfied authentication contexts.
pub(super) const CONTEXTS: &str = "acrs";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    Satisfied,
    Unsatisfied,
    /// The facts are missing: groups omitted, kind of caller unclear, address unknown.
    Indeterminate,
}

impl Truth {
    fn known(is_satisfied: bool) -> Self {
        if is_satisfied {
            Self::Satisfied
        } else {
            Self::Unsatisfied
        }
    }

    fn not(self) -> Self {
        match self {
            Self::Satisfied => Self::Unsatisfied,
            Self::Unsatisfied => Self::Satisfied,
            Self::Indeterminate => Self::Indeterminate,
        }
    }
}

/// The facts that requirements are evaluated against.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub caller: &'a Claims,
    pub context: &'a RequestContext,
    /// Authentication contexts assumed in addition to the caller's own. Must be empty if a permit
    /// depends on the result.
    pub assumed: &'a [&'a str],
}

impl<'a> Facts<'a> {
    /// Returns the actual facts, without assumptions.
    pub fn of(caller: &'a Claims, context: &'a RequestContext) -> Self {
        Self {
            caller,
            context,
            assumed: &[],
        }
    }
}

pub fn evaluate(requirement: &Requirement, facts: Facts<'_>) -> Truth {
    let caller = facts.caller;
    match requirement {
        Requirement::Role(role) => known_of(caller, Fact::Roles, contains(&caller.roles, role)),
        Requirement::Group(group) => {
            if caller.groups.listed.iter().any(|own| same(own, group)) {
                Truth::Satisfied
            } else if caller.groups.overage {
                is_member(&facts.context.directory, group)
            } else {
                known_of(caller, Fact::Groups, false)
            }
        }
        Requirement::Scope(scope) => {
            known_of(caller, Fact::Scopes, contains(&caller.scopes, scope))
        }
        Requirement::DirectoryRole(role) => {
            let holds = caller.directory_roles.iter().any(|own| same(own, role));
            known_of(caller, Fact::DirectoryRoles, holds)
        }
        Requirement::Client(client) => {
            let is_it = caller.client.as_ref().is_some_and(|own| same(own, client));
            known_of(caller, Fact::Client, is_it)
        }
        Requirement::Object(object) => Truth::known(same(&caller.object, object)),
        Requirement::Tenant(tenant) => {
            let is_it = caller.tenant.as_ref().is_some_and(|own| same(own, tenant));
            known_of(caller, Fact::Tenant, is_it)
        }
        Requirement::Issuer(issuer) => Truth::known(*caller.issuer == **issuer),
        Requirement::Kind(kind) => match caller.kind {
            Some(own) => Truth::known(own == *kind),
            None => Truth::Indeterminate,
        },
        Requirement::ManagedIdentity(identity) => {
            let is_it = is_identity(caller, identity);
            known_of(caller, Fact::ManagedIdentity, is_it)
        }
        Requirement::Mfa => any_of(caller, METHODS, |method| matches!(method, "mfa" | "ngcmfa")),
        Requirement::AuthContext(context) => {
            if facts.assumed.contains(&context.as_str()) {
                Truth::Satisfied
            } else {
                any_of(caller, CONTEXTS, |held| held == context)
            }
        }
        Requirement::Source(ranges) => match facts.context.source {
            Some(source) => Truth::known(ranges.iter().any(|range| range.contains(source))),
            None => Truth::Indeterminate,
        },
        Requirement::Time(window) => Truth::known(window.holds(facts.context.now)),
        Requirement::Peer(pattern) => match &facts.context.peer {
            Peer::Uri(uri) => Truth::known(pattern.matches(uri)),
            Peer::Absent => Truth::Unsatisfied,
            Peer::Unknown => Truth::Indeterminate,
        },
        Requirement::Claim { path, test } => {
            let is_elsewhere = path.first().is_some_and(|name| is_elsewhere(caller, name));
            let value = path.read(&caller.others);
            match (value, is_elsewhere) {
                (None, true) => Truth::Indeterminate,
                (value, _) => test
                    .passes(value.as_ref())
                    .map_or(Truth::Indeterminate, Truth::known),
            }
        }
        Requirement::All(all) => {
            all.iter()
                .map(|part| evaluate(part, facts))
                .fold(Truth::Satisfied, |sum, part| match (sum, part) {
                    (Truth::Unsatisfied, _) | (_, Truth::Unsatisfied) => Truth::Unsatisfied,
                    (Truth::Indeterminate, _) | (_, Truth::Indeterminate) => Truth::Indeterminate,
                    (Truth::Satisfied, Truth::Satisfied) => Truth::Satisfied,
                })
        }
        Requirement::Any(any) => any.iter().map(|part| evaluate(part, facts)).fold(
            Truth::Unsatisfied,
            |sum, part| match (sum, part) {
                (Truth::Satisfied, _) | (_, Truth::Satisfied) => Truth::Satisfied,
                (Truth::Indeterminate, _) | (_, Truth::Indeterminate) => Truth::Indeterminate,
                (Truth::Unsatisfied, Truth::Unsatisfied) => Truth::Unsatisfied,
            },
        ),
        Requirement::Not(part) => evaluate(part, facts).not(),
    }
}

fn contains(own: &[Box<str>], wanted: &str) -> bool {
    own.iter().any(|own| **own == *wanted)
}

/// Returns the truth of a comparison with a claim. If the comparison fails and the claim cannot be
/// read, or is elsewhere, the result is indeterminate.
fn known_of(caller: &Claims, fact: Fact, satisfies: bool) -> Truth {
    if satisfies || !caller.unclear.has(fact) {
        Truth::known(satisfies)
    } else {
        Truth::Indeterminate
    }
}

/// Returns whether the token says that the claim is in another place.
fn is_elsewhere(caller: &Claims, name: &str) -> bool {
    caller.elsewhere.iter().any(|own| **own == *name)
}

/// Compares ARM ids without case, as Azure does.
fn is_identity(caller: &Claims, wanted: &str) -> bool {
    match &caller.managed_identity {
        Some(resource) => resource.eq_ignore_ascii_case(wanted) || same(&caller.object, wanted),
        None => false,
    }
}

/// Tests whether any text of a claim passes. A claim that is not a text or a list of texts is
/// indeterminate.
fn any_of(caller: &Claims, name: &str, test: impl Fn(&str) -> bool) -> Truth {
    match caller.others.get(name) {
        None if is_elsewhere(caller, name) => Truth::Indeterminate,
        None | Some(Value::Null) => Truth::Unsatisfied,
        Some(Value::String(text)) => Truth::known(test(&text)),
        Some(Value::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            texts.map_or(Truth::Indeterminate, |texts| {
                Truth::known(texts.into_iter().any(test))
            })
        }
        Some(_) => Truth::Indeterminate,
    }
}
