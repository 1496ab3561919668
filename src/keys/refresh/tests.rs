//! When it fetches, pauses, and gives up.

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
fn fetches_at_once_and_then_every_refresh() {
    let mut refresh = fetched();
    assert_eq!(refresh.due(at(3599)), None);
    assert!(refresh.due(at(3600)).is_some());
    assert_eq!(refresh.due(at(3601)), None, "single flight");
}

#[test]
fn cooldown_holds_after_success_and_failure_alike() {
    for good in [true, false] {
        let mut refresh = fetched();
        let attempt = fetch_of(refresh.demand(at(10)));
        assert_eq!(refresh.demand(at(10)), Demand::UnderWay);
        match good {
            true => refresh.succeeded(attempt, at(11)),
            false => refresh.failed(attempt, at(11)),
        };
        assert_eq!(refresh.demand(at(40)), Demand::Cooling { until: at(41) });
        assert!(matches!(refresh.demand(at(41)), Demand::Fetch(_)));
    }
}

#[test]
fn failures_pause_longer_each_time_up_to_the_cooldown() {
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
fn the_last_good_answer_serves_until_max_stale() {
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
fn who_is_sent_away_stays_away_unless_the_reason_is_gone() {
    let mut refresh = Refresh::new(SCHEDULE, at(0));
    let attempt = refresh.due(at(0)).unwrap();
    refresh.failed_for(attempt, at(0), Duration::from_secs(17));
    refresh.hurry(at(16));
    assert_eq!(refresh.due(at(16)), None);
    assert_eq!(refresh.demand(at(16)), Demand::Cooling { until: at(17) });
    let attempt = refresh.due(at(17)).unwrap();
    refresh.failed_for(attempt, at(17), Duration::from_secs(1));
    assert_eq!(refresh.due(at(18)), None, "our own pause is longer");
    refresh.hurry(at(18));
    assert!(refresh.due(at(18)).is_some());

    let mut refresh = fetched();
    refresh.hurry(at(10));
    assert_eq!(refresh.due(at(10)), None, "nothing stood in the way");
}

#[test]
fn a_lost_answer_blocks_nothing_and_counts_for_nothing_when_late() {
    let mut refresh = Refresh::new(SCHEDULE, at(0));
    let lost = refresh.due(at(0)).unwrap();
    assert_eq!(refresh.due(at(15)), None);
    assert_eq!(refresh.due(at(16)), None, "given up, then a pause");
    let retry = refresh.due(at(17)).unwrap();
    assert!(!refresh.succeeded(lost, at(18)));
    assert_eq!(refresh.freshness(at(18)), Freshness::Never);
    assert!(refresh.succeeded(retry, at(18)));
}
