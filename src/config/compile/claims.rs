//! Compiles `issuers[].claims`: the claims that rules refer to.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::issuer as wire;
use super::super::wire::rule::Requirement as Wire;
use super::{optional, require, text};
use crate::logic::Formula;
use crate::token::claim_list::{ClaimList, Members};
use crate::token::claim_path::ClaimPath;
use crate::token::claim_test::ClaimRequirement;
use crate::token::issuer::ClaimNames;
use crate::token::kind::{KindRule, Preset};

/// The formats of names in objects: exactly one must be set.
pub(in crate::config) const MEMBERS: &[&str; 2] = &["member", "keys"];

#[inline(never)]
pub(super) fn compile(
    wire: &wire::Issuer,
    at: &str,
    findings: &mut Findings,
) -> Result<ClaimNames, Reported> {
    let is_entra = wire.entra.is_some();
    let object = if is_entra { "oid" } else { "sub" };
    let wire = &wire.claims;
    let roles = list(wire.roles.as_ref(), "roles", at, findings);
    let groups = list(wire.groups.as_ref(), "groups", at, findings);
    let kind = kind(
        wire.kind.as_ref(),
        is_entra,
        &path::member(at, "kind"),
        findings,
    );
    let mut path = |given: &Option<String>, name: &str| {
        optional(given.as_deref(), |given| {
            text::claim_path(given, &path::member(at, name), findings)
        })
    };
    let scope = path(&wire.scopes, "scopes");
    let client = path(&wire.client, "client");
    let given_object = path(&wire.object, "object");
    let tenant = path(&wire.tenant, "tenant");
    let or = |given: Option<ClaimPath>, name| given.unwrap_or_else(|| ClaimPath::member(name));
    Ok(ClaimNames {
        roles: roles?,
        groups: groups?,
        scope: scope?,
        client: client?,
        object: or(given_object?, object),
        tenant: or(tenant?, "tid"),
        kind: kind?,
    })
}

fn list(
    wire: Option<&wire::List>,
    name: &str,
    at: &str,
    findings: &mut Findings,
) -> Result<ClaimList, Reported> {
    let at = path::member(at, name);
    let objects = match wire {
        None => return Ok(ClaimList::texts(name)),
        Some(wire::List::Path(given)) => {
            return Ok(ClaimList {
                path: text::claim_path(given, &at, findings)?,
                members: Members::Texts,
            });
        }
        Some(wire::List::Objects(objects)) => objects,
    };
    let path = text::claim_path(&objects.path, &path::member(&at, "path"), findings);
    let members = match (&objects.member, objects.keys) {
        (Some(member), None) => {
            text::filled(member, &path::member(&at, "member"), findings).map(Members::Named)
        }
        (None, Some(true)) => Ok(Members::Keys),
        (None, Some(false)) => {
            let rule = "has no effect when false; remove it, or name a member";
            Err(findings.add(path::member(&at, "keys"), Problem::BadText { rule }))
        }
        (member, keys) => {
            let given = [member.is_some(), keys.is_some()];
            Err(findings.exactly_one(&at, MEMBERS, given))
        }
    };
    Ok(ClaimList {
        path: path?,
        members: members?,
    })
}

fn kind(
    wire: Option<&wire::Kind>,
    is_entra: bool,
    at: &str,
    findings: &mut Findings,
) -> Result<KindRule, Reported> {
    let Some(wire) = wire else {
        return Ok(KindRule::Standard);
    };
    if is_entra {
        let rule =
            "is for oidc issuers only: Entra ID marks the kind with idtyp, scp and oid; remove it";
        return Err(findings.add(at, Problem::BadText { rule }));
    }
    match (wire.preset, &wire.app, &wire.user) {
        (Some(known), None, None) => Ok(KindRule::Preset(preset(known))),
        (None, app, user) if app.is_some() || user.is_some() => {
            let mut side = |wire: &Option<Wire>, name| {
                optional(wire.as_ref(), |wire| {
                    requirement(wire, &path::member(at, name), findings)
                })
            };
            let (app, user) = (side(app, "app"), side(user, "user"));
            Ok(KindRule::Claims {
                app: app?,
                user: user?,
            })
        }
        _ => {
            let rule = "must have either preset, or app and user";
            Err(findings.add(at, Problem::BadText { rule }))
        }
    }
}

fn preset(wire: wire::Preset) -> Preset {
    match wire {
        wire::Preset::Keycloak => Preset::Keycloak,
        wire::Preset::Auth0 => Preset::Auth0,
        wire::Preset::Okta => Preset::Okta,
        wire::Preset::Cognito => Preset::Cognito,
        wire::Preset::Google => Preset::Google,
        wire::Preset::GithubActions => Preset::GithubActions,
        wire::Preset::Kubernetes => Preset::Kubernetes,
    }
}

fn requirement(
    wire: &Wire,
    at: &str,
    findings: &mut Findings,
) -> Result<ClaimRequirement, Reported> {
    let otherwise = "name the claims that identify the kind";
    let inside = |name: &str| path::member(at, name);
    match wire {
        Wire::All(parts) => {
            require::several(parts, &inside("all"), otherwise, findings, requirement)
                .map(Formula::All)
        }
        Wire::Any(parts) => {
            require::several(parts, &inside("any"), otherwise, findings, requirement)
                .map(Formula::Any)
        }
        Wire::Not(part) => {
            let part = requirement(part, &inside("not"), findings)?;
            Ok(Formula::Not(Box::new(part)))
        }
        Wire::Claim(claim) => {
            require::claim(claim, &inside("claim"), findings).map(Formula::Condition)
        }
        _ => {
            let rule = "must be claim, all, any or not: only claims identify the kind";
            Err(findings.add(at, Problem::BadText { rule }))
        }
    }
}
