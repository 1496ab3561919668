//! The list equals the directory after any sequence of changes and faults, even in a worker that takes over the list.

use super::*;

/// Copies the list of one worker to another through a map of pieces.
fn share(
    from: &mut DirectoryList,
    to: &mut DirectoryList,
    pieces: &mut HashMap<usize, (u64, Vec<u8>)>,
    now: Timestamp,
) {
    for piece in from.unshared() {
        let tag = pieces.get(&piece.id).map_or(1, |(tag, _)| tag + 1);
        assert!(piece.id < ALL_PIECES);
        pieces.insert(piece.id, (tag, piece.content));
        from.note_shared(piece.id, tag);
    }
    let manifest = Manifest::read(&from.manifest().expect("it is complete"));
    let attempt = to
        .take_over(now)
        .or_else(|| to.refresh.due(now))
        .unwrap_or_else(|| {
            let call = to.round.as_ref().map(|_| ());
            panic!("a fetch is running: {call:?}")
        });
    let at = from.refresh().last_good().unwrap();
    let read = |id, wanted| {
        pieces
            .get(&id)
            .filter(|(tag, _)| *tag == wanted)
            .map(|(_, content)| content.clone())
    };
    let progress = to.taken_over(attempt, manifest, at, read);
    assert!(matches!(progress, Progress::Renewed { .. }), "{progress:?}");
}

#[derive(Clone, Debug)]
enum Event {
    Disable(u32),
    Enable(u32),
    Delete(u32),
    Restore(u32),
    RevokeSessions(u32),
    Create,
    /// A fault of the next answers.
    Fault(Fault, u8),
    PageSize(usize),
    /// Fetches until a round is complete.
    Round,
    /// Answers this many pages.
    Pages(u8),
    /// The other worker continues.
    HandOver,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let object = 0..12_u32;
    let event = prop_oneof![
        4 => object.clone().prop_map(Event::Disable),
        3 => object.clone().prop_map(Event::Enable),
        2 => object.clone().prop_map(Event::Delete),
        1 => object.clone().prop_map(Event::Restore),
        2 => object.prop_map(Event::RevokeSessions),
        1 => Just(Event::Create),
        3 => (prop::sample::select(Fault::ALL.to_vec()), 1..4_u8).prop_map(|(fault, times)| Event::Fault(fault, times)),
        1 => (1..6_usize).prop_map(Event::PageSize),
        4 => Just(Event::Round),
        3 => (1..4_u8).prop_map(Event::Pages),
        2 => Just(Event::HandOver),
    ];
    prop::collection::vec(event, 1..60)
}

fn run(collection: Collection, events: Vec<Event>) {
    let mut graph = Graph::new(collection, 8);
    graph.page_size = 2;
    let mut worker = Worker::new(collection);
    let mut pieces = HashMap::new();
    for event in events {
        match event {
            Event::Disable(object) => graph.disable(object),
            Event::Enable(object) => graph.enable(object),
            Event::Delete(object) => graph.delete(object),
            Event::Restore(object) => graph.restore(object),
            Event::RevokeSessions(object) => graph.revoke_sessions(object, worker.now),
            Event::Create => graph.create(),
            Event::Fault(fault, times) => graph.fail(fault, times),
            Event::PageSize(size) => graph.page_size = size,
            Event::Pages(pages) => {
                for _ in 0..pages {
                    worker.await_call();
                    let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
                    if worker.answer(answer) {
                        graph.note_complete();
                    }
                }
            }
            Event::Round => {
                worker.complete(&mut graph);
                graph.note_complete();
                graph.check(&worker.list, worker.now);
            }
            Event::HandOver => {
                // A new worker continues from the data that was shared when a round was complete.
                worker.complete(&mut graph);
                graph.note_complete();
                let mut other = Worker::new(collection);
                other.now = worker.now;
                share(&mut worker.list, &mut other.list, &mut pieces, worker.now);
                graph.check(&other.list, other.now);
                worker = other;
            }
        }
    }
    worker.complete(&mut graph);
    graph.note_complete();
    // After a full pass, the changes during the pass follow.
    worker.complete(&mut graph);
    graph.note_complete();
    graph.check(&worker.list, worker.now);
}

proptest! {
    #[test]
    fn list_of_users_equals_the_directory(events in events()) {
        run(Collection::Users, events);
    }

    #[test]
    fn list_of_service_principals_equals_the_directory(events in events()) {
        run(Collection::ServicePrincipals, events);
    }
}
