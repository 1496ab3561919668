//! Whether a caller meets a requirement, in three values (Kleene's strong logic).

use super::membership::is_member;
use super::rule::{ClaimTest, Requirement};
use super::surroundings::{Peer, Surroundings};
use crate::token::claims::Claims;
use crate::token::issuer::is_guid;
use serde_json::Value;

/// The claim that tells how the caller has signed in (RFC 8176).
pub(super) const METHODS: &str = "amr";
/// The claim that tells the authentication contexts met, as Entra writes it.
pub(super) const CONTEXTS: &str = "acrs";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    Satisfied,
    Unsatisfied,
    /// Nothing tells: groups left out, kind of caller unclear, address unknown.
    Indeterminate,
}

impl Truth {
    fn known(holds: bool) -> Self {
        match holds {
            true => Self::Satisfied,
            false => Self::Unsatisfied,
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

/// What requirements are held against.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub caller: &'a Claims,
    pub surroundings: &'a Surroundings,
    /// Authentication contexts that are taken to be held beside the caller's own. Never with any
    /// in it where a permit depends on the outcome.
    pub assumed: &'a [&'a str],
}

impl<'a> Facts<'a> {
    /// What is, with nothing assumed.
    pub fn of(caller: &'a Claims, surroundings: &'a Surroundings) -> Self {
        Self {
            caller,
            surroundings,
            assumed: &[],
        }
    }
}

pub fn evaluate(requirement: &Requirement, facts: Facts<'_>) -> Truth {
    let caller = facts.caller;
    match requirement {
        Requirement::Role(role) => Truth::known(contains(&caller.roles, role)),
        Requirement::Group(group) => match caller.groups.listed.iter().any(|g| same(g, group)) {
            true => Truth::Satisfied,
            false if caller.groups.overage => is_member(&facts.surroundings.directory, group),
            false => Truth::Unsatisfied,
        },
        Requirement::Scope(scope) => Truth::known(contains(&caller.scopes, scope)),
        Requirement::DirectoryRole(role) => {
            Truth::known(caller.directory_roles.iter().any(|own| same(own, role)))
        }
        Requirement::Client(client) => {
            Truth::known(caller.client.as_ref().is_some_and(|own| same(own, client)))
        }
        Requirement::Object(object) => Truth::known(same(&caller.object, object)),
        Requirement::Tenant(tenant) => {
            Truth::known(caller.tenant.as_ref().is_some_and(|own| same(own, tenant)))
        }
        Requirement::Issuer(issuer) => Truth::known(*caller.issuer == **issuer),
        Requirement::Kind(kind) => match caller.kind {
            Some(own) => Truth::known(own == *kind),
            None => Truth::Indeterminate,
        },
        Requirement::ManagedIdentity(identity) => Truth::known(is_identity(caller, identity)),
        Requirement::Mfa => any_of(caller.others.get(METHODS).as_ref(), |method| {
            matches!(method, "mfa" | "ngcmfa")
        }),
        Requirement::AuthContext(context) => match facts.assumed.contains(&context.as_str()) {
            true => Truth::Satisfied,
            false => any_of(caller.others.get(CONTEXTS).as_ref(), |held| held == context),
        },
        Requirement::Source(ranges) => match facts.surroundings.source {
            Some(source) => Truth::known(ranges.iter().any(|range| range.contains(source))),
            None => Truth::Indeterminate,
        },
        Requirement::Time(window) => Truth::known(window.holds(facts.surroundings.now)),
        Requirement::Peer(pattern) => match &facts.surroundings.peer {
            Peer::Uri(uri) => Truth::known(pattern.matches(uri)),
            Peer::Absent => Truth::Unsatisfied,
            Peer::Unknown => Truth::Indeterminate,
        },
        Requirement::Claim { path, test } => {
            Truth::known(test_claim(path.read(&caller.others).as_ref(), test))
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

/// Ids are compared exactly, GUIDs without case.
fn same(own: &str, wanted: &str) -> bool {
    own == wanted || (is_guid(own) && own.eq_ignore_ascii_case(wanted))
}

/// An ARM id is compared without case, as Azure does.
fn is_identity(caller: &Claims, wanted: &str) -> bool {
    match &caller.managed_identity {
        Some(resource) => resource.eq_ignore_ascii_case(wanted) || same(&caller.object, wanted),
        None => false,
    }
}

/// Whether one of a claim's texts is it. A claim of any other form does not tell.
fn any_of(claim: Option<&Value>, test: impl Fn(&str) -> bool) -> Truth {
    match claim {
        None | Some(Value::Null) => Truth::Unsatisfied,
        Some(Value::String(text)) => Truth::known(test(text)),
        Some(Value::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            texts.map_or(Truth::Indeterminate, |texts| {
                Truth::known(texts.into_iter().any(test))
            })
        }
        Some(_) => Truth::Indeterminate,
    }
}

fn test_claim(value: Option<&Value>, test: &ClaimTest) -> bool {
    let value = value.filter(|value| !value.is_null());
    match test {
        ClaimTest::Present(wanted) => value.is_some() == *wanted,
        ClaimTest::Equals(wanted) => value == Some(wanted),
        ClaimTest::OneOf(wanted) => value.is_some_and(|value| wanted.contains(value)),
        ClaimTest::Contains(wanted) => value
            .and_then(Value::as_array)
            .is_some_and(|items| items.contains(wanted)),
    }
}
