//! Callers with too many groups for a token, looked up by a real Envoy in a stand-in for Microsoft Graph.

use super::gateway::{Gateway, SOON, header, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use testbed::entra::{BATCH_SECRET, Entra};
use testbed::envoy::EnvoyConfig;
use testbed::mint::Token;
use testbed::persona::{BATCH_CLIENT, Persona, SCIENTISTS_GROUP, TENANT};
use testbed::recorded::Recorded;
use testbed::stub::{Answer, ResponseFault, Stub};

const OTHER: &str = "aaaaaaaa-0000-4000-8000-000000000002";

/// A stand-in for Graph. Each entry of `members` is a collection, one of its members, and the groups of that member.
async fn graph(members: &[(&'static str, Persona, &[&str])]) -> Stub {
    let graph = Stub::start(&["localhost"]).await.unwrap();
    for (collection, persona, groups) in members {
        let path = format!("/v1.0/{collection}/{}/checkMemberGroups", oid(*persona));
        let groups_of_member: Vec<String> =
            groups.iter().map(|group| (*group).to_owned()).collect();
        graph.answer(&path, move |request| {
            check_member_groups(request, &groups_of_member)
        });
    }
    graph
}

fn check_member_groups(request: &Recorded, groups_of_member: &[String]) -> Answer {
    let error = |status, code: &str| {
        let error = json!({"error": {"code": code, "message": "no"}});
        Answer::json(status, &error)
    };
    let groups = serde_json::from_value(request.json()["groupIds"].clone());
    let groups: Vec<String> = groups.unwrap_or_default();
    let is_signed = |token: &str| token.split('.').count() == 3;
    if request.method != "POST" || groups.is_empty() || groups.len() > 20 {
        error(400, "Request_BadRequest")
    } else if !request.bearer().is_some_and(is_signed) {
        error(401, "InvalidAuthenticationToken")
    } else {
        let member_of = groups
            .iter()
            .filter(|group| groups_of_member.contains(*group));
        let member_of: Vec<&String> = member_of.collect();
        Answer::json(
            200,
            &json!({"@odata.context": "Collection(Edm.String)", "value": member_of}),
        )
    }
}

fn oid(persona: Persona) -> String {
    let claims = persona.claims(testbed::mint::now());
    claims["oid"].as_str().unwrap().to_owned()
}

/// A policy with one rule for groups, and Graph called with client credentials of the Entra stand-in.
fn with_graph(
    graph: &Stub,
    ttl: &'static str,
    require: Value,
) -> impl FnOnce(EnvoyConfig) -> EnvoyConfig {
    let (addr, tls) = (graph.addr(), graph.is_tls());
    move |config| {
        config
            .upstream("graph", addr, tls)
            .vm_env("GRAPH_SECRET", BATCH_SECRET)
            .change_policy(|policy| {
                policy["issuers"][0]["groups_overage"] = json!({"graph": {
                    "cluster": "graph", "ttl": ttl, "timeout": "1s",
                    "auth": {"client_credentials": {"cluster": "entra", "tenant": TENANT,
                        "client_id": BATCH_CLIENT, "client_secret": {"env": "GRAPH_SECRET"},
                        "scope": "https://graph.microsoft.com/.default"}},
                }});
                policy["rules"] = json!([{"name": "scientists", "match": {"paths": ["/v1/**"]},
                    "require": require, "credential": "hf-read"}]);
            })
    }
}

fn for_group() -> Value {
    json!({"group": SCIENTISTS_GROUP})
}

/// A gateway with one worker, which has keys.
async fn one_worker(change: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> Gateway {
    let entra = Entra::start().await.unwrap();
    let gateway = Gateway::cold(entra, |config| change(config.concurrency(1))).await;
    gateway.wait_for_vms_with_keys(2).await;
    gateway
}

fn paths(requests: &[Recorded]) -> BTreeSet<String> {
    requests
        .iter()
        .map(|request| request.path.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_permitted_by_the_groups_in_graph() {
    let graph = graph(&[
        ("users", Persona::Olga, &[SCIENTISTS_GROUP]),
        ("users", Persona::Omar, &[OTHER]),
        ("servicePrincipals", Persona::Robot, &[SCIENTISTS_GROUP]),
    ])
    .await;
    let gateway = Gateway::with(with_graph(&graph, "5m", for_group())).await;
    let olga = gateway.token(Persona::Olga);
    assert_eq!(gateway.chat(&olga).await.status(), 200);
    let response = gateway.chat(&gateway.token(Persona::Omar)).await;
    assert_eq!(
        (
            response.status().as_u16(),
            header(&response, "x-error-code")
        ),
        (403, "rule_unsatisfied")
    );
    let robot = Token::of(Persona::Robot).claim("_claim_names", json!({"groups": "src1"}));
    assert_eq!(gateway.chat(&gateway.mint(robot)).await.status(), 200);
    let unknown_user = Token::of(Persona::Ben)
        .without("groups")
        .claim("hasgroups", json!(true));
    let response = gateway.chat(&gateway.mint(unknown_user)).await;
    assert_eq!(header(&response, "x-error-code"), "groups_overage");
    let lookups = graph.take_requests();
    let expected = [
        ("users", Persona::Olga),
        ("users", Persona::Omar),
        ("servicePrincipals", Persona::Robot),
        ("users", Persona::Ben),
    ];
    let expected =
        expected.map(|(kind, persona)| format!("/v1.0/{kind}/{}/checkMemberGroups", oid(persona)));
    assert_eq!(paths(&lookups), BTreeSet::from(expected));
    for request in &lookups {
        assert_eq!(request.host, "graph.microsoft.com");
        assert!(
            !request.contains(&olga),
            "the caller's token is not sent to Graph"
        );
    }
    // There is no look-up for callers whose token lists their groups, or whose groups both workers have cached.
    for _ in 0..8 {
        assert_eq!(gateway.chat(&olga).await.status(), 200);
        assert_eq!(
            gateway.chat(&gateway.token(Persona::Ada)).await.status(),
            200
        );
    }
    let further_lookups = graph.take_requests();
    assert!(
        further_lookups.len() <= 1,
        "one look-up per worker: {further_lookups:?}"
    );
    let reason = |record: &Value| record["reason"] == "Microsoft Graph does not know the caller";
    gateway.envoy.wait_for_audit(reason, SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_requests_share_one_look_up_of_several_calls() {
    let group = |index: usize| format!("bbbbbbbb-0000-4000-8000-{index:012}");
    let named: Vec<String> = (0..45).map(group).collect();
    let member_of = [named[0].as_str(), &named[25], &named[44]];
    let graph = graph(&[("users", Persona::Olga, &member_of)]).await;
    let all: Vec<Value> = named.iter().map(|group| json!({"group": group})).collect();
    let others = json!({"not": {"any": [all[1], all[43]]}});
    let require = json!({"all": [all[0], all[25], all[44], others, {"any": all}]});
    let gateway = one_worker(with_graph(&graph, "5m", require)).await;
    let token = gateway.token(Persona::Olga);
    let all = (0..40).map(|_| gateway.chat_builder(&token).send());
    for response in futures(all).await {
        assert_eq!(response.status(), 200);
    }
    let lookups = graph.requests();
    assert_eq!(lookups.len(), 3, "20, 20 and 5 groups: {lookups:?}");
}

/// Sends all requests concurrently.
async fn futures<F, T, E>(all: impl Iterator<Item = F>) -> Vec<T>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: std::fmt::Debug + Send + 'static,
{
    let tasks: Vec<_> = all.map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap().unwrap());
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_graph_denies_until_it_recovers() {
    let graph = graph(&[("users", Persona::Olga, &[SCIENTISTS_GROUP])]).await;
    let gateway = one_worker(with_graph(&graph, "1ms", for_group())).await;
    let path = format!("/v1.0/users/{}/checkMemberGroups", oid(Persona::Olga));
    let token = gateway.token(Persona::Olga);
    let list = json!({"value": [SCIENTISTS_GROUP]});
    let failed = "wasmcustom.entragate.group_lookups.contoso.failed";
    for fault in [
        Answer::json(200, &list).with(ResponseFault::Hang),
        Answer::default().with(ResponseFault::Reset),
        Answer::json(429, &json!({})).header("retry-after", "1"),
        Answer::json(
            403,
            &json!({"error": {"code": "Authorization_RequestDenied"}}),
        ),
        Answer::json(200, &json!({"value": [SCIENTISTS_GROUP, 1]})),
    ] {
        let shown = format!("{fault:?}");
        let before = gateway.envoy.stat(failed).await.unwrap_or_default();
        graph.on(&path, fault);
        let response = gateway.chat(&token).await;
        assert_eq!(response.status(), 403, "{shown}");
        assert_eq!(
            header(&response, "x-error-code"),
            "groups_overage",
            "{shown}"
        );
        wait_until("the failure is counted", || async {
            gateway.envoy.stat(failed).await.unwrap_or_default() > before
        })
        .await;
        let lookups = graph.take_requests().len();
        assert!(lookups <= 4, "there are few retries: {lookups}, {shown}");
        let delay = Duration::from_millis(100);
        graph.on(
            &path,
            Answer::json(200, &list).with(ResponseFault::Delay(delay)),
        );
        wait_until("the look-up succeeds", || async {
            gateway.chat(&token).await.status() == 200
        })
        .await;
        graph.take_requests();
    }
    let lines = gateway.envoy.log_lines().join("\n");
    let hint = "Authorization_RequestDenied; the filter's app needs the permissions";
    assert!(lines.contains(hint), "{lines}");
}
