//! Compiles `rules[].require`.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::rule as wire;
use super::names::Names;
use super::{context, each, issuers, text};
use crate::policy::requirement::{Condition, Requirement};
use crate::token::claim_path::ClaimPath;
use crate::token::claim_test::{ClaimCondition, ClaimTest};
use crate::token::facets::{self, Actor};
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
    let part =
        |part: &Wire, at: &str, findings: &mut Findings| compile(part, known_issuers, at, findings);
    let condition = match wire {
        Wire::Role(text) => filled(text, &inside("role"), findings, Condition::Role),
        Wire::Group(text) => filled(text, &inside("group"), findings, Condition::Group),
        Wire::Scope(text) => filled(text, &inside("scope"), findings, Condition::Scope),
        Wire::DirectoryRole(id) => {
            let what = "template id of a directory role";
            let id = issuers::guid(id, what, &inside("directory_role"), findings)?;
            Ok(Condition::DirectoryRole(id))
        }
        Wire::Client(text) => filled(text, &inside("client"), findings, Condition::Client),
        Wire::Object(text) => filled(text, &inside("object"), findings, Condition::Object),
        Wire::Tenant(text) => filled(text, &inside("tenant"), findings, Condition::Tenant),
        Wire::Issuer(name) => {
            known_issuers.find(name, &inside("issuer"), findings)?;
            Ok(Condition::Issuer(name.clone()))
        }
        Wire::Kind(wire::Kind::User) => Ok(Condition::Kind(Kind::User)),
        Wire::Kind(wire::Kind::App) => Ok(Condition::Kind(Kind::App)),
        Wire::Kind(wire::Kind::Agent) => Ok(Condition::Kind(Kind::Agent)),
        Wire::Actor(wire::Actor::Agent) => Ok(Condition::Actor(Actor::Agent)),
        Wire::ManagedIdentity(id) => {
            let obeys = is_arm_id(id) || is_guid(id);
            let rule = "is not a valid managed identity; write its object id (a GUID) or its ARM id, which \
                        begins with /subscriptions/";
            text::ruled(id, obeys, rule, &inside("managed_identity"), findings)
                .map(Condition::ManagedIdentity)
        }
        Wire::Mfa(true) => Ok(Condition::Mfa),
        Wire::Mfa(false) => {
            let rule = "has no meaning when false; write {mfa: true}, or {not: {mfa: true}}";
            Err(findings.add(inside("mfa"), Problem::BadText { rule }))
        }
        Wire::AuthContext(context) => context::context(context, &inside("auth_context"), findings),
        Wire::Source(ranges) => context::source(ranges, &inside("source"), findings),
        Wire::Time(window) => context::time(window, &inside("time"), findings),
        Wire::Peer(pattern) => context::peer(pattern, &inside("peer"), findings),
        Wire::Claim(test) => claim(test, &inside("claim"), findings).map(Condition::Claim),
        Wire::All(parts) => {
            let otherwise = "add a requirement, because every caller satisfies an empty list";
            return several(parts, &inside("all"), otherwise, findings, part).map(Requirement::All);
        }
        Wire::Any(parts) => {
            let otherwise = "add a requirement, because no caller satisfies an empty list";
            return several(parts, &inside("any"), otherwise, findings, part).map(Requirement::Any);
        }
        Wire::Not(inner) => {
            let inner = part(inner, &inside("not"), findings)?;
            return Ok(Requirement::Not(Box::new(inner)));
        }
    };
    condition.map(Requirement::Condition)
}

/// Compiles the parts of a combination, at least one.
pub(super) fn several<T>(
    parts: &[wire::Requirement],
    at: &str,
    otherwise: &'static str,
    findings: &mut Findings,
    compile: impl Fn(&wire::Requirement, &str, &mut Findings) -> Result<T, Reported>,
) -> Result<Vec<T>, Reported> {
    if parts.is_empty() {
        return Err(findings.add(at, Problem::EmptyList { otherwise }));
    }
    each(parts, at, findings, compile)
}

fn filled(
    text: &str,
    at: &str,
    findings: &mut Findings,
    condition: fn(String) -> Condition,
) -> Result<Condition, Reported> {
    text::filled(text, at, findings).map(condition)
}

/// The tests of a claim: exactly one must be set.
pub(in crate::config) const TESTS: &[&str; 4] = &["equals", "one_of", "contains", "present"];

pub(super) fn claim(
    wire: &wire::Claim,
    at: &str,
    findings: &mut Findings,
) -> Result<ClaimCondition, Reported> {
    let path = text::claim_path(&wire.path, &path::member(at, "path"), findings);
    let test = match (&wire.equals, &wire.one_of, &wire.contains, wire.present) {
        (Some(value), None, None, None) => {
            scalar(value, &path::member(at, "equals"), findings).map(ClaimTest::Equals)
        }
        (None, Some(values), None, None) => {
            one_of(values, &path::member(at, "one_of"), findings).map(ClaimTest::OneOf)
        }
        (None, None, Some(value), None) => {
            contains(&wire.path, value, &path::member(at, "contains"), findings)
        }
        (None, None, None, Some(present)) => Ok(ClaimTest::Present(present)),
        (equals, one_of, contains, present) => {
            let given = [
                equals.is_some(),
                one_of.is_some(),
                contains.is_some(),
                present.is_some(),
            ];
            Err(findings.exactly_one(at, TESTS, given))
        }
    };
    Ok(ClaimCondition {
        path: path?,
        test: test?,
    })
}

fn contains(
    claim: &str,
    value: &Value,
    at: &str,
    findings: &mut Findings,
) -> Result<ClaimTest, Reported> {
    let path = ClaimPath::parse(claim);
    let name = path.as_ref().and_then(ClaimPath::member_name);
    if name.is_none_or(|name| !facets::SETS.contains(&name)) {
        return scalar(value, at, findings).map(ClaimTest::Contains);
    }
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => match facets::numbers(text).as_deref() {
            Some([number]) => Some(*number),
            _ => None,
        },
        _ => None,
    };
    let rule = "must be a number, because this claim is a set of numbers";
    let otherwise = || findings.add(at, Problem::BadText { rule });
    number.map(ClaimTest::ContainsNumber).ok_or_else(otherwise)
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
