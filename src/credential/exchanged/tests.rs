//! Tests of one exchanged credential: when it exchanges, which token it uses, and which tokens it forgets.

use super::*;
use crate::credential::exchange::basic;
use crate::credential::subject::SubjectRule;
use crate::fetch::callout::{CalloutError, Target};
use crate::token::claim_path::ClaimPath;
use serde_json::json;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn exchanged(entries: usize) -> Exchanged {
    let settings = TokenExchange {
        target: Target::parse("hf", "https://huggingface.co/oauth/token").unwrap(),
        authorization: basic("id", &Secret::new("secret".into())),
        subject: SubjectRule {
            claim: ClaimPath::member("preferred_username"),
            domains: vec!["contoso.com".into()],
            app: None,
        },
        scope: None,
        timeout: Duration::from_secs(5),
        entries,
    };
    Exchanged::new(settings, at(0))
}

fn token(value: &str, lifetime: u64) -> Answer {
    let body = json!({"access_token": value, "token_type": "bearer", "expires_in": lifetime});
    Answer::Response {
        status: 200,
        body: body.to_string().into_bytes(),
    }
}

fn refusal() -> Answer {
    Answer::Response {
        status: 400,
        body: br#"{"error":"invalid_grant"}"#.to_vec(),
    }
}

const BROKEN: Answer = Answer::Failed(CalloutError::Interrupted);

fn person(name: &str) -> Arc<str> {
    format!("{name}@contoso.com").into()
}

/// Returns the token in use, if any, and the exchange to start.
fn look(
    exchanged: &mut Exchanged,
    name: &str,
    now: Timestamp,
) -> (Option<String>, Option<ExchangeId>) {
    let (found, new) = exchanged.find(&person(name), now);
    let served = match found {
        Found::Token(value, _) => Some(value.expose().to_owned()),
        _ => None,
    };
    (served, new.map(|(exchange, _)| exchange))
}

/// Returns an exchanged credential with a token for a person.
fn holding(name: &str, lifetime: u64) -> Exchanged {
    let mut exchanged = exchanged(10);
    let exchange = look(&mut exchanged, name, at(0)).1.unwrap();
    let progress = exchanged.answered(exchange, &token("first", lifetime), at(0));
    assert_eq!(progress, ExchangeProgress::Renewed);
    exchanged
}

#[test]
fn person_has_one_exchange_at_a_time() {
    let mut exchanged = exchanged(10);
    let (found, new) = exchanged.find(&person("ada"), at(0));
    let ada = new.unwrap().0;
    assert_eq!(found, Found::Coming(ada));
    assert_eq!(
        exchanged.find(&person("ada"), at(1)),
        (Found::Coming(ada), None)
    );
    let ben = look(&mut exchanged, "ben", at(1)).1.unwrap();
    assert_ne!(ada, ben);
    exchanged.answered(ben, &token("for-ben", 3600), at(2));
    assert_eq!(
        exchanged.find(&person("ada"), at(2)),
        (Found::Coming(ada), None),
        "each person gets their own token"
    );
    exchanged.answered(ada, &token("for-ada", 3600), at(2));
    assert_eq!(
        look(&mut exchanged, "ada", at(3)),
        (Some("for-ada".into()), None)
    );
    assert_eq!(
        look(&mut exchanged, "ben", at(3)),
        (Some("for-ben".into()), None)
    );
}

#[test]
fn token_is_used_while_it_is_renewed() {
    let first = || Some("first".to_owned());
    let mut exchanged = holding("ada", 28_800);
    assert_eq!(look(&mut exchanged, "ada", at(28_499)), (first(), None));
    let (served, renewal) = look(&mut exchanged, "ada", at(28_500));
    assert_eq!(served, first());
    assert_eq!(
        look(&mut exchanged, "ada", at(28_501)),
        (first(), None),
        "one renewal at a time"
    );
    exchanged.answered(renewal.unwrap(), &token("second", 28_800), at(28_502));
    assert_eq!(
        look(&mut exchanged, "ada", at(28_502)).0.as_deref(),
        Some("second")
    );
}

#[test]
fn token_is_used_until_expiry_after_a_failed_renewal() {
    let first = || Some("first".to_owned());
    let mut exchanged = holding("ada", 28_800);
    let renewal = look(&mut exchanged, "ada", at(28_500)).1.unwrap();
    let failed = exchanged.answered(renewal, &BROKEN, at(28_501));
    assert!(matches!(
        failed,
        ExchangeProgress::Failed { is_first: true, .. }
    ));
    assert_eq!(look(&mut exchanged, "ada", at(28_505)), (first(), None));
    let (served, again) = look(&mut exchanged, "ada", at(28_506));
    assert_eq!(served, first());
    let failed = exchanged.answered(again.unwrap(), &BROKEN, at(28_507));
    assert!(matches!(
        failed,
        ExchangeProgress::Failed {
            is_first: false,
            ..
        }
    ));
    assert_eq!(look(&mut exchanged, "ada", at(28_789)).0, first());
    let (served, _) = look(&mut exchanged, "ada", at(28_790));
    assert_eq!(served, None, "not shortly before its expiry");
}

#[test]
fn non_member_is_denied_and_loses_the_old_token() {
    let mut exchanged = holding("ada", 28_800);
    let renewal = look(&mut exchanged, "ada", at(28_500)).1.unwrap();
    let progress = exchanged.answered(renewal, &refusal(), at(28_500));
    assert_eq!(progress, ExchangeProgress::NotAMember);
    for secs in [28_500, 28_529] {
        let found = exchanged.find(&person("ada"), at(secs));
        assert_eq!(found, (Found::NotAMember, None));
    }
    assert!(look(&mut exchanged, "ada", at(28_530)).1.is_some());
}

#[test]
fn failure_pauses_only_that_person() {
    let mut exchanged = exchanged(10);
    let ada = look(&mut exchanged, "ada", at(0)).1.unwrap();
    exchanged.answered(ada, &BROKEN, at(1));
    assert_eq!(exchanged.find(&person("ada"), at(5)), (Found::Failed, None));
    assert!(look(&mut exchanged, "ben", at(5)).1.is_some());
    assert!(look(&mut exchanged, "ada", at(6)).1.is_some());
}

#[test]
fn lost_answer_is_given_up_and_ignored_when_late() {
    let mut exchanged = exchanged(10);
    let lost = look(&mut exchanged, "ada", at(0)).1.unwrap();
    assert_eq!(
        exchanged.find(&person("ada"), at(10)),
        (Found::Coming(lost), None)
    );
    assert_eq!(
        exchanged.find(&person("ada"), at(11)),
        (Found::Failed, None)
    );
    assert!(look(&mut exchanged, "ada", at(16)).1.is_some());
    let late = exchanged.answered(lost, &token("late", 3600), at(17));
    assert_eq!(late, ExchangeProgress::Late);
    assert_eq!(look(&mut exchanged, "ada", at(17)), (None, None));
}

#[test]
fn rejected_token_is_dropped_unless_new_or_replaced() {
    let mut exchanged = holding("ada", 28_800);
    let Found::Token(_, generation) = exchanged.find(&person("ada"), at(1)).0 else {
        panic!("no token");
    };
    let first = Some("first".to_owned());
    exchanged.rejected("ada@contoso.com", generation, at(4));
    exchanged.rejected("ada@contoso.com", generation + 1, at(60));
    exchanged.rejected("ben@contoso.com", generation, at(60));
    assert_eq!(look(&mut exchanged, "ada", at(60)), (first, None));
    exchanged.rejected("ada@contoso.com", generation, at(60));
    let (served, new) = look(&mut exchanged, "ada", at(60));
    assert!(served.is_none() && new.is_some());
}

#[test]
fn eviction_spares_people_that_requests_wait_for() {
    let mut exchanged = exchanged(2);
    for name in ["ada", "ben"] {
        let exchange = look(&mut exchanged, name, at(0)).1.unwrap();
        exchanged.answered(exchange, &token(name, 3600), at(0));
    }
    look(&mut exchanged, "ada", at(1));
    let cora = look(&mut exchanged, "cora", at(2)).1.unwrap();
    assert_eq!(exchanged.take_evicted(), 1);
    assert_eq!(
        look(&mut exchanged, "ada", at(3)).0.as_deref(),
        Some("ada"),
        "ben was evicted"
    );
    let dora = look(&mut exchanged, "dora", at(4)).1.unwrap();
    assert_eq!(
        exchanged.find(&person("ben"), at(4)),
        (Found::Full, None),
        "requests wait for cora and dora"
    );
    exchanged.answered(cora, &token("cora", 3600), at(5));
    exchanged.answered(dora, &token("dora", 3600), at(5));
    assert!(look(&mut exchanged, "ben", at(6)).1.is_some());
}

#[test]
fn memory_is_bounded_in_bytes() {
    let mut exchanged = exchanged(65_536);
    let value = "x".repeat(8 * 1024);
    let most = MAX_WEIGHT / value.len() + 1;
    for n in 0..most + 100 {
        let name = format!("person-{n}");
        let exchange = look(&mut exchanged, &name, at(0)).1.unwrap();
        exchanged.answered(exchange, &token(&value, 3600), at(0));
        assert!(exchanged.weight <= MAX_WEIGHT + value.len());
    }
    assert!(exchanged.people.len() < most);
    let total: usize = exchanged
        .people
        .iter()
        .map(|(_, person)| person.weight)
        .sum();
    assert_eq!(exchanged.weight, total);
}

#[test]
fn person_without_valid_state_is_forgotten() {
    let mut exchanged = holding("ada", 100);
    let ben = look(&mut exchanged, "ben", at(0)).1.unwrap();
    exchanged.answered(ben, &refusal(), at(0));
    look(&mut exchanged, "lost", at(0));
    exchanged.sweep(at(60));
    assert_eq!(
        exchanged.people.len(),
        2,
        "ada's token is valid; lost is paused"
    );
    exchanged.sweep(at(120));
    assert!(exchanged.people.is_empty());
    assert!(exchanged.under_way.is_empty());
    assert_eq!(exchanged.weight, 0);
}
