//! Values of the plugin configuration that are valid, but probably mistaken or unsafe.

use super::finding::Findings;
use super::ids;
use super::samples::{self, is_sample};
use super::scene::{Scene, name, text};
use entragate::token::issuer::is_guid;
use serde_json::Value;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    credentials(scene, findings);
    issuers(scene, findings);
    groups(scene, findings);
    samples::endpoint(scene, findings);
    if scene.items("rules").is_empty() {
        let message = "is empty, so every request is denied; add rules";
        findings.add_inside(&ids::NO_RULES, scene.at("rules"), None, message);
    }
}

fn credentials(scene: &Scene<'_>, findings: &mut Findings) {
    for (path, credential) in scene.items("credentials") {
        if credential.get("value").is_some() {
            let message = "the secret is part of the configuration; use `env`";
            let place = scene.at(&format!("{path}.value"));
            let name = name(credential);
            findings.add_inside(&ids::SECRET_IN_CONFIGURATION, place, name, message);
        }
    }
}

fn issuers(scene: &Scene<'_>, findings: &mut Findings) {
    for (path, issuer) in scene.items("issuers") {
        let name = name(issuer);
        let entra = issuer.get("entra");
        let tenants = entra
            .map(|entra| texts(entra, "tenants"))
            .unwrap_or_default();
        for (index, tenant) in &tenants {
            let at = format!("{path}.entra.tenants[{index}]");
            if *tenant == "*" {
                let place = scene.at(&format!("{path}.entra.tenants"));
                let message = "every tenant of Entra ID is accepted; let rules require more than a tenant \
                               can grant itself, or list the tenants";
                findings.add_inside(&ids::ANY_TENANT, place, name, message);
            } else if is_sample(tenant) {
                let message = "is the sample's tenant; write your own";
                findings.add_inside(&ids::SAMPLE_VALUE, scene.at(&at), name, message);
            }
        }
        for (index, audience) in texts(issuer, "audiences") {
            let place = || scene.at(&format!("{path}.audiences[{index}]"));
            if is_sample(audience) {
                let message = "is the sample's audience; write your API's client id";
                findings.add_inside(&ids::SAMPLE_VALUE, place(), name, message);
            }
            if let Some(scope) = scope_in(audience, &tenants) {
                let message =
                    format!("is a scope, which no token has as its audience; remove `/{scope}`");
                findings.add_inside(&ids::AUDIENCE_IS_SCOPE, place(), name, message);
            } else if entra.is_some() && is_microsofts(audience) {
                let message = "is the audience of a Microsoft API, whose tokens are not meant for this gateway; \
                               write your own API's client id";
                findings.add_inside(&ids::AUDIENCE_OF_MICROSOFT, place(), name, message);
            } else if audience.ends_with('/') && (entra.is_some() || audience.starts_with("api://"))
            {
                let message =
                    "ends in a slash, but audiences in Entra's tokens do not; remove the slash";
                findings.add_inside(&ids::AUDIENCE_FINAL_SLASH, place(), name, message);
            }
        }
    }
}

/// Returns the scope at the end of an audience: `.default`, or the part after a client id, as in
/// `api://<client id>/<scope>`. An application id URI may be `api://<tenant id>/<text>` too.
fn scope_in<'a>(audience: &'a str, tenants: &[(usize, &str)]) -> Option<&'a str> {
    let (start, last) = audience.rsplit_once('/')?;
    if last == ".default" {
        return Some(last);
    }
    let id = start.strip_prefix("api://")?;
    let is_tenant = tenants
        .iter()
        .any(|(_, tenant)| tenant.eq_ignore_ascii_case(id));
    (is_guid(id) && !is_tenant && !last.is_empty() && !is_guid(last)).then_some(last)
}

/// Whether an audience is that of Microsoft Graph, Azure Resource Manager, Azure Storage, Key Vault, Cognitive Services or
/// Azure Machine Learning.
fn is_microsofts(audience: &str) -> bool {
    const ALL: [&str; 9] = [
        "00000003-0000-0000-c000-000000000000",
        "https://graph.microsoft.com",
        "https://graph.windows.net",
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://storage.azure.com",
        "https://vault.azure.net",
        "https://cognitiveservices.azure.com",
        "https://ml.azure.com",
    ];
    let audience = audience.trim_end_matches('/');
    ALL.iter().any(|other| audience.eq_ignore_ascii_case(other))
}

/// The strings in a list, with their indices.
fn texts<'v>(value: &'v Value, name: &str) -> Vec<(usize, &'v str)> {
    let items = value.get(name).and_then(Value::as_array);
    let items = items.into_iter().flatten().enumerate();
    items
        .filter_map(|(index, item)| Some((index, item.as_str()?)))
        .collect()
}

/// Rules that only callers of Entra can satisfy name groups by object id. Other issuers use group names.
fn groups(scene: &Scene<'_>, findings: &mut Findings) {
    let issuers = scene.items("issuers");
    let is_entra = |name: &str| {
        let mut named = issuers
            .iter()
            .filter(|(_, issuer)| text(issuer, "name") == Some(name));
        named.any(|(_, issuer)| issuer.get("entra").is_some())
    };
    for (path, rule) in scene.items("rules") {
        let matches = rule.get("match").unwrap_or(&Value::Null);
        let limited = texts(matches, "issuers");
        let only_entra = if limited.is_empty() {
            issuers
                .iter()
                .all(|(_, issuer)| issuer.get("entra").is_some())
        } else {
            limited.iter().all(|(_, name)| is_entra(name))
        };
        let Some(require) = rule.get("require").filter(|_| only_entra) else {
            continue;
        };
        named_groups(require, &format!("{path}.require"), &mut |at, group| {
            let place = scene.at(at);
            if is_sample(group) {
                let message = "is the sample's group; write the object id of your own group";
                findings.add_inside(&ids::SAMPLE_VALUE, place, name(rule), message);
            } else if !is_guid(group) {
                let message = "is not a GUID, but Entra's tokens contain the object ids of groups; \
                               write the group's object id";
                findings.add_inside(&ids::GROUP_NOT_GUID, place, name(rule), message);
            }
        });
    }
}

fn named_groups(require: &Value, at: &str, visit: &mut dyn FnMut(&str, &str)) {
    if let Some(group) = text(require, "group") {
        visit(&format!("{at}.group"), group);
    }
    for name in ["all", "any"] {
        let parts = require.get(name).and_then(Value::as_array);
        for (index, part) in parts.into_iter().flatten().enumerate() {
            named_groups(part, &format!("{at}.{name}[{index}]"), visit);
        }
    }
    if let Some(part) = require.get("not") {
        named_groups(part, &format!("{at}.not"), visit);
    }
}
