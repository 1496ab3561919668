//! Redis is stopped under load and restarted. Requests are denied or permitted according to `failure_mode_deny`. Only requests that
//! were in flight, or for which the service failed, may be missing from the counts.

use super::super::gateway::SOON;
use super::{BY_OID, Fleet, TOKENS, limits, oid, rate_limit_filter};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use testbed::wait::eventually;
use tokio::task::JoinSet;

/// The number of callers; each has one request under way at a time.
const CALLERS: usize = 4;

/// The statuses that callers got, in order.
#[derive(Default)]
struct Load {
    statuses: [Mutex<Vec<u16>>; CALLERS],
    ends: AtomicBool,
}

impl Load {
    /// Sends the requests of a caller, one after the other, until the load ends.
    async fn run(&self, fleet: &Fleet, caller: usize) {
        while !self.ends.load(Ordering::Relaxed) {
            let status = fleet.chat(0, caller).await;
            self.statuses[caller].lock().unwrap().push(status);
        }
    }

    fn answered(&self) -> Vec<usize> {
        let length = |statuses: &Mutex<Vec<u16>>| statuses.lock().unwrap().len();
        self.statuses.iter().map(length).collect()
    }

    /// Waits until every caller has `count` further answers, all of which began after this call, and returns their statuses.
    async fn next(&self, count: usize) -> Vec<u16> {
        let before = self.answered();
        // One request of each caller may have begun earlier.
        let are_there = async || {
            self.answered()
                .iter()
                .zip(&before)
                .all(|(now, before)| now > &(before + count))
        };
        assert!(eventually(SOON * 3, are_there).await);
        let later = |(statuses, before): (&Mutex<Vec<u16>>, &usize)| {
            statuses.lock().unwrap()[before + 1..=before + count].to_vec()
        };
        self.statuses.iter().zip(&before).flat_map(later).collect()
    }

    fn count(&self, status: u16) -> u64 {
        let of = |statuses: &Mutex<Vec<u16>>| {
            statuses
                .lock()
                .unwrap()
                .iter()
                .filter(|own| **own == status)
                .count()
        };
        u64::try_from(self.statuses.iter().map(of).sum::<usize>()).unwrap()
    }
}

/// The outcome of a load during which Redis was stopped and restarted.
struct Outcome {
    fleet: Arc<Fleet>,
    load: Arc<Load>,
    during: Vec<u16>,
    /// The requests and the tokens that Redis has counted.
    requests: u64,
    tokens: u64,
}

async fn outage(failure_mode_deny: bool) -> Outcome {
    let change = |config| {
        rate_limit_filter(config, |filter| {
            filter["failure_mode_deny"] = json!(failure_mode_deny)
        })
    };
    let fleet = Fleet::start(&limits(&[]), 1, change).await;
    let load = Arc::new(Load::default());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (load, fleet) = (Arc::clone(&load), Arc::clone(&fleet));
        callers.spawn(async move { load.run(&fleet, caller).await });
    }
    load.next(20).await;
    fleet.limits.redis.stop();
    let during = load.next(20).await;
    fleet.limits.redis.restart().await.unwrap();
    let before = fleet.counted("ok").await;
    let is_back = async || fleet.counted("ok").await > before + 20;
    assert!(
        eventually(SOON * 3, is_back).await,
        "requests are counted again"
    );
    load.ends.store(true, Ordering::Relaxed);
    callers.join_all().await;
    fleet.becomes_idle().await;
    let sum = |limit| {
        (0..CALLERS)
            .map(|caller| fleet.used(limit, &[&oid(caller)]))
            .sum()
    };
    let (requests, tokens) = (sum(BY_OID), sum(TOKENS));
    Outcome {
        fleet,
        load,
        during,
        requests,
        tokens,
    }
}

fn tokens_of_an_answer(fleet: &Fleet) -> u64 {
    let bill = fleet.hf.bills()[0];
    u64::try_from(bill.prompt_tokens + bill.completion_tokens).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_outage_denies_requests_and_every_permitted_request_is_counted() {
    let Outcome {
        fleet,
        load,
        during,
        requests,
        tokens,
    } = outage(true).await;
    assert!(during.iter().all(|status| *status != 200), "{during:?}");
    let permitted = load.count(200);
    assert_eq!(u64::try_from(fleet.hf.requests().len()).unwrap(), permitted);
    let at_once = u64::try_from(CALLERS).unwrap();
    // A request that Redis counted may still be denied, if the answer was lost.
    let errors = fleet.counted("error").await;
    assert!(
        (permitted..=permitted + errors).contains(&requests),
        "{permitted} permitted, {requests} counted"
    );
    // Requests in flight may have ended while Redis was unreachable, so their tokens may not be counted.
    let each = tokens_of_an_answer(&fleet);
    assert!(
        tokens <= permitted * each && tokens + 2 * at_once * each >= permitted * each,
        "{tokens} of {}",
        permitted * each
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_outage_permits_requests_if_failure_mode_deny_is_false() {
    let Outcome {
        fleet,
        load,
        during,
        requests,
        tokens,
    } = outage(false).await;
    assert!(during.iter().all(|status| *status == 200), "{during:?}");
    let permitted = load.count(200);
    assert_eq!(
        permitted,
        u64::try_from(load.answered().iter().sum::<usize>()).unwrap()
    );
    // Only requests for which Envoy counted an error can be missing from the count.
    let errors = fleet.counted("error").await;
    assert_eq!(fleet.counted("failure_mode_allowed").await, errors);
    assert!(
        (permitted - errors..=permitted).contains(&requests),
        "{permitted} permitted, {errors} errors, {requests} counted"
    );
    let each = tokens_of_an_answer(&fleet);
    let at_once = u64::try_from(CALLERS).unwrap();
    let lost = permitted * each - tokens;
    assert!(
        lost <= (errors + 2 * at_once) * each,
        "{lost} tokens lost, {errors} errors"
    );
}
