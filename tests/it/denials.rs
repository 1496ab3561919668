//! Denials with several causes: the operator sees the cause, the caller does not.

use crate::support;

use entragate::audit;
use entragate::decision::GroupsUnavailable;
use entragate::decision::{CredentialUnavailable, Denial, KeysUnavailable, Unavailable};
use entragate::decision::{DirectoryGround, Ground, ListUnavailable, RevocationList};
use entragate::time::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;
use support::*;

const SECOND_ONE: Timestamp = Timestamp::from_secs(1);

/// Groups of denials that callers cannot distinguish, each with texts that the recorded reason contains.
fn indistinguishable() -> Vec<Vec<(Denial, &'static [&'static str])>> {
    let keys = |reason| Denial::KeysUnavailable {
        issuer: "contoso".into(),
        reason,
    };
    let credential = |reason| Denial::CredentialUnavailable {
        rule: "r".into(),
        reason,
    };
    let groups = |unavailable| Denial::GroupsOverage {
        rule: "r".into(),
        lookup: Some(unavailable),
    };
    let upstream = |cluster: Option<&str>| Denial::UpstreamNotAllowed {
        rule: "r".into(),
        credential: "hf-read".into(),
        cluster: cluster.map(Into::into),
    };
    let revoked = |ground| Denial::TokenRevoked { ground };
    let unknown = |list, reason| Denial::RevocationUnavailable { list, reason };
    let rejected = |credential: &str, status| Denial::CredentialRejected {
        credential: credential.into(),
        status,
    };
    vec![
        vec![
            (
                keys(KeysUnavailable::NeverFetched),
                &["contoso", "no keys"][..],
            ),
            (keys(KeysUnavailable::Stale), &["contoso", "max_stale"]),
            (
                keys(KeysUnavailable::TooManyWaiting),
                &["contoso", "wait.requests"],
            ),
        ],
        vec![
            (
                credential(CredentialUnavailable::NeverFetched),
                &["no value has been fetched"],
            ),
            (credential(CredentialUnavailable::Stale), &["max_stale"]),
            (
                credential(CredentialUnavailable::ExchangeFailed),
                &["exchange"],
            ),
            (
                credential(CredentialUnavailable::TooManyWaiting),
                &["wait.requests"],
            ),
        ],
        vec![
            (upstream(Some("team-b")), &["hf-read", "team-b"]),
            (upstream(None), &["hf-read", "does not report"]),
        ],
        vec![
            (groups(GroupsUnavailable::TooSlow), &["wait.timeout"]),
            (
                groups(GroupsUnavailable::Failing),
                &["the log has the reason"],
            ),
            (
                groups(GroupsUnavailable::UnknownCaller),
                &["know the caller"],
            ),
            (
                groups(GroupsUnavailable::TooManyWaiting),
                &["wait.requests"],
            ),
        ],
        vec![
            (revoked(Ground::Object), &["oids"]),
            (revoked(Ground::Client), &["clients"]),
            (revoked(Ground::Session), &["sessions"]),
            (revoked(Ground::Token), &["tokens"]),
            (revoked(Ground::NotBefore), &["not_before"]),
            (
                revoked(Ground::Directory(DirectoryGround::Disabled(SECOND_ONE))),
                &["account disabled at 1970-01-01T00:00:01.000Z"],
            ),
            (
                revoked(Ground::Directory(DirectoryGround::Removed(SECOND_ONE))),
                &["account deleted at 1970-01-01T00:00:01.000Z"],
            ),
            (
                revoked(Ground::Directory(DirectoryGround::NotBefore(SECOND_ONE))),
                &["sign-in sessions revoked at 1970-01-01T00:00:01.000Z"],
            ),
            (
                revoked(Ground::Directory(DirectoryGround::AppDisabled(SECOND_ONE))),
                &["the client's service principal disabled at"],
            ),
            (
                revoked(Ground::Directory(DirectoryGround::AppRemoved(SECOND_ONE))),
                &["the client's service principal deleted at"],
            ),
        ],
        vec![
            (
                unknown(RevocationList::Feed, ListUnavailable::NeverFetched),
                &["the revocation feed has not been fetched yet"],
            ),
            (
                unknown(RevocationList::Users, ListUnavailable::Stale),
                &["list of users", "max_stale"],
            ),
            (
                unknown(
                    RevocationList::ServicePrincipals,
                    ListUnavailable::TooManyEntries,
                ),
                &["list of service principals", "`entries`"],
            ),
        ],
        vec![
            (rejected("hf-read", 401), &["hf-read", "401"]),
            (rejected("hf-read", 403), &["hf-read", "403"]),
        ],
        vec![
            (Denial::ModelsUnreadable("too deep"), &["too deep"]),
            (Denial::ModelsUnreadable("no list"), &["no list"]),
        ],
        vec![
            (Denial::McpUnreadable("too deep"), &["too deep"]),
            (Denial::McpUnreadable("no session"), &["no session"]),
        ],
        vec![(Denial::Internal("one"), &["one"])],
    ]
}

/// Returns the reason in the audit record.
fn recorded(denial: &Denial) -> String {
    let mut record = audit::open(Timestamp::from_secs(1), &"digest".into());
    record.deny(denial);
    record.reason.unwrap_or_default()
}

#[test]
fn cause_is_recorded_for_the_operator_only() {
    for denials in indistinguishable() {
        let public: BTreeSet<_> = denials.iter().map(|(one, _)| one.facts().text).collect();
        assert_eq!(
            public.len(),
            1,
            "the caller can distinguish the causes: {public:?}"
        );
        let causes: BTreeSet<_> = denials.iter().map(|(one, _)| recorded(one)).collect();
        assert_eq!(
            causes.len(),
            denials.len(),
            "causes are not distinct: {causes:?}"
        );
        for (denial, words) in denials {
            let reason = recorded(&denial);
            assert_eq!(denial.operator_detail().as_ref(), Some(&reason));
            for word in words {
                assert!(reason.contains(word), "{denial:?}: {reason}");
            }
        }
    }
}

#[test]
fn detail_in_the_reply_is_in_the_record() {
    for denial in [
        Denial::NoRule {
            lacks_version: false,
        },
        Denial::TokenMissing { unread: None },
        Denial::GroupsOverage {
            rule: "r".into(),
            lookup: None,
        },
    ] {
        assert_eq!(denial.operator_detail(), None);
        assert_eq!(recorded(&denial), denial.facts().text);
    }
}

#[test]
fn unavailable_endpoint_reply_has_action_and_retry_time() {
    for (state, public, operator, retry) in [
        (Unavailable::Asleep, "scaled to zero", "503", Some(30)),
        (Unavailable::Paused, "paused", "Invalid state", None),
        (
            Unavailable::Unreachable,
            "unreachable",
            "access log",
            Some(2),
        ),
    ] {
        let denial = Denial::EndpointUnavailable(state);
        assert!(denial.facts().text.contains(public), "{denial:?}");
        assert!(recorded(&denial).contains(operator), "{denial:?}");
        assert_eq!(
            denial.retry_after(denial.facts().status),
            retry,
            "{denial:?}"
        );
    }
}

#[test]
fn retry_after_is_sent_for_temporary_gateway_faults() {
    for denial in indistinguishable()
        .into_iter()
        .flatten()
        .map(|(denial, _)| denial)
    {
        let is_permanent = matches!(
            denial,
            Denial::CredentialRejected { .. }
                | Denial::ModelsUnreadable(_)
                | Denial::McpUnreadable(_)
        );
        let is_gateway_error = denial.facts().status == 502;
        let expected = (is_gateway_error && !is_permanent).then_some(2);
        assert_eq!(
            denial.retry_after(denial.facts().status),
            expected,
            "{denial:?}"
        );
    }
}

#[test]
fn untrusted_text_is_truncated_quoted_and_escaped() {
    let longest = "x".repeat(100);
    for (written, shown) in [
        ("HS256", "'HS256'".to_owned()),
        ("", "''".to_owned()),
        ("a\"b\\c\r\nd\u{e9}\0", "'a'b'c??d??'".to_owned()),
        (&longest, format!("'{longest}'")),
        (&format!("{longest}y"), format!("'{longest}...'")),
    ] {
        let mut bench = Bench::warm(&settings());
        let code = bench.code(&ada().header("alg", written).build());
        assert_eq!(code, "algorithm_not_allowed");
        let reason = bench.audit()[0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(&format!(" {shown} ")), "{reason}");
    }
}

#[test]
fn denial_names_the_requirements_of_the_rule() {
    let (a, b, c) = (
        json!({"role": "A"}),
        json!({"role": "B"}),
        json!({"role": "C"}),
    );
    for (require, text) in [
        (
            json!({"all": [{"any": [a, b]}, c]}),
            "(role 'A' or role 'B') and role 'C'",
        ),
        (
            json!({"any": [{"all": [a, b]}, c]}),
            "(role 'A' and role 'B') or role 'C'",
        ),
        (json!({"all": [{"any": [a]}, c]}), "role 'A' and role 'C'"),
        (
            json!({"all": [{"not": {"any": [a, b]}}, c]}),
            "not (role 'A' or role 'B') and role 'C'",
        ),
    ] {
        let mut bench = Bench::warm(&with_rules(json!([{"name": "r", "require": require}])));
        assert_eq!(bench.code(&ada().build()), "rule_unsatisfied");
        let reason = bench.audit()[0]["reason"].as_str().unwrap().to_owned();
        assert!(
            reason.ends_with(&format!("rule r requires {text}")),
            "{reason}"
        );
    }
}
