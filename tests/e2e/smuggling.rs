//! Requests that two servers could parse differently: how Envoy parses them, and that none bypasses the filter.

use super::gateway::{Gateway, SOON};
use testbed::client::raw_http;
use testbed::envoy::EnvoyConfig;
use testbed::persona::Persona;
use testbed::recorded::Recorded;

impl Gateway {
    async fn raw(&self, request: &str) -> String {
        let answer = raw_http(self.envoy.addr(), request.as_bytes(), SOON).await;
        String::from_utf8_lossy(&answer.unwrap()).into_owned()
    }

    /// Returns the forwarded requests so far, after checking that each has the gateway's credential and none has the caller's.
    fn seen(&self, token: &str) -> Vec<Recorded> {
        let seen = self.hf.take_requests();
        for request in &seen {
            let values = request.headers_named("authorization");
            let credential = format!("Bearer {}", self.hf.token());
            let is_health = request.path == "/health";
            assert!(
                values == [credential.as_str()] || (is_health && values.is_empty()),
                "{request:?}"
            );
            assert!(
                !request.contains(token.rsplit('.').next().unwrap()),
                "{request:?}"
            );
        }
        seen
    }
}

fn head(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_request_reaches_no_upstream() {
    let gateway = Gateway::with(without_close_delay).await;
    let token = gateway.token(Persona::Ada);
    let hidden = "GET /v1/models HTTP/1.1\r\nhost: x\r\nx-hidden: 1\r\n\r\n";
    let length = hidden.len();
    for framing in [
        // CL.TE, TE.CL, two lengths, unusual codings, unusual lengths.
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n0\r\n\r\n{hidden}"),
        format!("content-length: 0\r\ncontent-length: {length}\r\n\r\n{hidden}"),
        format!("content-length: 0, {length}\r\n\r\n{hidden}"),
        format!("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("transfer-encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("content-length: +0\r\n\r\n{hidden}"),
        format!("content-length: -1\r\n\r\n{hidden}"),
        format!("content-length: 0x0\r\n\r\n{hidden}"),
        format!("x: y\nbare: lf\r\ncontent-length: 0\r\n\r\n{hidden}"),
    ] {
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{framing}"
        );
        // The hidden request has no token: if Envoy parses it as a request, the filter denies it.
        let answer = raw_http(gateway.envoy.addr(), request.as_bytes(), SOON / 20).await;
        let answer = String::from_utf8_lossy(&answer.unwrap_or_default()).into_owned();
        for request in gateway.seen(&token) {
            assert!(
                request.header("x-hidden").is_none(),
                "{framing:?}: {request:?} {answer}"
            );
            assert!(
                !request.contains("x-hidden") || request.body.len() == length,
                "{framing:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authorization_in_any_spelling_is_never_forwarded() {
    let gateway = Gateway::with(without_close_delay).await;
    let token = gateway.token(Persona::Ada);
    for fields in [
        format!("authorization: Bearer {token}\r\n {token}\r\n"),
        format!("authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n"),
        format!("authorization: Bearer {token}\r\nauthorization: Basic eA==\r\n"),
        format!("authorization : Bearer {token}\r\n"),
        format!("authorization\t: Bearer {token}\r\n"),
        format!(" authorization: Bearer {token}\r\n"),
        format!("x: y\r\n\tauthorization: Bearer {token}\r\n"),
        format!("authorization: Bearer {token}\x01\r\n"),
        format!("authorization: Bearer \x7f{token}\r\n"),
        format!("x_api_key: {token}\r\n"),
        format!("authorization_: Bearer {token}\r\n"),
        format!("x-forwarded-authorization: Bearer {token}\r\n"),
        format!("proxy-authorization: Bearer {token}\r\n"),
        format!("cookie: authorization=Bearer {token}\r\n"),
        format!("authorization: Bearer {token},\r\n"),
    ] {
        let answer = gateway.raw(&head("/v1/models", &fields)).await;
        let status = answer.get(9..12).unwrap_or_default();
        assert!(["400", "401"].contains(&status), "{fields:.60}: {answer}");
        assert!(gateway.seen(&token).is_empty(), "{fields:.60}");
    }
    for target in [
        format!("/v1/models?access_token={token}"),
        format!("/v1/models?token={token}"),
    ] {
        let answer = gateway.raw(&head(&target, "")).await;
        assert!(
            answer.starts_with("HTTP/1.1 401"),
            "a token in the query is not accepted: {answer}"
        );
    }
    // Two unambiguous forms: Envoy unfolds a line, as RFC 9112 §5.2 allows.
    for unambiguous in [
        format!("AUTHORIZATION:Bearer {token}\r\n"),
        format!("authorization: Bearer\r\n {token}\r\n"),
    ] {
        let answer = gateway.raw(&head("/v1/models", &unambiguous)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(gateway.seen(&token).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_options_cannot_remove_or_add_an_identity() {
    let gateway = Gateway::with(without_close_delay).await;
    let token = gateway.token(Persona::Ada);
    let bearer = format!("authorization: Bearer {token}\r\n");
    for options in [
        "authorization",
        "x-entra-oid",
        "x-entra-oid, authorization, te",
        "close, x-entra-app",
    ] {
        let fields = format!(
            "{bearer}connection: {options}\r\nx-entra-oid: spoofed\r\nX-Entra-Oid: again\r\n"
        );
        let answer = gateway.raw(&head("/v1/models", &fields)).await;
        for request in gateway.seen(&token) {
            let oid = request.headers_named("x-entra-oid");
            assert_eq!(
                oid,
                ["690222be-ff1a-4d56-abd1-7e4f7d38e474"],
                "{options}: {answer}"
            );
        }
    }
    // If a route requires no token, identity headers of the caller are not forwarded either.
    let fields =
        "x-entra-oid: spoofed\r\nx-entra-app: spoofed\r\nx-hf-bill-to: victim\r\ncookie: a=b\r\n";
    let answer = gateway.raw(&head("/health", fields)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let seen = gateway.seen(&token);
    assert_eq!(seen.len(), 1);
    for name in [
        "x-entra-oid",
        "x-entra-app",
        "x-hf-bill-to",
        "cookie",
        "authorization",
    ] {
        assert_eq!(seen[0].header(name), None, "{name}");
    }
}

/// Makes Envoy close a connection immediately instead of a second after the response.
fn without_close_delay(config: EnvoyConfig) -> EnvoyConfig {
    config.connection_manager(|manager| manager["delayed_close_timeout"] = "0.02s".into())
}

/// Disables Envoy's path normalization: only the filter detects ambiguous paths.
fn without_normalization(config: EnvoyConfig) -> EnvoyConfig {
    without_close_delay(config).connection_manager(|manager| {
        manager["normalize_path"] = false.into();
        manager["merge_slashes"] = false.into();
        manager["path_with_escaped_slashes_action"] = "KEEP_UNCHANGED".into();
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn path_in_any_spelling_does_not_match_the_anonymous_rule() {
    let targets = [
        "/health/../v1/models",
        "/health/%2e%2e/v1/models",
        "/health/%2E%2E%2fv1/models",
        "/health%2f..%2fv1%2fmodels",
        "/health%2F..%2Fv1/models",
        "/health%5c..%5cv1%5cmodels",
        "/health\\..\\v1\\models",
        "/health/..;/v1/models",
        "/health;/../v1/models",
        "/health;x=1",
        "/health/;/",
        "/health/",
        "/health//",
        "//health",
        "/./health/./",
        "/v1/models/../../health/../v1/models",
        "/HEALTH",
        "/Health",
        "/health%00",
        "/health%00/../v1/models",
        "/health%20",
        "/health%23/../v1/models",
        "/health%3f/../v1/models",
        "/health%252f..%252fv1%252fmodels",
        "/%2e/v1/models",
        "/healt%68/x",
        "/healthz",
        "http://x/v1/models",
        "http://x/health/../v1/models",
        "/health?/../v1/models#",
        "/health#/v1/models",
        "*",
    ];
    for (normalized, gateway) in [
        (true, Gateway::with(without_close_delay).await),
        (false, Gateway::with(without_normalization).await),
    ] {
        for target in targets {
            let answer = gateway.raw(&head(target, "")).await;
            let status = answer.get(9..12).unwrap_or_default();
            for request in gateway.seen("no.token.here") {
                // Only the exact path of the rule is forwarded; Envoy itself may have normalized it to that.
                let path = request.path.split('?').next().unwrap();
                assert_eq!(
                    (path, status),
                    ("/health", "200"),
                    "{normalized} {target}: {answer}"
                );
            }
            assert!(
                ["200", "400", "401", "404", "307"].contains(&status),
                "{normalized} {target}: {answer}"
            );
        }
        let answer = gateway.raw(&head("/health", "")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
