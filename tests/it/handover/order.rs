//! Random orders of events in VMs that hand over records.

use super::collector::{Collector, End, exporting};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

#[derive(Clone, Copy, Debug)]
enum Event {
    Decide(usize, u8),
    Answer(usize, End),
    Pass(u64),
    Terminate(usize),
    /// The plugin is removed in this VM and then started again.
    Close(usize),
    Reload,
}

fn event() -> impl Strategy<Value = Event> {
    let vm = 0..4_usize;
    let end = prop::sample::select(vec![
        End::Arrived,
        End::Arrived,
        End::Arrived,
        End::Refused,
        End::Broken,
        End::Lost,
    ]);
    prop_oneof![
        6 => (vm.clone(), 1..60_u8).prop_map(|(vm, count)| Event::Decide(vm, count)),
        6 => (vm.clone(), end).prop_map(|(vm, end)| Event::Answer(vm, end)),
        6 => (1..1500_u64).prop_map(Event::Pass),
        1 => vm.clone().prop_map(Event::Terminate),
        1 => vm.prop_map(Event::Close),
        1 => Just(Event::Reload),
    ]
}

/// Removes the plugin in a VM; its last calls succeed.
fn close(collector: &mut Collector, index: usize) {
    collector.close(index);
    collector.close_with(index, End::Arrived);
    collector.host.replace(index);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// For any order of events: each record of a VM that was not terminated arrives, and it arrives twice only if its
    /// confirmation was lost.
    #[test]
    fn any_order_of_events_delivers_each_record_once(events in vec(event(), 1..80)) {
        let mut collector = Collector::new(&exporting(), 4);
        let mut may_be_lost: Vec<u64> = Vec::new();
        for (number, event) in events.into_iter().enumerate() {
            match event {
                Event::Decide(vm, count) => (0..count).for_each(|_| {
                    collector.decide(vm);
                }),
                Event::Answer(vm, end) => collector.answer(vm, end),
                Event::Pass(millis) => collector.wait(millis),
                Event::Terminate(vm) => {
                    let decided_by_vm = collector.decided.iter().filter(|(_, decided_by)| **decided_by == vm);
                    may_be_lost.extend(decided_by_vm.map(|(number, _)| *number));
                    collector.terminate(vm);
                }
                Event::Close(vm) => close(&mut collector, vm),
                Event::Reload => {
                    let mut settings = exporting();
                    settings["rules"][0]["name"] = json!(format!("health-{number}"));
                    collector.host.reconfigure(&settings);
                    (0..4).for_each(|vm| close(&mut collector, vm));
                }
            }
        }
        collector.run(90_000);
        let lost: Vec<u64> = collector.missing().into_iter().filter(|number| !may_be_lost.contains(number)).collect();
        prop_assert_eq!(lost, Vec::<u64>::new(), "lost");
        prop_assert_eq!(collector.repeated(), Vec::<u64>::new(), "repeated");
        prop_assert_eq!(collector.queued(), 0);
    }
}
