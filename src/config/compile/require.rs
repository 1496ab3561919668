//! Compiles `rules[].require`.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::rule as wire;
use super::names::Names;
use super::{context, each, issuers, text};
use crate::policy::rule::{ClaimTest, Requirement};
use crate::token::claim_path::ClaimPath;
use crate::token::issuer::is_guid;
use crate::token::kind::Kind;
use serde_json::Value;

/// Azure compares resource ids case-insensitively.
fn is_arm_id(id: &str) -> bool {
    const PREFIX: &str = "/subscriptions/";
    id.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// `at` is the path of the requirement: `rules[0].require`, or an item of `all` or `any`.
pub(super) fn compile(
    wire: &wire::Requirement,
    known_issuers: &Names<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Requirement, Reported> {
    use wire::Requirement as Wire;
    let inside = |name: &str| path::member(at, name);
    match wire {
        Wire::Role(text) => filled(text, &inside("role"), findings, Requirement::Role),
        Wire::Group(text) => filled(text, &inside("group"), findings, Requirement::Group),
        Wire::Scope(text) => filled(text, &inside("scope"), findings, Requirement::Scope),
        Wire::DirectoryRole(id) => {
            let what = "template id of a directory role";
            let id = issuers::guid(id, what, &inside("directory_role"), findings)?;
            Ok(Requirement::DirectoryRole(id))
        }
        Wire::Client(text) => filled(text, &inside("client"), findings, Requirement::Client),
        Wire::Object(text) => filled(text, &inside("object"), findings, Requirement::Object),
        Wire::Tenant(text) => filled(text, &inside("tenant"), findings, Requirement::Tenant),
        Wire::Issuer(name) => {
            known_issuers.find(name, &inside("issuer"), findings)?;
            Ok(Requirement::Issuer(name.clone()))
        }
        Wire::Kind(wire::Kind::User) => Ok(Requirement::Kind(Kind::User)),
        Wire::Kind(wire::Kind::App) => Ok(Requirement::Kind(Kind::App)),
        Wire::ManagedIdentity(id) => {
            let obeys = is_arm_id(id) || is_guid(id);
            let rule = "is not a valid managed identity; write its object id (a GUID) or its ARM id, which \
                        begins with /subscriptions/";
            text::ruled(id, obeys, rule, &inside("managed_identity"), findings)
                .map(Requirement::ManagedIdentity)
        }
        Wire::Mfa(true) => Ok(Requirement::Mfa),
        Wire::Mfa(false) => {
            let rule = "has no meaning when false; write {mfa: true}, or {not: {mfa: true}}";
            Err(findings.add(inside("mfa"), Problem::BadText { rule }))
        }
        Wire::AuthContext(context) => context::context(context, &inside("auth_context"), findings),
        Wire::Source(ranges) => context::source(ranges, &inside("source"), findings),
        Wire::Time(window) => context::time(window, &inside("time"), findings),
        Wire::Peer(pattern) => context::peer(pattern, &inside("peer"), findings),
        Wire::Claim(test) => {
            let (path, test) = claim(test, &inside("claim"), findings)?;
            Ok(Requirement::Claim { path, test })
        }
        Wire::All(parts) => {
            let otherwise = "add a requirement, because every caller satisfies an empty list";
            several(parts, known_issuers, &inside("all"), otherwise, findings).map(Requirement::All)
        }
        Wire::Any(parts) => {
            let otherwise = "add a requirement, because no caller satisfies an empty list";
            several(parts, known_issuers, &inside("any"), otherwise, findings).map(Requirement::Any)
        }
        Wire::Not(part) => {
            let part = compile(part, known_issuers, &inside("not"), findings)?;
            Ok(Requirement::Not(Box::new(part)))
        }
    }
}

fn several(
    parts: &[wire::Requirement],
    known_issuers: &Names<'_>,
    at: &str,
    otherwise: &'static str,
    findings: &mut Findings,
) -> Result<Vec<Requirement>, Reported> {
    if parts.is_empty() {
        return Err(findings.add(at, Problem::EmptyList { otherwise }));
    }
    each(parts, at, findings, |part, at, findings| {
        compile(part, known_issuers, at, findings)
    })
}

fn filled(
    text: &str,
    at: &str,
    findings: &mut Findings,
    requirement: fn(String) -> Requirement,
) -> Result<Requirement, Reported> {
    text::filled(text, at, findings).map(requirement)
}

/// The tests of a claim: exactly one must be set.
pub(in crate::config) const TESTS: &[&str] = &["equals", "one_of", "contains", "present"];

pub(super) fn claim(
    wire: &wire::Claim,
    at: &str,
    findings: &mut Findings,
) -> Result<(ClaimPath, ClaimTest), Reported> {
    let path = text::claim_path(&wire.path, &path::member(at, "path"), findings);
    let test = match (&wire.equals, &wire.one_of, &wire.contains, wire.present) {
        (Some(value), None, None, None) => {
            scalar(value, &path::member(at, "equals"), findings).map(ClaimTest::Equals)
        }
        (None, Some(values), None, None) => {
            one_of(values, &path::member(at, "one_of"), findings).map(ClaimTest::OneOf)
        }
        (None, None, Some(value), None) => {
            scalar(value, &path::member(at, "contains"), findings).map(ClaimTest::Contains)
        }
        (None, None, None, Some(present)) => Ok(ClaimTest::Present(present)),
        (equals, one_of, contains, present) => {
            let given = [
                equals.is_some(),
                one_of.is_some(),
                contains.is_some(),
                present.is_some(),
            ];
            let found = TESTS.iter().copied().zip(given).filter(|(_, given)| *given);
            let found = found.map(|(name, _)| name).collect();
            Err(findings.choose(at, TESTS, found))
        }
    };
    Ok((path?, test?))
}

fn one_of(values: &[Value], at: &str, findings: &mut Findings) -> Result<Vec<Value>, Reported> {
    if values.is_empty() {
        let otherwise = "list the accepted values";
        return Err(findings.add(at, Problem::EmptyList { otherwise }));
    }
    each(values, at, findings, scalar)
}

fn scalar(value: &Value, at: &str, findings: &mut Findings) -> Result<Value, Reported> {
    match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(value.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(findings.add(at, Problem::NotScalar))
        }
    }
}
