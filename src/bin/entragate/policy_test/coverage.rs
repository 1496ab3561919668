//! The rules and clauses that decided no case.
//!
//! A rule decides a case if it permits or denies the request, or would do so in shadow mode. A clause decides a case if
//! its rule matches the request, and the requirement would have a different value if the clause had the opposite value.

use super::expectation::effects;
use super::run::Outcome;
use entragate::config::Config;
use entragate::logic::{Formula, Truth};
use entragate::policy::requirement::{Condition, Requirement};
use entragate::policy::trace::ClauseTrace;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The rules and clauses that decided no case, in the order of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Coverage {
    pub rules: Vec<String>,
    /// Rules with their clauses.
    pub clauses: Vec<(String, String)>,
}

/// The clauses of one rule that decided a case, as positions.
type Decisive = BTreeSet<usize>;

impl Coverage {
    pub fn of(outcomes: &[Outcome<'_>], config: &Config) -> Self {
        let policy = &config.policy;
        let mut decided: BTreeSet<String> = BTreeSet::new();
        let mut decisive: BTreeMap<&str, Decisive> = BTreeMap::new();
        for Outcome { answer, .. } in outcomes {
            let decides = matches!(
                answer.text("code"),
                "permitted" | "anonymous" | "denied_by_rule"
            );
            if decides {
                decided.insert(answer.text("rule").to_owned());
            }
            decided.extend(effects(answer).into_keys());
            for rule in &policy.rules {
                let mut traces = answer.rules.iter();
                let trace = traces.find(|trace| trace.rule == rule.name);
                let trace = trace.filter(|trace| trace.matches == Some(true));
                if let Some(clause) = trace.and_then(|trace| trace.require.as_ref()) {
                    let found = decisive.entry(&rule.name).or_default();
                    note_decisive(&rule.require, clause, found);
                }
            }
        }
        let anonymous = policy.anonymous.iter().map(|rule| &rule.name);
        let rules = anonymous.chain(policy.rules.iter().map(|rule| &rule.name));
        let clauses = policy.rules.iter().flat_map(|rule| {
            let found = decisive.get(&*rule.name);
            let mut clauses = Vec::new();
            rule.require
                .visit(&mut |condition, _| clauses.push(condition.describe()));
            let open = clauses.into_iter().enumerate();
            let open = open.filter(|(at, _)| found.is_none_or(|found| !found.contains(at)));
            let open: Vec<_> = open
                .map(|(_, text)| (rule.name.to_string(), text))
                .collect();
            open
        });
        Self {
            rules: rules
                .filter(|rule| !decided.contains(&***rule))
                .map(ToString::to_string)
                .collect(),
            clauses: clauses.collect(),
        }
    }

    pub fn json(&self) -> Value {
        let clause = |(rule, clause): &(String, String)| json!({"rule": rule, "clause": clause});
        json!({
            "undecided_rules": self.rules,
            "undecided_clauses": self.clauses.iter().map(clause).collect::<Vec<_>>(),
        })
    }
}

/// Adds the positions of the clauses that determine the value of the requirement.
fn note_decisive(requirement: &Requirement, trace: &ClauseTrace, found: &mut Decisive) {
    let mut truths = Vec::new();
    collect(trace, &mut truths);
    for at in 0..truths.len() {
        let with = |truth: Truth| value(requirement, &truths, (at, truth), &mut 0);
        if with(Truth::Satisfied) != with(Truth::Unsatisfied) {
            found.insert(at);
        }
    }
}

/// Collects the values of the clauses without parts, in order.
fn collect(trace: &ClauseTrace, truths: &mut Vec<Truth>) {
    if trace.parts.is_empty() {
        truths.push(trace.truth);
    }
    trace.parts.iter().for_each(|part| collect(part, truths));
}

/// Evaluates a requirement from the values of its clauses, one of which is replaced. `next` is the next position.
fn value(
    requirement: &Formula<Condition>,
    truths: &[Truth],
    replaced: (usize, Truth),
    next: &mut usize,
) -> Truth {
    use entragate::logic::Operator;
    let mut parts = |parts: &[Formula<Condition>]| -> Vec<Truth> {
        let each = |part| value(part, truths, replaced, next);
        parts.iter().map(each).collect()
    };
    match requirement {
        Formula::Condition(_) => {
            let at = *next;
            *next += 1;
            let own = truths.get(at).copied();
            if at == replaced.0 {
                replaced.1
            } else {
                own.unwrap_or(Truth::Indeterminate)
            }
        }
        Formula::All(inner) => Operator::All.truth(parts(inner).into_iter()),
        Formula::Any(inner) => Operator::Any.truth(parts(inner).into_iter()),
        Formula::Not(inner) => {
            Operator::Not.truth(parts(std::slice::from_ref(&**inner)).into_iter())
        }
    }
}
