//! Rules on JSON-RPC messages with which no client of an MCP server could work.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use entragate::mcp::CALL;
use entragate::policy::rule::{Effect, Match, Mode, Policy};

/// The methods with which a client starts, in revisions with sessions and since revision 2026-07-28.
const START: [&str; 2] = ["initialize", "server/discover"];

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let Some(config) = scene.config else { return };
    for (name, matches, _) in all(&config.policy) {
        let takes_post = matches.methods.is_empty() || matches.methods.iter().any(|m| m == "POST");
        if matches.mcp.are_named() && !takes_post {
            let place = scene.at(&format!("{}.match.methods", scene.rule_path(name)));
            let message = "excludes POST, which all messages to MCP servers use; add POST";
            findings.add_inside(&ids::MCP_WITHOUT_POST, place, Some(name), message);
        }
    }
    let permitting = all(&config.policy).filter(|(_, _, permits)| *permits);
    let permitting: Vec<(&str, &Match)> = permitting
        .map(|(name, matches, _)| (name, matches))
        .collect();
    let mut callers = permitting
        .iter()
        .filter(|(_, matches)| matches.mcp.are_named() && includes(matches, CALL));
    let cannot_start = |(_, own): &&(&str, &Match)| {
        let starts = |(_, other): &(&str, &Match)| {
            shares_a_place(own, other) && START.iter().any(|method| includes(other, method))
        };
        !permitting.iter().any(starts)
    };
    if let Some((name, _)) = callers.find(cannot_start) {
        let place = scene.at(&format!("{}.match.mcp", scene.rule_path(name)));
        let message = "permits calls of tools, but no rule permits `initialize` there, which a client sends first; \
                       permit initialize, notifications/*, ping and tools/list too";
        findings.add_inside(&ids::MCP_WITHOUT_START, place, Some(name), message);
    }
}

/// All rules: their names, their matches, and whether they permit.
fn all(policy: &Policy) -> impl Iterator<Item = (&str, &Match, bool)> {
    let anonymous = policy.anonymous.iter();
    let anonymous = anonymous.map(|rule| (&*rule.name, &rule.matches, true));
    let rules = policy.rules.iter().map(|rule| {
        let permits = rule.mode == Mode::Enforce && matches!(rule.effect, Effect::Allow { .. });
        (&*rule.name, &rule.matches, permits)
    });
    anonymous.chain(rules)
}

/// Whether a rule matches a message with this method.
fn includes(matches: &Match, method: &str) -> bool {
    !matches.mcp.are_named() || matches.mcp.methods.iter().any(|own| own.matches(method))
}

/// Whether two rules may match requests for the same server from the same callers.
fn shares_a_place(one: &Match, other: &Match) -> bool {
    let meets = |wide: &Match, narrow: &Match| {
        let mut pairs = wide
            .paths
            .iter()
            .flat_map(|wide| narrow.paths.iter().map(move |narrow| (wide, narrow)));
        pairs.any(|(wide, narrow)| wide == narrow || wide.matches(narrow.as_str()))
    };
    let same_callers = one.issuers.is_empty()
        || other.issuers.is_empty()
        || one
            .issuers
            .iter()
            .any(|issuer| other.issuers.contains(issuer));
    if !same_callers {
        return false;
    }
    one.paths.is_empty() || other.paths.is_empty() || meets(one, other) || meets(other, one)
}
