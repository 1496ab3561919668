//! The lists that workers share.

use super::*;

#[test]
fn one_worker_fetches_for_all() {
    let directory = Directory::default();
    let mut host = Host::new(&with_graph(json!({"refresh": "10s"})), 9);
    let answer = |call: &Call| directory.answer(call);
    assert_eq!(
        host.serve(2, answer),
        1 + 2 + 2,
        "the keys, both lists, and the changes of both lists"
    );
    let polls = host.serve(600, answer);
    assert!(
        (110..=122).contains(&polls),
        "{polls} polls in 600 s for two lists"
    );
}

#[test]
fn new_worker_starts_with_the_shared_lists_even_with_changed_rules() {
    let directory = Directory::default();
    let mut host = Host::new(&with_graph(json!({})), 2);
    let answer = |call: &Call| directory.answer(call);
    directory.set_user(json!({"id": oid(Persona::Ada), "accountEnabled": false}));
    host.serve(20, answer);
    directory.set_user(json!({"id": oid(Persona::Ben), "accountEnabled": true}));
    let passes = RefCell::new(0);
    let counting = |call: &Call| {
        *passes.borrow_mut() += u32::from(is_of(call, "$select"));
        directory.answer(call)
    };
    let mut changed = with_graph(json!({"refresh": "20s"}));
    changed["rules"][1]["name"] = json!("researchers");
    host.reconfigure(&changed);
    host.start(b"entragate");
    host.start(b"entragate");
    host.serve(1, counting);
    // The workers of the old configuration leave after those of the new one have started.
    for mut old in host.vms.drain(..2).collect::<Vec<_>>() {
        old.gate.leave(host.now, &host.data);
    }
    host.start(b"entragate");
    host.serve(1, counting);
    assert!(all(&mut host, Persona::Ada, "token_revoked"));
    assert_eq!(*passes.borrow(), 0, "no worker fetched complete lists");
    for old in &mut host.vms.drain(..).collect::<Vec<_>>() {
        old.gate.leave(host.now, &host.data);
    }
    let sizes = host
        .data
        .names()
        .into_iter()
        .map(|name| host.data.value(&name).len());
    assert!(
        sizes.sum::<usize>() < 1024,
        "the last worker removes the lists"
    );
}

#[test]
fn forged_or_replayed_entry_is_ignored() {
    let directory = Directory::default();
    let mut host = Host::new(&with_graph(json!({"refresh": "5s"})), 2);
    let answer = |call: &Call| directory.answer(call);
    host.serve(2, answer);
    let before: Vec<(String, Vec<u8>)> = {
        let names = host.data.names().into_iter();
        names
            .map(|name| (name.clone(), host.data.value(&name)))
            .collect()
    };
    directory.set_user(json!({"id": oid(Persona::Ada), "accountEnabled": false}));
    host.serve(6, answer);
    assert!(all(&mut host, Persona::Ada, "token_revoked"));
    // Another plugin restores old values and overwrites the other entries with garbage.
    for name in host.data.names() {
        let old = before
            .iter()
            .find(|(earlier, _)| *earlier == name)
            .map(|(_, value)| value.clone());
        host.data
            .put(&name, old.unwrap_or_else(|| b"garbage".to_vec()));
    }
    host.start(b"entragate");
    host.serve(20, answer);
    assert!(all(&mut host, Persona::Ada, "token_revoked"));
}
