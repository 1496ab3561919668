//! Generates policies, requests and callers in which many rules match.

use super::super::messages::Messages;
use super::super::requirement::{Condition, Requirement};
use super::super::rule::{AnonymousRule, Clusters, Effect, Match, Mode, Models, Policy, Rule};
use crate::decision::BodyUnavailable;
use crate::http::cluster::Cluster;
use crate::mcp::{Mcp, Message};
use crate::model::Model;
use crate::model::request::Request;
use crate::pattern::Pattern;
use crate::token::claims::tests::anyone;
use crate::token::claims::{Claims, Groups, SignIn};
use crate::token::facets::Actor;
use crate::token::kind::Kind;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::sync::Arc;

const PATHS: [&str; 9] = [
    "/v1/**",
    "/v1/chat/completions",
    "/v1/*",
    "/**",
    "**",
    "/v1/chat/**",
    "/a/**",
    "/A",
    "/v1*",
];
const HOSTS: [&str; 4] = ["a.contoso.com", "*.contoso.com", "a.*", "**"];
const MODELS: [&str; 6] = ["org/a", "org/*", "Org/A", "other/**", "*/a", "org/a*"];
const CLUSTERS: [&str; 4] = ["hf", "hf-*", "other/*", "**"];
const METHODS: [&str; 6] = [
    "tools/call",
    "tools/*",
    "ping",
    "**",
    "Ping",
    "resources/**",
];
const TOOLS: [&str; 6] = ["hub_search", "hub_*", "a/*", "A/b", "**", "*_search"];
const GROUPS: [&str; 3] = [
    "aaaaaaaa-0000-4000-8000-000000000001",
    "AAAAAAAA-0000-4000-8000-000000000001",
    "researchers",
];
const OBJECTS: [&str; 2] = ["bbbbbbbb-0000-4000-8000-000000000001", "Somebody"];

const CALLERS: [&str; 4] = [
    "BBBBBBBB-0000-4000-8000-000000000001",
    "Somebody",
    "somebody",
    "else",
];

fn some<T: Clone + std::fmt::Debug + 'static>(
    of: &'static [&'static str],
    make: fn(&str) -> T,
) -> BoxedStrategy<Vec<T>> {
    let list = subsequence(of, 0..=of.len().min(2));
    list.prop_map(move |texts| texts.into_iter().map(make).collect())
        .boxed()
}

fn matches() -> impl Strategy<Value = Match> {
    (
        some(&HOSTS, Pattern::host),
        some(&["GET", "POST"], str::to_owned),
        some(&PATHS, Pattern::path),
        weighted(0.3, some(&MODELS, str::to_owned)),
        weighted(0.3, some(&CLUSTERS, Pattern::cluster)),
        some(&["contoso"], |name| name.into()),
        weighted(0.4, messages()),
    )
        .prop_map(
            |(hosts, methods, paths, models, clusters, issuers, mcp)| Match {
                hosts,
                methods,
                paths,
                models: Models {
                    patterns: models
                        .into_iter()
                        .flatten()
                        .map(|text| Pattern::path(&text))
                        .collect(),
                    denies: false,
                },
                mcp: mcp.unwrap_or_default(),
                clusters: Clusters {
                    patterns: clusters.unwrap_or_default(),
                    denies: false,
                },
                issuers,
            },
        )
}

/// If only tools are named, the method is `tools/call`, as in the configuration.
fn messages() -> impl Strategy<Value = Messages> {
    let tools = weighted(0.7, some(&TOOLS, Pattern::path));
    (some(&METHODS, Pattern::path), tools).prop_map(|(methods, tools)| Messages {
        methods: match methods.is_empty() {
            true => vec![Pattern::path(METHODS[0])],
            false => methods,
        },
        tools: tools.unwrap_or_default(),
        denies: false,
    })
}

/// Builds the match of a deny rule as the configuration does: its models and messages match in any case.
fn denying(mut matches: Match) -> Match {
    let lower = |pattern: &Pattern| Pattern::path(&pattern.as_str().to_lowercase());
    let models = &mut matches.models;
    models.patterns = models.patterns.iter().map(lower).collect();
    models.denies = true;
    let mcp = &mut matches.mcp;
    mcp.methods = mcp.methods.iter().map(lower).collect();
    mcp.tools = mcp.tools.iter().map(lower).collect();
    mcp.denies = true;
    matches.clusters.denies = true;
    matches
}

fn requirement() -> impl Strategy<Value = Requirement> {
    let text = |of: &'static [&'static str]| select(of).prop_map(str::to_owned);
    let leaf = prop_oneof![
        text(&["Query", "query", "Other"]).prop_map(Condition::Role),
        text(&GROUPS).prop_map(Condition::Group),
        text(&["read", "write"]).prop_map(Condition::Scope),
        text(&OBJECTS).prop_map(Condition::Client),
        text(&OBJECTS).prop_map(Condition::Object),
        Just(Condition::Kind(Kind::User)),
        Just(Condition::Actor(Actor::Agent)),
        text(&["c1", "c2"]).prop_map(Condition::AuthContext),
        Just(Condition::Issuer("contoso".into())),
    ]
    .prop_map(Requirement::Condition);
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Requirement::All),
            vec(inner.clone(), 0..4).prop_map(Requirement::Any),
            inner.prop_map(|part| Requirement::Not(Box::new(part))),
        ]
    })
}

/// Enough rules for the index to be used.
pub(super) fn policy() -> impl Strategy<Value = Policy> {
    let rule = (
        matches(),
        requirement(),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    );
    let rules = vec(rule, 17..90).prop_map(|rules| {
        let rules = rules.into_iter().enumerate();
        let rule = |(index, (matches, require, deny, shadow))| Rule {
            name: format!("r{index}").into(),
            matches: if deny { denying(matches) } else { matches },
            require,
            effect: if deny {
                Effect::Deny
            } else {
                Effect::Allow {
                    credential: Some(index).filter(|index| index % 5 > 0),
                }
            },
            bill_to: None,
            mode: if shadow { Mode::Shadow } else { Mode::Enforce },
        };
        rules.map(rule).collect()
    });
    let anonymous = vec(matches(), 0..30).prop_map(|all| {
        let all = all.into_iter().enumerate();
        let rule = |(index, matches)| AnonymousRule {
            name: format!("a{index}").into(),
            matches: Match {
                issuers: Vec::new(),
                ..matches
            },
            credential: None,
            bill_to: None,
        };
        all.map(rule).collect()
    });
    (anonymous, rules).prop_map(|(anonymous, rules)| Policy::new(anonymous, rules))
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let paths = [
        "/v1/chat/completions",
        "/v1/models",
        "/v1/",
        "/v1",
        "/a/b",
        "/A",
        "/a",
        "/",
    ];
    let hosts = [
        "a.contoso.com",
        "b.contoso.com",
        "a.b.contoso.com",
        "a.x",
        "",
    ];
    let model = prop_oneof![
        select(
            &[
                "org/a",
                "ORG/A",
                "Org/A",
                "org/b",
                "other/x/y",
                "x/a",
                "org"
            ][..]
        )
        .prop_map(|name| Model::Named(name.to_owned())),
        Just(Model::None),
        Just(Model::Unknown),
        Just(Model::Unread),
        Just(Model::Unavailable(BodyUnavailable::Withheld)),
    ];
    let text = |of: Vec<&'static str>| select(of).prop_map(str::to_owned);
    (
        text(vec!["GET", "POST", "PUT"]),
        text(hosts.to_vec()),
        text(paths.to_vec()),
        weighted(0.7, select(&["hf", "hf-eu", "other/hf", "x"][..])),
        model,
        mcp(),
    )
        .prop_map(|(method, host, path, cluster, model, mcp)| Request {
            method: method.into(),
            host: host.into(),
            path: path.into(),
            cluster: Cluster::reported(cluster.map(str::as_bytes)),
            model,
            mcp,
        })
}

fn mcp() -> impl Strategy<Value = Mcp> {
    const METHODS: [&str; 5] = ["tools/call", "ping", "Ping", "tools/list", "resources/a/b"];
    const TOOLS: [&str; 7] = [
        "hub_search",
        "HUB_search",
        "hub_x",
        "a/b",
        "A/b",
        "a_search",
        "x",
    ];
    let message = (select(&METHODS[..]), weighted(0.8, select(&TOOLS[..])));
    let message = message.prop_map(|(method, tool)| Message {
        method: method.into(),
        tool: tool.filter(|_| method == "tools/call").map(Arc::from),
        id: None,
        name: None,
    });
    prop_oneof![
        4 => message.prop_map(|message| Mcp::Message(message.into())),
        1 => Just(Mcp::None),
        1 => Just(Mcp::Unread),
        1 => Just(Mcp::Unavailable(BodyUnavailable::Ambiguous("twice"))),
    ]
}

pub(super) fn caller() -> impl Strategy<Value = Claims> {
    (
        some(&["Query", "Other", "third"], |text| text.into()),
        some(&GROUPS, |text| text.into()),
        any::<bool>(),
        some(&["read", "write"], |text| text.into()),
        select(&CALLERS[..]),
        weighted(0.7, select(&CALLERS[..])),
        (
            weighted(0.5, select(&[Kind::User, Kind::Agent][..])),
            weighted(0.5, select(&[Actor::Agent, Actor::NoAgent][..])),
        ),
        weighted(
            0.5,
            Just(SignIn {
                host: "login.example",
                tenant: "t".into(),
            }),
        ),
        select(&["contoso", "fabrikam"][..]),
    )
        .prop_map(
            |(
                roles,
                listed,
                overage,
                scopes,
                object,
                client,
                (kind, actor),
                step_up_at,
                issuer,
            )| Claims {
                issuer: issuer.into(),
                object: object.into(),
                client: client.map(Arc::from),
                kind,
                actor,
                roles: roles.into(),
                groups: Groups {
                    listed: listed.into(),
                    overage,
                },
                scopes: scopes.into(),
                step_up_at: step_up_at.map(Box::new),
                ..anyone()
            },
        )
}
