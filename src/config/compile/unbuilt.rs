//! What the contract promises and this version does not do yet. Each is refused, never ignored: a
//! rule that is passed over would permit what its author forbade. Building one deletes its lines.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::Config;
use super::super::wire::issuer::GroupsOverage;

/// Refuses what stands in fields of its own. The functions below refuse what stands among choices.
pub(super) fn refuse(wire: &Config, findings: &mut Findings) {
    for (index, issuer) in wire.issuers.iter().enumerate() {
        if matches!(issuer.groups_overage, Some(GroupsOverage::Graph(_))) {
            let at = path::item("issuers", index);
            not_built(
                &at,
                "groups_overage.graph",
                "group look-ups in Microsoft Graph",
                findings,
            );
        }
    }
    for (index, rule) in wire.rules.iter().enumerate() {
        if rule.matches.models.is_some() {
            let at = path::item("rules", index);
            not_built(&at, "match.models", "rules by model", findings);
        }
    }
    let is_set =
        |span: Option<super::super::wire::span::Span>| span.is_some_and(|span| !span.0.is_zero());
    let forward = &wire.forward;
    for (given, field, feature) in [
        (
            !wire.endpoints.is_empty(),
            "endpoints",
            "tables of endpoints",
        ),
        (
            forward.remap_upstream_auth == Some(true),
            "forward.remap_upstream_auth",
            "remapped answers of the upstream",
        ),
        (
            forward.remap_upstream_unavailable == Some(true),
            "forward.remap_upstream_unavailable",
            "remapped answers of the upstream",
        ),
        (
            is_set(forward.scale_up_timeout),
            "forward.scale_up_timeout",
            "scale-up timeouts",
        ),
        (
            forward.filter_models == Some(true),
            "forward.filter_models",
            "filtered lists of models",
        ),
        (
            wire.replies.protected_resource.is_some(),
            "replies.protected_resource",
            "protected-resource documents",
        ),
        (wire.revocation.is_some(), "revocation", "revocation feeds"),
        (
            wire.audit.export.is_some(),
            "audit.export",
            "exports of audit records",
        ),
        (wire.usage == Some(true), "usage", "records of token usage"),
        (
            wire.limits.body_inspected.is_some(),
            "limits.body_inspected",
            "looks into bodies",
        ),
        (
            wire.client_address
                .trusted_hops
                .is_some_and(|hops| hops > 0),
            "client_address.trusted_hops",
            "forwarded client addresses",
        ),
    ] {
        if given {
            not_built("", field, feature, findings);
        }
    }
}

pub(super) fn polled(at: &str, findings: &mut Findings) -> Reported {
    not_built(at, "http", "polled credentials", findings)
}

pub(super) fn token_exchange(at: &str, findings: &mut Findings) -> Reported {
    not_built(at, "token_exchange", "token exchanges", findings)
}

pub(super) fn mfa(at: &str, findings: &mut Findings) -> Reported {
    not_built(at, "mfa", "rules by sign-in strength", findings)
}

pub(super) fn auth_context(at: &str, findings: &mut Findings) -> Reported {
    not_built(
        at,
        "auth_context",
        "rules by authentication context",
        findings,
    )
}

pub(super) fn source(at: &str, findings: &mut Findings) -> Reported {
    not_built(at, "source", "rules by source address", findings)
}

pub(super) fn time(at: &str, findings: &mut Findings) -> Reported {
    not_built(at, "time", "rules by time", findings)
}

pub(super) fn peer(at: &str, findings: &mut Findings) -> Reported {
    not_built(at, "peer", "rules by client certificate", findings)
}

fn not_built(
    object: &str,
    field: &str,
    feature: &'static str,
    findings: &mut Findings,
) -> Reported {
    let at = if object.is_empty() {
        field.to_owned()
    } else {
        format!("{object}.{field}")
    };
    findings.add(at, Problem::NotBuilt { feature })
}
