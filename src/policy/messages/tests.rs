//! Tests of the messages that a rule matches, and of batches.

use super::super::requirement::{Condition, Requirement};
use super::super::rule::{AnonymousRule, Effect, Match, Mode, Rule};
use super::*;
use crate::decision::BodyUnavailable;
use crate::http::cluster::Cluster;
use crate::model::Model;
use crate::time::Timestamp;
use crate::token::claims::tests::anyone;
use std::sync::Arc;

fn message(method: &str, tool: Option<&str>) -> Arc<Message> {
    Arc::new(Message {
        method: method.into(),
        tool: tool.map(Arc::from),
        id: None,
        name: None,
    })
}

fn call(tool: &str) -> Arc<Message> {
    message(CALL, Some(tool))
}

fn request(method: &str, mcp: Mcp) -> Request {
    Request {
        method: method.into(),
        host: "a".into(),
        path: "/mcp".into(),
        cluster: Cluster::default(),
        model: Model::Unknown,
        mcp,
    }
}

fn post(messages: &[Arc<Message>]) -> Request {
    let mcp = match messages {
        [only] => Mcp::Message(only.clone()),
        several => Mcp::Batch(several.into()),
    };
    request("POST", mcp)
}

fn messages(methods: &[&str], tools: &[&str], denies: bool) -> Messages {
    let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::path(text)).collect();
    Messages {
        methods: patterns(methods),
        tools: patterns(tools),
        denies,
    }
}

#[test]
fn tools_limit_only_calls() {
    for (methods, tools, denies, own, expected) in [
        (
            &["tools/call"][..],
            &["hub_*"][..],
            false,
            call("hub_x"),
            true,
        ),
        (&["tools/call"], &["hub_*"], false, call("HUB_x"), false),
        (&["tools/call"], &["hub_*"], false, call("x"), false),
        (
            &["tools/call"],
            &["hub_*"],
            false,
            message(CALL, None),
            false,
        ),
        (&["tools/call"], &[], false, message(CALL, None), true),
        (
            &["tools/call"],
            &["hub_*"],
            false,
            message("ping", None),
            false,
        ),
        (&["**"], &["hub_*"], false, message("ping", None), true),
        (&["**"], &["hub_*"], false, call("x"), false),
        (
            &["notifications/*"],
            &[],
            false,
            message("notifications/a", None),
            true,
        ),
        (
            &["notifications/*"],
            &[],
            false,
            message("notifications/a/b", None),
            false,
        ),
        (&["Ping"], &[], false, message("ping", None), false),
        // A deny rule ignores case, and matches a call whose tool is unknown.
        (&["tools/call"], &["hub_*"], true, call("HUB_x"), true),
        (&["tools/call"], &["hub_*"], true, call("x"), false),
        (&["tools/call"], &["hub_*"], true, message(CALL, None), true),
        (&["ping"], &[], true, message("PING", None), true),
    ] {
        let rule = messages(methods, tools, denies);
        let found = rule.cover(&post(std::slice::from_ref(&own)));
        assert_eq!(
            found,
            Some(expected),
            "{methods:?} {tools:?} {denies} {own:?}"
        );
    }
}

#[test]
fn request_without_messages_is_not_matched() {
    let call_of_tool = || Mcp::Message(call("hub_x"));
    let broken = || Mcp::Unavailable(BodyUnavailable::Unreadable("broken"));
    for (request, permitting, denying) in [
        (request("POST", Mcp::None), Some(false), Some(false)),
        (request("GET", Mcp::None), Some(false), Some(false)),
        (request("POST", Mcp::Unread), None, None),
        (request("POST", broken()), None, None),
        (request("GET", broken()), Some(false), None),
        (request("PUT", call_of_tool()), Some(false), Some(true)),
        (request("POST", call_of_tool()), Some(true), Some(true)),
    ] {
        let cover = |denies| messages(&["tools/call"], &["hub_*"], denies).cover(&request);
        assert_eq!(cover(false), permitting, "{request:?}");
        assert_eq!(cover(true), denying, "{request:?}");
        assert_eq!(Messages::default().cover(&request), Some(true));
    }
}

fn rule(name: &str, tool: &str, effect: Effect, bill_to: Option<&str>) -> Rule {
    let denies = effect == Effect::Deny;
    Rule {
        name: name.into(),
        matches: Match {
            mcp: messages(&[CALL], &[tool], denies),
            ..Match::default()
        },
        require: Requirement::All(Vec::new()),
        effect,
        bill_to: bill_to.map(Arc::from),
        mode: Mode::Enforce,
    }
}

/// Returns the rule that permits the calls, or the code of the denial.
fn decide(rules: &[Rule], tools: &[&str]) -> Result<String, &'static str> {
    let caller = anyone();
    let context = RequestContext::unknown(Timestamp::from_secs(0));
    let facts = Facts::of(&caller, &context);
    let calls: Vec<_> = tools.iter().map(|tool| call(tool)).collect();
    let request = request("POST", Mcp::Batch(calls.into()));
    let decision = Policy::new(Vec::new(), rules.to_vec()).decide_all(&request, facts);
    assert!(!decision.depends_on_body);
    let permit = decision.outcome.map_err(|denial| denial.code())?;
    Ok(permit.rule().to_string())
}

#[test]
fn batch_is_permitted_only_as_a_whole() {
    let allow = |credential| Effect::Allow {
        credential: Some(credential),
    };
    let rules = [
        rule("no-x", "x*", Effect::Deny, None),
        rule("a", "a", allow(0), None),
        rule("b", "b", allow(0), None),
        rule("c", "c", allow(1), None),
        rule("d", "d", allow(0), Some("team")),
        rule("n", "n", Effect::Allow { credential: None }, None),
    ];
    for (tools, expected) in [
        (&["a"][..], Ok("a")),
        (&["a", "b", "a"], Ok("a")),
        (&["b", "a"], Ok("b")),
        (&["a", "c"], Err("request_ambiguous")),
        (&["a", "d"], Err("request_ambiguous")),
        (&["a", "n"], Err("request_ambiguous")),
        (&["a", "other"], Err("no_rule")),
        (&["other", "a"], Err("no_rule")),
        (&["a", "x1"], Err("denied_by_rule")),
        (&["a", "X1", "other"], Err("denied_by_rule")),
        (&["a", "c", "other"], Err("no_rule")),
    ] {
        let found = decide(&rules, tools);
        assert_eq!(found.as_deref(), expected.as_ref().copied(), "{tools:?}");
    }
}

#[test]
fn shadow_rules_see_every_message_of_a_batch() {
    let shadow = |name: &str, tool: &str| Rule {
        mode: Mode::Shadow,
        ..rule(name, tool, Effect::Deny, None)
    };
    let rules = vec![
        shadow("a", "a"),
        shadow("b", "b"),
        rule("all", "**", Effect::Allow { credential: None }, None),
    ];
    let calls = ["b", "a", "b"].map(call);
    let caller = anyone();
    let context = RequestContext::unknown(Timestamp::from_secs(0));
    let decision =
        Policy::new(Vec::new(), rules).decide_all(&post(&calls), Facts::of(&caller, &context));
    let names: Vec<&str> = decision.shadow.iter().map(|entry| &*entry.rule).collect();
    assert_eq!(names, ["b", "a"]);
    assert!(decision.outcome.is_ok());
}

#[test]
fn batch_is_anonymous_only_as_a_whole() {
    let anonymous = |name: &str, credential| AnonymousRule {
        name: name.into(),
        matches: Match {
            mcp: messages(&[CALL], &[name], false),
            ..Match::default()
        },
        credential,
        bill_to: None,
    };
    let rules = vec![
        anonymous("a", None),
        anonymous("b", None),
        anonymous("c", Some(0)),
    ];
    let policy = Policy::new(rules, Vec::new());
    let decide = |tools: &[&str]| {
        let calls: Vec<_> = tools.iter().map(|tool| call(tool)).collect();
        let permit = policy.permit_anonymous(&post(&calls))?;
        Some(permit.map(|permit| permit.rule().to_string()).ok())
    };
    assert_eq!(decide(&["a"]), Some(Some("a".to_owned())));
    assert_eq!(decide(&["b", "a"]), Some(Some("b".to_owned())));
    assert_eq!(decide(&["a", "x"]), None);
    assert_eq!(decide(&["a", "c"]), Some(None));
    assert!(!policy.anonymous_needs_body(&post(&["a", "b"].map(call))));
    assert!(policy.anonymous_needs_body(&request("POST", Mcp::Unread)));
}

#[test]
fn decision_waits_for_messages_only_if_a_rule_needs_them() {
    let mut own = rule("a", "a", Effect::Allow { credential: None }, None);
    own.matches.paths = vec![Pattern::path("/mcp")];
    own.require = Condition::Role("Other".to_owned()).into();
    let policy = Policy::new(Vec::new(), vec![own]);
    let unread = request("POST", Mcp::Unread);
    assert!(policy.may_need_messages(&unread) && policy.expects_messages_at(&unread));
    let elsewhere = Request {
        path: "/v1/x".into(),
        ..unread.clone()
    };
    assert!(!policy.may_need_messages(&elsewhere) && !policy.expects_messages_at(&elsewhere));
    assert!(policy.expects_messages_at(&request("GET", Mcp::None)));
    let caller = anyone();
    let context = RequestContext::unknown(Timestamp::from_secs(0));
    let facts = Facts::of(&caller, &context);
    assert!(policy.decide_all(&unread, facts).depends_on_body);
    assert!(!policy.decide_all(&elsewhere, facts).depends_on_body);
    let broken = Mcp::Unavailable(BodyUnavailable::Ambiguous("twice"));
    let decision = policy.decide_all(&request("POST", broken), facts);
    assert_eq!(decision.outcome, Err(Denial::RequestAmbiguous("twice")));
}
