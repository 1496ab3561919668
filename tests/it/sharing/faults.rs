//! Leaders that terminate, forged shared data, changed configurations, and random orders of all of these.

use super::host::Host;
use super::{VMS, ada_now, published, rotated, warm};
use crate::support::*;
use entragate::fetch::callout::Answer;
use entragate::gate::{Call, Notice};
use entragate::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;
use testbed::keys;

#[test]
fn terminated_leader_is_replaced_when_its_lease_ends() {
    let mut host = Host::new(&settings(), VMS);
    host.run(100);
    let leader = host.vms.iter().position(|vm| !vm.calls.is_empty()).unwrap();
    assert_eq!(host.open(), 1);
    host.replace(leader);
    host.run(1800);
    assert_eq!(host.open(), 0, "the lease has not expired");
    host.run(300);
    assert_eq!(host.open(), 1, "another VM holds the lease");
    host.answer(published);
    host.run(100);
    assert!(host.all_have_keys());
}

#[test]
fn slow_leader_keeps_its_lease() {
    let mut host = Host::new(&settings(), VMS);
    // The timeout of the call itself is 5 s.
    host.run(4900);
    assert_eq!(host.open(), 1);
    host.answer(published);
    host.run(100);
    assert!(host.all_have_keys());
    assert_eq!(host.sent, 1);
}

#[test]
fn shared_response_keeps_its_age() {
    let mut settings = settings();
    settings["issuers"][0]["jwks"]["max_stale"] = json!("2h");
    let mut host = Host::new(&settings, 2);
    host.serve(2, published);
    let fetched = host.fetched_at(0);
    let failed = |_: &Call| failed();
    // The issuer becomes unavailable and a VM is replaced: the new VM gets the shared keys with their age.
    host.serve(7100, failed);
    host.replace(1);
    host.serve(2, failed);
    assert_eq!(host.fetched_at(1), fetched);
    let token = ada_now(&host).build();
    assert_eq!(host.chat(1, &token).1, "permitted");
    host.serve(120, failed);
    for index in 0..2 {
        let code = host.chat(index, &token).1;
        assert!(code == "keys_unavailable" || code == "waiting", "{code}");
    }
    assert!(!host.all_have_keys());
}

#[test]
fn data_of_another_configuration_or_secret_is_ignored() {
    let mut host = warm();
    let mut changed = settings();
    changed["rules"][0]["name"] = json!("liveness");
    let mut secret = settings();
    secret["credentials"][0]["value"] = json!("hf_another_credential");
    for settings in [changed, secret] {
        let names = host.data.names();
        host.reconfigure(&settings);
        host.start(b"entragate");
        assert_eq!(host.serve(2, published), 1, "the VM fetches independently");
        let new = host.data.names().into_iter();
        assert_eq!(new.filter(|name| !names.contains(name)).count(), 2);
    }
}

#[test]
fn last_vm_clears_the_shared_bodies() {
    let mut host = warm();
    let size = |host: &Host| -> usize {
        let names = host.data.names();
        names.iter().map(|name| host.data.value(name).len()).sum()
    };
    assert!(size(&host) > 500);
    let now = host.now;
    let (data, vms) = (&host.data, &mut host.vms);
    vms.iter_mut().for_each(|vm| vm.gate.leave(now, data));
    assert!(size(&host) < 100, "{} bytes stay", size(&host));
    // A VM that starts now finds no shared data, but it works.
    host.replace(0);
    host.serve(2, published);
    assert!(host.all_have_keys());
}

/// Returns the entries of the shared data: the head and the body.
fn entries(host: &Host) -> [(String, Vec<u8>); 2] {
    let names = host.data.names().into_iter();
    let mut entries: Vec<_> = names.map(|n| (n.clone(), host.data.value(&n))).collect();
    entries.sort_by_key(|(_, value)| value.len());
    entries.try_into().unwrap()
}

#[test]
fn forged_shared_data_is_ignored() {
    let mut host = warm();
    host.run_secs(600);
    // Newer keys, including an attacker's, as a VM with the same code but without the secret would share them.
    let mut other = settings();
    other["credentials"][0]["value"] = json!("hf_the_attackers_guess");
    let mut forger = Host::new(&other, 0);
    forger.now = host.now.minus(Duration::from_secs(5));
    forger.start(b"entragate");
    forger.serve(2, rotated);
    let [(_, head), (_, body)] = entries(&forger);
    let Answer::Response { body: plain, .. } = jwks(&[&keys::other_rsa()]) else {
        unreachable!()
    };
    let [(head_name, _), (body_name, _)] = entries(&host);
    for (head, body) in [
        (head.clone(), body.clone()),
        (body, head.clone()),
        (head, plain),
        (Vec::new(), Vec::new()),
        (vec![0; 80], vec![0; 80]),
    ] {
        host.data.put(&head_name, head);
        host.data.put(&body_name, body);
        assert_eq!(
            host.serve(2, published),
            0,
            "the present keys are still valid"
        );
        for index in 0..VMS {
            let token = ada_now(&host).signed_by(&keys::other_rsa()).build();
            assert_ne!(host.chat(index, &token).1, "permitted");
        }
        let fetches = host.serve(40, published);
        assert!((1..=VMS).contains(&fetches), "{fetches}");
        for index in 0..VMS {
            let resumed = host.resumed(index);
            assert!(resumed.iter().all(|(_, code)| code == "key_unknown"));
            let token = ada_now(&host).build();
            assert_eq!(host.chat(index, &token).1, "permitted");
        }
    }
}

#[test]
fn replayed_shared_data_is_ignored() {
    let mut host = warm();
    let old = entries(&host);
    assert_eq!(host.serve(3700, rotated), 1);
    let fetched = host.fetched_at(0);
    for (name, value) in &old {
        host.data.put(name, value.clone());
    }
    host.serve(10, rotated);
    for index in 0..VMS {
        assert_eq!(host.fetched_at(index), fetched);
        let token = ada_now(&host).signed_by(&keys::other_rsa()).build();
        assert_eq!(host.chat(index, &token).1, "permitted");
    }
}

#[test]
fn failing_writes_do_not_prevent_fetches() {
    let mut host = Host::new(&settings(), 3);
    host.data.always_conflicts.set(true);
    host.run(1100);
    assert_eq!(host.open(), 3);
    host.answer(published);
    assert!(host.all_have_keys());

    let mut host = Host::new(&settings(), 3);
    host.data.fails.set(true);
    assert_eq!(host.serve(2, published), 3);
    assert!(host.all_have_keys());

    let mut host = Host::new(&settings(), 0);
    host.data.fails.set(true);
    host.start(b"entragate");
    assert_eq!(host.serve(2, published), 1);
    let refused =
        |notice: &Notice| matches!(notice, Notice::Log(_, text) if text.contains("refuses"));
    assert!(host.notices(0).iter().any(refused));
}

#[test]
fn clock_set_back_does_not_stop_fetches() {
    let mut host = warm();
    host.now = host.now.minus(Duration::from_secs(7200));
    let token = ada_now(&host).signed_by(&keys::other_rsa()).build();
    let (id, code) = host.chat(4, &token);
    assert_eq!(code, "waiting");
    host.run(100);
    assert_eq!(host.open(), 1);
    host.answer(rotated);
    assert_eq!(host.resumed(4), [(id, "permitted".to_owned())]);
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Tick(usize),
    /// The oldest call of this VM is answered with keys or an error.
    Answer(usize, bool),
    /// A request with an unknown kid.
    UnknownKid(usize),
    Terminate(usize),
    /// Another plugin writes into one of the entries.
    Forge(usize),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let vm = 0..4_usize;
    prop_oneof![
        8 => vm.clone().prop_map(Event::Tick),
        4 => (vm.clone(), any::<bool>()).prop_map(|(vm, good)| Event::Answer(vm, good)),
        2 => vm.clone().prop_map(Event::UnknownKid),
        1 => vm.prop_map(Event::Terminate),
        1 => (0..2_usize).prop_map(Event::Forge),
        6 => (1..400_u64).prop_map(Event::Pass),
        1 => (500..4000_u64).prop_map(Event::Pass),
    ]
}

fn failed() -> Answer {
    let (status, body) = (500, Vec::new());
    Answer::Response { status, body }
}

/// Runs a step of a VM, and checks whether the VM may start a fetch in it.
fn run_step(
    host: &mut Host,
    step: impl FnOnce(&mut Host),
    terminated_at: Option<Timestamp>,
    is_forged: bool,
) -> Result<(), TestCaseError> {
    let (before, was_open) = (host.sent, host.open());
    step(host);
    let new_calls = host.sent - before;
    if new_calls > 0 && !is_forged {
        prop_assert_eq!(
            (new_calls, was_open),
            (1, 0),
            "there are two fetches at the same time"
        );
        let since_termination = terminated_at.map(|at| host.now.since(at));
        prop_assert!(since_termination.is_none_or(|since| since >= Duration::from_millis(1500)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Without forged data, no VM starts a fetch while another running VM fetches, nor before the lease of a terminated VM
    /// expires. In the end, all VMs have keys.
    #[test]
    fn any_order_of_events_fetches_once_and_serves_all_vms(events in vec(event(), 1..160)) {
        let mut host = Host::new(&settings(), 4);
        let mut kids = 0;
        // The time at which a VM last terminated during its fetch.
        let mut terminated_at: Option<Timestamp> = None;
        let mut is_forged = false;
        for event in events {
            match event {
                Event::Tick(vm) => run_step(&mut host, |host| host.tick(vm), terminated_at, is_forged)?,
                Event::Answer(vm, good) if !host.vms[vm].calls.is_empty() => {
                    let answer = |_: &Call| if good {
                        jwks(&[&keys::rsa()])
                    } else {
                        failed()
                    };
                    run_step(&mut host, |host| host.answer_one(vm, answer), terminated_at, is_forged)?;
                }
                Event::Answer(..) => {}
                Event::UnknownKid(vm) => {
                    kids += 1;
                    let token = ada_now(&host).header("kid", format!("{kids}")).build();
                    prop_assert_ne!(host.chat(vm, &token).1, "permitted");
                }
                Event::Terminate(vm) => {
                    if !host.vms[vm].calls.is_empty() {
                        terminated_at = Some(host.now);
                    }
                    host.replace(vm);
                }
                Event::Forge(entry) => {
                    if let Some(name) = host.data.names().get(entry) {
                        let mut value = host.data.value(name);
                        value.reverse();
                        host.data.put(name, value);
                        is_forged = true;
                    }
                }
                // VMs that fetch renew their leases, and the host ends calls at their timeout.
                Event::Pass(millis) => {
                    for _ in 0..millis.div_ceil(200) {
                        host.pass(Duration::from_millis(200));
                        for vm in 0..4 {
                            if host.has_timed_out(vm) {
                                run_step(&mut host, |host| host.answer_one(vm, |_| failed()), terminated_at, is_forged)?;
                            } else if !host.vms[vm].calls.is_empty() {
                                run_step(&mut host, |host| host.tick(vm), terminated_at, is_forged)?;
                            }
                        }
                    }
                }
            }
        }
        host.serve(60, published);
        prop_assert!(host.all_have_keys());
        let token = ada_now(&host).build();
        for vm in 0..4 {
            prop_assert_eq!(host.chat(vm, &token).1, "permitted");
        }
    }
}
