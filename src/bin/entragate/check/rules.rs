//! Rules that never decide, because other rules decide first or their requirement cannot be satisfied.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use entragate::pattern::Pattern;
use entragate::policy::messages::Messages;
use entragate::policy::requirement::{Condition, Requirement};
use entragate::policy::rule::{Clusters, Effect, Match, Mode, Models, Policy, Rule};

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let Some(config) = scene.config else { return };
    for (rule, message) in idle(&config.policy) {
        let place = scene.at(&scene.rule_path(rule));
        findings.add_inside(&ids::RULE_WITHOUT_EFFECT, place, Some(rule), message);
    }
}

/// The names of rules that never decide, and why.
fn idle(policy: &Policy) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    for (index, rule) in policy.anonymous.iter().enumerate() {
        let mut earlier = policy.anonymous.iter().take(index);
        if let Some(open) = earlier.find(|open| wider(&open.matches, &rule.matches)) {
            found.push((&*rule.name, opened(&open.name)));
        }
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        if let Some(message) = never_decides(policy, index, rule) {
            found.push((&*rule.name, message));
        }
    }
    found
}

fn opened(open: &str) -> String {
    format!(
        "is never evaluated: rule {open:?} permits all requests that it matches to anyone; remove one of them"
    )
}

fn never_decides(policy: &Policy, index: usize, rule: &Rule) -> Option<String> {
    let mut open = policy.anonymous.iter();
    if let Some(open) = open.find(|open| wider(&open.matches, &rule.matches)) {
        return Some(opened(&open.name));
    }
    if impossible(&rule.require, &rule.matches) {
        let text = "is never satisfied: it requires an issuer that `match.issuers` excludes, or two different \
                    issuers; correct one of them";
        return Some(text.to_owned());
    }
    // The result of a shadow rule is recorded independently of the other rules.
    if rule.mode == Mode::Shadow {
        return None;
    }
    let before = |(other, _): &(usize, &Rule)| *other < index;
    let includes = |other: &Rule| {
        other.mode == Mode::Enforce
            && wider(&other.matches, &rule.matches)
            && implies(&rule.require, &other.require)
    };
    let rules = || policy.rules.iter().enumerate();
    let denies = |other: &Rule| other.effect == Effect::Deny;
    let Effect::Allow { credential } = rule.effect else {
        let mut earlier = rules().filter(before).map(|(_, other)| other);
        let first = earlier.find(|other| denies(other) && includes(other))?;
        return Some(format!(
            "never decides: the earlier rule {:?} denies all requests that it matches; remove it",
            first.name
        ));
    };
    if let Some(other) = policy
        .rules
        .iter()
        .find(|other| denies(other) && includes(other))
    {
        let text = "never permits a request: rule";
        return Some(format!(
            "{text} {:?} denies every request that it could permit; narrow that rule, or remove this one",
            other.name
        ));
    }
    let mut earlier = rules().filter(before).map(|(_, other)| other);
    let first = earlier.find(|other| !denies(other) && includes(other))?;
    let same = first.effect == Effect::Allow { credential } && first.bill_to == rule.bill_to;
    Some(match same {
        true => format!(
            "never decides: the earlier rule {:?} permits all requests that it could permit; remove it",
            first.name
        ),
        false => format!(
            "never decides: the earlier rule {:?} permits all requests that it could permit, with another \
             credential or `bill_to`; move this rule before it",
            first.name
        ),
    })
}

/// Whether `wide` matches every request that `narrow` matches.
fn wider(wide: &Match, narrow: &Match) -> bool {
    covers(&wide.hosts, &narrow.hosts, pattern_covers)
        && covers(&wide.methods, &narrow.methods, |wide, narrow| {
            wide == narrow
        })
        && covers(&wide.paths, &narrow.paths, pattern_covers)
        && models_cover(&wide.models, &narrow.models)
        && messages_cover(&wide.mcp, &narrow.mcp)
        && clusters_cover(&wide.clusters, &narrow.clusters)
        && covers(&wide.issuers, &narrow.issuers, |wide, narrow| {
            wide == narrow
        })
}

/// An empty field matches every request.
fn covers<T>(wide: &[T], narrow: &[T], one: impl Fn(&T, &T) -> bool) -> bool {
    let covered = |narrow: &T| wide.iter().any(|wide| one(wide, narrow));
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(covered))
}

fn models_cover(wide: &Models, narrow: &Models) -> bool {
    match (wide.denies, narrow.denies) {
        (true, false) => covers(&wide.patterns, &narrow.patterns, |wide, narrow| {
            pattern_covers(wide, &Pattern::path(&narrow.as_str().to_lowercase()))
        }),
        (false, true) => wide.patterns.is_empty(),
        _ => covers(&wide.patterns, &narrow.patterns, pattern_covers),
    }
}

/// A deny rule also matches calls that name no tool, and HTTP methods other than POST.
fn messages_cover(wide: &Messages, narrow: &Messages) -> bool {
    if !wide.are_named() {
        return true;
    }
    if !narrow.are_named() || (!wide.denies && narrow.denies) {
        return false;
    }
    let spelled = |patterns: &[Pattern]| -> Vec<Pattern> {
        let one = |pattern: &Pattern| match wide.denies {
            true => Pattern::path(&pattern.as_str().to_lowercase()),
            false => pattern.clone(),
        };
        patterns.iter().map(one).collect()
    };
    covers(&wide.methods, &spelled(&narrow.methods), pattern_covers)
        && covers(&wide.tools, &spelled(&narrow.tools), pattern_covers)
}

/// A deny rule also matches requests with an unknown cluster.
fn clusters_cover(wide: &Clusters, narrow: &Clusters) -> bool {
    match (wide.denies, narrow.denies) {
        (false, true) => wide.patterns.is_empty(),
        _ => covers(&wide.patterns, &narrow.patterns, pattern_covers),
    }
}

/// Whether `wide` certainly matches every string that `narrow` matches.
fn pattern_covers(wide: &Pattern, narrow: &Pattern) -> bool {
    let (all, some) = (wide.as_str(), narrow.as_str());
    let prefix = all
        .strip_suffix("**")
        .filter(|prefix| !prefix.contains('*'));
    all == some
        || prefix.is_some_and(|prefix| some.starts_with(prefix))
        || (!some.contains('*') && wide.matches(some))
}

/// Whether `broad` is certainly satisfied whenever `strict` is.
fn implies(strict: &Requirement, broad: &Requirement) -> bool {
    if strict == broad {
        return true;
    }
    match (strict, broad) {
        (_, Requirement::All(parts)) if parts.iter().all(|part| implies(strict, part)) => true,
        (Requirement::Any(parts), _) if parts.iter().all(|part| implies(part, broad)) => true,
        (_, Requirement::Any(parts)) if parts.iter().any(|part| implies(strict, part)) => true,
        (Requirement::All(parts), _) => parts.iter().any(|part| implies(part, broad)),
        _ => false,
    }
}

/// Whether no issuer can satisfy the requirement.
fn impossible(require: &Requirement, matches: &Match) -> bool {
    match require {
        Requirement::Condition(Condition::Issuer(name)) => {
            !matches.issuers.is_empty() && matches.issuers.iter().all(|issuer| **issuer != **name)
        }
        Requirement::All(parts) => {
            let mut issuers = parts
                .iter()
                .filter(|part| matches!(part, Requirement::Condition(Condition::Issuer(_))));
            let first = issuers.next();
            issuers.any(|issuer| Some(issuer) != first)
                || parts.iter().any(|part| impossible(part, matches))
        }
        // A deny rule without a requirement has an empty `all`; an empty `any` is refused.
        Requirement::Any(parts) => parts.iter().all(|part| impossible(part, matches)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
