//! What the contract promises and this version does not do yet. Each is refused, never ignored: a
//! rule that is passed over would permit what its author forbade. Building one deletes its lines.

use super::super::error::Findings;
use super::super::problem::Problem;
use super::super::wire::Config;

/// Refuses what stands in fields of its own.
pub(super) fn refuse(wire: &Config, findings: &mut Findings) {
    let mut refuse = |given, field, feature| refuse_if(given, field, feature, findings);

    let forward = &wire.forward;
    let waits = forward
        .scale_up_timeout
        .is_some_and(|timeout| !timeout.0.is_zero());
    let remaps_auth = forward.remap_upstream_auth == Some(true);
    let remaps_unavailable = forward.remap_upstream_unavailable == Some(true);
    let filters = forward.filter_models == Some(true);
    refuse(
        remaps_auth,
        "forward.remap_upstream_auth",
        "remapped answers",
    );
    refuse(
        remaps_unavailable,
        "forward.remap_upstream_unavailable",
        "remapped answers",
    );
    refuse(waits, "forward.scale_up_timeout", "scale-up timeouts");
    refuse(filters, "forward.filter_models", "filtered lists of models");

    refuse(
        wire.audit.export.is_some(),
        "audit.export",
        "exports of audit records",
    );
    refuse(wire.usage == Some(true), "usage", "records of token usage");
}

fn refuse_if(given: bool, field: &str, feature: &'static str, findings: &mut Findings) {
    if given {
        findings.add(field, Problem::NotBuilt { feature });
    }
}
