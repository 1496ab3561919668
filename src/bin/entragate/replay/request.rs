//! The request and the caller of an audit record, in the form of a case.

use crate::policy_test::caller::{self, Shorthand};
use crate::policy_test::request::{Request, escaped};
use entragate::config::Config;
use entragate::time::Timestamp;
use entragate::token::facets;
use entragate::token::issuer::{Authority, Issuer};
use serde_json::{Map, Value, json};

/// A text in a record.
pub fn text<'r>(record: &'r Value, member: &str) -> Option<&'r str> {
    record.get(member).and_then(Value::as_str)
}

/// Methods whose requests usually have no body. Requests with other methods have one, even if the record does not show
/// its content.
const WITHOUT_BODY: [&str; 4] = ["GET", "HEAD", "OPTIONS", "DELETE"];

/// The request of a record; `None` if it has no valid method, path and time.
pub fn request(record: &Value) -> Option<Request> {
    let mut request = Map::new();
    for member in ["method", "time", "cluster"] {
        if let Some(value) = text(record, member) {
            request.insert(member.into(), value.into());
        }
    }
    request.insert("path".into(), escaped(text(record, "path")?).into());
    let host = text(record, "host").filter(|host| !host.is_empty());
    request.insert("host".into(), host.unwrap_or("localhost").into());
    if let Some(source) = text(record, "source_ip") {
        request.insert("source".into(), source.into());
    }
    // The methods of a batch are separated by commas; their messages are not known.
    let one = |member| text(record, member).filter(|text| !text.contains(','));
    if let Some(method) = one("mcp_method") {
        request.insert("mcp_method".into(), method.into());
        if let Some(tool) = one("mcp_tool") {
            request.insert("tool".into(), tool.into());
        }
    } else if let Some(model) = text(record, "model") {
        request.insert("model".into(), model.into());
    } else if !WITHOUT_BODY.contains(&text(record, "method")?) {
        // The body is unknown, so the filter must not be able to read it.
        request.insert("body".into(), "unknown".into());
    }
    serde_json::from_value(Value::Object(request)).ok()
}

/// The token's claims that the record contains. Other claims are marked as being elsewhere, so requirements on them are
/// indeterminate.
pub fn claims(
    record: &Value,
    issuer: &Issuer,
    config: &Config,
    now: Timestamp,
) -> Map<String, Value> {
    let owned = |member| text(record, member).map(str::to_owned);
    let kind = |name: &str| serde_json::from_value(json!(name)).ok();
    let is_entra = matches!(issuer.authority, Authority::Entra(_));
    let described = Shorthand {
        issuer: issuer.name.to_string(),
        tenant: owned("tid"),
        object: owned("oid"),
        client: owned("client"),
        kind: text(record, "kind").and_then(kind),
        actor: text(record, "actor")
            .filter(|_| is_entra)
            .and_then(|name| serde_json::from_value(json!(name)).ok()),
        ..Shorthand::default()
    };
    let mut claims = caller::unchecked_claims(&described, issuer, config.token.max_lifetime, now);
    if let Some(sub) = text(record, "sub") {
        claims.insert("sub".into(), sub.into());
    }
    if is_entra && described.kind.is_none() {
        claims.insert(facets::TYPE.into(), "unknown".into());
    }
    let mut known = Vec::new();
    if let Some(recorded) = record.get("claims").and_then(Value::as_object) {
        for (path, value) in recorded {
            caller::set(&mut claims, path, value.clone());
            known.extend(first(path));
        }
    }
    let names = &issuer.claims;
    let lists = [
        names.roles.path.first(),
        names.groups.path.first(),
        names.scope.as_ref().and_then(|path| path.first()),
    ];
    let usual = ["scope", "scp", "wids", "xms_mirid", "amr", "acrs"];
    let named = config.policy.claims();
    let all = lists.into_iter().flatten().chain(usual).chain(named);
    let elsewhere = all.filter(|name| !known.iter().any(|own| own == name));
    let elsewhere: Map<String, Value> = elsewhere
        .filter(|name| !claims.contains_key(*name))
        .map(|name| (name.to_owned(), Value::from("src1")))
        .collect();
    claims.insert("_claim_names".into(), elsewhere.into());
    claims
}

fn first(path: &str) -> Option<String> {
    let segment = path
        .strip_prefix('/')
        .map_or(Some(path), |pointer| pointer.split('/').next());
    segment.map(|segment| segment.replace("~1", "/").replace("~0", "~"))
}
