//! The role of other workers in the fetches of a list.

use super::*;

#[test]
fn call_that_waits_for_the_lease_begins_its_round_when_it_is_sent() {
    for (pages, expected) in [(0, 10), (1, 0)] {
        let mut graph = Graph::new(Collection::Users, 4);
        graph.page_size = 2;
        let mut worker = Worker::new(Collection::Users);
        worker.tick(0);
        let began = worker.now;
        for _ in 0..pages {
            let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
            assert!(!worker.answer(answer));
        }
        let attempt = worker.call.as_ref().unwrap().attempt;
        worker.now = began.plus(10 * SECOND);
        worker.list.sent(attempt, worker.now);
        worker.complete(&mut graph);
        // A later page belongs to a round that has begun.
        let expected = began.plus(expected * SECOND);
        assert_eq!(worker.list.refresh().last_good(), Some(expected));
    }
}

#[test]
fn delayed_call_has_its_full_timeout_from_when_it_is_sent() {
    let mut worker = Worker::new(Collection::Users);
    worker.tick(0);
    let call = worker.call.take().unwrap();
    worker.list.sent(call.attempt, at(60));
    assert!(worker.list.due(at(64)).is_none(), "the call is in flight");
    let answer = worker
        .list
        .answered(call.attempt, call.number, status(500), at(64));
    assert!(matches!(answer, Progress::Failed { .. }));
}

#[test]
fn failure_of_another_worker_ends_the_fetch() {
    let mut failed = Worker::new(Collection::Users);
    failed.tick(0);
    failed.answer(busy(10));
    let backoff = failed.list.schedule().unwrap().backoff();
    let mut worker = Worker::new(Collection::Users);
    worker.tick(0);
    let call = worker.call.take().unwrap();
    assert!(worker.list.stand_down(call.attempt, backoff, at(1)));
    assert!(worker.list.is_tried(), "a fetch has failed");
    let answer = worker
        .list
        .answered(call.attempt, call.number, body("{}"), at(1));
    assert!(matches!(answer, Progress::Late));
    assert!(!worker.list.stand_down(call.attempt, backoff, at(1)));
    assert!(worker.list.due(at(9)).is_none(), "the pause is adopted");
    assert!(worker.list.due(at(11)).is_some());
}

#[test]
fn result_that_cannot_be_taken_over_is_fetched() {
    let mut list = list(Collection::Users);
    let attempt = list.take_over(at(0)).unwrap();
    assert!(list.due(at(1)).is_none());
    list.not_taken_over(attempt, at(1));
    assert!(!list.refresh().is_under_way(attempt));
    assert!(list.due(at(4)).is_some());
}

#[test]
fn late_result_of_another_worker_is_not_taken_over() {
    let other = warm(&mut Graph::new(Collection::Users, 4));
    let link = || other.list.shared_parts().0.unwrap().clone();
    let mut list = list(Collection::Users);
    let attempt = list.take_over(at(0)).unwrap();
    list.not_taken_over(attempt, at(1));
    assert!(!list.continue_from(attempt, link(), None, at(1)));
    assert_eq!(list.shared_parts().0, None);
    let attempt = list.take_over(at(2)).unwrap();
    assert!(list.continue_from(attempt, link(), None, at(2)));
    assert_eq!(list.shared_parts().0, Some(&link()));
}
