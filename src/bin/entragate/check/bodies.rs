//! Rules on models and JSON-RPC messages need the body before the decision.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use crate::deployment::Deployment;
use crate::deployment::filters::Host;

const FLAG: &str = "allow_on_headers_stop_iteration";
/// Envoy's default of `per_connection_buffer_limit_bytes`.
const BUFFER: u64 = 1024 * 1024;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    // Rules on messages always need the body.
    let (rule, field, denied) = match (scene.rule_on_messages(), scene.rule_on_models()) {
        (Some(rule), _) => (rule, "mcp", "this rule denies"),
        (None, Some(rule)) => (
            rule,
            "models",
            "this rule denies if only the body names the model (and not `endpoints`)",
        ),
        (None, None) => return,
    };
    let place = || scene.at(&format!("{}.match.{field}", scene.rule_path(rule)));
    match scene.filter.host {
        Host::Kong => {}
        Host::Unknown => {
            let message = format!(
                "needs `{FLAG}: true` on Envoy: without it, {denied}; set it next to root_id"
            );
            findings.add_inside(
                &ids::BODY_MAY_NOT_BE_AVAILABLE,
                place(),
                Some(rule),
                message,
            );
        }
        Host::Envoy | Host::EnvoyFilter if scene.filter.plugin.is_true(FLAG) => {
            buffer(scene, rule, findings);
        }
        Host::Envoy | Host::EnvoyFilter => {
            let message = format!(
                "Envoy does not pass the body without `{FLAG}: true`: {denied}; set it next to root_id"
            );
            findings.add_inside(&ids::BODY_NOT_AVAILABLE, place(), Some(rule), message);
        }
        Host::Istio | Host::EnvoyGateway if is_patched(scene.deployment) => {}
        Host::Istio | Host::EnvoyGateway => {
            let message = format!(
                "Envoy does not pass the body without `{FLAG}: true`, which only a patch can set here: {denied}; \
                 see deploy/"
            );
            findings.add_inside(&ids::BODY_NOT_AVAILABLE, place(), Some(rule), message);
        }
    }
}

fn buffer(scene: &Scene<'_>, rule: &str, findings: &mut Findings) {
    // Without the listener in these files, the limit is unknown.
    let (Some(listener), Some(config)) = (scene.filter.around("filter_chains"), scene.config)
    else {
        return;
    };
    let limit = listener.get("per_connection_buffer_limit_bytes");
    let limit = limit
        .and_then(|limit| limit.value.as_u64())
        .unwrap_or(BUFFER);
    let inspected = config.limits.body_inspected as u64;
    if limit <= inspected {
        let message = format!(
            "the listener's per_connection_buffer_limit_bytes ({limit}) is not above limits.body_inspected \
             ({inspected}), so longer bodies are answered with Envoy's own 413; raise it"
        );
        let place = listener.place_of("per_connection_buffer_limit_bytes");
        findings.add(&ids::BUFFER_TOO_SMALL, place, Some(rule), message);
    }
}

/// Whether any document of the deployment sets the flag.
fn is_patched(deployment: &Deployment) -> bool {
    deployment.roots().any(|root| {
        let mut found = false;
        root.walk(&mut |node| found |= node.is_true(FLAG));
        found
    })
}
