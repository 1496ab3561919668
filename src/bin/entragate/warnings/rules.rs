//! Rules that can never decide: those before them always do, or they ask for what can't be.

use super::{Warning, place_of};
use entragate::policy::pattern::Pattern;
use entragate::policy::rule::{Clusters, Effect, Match, Mode, Models, Policy, Requirement, Rule};
use serde_json::Value;

pub(super) fn of(policy: &Policy, given: &Value) -> Vec<Warning> {
    let warn = |rule: &str, text: String| Warning::new(place_of(rule, given), text);
    let mut warnings = Vec::new();
    for (index, rule) in policy.anonymous.iter().enumerate() {
        let earlier = policy.anonymous.iter().take(index);
        if let Some(open) = earlier
            .into_iter()
            .find(|open| wider(&open.matches, &rule.matches))
        {
            warnings.push(warn(&rule.name, opened(&open.name)));
        }
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        if let Some(text) = never_decides(policy, index, rule) {
            warnings.push(warn(&rule.name, text));
        }
    }
    warnings
}

fn opened(open: &str) -> String {
    format!("never asked: rule {open:?} lets anyone do all that it is about; remove one of them")
}

fn never_decides(policy: &Policy, index: usize, rule: &Rule) -> Option<String> {
    let mut open = policy.anonymous.iter();
    if let Some(open) = open.find(|open| wider(&open.matches, &rule.matches)) {
        return Some(opened(&open.name));
    }
    if impossible(&rule.require, &rule.matches) {
        let text = "never holds: it requires an issuer that `match.issuers` leaves out, or two at \
                    once; make them agree";
        return Some(text.to_owned());
    }
    // What a shadow rule would do is recorded, whatever the others do.
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
            "never decides: rule {:?} denies all of it before; remove it",
            first.name
        ));
    };
    if let Some(other) = policy
        .rules
        .iter()
        .find(|other| denies(other) && includes(other))
    {
        let text = "never permits: rule";
        return Some(format!(
            "{text} {:?} denies everyone it is about; narrow that rule, or remove this one",
            other.name
        ));
    }
    let mut earlier = rules().filter(before).map(|(_, other)| other);
    let first = earlier.find(|other| !denies(other) && includes(other))?;
    let same = first.effect == Effect::Allow { credential };
    Some(match same {
        true => format!(
            "never decides: rule {:?} permits all of it before; remove it",
            first.name
        ),
        false => format!(
            "never decides: rule {:?} permits all of it before, with another credential; put this one first",
            first.name
        ),
    })
}

/// Whether every request that `narrow` is about is one that `wide` is about.
fn wider(wide: &Match, narrow: &Match) -> bool {
    covers(&wide.hosts, &narrow.hosts, pattern_covers)
        && covers(&wide.methods, &narrow.methods, |wide, narrow| {
            wide == narrow
        })
        && covers(&wide.paths, &narrow.paths, pattern_covers)
        && models_cover(&wide.models, &narrow.models)
        && clusters_cover(&wide.clusters, &narrow.clusters)
        && covers(&wide.issuers, &narrow.issuers, |wide, narrow| {
            wide == narrow
        })
}

/// An empty field is about everything.
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

/// A deny rule is about requests of an unknown cluster, too.
fn clusters_cover(wide: &Clusters, narrow: &Clusters) -> bool {
    match (wide.denies, narrow.denies) {
        (false, true) => wide.patterns.is_empty(),
        _ => covers(&wide.patterns, &narrow.patterns, pattern_covers),
    }
}

/// Whether all that `narrow` matches is matched by `wide`, as far as their texts tell for certain.
fn pattern_covers(wide: &Pattern, narrow: &Pattern) -> bool {
    let (all, some) = (wide.as_str(), narrow.as_str());
    let prefix = all
        .strip_suffix("**")
        .filter(|prefix| !prefix.contains('*'));
    all == some
        || prefix.is_some_and(|prefix| some.starts_with(prefix))
        || (!some.contains('*') && wide.matches(some))
}

/// Whether `broad` is satisfied whenever `strict` is, as far as their form tells for certain.
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

/// Whether no token's issuer can meet the requirement.
fn impossible(require: &Requirement, matches: &Match) -> bool {
    match require {
        Requirement::Issuer(name) => {
            !matches.issuers.is_empty() && matches.issuers.iter().all(|issuer| **issuer != **name)
        }
        Requirement::All(parts) => {
            let mut issuers = parts
                .iter()
                .filter(|part| matches!(part, Requirement::Issuer(_)));
            let first = issuers.next();
            issuers.any(|issuer| Some(issuer) != first)
                || parts.iter().any(|part| impossible(part, matches))
        }
        // A deny rule's lack of a requirement is an empty `all`; an empty `any` is refused.
        Requirement::Any(parts) => parts.iter().all(|part| impossible(part, matches)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The warnings of these rules; `a`, `b` and so on, in order.
    fn warnings(rules: &[Value]) -> Vec<String> {
        let mut given = json!({
            "issuers": [
                {"name": "one", "oidc": {"issuer": "https://one"}, "audiences": ["x"], "jwks": {"cluster": "c", "uri": "https://one"}},
                {"name": "two", "oidc": {"issuer": "https://two"}, "audiences": ["x"], "jwks": {"cluster": "c", "uri": "https://two"}},
            ],
            "credentials": [{"name": "read", "env": "A"}, {"name": "write", "env": "B"}],
            "rules": rules,
        });
        for (rule, name) in given["rules"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .zip(["a", "b", "c"])
        {
            rule["name"] = name.into();
            let allows = rule["effect"] != "deny" && rule["anonymous"] != true;
            if allows && rule.get("credential").is_none() {
                rule["credential"] = "read".into();
            }
        }
        let config = entragate::config::load_value(&given, &|_| Some("x".into())).unwrap();
        of(&config.policy, &given)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn says_which_rules_never_decide() {
        let role = |role: &str| json!({"role": role});
        let allow = |matches: Value, require: Value| json!({"match": matches, "require": require});
        let v1 = || json!({"paths": ["/v1/**"]});
        for (rules, expected) in [
            (
                vec![
                    allow(v1(), role("r")),
                    allow(
                        json!({"paths": ["/v1/chat"], "methods": ["POST"]}),
                        role("r"),
                    ),
                ],
                "rules[1]: never decides: rule \"a\" permits all of it before; remove it",
            ),
            (
                vec![
                    allow(json!({}), json!({"any": [{"role": "r"}, {"group": "g"}]})),
                    allow(v1(), json!({"all": [{"group": "g"}, {"mfa": true}]})),
                ],
                "rules[1]: never decides: rule \"a\"",
            ),
            (
                vec![
                    allow(v1(), role("r")),
                    json!({"match": v1(), "require": role("r"), "credential": "write"}),
                ],
                "with another credential; put this one first",
            ),
            (
                vec![allow(v1(), role("r")), json!({"effect": "deny"})],
                "rules[0]: never permits: rule \"b\" denies everyone it is about",
            ),
            (
                vec![
                    json!({"match": {"models": ["Org/*"]}, "effect": "deny"}),
                    allow(json!({"models": ["ORG/*"]}), role("r")),
                ],
                "rules[1]: never permits: rule \"a\"",
            ),
            (
                vec![
                    json!({"effect": "deny", "require": role("r")}),
                    json!({"effect": "deny", "match": v1(), "require": role("r")}),
                ],
                "rules[1]: never decides: rule \"a\" denies all of it before",
            ),
            (
                vec![
                    allow(json!({"paths": ["/health"]}), role("r")),
                    json!({"anonymous": true, "match": {"paths": ["/health"]}}),
                ],
                "rules[0]: never asked: rule \"b\" lets anyone",
            ),
            (
                vec![allow(
                    json!({"issuers": ["one"]}),
                    json!({"all": [{"issuer": "two"}, {"role": "r"}]}),
                )],
                "rules[0]: never holds: it requires an issuer",
            ),
            (
                vec![allow(
                    json!({}),
                    json!({"all": [{"issuer": "two"}, {"issuer": "one"}]}),
                )],
                "rules[0]: never holds",
            ),
        ] {
            let warnings = warnings(&rules);
            assert!(
                warnings.len() == 1 && warnings[0].contains(expected),
                "{rules:?}: {warnings:?}"
            );
        }
    }

    #[test]
    fn says_nothing_of_what_may_decide() {
        let rule = |matches: Value, require: Value| json!({"match": matches, "require": require});
        let role = || json!({"role": "r"});
        for rules in [
            // Narrower in one field, wider in another.
            [
                rule(json!({"paths": ["/v1/*"]}), role()),
                rule(json!({"paths": ["/v1/**"]}), role()),
            ],
            [
                rule(json!({"paths": ["/v1/**"], "methods": ["POST"]}), role()),
                rule(json!({"paths": ["/v1/**"]}), role()),
            ],
            [
                rule(json!({"hosts": ["*.a"]}), role()),
                rule(json!({"hosts": ["**.a"]}), role()),
            ],
            [
                rule(json!({"models": ["org/*"]}), role()),
                rule(json!({"models": ["ORG/*"]}), role()),
            ],
            // Asks for more, or for something else.
            [
                rule(json!({}), json!({"all": [{"role": "r"}, {"mfa": true}]})),
                rule(json!({}), role()),
            ],
            [
                rule(json!({}), json!({"not": {"role": "r"}})),
                rule(json!({}), role()),
            ],
            [
                rule(json!({}), json!({"role": "other"})),
                rule(
                    json!({}),
                    json!({"any": [{"role": "r"}, {"role": "other"}]}),
                ),
            ],
            // Has no effect itself.
            [
                json!({"require": {"role": "r"}, "mode": "shadow"}),
                rule(json!({}), role()),
            ],
            [
                rule(json!({}), role()),
                json!({"require": {"role": "r"}, "mode": "shadow"}),
            ],
            [
                json!({"effect": "deny", "require": {"role": "x"}}),
                rule(json!({}), role()),
            ],
            // A deny rule after an allow rule is asked first.
            [
                rule(json!({}), role()),
                json!({"effect": "deny", "match": {"paths": ["/v1/**"]}, "require": {"role": "r"}}),
            ],
            [
                rule(json!({"issuers": ["one", "two"]}), json!({"issuer": "two"})),
                rule(json!({}), json!({"not": {"issuer": "x"}})),
            ]
            .map(|mut rule| {
                if rule["require"]["not"]["issuer"] == "x" {
                    rule["require"]["not"]["issuer"] = "one".into();
                }
                rule
            }),
        ] {
            assert_eq!(warnings(&rules), Vec::<String>::new(), "{rules:?}");
        }
    }
}
