//! Rules that distinguish agents from other callers, although tokens may not show the difference.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use entragate::policy::requirement::Condition;
use entragate::policy::rule::{Effect, Rule};
use entragate::token::issuer::{Authority, Issuer};
use entragate::token::kind::Kind;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let Some(config) = scene.config else { return };
    for rule in &config.policy.rules {
        let place = || scene.at(&scene.rule_path(&rule.name));
        let issuers = || {
            config
                .issuers
                .iter()
                .filter(|issuer| rule.is_open_to(&issuer.name))
        };
        let mut unknown = issuers().filter(|issuer| has_facets(issuer) != Some(true));
        if let Some(issuer) = unknown.next()
            && may_be_indeterminate(rule)
        {
            let effect = match rule.effect {
                Effect::Deny => "denies",
                Effect::Allow { .. } => "does not permit",
            };
            let message = format!(
                "{effect} callers of issuer {:?} whose tokens do not show whether an agent acts; request the facets and \
                 set `entra.agent_claims`, or limit the rule to other issuers",
                &*issuer.name
            );
            findings.add_inside(&ids::ACTOR_NOT_SHOWN, place(), Some(&rule.name), message);
        }
        if denies_apps_only(rule) && issuers().any(|issuer| has_facets(issuer).is_some()) {
            let message = "denies applications, but not agents that act on their own behalf: these have kind \
                           `agent`; add `kind: agent`, or `not: {kind: agent}` if agents may do more";
            let kind = &ids::DENY_APP_WITHOUT_AGENT;
            findings.add_inside(kind, place(), Some(&rule.name), message);
        }
        let mut entra = issuers().filter(|issuer| has_facets(issuer) == Some(false));
        if let Some(issuer) = entra.next()
            && requires_person(rule)
        {
            let message = format!(
                "without facets in the tokens of issuer {:?}, an agent's own user account counts as a user; request \
                 the facets, and set `entra.agent_claims`",
                &*issuer.name
            );
            findings.add_inside(&ids::AGENT_MAY_BE_USER, place(), Some(&rule.name), message);
        }
    }
}

/// Whether the tokens of an Entra issuer have the facets; `None` for other issuers.
fn has_facets(issuer: &Issuer) -> Option<bool> {
    match &issuer.authority {
        Authority::Entra(entra) => Some(entra.agent_claims),
        Authority::Oidc { .. } => None,
    }
}

/// Whether an unknown actor changes the rule's result: a deny rule then denies, and an allow rule with
/// `not: {actor: agent}` does not permit.
fn may_be_indeterminate(rule: &Rule) -> bool {
    let mut found = false;
    rule.require.visit(&mut |part, polarity| {
        let denies = rule.effect == Effect::Deny;
        found |= matches!(part, Condition::Actor(_)) && (denies || !polarity);
    });
    found
}

/// Whether a deny rule requires applications, and no part of it names agents.
fn denies_apps_only(rule: &Rule) -> bool {
    let (mut apps, mut agents) = (false, false);
    rule.require.visit(&mut |part, polarity| match part {
        Condition::Kind(Kind::App) => apps |= polarity,
        Condition::Kind(Kind::Agent) | Condition::Actor(_) => agents = true,
        _ => {}
    });
    rule.effect == Effect::Deny && apps && !agents
}

/// Whether an allow rule requires a person.
fn requires_person(rule: &Rule) -> bool {
    let mut found = false;
    rule.require.visit(&mut |part, polarity| {
        found |= polarity && *part == Condition::Kind(Kind::User);
    });
    found && rule.effect != Effect::Deny
}
