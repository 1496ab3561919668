//! Every code over HTTP: status, body, headers and response code details.

use super::gateway::{Gateway, SOON, header};
use serde_json::{Value, json};
use testbed::envoy::EnvoyConfig;
use testbed::keys::{self, Algorithm};
use testbed::mint::{self, Token};
use testbed::persona::Persona;
use testbed::persona::*;
use testbed::reqwest::{Method, RequestBuilder, Response};

/// A policy that can produce every denial code.
fn policy(config: EnvoyConfig) -> EnvoyConfig {
    let config = config.full_access_log().connection_manager(|manager| {
        manager["path_with_escaped_slashes_action"] = json!("KEEP_UNCHANGED");
    });
    let config = config.connection_manager(|manager| {
        let routes = &mut manager["route_config"]["virtual_hosts"][0]["routes"];
        let other = json!({"match": {"prefix": "/v1/other"}, "route": {"cluster": "entra"}});
        routes.as_array_mut().unwrap().insert(0, other);
    });
    config.change_policy(|policy| {
        policy["issuers"][0]["clients"] = json!([NOTEBOOK_CLIENT, BATCH_CLIENT, LURKER_CLIENT]);
        policy["token"] = json!({"max_lifetime": "12h", "max_bytes": 8192});
        policy["rules"].as_array_mut().unwrap().push(json!({
            "name": "by-group", "match": {"paths": ["/only/groups"]},
            "require": {"group": SCIENTISTS_GROUP}, "credential": "hf-read",
        }));
    })
}

struct Case {
    label: &'static str,
    request: RequestBuilder,
    status: u16,
    code: &'static str,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_denial_has_its_code_and_a_readable_reply() {
    let gateway = Gateway::with(policy).await;
    let chat = |token: String| gateway.chat_builder(&token);
    let get = |path: &str| gateway.request(Method::GET, path);
    let of = |persona| chat(gateway.token(persona));
    let ada = || Token::of(Persona::Ada);
    let mint = |token: Token| chat(gateway.mint(token));
    let authorized = |value: &str| {
        gateway
            .request(Method::POST, "/v1/x")
            .header("authorization", value)
    };
    let case = |label, request, status, code| Case {
        label,
        request,
        status,
        code,
    };
    let es256 = keys::cached(Algorithm::Es256);
    let unsigned = mint::mint_unsigned(&json!({"alg": "none"}), &ada().claims_value());
    let now = mint::now();
    let cases = [
        case(
            "encoded slash",
            get("/v1%2fmodels"),
            400,
            "request_ambiguous",
        ),
        case("no token", get("/v1/models"), 401, "token_missing"),
        case(
            "basic",
            get("/v1/models").basic_auth("u", Some("p")),
            401,
            "token_missing",
        ),
        case("dpop", authorized("DPoP a.b.c"), 401, "token_bound"),
        case(
            "garbage",
            authorized("Bearer a.b.c"),
            401,
            "token_malformed",
        ),
        case(
            "two",
            authorized("Bearer a.b.c, Bearer d.e.f"),
            401,
            "token_malformed",
        ),
        case("large", chat("a".repeat(9000)), 401, "token_too_large"),
        case(
            "jwe",
            authorized("Bearer e30.e30.e30.e30.e30"),
            401,
            "token_encrypted",
        ),
        case("bound", of(Persona::Pop), 401, "token_bound"),
        case("graph", of(Persona::Graph), 401, "token_for_another_api"),
        case(
            "id token",
            of(Persona::IdToken),
            401,
            "token_for_another_api",
        ),
        case(
            "own hf token",
            chat("hf_mine".into()),
            401,
            "hugging_face_token",
        ),
        case("none", chat(unsigned), 401, "algorithm_not_allowed"),
        case(
            "es256",
            chat(ada().signed_by(&es256).build()),
            401,
            "algorithm_not_allowed",
        ),
        case("keycloak", of(Persona::Kim), 401, "issuer_unknown"),
        case("guest", of(Persona::Gina), 401, "tenant_not_allowed"),
        case(
            "unknown key",
            chat(ada().header("kid", "nobody").build()),
            401,
            "key_unknown",
        ),
        case(
            "broken",
            mint(ada().corrupt_signature()),
            401,
            "signature_invalid",
        ),
        case(
            "audience",
            of(Persona::WrongAudience),
            401,
            "audience_mismatch",
        ),
        case("client", of(Persona::Robot), 401, "client_not_allowed"),
        case("expired", of(Persona::Expired), 401, "token_expired"),
        case("future", of(Persona::Future), 401, "token_not_yet_valid"),
        case(
            "long",
            mint(ada().claim("exp", now + 90_000)),
            401,
            "token_lifetime",
        ),
        case(
            "no rule",
            get("/nowhere").bearer_auth(gateway.token(Persona::Ada)),
            403,
            "no_rule",
        ),
        case("no role", of(Persona::Nora), 403, "rule_unsatisfied"),
        case(
            "another cluster",
            gateway
                .request(Method::POST, "/v1/other")
                .bearer_auth(gateway.token(Persona::Ada)),
            403,
            "upstream_not_allowed",
        ),
        case("contractor", of(Persona::Carl), 403, "denied_by_rule"),
        case(
            "overage",
            get("/only/groups").bearer_auth(gateway.token(Persona::Olga)),
            403,
            "groups_overage",
        ),
    ];
    let mut decided = Vec::new();
    for Case {
        label,
        request,
        status,
        code,
    } in cases
    {
        let response = request.send().await.unwrap();
        let id = header(&response, "x-request-id").to_owned();
        assert_eq!(
            (
                response.status().as_u16(),
                header(&response, "x-error-code")
            ),
            (status, code),
            "{label}"
        );
        assert_headers(&response, status, code);
        let is_v1 = response.url().path().starts_with("/v1/");
        let body: Value = response.json().await.unwrap();
        assert_body(&body, is_v1, status, code);
        decided.push((label, code, id));
    }
    // Envoy flushes its access log at intervals, so it is read after all requests.
    for (label, code, id) in decided {
        let entry = gateway
            .envoy
            .wait_for_access(|entry| entry["request_id"] == id.as_str(), SOON);
        let entry = entry.await.unwrap();
        assert_eq!(entry["details"], format!("entragate.{code}"), "{label}");
        assert_eq!(entry["code"], code, "{label}");
        let record = gateway
            .envoy
            .wait_for_audit(|record| record["request_id"] == id.as_str(), SOON);
        assert_eq!(record.await.unwrap()["code"], code, "{label}");
        let counter = format!("wasmcustom.entragate.decisions.{code}");
        assert!(gateway.envoy.stat(&counter).await.unwrap() > 0, "{counter}");
    }
    assert!(
        gateway.hf.requests().is_empty(),
        "no denied request reached the endpoint"
    );
}

fn assert_headers(response: &Response, status: u16, code: &str) {
    assert!(header(response, "x-error-message").ends_with(&format!("({code})")));
    assert_eq!(header(response, "x-should-retry"), "false");
    assert_eq!(header(response, "content-type"), "application/json");
    assert!(!header(response, "content-length").is_empty());
    let challenge = header(response, "www-authenticate");
    match (status, code) {
        (400, _) => assert_eq!(challenge, ""),
        (_, "token_missing") => assert_eq!(challenge, "Bearer realm=\"hf\""),
        (401, _) => assert!(challenge.starts_with("Bearer realm=\"hf\", error=\"invalid_token\"")),
        _ => assert!(challenge.starts_with("Bearer realm=\"hf\", error=\"insufficient_scope\"")),
    }
}

fn assert_body(body: &Value, is_v1: bool, status: u16, code: &str) {
    let message = if is_v1 {
        &body["error"]["message"]
    } else {
        &body["error"]
    };
    let message = message.as_str().unwrap_or_else(|| panic!("{body}"));
    assert!(message.ends_with(&format!("({code})")), "{message}");
    if is_v1 {
        let kind = match status {
            401 => "authentication_error",
            403 => "permission_error",
            _ => "invalid_request_error",
        };
        assert_eq!(body["error"]["type"], kind);
        assert_eq!(body["error"]["code"], code);
        assert_eq!(body["error"]["param"], Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn minimal_detail_discloses_no_reason() {
    let minimal = |config: EnvoyConfig| {
        config
            .change_policy(|policy| policy["replies"] = json!({"realm": "hf", "detail": "minimal"}))
    };
    let gateway = Gateway::with(minimal).await;
    let mut seen = Vec::new();
    for persona in [
        Persona::Expired,
        Persona::WrongAudience,
        Persona::Gina,
        Persona::Graph,
    ] {
        let response = gateway.chat(&gateway.token(persona)).await;
        assert_eq!(response.status(), 401);
        let mut headers: Vec<_> = response
            .headers()
            .iter()
            .filter(|(name, _)| *name != "date" && *name != "x-request-id")
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        seen.push((headers, response.text().await.unwrap()));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    assert!(seen[0].1.contains("(unauthorized)"));
    let nora = gateway.chat(&gateway.token(Persona::Nora)).await;
    let carl = gateway.chat(&gateway.token(Persona::Carl)).await;
    assert_eq!((nora.status().as_u16(), carl.status().as_u16()), (403, 403));
    assert_eq!(nora.text().await.unwrap(), carl.text().await.unwrap());
    // The audit record still has the reason.
    let record = gateway
        .envoy
        .wait_for_audit(|record| record["code"] == "tenant_not_allowed", SOON);
    record.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_grpc_request_gets_a_grpc_status() {
    let gateway = Gateway::start().await;
    for (token, grpc_status) in [("", "16"), (gateway.token(Persona::Nora).as_str(), "7")] {
        let request = gateway
            .request(Method::POST, "/v1/inference.Service/Call")
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let request = match token {
            "" => request,
            token => request.bearer_auth(token),
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "grpc-status"), grpc_status);
        assert!(!header(&response, "grpc-message").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn error_outside_of_v1_is_a_string() {
    let gateway = Gateway::start().await;
    let response = gateway
        .request(Method::POST, "/v1/chat/completions")
        .header("user-agent", "@huggingface/inference/4.13.0 node/20")
        .send()
        .await
        .unwrap();
    let body: Value = response.json().await.unwrap();
    assert!(body["error"].as_str().unwrap().ends_with("(token_missing)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_persona_gets_its_documented_code() {
    let gateway = Gateway::start().await;
    for persona in Persona::ALL {
        let response = gateway.chat(&gateway.token(persona)).await;
        let (status, code) = persona.verdict();
        assert_eq!(response.status().as_u16(), status, "{persona}");
        let found = if status == 200 {
            "permitted"
        } else {
            header(&response, "x-error-code")
        };
        assert_eq!(found, code, "{persona}");
    }
}
