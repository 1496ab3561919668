//! What the contract promises and this version does not do yet. Each is refused, never ignored: a
//! rule that is passed over would permit what its author forbade. Building one deletes its lines.

use super::super::error::Findings;
use super::super::problem::Problem;
use super::super::wire::Config;
use super::super::wire::issuer::GroupsOverage;

/// Refuses what stands in fields of its own.
pub(super) fn refuse(wire: &Config, findings: &mut Findings) {
    for (index, issuer) in wire.issuers.iter().enumerate() {
        let graph = matches!(issuer.groups_overage, Some(GroupsOverage::Graph(_)));
        let field = format!("issuers[{index}].groups_overage.graph");
        refuse_if(graph, &field, "group look-ups in Microsoft Graph", findings);
    }
}

fn refuse_if(given: bool, field: &str, feature: &'static str, findings: &mut Findings) {
    if given {
        findings.add(field, Problem::NotBuilt { feature });
    }
}
