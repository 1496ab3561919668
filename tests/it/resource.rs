//! The protected resource document (RFC 9728), and the challenges that refer to it.

use crate::support;

use serde_json::{Value, json};
use support::*;
use testbed::mint::Token;
use testbed::persona::*;

fn published() -> Value {
    let mut settings = settings();
    settings["replies"] = json!({"protected_resource": {"resource": "https://hf.contoso.com/v1", "scopes": ["api://00001111-aaaa-2222-bbbb-3333cccc4444/query"]}});
    settings
}

fn ask(bench: &mut Bench, method: &str, path: &str) -> (String, Value) {
    let (id, ruling) = bench.send(&[(":method", method), (":path", path), (":authority", "x")]);
    let document = match code_of(&ruling).as_str() {
        "metadata" => serde_json::from_str(&reply_of(&ruling).body).unwrap(),
        _ => Value::Null,
    };
    assert!(!bench.gate.is_permitted(id));
    bench.gate.finish(id, Some(200), bench.now);
    (code_of(&ruling), document)
}

#[test]
fn document_is_served_without_keys_or_token() {
    let mut bench = Bench::cold(&published());
    let well_known = "/.well-known/oauth-protected-resource";
    for (method, path) in [
        ("GET", well_known.to_owned()),
        ("HEAD", well_known.to_owned()),
        ("GET", format!("{well_known}/v1?x=y")),
    ] {
        let (code, document) = ask(&mut bench, method, &path);
        assert_eq!(code, "metadata", "{path}");
        let expected = json!({
            "resource": "https://hf.contoso.com/v1",
            "authorization_servers": [format!("https://login.microsoftonline.com/{TENANT}/v2.0")],
            "scopes_supported": ["api://00001111-aaaa-2222-bbbb-3333cccc4444/query"],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(document, expected);
        let record = bench.audit().remove(0);
        assert_eq!(
            (&record["code"], &record["decision"]),
            (&json!("metadata"), &json!("permit"))
        );
        assert_eq!(
            (&record["rule"], &record["upstream_status"]),
            (&Value::Null, &Value::Null)
        );
    }
    for (method, path) in [
        ("POST", well_known.to_owned()),
        ("GET", format!("{well_known}/v2")),
        ("GET", "/.well-known/openid-configuration".to_owned()),
    ] {
        assert_eq!(
            ask(&mut bench, method, &path).0,
            "token_missing",
            "{method} {path}"
        );
    }
    // Without the setting, the document does not exist.
    assert_eq!(
        ask(&mut Bench::cold(&settings()), "GET", well_known).0,
        "token_missing"
    );
}

#[test]
fn authorization_servers_default_to_the_issuers() {
    let mut settings = published();
    settings["issuers"] = json!([
        {"name": "several", "entra": {"tenants": [TENANT, GUEST_TENANT], "cloud": "us_gov"}, "audiences": ["a"], "jwks": {"cluster": "e"}},
        {"name": "any", "entra": {"tenants": ["*"], "cloud": "china"}, "audiences": ["a"], "jwks": {"cluster": "e"}},
        {"name": "kc", "oidc": {"issuer": REALM_ISSUER}, "audiences": ["a"], "jwks": {"cluster": "e", "uri": "https://kc/keys"}},
    ]);
    let servers = |settings: &Value| {
        let path = "/.well-known/oauth-protected-resource";
        ask(&mut Bench::cold(settings), "GET", path).1["authorization_servers"].clone()
    };
    let expected = json!([
        format!("https://login.microsoftonline.us/{TENANT}/v2.0"),
        format!("https://login.microsoftonline.us/{GUEST_TENANT}/v2.0"),
        "https://login.partner.microsoftonline.cn/common/v2.0",
        REALM_ISSUER,
    ]);
    assert_eq!(servers(&settings), expected);
    settings["replies"]["protected_resource"]["authorization_servers"] =
        json!(["https://login.contoso.com"]);
    assert_eq!(servers(&settings), json!(["https://login.contoso.com"]));
}

#[test]
fn challenge_refers_to_the_document() {
    let mut bench = Bench::warm(&published());
    let metadata =
        "resource_metadata=\"https://hf.contoso.com/.well-known/oauth-protected-resource/v1\"";
    let nora = Token::of(Persona::Nora).build();
    let expired = Token::of(Persona::Expired).build();
    let (_, bare) = bench.send(&[
        (":method", "GET"),
        (":path", "/v1/models"),
        (":authority", "x"),
    ]);
    let challenge = header_of(&bare, "www-authenticate");
    assert_eq!(challenge, Some(format!("Bearer realm=\"hf\", {metadata}")));
    for (token, code, scoped) in [
        (nora.as_str(), "rule_unsatisfied", true),
        (expired.as_str(), "token_expired", false),
    ] {
        let (_, ruling) = bench.chat(token);
        assert_eq!(code_of(&ruling), code);
        let challenge = header_of(&ruling, "www-authenticate").unwrap();
        assert!(challenge.ends_with(metadata), "{challenge}");
        assert_eq!(
            challenge.contains("scope=\"api://00001111-aaaa-2222-bbbb-3333cccc4444/query\""),
            scoped,
            "{challenge}"
        );
    }
}
