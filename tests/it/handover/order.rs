//! Any order of what can happen to VMs that hand over.

use super::office::{End, Office, exporting};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

#[derive(Clone, Copy, Debug)]
enum Event {
    Decide(usize, u8),
    Answer(usize, End),
    Pass(u64),
    Die(usize),
    /// The plugin goes there, and a fresh one comes once it has gone.
    Close(usize),
    Reload,
}

fn event() -> impl Strategy<Value = Event> {
    let vm = 0..4_usize;
    let end = prop::sample::select(vec![
        End::Arrives,
        End::Arrives,
        End::Arrives,
        End::Refused,
        End::Broken,
        End::Lost,
    ]);
    prop_oneof![
        6 => (vm.clone(), 1..60_u8).prop_map(|(vm, count)| Event::Decide(vm, count)),
        6 => (vm.clone(), end).prop_map(|(vm, end)| Event::Answer(vm, end)),
        6 => (1..1500_u64).prop_map(Event::Pass),
        1 => vm.clone().prop_map(Event::Die),
        1 => vm.prop_map(Event::Close),
        1 => Just(Event::Reload),
    ]
}

/// Lets the plugin end in a VM, each of its last calls well.
fn close(office: &mut Office, index: usize) {
    office.close(index);
    office.go(index, End::Arrives);
    office.host.replace(index);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the order: each record of a VM that has not died arrives, and none twice but where
    /// nobody was told that it had.
    #[test]
    fn no_order_of_events_loses_a_record_or_repeats_one(events in vec(event(), 1..80)) {
        let mut office = Office::new(&exporting(), 4);
        let mut mortal: Vec<u64> = Vec::new();
        for (number, event) in events.into_iter().enumerate() {
            match event {
                Event::Decide(vm, count) => (0..count).for_each(|_| {
                    office.decide(vm);
                }),
                Event::Answer(vm, end) => office.answer(vm, end),
                Event::Pass(millis) => office.wait(millis),
                Event::Die(vm) => {
                    let its = office.decided.iter().filter(|(_, own)| **own == vm);
                    mortal.extend(its.map(|(number, _)| *number));
                    office.die(vm);
                }
                Event::Close(vm) => close(&mut office, vm),
                Event::Reload => {
                    let mut settings = exporting();
                    settings["rules"][0]["name"] = json!(format!("health-{number}"));
                    office.host.reconfigure(&settings);
                    (0..4).for_each(|vm| close(&mut office, vm));
                }
            }
        }
        office.run(90_000);
        let lost: Vec<u64> = office.missing().into_iter().filter(|own| !mortal.contains(own)).collect();
        prop_assert_eq!(lost, Vec::<u64>::new(), "lost");
        prop_assert_eq!(office.repeated(), Vec::<u64>::new(), "repeated");
        prop_assert_eq!(office.queued(), 0);
    }
}
