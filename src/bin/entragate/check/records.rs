//! Checks that each decision writes a line to a log.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use crate::deployment::envoy;
use crate::deployment::filters::Host;
use crate::deployment::node::Node;
use crate::deployment::workload::{self, LogLevel, is_info, wasm_level};
use crate::deployment::{Deployment, Place};
use entragate::audit::filter_state::StateValue;
use entragate::config::Config;
use serde_json::Value;

/// The conditions of the access log in `envoy.yaml`, without spaces: the filter did not decide, or Envoy has set a response flag.
const UNDECIDED: &str = "!('wasm.entragate.code'infilter_state)";
const HAS_FLAG: &str = "response.flags!=0";

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let audit = scene.given.get("audit").unwrap_or(&Value::Null);
    let setting = |name: &str| audit.get(name).and_then(Value::as_str);
    let is_off = setting("log") == Some("off");
    let is_exported = audit.get("export").is_some();
    let unrecorded = match setting("log") {
        Some("off") => Some("requests that the filter decides"),
        Some("denied") => Some("permitted requests"),
        _ => None,
    };
    if let Some(unrecorded) = unrecorded.filter(|_| !is_exported && log_omits_decided(scene)) {
        findings.add(
            &ids::PERMITTED_NOT_RECORDED,
            scene.at("audit"),
            Some(scene.filter.name()),
            format!(
                "because of `audit.log` and the access log, {unrecorded} leave no line; set `audit.log: all`, or add \
                 an access log that shows `oid` and has no `filter`"
            ),
        );
    }
    let at_info = setting("level").is_none_or(|level| level == "info");
    if is_off || is_exported || !at_info {
        return;
    }
    let name = Some(scene.filter.name());
    let mut report = |place: Place, message: &str| {
        findings.add(&ids::RECORDS_NOT_VISIBLE, place, name, message);
    };
    let arguments = workload::level_of_arguments(scene.deployment);
    match scene.filter.host {
        Host::Unknown => {}
        Host::Envoy => {
            if let Some((arguments, LogLevel::Less)) = arguments {
                report(
                    arguments.place(),
                    "audit records are logged at info, but these arguments disable that level; add \
                     `--component-log-level wasm:info`, or set `audit.level: warn`",
                );
            }
        }
        Host::Istio | Host::EnvoyFilter => {
            if !istio_logs_info(scene.deployment) {
                report(
                    scene.at("audit"),
                    "audit records are logged at info, but Istio's proxies log warnings only; set \
                     `audit.level: warn`, or annotate the gateway's pods with \
                     sidecar.istio.io/componentLogLevel: wasm:info",
                );
            }
        }
        Host::EnvoyGateway => {
            if !gateway_logs_info(scene.deployment) {
                report(
                    scene.at("audit"),
                    "audit records are logged at info, but Envoy Gateway's proxies log warnings only; set \
                     `audit.level: warn`, or `logging: {level: {default: info}}` in the EnvoyProxy",
                );
            }
        }
        Host::Kong => {
            let message = "audit records are logged at info, but Kong's default level does not show them; set \
                           `log_level = info` in kong.conf, or `audit.level: warn`";
            findings.add(
                &ids::RECORDS_MAY_NOT_BE_VISIBLE,
                scene.at("audit"),
                name,
                message,
            );
        }
    }
}

/// Whether no access log has a line for a request that the filter decides, unless it has a response flag. A `filter` of
/// an access log counts as letting a request through, unless it is known to omit these requests.
fn log_omits_decided(scene: &Scene<'_>) -> bool {
    let Some(manager) = envoy::connection_manager(scene.filter, scene.deployment) else {
        return false;
    };
    let sets_code = |config: &Config| config.audit.filter_state.has(StateValue::Code);
    let sets_code = scene.config.is_some_and(sets_code);
    let mut logs = manager.list("access_log").into_iter();
    logs.all(|log| sets_code && log.get("filter").as_ref().is_some_and(omits_decided))
}

fn omits_decided(filter: &Node<'_>) -> bool {
    let combined = filter.get("and_filter").map(|and| and.list("filters"));
    if combined.is_some_and(|filters| filters.iter().any(omits_decided)) {
        return true;
    }
    let configuration = filter.at(&["extension_filter", "typed_config"]);
    let expression = configuration
        .as_ref()
        .and_then(|own| own.text("expression"));
    let plain: String = expression.unwrap_or_default().split_whitespace().collect();
    let plain = plain.replace('"', "'");
    let mut terms = plain.split("||");
    plain.contains(UNDECIDED) && terms.all(|term| term == UNDECIDED || term == HAS_FLAG)
}

/// Whether a pod annotation or the mesh's values make Istio's proxies log at info.
fn istio_logs_info(deployment: &Deployment) -> bool {
    let mut found = false;
    for root in deployment.roots() {
        root.walk(&mut |node| {
            let annotations = node.get("annotations");
            let value = |name: &str| {
                let annotations = annotations.as_ref().map(|node| node.value);
                annotations
                    .and_then(|own| own.get(name))
                    .and_then(Value::as_str)
            };
            let general = value("sidecar.istio.io/logLevel");
            let component = value("sidecar.istio.io/componentLogLevel").and_then(wasm_level);
            // Values of Istio's chart.
            let proxy = node.get("proxy");
            let text = |name: &str| proxy.as_ref().and_then(|proxy| proxy.text(name));
            let component = component.or_else(|| text("componentLogLevel").and_then(wasm_level));
            let general = general.or_else(|| text("logLevel"));
            found |= component.or(general).is_some_and(is_info);
        });
    }
    found
}

fn gateway_logs_info(deployment: &Deployment) -> bool {
    deployment.resources("EnvoyProxy").iter().any(|proxy| {
        let levels = proxy.at(&["spec", "logging", "level"]);
        let level = |name: &str| levels.as_ref().and_then(|levels| levels.text(name));
        let arguments = proxy.get("spec").map(|spec| spec.list("extraArgs"));
        let arguments = arguments.unwrap_or_default();
        let words: Vec<&str> = arguments
            .iter()
            .filter_map(|word| word.value.as_str())
            .collect();
        let set = level("wasm").or_else(|| level("default"));
        workload::level(&words) == Some(LogLevel::Info) || set.is_some_and(is_info)
    })
}
