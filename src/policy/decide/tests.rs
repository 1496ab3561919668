//! Tests of whether a decision depends on the model, and of the rule that a denial names.

use super::super::requirement::Condition;
use super::super::rule::{Match, Models};
use super::*;
use crate::http::cluster::Cluster;
use crate::mcp::Mcp;
use crate::model::Model;
use crate::pattern::Pattern;
use crate::policy::context::{Peer, RequestContext};
use crate::time::Timestamp;
use crate::token::claims::tests::anyone;

const PATH: &str = "/v1/chat/completions";

fn request(path: &str) -> Request {
    Request {
        method: "POST".into(),
        host: "a.contoso.com".into(),
        path: path.into(),
        cluster: Cluster::default(),
        model: Model::Unread,
        mcp: Mcp::Unread,
    }
}

/// An allow rule for [`PATH`] that requires the role.
fn rule_requiring(role: &str) -> Rule {
    Rule {
        name: role.into(),
        matches: Match {
            paths: vec![Pattern::path(PATH)],
            ..Match::default()
        },
        require: Condition::Role(role.to_owned()).into(),
        effect: Effect::Allow {
            credential: Some(0),
        },
        bill_to: None,
        mode: Mode::Enforce,
    }
}

/// Restricts the rule to some models.
fn limited_to_models(mut rule: Rule) -> Rule {
    rule.matches.models = Models {
        patterns: vec![Pattern::path("org/*")],
        denies: false,
    };
    rule
}

/// Decides for a caller with the role `Held`, before the model is known.
fn decide(rules: Vec<Rule>) -> Decision {
    let caller = Claims {
        roles: ["Held".into()].into(),
        ..anyone()
    };
    let context = RequestContext {
        now: Timestamp::from_secs(0),
        source: None,
        peer: Peer::Unknown,
        directory: Directory::NotQueried,
    };
    let facts = Facts::of(&caller, &context);
    Policy::new(Vec::new(), rules).decide_on(&request(PATH), facts)
}

#[test]
fn permit_before_a_model_rule_does_not_depend_on_the_model() {
    let elsewhere = || Rule {
        matches: Match {
            paths: vec![Pattern::path("/other")],
            ..Match::default()
        },
        ..rule_requiring("Held")
    };
    let open = || limited_to_models(rule_requiring("Other"));
    for (first, hangs) in [
        (rule_requiring("Held"), false),
        (rule_requiring("Other"), true),
        (elsewhere(), true),
    ] {
        let decision = decide(vec![first.clone(), open()]);
        assert_eq!(decision.depends_on_body, hangs, "{first:?}");
        assert_eq!(decision.outcome.is_ok(), !hangs, "{first:?}");
    }
}

#[test]
fn model_is_needed_only_if_a_matching_rule_names_models() {
    let policy = Policy::new(
        Vec::new(),
        vec![
            rule_requiring("Held"),
            limited_to_models(rule_requiring("Other")),
        ],
    );
    assert!(policy.may_need_model(&request(PATH)));
    assert!(!policy.may_need_model(&request("/other")));
    let policy = Policy::new(Vec::new(), vec![rule_requiring("Held")]);
    assert!(!policy.may_need_model(&request(PATH)));
}

#[test]
fn denial_names_the_first_allow_rule_that_matches() {
    let shadow = Rule {
        mode: Mode::Shadow,
        ..rule_requiring("Shadow")
    };
    let deny = Rule {
        effect: Effect::Deny,
        ..rule_requiring("Denied")
    };
    let mut elsewhere = rule_requiring("Elsewhere");
    elsewhere.matches.hosts = vec![Pattern::host("b.contoso.com")];
    let others = (0..20).map(|index| rule_requiring(&format!("Other-{index}")));
    let first = [shadow, deny, elsewhere, rule_requiring("Named")];
    let decision = decide(first.into_iter().chain(others).collect());
    let Err(Denial::RuleUnsatisfied { rule, .. }) = decision.outcome else {
        panic!("{:?}", decision.outcome)
    };
    assert_eq!(&*rule, "Named");
}
