//! Revocation by the directory, in gates: the callers that are denied, the sharing between workers, and the failure of one
//! list.

mod sharing;

use crate::sharing::host::Host;
use crate::support;

use entragate::fetch::callout::Answer;
use entragate::gate::{Call, CallId, Notice};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use support::*;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::{Persona, ROBOT_CLIENT};

const GRAPH: &str = "https://graph.microsoft.com/v1.0/";

fn with_graph(change: Value) -> Value {
    let mut settings = settings();
    settings["revocation"]["graph"] = json!({"cluster": "graph", "issuer": "contoso", "timeout": "1s",
        "auth": {"env": "HF_OAUTH_SECRET"}});
    for (name, value) in change.as_object().unwrap() {
        settings["revocation"]["graph"][name] = value.clone();
    }
    settings
}

fn page(objects: Value, name: &str, link: &str) -> Answer {
    ok(
        json!({"@odata.context": format!("{GRAPH}$metadata"), "value": objects,
        name: format!("{GRAPH}{link}")}),
    )
}

fn status(status: u16) -> Answer {
    let body = Vec::new();
    Answer::Response { status, body }
}

fn is_of(call: &Call, collection: &str) -> bool {
    call.callout.target.path.contains(collection)
}

/// A stand-in for the directory. A change replaces a whole object, and every poll returns all objects.
#[derive(Default)]
struct Directory {
    users: RefCell<Vec<Value>>,
    principals: RefCell<Vec<Value>>,
    /// The status with which each list fails, if it fails.
    users_fail: Cell<Option<u16>>,
    principals_fail: Cell<Option<u16>>,
    polls: Cell<u32>,
}

impl Directory {
    fn answer(&self, call: &Call) -> Answer {
        if matches!(call.call_id, CallId::Keys { .. }) {
            return jwks(&[&keys::rsa()]);
        }
        self.polls.set(self.polls.get() + 1);
        let link = |name: &str| format!("{name}/delta?$deltatoken={}", self.polls.get());
        let (objects, fails, name) = if is_of(call, "users/delta") {
            (&self.users, &self.users_fail, "users")
        } else {
            assert!(is_of(call, "servicePrincipals/delta"));
            (&self.principals, &self.principals_fail, "servicePrincipals")
        };
        match fails.get() {
            Some(code) => status(code),
            None => page(json!(*objects.borrow()), "@odata.deltaLink", &link(name)),
        }
    }

    fn set_user(&self, object: Value) {
        *self.users.borrow_mut() = vec![object];
    }

    fn set_principal(&self, object: Value) {
        *self.principals.borrow_mut() = vec![object];
    }
}

fn oid(persona: Persona) -> Value {
    Token::of(persona).claims_value()["oid"].clone()
}

fn now_of(host: &Host, persona: Persona) -> Token {
    Token::at(persona, host.now.as_secs())
}

/// Returns the codes of a caller at all workers.
fn codes(host: &mut Host, token: &Token) -> Vec<String> {
    let token = token.clone().build();
    (0..host.vms.len())
        .map(|index| host.chat(index, &token).1)
        .collect()
}

fn all(host: &mut Host, persona: Persona, code: &str) -> bool {
    let token = now_of(host, persona);
    codes(host, &token).iter().all(|earlier| earlier == code)
}

#[test]
fn disabled_user_is_denied_by_every_worker_until_enabled_again() {
    let directory = Directory::default();
    let mut host = Host::new(&with_graph(json!({"refresh": "5s"})), 5);
    let answer = |call: &Call| directory.answer(call);
    host.serve(2, answer);
    assert!(all(&mut host, Persona::Ada, "permitted"));
    directory.set_user(json!({"id": oid(Persona::Ada), "accountEnabled": false}));
    host.serve(6, answer);
    assert!(all(&mut host, Persona::Ada, "token_revoked"));
    directory.set_user(json!({"id": oid(Persona::Ada), "accountEnabled": true}));
    host.serve(6, answer);
    assert!(all(&mut host, Persona::Ada, "permitted"));
    directory.set_user(json!({"id": oid(Persona::Ada), "@removed": {"reason": "deleted"}}));
    host.serve(6, answer);
    assert!(all(&mut host, Persona::Ada, "token_revoked"));
}

#[test]
fn disabled_application_is_denied_by_object_and_by_client() {
    let directory = Directory::default();
    let mut host = Host::new(&with_graph(json!({})), 2);
    let answer = |call: &Call| directory.answer(call);
    let robot = oid(Persona::Robot);
    directory.set_principal(json!({"id": robot, "appId": ROBOT_CLIENT, "accountEnabled": true}));
    host.serve(2, answer);
    assert!(all(&mut host, Persona::Robot, "permitted"));
    // The change contains only the id of the principal.
    directory.set_principal(json!({"id": robot, "accountEnabled": false}));
    host.serve(16, answer);
    assert!(all(&mut host, Persona::Robot, "token_revoked"));
    let by_client = now_of(&host, Persona::Ada).claim("azp", ROBOT_CLIENT);
    assert!(
        codes(&mut host, &by_client)
            .iter()
            .all(|code| code == "token_revoked")
    );
    assert!(
        all(&mut host, Persona::Ada, "permitted"),
        "Ada is permitted with another client"
    );
    directory.set_principal(json!({"id": robot, "accountEnabled": true}));
    host.serve(16, answer);
    assert!(all(&mut host, Persona::Robot, "permitted"));
    assert!(
        codes(&mut host, &by_client)
            .iter()
            .all(|code| code == "permitted")
    );
}

#[test]
fn failing_list_denies_only_callers_of_its_kind() {
    for (users_fail, refused, served) in [
        (true, Persona::Ada, Persona::Robot),
        (false, Persona::Robot, Persona::Ada),
    ] {
        let directory = Directory::default();
        let mut host = Host::new(&with_graph(json!({"max_stale": "60s"})), 2);
        let answer = |call: &Call| directory.answer(call);
        host.serve(2, answer);
        let failing = if users_fail {
            &directory.users_fail
        } else {
            &directory.principals_fail
        };
        failing.set(Some(500));
        host.serve(80, answer);
        let token = now_of(&host, refused).build();
        for index in 0..host.vms.len() {
            let (id, code) = host.chat(index, &token);
            if code == "waiting" {
                host.run(2100);
                assert_eq!(
                    host.resumed(index),
                    [(id, "revocation_unavailable".to_owned())]
                );
            } else {
                assert_eq!(code, "revocation_unavailable");
            }
        }
        assert!(all(&mut host, served, "permitted"));
        failing.set(None);
        host.serve(20, answer);
        assert!(all(&mut host, refused, "permitted"));
    }
}

#[test]
fn unusable_list_follows_on_stale_and_keeps_known_revocations() {
    let directory = Directory::default();
    let mut host = Host::new(
        &with_graph(json!({"max_stale": "60s", "on_stale": "allow"})),
        1,
    );
    let answer = |call: &Call| directory.answer(call);
    directory.set_user(json!({"id": oid(Persona::Ada), "accountEnabled": false}));
    host.serve(2, answer);
    directory.users_fail.set(Some(403));
    directory.principals_fail.set(Some(403));
    host.serve(80, answer);
    assert!(
        all(&mut host, Persona::Ada, "token_revoked"),
        "known revocations remain in effect"
    );
    assert!(
        all(&mut host, Persona::Ben, "permitted")
            || all(&mut host, Persona::Ben, "rule_unsatisfied")
    );
    let logs: Vec<String> = host
        .notices(0)
        .into_iter()
        .filter_map(|notice| match notice {
            Notice::Log(level, text) if level <= log::Level::Warn => Some(text),
            _ => None,
        })
        .collect();
    let has = |part: &str| logs.iter().any(|text| text.contains(part));
    assert!(
        has("on_stale: allow") && has("User.Read.All") && has("Application.Read.All"),
        "{logs:#?}"
    );
    assert!(
        !logs.iter().any(|text| text.contains("token=")),
        "{logs:#?}"
    );
    let stale = "entragate.revocation.graph.contoso.users.unusable";
    assert_eq!(host.gauge(0, stale), Some(1));
    assert_eq!(
        host.gauge(0, "entragate.revocation.graph.contoso.users.entries"),
        Some(1)
    );
}

#[test]
fn revoked_sessions_end_earlier_tokens() {
    let directory = Directory::default();
    let mut host = Host::new(&with_graph(json!({})), 2);
    let answer = |call: &Call| directory.answer(call);
    host.serve(2, answer);
    let old = now_of(&host, Persona::Ada);
    host.serve(30, answer);
    let from = entragate::time::Timestamp::from_secs(host.now.as_secs()).to_rfc3339();
    directory.set_user(json!({"id": oid(Persona::Ada), "signInSessionsValidFromDateTime": from}));
    host.serve(20, answer);
    assert!(
        codes(&mut host, &old)
            .iter()
            .all(|code| code == "token_revoked")
    );
    let new = now_of(&host, Persona::Ada).claim("iat", host.now.as_secs());
    assert!(
        codes(&mut host, &new)
            .iter()
            .all(|code| code == "permitted")
    );
}

#[test]
fn request_waits_for_the_first_list_and_the_record_names_the_reason() {
    let mut bench = Bench::warm(&with_graph(json!({})));
    let (id, ruling) = bench.chat(&ada().build());
    assert_eq!(code_of(&ruling), "waiting");
    assert_eq!(bench.calls.len(), 2);
    let disabled = json!([{"id": oid(Persona::Ada), "accountEnabled": false}]);
    bench.answer(page(
        disabled,
        "@odata.deltaLink",
        "users/delta?$deltatoken=a",
    ));
    assert_eq!(bench.resume_woken(), [(id, "token_revoked".to_owned())]);
    let at = bench.now.to_rfc3339();
    bench.gate.finish(id, Some(401), bench.now);
    let record = &bench.audit()[0];
    let expected = format!("account disabled at {at}");
    assert!(
        record["reason"].as_str().unwrap().contains(&expected),
        "{record}"
    );
}

#[test]
fn feed_and_directory_can_be_combined() {
    let mut settings = with_graph(json!({}));
    settings["revocation"]["feed"] = json!({"cluster": "ops", "uri": "https://ops/revoked.json"});
    for (feed, user, code) in [
        (json!({}), true, "permitted"),
        (json!({"oids": [oid(Persona::Ada)]}), true, "token_revoked"),
        (json!({}), false, "token_revoked"),
    ] {
        let mut bench = Bench::warm(&settings);
        while let Some(call) = bench.calls.first() {
            let answer = match call.call_id {
                CallId::Revocation(_) => ok(feed.clone()),
                _ if is_of(call, "users") => {
                    let ada = json!([{"id": oid(Persona::Ada), "accountEnabled": user}]);
                    page(ada, "@odata.deltaLink", "users/delta?$deltatoken=a")
                }
                _ => page(
                    json!([]),
                    "@odata.deltaLink",
                    "servicePrincipals/delta?$deltatoken=a",
                ),
            };
            bench.answer(answer);
        }
        assert_eq!(bench.code(&ada().build()), code, "{feed} {user}");
    }
}

#[test]
fn callers_of_another_issuer_are_not_affected() {
    let mut settings = with_graph(json!({}));
    let mut other = settings["issuers"][0].clone();
    other["name"] = json!("fabrikam");
    other["entra"]["tenants"] = json!(["11111111-aaaa-4bbb-8ccc-222222222222"]);
    settings["issuers"].as_array_mut().unwrap().push(other);
    settings["revocation"]["graph"]["issuer"] = json!("fabrikam");
    let mut bench = Bench::warm(&settings);
    assert_eq!(
        bench.code(&ada().build()),
        "permitted",
        "fabrikam's missing lists do not affect contoso's callers"
    );
}
