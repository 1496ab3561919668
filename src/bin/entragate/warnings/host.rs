//! What the host's own settings make of the configuration: those that the filter relies on and
//! can't see.

use super::{Warning, place_of};
use crate::filters::{Envoy, Host, field};
use entragate::config::{ClientAddress, Config};
use entragate::policy::rule::{Policy, Requirement};
use serde_json::Value;

/// Envoy's default of `per_connection_buffer_limit_bytes`.
const BUFFER: u64 = 1024 * 1024;

pub(super) fn of(host: &Host, config: Option<&Config>, given: &Value) -> Vec<Warning> {
    let mut warnings = Vec::new();
    match host {
        Host::Envoy(envoy) => {
            plugin(&envoy.plugin, &mut warnings);
            clusters(envoy, given, &mut warnings);
        }
        Host::Other { plugin, .. } => warnings.extend(fails_open(plugin)),
        Host::Unknown => {}
    }
    let Some(config) = config else {
        return warnings;
    };
    if let Some(rule) = of_models(&config.policy) {
        warnings.extend(body(host, config, &place_of(rule, given)));
    }
    if let Host::Envoy(envoy) = host {
        let asks = |wanted: fn(&Requirement) -> bool| config.policy.asks_for(wanted);
        if asks(|part| matches!(part, Requirement::Source(_))) {
            warnings.extend(source(envoy, config));
        }
        if asks(|part| matches!(part, Requirement::Peer(_))) {
            warnings.extend(peer(envoy));
        }
    }
    warnings
}

fn plugin(plugin: &Value, warnings: &mut Vec<Warning>) {
    warnings.extend(fails_open(plugin));
    if field(plugin, "failure_policy").is_none() && field(plugin, "fail_open").is_none() {
        let text = "is not set, so a worker whose VM has crashed refuses all requests until Envoy is \
                    restarted; set FAIL_RELOAD (Envoy 1.33 and later)";
        warnings.push(Warning::new("failure_policy", text));
    }
    let vm_id = field(plugin, "vm_config").and_then(|vm| field(vm, "vm_id"));
    if vm_id.and_then(Value::as_str).unwrap_or_default().is_empty() {
        let text = "is empty, so each worker fetches keys and the revocation feed for itself; name one \
                    that nobody else has";
        warnings.push(Warning::new("vm_config.vm_id", text));
    }
}

fn fails_open(plugin: &Value) -> Option<Warning> {
    let is = |name: &str, value: Value| field(plugin, name) == Some(&value);
    let setting = match () {
        () if is("fail_open", true.into()) => "fail_open: true",
        () if is("failure_policy", "FAIL_OPEN".into()) => "failure_policy: FAIL_OPEN",
        () if is("failStrategy", "FAIL_OPEN".into()) => "failStrategy: FAIL_OPEN",
        () => return None,
    };
    let (name, _) = setting.split_once(':')?;
    let text =
        format!("`{setting}` lets every request pass once the filter has crashed; fail closed");
    Some(Warning::new(name, text))
}

/// Callouts go to clusters by name; a missing one is an error at each request only.
fn clusters(envoy: &Envoy, given: &Value, warnings: &mut Vec<Warning>) {
    let Some(known) = &envoy.clusters else { return };
    let mut named = Vec::new();
    named_clusters(given, "", &mut named);
    for (path, name) in named {
        if !known.contains(name) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let text = format!(
                "no cluster is named {name:?} in this file, so its calls fail; add it to \
                 static_resources.clusters, or name one of {}",
                known.join(", ")
            );
            warnings.push(Warning::new(path, text));
        }
    }
}

fn named_clusters<'g>(value: &'g Value, at: &str, found: &mut Vec<(String, &'g str)>) {
    let inside = |name: &str| match at.is_empty() {
        true => name.to_owned(),
        false => format!("{at}.{name}"),
    };
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(cluster) if name == "cluster" || name == "keys_cluster" => {
                        found.push((inside(name), cluster));
                    }
                    member => named_clusters(member, &inside(name), found),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                named_clusters(item, &format!("{at}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// The first rule that names models.
fn of_models(policy: &Policy) -> Option<&str> {
    let anonymous = policy
        .anonymous
        .iter()
        .map(|rule| (&rule.name, &rule.matches));
    let rules = policy.rules.iter().map(|rule| (&rule.name, &rule.matches));
    let mut all = anonymous.chain(rules);
    let (name, _) = all.find(|(_, matches)| !matches.models.patterns.is_empty())?;
    Some(name)
}

/// Where the body tells the model, the host must hand it over before the headers go.
fn body(host: &Host, config: &Config, rule: &str) -> Option<Warning> {
    let at = format!("{rule}.match.models");
    let flag = "allow_on_headers_stop_iteration";
    let otherwise = "where the body tells the model, this rule denies (unless `endpoints` tell it)";
    match host {
        Host::Envoy(envoy) if field(&envoy.plugin, flag) != Some(&Value::Bool(true)) => {
            let text = format!(
                "Envoy hands over no body without `{flag}: true`: {otherwise}; set it beside root_id"
            );
            Some(Warning::new(at, text))
        }
        Host::Envoy(envoy) => {
            // Where the listener is not in sight, nothing is certain.
            let listener = Some(&envoy.listener).filter(|listener| listener.is_object())?;
            let limit = field(listener, "per_connection_buffer_limit_bytes");
            let limit = limit.and_then(Value::as_u64).unwrap_or(BUFFER);
            let inspected = config.limits.body_inspected as u64;
            (limit <= inspected).then(|| {
                let text = format!(
                    "the listener's per_connection_buffer_limit_bytes ({limit}) is not above \
                     limits.body_inspected ({inspected}), so longer bodies get Envoy's own 413; raise it"
                );
                Warning::new(at, text)
            })
        }
        Host::Other {
            sets_flag: false, ..
        } => {
            let text = format!(
                "Envoy hands over no body without `{flag}: true`, which must be patched in here: {otherwise}; see deploy/"
            );
            Some(Warning::new(at, text))
        }
        Host::Other { .. } => None,
        Host::Unknown => {
            let text = format!("needs `{flag}: true` on Envoy: without it, {otherwise}");
            Some(Warning::note(at, text))
        }
    }
}

fn source(envoy: &Envoy, config: &Config) -> Option<Warning> {
    let trusts = field(&envoy.connection_manager, "use_remote_address") == Some(&Value::Bool(true));
    (config.client_address == ClientAddress::Connection && !trusts).then(|| {
        let text = "is not true, so the address that `source` asks for is what a caller writes into \
                    x-forwarded-for; set it to true, or have a proxy in front that writes that header \
                    and say so with client_address.trusted_hops";
        Warning::new("use_remote_address", text)
    })
}

fn peer(envoy: &Envoy) -> Option<Warning> {
    const AT: &str = "transport_socket";
    let tls = field(&envoy.filter_chain, AT).and_then(|socket| field(socket, "typed_config"));
    let Some(tls) = tls else {
        let text = "this filter chain has no TLS, so there is no client certificate and no rule that asks \
                    for a `peer` holds; terminate TLS here, with a validation_context";
        return Some(Warning::new(AT, text));
    };
    let common = field(tls, "common_tls_context");
    let contexts = [
        "validation_context",
        "combined_validation_context",
        "validation_context_sds_secret_config",
    ];
    let validated =
        common.is_some_and(|common| contexts.iter().any(|name| field(common, name).is_some()));
    if !validated {
        let text = "client certificates are not validated (no validation_context), so anyone can name \
                    himself as `peer`; add one with trusted_ca";
        return Some(Warning::new(AT, text));
    }
    tls.to_string().contains("\"ACCEPT_UNTRUSTED\"").then(|| {
        let text = "trust_chain_verification: ACCEPT_UNTRUSTED lets any client certificate pass, so \
                    anyone can name himself as `peer`; remove it";
        Warning::new(AT, text)
    })
}
