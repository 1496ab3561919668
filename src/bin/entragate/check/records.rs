//! Whether each decision leaves a line in a log.

use super::filter_state::references;
use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use crate::deployment::envoy;
use crate::deployment::filters::Host;
use crate::deployment::node::Node;
use crate::deployment::workload::{self, LogLevel, is_info, wasm_level};
use crate::deployment::{Deployment, Place};
use entragate::audit::filter_state::StateValue;
use serde_json::Value;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let audit = scene.given.get("audit").unwrap_or(&Value::Null);
    let setting = |name: &str| audit.get(name).and_then(Value::as_str);
    let is_off = setting("log") == Some("off");
    let is_exported = audit.get("export").is_some();
    if !is_exported && (is_off || setting("log") == Some("denied")) && log_omits_decided(scene) {
        findings.add(
            &ids::PERMITTED_NOT_RECORDED,
            scene.at("audit"),
            Some(scene.filter.name()),
            "`audit.log` leaves out permitted requests, and the access log leaves out all requests that the filter decides, so \
             permitted requests leave no line; remove the `filter` of the access log, or set `audit.log: all`",
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

/// Whether every access log has a filter that reads the code of the decision, as that of `envoy.yaml` does.
fn log_omits_decided(scene: &Scene<'_>) -> bool {
    let manager = envoy::connection_manager(scene.filter, scene.deployment);
    let logs = manager.map(|manager| manager.list("access_log"));
    logs.is_some_and(|logs| !logs.is_empty() && logs.iter().all(omits_decided))
}

fn omits_decided(log: &Node<'_>) -> bool {
    let read = log.get("filter");
    let read = read.iter().flat_map(references);
    let mut read = read.filter(|reference| reference.text.contains('!'));
    read.any(|reference| reference.value() == Some(StateValue::Code))
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
