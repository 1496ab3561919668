//! The known values of requirements. They come from the claims of a record, and from the recorded decision: a caller
//! that a rule permitted satisfied its requirement.

use super::request::text;
use entragate::config::Config;
use entragate::logic::{Formula, Operator, Truth};
use entragate::policy::requirement::{Condition, Requirement};
use entragate::policy::rule::{Effect, Mode, Rule};
use entragate::policy::trace::{ClauseTrace, RuleTrace};
use serde_json::Value;

const VALUES: [Truth; 3] = [Truth::Unsatisfied, Truth::Indeterminate, Truth::Satisfied];

/// The values that a requirement may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Possible(u8);

impl Possible {
    const SATISFIED: Self = Self(0b100);
    const UNSATISFIED: Self = Self(0b001);
    const NOT_SATISFIED: Self = Self(0b011);
    const NOT_UNSATISFIED: Self = Self(0b110);
    const ANY: Self = Self(0b111);

    const fn of(truth: Truth) -> Self {
        Self(1 << truth as u8)
    }

    pub fn may_be(self, truth: Truth) -> bool {
        self.0 & Self::of(truth).0 != 0
    }

    pub fn is(self, truth: Truth) -> bool {
        self == Self::of(truth)
    }

    /// The values of a combination of two requirements.
    fn with(self, operator: Operator, other: Self) -> Self {
        let mut found = 0;
        for one in VALUES.into_iter().filter(|value| self.may_be(*value)) {
            for two in VALUES.into_iter().filter(|value| other.may_be(*value)) {
                found |= Self::of(operator.truth([one, two].into_iter())).0;
            }
        }
        Self(found)
    }

    fn not(self) -> Self {
        Self(self.0 & 0b010 | self.0 >> 2 | (self.0 & 1) << 2)
    }
}

/// Requirements, with the values that a recorded decision shows.
#[derive(Default)]
pub struct Known<'c>(Vec<(&'c Requirement, Possible)>);

impl<'c> Known<'c> {
    /// Returns the values that a record shows, if this configuration wrote it. `rules` contains whether each rule
    /// matches the request.
    pub fn from(record: &Value, config: &'c Config, rules: &[RuleTrace]) -> Self {
        let text = |member| text(record, member).unwrap_or_default();
        let mut known = Self::default();
        if text("policy") != &*config.digest {
            return known;
        }
        let (code, decided) = (text("code"), text("rule"));
        let is_permit = text("decision") == "permit" && code != "anonymous";
        let is_refusal = matches!(code, "no_rule" | "rule_unsatisfied");
        let matching = config.policy.rules.iter().filter(|rule| {
            let trace = rules.iter().find(|trace| trace.rule == rule.name);
            rule.mode == Mode::Enforce && trace.is_some_and(|trace| trace.matches == Some(true))
        });
        let matching: Vec<&Rule> = matching.collect();
        // If the match of the permitting rule depends on a body that the record does not contain, the rules before it
        // are unknown.
        let mut is_before = matching.iter().any(|rule| *rule.name == *decided);
        for rule in matching {
            let decides = *rule.name == *decided;
            match rule.effect {
                Effect::Deny if is_permit || is_refusal => {
                    known.add(&rule.require, Possible::UNSATISFIED)
                }
                Effect::Deny if code == "denied_by_rule" && decides => {
                    known.add(&rule.require, Possible::NOT_UNSATISFIED);
                }
                Effect::Allow { .. } if is_permit && decides => {
                    known.add(&rule.require, Possible::SATISFIED);
                    is_before = false;
                }
                Effect::Allow { .. } if is_refusal || is_permit && is_before => {
                    known.add(&rule.require, Possible::NOT_SATISFIED);
                }
                Effect::Deny | Effect::Allow { .. } => {}
            }
        }
        known
    }

    fn add(&mut self, requirement: &'c Requirement, possible: Possible) {
        self.0.push((requirement, possible));
        match requirement {
            Formula::Condition(_) => {}
            Formula::Not(part) => self.add(part, possible.not()),
            // If an `all` is satisfied, or not unsatisfied, so are all of its parts. If an `any` is unsatisfied, or not
            // satisfied, so are all of its parts.
            Formula::All(parts) => {
                if possible == Possible::SATISFIED || possible == Possible::NOT_UNSATISFIED {
                    parts.iter().for_each(|part| self.add(part, possible));
                }
            }
            Formula::Any(parts) => {
                if possible == Possible::UNSATISFIED || possible == Possible::NOT_SATISFIED {
                    parts.iter().for_each(|part| self.add(part, possible));
                }
            }
        }
    }

    /// The values that a requirement may have. In the trace, indeterminate clauses depend on claims that the record
    /// does not contain.
    pub fn possible(&self, requirement: &Requirement, trace: &ClauseTrace) -> Possible {
        let own = match requirement {
            // No record contains the client's certificate.
            Formula::Condition(Condition::Peer(_)) => Possible::ANY,
            Formula::Condition(_) if trace.truth == Truth::Indeterminate => Possible::ANY,
            Formula::Condition(_) => Possible::of(trace.truth),
            Formula::All(parts) => self.combined(Operator::All, Truth::Satisfied, parts, trace),
            Formula::Any(parts) => self.combined(Operator::Any, Truth::Unsatisfied, parts, trace),
            Formula::Not(part) => match trace.parts.first() {
                Some(trace) => self.possible(part, trace).not(),
                None => Possible::ANY,
            },
        };
        let shown = self.0.iter().filter(|(known, _)| *known == requirement);
        let both = shown.fold(own, |own, (_, possible)| Possible(own.0 & possible.0));
        // A contradiction means that the record and the trace belong to different requests.
        if both.0 == 0 { own } else { both }
    }

    fn combined(
        &self,
        operator: Operator,
        neutral: Truth,
        parts: &[Requirement],
        trace: &ClauseTrace,
    ) -> Possible {
        let each = parts.iter().zip(&trace.parts);
        each.fold(Possible::of(neutral), |so_far, (part, trace)| {
            so_far.with(operator, self.possible(part, trace))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All sets of values, as bits.
    fn sets() -> impl Iterator<Item = Possible> {
        (1..8).map(Possible)
    }

    #[test]
    fn combination_has_exactly_the_values_that_its_parts_allow() {
        for (one, other) in sets().flat_map(|one| sets().map(move |other| (one, other))) {
            for operator in [Operator::All, Operator::Any] {
                let combined = one.with(operator, other);
                for value in VALUES {
                    let pairs = VALUES.into_iter().flat_map(|a| VALUES.map(|b| (a, b)));
                    let mut held = pairs.filter(|(a, b)| one.may_be(*a) && other.may_be(*b));
                    let expected = held.any(|(a, b)| operator.truth([a, b].into_iter()) == value);
                    assert_eq!(
                        combined.may_be(value),
                        expected,
                        "{one:?} {operator:?} {other:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn negation_exchanges_the_values() {
        for set in sets() {
            for value in VALUES {
                let negated = Operator::Not.truth([value].into_iter());
                assert_eq!(set.not().may_be(negated), set.may_be(value));
            }
        }
    }
}
