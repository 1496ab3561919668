//! One exporter for all VMs of a host: what it costs the service, and what it must survive.

mod office;
mod order;

use office::{End, Office, exporting};
use serde_json::json;
use std::time::Duration;

/// Eight workers and the main thread.
const VMS: usize = 9;

/// As many records at each VM, over so many milliseconds.
fn load(office: &mut Office, rounds: usize, millis: u64) {
    for _ in 0..rounds {
        for index in 0..office.host.vms.len() {
            office.decide(index);
        }
        office.run(millis / rounds as u64);
    }
}

fn assert_all_arrived_once(office: &Office) {
    assert_eq!(office.missing(), Vec::<u64>::new(), "lost");
    let twice = office.arrived.values().filter(|times| **times > 1).count();
    assert_eq!(twice, 0, "records that have arrived twice");
}

#[test]
fn one_calls_for_all() {
    let mut office = Office::new(&exporting(), VMS);
    load(&mut office, 60, 60_000);
    office.run(6000);
    assert_all_arrived_once(&office);
    // A record waits for 5 s; handing over takes an eighth of that.
    assert!((12..=15).contains(&office.calls), "{} calls", office.calls);
    assert_eq!(office.queued(), 0);
}

#[test]
fn a_single_worker_delivers_as_ever() {
    let mut office = Office::new(&exporting(), 1);
    load(&mut office, 60, 60_000);
    office.run(6000);
    assert_all_arrived_once(&office);
    assert!((12..=13).contains(&office.calls), "{} calls", office.calls);
}

#[test]
fn full_batches_go_at_once() {
    let mut office = Office::new(&exporting(), 4);
    for index in (0..400).map(|number| number % 4) {
        office.decide(index);
    }
    office.run(1000);
    assert_all_arrived_once(&office);
    assert!(office.calls <= 5, "{} calls of at most 100", office.calls);
}

#[test]
fn whoever_dies_only_what_it_had_not_handed_over_goes_with_it() {
    for victim in 0..VMS {
        let mut office = Office::new(&exporting(), VMS);
        for index in 0..VMS {
            office.decide(index);
        }
        office.wait(6000);
        let late: Vec<u64> = (0..VMS).map(|index| office.decide(index)).collect();
        let leader = office.caller().unwrap();
        // Who delivers, and another.
        for dead in [leader, victim] {
            office.host.vms[dead].calls.clear(); // Which did not arrive either.
            office.host.replace(dead);
        }
        office.run(10_000);
        let (lost, mut expected) = (office.missing(), vec![late[leader], late[victim]]);
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(lost, expected);
    }
}

#[test]
fn who_delivers_again_does_not_repeat_what_has_arrived() {
    // Several calls for what each has handed over at once; the first are known to have arrived.
    let mut settings = exporting();
    settings["audit"]["export"]["batch"] = json!(20);
    let mut office = Office::new(&settings, 3);
    for index in (0..90).map(|number| number % 3) {
        office.decide(index);
    }
    office.wait(500);
    let leader = office.caller().unwrap();
    office.answer(leader, End::Arrives);
    office.answer(leader, End::Arrives);
    assert_eq!(office.arrived.len(), 40);
    office.die(leader);
    office.run(10_000);
    assert_eq!(office.repeated(), Vec::<u64>::new());
    let lost = office.missing();
    let is_of_leader = |number: &u64| office.decided[number] == leader;
    assert!(lost.iter().all(is_of_leader), "{lost:?}");
}

#[test]
fn an_outage_is_tried_by_one_and_loses_nothing() {
    let mut office = Office::new(&exporting(), VMS);
    for _ in 0..600 {
        for index in 0..VMS {
            office.decide(index);
        }
        office.run_with(200, End::Refused);
    }
    // Pauses of 1, 2, 4 … 60 s in two minutes.
    assert!(office.calls <= 8, "{} calls", office.calls);
    assert_eq!(office.queued(), office.decided.len() as u64);
    office.run(70_000);
    assert_all_arrived_once(&office);
    assert_eq!(office.queued(), 0);
}

#[test]
fn who_has_too_much_to_hand_over_delivers_beside_the_one() {
    let mut office = Office::new(&exporting(), 3);
    let before = office.decided.len();
    for _ in 0..40 {
        for index in (0..600).map(|number| number % 3) {
            office.decide(index);
        }
        // One call per round trip of a second: the service is that slow.
        office.wait(1000);
        for index in 0..3 {
            office.answer(index, End::Arrives);
        }
    }
    assert!(office.decided.len() - before > 20_000);
    assert!(office.calls > 80, "{} calls in 40 s", office.calls);
    office.run(60_000);
    assert_all_arrived_once(&office);
}

/// Four VMs, each of which has decided ten requests.
fn four_with_forty() -> Office {
    let mut office = Office::new(&exporting(), 4);
    for index in (0..40).map(|number| number % 4) {
        office.decide(index);
    }
    office
}

#[test]
fn whichever_order_they_go_in_nothing_is_lost() {
    for first in 0..4 {
        let mut office = four_with_forty();
        office.wait(1000);
        for index in 0..4 {
            office.decide(index);
        }
        for index in (0..4).map(|index| (index + first) % 4) {
            office.close(index);
            office.go(index, End::Arrives);
        }
        assert_all_arrived_once(&office);
    }
}

#[test]
fn all_at_once_may_go_as_well() {
    let mut office = four_with_forty();
    office.wait(1000);
    (0..4).for_each(|index| office.close(index));
    for index in (0..4).rev() {
        office.go(index, End::Arrives);
    }
    assert_all_arrived_once(&office);
}

#[test]
fn what_the_last_could_not_send_the_next_configuration_does() {
    let mut office = four_with_forty();
    office.run_with(4000, End::Refused);
    for index in 0..4 {
        office.decide(index);
        office.close(index);
        office.go(index, End::Broken);
    }
    assert_eq!(office.missing().len(), 44);
    let names = office.host.data.names().len();
    let mut changed = exporting();
    changed["rules"][0]["name"] = json!("liveness");
    office.host.reconfigure(&changed);
    (0..4).for_each(|index| office.host.replace(index));
    office.run(4000);
    assert_all_arrived_once(&office);
    // What grew is keys and their head.
    assert_eq!(office.host.data.names().len(), names + 2);
}

#[test]
fn what_others_write_is_neither_believed_nor_in_the_way() {
    let mut office = Office::new(&exporting(), 3);
    for round in 0..200_u64 {
        for index in 0..3 {
            office.decide(index);
        }
        // Anything, anywhere, large and small, but where records are that nobody has taken yet.
        for (at, name) in office.host.data.names().into_iter().enumerate() {
            let at = at as u64;
            if (at * 7 + round).is_multiple_of(5) && office.host.data.value(&name).is_empty() {
                let size = if at.is_multiple_of(2) { 100 } else { 100_000 };
                office.host.data.put(&name, vec![at as u8; size]);
            }
        }
        office.run(100);
    }
    office.run(30_000);
    assert_all_arrived_once(&office);
}

#[test]
fn without_shared_data_each_exports_for_itself_and_says_so() {
    for (vm_id, fails) in [(b"".as_slice(), false), (b"entragate", true)] {
        let mut office = Office::new(&exporting(), 0);
        office.host.data.fails.set(fails);
        (0..3).for_each(|_| office.host.start(vm_id));
        let said = |text: &String| text.contains("exports its audit records independently");
        for index in 0..3 {
            assert_eq!(
                office.logs(index).iter().filter(|text| said(text)).count(),
                1
            );
            office.decide(index);
        }
        office.run(6000);
        assert_eq!(office.calls, 3);
        assert_all_arrived_once(&office);
    }
}

#[test]
fn shared_data_that_ends_or_takes_no_writes_loses_nothing() {
    for is_dead in [true, false] {
        let mut office = Office::new(&exporting(), 3);
        let data = &office.host.data;
        data.fails.set(is_dead);
        data.never_in_time.set(!is_dead);
        (0..3).for_each(|index| {
            office.decide(index);
        });
        office.run(12_000);
        assert_all_arrived_once(&office);
    }
}

/// Ticks of these VMs only, whose calls end well at once.
fn run_only(office: &mut Office, vms: &[usize], millis: u64) {
    for _ in 0..millis.div_ceil(50) {
        office.host.pass(Duration::from_millis(50));
        for index in vms {
            office.host.tick(*index);
            office.answer(*index, End::Arrives);
        }
    }
}

#[test]
fn who_was_held_up_takes_nothing_back_and_may_lead_again() {
    let mut office = Office::new(&exporting(), 2);
    for index in 0..2 {
        office.decide(index);
    }
    office.wait(6000);
    let leader = office.caller().unwrap();
    let other = 1 - leader;
    // It stands still while the other takes over, and delivers.
    run_only(&mut office, &[other], 4000);
    office.answer(leader, End::Broken);
    office.wait(500);
    assert_all_arrived_once(&office);
    assert_eq!(office.queued(), 0);
    // The other fills all slots, and dies.
    for _ in 0..64 {
        office.decide(other);
        office.wait(700);
    }
    office.wait(5000);
    office.die(other);
    office.run(90_000);
    assert_eq!(office.missing(), Vec::<u64>::new());
    assert_eq!(office.repeated(), Vec::<u64>::new());
}

#[test]
fn who_goes_leaves_the_lease_to_another_at_once() {
    let mut office = Office::new(&exporting(), 2);
    office.decide(0);
    office.wait(6000);
    let leader = office.caller().unwrap();
    office.close(leader);
    office.go(leader, End::Arrives);
    for _ in 0..100 {
        office.decide(1 - leader);
    }
    run_only(&mut office, &[1 - leader], 700);
    assert_eq!(office.missing(), Vec::<u64>::new());
}

#[test]
fn who_goes_takes_along_what_others_hand_over_meanwhile() {
    let mut office = Office::new(&exporting(), 3);
    office.decide(0);
    office.wait(6000);
    let leader = office.caller().unwrap();
    office.close(leader);
    let others: Vec<usize> = (0..3).filter(|index| *index != leader).collect();
    for index in &others {
        office.decide(*index);
    }
    run_only(&mut office, &others, 1000);
    for index in &others {
        office.close(*index);
        office.go(*index, End::Arrives);
    }
    let missing = others.len() + 1;
    assert_eq!(
        office.missing().len(),
        missing,
        "one is under way, they are handed over"
    );
    office.go(leader, End::Arrives);
    assert_eq!(office.missing(), Vec::<u64>::new());
    assert_eq!(office.repeated(), Vec::<u64>::new());
}
