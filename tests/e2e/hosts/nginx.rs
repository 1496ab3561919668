//! Differences between ngx_wasm_module and Envoy, and how the filter handles them.

use super::*;

fn with_fields(gateway: &mut Gateway, count: usize) -> u32 {
    let mut headers = gateway.chat_headers(&ada().build());
    let header_count = headers
        .iter()
        .filter(|(name, _)| !name.starts_with(':'))
        .count();
    let filler = |number| (format!("x-filler-{number}"), b"1".to_vec());
    headers.extend((header_count..count).map(filler));
    gateway.host.open(headers, true)
}

#[test]
fn request_with_more_than_90_headers_is_denied_unread_and_recorded() {
    let mut gateway = Gateway::warm(Rules::Nginx, &settings());
    let served = with_fields(&mut gateway, 90);
    assert_eq!(gateway.code(served), "forwarded");
    gateway.host.end(served);
    let refused = with_fields(&mut gateway, 91);
    assert_eq!(gateway.code(refused), "request_ambiguous");
    gateway.host.end(refused);
    let [_, record] = gateway.audit().try_into().expect("two records");
    assert_eq!(record["code"], "request_ambiguous");
    assert_eq!(record["host"], "hf.contoso.com");
    assert_eq!(record["path"], "/v1/models");
    let reason = record["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("more header fields"), "{record}");
    assert!(record["oid"].is_null(), "no token was verified");
}

#[test]
fn requests_with_many_headers_do_not_disturb_others() {
    let mut gateway = Gateway::warm(Rules::Nginx, &settings());
    for count in [91, 96, 97, 100, 500] {
        let refused = with_fields(&mut gateway, count);
        assert_eq!(gateway.code(refused), "request_ambiguous", "{count}");
        gateway.host.end(refused);
        assert_eq!(gateway.outcome(&ada().build()), "forwarded");
    }
}

#[test]
fn call_with_only_milliseconds_left_is_not_made() {
    for left in [1, 10, 49] {
        let mut policy = settings();
        policy["wait"] = json!({"timeout": "1s"});
        let mut gateway = Gateway::cold(Rules::Nginx, &policy);
        gateway.host.tick();
        let id = gateway.chat(&ada().build());
        let own_call = gateway.host.calls().iter().map(|call| call.token).max();
        gateway.host.pass(Duration::from_millis(1000 - left));
        // When this call ends, too little time is left for another one.
        gateway
            .host
            .answer_token(own_call.expect("a call"), Answer::status(504));
        assert_eq!(gateway.code(id), "keys_unavailable", "{left} ms");
    }
}

#[test]
fn gauges_are_set_instead_of_incremented() {
    let mut gateway = Gateway::warm(Rules::Nginx, &settings());
    assert_eq!(gateway.outcome(&ada().build()), "forwarded");
    for _ in 0..40 {
        gateway.host.advance(SECOND / 20);
    }
    assert_eq!(gateway.host.metric("entragate.cache.entries"), Some(0));
    assert_eq!(
        gateway.host.metric("entragate.keys.contoso.unusable"),
        Some(0)
    );
}

#[test]
fn counters_with_long_names_do_not_end_the_vm() {
    let long = "r".repeat(250);
    let mut policy = settings();
    policy["rules"][2]["match"]["models"] = json!([format!("meta-llama/{long}*")]);
    policy["endpoints"] = json!([{"paths": ["/v1/**"], "model": format!("meta-llama/{long}1")}]);
    let mut gateway = Gateway::warm(Rules::Nginx, &policy);
    let id = gateway.chat(&ada().build());
    assert_eq!(gateway.code(id), "forwarded");
    gateway.host.end(id);
    gateway.host.tick();
}

#[test]
fn rejected_configuration_is_logged_and_every_request_gets_500() {
    let mut policy = settings();
    policy["rules"][1]["credential"] = json!("hf-raed");
    let mut gateway = Gateway::cold(Rules::Nginx, &policy);
    let logs = gateway.host.logs();
    assert!(logs.iter().any(|line| line.contains("hf-raed")), "{logs:?}");
    assert!(
        logs.iter().any(|line| line.contains("reloaded")),
        "{logs:?}"
    );
    for path in ["/health", "/v1/models"] {
        let id = gateway.get("hf.contoso.com", path, &[]);
        let Fate::Replied(reply) = gateway.host.fate(id) else {
            panic!("{:?}", gateway.host.fate(id))
        };
        assert_eq!(reply.status, 500);
        assert_eq!(reply.header("x-error-code").as_deref(), Some("internal"));
        gateway.host.end(id);
    }
}

#[test]
fn minimal_reply_has_no_reason_in_the_status_line() {
    let mut policy = settings();
    policy["replies"] = json!({"detail": "minimal"});
    let mut gateway = Gateway::warm(Rules::Nginx, &policy);
    let id = gateway.chat(&ada().claim("exp", testbed::mint::now() - 3600).build());
    let Fate::Replied(reply) = gateway.host.fate(id) else {
        panic!("{:?}", gateway.host.fate(id))
    };
    assert_eq!((reply.status, reply.details.as_str()), (401, ""));
}

#[test]
fn hidden_records_at_info_are_reported_in_the_log() {
    let mut policy = settings();
    policy["audit"] = json!({"level": "info"});
    let mut gateway = Gateway::warm(Rules::Nginx, &policy);
    assert_eq!(gateway.outcome(&ada().build()), "forwarded");
    let logs = gateway.host.logs();
    assert!(!logs.iter().any(|line| line.starts_with('{')), "{logs:?}");
    let hints = logs
        .iter()
        .filter(|line| line.contains("audit.level: warn"));
    assert_eq!(hints.count(), 1, "{logs:?}");
    policy["audit"] = json!({"log": "off"});
    let logs = Gateway::cold(Rules::Nginx, &policy).host.logs();
    assert!(
        !logs.iter().any(|line| line.contains("audit.level")),
        "{logs:?}"
    );
}

#[test]
fn long_records_are_shortened_to_lines_that_the_log_holds() {
    let mut gateway = Gateway::warm(Rules::Nginx, &settings());
    let path = format!("/v1/{}", "%22".repeat(1000));
    let bearer = format!("Bearer {}", ada().build());
    let id = gateway.get("hf.contoso.com", &path, &[("authorization", &bearer)]);
    assert_eq!(gateway.code(id), "forwarded");
    gateway.host.end(id);
    let [record] = gateway
        .audit()
        .try_into()
        .expect("there is one line of valid JSON");
    assert_eq!(record["shortened"], true);
    assert_eq!(record["code"], "permitted");
    assert_eq!(gateway.outcome(&ada().build()), "forwarded");
    let [record] = gateway.audit().try_into().expect("one record");
    assert!(record.get("shortened").is_none(), "{record}");
}

#[test]
fn unexported_records_of_an_ending_worker_are_logged_and_counted() {
    const MONITOR: &str = "monitor.contoso.com:443";
    let mut policy = settings();
    policy["audit"] = json!({"log": "off", "level": "warn",
        "export": {"cluster": MONITOR, "uri": "https://monitor.contoso.com/in", "every": "1h"}});
    let mut gateway = Gateway::warm(Rules::Nginx, &policy);
    assert_eq!(gateway.outcome(&ada().build()), "forwarded");
    let last = gateway.chat(&ada().build());
    gateway.host.tick();
    assert_eq!(gateway.audit(), [] as [Value; 0]);
    // The gateway is reloaded: this worker has no more ticks, and serves one more request.
    gateway.host.pass(3 * SECOND);
    gateway.host.end(last);
    assert_eq!(gateway.audit().len(), 2);
    assert_eq!(gateway.host.metric("entragate.export.accepted"), Some(2));
    assert_eq!(gateway.host.metric("entragate.export.lost.reload"), Some(2));
}

#[test]
fn new_worker_starts_with_its_own_gauges() {
    let mut gateway = Gateway::warm(Rules::Nginx, &settings());
    for _ in 0..40 {
        gateway.host.advance(SECOND / 20);
    }
    // ngx_wasm_module keeps metrics across a reload, so a value of zero must be written too.
    assert!(gateway.host.was_recorded("entragate.keys.contoso.unusable"));
    assert!(gateway.host.was_recorded("entragate.parked"));
}

#[test]
fn request_ids_of_two_workers_differ() {
    let policy = settings();
    let settings = Settings::new(Rules::Nginx, &policy);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut worker = Gateway::start(settings.clone());
        let id = worker.get("hf.contoso.com", "/v1/models", &[]);
        worker.host.end(id);
        ids.push(worker.audit()[0]["request_id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn log_recommends_all_records_if_an_export_can_be_lost() {
    let mut policy = settings();
    policy["audit"] = json!({"log": "denied", "level": "warn",
        "export": {"cluster": OPS, "uri": "https://ops.contoso.com/in"}});
    let recommends_all = |policy: &Value| {
        let logs = Gateway::cold(Rules::Nginx, policy).host.logs();
        logs.iter()
            .filter(|line| line.contains("audit.log: all"))
            .count()
    };
    assert_eq!(recommends_all(&policy), 1);
    policy["audit"]["log"] = json!("all");
    assert_eq!(recommends_all(&policy), 0);
}
