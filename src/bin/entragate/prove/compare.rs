//! Comparisons of two configurations: requests that one configuration permits, and the other denies or permits with
//! another credential.

use super::comparable::{Side, are_comparable};
use super::concrete::Witness;
use super::credential_name;
use super::decision::Decision;
use super::facts::Facts;
use super::gate::Evaluator;
use super::search::{Search, search};
use super::solver::{Lit, Solver};
use crate::explain::answer::Answer;
use crate::progress::Progress;
use entragate::config::Config;
use std::collections::BTreeSet;

/// A request that one configuration permits and the other does not.
pub struct Difference {
    pub witness: Witness,
    /// The decision that permits.
    pub permit: Answer,
    /// The other decision.
    pub other: Answer,
}

pub struct Comparison<'c> {
    solver: Solver,
    facts: Facts,
    decisions: [Decision; 2],
    configs: [&'c Config; 2],
    evaluators: [Evaluator; 2],
    /// Whether the translation covers every difference.
    is_exact: bool,
}

/// The index of the configuration that permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    First,
    Second,
}

impl<'c> Comparison<'c> {
    pub fn new(first: Side<'c>, second: Side<'c>) -> Self {
        let configs = [first.config, second.config];
        let have_same_endpoints = first.members.get("endpoints") == second.members.get("endpoints");
        let endpoints = have_same_endpoints.then_some(&first.config.endpoints);
        let mut solver = Solver::new();
        let mut facts = Facts::of(&mut solver, &configs, endpoints);
        let decisions = configs.map(|config| {
            let mut decision = Decision::of(&mut solver, &mut facts, config);
            decision.limit_listings(&mut solver, &mut facts, config);
            decision
        });
        Self {
            solver,
            facts,
            decisions,
            configs,
            evaluators: configs.map(|config| Evaluator::new(config, true)),
            is_exact: are_comparable(first, second),
        }
    }

    /// Searches for a request that one configuration permits, and the other does not permit with the same credential.
    pub fn more(&mut self, which: Which) -> Search<Difference> {
        let goals = self.goals(which);
        let goal = self.solver.any(goals);
        self.search(which, goal)
    }

    /// Searches for a request with different decisions, for each rule that permits.
    pub fn more_by_rule(
        &mut self,
        which: Which,
        progress: &mut Progress,
    ) -> Vec<Search<Difference>> {
        let goals = self.goals(which);
        let all = goals.len();
        let search = |(done, goal)| {
            progress.step("rule", done, all);
            self.search(which, goal)
        };
        goals.into_iter().enumerate().map(search).collect()
    }

    /// For each rule, the formula that it permits and that the other configuration denies or permits with another
    /// credential.
    fn goals(&mut self, which: Which) -> Vec<Lit> {
        let (own, other) = match which {
            Which::First => (0, 1),
            Which::Second => (1, 0),
        };
        let names: BTreeSet<&str> = (self.decisions[own].anonymous.iter())
            .chain(&self.decisions[own].permits)
            .map(|decides| credential_name(self.configs[own], decides.credential))
            .collect();
        let mut goals = Vec::new();
        for name in names {
            let permitted = self.permits_with(other, name);
            let permitted = self.solver.any(permitted);
            for permit in self.permits_with(own, name) {
                goals.push(self.solver.all([permit, !permitted]));
            }
        }
        goals
    }

    /// For each rule of a configuration, the formula that it permits with a credential.
    fn permits_with(&self, which: usize, name: &str) -> Vec<Lit> {
        let decision = &self.decisions[which];
        let all = decision.anonymous.iter().chain(&decision.permits);
        all.filter(|decides| credential_name(self.configs[which], decides.credential) == name)
            .map(|decides| decides.when)
            .collect()
    }

    fn search(&mut self, which: Which, goal: Lit) -> Search<Difference> {
        let [first, second] = &mut self.evaluators;
        let (own, other, issuing) = match which {
            Which::First => (first, second, self.configs[0]),
            Which::Second => (second, first, self.configs[1]),
        };
        let mut confirm = |witness: &Witness| {
            let permit = own.decide_as(witness, issuing)?;
            let other = other.decide_as(witness, issuing)?;
            permits_more(&permit, &other).then(|| Difference {
                witness: witness.clone(),
                permit,
                other,
            })
        };
        match search(&mut self.solver, &self.facts, issuing, goal, &mut confirm) {
            Search::Nothing if !self.is_exact => Search::Undecided,
            found => found,
        }
    }
}

/// Whether one decision permits, and the other denies or permits with another credential.
fn permits_more(one: &Answer, other: &Answer) -> bool {
    one.is_permit() && (!other.is_permit() || one.text("credential") != other.text("credential"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn answer(record: &Value) -> Answer {
        Answer {
            record: record.as_object().unwrap().clone(),
            status: None,
            challenge: None,
            is_verified: false,
            token: None,
            rules: Vec::new(),
        }
    }

    #[test]
    fn permit_exceeds_a_denial_and_a_permit_with_another_credential() {
        let [denied, none, read, write] = [
            json!({"code": "rule_unsatisfied"}),
            json!({"code": "anonymous"}),
            json!({"code": "permitted", "credential": "r"}),
            json!({"code": "permitted", "credential": "w"}),
        ]
        .map(|record| answer(&record));
        for (one, other, expected) in [
            (&denied, &denied, false),
            (&denied, &read, false),
            (&none, &denied, true),
            (&read, &denied, true),
            (&none, &none, false),
            (&read, &read, false),
            (&read, &write, true),
            (&read, &none, true),
        ] {
            assert_eq!(permits_more(one, other), expected);
        }
    }
}
