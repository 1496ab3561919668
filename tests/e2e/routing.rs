//! The routing test in a real Envoy: random routes, policies and requests. Envoy's selection is compared with the model.

use super::gateway::{Gateway, SOON, wait_until};
use super::random::Random;
use super::routing_model::{Call, UPSTREAMS, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testbed::client::raw_http;
use testbed::hf::{HuggingFace, Mode};
use testbed::persona::Persona;

const WORLDS: usize = 8;
const CALLS: usize = 50;

/// Returns a request as it is sent over the connection.
fn on_wire(call: &Call, token: &str, number: usize) -> String {
    let method = if call.model.is_some() { "POST" } else { "GET" };
    let line = |name: &str, value: Option<&str>| {
        value
            .map(|value| format!("{name}: {value}\r\n"))
            .unwrap_or_default()
    };
    let body = call
        .model
        .map(|model| json!({"messages": [], "model": model}).to_string());
    let body = body.unwrap_or_default();
    format!(
        "{method} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: Bearer {token}\r\nx-case: {number}\r\n\
         {}{}{}{}\r\n{body}",
        call.path,
        call.authority,
        line("x-route", call.route),
        line("x-cluster", call.cluster),
        line("content-type", call.model.map(|_| "application/json")),
        line(
            "content-length",
            Some(&*body.len().to_string()).filter(|_| call.model.is_some())
        ),
    )
}

fn field(answer: &str, name: &str) -> String {
    let lines = answer.lines();
    let found = lines
        .filter_map(|line| line.split_once(": "))
        .find(|(field, _)| *field == name);
    found
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

/// Sends all calls. Returns the number of records by code.
async fn run(world: &World, calls: &[Call], upstreams: &[HuggingFace]) -> BTreeMap<String, usize> {
    let gateway = Gateway::with(|config| {
        let pairs = UPSTREAMS.iter().zip(upstreams);
        let config = pairs.fold(config, |config, (upstream, server)| {
            config.upstream(upstream.cluster, server.addr(), false)
        });
        let config = config.connection_manager(|manager| {
            manager["route_config"]["virtual_hosts"] = world.table.as_envoy();
            // The connection of a denied POST is closed without delay.
            manager["delayed_close_timeout"] = json!("0.02s");
            manager["strip_any_host_port"] = json!(world.table.strips);
            manager["strip_trailing_host_dot"] = json!(world.table.strips);
        });
        config.change_policy(|policy| world.configure(policy))
    })
    .await;
    let token = gateway.token(Persona::Ada);
    let mut ids = Vec::new();
    for (number, call) in calls.iter().enumerate() {
        let request = on_wire(call, &token, number);
        let answer = raw_http(gateway.envoy.addr(), request.as_bytes(), SOON).await;
        ids.push(field(
            &String::from_utf8_lossy(&answer.unwrap()),
            "x-request-id",
        ));
    }
    // Requests without an id were answered by Envoy itself.
    let decided = ids.iter().filter(|id| !id.is_empty()).count();
    let all = || async { gateway.envoy.audit_lines().len() >= decided };
    wait_until("every request is recorded", all).await;
    let records = gateway.envoy.audit_lines();
    let arrived: BTreeMap<String, (&str, Option<String>)> = UPSTREAMS
        .iter()
        .zip(upstreams)
        .flat_map(|(upstream, server)| {
            let seen = server.take_requests().into_iter();
            seen.map(|request| {
                let number = request.header("x-case").unwrap().to_owned();
                let authorization = request.header("authorization").map(str::to_owned);
                (number, (upstream.cluster, authorization))
            })
        })
        .collect();
    let mut codes = BTreeMap::new();
    for (number, (call, id)) in calls.iter().zip(&ids).enumerate() {
        let arrived = arrived.get(&number.to_string());
        let record = records
            .iter()
            .find(|record| record["request_id"] == id.as_str());
        let Some(record) = record else {
            assert!(arrived.is_none(), "{call:?} was forwarded without a record");
            continue;
        };
        let chosen = world.table.choose(call);
        assert_eq!(
            record["cluster"],
            json!(chosen),
            "the model differs from Envoy: {call:?} {world:#?}"
        );
        if let Some((cluster, authorization)) = arrived {
            assert_eq!(record["code"], "permitted", "{call:?}");
            assert_eq!(record["upstream_cluster"], *cluster, "{call:?}");
            world.check(call, cluster, authorization.as_deref(), record);
        } else if record["code"] == "permitted" {
            // Envoy has answered the request itself: no route matched, or the cluster does not exist.
            assert_eq!(record["upstream_status"], Value::Null, "{call:?} {record}");
            assert_eq!(chosen, None, "{call:?} {record}");
        }
        let code = record["code"].as_str().unwrap().to_owned();
        *codes.entry(code).or_default() += 1;
    }
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn credential_is_sent_only_to_its_clusters() {
    let mut random = Random(5_000_015);
    let mut dice = |end: usize| random.below(end);
    let worlds: Vec<(World, Vec<Call>)> = (0..WORLDS)
        .map(|_| {
            let world = World::random(&mut dice);
            let calls = (0..CALLS).map(|_| Call::random(&mut dice)).collect();
            (world, calls)
        })
        .collect();
    let mut upstreams = Vec::new();
    for _ in &UPSTREAMS {
        let server = HuggingFace::start_plain().await.unwrap();
        server.set_mode(Mode::json(200, &json!({})));
        upstreams.push(server);
    }
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for (world, calls) in &worlds {
        for (code, count) in run(world, calls, &upstreams).await {
            *codes.entry(code).or_default() += count;
        }
    }
    let cases: usize = codes.values().sum();
    println!("routing in Envoy: {cases} cases: {codes:?}");
    assert!(cases >= 300, "{codes:?}");
    for code in [
        "permitted",
        "upstream_not_allowed",
        "no_rule",
        "request_ambiguous",
    ] {
        assert!(
            codes.get(code).is_some_and(|count| *count >= 10),
            "{codes:?}"
        );
    }
}
