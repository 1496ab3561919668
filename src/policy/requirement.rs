//! Requirements: conditions on the caller and the context, their evaluation and their description.

use super::cidr::Cidr;
use super::membership::is_member;
use super::window::Window;
use crate::logic::{Formula, Operator, Truth};
use crate::pattern::Pattern;
use crate::policy::context::{Peer, RequestContext};
use crate::text::excerpt;
use crate::token::claim_test::{ClaimCondition, ClaimTest};
use crate::token::claims::{Claims, Fact};
use crate::token::facets::Actor;
use crate::token::issuer::same_id as same;
use crate::token::kind::Kind;
use serde_json::Value;

/// The claim with the authentication methods of the sign-in (RFC 8176).
pub(super) const METHODS: &str = "amr";
/// Entra's claim with the satisfied authentication contexts.
pub(super) const CONTEXTS: &str = "acrs";

pub type Requirement = Formula<Condition>;

/// One condition on the caller or the context.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Role(String),
    Group(String),
    Scope(String),
    /// `wids`: a directory role's template id.
    DirectoryRole(String),
    Client(String),
    /// `oid`, or the claim that the issuer's `claims.object` names.
    Object(String),
    Tenant(String),
    Issuer(String),
    Kind(Kind),
    Actor(Actor),
    /// An ARM id (`xms_mirid`, case-insensitive) or the identity's `oid`.
    ManagedIdentity(String),
    /// `amr` reports several factors.
    Mfa,
    /// `acrs` contains this authentication context.
    AuthContext(String),
    /// The client's address is in one of these ranges.
    Source(Vec<Cidr>),
    Time(Window),
    /// The URI in the client certificate matches.
    Peer(Pattern),
    Claim(ClaimCondition),
}

/// The facts against which requirements are evaluated.
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

impl Requirement {
    pub fn truth(&self, facts: Facts<'_>) -> Truth {
        self.evaluate(&|condition: &Condition| condition.truth(facts))
    }

    /// Returns a value of the token, in quotes, that differs from a required one only in case.
    pub fn similar(&self, caller: &Claims) -> Option<String> {
        let mut found = None;
        self.visit(&mut |condition, is_positive| {
            if found.is_none() && is_positive {
                found = condition.similar(caller);
            }
        });
        found.map(excerpt)
    }

    /// Describes the requirement, as in `role 'Model.Query' or group '…'`.
    pub fn describe(&self) -> String {
        let condition = |condition: &Condition| Description {
            text: condition.describe(),
            parts: 1,
        };
        self.fold(&condition, &|operator, parts| match operator {
            Operator::All => Description::join(parts, " and "),
            Operator::Any => Description::join(parts, " or "),
            Operator::Not => Description {
                text: parts.map(|part| format!("not ({})", part.text)).collect(),
                parts: 1,
            },
        })
        .text
    }
}

struct Description {
    text: String,
    parts: usize,
}

impl Description {
    fn join(parts: &mut dyn Iterator<Item = Self>, word: &str) -> Self {
        let nested = |part: Self| match part.parts {
            0 | 1 => part.text,
            _ => format!("({})", part.text),
        };
        let parts: Vec<String> = parts.map(nested).collect();
        Self {
            text: parts.join(word),
            parts: parts.len(),
        }
    }
}

impl Condition {
    pub fn truth(&self, facts: Facts<'_>) -> Truth {
        let caller = facts.caller;
        match self {
            Self::Role(role) => known_of(caller, Fact::Roles, contains(&caller.roles, role)),
            Self::Group(group) => {
                if caller.groups.listed.iter().any(|own| same(own, group)) {
                    Truth::Satisfied
                } else if caller.groups.overage {
                    is_member(&facts.context.directory, group)
                } else {
                    known_of(caller, Fact::Groups, false)
                }
            }
            Self::Scope(scope) => known_of(caller, Fact::Scopes, contains(&caller.scopes, scope)),
            Self::DirectoryRole(role) => {
                let holds = caller.directory_roles.iter().any(|own| same(own, role));
                known_of(caller, Fact::DirectoryRoles, holds)
            }
            Self::Client(client) => {
                let is_it = caller.client.as_ref().is_some_and(|own| same(own, client));
                known_of(caller, Fact::Client, is_it)
            }
            Self::Object(object) => Truth::known(same(&caller.object, object)),
            Self::Tenant(tenant) => {
                let is_it = caller.tenant.as_ref().is_some_and(|own| same(own, tenant));
                known_of(caller, Fact::Tenant, is_it)
            }
            Self::Issuer(issuer) => Truth::known(*caller.issuer == **issuer),
            Self::Kind(kind) => match caller.kind {
                Some(own) => Truth::known(own == *kind),
                None => Truth::Indeterminate,
            },
            Self::Actor(actor) => match caller.actor {
                Some(own) => Truth::known(own == *actor),
                None => Truth::Indeterminate,
            },
            Self::ManagedIdentity(identity) => {
                let is_it = is_identity(caller, identity);
                known_of(caller, Fact::ManagedIdentity, is_it)
            }
            Self::Mfa => any_of(caller, METHODS, |method| matches!(method, "mfa" | "ngcmfa")),
            Self::AuthContext(context) => {
                if facts.assumed.contains(&context.as_str()) {
                    Truth::Satisfied
                } else {
                    any_of(caller, CONTEXTS, |held| held == context)
                }
            }
            Self::Source(ranges) => match facts.context.source {
                Some(source) => Truth::known(ranges.iter().any(|range| range.contains(source))),
                None => Truth::Indeterminate,
            },
            Self::Time(window) => Truth::known(window.holds(facts.context.now)),
            Self::Peer(pattern) => match &facts.context.peer {
                Peer::Uri(uri) => Truth::known(pattern.matches(uri)),
                Peer::Absent => Truth::Unsatisfied,
                Peer::Unknown => Truth::Indeterminate,
            },
            Self::Claim(ClaimCondition { path, test }) => {
                let is_elsewhere = path.first().is_some_and(|name| is_elsewhere(caller, name));
                let value = path.read(&caller.others);
                match (value, is_elsewhere) {
                    (None, true) => Truth::Indeterminate,
                    (value, _) => test.truth(value.as_ref()),
                }
            }
        }
    }

    /// Returns the value of the token that differs from the required one only in case.
    pub fn similar<'c>(&self, caller: &'c Claims) -> Option<&'c str> {
        let (has, wanted) = match self {
            Self::Role(role) => (&caller.roles, role),
            Self::Group(group) => (&caller.groups.listed, group),
            Self::Scope(scope) => (&caller.scopes, scope),
            _ => return None,
        };
        let differs = |name: &&str| name.eq_ignore_ascii_case(wanted) && !same(name, wanted);
        let is_satisfied = has.iter().any(|name| same(name, wanted));
        let mut names = has.iter().map(|name| &**name);
        names.find(differs).filter(|_| !is_satisfied)
    }

    /// Describes the condition, for a caller that does not satisfy it.
    pub fn describe(&self) -> String {
        let named = |kind: &str, name: &str| [kind, " '", name, "'"].concat();
        match self {
            Self::Role(role) => named("role", role),
            Self::Group(group) => named("group", group),
            Self::Scope(scope) => named("scope", scope),
            Self::DirectoryRole(role) => named("directory role", role),
            Self::Client(client) => named("client", client),
            Self::Object(object) => named("object id", object),
            Self::Tenant(tenant) => named("tenant", tenant),
            Self::Issuer(issuer) => named("issuer", issuer),
            Self::Kind(kind) => named("a caller of kind", kind.name()),
            Self::Actor(_) => "an agent as the actor".to_owned(),
            Self::ManagedIdentity(identity) => named("managed identity", identity),
            Self::Mfa => "multifactor authentication".to_owned(),
            Self::AuthContext(context) => format!("authentication context '{context}'"),
            Self::Source(ranges) => {
                let ranges: Vec<_> = ranges.iter().map(ToString::to_string).collect();
                format!("a client address in {}", ranges.join(", "))
            }
            Self::Time(window) => format!("the time {window}"),
            Self::Peer(pattern) => {
                format!("a client certificate with URI '{}'", pattern.as_str())
            }
            Self::Claim(ClaimCondition { path, test }) => {
                let name = path.as_str();
                match test {
                    ClaimTest::Equals(value) => format!("claim '{name}' equal to {value}"),
                    ClaimTest::OneOf(values) => {
                        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                        format!("claim '{name}' equal to one of {}", values.join(", "))
                    }
                    ClaimTest::Contains(value) => format!("claim '{name}' containing {value}"),
                    ClaimTest::ContainsNumber(number) => {
                        format!("claim '{name}' containing {number}")
                    }
                    ClaimTest::Present(true) => format!("claim '{name}'"),
                    ClaimTest::Present(false) => format!("no claim '{name}'"),
                }
            }
        }
    }
}

fn contains(own: &[Box<str>], wanted: &str) -> bool {
    own.iter().any(|own| **own == *wanted)
}

/// Returns the value of a comparison with a claim. If the comparison fails and the claim cannot be
/// read, or is elsewhere, the result is indeterminate.
fn known_of(caller: &Claims, fact: Fact, satisfies: bool) -> Truth {
    if satisfies || !caller.unclear.has(fact) {
        Truth::known(satisfies)
    } else {
        Truth::Indeterminate
    }
}

/// Returns whether the token says that the claim is elsewhere.
fn is_elsewhere(caller: &Claims, name: &str) -> bool {
    caller.elsewhere.iter().any(|own| **own == *name)
}

/// Compares ARM ids case-insensitively, as Azure does.
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
