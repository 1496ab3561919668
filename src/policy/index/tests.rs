//! Tests of the rules that the index excludes, and of the rules that it must not exclude.

use super::super::rule::{Clusters, Models};
use super::*;
use crate::http::cluster::Cluster;
use crate::mcp::Mcp;
use crate::model::Model;
use crate::token::claims::Groups;
use crate::token::claims::tests::anyone;
use crate::token::kind::Kind;

/// Enough other rules so that the index is used and a set of rules needs two words.
const OTHERS: usize = 70;

fn request(model: Model) -> Request {
    Request {
        method: "POST".into(),
        host: "a.contoso.com".into(),
        path: "/v1/chat/completions".into(),
        cluster: Cluster::reported(Some(b"hf-read")),
        model,
        mcp: Mcp::Unread,
    }
}

fn named(model: &str) -> Model {
    Model::Named(model.to_owned())
}

/// Builds one rule per list of texts, preceded by unrelated rules.
fn rules(other: &str, texts: &[&[&str]], make: fn(&[&str]) -> Match) -> Matches {
    let others = (0..OTHERS).map(|index| make(&[&other.replace('#', &index.to_string())]));
    let rules: Vec<Match> = others
        .chain(texts.iter().map(|texts| make(texts)))
        .collect();
    Matches::of(rules.iter())
}

/// Returns the positions of the found rules of the texts; no unrelated rule may be found.
fn indices(found: &Bits) -> Vec<usize> {
    found
        .iter()
        .map(|index| {
            index
                .checked_sub(OTHERS)
                .expect("a rule for something else")
        })
        .collect()
}

#[test]
fn path_selects_its_rules() {
    let make = |texts: &[&str]| Match {
        paths: texts.iter().map(|text| Pattern::path(text)).collect(),
        ..Match::default()
    };
    let texts: [&[&str]; 9] = [
        &["/v1/**"],
        &["/v1/chat/completions"],
        &["/v2/**"],
        &["/v1/chat"],
        &[],
        &["**"],
        &["/v2/x", "/v1/chat/*"],
        &["/v1*"],
        &["/V1/**"],
    ];
    for other in ["/other-#/**", "/other-#"] {
        let found = rules(other, &texts, make).candidates(&request(Model::None));
        // The last pattern also matches other paths; the decision checks each selected rule again.
        assert_eq!(indices(&found), [0, 1, 4, 5, 6, 7, 8], "{other}");
    }
}

#[test]
fn method_selects_its_rules() {
    let make = |texts: &[&str]| Match {
        methods: texts.iter().map(|text| (*text).to_owned()).collect(),
        ..Match::default()
    };
    let texts: [&[&str]; 4] = [&["POST"], &["GET"], &[], &["GET", "POST"]];
    let found = rules("OTHER#", &texts, make).candidates(&request(Model::None));
    assert_eq!(indices(&found), [0, 2, 3]);
}

#[test]
fn host_selects_its_rules() {
    let make = |texts: &[&str]| Match {
        hosts: texts.iter().map(|text| Pattern::host(text)).collect(),
        ..Match::default()
    };
    let texts: [&[&str]; 4] = [&["A.contoso.com"], &["*.contoso.com"], &["a.*"], &["b.*"]];
    let found = rules("#.example", &texts, make).candidates(&request(Model::None));
    assert_eq!(indices(&found), [0, 1, 2]);
}

#[test]
fn unknown_cluster_selects_all_rules() {
    let make = |texts: &[&str]| Match {
        clusters: Clusters {
            patterns: texts.iter().map(|text| Pattern::cluster(text)).collect(),
            denies: false,
        },
        ..Match::default()
    };
    let texts: [&[&str]; 5] = [&["hf-read"], &["hf-*"], &[], &["hf-write"], &["b/**"]];
    let index = rules("other-#", &texts, make);
    let mut request = request(Model::None);
    // `hf-*` has no literal first segment, so it is selected for every cluster.
    assert_eq!(indices(&index.candidates(&request)), [0, 1, 2]);
    request.cluster = Cluster::default();
    assert_eq!(index.candidates(&request).count(), OTHERS + 5);
}

#[test]
fn unknown_model_selects_all_rules() {
    let make = |texts: &[&str]| Match {
        models: Models {
            patterns: texts.iter().map(|text| Pattern::path(text)).collect(),
            denies: false,
        },
        ..Match::default()
    };
    let index = rules("other/#", &[&["org/a"], &["org/*"], &["x/*"], &[]], make);
    let known_model = request(named("org/a"));
    assert_eq!(indices(&index.candidates(&known_model)), [0, 1, 3]);
    assert_eq!(indices(&index.candidates_by_model(&known_model)), [0, 1]);
    let unknown_model = request(Model::Unread);
    assert_eq!(index.candidates(&unknown_model).count(), OTHERS + 4);
    assert_eq!(
        index.candidates_by_model(&unknown_model).count(),
        OTHERS + 3
    );
}

const GROUP: &str = "aaaaaaaa-0000-4000-8000-000000000001";

/// Returns the requirements that the caller may satisfy; no rule that requires another role may be
/// found.
fn satisfiable(requirements: &[Requirement], caller: &Claims) -> Vec<usize> {
    let others = (0..OTHERS).map(|index| Condition::Role(format!("Other-{index}")).into());
    let rules: Vec<_> = others.chain(requirements.iter().cloned()).collect();
    let mut found = Bits::all(rules.len());
    Callers::of(rules.iter()).narrow(&mut found, caller);
    indices(&found)
}

fn ada() -> Claims {
    Claims {
        roles: ["Query".into()].into(),
        scopes: ["read".into()].into(),
        object: "Ada".into(),
        client: Some("Notebook".into()),
        groups: Groups {
            listed: [GROUP.into()].into(),
            overage: false,
        },
        ..anyone()
    }
}

#[test]
fn caller_selects_the_rules_it_may_satisfy() {
    type Ask = fn(String) -> Condition;
    let asks: [(Ask, &str, &str); 5] = [
        (Condition::Role, "Query", "query"),
        (Condition::Scope, "read", "write"),
        (Condition::Client, "notebook", "other"),
        (Condition::Object, "ADA", "other"),
        (Condition::Group, &GROUP.to_uppercase(), "sales"),
    ];
    for (ask, own, other) in asks {
        let requirements_of_rule = [own, other, own].map(|text| ask(text.to_owned()).into());
        assert_eq!(
            satisfiable(&requirements_of_rule, &ada()),
            [0, 2],
            "{requirements_of_rule:?}"
        );
        assert!(
            satisfiable(&requirements_of_rule, &anyone()).is_empty(),
            "{requirements_of_rule:?}"
        );
    }
}

#[test]
fn unknown_groups_select_all_group_rules() {
    let mut olga = anyone();
    olga.groups.overage = true;
    let requirements_of_rule = [
        Condition::Group(GROUP.to_owned()).into(),
        Condition::Role("Query".to_owned()).into(),
        Condition::Group("sales".to_owned()).into(),
    ];
    assert_eq!(satisfiable(&requirements_of_rule, &olga), [0, 2]);
}

#[test]
fn rule_is_excluded_only_if_it_cannot_be_satisfied() {
    let role = |name: &str| Requirement::from(Condition::Role(name.to_owned()));
    let user = || Requirement::from(Condition::Kind(Kind::User));
    let any = Requirement::Any;
    let all = Requirement::All;
    for (requirement, may_hold) in [
        (user(), true),
        (Requirement::Not(Box::new(role("x"))), true),
        (all(vec![]), true),
        (any(vec![]), false),
        (all(vec![user(), role("Query")]), true),
        (all(vec![user(), role("x")]), false),
        // The part with the fewest possible callers is used.
        (
            all(vec![any(vec![role("Query"), role("y")]), role("x")]),
            false,
        ),
        (any(vec![role("x"), role("Query")]), true),
        (any(vec![role("x"), role("y")]), false),
        (any(vec![role("x"), user()]), true),
        (any(vec![role("x"), all(vec![user(), role("Query")])]), true),
    ] {
        let expected: &[usize] = if may_hold { &[0] } else { &[] };
        let requirements_of_rule = std::slice::from_ref(&requirement);
        assert_eq!(
            satisfiable(requirements_of_rule, &ada()),
            expected,
            "{requirement:?}"
        );
    }
}
