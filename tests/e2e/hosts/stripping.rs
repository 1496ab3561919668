//! No secret of the caller reaches the upstream, whatever the decision.

use super::*;

/// The headers that must not be forwarded: those that authenticate a caller, choose who is billed, or claim an identity.
const STRIPPED: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-hf-bill-to",
    "x-scale-up-timeout",
    "x-entra-oid",
    "x-token",
];
/// The value that the caller sends in each header.
const FORGED: &str = "forged-by-the-caller";

fn policy() -> Value {
    let mut policy = settings();
    policy["forward"] = json!({"identity_headers": {"x-entra-oid": "oid"}});
    policy["token"] = json!({"headers": [{"name": "x-token"}]});
    policy["replies"] = json!({"protected_resource": {"resource": "https://hf.contoso.com"}});
    policy
}

/// A request that a rule permits, one that an anonymous rule permits, and one for the metadata document.
fn requests() -> [(&'static str, &'static str, bool); 3] {
    let metadata = "/.well-known/oauth-protected-resource";
    [
        ("POST", "/v1/models", true),
        ("GET", "/health", false),
        ("GET", metadata, false),
    ]
}

/// Returns the forwarded headers of a request with these additional fields, or `None` if the filter replied.
fn sent(
    gateway: &mut Gateway,
    request: (&str, &str, bool),
    forged: &[(&str, &str)],
) -> Option<Fields> {
    let (method, path, has_token) = request;
    let token = ada().build();
    let mut fields = forged.to_vec();
    if has_token {
        fields.push(("x-token", &token));
    }
    let headers = headers(gateway.rules(), method, "hf.contoso.com", path, &fields);
    let id = gateway.host.open(headers, true);
    let fate = gateway.host.fate(id).clone();
    gateway.host.end(id);
    match fate {
        Fate::Forwarded(headers) => {
            let leaks =
                |(_, value): &(String, Vec<u8>)| String::from_utf8_lossy(value).contains(&token);
            assert!(!headers.iter().any(leaks), "{headers:?}");
            Some(headers)
        }
        Fate::Replied(_) => None,
        Fate::Held => panic!("{path} is held"),
    }
}

in_both_hosts! {
    fn single_headers_do_not_reach_the_upstream(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &policy());
        for request in requests() {
            // A request with a token already has this header, so the forged one would not be the only one.
            let names = STRIPPED.iter().filter(|name| !(request.2 && **name == "x-token"));
            for name in names {
                let sent = sent(&mut gateway, request, &[(name, FORGED)]);
                let is_metadata = request.1.starts_with("/.well-known");
                assert_eq!(sent.is_none(), is_metadata, "{request:?} with {name}");
                let value = sent.and_then(|headers| field(&headers, name));
                assert_ne!(value.as_deref(), Some(FORGED), "{request:?} with {name}");
            }
        }
    }

    fn repeated_headers_do_not_reach_the_upstream(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &policy());
        for request in requests() {
            for name in STRIPPED {
                let sent = sent(&mut gateway, request, &[(name, FORGED), (name, "another")]);
                let all = sent.unwrap_or_default();
                let leaks = |(sent_name, value): &(String, Vec<u8>)| {
                    sent_name == name && [FORGED.as_bytes(), b"another"].contains(&value.as_slice())
                };
                assert!(!all.iter().any(leaks), "{request:?} with {name}: {all:?}");
            }
        }
    }
}

#[test]
fn repeated_sensitive_header_is_denied_and_recorded_on_nginx() {
    let mut gateway = Gateway::warm(Rules::Nginx, &policy());
    let cookies = [("cookie", "a=1"), ("cookie", "b=2")];
    let id = gateway.get("hf.contoso.com", "/health", &cookies);
    assert_eq!(gateway.code(id), "request_ambiguous");
    gateway.host.end(id);
    let [record] = gateway.audit().try_into().expect("one record");
    let reason = record["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("more than once"), "{record}");
    assert_eq!(record["path"], "/health");
}

#[test]
fn repeated_sensitive_headers_are_removed_on_envoy() {
    let mut gateway = Gateway::warm(Rules::Envoy, &policy());
    let cookies = [("cookie", "a=1"), ("cookie", "b=2")];
    let id = gateway.get("hf.contoso.com", "/health", &cookies);
    let Fate::Forwarded(headers) = gateway.host.fate(id) else {
        panic!("{:?}", gateway.host.fate(id))
    };
    assert_eq!(field(headers, "cookie"), None);
}
