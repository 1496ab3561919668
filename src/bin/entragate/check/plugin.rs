//! The host's settings of the plugin itself.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use crate::deployment::filters::Host;
use serde_json::Value;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    fail_open(scene, findings);
    let plugin = &scene.filter.plugin;
    if !scene.filter.is_plugin_config {
        return;
    }
    let name = Some(scene.filter.name());
    if plugin.get("failure_policy").is_none() && plugin.get("fail_open").is_none() {
        let message = "failure_policy is not set, so a worker whose VM has crashed denies all requests until \
                       Envoy restarts; set FAIL_RELOAD (Envoy 1.33 and later)";
        let place = plugin.place_of("failure_policy");
        findings.add(&ids::FAILURE_POLICY_NOT_SET, place, name, message);
    }
    let vm = plugin.get("vm_config");
    let vm_id = vm.as_ref().and_then(|vm| vm.text("vm_id"));
    if vm_id.unwrap_or_default().is_empty() {
        let message = "vm_config.vm_id is empty, so each worker fetches keys and the revocation feed separately; set \
                       an id that no other plugin has";
        let place = vm.as_ref().unwrap_or(plugin).place_of("vm_id");
        findings.add(&ids::VM_ID_EMPTY, place, name, message);
    }
}

fn fail_open(scene: &Scene<'_>, findings: &mut Findings) {
    if scene.filter.host == Host::Unknown {
        return;
    }
    let plugin = &scene.filter.plugin;
    for (member, value) in [
        ("fail_open", Value::Bool(true)),
        ("failure_policy", "FAIL_OPEN".into()),
        ("failStrategy", "FAIL_OPEN".into()),
    ] {
        if let Some(setting) = plugin.get(member).filter(|setting| *setting.value == value) {
            let value = value.as_str().unwrap_or("true");
            let message = format!(
                "`{member}: {value}` lets every request pass after the filter has crashed; fail closed"
            );
            findings.add(
                &ids::FAIL_OPEN,
                setting.place(),
                Some(scene.filter.name()),
                message,
            );
        }
    }
}
