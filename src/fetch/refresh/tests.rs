use super::*;

const SCHEDULE: Schedule = Schedule {
    refresh: Duration::from_secs(3600),
    max_stale: Duration::from_secs(86_400),
    cooldown: Duration::from_secs(30),
    timeout: Duration::from_secs(5),
};

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn fetched() -> Refresh {
    let mut refresh = Refresh::new(SCHEDULE, at(0));
    let attempt = refresh.due(at(0)).unwrap();
    assert!(refresh.succeeded(attempt, at(0)));
    refresh
}

fn fetch_of(demand: Demand) -> Attempt {
    match demand {
        Demand::Fetch(attempt) => attempt,
        other => panic!("no fetch: {other:?}"),
    }
}

#[test]
fn fetch_is_due_immediately_and_then_every_refresh() {
    let mut refresh = fetched();
    assert_eq!(refresh.due(at(3599)), None);
    assert!(refresh.due(at(3600)).is_some());
    assert_eq!(refresh.due(at(3601)), None, "single flight");
}

#[test]
fn cooldown_applies_after_success_and_failure() {
    for good in [true, false] {
        let mut refresh = fetched();
        let attempt = fetch_of(refresh.demand(at(10)));
        assert_eq!(refresh.demand(at(10)), Demand::UnderWay);
        if good {
            refresh.succeeded(attempt, at(11));
        } else {
            refresh.failed(attempt, at(11));
        }
        assert_eq!(refresh.demand(at(40)), Demand::Cooling { until: at(41) });
        assert!(matches!(refresh.demand(at(41)), Demand::Fetch(_)));
    }
}

#[test]
fn retry_delay_doubles_up_to_the_cooldown() {
    let mut refresh = Refresh::new(SCHEDULE, at(0));
    let mut now = at(0);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let attempt = refresh.due(now).unwrap();
        refresh.failed(attempt, now);
        let mut waited = 0;
        while !refresh.may_answer_by(now.plus(Duration::from_secs(waited))) {
            waited += 1;
        }
        pauses.push(waited);
        now = now.plus(Duration::from_secs(waited));
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
}

#[test]
fn last_good_answer_is_usable_until_max_stale() {
    let mut refresh = fetched();
    let attempt = refresh.due(at(3600)).unwrap();
    refresh.failed(attempt, at(3605));
    let age = |secs| Duration::from_secs(secs);
    assert_eq!(
        refresh.freshness(at(86_400)),
        Freshness::Usable { age: age(86_400) }
    );
    assert_eq!(
        refresh.freshness(at(86_401)),
        Freshness::Stale { age: age(86_401) }
    );
    assert_eq!(
        Refresh::new(SCHEDULE, at(0)).freshness(at(0)),
        Freshness::Never
    );
}

#[test]
fn requested_delay_is_respected_even_if_a_retry_is_hurried() {
    let mut refresh = Refresh::new(SCHEDULE, at(0));
    let attempt = refresh.due(at(0)).unwrap();
    refresh.failed_for(attempt, at(0), Duration::from_secs(17));
    refresh.hurry(at(16));
    assert_eq!(refresh.due(at(16)), None);
    assert_eq!(refresh.demand(at(16)), Demand::Cooling { until: at(17) });
    let attempt = refresh.due(at(17)).unwrap();
    refresh.failed_for(attempt, at(17), Duration::from_secs(1));
    assert_eq!(refresh.due(at(18)), None, "the retry delay is longer");
    refresh.hurry(at(18));
    assert!(refresh.due(at(18)).is_some());

    let mut refresh = fetched();
    refresh.hurry(at(10));
    assert_eq!(refresh.due(at(10)), None, "there was no failure");
}

#[test]
fn lost_fetch_is_retried_and_its_late_answer_ignored() {
    let mut refresh = Refresh::new(SCHEDULE, at(0));
    let lost = refresh.due(at(0)).unwrap();
    assert_eq!(refresh.due(at(15)), None);
    assert_eq!(refresh.due(at(16)), None, "given up, then a retry delay");
    let retry = refresh.due(at(17)).unwrap();
    assert!(!refresh.succeeded(lost, at(18)));
    assert_eq!(refresh.freshness(at(18)), Freshness::Never);
    assert!(refresh.succeeded(retry, at(18)));
}

#[test]
fn delayed_fetch_times_out_from_its_sending_time() {
    let mut refresh = fetched();
    let early = refresh.due(at(3600)).unwrap();
    assert!(refresh.succeeded(early, at(3600)));
    let attempt = refresh.due(at(7200)).unwrap();
    refresh.sent(attempt, at(7210));
    refresh.sent(early, at(9000));
    assert!(refresh.due(at(7225)).is_none() && refresh.is_under_way(attempt));
    assert!(refresh.due(at(7226)).is_none() && !refresh.is_under_way(attempt));
}

#[test]
fn fetch_on_demand_is_distinguished_from_background_fetch() {
    let mut refresh = fetched();
    let demanded = fetch_of(refresh.demand(at(10)));
    assert!(refresh.is_demanded(demanded));
    refresh.succeeded(demanded, at(10));
    let due = refresh.due(at(3610)).unwrap();
    assert!(!refresh.is_demanded(due) && !refresh.is_demanded(demanded));
    refresh.succeeded(due, at(3610));
    let next = fetch_of(refresh.demand(at(3650)));
    assert!(refresh.is_demanded(next) && !refresh.is_demanded(due));
}

#[test]
fn shared_answer_is_taken_over_unless_a_fetch_is_in_flight() {
    let mut refresh = fetched();
    let attempt = refresh.take_over(at(10)).unwrap();
    assert!(!refresh.is_demanded(attempt));
    assert_eq!(refresh.take_over(at(10)), None);
    assert!(refresh.succeeded(attempt, at(5)));
    assert_eq!(refresh.last_good(), Some(at(5)));
    assert_eq!(refresh.due(at(3604)), None);
    assert!(refresh.due(at(3605)).is_some());
}

#[test]
fn backoff_is_adopted_by_another_vm() {
    let mut one = fetched();
    assert_eq!(one.backoff(), Backoff::default());
    let attempt = one.due(at(3600)).unwrap();
    one.failed(attempt, at(3602));
    let failed = Backoff {
        failures: 1,
        retry_at: Some(at(3603)),
        cooldown_until: None,
    };
    assert_eq!(one.backoff(), failed);

    let mut other = fetched();
    let attempt = other.due(at(3602)).unwrap();
    assert!(other.stand_down(attempt, failed, at(3602)));
    assert!(
        !other.stand_down(attempt, failed, at(3602)),
        "the fetch is not in flight"
    );
    assert!(!other.succeeded(attempt, at(3602)));
    assert_eq!(other.backoff(), failed);
    assert_eq!(other.due(at(3602)), None);
    assert!(other.due(at(3603)).is_some());

    let demanded = fetch_of(one.demand(at(3602)));
    one.succeeded(demanded, at(3602));
    let cooling = Backoff {
        cooldown_until: Some(at(3632)),
        ..Backoff::default()
    };
    assert_eq!(one.backoff(), cooling);
}

#[test]
fn adopted_backoff_is_bounded_by_the_vms_own_cooldown() {
    let mut refresh = fetched();
    let attempt = refresh.due(at(3600)).unwrap();
    let endless = Backoff {
        failures: u32::MAX,
        retry_at: Some(at(1_000_000)),
        cooldown_until: Some(at(1_000_000)),
    };
    assert!(refresh.stand_down(attempt, endless, at(3600)));
    assert_eq!(
        refresh.demand(at(3629)),
        Demand::Cooling { until: at(3630) }
    );
    assert!(refresh.due(at(3630)).is_some());
}
