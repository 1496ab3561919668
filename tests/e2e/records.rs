//! The records of a decision: one audit record that matches the access log and the counters, and never contains a token or
//! credential.

use super::explain::cli::entragate;
use super::gateway::{Gateway, SOON, chat, header};
use serde_json::Value;
use testbed::client::raw_http;
use testbed::entra::Entra;
use testbed::envoy::{EnvoyConfig, hooks_path};
use testbed::hf::Mode;
use testbed::persona::Persona;
use testbed::reqwest::Method;

#[tokio::test(flavor = "multi_thread")]
async fn audit_record_names_caller_request_and_rule() {
    let gateway = Gateway::with(EnvoyConfig::full_access_log).await;
    let token = gateway.token(Persona::Ada);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = gateway
        .request(Method::POST, "/v1/chat/completions?secret=in-query")
        .bearer_auth(&token)
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .header("user-agent", "records/1")
        .json(&chat());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let id = header(&response, "x-request-id");
    let record = gateway
        .envoy
        .wait_for_audit(|record| record["request_id"] == id, SOON);
    let record = record.await.unwrap();
    let claims = testbed::mint::Token::of(Persona::Ada).claims_value();
    for (key, expected) in [
        ("code", "permitted".into()),
        ("decision", "permit".into()),
        ("issuer", "contoso".into()),
        ("tid", claims["tid"].clone()),
        ("oid", claims["oid"].clone()),
        ("sub", claims["sub"].clone()),
        ("client", claims["azp"].clone()),
        ("kind", "user".into()),
        ("uti", claims["uti"].clone()),
        ("sid", claims["sid"].clone()),
        ("rule", "scientists".into()),
        ("method", "POST".into()),
        ("path", "/v1/chat/completions".into()),
        ("credential", "hf-read".into()),
        ("kid", gateway.entra.signing_key().kid().into()),
        ("verified_by", "host".into()),
        ("trace_id", trace.into()),
        ("source_ip", "127.0.0.1".into()),
        ("user_agent", "records/1".into()),
        ("status", 200.into()),
        ("upstream_status", 200.into()),
    ] {
        assert_eq!(record[key], expected, "{key} in {record}");
    }
    assert!(record["duration_ms"].is_u64());
    assert!(is_timestamp(&record["time"]));
    assert_eq!(record["policy"].as_str().unwrap().len(), 16);
    let entry = gateway
        .envoy
        .wait_for_access(|entry| entry["request_id"] == id, SOON);
    let entry = entry.await.unwrap();
    for key in ["oid", "client", "rule", "code"] {
        assert_eq!(entry[key], record[key], "{key} in {entry}");
    }
}

/// Returns whether a value has the form `2026-11-22T21:40:42.007Z`.
fn is_timestamp(value: &Value) -> bool {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    value
        .as_str()
        .unwrap()
        .chars()
        .map(shape)
        .collect::<String>()
        == "0000-00-00T00:00:00.000Z"
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_has_one_record_and_one_count() {
    let gateway = Gateway::start().await;
    let (ada, nora) = (gateway.token(Persona::Ada), gateway.token(Persona::Nora));
    for _ in 0..10 {
        gateway.chat(&ada).await;
        gateway.chat(&nora).await;
        gateway
            .request(Method::GET, "/health")
            .send()
            .await
            .unwrap();
    }
    for code in ["permitted", "rule_unsatisfied", "anonymous"] {
        let counter = format!("wasmcustom.entragate.decisions.{code}");
        let counted = || async { gateway.envoy.stat(&counter).await.unwrap() == 10 };
        super::gateway::wait_until("ten counts", counted).await;
        let records = || {
            let records = gateway.envoy.audit_lines();
            records
                .iter()
                .filter(|record| record["code"] == code)
                .count()
        };
        super::gateway::wait_until("ten records", || async { records() == 10 }).await;
    }
}

/// The log has permits and denials of both workers of a real Envoy, and of a second Envoy, as after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn log_of_a_real_envoy_is_intact_and_tampering_is_found() {
    let mut log = Vec::new();
    for _ in 0..2 {
        let gateway = Gateway::start().await;
        let (ada, nora) = (gateway.token(Persona::Ada), gateway.token(Persona::Nora));
        for round in 0..20 {
            assert_eq!(gateway.chat(&ada).await.status(), 200);
            assert_eq!(gateway.chat(&nora).await.status(), 403);
            let written = || async { gateway.envoy.audit_lines().len() == round * 2 + 2 };
            super::gateway::wait_until("both records are written", written).await;
        }
        let denied = gateway.envoy.audit_lines().pop().unwrap();
        assert_eq!(
            (&denied["status"], &denied["upstream_status"]),
            (&403.into(), &Value::Null)
        );
        log.extend(gateway.envoy.log_lines());
    }
    let verify = |log: &[String]| entragate(&["audit", "--verify", "-"], &log.join("\n"));
    let outcome = verify(&log);
    assert_eq!(outcome.status, 0, "{}", outcome.out);
    assert!(outcome.out.contains("80 records of"), "{}", outcome.out);
    let is_permit = |line: &&String| line.contains(r#""seq":4,"#);
    let index = log.iter().position(|line| is_permit(&line)).unwrap();
    let mut changed = log.clone();
    changed[index] = log[index].replace("contoso", "fabrikam");
    assert_ne!(changed, log);
    assert!(verify(&changed).out.contains("was changed"));
    log.remove(index);
    assert!(verify(&log).out.contains("is missing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn access_log_has_only_requests_without_a_record_or_with_a_flag() {
    // One worker writes its lines in the order of the requests.
    let one = |config: EnvoyConfig| config.concurrency(1).wasm(&hooks_path());
    let gateway = Gateway::cold(Entra::start().await.unwrap(), one).await;
    let (ada, nora) = (gateway.token(Persona::Ada), gateway.token(Persona::Nora));
    assert_eq!(gateway.chat(&ada).await.status(), 200);
    assert_eq!(gateway.chat(&nora).await.status(), 403);
    let rejected = b"GET /%00 HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n";
    let answer = raw_http(gateway.envoy.addr(), rejected, SOON).await;
    assert!(answer.unwrap().starts_with(b"HTTP/1.1 400"));
    gateway.hf.set_mode(Mode::Reset);
    assert_eq!(gateway.chat(&ada).await.status(), 502);
    gateway.hf.set_mode(Mode::Normal);
    assert_eq!(gateway.chat(&ada).await.status(), 200);
    let trap = gateway.request(Method::GET, "/health");
    let trap = trap.header("x-entragate-test-trap", "1").send();
    assert!(trap.await.unwrap().status().is_server_error());
    let of_trap = |entry: &Value| entry["path"] == "/health" && entry["code"].is_null();
    (gateway.envoy.wait_for_access(of_trap, SOON).await).unwrap();
    let entries = gateway.envoy.access_lines();
    let [rejected, reset, _trap] = entries.as_slice() else {
        panic!("{entries:#?}")
    };
    assert_eq!(rejected["details"], "path_normalization_failed");
    assert_eq!(rejected["code"], Value::Null);
    assert_eq!(reset["code"], "endpoint_unavailable");
    assert_eq!(reset["flags"], "UC");
    assert_eq!(gateway.envoy.audit_lines().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_credentials_are_never_logged() {
    let gateway = Gateway::with(EnvoyConfig::full_access_log).await;
    let mut tokens: Vec<String> = Persona::ALL.into_iter().map(|p| gateway.token(p)).collect();
    tokens.push(testbed::hf::random_token());
    for token in &tokens {
        gateway.chat(token).await;
    }
    let seen = || gateway.envoy.audit_lines().len() >= tokens.len();
    super::gateway::wait_until("all requests are recorded", || async { seen() }).await;
    let log = gateway.envoy.log_lines().join("\n");
    assert!(!log.contains(&gateway.hf.token()));
    for token in &tokens {
        let secret = token.rsplit('.').next().unwrap();
        assert!(!log.contains(secret), "the log contains a token");
    }
    let access = gateway.envoy.access_lines();
    assert!(
        access
            .iter()
            .all(|line| !line.to_string().contains(&gateway.hf.token()))
    );
}

/// Envoy prints them at this level, as docs/operating.md warns, but the filter does not.
#[tokio::test(flavor = "multi_thread")]
async fn envoy_prints_token_and_credential_at_debug_and_the_filter_does_not() {
    let gateway = Gateway::with(|config| config.log_level("debug")).await;
    let token = gateway.token(Persona::Ada);
    assert_eq!(gateway.chat(&token).await.status(), 200);
    let credential = gateway.hf.token();
    // The names of the loggers whose lines contain a secret. A line without a header continues the previous one.
    let loggers = |secret: &str| {
        let mut logger = String::new();
        let mut found = std::collections::BTreeSet::new();
        for line in gateway.envoy.log_lines() {
            let named = line.split(']').nth(3).filter(|_| line.starts_with("[20"));
            if let Some(name) = named.and_then(|part| part.strip_prefix('[')) {
                logger = name.to_owned();
            }
            if line.contains(secret) {
                found.insert(logger.clone());
            }
        }
        found
    };
    let printed =
        || async { loggers(&token).contains("http") && loggers(&credential).contains("router") };
    super::gateway::wait_until("Envoy has printed both", printed).await;
    assert!(!loggers(&token).contains("wasm"));
    assert!(!loggers(&credential).contains("wasm"));
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_hugging_face_token_is_not_forwarded() {
    const SECRET: &str = "OfTheCallerOfTheCallerOfTheCaller0";
    let gateway = Gateway::with(|config| {
        config.full_access_log().change_policy(|policy| {
            policy["token"]["headers"] = serde_json::json!([
                {"name": "authorization", "scheme": "Bearer"}, {"name": "x-api-key"},
            ]);
        })
    });
    let gateway = gateway.await;
    let request = || {
        let request = gateway.request(Method::POST, "/v1/chat/completions");
        request.json(&chat())
    };
    for prefix in ["hf_", "api_org_", "hf_oauth_", "hf_jwt_"] {
        let token = format!("{prefix}{SECRET}");
        for request in [
            request().bearer_auth(&token),
            request().header("x-api-key", &token),
        ] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401);
            assert_eq!(header(&response, "x-error-code"), "hugging_face_token");
            let message = header(&response, "x-error-message").to_owned();
            let advice = "send a Microsoft Entra ID access token instead";
            assert!(message.contains(advice), "{message}");
            let shown = format!("{:?}", response.headers()) + &response.text().await.unwrap();
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }
    // Beside a token that permits the request, the Hugging Face token is a second token, which makes the request ambiguous.
    let request = request()
        .bearer_auth(gateway.token(Persona::Ada))
        .header("x-api-key", format!("hf_{SECRET}"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(header(&response, "x-error-code"), "request_ambiguous");
    let shown = format!("{:?}", response.headers()) + &response.text().await.unwrap();
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(gateway.hf.requests().is_empty());
    let recorded = || async { gateway.envoy.audit_lines().len() == 9 };
    super::gateway::wait_until("all requests are recorded", recorded).await;
    let logged = || async { gateway.envoy.access_lines().len() == 9 };
    super::gateway::wait_until("all requests are in the access log", logged).await;
    assert!(!gateway.envoy.log_lines().join("\n").contains(SECRET));
}
