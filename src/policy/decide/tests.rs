//! What a decision hangs on, and which rule a refusal names.

use super::super::rule::{Match, Models, Requirement};
use super::*;
use crate::http::cluster::Cluster;
use crate::model::Model;
use crate::pattern::Pattern;
use crate::policy::context::Peer;
use crate::time::Timestamp;
use crate::token::claims::tests::anyone;

const PATH: &str = "/v1/chat/completions";

fn request(path: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        host: "a.contoso.com".to_owned(),
        path: path.to_owned(),
        cluster: Cluster::default(),
        model: Model::Unread,
    }
}

/// An allow rule about [`PATH`] that asks for that role.
fn asking(role: &str) -> Rule {
    Rule {
        name: role.into(),
        matches: Match {
            paths: vec![Pattern::path(PATH)],
            ..Match::default()
        },
        require: Requirement::Role(role.to_owned()),
        effect: Effect::Allow {
            credential: Some(0),
        },
        mode: Mode::Enforce,
    }
}

/// The same about some models.
fn of_models(mut rule: Rule) -> Rule {
    rule.matches.models = Models {
        patterns: vec![Pattern::path("org/*")],
        denies: false,
    };
    rule
}

/// About a caller of one role, before the model is known.
fn decide(rules: Vec<Rule>) -> Decision {
    let caller = Claims {
        roles: ["Held".into()].into(),
        ..anyone()
    };
    let surroundings = RequestContext {
        now: Timestamp::from_secs(0),
        source: None,
        peer: Peer::Unknown,
        directory: Directory::NotAsked,
    };
    let facts = Facts::of(&caller, &surroundings);
    Policy::new(Vec::new(), rules).decide_on(&request(PATH), facts)
}

#[test]
fn what_permits_before_a_rule_about_models_settles_it() {
    let elsewhere = || Rule {
        matches: Match {
            paths: vec![Pattern::path("/other")],
            ..Match::default()
        },
        ..asking("Held")
    };
    let open = || of_models(asking("Other"));
    for (first, hangs) in [
        (asking("Held"), false),
        (asking("Other"), true),
        (elsewhere(), true),
    ] {
        let decision = decide(vec![first.clone(), open()]);
        assert_eq!(decision.hangs_on_model, hangs, "{first:?}");
        assert_eq!(decision.outcome.is_ok(), !hangs, "{first:?}");
    }
}

#[test]
fn a_model_is_asked_for_only_where_a_rule_about_the_request_names_models() {
    let policy = Policy::new(Vec::new(), vec![asking("Held"), of_models(asking("Other"))]);
    assert!(policy.may_ask_for_model(&request(PATH)));
    assert!(!policy.may_ask_for_model(&request("/other")));
    let policy = Policy::new(Vec::new(), vec![asking("Held")]);
    assert!(!policy.may_ask_for_model(&request(PATH)));
}

#[test]
fn a_refusal_by_many_rules_names_the_first_that_could_have_permitted() {
    let shadow = Rule {
        mode: Mode::Shadow,
        ..asking("Shadow")
    };
    let deny = Rule {
        effect: Effect::Deny,
        ..asking("Denied")
    };
    let mut elsewhere = asking("Elsewhere");
    elsewhere.matches.hosts = vec![Pattern::host("b.contoso.com")];
    let others = (0..20).map(|index| asking(&format!("Other-{index}")));
    let first = [shadow, deny, elsewhere, asking("Named")];
    let decision = decide(first.into_iter().chain(others).collect());
    let Err(Denial::RuleUnsatisfied { rule, .. }) = decision.outcome else {
        panic!("{:?}", decision.outcome)
    };
    assert_eq!(&*rule, "Named");
}
