//! The list beside a directory that behaves like Microsoft Graph.

mod graph;

use super::super::id::Id;
use super::super::{ALL_PIECES, Manifest};
use super::answer::PAUSE_WHEN_FULL;
use super::round::MAX_BAD_PAGES;
use super::*;
use crate::decision::DirectoryGround;
use crate::fetch::callout::{CalloutError, Target};
use crate::fetch::refresh::Schedule;
use crate::revocation::OnStale;
use crate::secret::Secret;
use crate::service_auth::auth::Auth;
use graph::{Fault, Graph, guid};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const LIFE: Duration = Duration::from_secs(28 * 3600);

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + secs)
}

fn source() -> Source {
    Source {
        issuer: "contoso".into(),
        object_is_oid: true,
        graph: Target::parse("graph", "https://graph.microsoft.com/v1.0/").unwrap(),
        schedule: Schedule {
            refresh: 15 * SECOND,
            max_stale: 600 * SECOND,
            cooldown: 15 * SECOND,
            timeout: 5 * SECOND,
        },
        on_stale: OnStale::Deny,
        entries: 1000,
        token_life: LIFE,
        auth: Auth::Fixed(Secret::new("token".to_owned())),
    }
}

fn list(collection: Collection) -> DirectoryList {
    DirectoryList::new(source(), collection, at(0))
}

/// A list in one worker, with its directory, and a clock in milliseconds.
struct Worker {
    list: DirectoryList,
    now: Timestamp,
    /// The open call.
    call: Option<PageCall>,
    errors: Vec<ListError>,
    restarts: usize,
}

impl Worker {
    fn new(collection: Collection) -> Self {
        let (list, now) = (list(collection), at(0));
        Self {
            list,
            now,
            call: None,
            errors: Vec::new(),
            restarts: 0,
        }
    }

    fn tick(&mut self, millis: u64) {
        self.now = self.now.plus(Duration::from_millis(millis));
        self.call = self.list.due(self.now).or(self.call.take());
    }

    /// Answers the open call. Returns true when a round is complete.
    fn answer(&mut self, answer: Answer) -> bool {
        let call = self.call.take().expect("an open call");
        match self
            .list
            .answered(call.attempt, call.number, answer, self.now)
        {
            Progress::Page(call) => self.call = call,
            Progress::Restarted(call) => {
                self.restarts += 1;
                self.call = Some(call);
            }
            Progress::Renewed { entries, .. } => {
                assert_eq!(entries, self.list.entries().len());
                return true;
            }
            Progress::Failed { error, .. } => self.errors.push(error),
            Progress::Late => panic!("the answer to the open call is late"),
        }
        false
    }

    /// Ticks until a call is open.
    fn await_call(&mut self) {
        for _ in 0..20_000 {
            if self.call.is_some() {
                return;
            }
            self.tick(50);
        }
        panic!("no call within 1000 s");
    }

    /// Fetches until a round is complete, over all faults.
    fn complete(&mut self, graph: &mut Graph) {
        for _ in 0..1000 {
            self.await_call();
            let call = self.call.as_ref().unwrap();
            let answer = graph.answer(&call.callout, self.now);
            if self.answer(answer) {
                return;
            }
        }
        panic!("no round is complete after 1000 answers: {:?}", self.errors);
    }

    fn ground(&self, object: u32) -> Option<DirectoryGround> {
        self.list
            .entries()
            .of_object(Id::of(&guid(object)).unwrap(), None)
    }
}

fn body(text: impl Into<Vec<u8>>) -> Answer {
    let (status, body) = (200, text.into());
    Answer::Response { status, body }
}

fn status(status: u16) -> Answer {
    Answer::Response {
        status,
        body: Vec::new(),
    }
}

fn busy(secs: u64) -> Answer {
    Answer::Failed(CalloutError::Busy {
        status: 429,
        pause: Duration::from_secs(secs),
    })
}

/// A worker that has completed the full pass and the round after it.
fn warm(graph: &mut Graph) -> Worker {
    let mut worker = Worker::new(graph.collection);
    worker.complete(graph);
    worker.complete(graph);
    worker
}

#[test]
fn full_pass_is_followed_by_changes_at_once_and_then_every_refresh() {
    let mut graph = Graph::new(Collection::Users, 10);
    graph.page_size = 3;
    graph.disable(4);
    let mut worker = Worker::new(Collection::Users);
    worker.tick(0);
    let first = &worker.call.as_ref().unwrap().callout;
    assert_eq!(
        first.target.path,
        "/v1.0/users/delta?$select=id,accountEnabled,signInSessionsValidFromDateTime"
    );
    assert_eq!((first.method, first.timeout), ("GET", 5 * SECOND));
    assert_eq!(
        worker.list.unavailable(worker.now),
        Some(ListUnavailable::NeverFetched)
    );
    worker.complete(&mut graph);
    assert_eq!(graph.asked, 4, "10 users in pages of 3");
    assert_eq!(worker.list.unavailable(worker.now), None);
    assert!(matches!(
        worker.ground(4),
        Some(DirectoryGround::Disabled(_))
    ));
    assert_eq!(worker.ground(5), None);
    graph.disable(5);
    let before = worker.now;
    worker.complete(&mut graph);
    assert!(
        worker.now.since(before) < SECOND,
        "the changes since the start of the pass are fetched immediately"
    );
    assert!(worker.ground(5).is_some());
    graph.enable(4);
    worker.complete(&mut graph);
    assert!(worker.now.since(before) >= 15 * SECOND && worker.now.since(before) < 16 * SECOND);
    assert_eq!(worker.ground(4), None);
}

#[test]
fn list_is_as_old_as_the_start_of_its_round() {
    let mut graph = Graph::new(Collection::Users, 4);
    graph.page_size = 2;
    let mut worker = Worker::new(Collection::Users);
    worker.tick(0);
    let began = worker.now;
    let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
    assert!(!worker.answer(answer));
    worker.now = worker.now.plus(4 * SECOND);
    worker.complete(&mut graph);
    assert_eq!(worker.list.refresh().last_good(), Some(began));
    assert_eq!(worker.list.unavailable(began.plus(600 * SECOND)), None);
    let later = began.plus(601 * SECOND);
    assert_eq!(worker.list.unavailable(later), Some(ListUnavailable::Stale));
}

#[test]
fn pages_of_one_tick_are_bounded() {
    let mut graph = Graph::new(Collection::Users, 100);
    graph.page_size = 1;
    let mut worker = Worker::new(Collection::Users);
    worker.tick(50);
    let mut in_one_tick = 0;
    while worker.call.is_some() {
        let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
        worker.answer(answer);
        in_one_tick += 1;
    }
    assert_eq!(in_one_tick, PAGES_PER_TICK);
    worker.tick(50);
    assert!(worker.call.is_some(), "and the next tick continues");
}

#[test]
fn failures_within_a_round_repeat_the_page_and_keep_the_fetch() {
    let mut graph = Graph::new(Collection::Users, 6);
    graph.page_size = 2;
    let mut worker = Worker::new(Collection::Users);
    worker.tick(0);
    let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
    worker.answer(answer);
    let (attempt, path) = {
        let call = worker.call.as_ref().unwrap();
        (call.attempt, call.callout.target.path.clone())
    };
    for (answer, least, most) in [
        (busy(40), 40, 41),
        (status(500), 2, 3),
        (Answer::Failed(CalloutError::Interrupted), 4, 5),
        (body("{\"value\":["), 8, 9),
        (status(503), 15, 16),
    ] {
        let before = worker.now;
        assert!(!worker.answer(answer));
        worker.await_call();
        let waited = worker.now.since(before).as_secs();
        assert!((least..=most).contains(&waited), "{waited} s");
        let call = worker.call.as_ref().unwrap();
        assert_eq!((call.attempt, &call.callout.target.path), (attempt, &path));
    }
    worker.complete(&mut graph);
    assert_eq!(worker.errors.len(), 5);
}

#[test]
fn failed_first_call_ends_the_fetch_and_honors_the_requested_pause() {
    for (answer, least) in [
        (status(500), 1),
        (busy(120), 120),
        (status(403), 1),
        (status(410), 1),
    ] {
        let mut worker = Worker::new(Collection::Users);
        worker.tick(0);
        let before = worker.now;
        let call = worker.call.take().unwrap();
        // 410 for the first page has no state to discard, so it is answered once more.
        let ended =
            match worker
                .list
                .answered(call.attempt, call.number, answer.clone(), worker.now)
            {
                Progress::Failed { ended, .. } => ended,
                Progress::Restarted(call) => {
                    let again = worker
                        .list
                        .answered(call.attempt, call.number, answer, worker.now);
                    matches!(again, Progress::Failed { ended: true, .. })
                }
                other => panic!("{other:?}"),
            };
        assert!(ended);
        worker.await_call();
        let waited = worker.now.since(before).as_secs();
        assert!((least..=least + 1).contains(&waited), "{waited} s");
    }
}

#[test]
fn discarded_state_restarts_with_the_list_in_use() {
    for fault in [Fault::Gone, Fault::BadRequest] {
        let mut graph = Graph::new(Collection::Users, 8);
        graph.page_size = 3;
        graph.disable(1);
        graph.disable(2);
        graph.delete(3);
        let mut worker = warm(&mut graph);
        graph.delete(4);
        worker.complete(&mut graph);
        graph.delete(2);
        graph.disable(5);
        graph.enable(1);
        graph.discard_state(fault);
        worker.await_call();
        let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
        assert!(!worker.answer(answer));
        assert_eq!(worker.restarts, 1);
        assert!(worker.ground(2).is_some() && worker.list.unavailable(worker.now).is_none());
        worker.complete(&mut graph);
        let removed = |object| matches!(worker.ground(object), Some(DirectoryGround::Removed(_)));
        assert!(removed(2) && removed(4), "deleted ones stay revoked");
        assert!(worker.ground(5).is_some() && worker.ground(1).is_none());
        assert!(worker.errors.is_empty());
    }
}

#[test]
fn page_that_stays_unusable_starts_anew() {
    let mut graph = Graph::new(Collection::Users, 4);
    let mut worker = warm(&mut graph);
    worker.await_call();
    let path = worker.call.as_ref().unwrap().callout.target.path.clone();
    assert!(path.contains("$deltatoken="));
    for _ in 0..=MAX_BAD_PAGES {
        worker.await_call();
        assert_eq!(worker.call.as_ref().unwrap().callout.target.path, path);
        assert!(!worker.answer(body("{}")));
    }
    worker.await_call();
    assert!(
        worker
            .call
            .as_ref()
            .unwrap()
            .callout
            .target
            .path
            .contains("$select=")
    );
    worker.complete(&mut graph);
}

#[test]
fn endless_pages_are_refused() {
    let page = |link: &str| {
        body(format!(
            r#"{{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/{link}"}}"#
        ))
    };
    let mut worker = Worker::new(Collection::Users);
    worker.await_call();
    assert!(!worker.answer(page("a")));
    worker.await_call();
    assert!(!worker.answer(page("a")));
    assert_eq!(worker.errors, [ListError::Circle]);
    for number in 0..PAGES_PER_ROUND {
        worker.await_call();
        worker.answer(page(&number.to_string()));
    }
    assert_eq!(worker.errors, [ListError::Circle, ListError::TooManyPages]);
    let foreign = r#"{"value":[],"@odata.nextLink":"https://example/v1.0/users/delta"}"#;
    worker.await_call();
    worker.answer(body(foreign));
    worker.await_call();
    assert_eq!(
        worker.call.as_ref().unwrap().callout.target.authority,
        "graph.microsoft.com"
    );
}

#[test]
fn too_many_entries_are_an_outage_until_there_are_fewer() {
    let mut graph = Graph::new(Collection::Users, 2000);
    (0..1001).for_each(|object| graph.disable(object));
    let mut worker = Worker::new(Collection::Users);
    while worker.errors.is_empty() {
        worker.await_call();
        let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
        assert!(!worker.answer(answer));
    }
    assert_eq!(worker.errors, [ListError::TooMany { entries: 1000 }]);
    assert_eq!(
        worker.list.unavailable(worker.now),
        Some(ListUnavailable::TooManyEntries)
    );
    assert!(worker.list.entries().len() <= 1001);
    assert_eq!(
        worker.list.take_warning(worker.now),
        Some(ListUnavailable::TooManyEntries)
    );
    assert_eq!(worker.list.take_warning(worker.now), None);
    (0..10).for_each(|object| graph.enable(object));
    let before = worker.now;
    worker.complete(&mut graph);
    assert!(worker.now.since(before) >= PAUSE_WHEN_FULL);
    assert_eq!(worker.list.unavailable(worker.now), None);
}

#[test]
fn list_recovers_from_too_many_entries_whichever_object_is_enabled() {
    let mut graph = Graph::new(Collection::Users, 2000);
    (0..1010).for_each(|object| graph.disable(object));
    let mut worker = Worker::new(Collection::Users);
    for errors in 1..=3 {
        while worker.errors.len() < errors {
            worker.await_call();
            let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
            assert!(!worker.answer(answer));
        }
        assert_eq!(worker.list.entries().len(), 1000, "after {errors} passes");
    }
    // Graph lists the ten objects after those that are still disabled.
    (990..1000).for_each(|object| graph.enable(object));
    worker.complete(&mut graph);
    assert_eq!(worker.list.unavailable(worker.now), None);
    graph.note_complete();
    worker.complete(&mut graph);
    graph.note_complete();
    graph.check(&worker.list, worker.now);
}

#[test]
fn answer_to_another_call_is_late() {
    let mut graph = Graph::new(Collection::Users, 3);
    let mut worker = Worker::new(Collection::Users);
    worker.await_call();
    let call = worker.call.take().unwrap();
    let answer = graph.answer(&call.callout, worker.now);
    let mut answer_number = |number| {
        worker
            .list
            .answered(call.attempt, number, answer.clone(), worker.now)
    };
    assert!(matches!(answer_number(call.number + 1), Progress::Late));
    assert!(matches!(
        answer_number(call.number),
        Progress::Renewed { .. }
    ));
    assert!(matches!(answer_number(call.number), Progress::Late));
}

#[test]
fn output_contains_no_state_token() {
    let mut graph = Graph::new(Collection::ServicePrincipals, 9);
    graph.page_size = 2;
    let mut worker = Worker::new(Collection::ServicePrincipals);
    worker.await_call();
    for _ in 0..3 {
        let call = worker.call.as_ref().unwrap();
        let answer = graph.answer(&call.callout, worker.now);
        let printed = format!("{call:?} {:?}", worker.list);
        assert!(!printed.contains("token="), "{printed}");
        worker.answer(answer);
    }
}

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
                // A new worker continues from what is shared when a round was complete.
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
    // After a full pass, the changes meanwhile follow.
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

#[test]
#[ignore = "a measurement: cargo test --release --lib first_pass -- --ignored --nocapture"]
fn first_pass_of_a_large_directory_is_cheap() {
    let mut graph = Graph::new(Collection::Users, 100_000);
    graph.page_size = 999;
    (0..100_000)
        .step_by(2)
        .for_each(|object| graph.disable(object));
    let mut worker = Worker::new(Collection::Users);
    let mut spent = Duration::ZERO;
    loop {
        worker.await_call();
        let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
        let began = std::time::Instant::now();
        let is_complete = worker.answer(answer);
        spent += began.elapsed();
        if is_complete {
            break;
        }
    }
    println!("{} entries in {spent:?}", worker.list.entries().len());
}
