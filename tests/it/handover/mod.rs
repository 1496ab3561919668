//! One exporter for all VMs of a host: the number of calls, and the faults in which no record is lost.

mod collector;
mod order;

use collector::{Collector, End, exporting};
use serde_json::json;
use std::time::Duration;

/// Eight workers and the main thread.
const VMS: usize = 9;

/// Makes `rounds` requests at each VM within `millis` milliseconds.
fn load(collector: &mut Collector, rounds: usize, millis: u64) {
    for _ in 0..rounds {
        for index in 0..collector.host.vms.len() {
            collector.decide(index);
        }
        collector.run(millis / rounds as u64);
    }
}

fn assert_all_arrived_once(collector: &Collector) {
    assert_eq!(collector.missing(), Vec::<u64>::new(), "lost");
    let twice = collector
        .arrived
        .values()
        .filter(|times| **times > 1)
        .count();
    assert_eq!(twice, 0, "no record has arrived twice");
}

#[test]
fn one_vm_exports_for_all() {
    let mut collector = Collector::new(&exporting(), VMS);
    load(&mut collector, 60, 60_000);
    collector.run(6000);
    assert_all_arrived_once(&collector);
    // A record waits for up to 5 s; it is handed over after an eighth of that time.
    assert!(
        (12..=15).contains(&collector.calls),
        "{} calls",
        collector.calls
    );
    assert_eq!(collector.queued(), 0);
}

#[test]
fn single_worker_exports_its_records() {
    let mut collector = Collector::new(&exporting(), 1);
    load(&mut collector, 60, 60_000);
    collector.run(6000);
    assert_all_arrived_once(&collector);
    assert!(
        (12..=13).contains(&collector.calls),
        "{} calls",
        collector.calls
    );
}

#[test]
fn full_batch_is_sent_immediately() {
    let mut collector = Collector::new(&exporting(), 4);
    for index in (0..400).map(|number| number % 4) {
        collector.decide(index);
    }
    collector.run(1000);
    assert_all_arrived_once(&collector);
    assert!(
        collector.calls <= 5,
        "{} calls of at most 100 records",
        collector.calls
    );
}

#[test]
fn terminated_vm_loses_only_records_it_had_not_handed_over() {
    for victim in 0..VMS {
        let mut collector = Collector::new(&exporting(), VMS);
        for index in 0..VMS {
            collector.decide(index);
        }
        collector.wait(6000);
        let late: Vec<u64> = (0..VMS).map(|index| collector.decide(index)).collect();
        let leader = collector.caller().unwrap();
        // The exporting VM and another one.
        for terminated in [leader, victim] {
            collector.host.vms[terminated].calls.clear(); // Their records did not arrive either.
            collector.host.replace(terminated);
        }
        collector.run(10_000);
        let (lost, mut expected) = (collector.missing(), vec![late[leader], late[victim]]);
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(lost, expected);
    }
}

#[test]
fn new_leader_does_not_repeat_delivered_records() {
    // Several calls for the records of each VM; the first ones are confirmed.
    let mut settings = exporting();
    settings["audit"]["export"]["batch"] = json!(20);
    let mut collector = Collector::new(&settings, 3);
    for index in (0..90).map(|number| number % 3) {
        collector.decide(index);
    }
    collector.wait(500);
    let leader = collector.caller().unwrap();
    collector.answer(leader, End::Arrived);
    collector.answer(leader, End::Arrived);
    assert_eq!(collector.arrived.len(), 40);
    collector.terminate(leader);
    collector.run(10_000);
    assert_eq!(collector.repeated(), Vec::<u64>::new());
    let lost = collector.missing();
    let is_of_leader = |number: &u64| collector.decided[number] == leader;
    assert!(lost.iter().all(is_of_leader), "{lost:?}");
}

#[test]
fn outage_is_retried_by_one_vm_without_loss() {
    let mut collector = Collector::new(&exporting(), VMS);
    for _ in 0..600 {
        for index in 0..VMS {
            collector.decide(index);
        }
        collector.run_with(200, End::Refused);
    }
    // Pauses of 1, 2, 4 … 60 s in two minutes.
    assert!(collector.calls <= 8, "{} calls", collector.calls);
    assert_eq!(collector.queued(), collector.decided.len() as u64);
    collector.run(70_000);
    assert_all_arrived_once(&collector);
    assert_eq!(collector.queued(), 0);
}

#[test]
fn vm_with_a_full_mailbox_exports_its_own_records() {
    let mut collector = Collector::new(&exporting(), 3);
    let before = collector.decided.len();
    for _ in 0..40 {
        for index in (0..600).map(|number| number % 3) {
            collector.decide(index);
        }
        // The service is so slow that there is one call per second.
        collector.wait(1000);
        for index in 0..3 {
            collector.answer(index, End::Arrived);
        }
    }
    assert!(collector.decided.len() - before > 20_000);
    assert!(collector.calls > 80, "{} calls in 40 s", collector.calls);
    collector.run(60_000);
    assert_all_arrived_once(&collector);
}

/// Four VMs with ten decisions each.
fn four_with_forty() -> Collector {
    let mut collector = Collector::new(&exporting(), 4);
    for index in (0..40).map(|number| number % 4) {
        collector.decide(index);
    }
    collector
}

#[test]
fn shutdown_in_any_order_loses_no_record() {
    for first in 0..4 {
        let mut collector = four_with_forty();
        collector.wait(1000);
        for index in 0..4 {
            collector.decide(index);
        }
        for index in (0..4).map(|index| (index + first) % 4) {
            collector.close(index);
            collector.close_with(index, End::Arrived);
        }
        assert_all_arrived_once(&collector);
    }
}

#[test]
fn simultaneous_shutdown_loses_no_record() {
    let mut collector = four_with_forty();
    collector.wait(1000);
    (0..4).for_each(|index| collector.close(index));
    for index in (0..4).rev() {
        collector.close_with(index, End::Arrived);
    }
    assert_all_arrived_once(&collector);
}

#[test]
fn unsent_records_are_sent_after_a_reload() {
    let mut collector = four_with_forty();
    collector.run_with(4000, End::Refused);
    for index in 0..4 {
        collector.decide(index);
        collector.close(index);
        collector.close_with(index, End::Broken);
    }
    assert_eq!(collector.missing().len(), 44);
    let names = collector.host.data.names().len();
    let mut changed = exporting();
    changed["rules"][0]["name"] = json!("liveness");
    collector.host.reconfigure(&changed);
    (0..4).for_each(|index| collector.host.replace(index));
    collector.run(4000);
    assert_all_arrived_once(&collector);
    // Only the entries for keys have grown.
    assert_eq!(collector.host.data.names().len(), names + 2);
}

#[test]
fn forged_shared_data_is_ignored() {
    let mut collector = Collector::new(&exporting(), 3);
    for round in 0..200_u64 {
        for index in 0..3 {
            collector.decide(index);
        }
        // Arbitrary data under any name, except in mailboxes with records.
        for (at, name) in collector.host.data.names().into_iter().enumerate() {
            let at = at as u64;
            if (at * 7 + round).is_multiple_of(5) && collector.host.data.value(&name).is_empty() {
                let size = if at.is_multiple_of(2) { 100 } else { 100_000 };
                collector.host.data.put(&name, vec![at as u8; size]);
            }
        }
        collector.run(100);
    }
    collector.run(30_000);
    assert_all_arrived_once(&collector);
}

#[test]
fn without_shared_data_each_vm_exports_and_logs_it() {
    for (vm_id, fails) in [(b"".as_slice(), false), (b"entragate", true)] {
        let mut collector = Collector::new(&exporting(), 0);
        collector.host.data.fails.set(fails);
        (0..3).for_each(|_| collector.host.start(vm_id));
        let is_logged = |text: &String| text.contains("exports its audit records independently");
        for index in 0..3 {
            assert_eq!(
                collector
                    .logs(index)
                    .iter()
                    .filter(|text| is_logged(text))
                    .count(),
                1
            );
            collector.decide(index);
        }
        collector.run(6000);
        assert_eq!(collector.calls, 3);
        assert_all_arrived_once(&collector);
    }
}

#[test]
fn failing_shared_data_loses_no_record() {
    for is_unavailable in [true, false] {
        let mut collector = Collector::new(&exporting(), 3);
        let data = &collector.host.data;
        data.fails.set(is_unavailable);
        data.always_conflicts.set(!is_unavailable);
        (0..3).for_each(|index| {
            collector.decide(index);
        });
        collector.run(12_000);
        assert_all_arrived_once(&collector);
    }
}

/// Advances the time with ticks of these VMs only; their calls succeed immediately.
fn run_only(collector: &mut Collector, vms: &[usize], millis: u64) {
    for _ in 0..millis.div_ceil(50) {
        collector.host.pass(Duration::from_millis(50));
        for index in vms {
            collector.host.tick(*index);
            collector.answer(*index, End::Arrived);
        }
    }
}

#[test]
fn delayed_leader_withdraws_nothing_and_can_lead_again() {
    let mut collector = Collector::new(&exporting(), 2);
    for index in 0..2 {
        collector.decide(index);
    }
    collector.wait(6000);
    let leader = collector.caller().unwrap();
    let other = 1 - leader;
    // The leader is suspended while the other VM takes over and delivers.
    run_only(&mut collector, &[other], 4000);
    collector.answer(leader, End::Broken);
    collector.wait(500);
    assert_all_arrived_once(&collector);
    assert_eq!(collector.queued(), 0);
    // The other VM fills all slots and terminates.
    for _ in 0..64 {
        collector.decide(other);
        collector.wait(700);
    }
    collector.wait(5000);
    collector.terminate(other);
    collector.run(90_000);
    assert_eq!(collector.missing(), Vec::<u64>::new());
    assert_eq!(collector.repeated(), Vec::<u64>::new());
}

#[test]
fn terminating_leader_releases_its_lease() {
    let mut collector = Collector::new(&exporting(), 2);
    collector.decide(0);
    collector.wait(6000);
    let leader = collector.caller().unwrap();
    collector.close(leader);
    collector.close_with(leader, End::Arrived);
    for _ in 0..100 {
        collector.decide(1 - leader);
    }
    run_only(&mut collector, &[1 - leader], 700);
    assert_eq!(collector.missing(), Vec::<u64>::new());
}

#[test]
fn terminating_leader_sends_records_handed_over_meanwhile() {
    let mut collector = Collector::new(&exporting(), 3);
    collector.decide(0);
    collector.wait(6000);
    let leader = collector.caller().unwrap();
    collector.close(leader);
    let others: Vec<usize> = (0..3).filter(|index| *index != leader).collect();
    for index in &others {
        collector.decide(*index);
    }
    run_only(&mut collector, &others, 1000);
    for index in &others {
        collector.close(*index);
        collector.close_with(*index, End::Arrived);
    }
    let missing = others.len() + 1;
    assert_eq!(
        collector.missing().len(),
        missing,
        "one record is being sent, and the others are handed over"
    );
    collector.close_with(leader, End::Arrived);
    assert_eq!(collector.missing(), Vec::<u64>::new());
    assert_eq!(collector.repeated(), Vec::<u64>::new());
}
