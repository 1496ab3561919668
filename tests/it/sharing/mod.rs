//! One fetch for all VMs of a host: the number of requests, and the faults that it must tolerate.

pub mod host;
use crate::support;
mod faults;

use entragate::fetch::callout::Answer;
use entragate::gate::{Call, CallId, Notice};
use host::Host;
use serde_json::{Value, json};
use support::*;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::Persona;

/// Eight workers and the main thread.
const VMS: usize = 9;

fn published(_: &Call) -> Answer {
    jwks(&[&keys::rsa()])
}

fn rotated(_: &Call) -> Answer {
    jwks(&[&keys::rsa(), &keys::other_rsa()])
}

fn ada_now(host: &Host) -> Token {
    Token::at(Persona::Ada, host.now.as_secs())
}

/// A host whose VMs all have keys.
fn warm() -> Host {
    let mut host = Host::new(&settings(), VMS);
    host.serve(2, published);
    assert!(host.all_have_keys());
    host
}

#[test]
fn refresh_takes_one_request_for_all_vms() {
    let mut host = Host::new(&settings(), VMS);
    assert_eq!(host.serve(2, published), 1, "the first");
    assert!(host.all_have_keys());
    assert_eq!(host.serve(6 * 3600, published), 6, "refresh: 1h");
    let fetched: Vec<_> = (0..VMS).map(|index| host.fetched_at(index)).collect();
    assert!(
        fetched.iter().all(|at| at.is_some() && *at == fetched[0]),
        "{fetched:?}"
    );
    assert!(host.all_have_keys());
}

#[test]
fn fetch_is_counted_once_and_shared_elsewhere() {
    let mut host = warm();
    let mut counted = [0, 0];
    for index in 0..VMS {
        for notice in host.notices(index) {
            match notice {
                Notice::Count(name) if name == "entragate.key_fetches.contoso.good" => {
                    counted[0] += 1;
                }
                Notice::Count(name) if name == "entragate.key_fetches.contoso.shared" => {
                    counted[1] += 1;
                }
                Notice::Count(name) => panic!("{name}"),
                Notice::Add(..) | Notice::Observe(..) | Notice::Audit(..) | Notice::Log(..) => {}
            }
        }
    }
    assert_eq!(counted, [1, VMS - 1]);
}

#[test]
fn parked_request_resumes_with_keys_that_another_worker_fetched() {
    let mut host = warm();
    host.run_secs(60);
    let token = ada_now(&host).signed_by(&keys::other_rsa()).build();
    let waiting: Vec<_> = (0..VMS).map(|index| host.chat(index, &token)).collect();
    assert!(waiting.iter().all(|(_, code)| code == "waiting"));
    host.run(100);
    assert_eq!(host.open(), 1, "one fetch for all VMs");
    host.answer(rotated);
    host.run(100);
    for (index, (id, _)) in waiting.into_iter().enumerate() {
        assert_eq!(host.resumed(index), [(id, "permitted".to_owned())]);
    }
    assert_eq!(host.open(), 0);
}

#[test]
fn new_key_reaches_all_workers_within_a_second() {
    let mut host = warm();
    host.run_secs(60);
    let token = ada_now(&host).signed_by(&keys::other_rsa()).build();
    host.chat(3, &token);
    host.run(50);
    host.answer(rotated);
    host.run(1000);
    for index in 0..VMS {
        let code = host.chat(index, &token).1;
        assert_eq!(code, "permitted", "VM {index}");
    }
    assert_eq!(host.open(), 0);
}

#[test]
fn random_kids_at_all_workers_trigger_one_fetch_per_cooldown() {
    let mut host = warm();
    host.run_secs(60);
    let before = host.sent;
    // Five minutes with a cooldown of 30 s, partly at one worker and partly at all of them.
    for second in 0..300 {
        let receives_a_request = |index: &usize| second % 60 > 45 || *index == second % VMS;
        for index in (0..VMS).filter(receives_a_request) {
            let kid = format!("{second}-{index}");
            let token = ada_now(&host).header("kid", kid).build();
            host.chat(index, &token);
        }
        host.serve(1, published);
        for index in 0..VMS {
            let resumed = host.resumed(index);
            assert!(resumed.iter().all(|(_, code)| code == "key_unknown"));
        }
    }
    let fetches = host.sent - before;
    assert!((9..=10).contains(&fetches), "{fetches} fetches in 300 s");
}

#[test]
fn outage_takes_one_request_per_retry_for_all_vms() {
    let failed = |_: &Call| Answer::Response {
        status: 500,
        body: Vec::new(),
    };
    let fetches_of_one = Host::new(&settings(), 1).serve(600, failed);
    let mut host = Host::new(&settings(), VMS);
    let fetches_of_all = host.serve(600, failed);
    assert!(
        fetches_of_all <= fetches_of_one + 1,
        "{fetches_of_one} fetches of one VM, {fetches_of_all} of {VMS}"
    );
    host.serve(31, published);
    assert!(host.all_have_keys(), "the outage ends for all VMs");
}

#[test]
fn discovery_is_shared() {
    let mut settings = settings();
    settings["issuers"][0]["jwks"]["discovery"] = json!(format!(
        "https://login.microsoftonline.com/{}/v2.0/.well-known/openid-configuration",
        testbed::persona::TENANT
    ));
    let answer = |call: &Call| {
        if call.callout.target.path.ends_with("openid-configuration") {
            ok(json!({
                "issuer": testbed::persona::issuer_v2(testbed::persona::TENANT),
                "jwks_uri": "https://login.microsoftonline.com/common/discovery/v2.0/keys",
            }))
        } else {
            jwks(&[&keys::rsa()])
        }
    };
    let mut host = Host::new(&settings, VMS);
    assert_eq!(
        host.serve(2, answer),
        2,
        "one call for discovery and one for keys"
    );
    assert!(host.all_have_keys());
    assert_eq!(host.serve(3600, answer), 2);
}

#[test]
fn revocation_feed_is_shared() {
    let mut settings = settings();
    settings["revocation"] =
        json!({"cluster": "ops", "uri": "https://ops/revoked.json", "refresh": "60s"});
    let is_feed = |call: &Call| matches!(call.call_id, CallId::Revocation(_));
    let answer = |revoked: Value| {
        move |call: &Call| {
            if is_feed(call) {
                ok(json!({"oids": revoked.clone()}))
            } else {
                jwks(&[&keys::rsa()])
            }
        }
    };
    let mut host = Host::new(&settings, VMS);
    assert_eq!(
        host.serve(2, answer(json!([]))),
        2,
        "one call for keys and one for the feed"
    );
    let token = ada_now(&host);
    let oid = token.claims_value()["oid"].clone();
    let token = token.build();
    assert_eq!(host.chat(5, &token).1, "permitted");
    let fetches = host.serve(120, answer(json!([oid])));
    assert!(
        (1..=2).contains(&fetches),
        "{fetches} in 120 s; refresh: 60s"
    );
    for index in 0..VMS {
        assert_eq!(host.chat(index, &token).1, "token_revoked", "VM {index}");
    }
}

#[test]
fn secrets_are_not_shared() {
    let mut settings = settings();
    settings["credentials"][0] =
        json!({"name": "hf-read", "http": {"cluster": "vault", "uri": "https://vault/token"}});
    let secret = "hf_polled_secret";
    let answer = |call: &Call| match call.call_id {
        CallId::Credential(_) => Answer::Response {
            status: 200,
            body: secret.into(),
        },
        _ => jwks(&[&keys::rsa()]),
    };
    let mut host = Host::new(&settings, VMS);
    assert_eq!(
        host.serve(2, answer),
        1 + VMS,
        "each VM fetches its own copy"
    );
    assert!(!host.data.names().is_empty());
    for name in host.data.names() {
        let value = host.data.value(&name);
        let contains_secret = value
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!contains_secret);
    }
}

#[test]
fn without_vm_id_each_vm_fetches_and_logs_it() {
    let mut host = Host::new(&settings(), 0);
    (0..3).for_each(|_| host.start(b""));
    assert_eq!(host.serve(2, published), 3);
    assert!(host.data.names().is_empty());
    for index in 0..3 {
        let log_lines = host.notices(index).into_iter().filter(
            |notice| matches!(notice, Notice::Log(_, text) if text.contains("vm_id is empty")),
        );
        assert_eq!(log_lines.count(), 1);
    }
}
