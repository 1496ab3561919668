//! For random routes, endpoints, rules and requests in a model of Envoy's routing: a credential is sent only to its clusters,
//! and the recorded model is that of the upstream.

use crate::random;
use crate::routing_model as routing;
use crate::support;

use entragate::gate::{Notice, Step};
use entragate::http::headers::Headers;
use entragate::token::signature::Portable;
use random::Random;
use routing::{Call, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::*;

const WORLDS: usize = 600;
const CALLS: usize = 25;

fn headers(world: &World, call: &Call, token: &str) -> Headers {
    let method = if call.model.is_some() { "POST" } else { "GET" };
    let authority = world.table.seen(&call.authority);
    let mut fields = vec![
        (":method", method.to_owned()),
        (":path", call.path.clone()),
        (":authority", authority),
        ("authorization", format!("Bearer {token}")),
        ("content-type", "application/json".to_owned()),
    ];
    fields.extend(call.route.map(|value| ("x-route", value.to_owned())));
    fields.extend(call.cluster.map(|value| ("x-cluster", value.to_owned())));
    let mut headers: Headers = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    headers.is_all = call.model.is_none();
    headers
}

/// Sends a request through the gate. Returns its code.
fn pass(bench: &mut Bench, world: &World, call: &Call, token: &str) -> String {
    let chosen = world.table.choose(call);
    bench.properties = BTreeMap::from_iter(
        chosen.map(|cluster| ("xds.cluster_name".to_owned(), cluster.as_bytes().to_vec())),
    );
    let (id, mut ruling) = bench.send_headers(headers(world, call, token));
    if ruling.step == Step::Inspect {
        let body = json!({"messages": [], "model": call.model}).to_string();
        let gate = &mut bench.gate;
        ruling = gate
            .body(id, Some(body.as_bytes()), true, bench.now, &Portable)
            .expect("the body is complete");
    }
    let code = code_of(&ruling);
    let sent = match &ruling.step {
        Step::Forward(edits) => {
            let authorization = edits.iter().find(|edit| edit.name == "authorization");
            Some(authorization.map(|edit| edit.value.clone()))
        }
        _ => None,
    };
    assert_eq!(bench.gate.needs_upstream(id), sent.is_some());
    bench.gate.note_upstream(id, chosen.map(str::as_bytes));
    bench.gate.finish(id, Some(200), bench.now);
    let record = bench.audit().remove(0);
    assert_eq!(record["cluster"], json!(chosen), "{call:?}");
    if let Some(authorization) = sent {
        match chosen {
            // No route matches: Envoy answers the request itself, so the credential goes nowhere.
            None => assert_eq!(authorization, None, "{call:?} {record} {world:#?}"),
            Some(cluster) => world.check(call, cluster, authorization.as_deref(), &record),
        }
    }
    code
}

#[test]
fn credential_is_sent_only_to_its_clusters() {
    let mut random = Random(16);
    let mut dice = |end: usize| random.below(end);
    let token = ada().build();
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..WORLDS {
        let world = World::random(&mut dice);
        let mut settings = settings();
        world.configure(&mut settings);
        let mut bench = Bench::warm(&settings);
        for _ in 0..CALLS {
            let call = Call::random(&mut dice);
            *codes
                .entry(pass(&mut bench, &world, &call, &token))
                .or_default() += 1;
        }
    }
    let cases: usize = codes.values().sum();
    println!("routing: {cases} cases: {codes:?}");
    assert!(cases >= 10_000);
    // Every outcome occurs often enough.
    for code in [
        "permitted",
        "upstream_not_allowed",
        "no_rule",
        "denied_by_rule",
        "request_ambiguous",
    ] {
        assert!(
            codes.get(code).is_some_and(|count| *count >= 200),
            "{codes:?}"
        );
    }
}

/// Settings in which the credential is meant for the cluster `hf`.
fn limited() -> Value {
    let mut settings = settings();
    settings["credentials"][0]["clusters"] = json!(["hf"]);
    settings
}

fn chat_at(bench: &mut Bench, cluster: Option<&str>) -> (u32, String) {
    bench.properties = BTreeMap::from_iter(
        cluster.map(|cluster| ("xds.cluster_name".to_owned(), cluster.as_bytes().to_vec())),
    );
    let (id, ruling) = bench.chat(&ada().build());
    (id, code_of(&ruling))
}

#[test]
fn unreported_cluster_is_a_mismatch_and_a_change_is_reported() {
    let mut bench = Bench::warm(&limited());
    for (cluster, code) in [
        (Some("hf"), "permitted"),
        (Some("hf2"), "upstream_not_allowed"),
        (Some(""), "upstream_not_allowed"),
        (None, "upstream_not_allowed"),
    ] {
        let (id, got) = chat_at(&mut bench, cluster);
        assert_eq!(got, code, "{cluster:?}");
        assert_eq!(bench.gate.needs_upstream(id), code == "permitted");
    }
    bench.audit();
    for (actual, upstream, counted) in [
        (Some("hf"), json!("hf"), 0),
        (Some("team-b"), json!("team-b"), 1),
        (None, Value::Null, 0),
    ] {
        let (id, _) = chat_at(&mut bench, Some("hf"));
        bench.gate.note_upstream(id, actual.map(str::as_bytes));
        assert!(
            !bench.gate.needs_upstream(id),
            "the upstream is read only once"
        );
        bench.gate.finish(id, Some(200), bench.now);
        let notices = bench.gate.take_notices();
        let count =
            |notice: &&Notice| **notice == Notice::Count("entragate.cluster_changed".into());
        assert_eq!(notices.iter().filter(count).count(), counted, "{actual:?}");
        let error = |notice: &&Notice| matches!(notice, Notice::Log(log::Level::Error, _));
        assert_eq!(notices.iter().filter(error).count(), counted, "{actual:?}");
        let record = notices.iter().find_map(|notice| match notice {
            Notice::Audit(_, line) => Some(serde_json::from_str::<Value>(line).unwrap()),
            _ => None,
        });
        assert_eq!(record.unwrap()["upstream_cluster"], upstream);
    }
}

#[test]
fn cluster_is_read_only_if_the_configuration_refers_to_clusters() {
    let places: [fn(&mut Value); 4] = [
        |_| {},
        |settings| settings["credentials"][0]["clusters"] = json!(["hf"]),
        |settings| settings["endpoints"] = json!([{"clusters": ["hf"], "model": "a/b"}]),
        |settings| settings["rules"][1]["match"]["clusters"] = json!(["hf"]),
    ];
    for (index, place) in places.iter().enumerate() {
        let mut settings = settings();
        place(&mut settings);
        let mut bench = Bench::warm(&settings);
        assert_eq!(bench.gate.wanted().cluster(), index > 0);
        let (id, code) = chat_at(&mut bench, Some("hf"));
        assert_eq!(code, "permitted");
        assert_eq!(bench.gate.needs_upstream(id), index > 0);
        bench.gate.finish(id, Some(200), bench.now);
        let cluster = if index > 0 { json!("hf") } else { Value::Null };
        assert_eq!(bench.audit()[0]["cluster"], cluster);
    }
}

#[test]
fn deny_rule_applies_if_cluster_or_model_is_unknown() {
    let deny = |matches: Value| json!({"name": "deny", "match": matches, "require": {"role": "Model.Query"}, "effect": "deny"});
    let open = || json!({"name": "open", "require": {"role": "Model.Query"}});
    for (matches, cluster, code) in [
        (
            json!({"clusters": ["secret"]}),
            Some("secret"),
            "denied_by_rule",
        ),
        (json!({"clusters": ["secret"]}), Some("hf"), "permitted"),
        (json!({"clusters": ["secret"]}), None, "denied_by_rule"),
        (json!({"models": ["secret/*"]}), Some("hf"), "permitted"),
        (
            json!({"models": ["secret/*"]}),
            Some("elsewhere"),
            "denied_by_rule",
        ),
    ] {
        let mut settings = with_rules(json!([deny(matches.clone()), open()]));
        settings["endpoints"] = json!([{"clusters": ["hf", "secret"], "model": "a/b"}]);
        let mut bench = Bench::warm(&settings);
        assert_eq!(
            chat_at(&mut bench, cluster).1,
            code,
            "{matches} {cluster:?}"
        );
    }
}

/// A request that waits for keys is decided for the cluster that was reported with its headers.
#[test]
fn parked_request_keeps_its_cluster() {
    for (cluster, code) in [("hf", "permitted"), ("other", "upstream_not_allowed")] {
        let mut bench = Bench::cold(&limited());
        let (id, ruling) = {
            bench
                .properties
                .insert("xds.cluster_name".into(), cluster.into());
            bench.chat(&ada().build())
        };
        assert_eq!(ruling.step, Step::Wait);
        bench.properties.clear();
        bench.answer(jwks(&[&testbed::keys::rsa()]));
        assert_eq!(bench.resume_woken(), [(id, code.to_owned())]);
    }
}

#[test]
fn rule_with_credential_none_sends_no_credential() {
    let mut settings = settings();
    settings["rules"][1]["credential"] = json!("none");
    settings["forward"] = json!({"identity_headers": {"x-oid": "oid"}, "bill_to": "contoso"});
    let mut bench = Bench::warm(&settings);
    let token = ada().build();
    let authorization = format!("Bearer {token}");
    let fields = [
        (":path", "/v1/x"),
        ("authorization", &*authorization),
        ("x_api_key", "mine"),
    ];
    let stripped = bench.gate.strip_credentials(&Headers::from_iter(fields));
    assert_eq!(stripped, ["authorization", "x_api_key"]);
    let (id, ruling) = bench.chat(&token);
    let edits = edits_of(&ruling);
    let names: Vec<&str> = edits.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["x-oid"],
        "neither a credential nor an organization to bill is sent"
    );
    bench.gate.finish(id, Some(200), bench.now);
    assert_eq!(bench.audit()[0]["credential"], Value::Null);
    // Without a valid token, the request is not forwarded.
    let (id, ruling) = bench.chat("x.y.z");
    assert!(!bench.gate.is_permitted(id), "{}", code_of(&ruling));
}
