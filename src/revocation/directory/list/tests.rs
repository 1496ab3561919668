//! Compares the list with a directory that behaves like Microsoft Graph.

mod failures;
mod graph;
mod model;
mod sharing;

use super::super::id::Id;
use super::super::{ALL_PIECES, Manifest};
use super::answer::PAUSE_WHEN_FULL;
use super::round::{MAX_BAD_PAGES, MAX_FAILURES};
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

    /// Fetches until a round is complete, despite all faults.
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
fn full_pass_is_followed_by_changes_immediately_and_then_every_refresh() {
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
    assert_eq!(worker.list.changed(), Some(worker.now));
    graph.enable(4);
    worker.complete(&mut graph);
    assert!(worker.now.since(before) >= 15 * SECOND && worker.now.since(before) < 16 * SECOND);
    assert_eq!(worker.ground(4), None);
    let changed = worker.list.changed();
    worker.complete(&mut graph);
    assert_eq!(worker.list.changed(), changed, "a round without changes");
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
