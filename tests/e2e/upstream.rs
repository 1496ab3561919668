//! An upstream that rejects the credential, is scaled to zero or is paused is reported as a gateway error, for every
//! protocol.

use super::gateway::{Gateway, SOON, chat, header, http2};
use serde_json::{Value, json};
use testbed::entra::Entra;
use testbed::envoy::EnvoyConfig;
use testbed::hf::Mode;
use testbed::persona::Persona;
use testbed::reqwest::{Method, Response};

const USER: &str = "contoso-gateway";
const PAUSED: &str = "Bad Request: Invalid state";

fn fixed(status: u16, headers: &[(&str, &str)], body: &str) -> Mode {
    let to_owned_pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Mode::Fixed {
        status,
        headers: headers.iter().map(to_owned_pair).collect(),
        body: body.to_owned(),
    }
}

/// Checks the reply, and that record, access log and counter agree with it. Returns the record.
async fn failed(gateway: &Gateway, response: Response, code: &str, upstream: Value) -> Value {
    let id = header(&response, "x-request-id").to_owned();
    assert_eq!(response.status(), 502);
    assert_eq!(header(&response, "x-error-code"), code);
    for absent in ["www-authenticate", "set-cookie", "x-upstream"] {
        assert_eq!(header(&response, absent), "", "{absent}");
    }
    let headers = format!("{:?}", response.headers());
    let text = response.text().await.unwrap();
    assert!(!headers.contains(USER) && !text.contains(USER), "{text}");
    assert!(text.contains(code), "{text}");
    let record = (gateway.envoy).wait_for_audit(|record| record["request_id"] == id, SOON);
    let record = record.await.unwrap();
    assert_eq!(
        [&record["code"], &record["decision"], &record["credential"]],
        [code, "permit", "hf-read"]
    );
    assert_eq!(record["upstream_status"], upstream, "{record}");
    assert_eq!(record["rule"], "scientists");
    record
}

async fn access(gateway: &Gateway, id: &Value) -> Value {
    let entry = (gateway.envoy).wait_for_access(|entry| entry["request_id"] == *id, SOON);
    entry.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_credential_is_reported_as_a_gateway_error() {
    let gateway = Gateway::with(EnvoyConfig::full_access_log).await;
    let token = gateway.token(Persona::Ada);
    let leaks = [
        ("www-authenticate", "Bearer realm=\"huggingface\""),
        ("set-cookie", "session=upstream"),
        ("x-error-message", "no permission for contoso-gateway"),
        ("x-upstream", "1"),
        ("content-type", "application/json"),
    ];
    let mut count = 0;
    for (status, mode) in [
        (401, Mode::unauthorized()),
        (403, Mode::forbidden()),
        (401, fixed(401, &leaks, "")),
        (403, fixed(403, &leaks, &USER.repeat(100_000))),
        (
            401,
            Mode::Endless {
                status: 401,
                headers: Vec::new(),
            },
        ),
    ] {
        gateway.hf.set_mode(mode.clone());
        for client in [gateway.client.clone(), http2()] {
            let url = format!("{}/v1/chat/completions", gateway.envoy.url());
            let request = client.post(url).bearer_auth(&token).json(&chat());
            let response = request.send().await.unwrap();
            assert_eq!(header(&response, "x-should-retry"), "false");
            let code = "credential_rejected";
            let record = failed(&gateway, response, code, status.into()).await;
            let reason = format!("the upstream answered {status} to credential hf-read");
            assert_eq!(record["reason"], reason);
            count += 1;
            if count == 1 {
                let entry = access(&gateway, &record["request_id"]).await;
                assert_eq!(entry["code"], code, "{entry}");
                assert_eq!(entry["details"], "entragate.credential_rejected");
            }
        }
    }
    let counter = "wasmcustom.entragate.upstream.credential_rejected.hf-read";
    let counted = || async { gateway.envoy.stat(counter).await.unwrap() == count };
    super::gateway::wait_until("all are counted", counted).await;
    // The next request succeeds on the same connections.
    gateway.hf.set_mode(Mode::Normal);
    assert_eq!(gateway.chat(&token).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_error_has_the_form_of_the_protocol() {
    let gateway = Gateway::with(|config| {
        config.change_policy(|policy| {
            policy["rules"][2]["match"] = json!({});
        })
    });
    let gateway = gateway.await;
    let token = gateway.token(Persona::Ada);
    gateway.hf.set_mode(Mode::forbidden());
    // Under /v1 the error is an OpenAI object, elsewhere a string.
    let openai: Value = gateway.chat(&token).await.json().await.unwrap();
    assert_eq!(openai["error"]["code"], "credential_rejected");
    assert_eq!(openai["error"]["type"], "api_error");
    let request = gateway
        .request(Method::POST, "/generate")
        .bearer_auth(&token);
    let text: Value = request.send().await.unwrap().json().await.unwrap();
    assert!(
        text["error"]
            .as_str()
            .unwrap()
            .ends_with("(credential_rejected)")
    );
    // A response without body.
    let request = gateway
        .request(Method::HEAD, "/generate")
        .bearer_auth(&token);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(header(&response, "x-error-code"), "credential_rejected");
    // gRPC.
    let response = gateway.grpc(&token).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "grpc-status"), "14");
    assert!(header(&response, "grpc-message").contains("(credential_rejected)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sleeping_paused_or_missing_endpoint_is_reported() {
    let gateway = Gateway::start().await;
    let token = gateway.token(Persona::Ada);
    gateway.hf.set_mode(Mode::scaled_to_zero());
    let response = gateway.chat(&token).await;
    assert_eq!(header(&response, "retry-after"), "30");
    let asleep = failed(&gateway, response, "endpoint_unavailable", 503.into()).await;
    assert!(
        asleep["reason"]
            .as_str()
            .unwrap()
            .contains("scaled to zero")
    );

    gateway.hf.set_mode(Mode::paused());
    for _ in 0..2 {
        let response = gateway.chat(&token).await;
        assert_eq!(header(&response, "x-should-retry"), "false");
        let paused = failed(&gateway, response, "endpoint_unavailable", 400.into()).await;
        assert!(paused["reason"].as_str().unwrap().contains("paused"));
    }

    // The cluster has no host: Envoy itself replies 503.
    gateway.hf.set_mode(Mode::Reset);
    let response = gateway.chat(&token).await;
    assert_eq!(header(&response, "retry-after"), "2");
    failed(&gateway, response, "endpoint_unavailable", Value::Null).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unrelated_upstream_error_passes_unchanged() {
    let gateway = Gateway::with(|config| {
        config.change_policy(|policy| {
            policy["rules"][0]["match"] = json!({"paths": ["/health", "/open/**"]});
        })
    });
    let gateway = gateway.await;
    let token = gateway.token(Persona::Ada);
    // A 400 is inspected and passes unchanged at any length.
    for body in [
        String::new(),
        "bad".to_owned(),
        "x".repeat(4096),
        "x".repeat(300_000),
    ] {
        for client in [gateway.client.clone(), http2()] {
            gateway.hf.set_mode(fixed(
                400,
                &[("x-upstream", "1"), ("set-cookie", "a=b")],
                &body,
            ));
            let url = format!("{}/v1/chat/completions", gateway.envoy.url());
            let request = client.post(url).bearer_auth(&token).json(&chat());
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 400);
            assert_eq!(
                (
                    header(&response, "x-upstream"),
                    header(&response, "set-cookie")
                ),
                ("1", "")
            );
            assert_eq!(response.text().await.unwrap(), body);
        }
    }
    // Rate limits and other errors.
    for status in [402, 404, 422, 429, 500] {
        gateway
            .hf
            .set_mode(fixed(status, &[("retry-after", "7")], "theirs"));
        let response = gateway.chat(&token).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "retry-after")),
            (status, "7")
        );
        assert_eq!(response.text().await.unwrap(), "theirs");
    }
    // An anonymous rule without a credential: the upstream's 401 is meant for the caller.
    gateway
        .hf
        .set_mode(fixed(401, &[("www-authenticate", "Bearer")], "theirs"));
    let request = gateway.request(Method::POST, "/open/x");
    let response = request.send().await.unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            header(&response, "www-authenticate")
        ),
        (401, "Bearer")
    );
    assert_eq!(response.text().await.unwrap(), "theirs");
}

/// The text of a paused endpoint's error also occurs in responses that echo the caller's input.
#[tokio::test(flavor = "multi_thread")]
async fn upstream_400_that_echoes_the_callers_input_passes_unchanged() {
    let gateway = Gateway::start().await;
    let token = gateway.token(Persona::Ada);
    let input = PAUSED;
    for body in [
        json!({"error": format!("unknown role: {input}")}).to_string(),
        json!({"error": {"message": format!("{input} is not a role"), "code": 400}}).to_string(),
        json!({"detail": [{"msg": "not a role", "input": input}]}).to_string(),
        format!("{input} is not a role"),
    ] {
        gateway
            .hf
            .set_mode(fixed(400, &[("x-upstream", "1")], &body));
        let response = gateway.chat(&token).await;
        assert_eq!(response.status(), 400, "{body}");
        assert_eq!(header(&response, "x-upstream"), "1");
        assert_eq!(response.text().await.unwrap(), body);
    }
    gateway
        .hf
        .set_mode(Mode::json(400, &json!({"error": input})));
    let response = gateway.chat(&token).await;
    assert_eq!(header(&response, "x-error-code"), "endpoint_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_remaps_can_be_disabled() {
    let gateway = Gateway::with(|config| {
        config.change_policy(|policy| {
            policy["forward"] = json!({"remap_upstream_auth": false,
                "remap_upstream_unavailable": false, "scale_up_timeout": "600s"});
        })
    });
    let gateway = gateway.await;
    let token = gateway.token(Persona::Ada);
    for status in [400, 401, 403, 503] {
        let headers = [("www-authenticate", "Bearer"), ("set-cookie", "a=b")];
        gateway.hf.set_mode(fixed(status, &headers, PAUSED));
        let request = gateway
            .chat_builder(&token)
            .header("x-scale-up-timeout", "9999");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        for (name, _) in headers {
            assert_eq!(header(&response, name), "");
        }
        assert_eq!(response.text().await.unwrap(), PAUSED);
    }
    for seen in gateway.hf.requests() {
        assert_eq!(seen.headers_named("x-scale-up-timeout"), ["600"]);
    }
}

/// Istio does not expose the flag: the host then never passes the body of a held response to the filter.
#[tokio::test(flavor = "multi_thread")]
async fn host_that_withholds_bodies_is_detected_once() {
    let entra = Entra::start().await.unwrap();
    let gateway = Gateway::cold(entra, |config| {
        let config = config.allow_on_headers_stop_iteration(false).concurrency(1);
        config.change_policy(|policy| policy["wait"] = json!({"timeout": "200ms"}))
    });
    let gateway = gateway.await;
    let token = gateway.token(Persona::Ada);
    let warm = || async { gateway.chat(&token).await.status() == 200 };
    super::gateway::wait_until("the worker has keys", warm).await;
    let list = || async {
        let request = gateway
            .request(Method::GET, "/v1/models")
            .bearer_auth(&token);
        request.send().await.unwrap()
    };
    for _ in 0..2 {
        gateway
            .hf
            .set_mode(fixed(400, &[("x-upstream", "1")], PAUSED));
        let response = gateway.chat(&token).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "x-upstream")),
            (400, "1")
        );
        assert_eq!(response.text().await.unwrap(), PAUSED);
        gateway.hf.set_mode(Mode::Normal);
        let response = list().await;
        assert_eq!(header(&response, "x-error-code"), "models_unreadable");
        assert_eq!(gateway.chat(&token).await.status(), 200);
    }
    let log = gateway.envoy.log_lines();
    let log_lines = log
        .iter()
        .filter(|line| line.contains("lists that are filtered"));
    assert_eq!(log_lines.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_cannot_keep_the_endpoint_running_or_bill_others() {
    let gateway = Gateway::with(|config| {
        config.change_policy(|policy| policy["forward"] = json!({"bill_to": "contoso"}))
    });
    let gateway = gateway.await;
    let request = gateway.chat_builder(&gateway.token(Persona::Ada));
    let request = request
        .header("x-scale-up-timeout", "9999")
        .header("x-hf-bill-to", "victim");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let seen = gateway.hf.requests().remove(0);
    assert_eq!(seen.header("x-scale-up-timeout"), None);
    assert_eq!(seen.headers_named("x-hf-bill-to"), ["contoso"]);
}
