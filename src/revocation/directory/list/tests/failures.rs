//! Unusable answers, discarded state, and lists without room.

use super::*;

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
        // For the first page, there is no state that a 410 could discard, so the call is answered once more.
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
fn list_can_be_retried_early_after_failures_and_counts_as_tried() {
    let mut worker = Worker::new(Collection::Users);
    assert_eq!(
        worker.list.name(),
        "issuer contoso: the list of users from Microsoft Graph"
    );
    assert!(!worker.list.is_tried());
    for _ in 0..6 {
        worker.await_call();
        assert!(!worker.answer(status(500)));
    }
    assert!(worker.list.is_tried());
    worker.tick(1);
    assert!(worker.call.is_none(), "a pause after the failures");
    worker.list.hurry(worker.now);
    worker.tick(0);
    assert!(worker.call.is_some());
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
fn page_that_stays_unusable_starts_a_full_pass() {
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
    // A loop of `around` pages that begins after `before` pages.
    for (before, around) in [(0, 1), (1, 1), (0, 2), (3, 2), (6, 5), (40, 33)] {
        let mut worker = Worker::new(Collection::Users);
        let mut answered = 0;
        while worker.errors.is_empty() {
            let place = if answered < before {
                answered
            } else {
                before + (answered - before) % around
            };
            worker.await_call();
            worker.answer(page(&format!("page-{place}")));
            answered += 1;
        }
        assert_eq!(worker.errors, [ListError::Circle], "{before} {around}");
        let most = 3 * (before + around) + 1;
        assert!(answered <= most, "{answered} pages of {before} {around}");
    }
    let mut worker = Worker::new(Collection::Users);
    for number in 0..PAGES_PER_ROUND {
        worker.await_call();
        worker.answer(page(&number.to_string()));
    }
    assert_eq!(worker.errors, [ListError::TooManyPages]);
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
fn list_with_too_many_entries_is_unavailable_until_there_are_fewer() {
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
fn unavailable_list_is_reported_once_unless_its_first_pass_is_running() {
    let mut graph = Graph::new(Collection::Users, 4);
    graph.page_size = 2;
    let mut worker = Worker::new(Collection::Users);
    worker.tick(0);
    assert_eq!(worker.list.take_warning(worker.now), None, "not tried yet");
    let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
    assert!(!worker.answer(answer));
    assert_eq!(
        worker.list.take_warning(worker.now),
        None,
        "a page is fetched"
    );
    assert!(!worker.answer(status(500)));
    assert_eq!(
        worker.list.take_warning(worker.now),
        None,
        "a page is retried"
    );
    worker.complete(&mut graph);
    worker.complete(&mut graph);
    assert_eq!(worker.list.take_warning(worker.now), None);
    worker.await_call();
    worker.now = worker.now.plus(601 * SECOND);
    let stale = Some(ListUnavailable::Stale);
    assert_eq!(
        worker.list.take_warning(worker.now),
        stale,
        "while a call is open"
    );
    assert_eq!(worker.list.take_warning(worker.now), None);
    let mut worker = Worker::new(Collection::Users);
    worker.tick(0);
    assert!(!worker.answer(status(500)));
    let never = Some(ListUnavailable::NeverFetched);
    assert_eq!(worker.list.take_warning(worker.now), never);
}

#[test]
fn page_that_fails_repeatedly_ends_the_fetch() {
    let mut graph = Graph::new(Collection::Users, 4);
    graph.page_size = 2;
    let mut worker = Worker::new(Collection::Users);
    worker.tick(0);
    let answer = graph.answer(&worker.call.as_ref().unwrap().callout, worker.now);
    assert!(!worker.answer(answer));
    for failures in 1..=MAX_FAILURES {
        worker.await_call();
        let call = worker.call.take().unwrap();
        let answer = worker
            .list
            .answered(call.attempt, call.number, status(500), worker.now);
        let Progress::Failed { ended, .. } = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(ended, failures == MAX_FAILURES, "{failures}");
    }
}
