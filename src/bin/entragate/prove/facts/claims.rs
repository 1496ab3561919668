//! The facts of a token that requirements refer to.

use crate::prove::solver::{Lit, Solver};
use crate::prove::three::Three;
use entragate::logic::Truth;
use entragate::token::claim_test::{ClaimCondition, ClaimTest};
use entragate::token::issuer::is_guid;
use serde_json::Value;
use std::collections::BTreeMap;

/// A GUID in lower case, or any other text unchanged: two ids are the same if and only if their keys are equal.
pub fn key(id: &str) -> String {
    if is_guid(id) {
        id.to_ascii_lowercase()
    } else {
        id.to_owned()
    }
}

/// A list of names. A token may contain any of them.
pub struct Names {
    pub held: BTreeMap<String, Lit>,
    /// The claim cannot be read, so it may contain any of the names.
    pub unclear: Lit,
}

impl Names {
    pub fn new(solver: &mut Solver) -> Self {
        Self {
            held: BTreeMap::new(),
            unclear: solver.variable(),
        }
    }

    pub fn name(&mut self, solver: &mut Solver, name: String) -> Lit {
        *self.held.entry(name).or_insert_with(|| solver.variable())
    }

    pub fn holds(&self, solver: &mut Solver, name: &str) -> Three {
        let held = solver.known(self.held.get(name));
        Three::unless_unclear(solver, held, self.unclear)
    }
}

/// A claim with one text. A token has at most one of its values.
pub struct Text {
    pub values: BTreeMap<String, Lit>,
    /// The claim cannot be read, or is elsewhere.
    pub unclear: Lit,
}

impl Text {
    pub fn new(solver: &mut Solver) -> Self {
        Self {
            values: BTreeMap::new(),
            unclear: solver.variable(),
        }
    }

    pub fn value(&mut self, solver: &mut Solver, value: String) -> Lit {
        *self
            .values
            .entry(value)
            .or_insert_with(|| solver.variable())
    }

    pub fn is(&self, solver: &mut Solver, value: &str) -> Three {
        let is_it = solver.known(self.values.get(value));
        Three::unless_unclear(solver, is_it, self.unclear)
    }

    /// Returns whether the value is one of these.
    pub fn is_among<'v>(&self, solver: &mut Solver, values: impl Iterator<Item = &'v str>) -> Lit {
        let literals: Vec<Lit> = values
            .filter_map(|value| self.values.get(&key(value)).copied())
            .collect();
        solver.any(literals)
    }

    pub fn relate(&self, solver: &mut Solver) {
        let all: Vec<Lit> = self.values.values().copied().collect();
        solver.at_most_one(&all);
    }
}

/// The claim at one path.
pub struct Claim {
    pub path: String,
    /// Exactly one of the following forms is true.
    pub absent: Lit,
    pub array: Lit,
    pub object: Lit,
    pub scalars: Vec<(Value, Lit)>,
    pub other_scalar: Lit,
    /// An absent claim is elsewhere.
    pub elsewhere: Lit,
    /// The items that rules refer to, if the claim is an array.
    pub items: Vec<(Value, Lit)>,
    /// The claim is a scalar with a set of numbers. `numbers` has the numbers that rules refer to.
    pub is_numbers: Lit,
    pub numbers: BTreeMap<u64, Lit>,
}

impl Claim {
    pub fn new(solver: &mut Solver, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            absent: solver.variable(),
            array: solver.variable(),
            object: solver.variable(),
            scalars: Vec::new(),
            other_scalar: solver.variable(),
            elsewhere: solver.variable(),
            items: Vec::new(),
            is_numbers: solver.variable(),
            numbers: BTreeMap::new(),
        }
    }

    /// Adds the values that a test distinguishes.
    pub fn note(&mut self, solver: &mut Solver, test: &ClaimTest) {
        let add = |list: &mut Vec<(Value, Lit)>, value: &Value, solver: &mut Solver| {
            let value = match value {
                Value::String(text) => Value::String(key(text)),
                other => other.clone(),
            };
            if !list.iter().any(|(known, _)| *known == value) {
                list.push((value, solver.variable()));
            }
        };
        match test {
            ClaimTest::Equals(value) => add(&mut self.scalars, value, solver),
            ClaimTest::OneOf(values) => {
                values
                    .iter()
                    .for_each(|value| add(&mut self.scalars, value, solver));
            }
            ClaimTest::Contains(value) => add(&mut self.items, value, solver),
            ClaimTest::ContainsNumber(number) => {
                self.numbers
                    .entry(*number)
                    .or_insert_with(|| solver.variable());
            }
            ClaimTest::Present(_) => {}
        }
    }

    pub fn relate(&self, solver: &mut Solver) {
        let scalars = self.scalars.iter().map(|(_, literal)| *literal);
        let forms = [self.absent, self.array, self.object, self.other_scalar];
        let all: Vec<Lit> = scalars.chain(forms).collect();
        solver.exactly_one(&all);
    }

    pub fn truth(&self, solver: &mut Solver, test: &ClaimTest) -> Three {
        let here = solver.all([self.absent, !self.elsewhere]);
        if let ClaimTest::Present(wanted) = test {
            let present = Three {
                yes: !self.absent,
                no: here,
            };
            return if *wanted { present } else { present.not() };
        }
        let (mut yes, mut no) = (Vec::new(), vec![here]);
        // The test is unsatisfied for all other scalars. Few scalars satisfy it, so the formulas of many tests remain
        // small.
        let mut others = vec![self.absent, self.array, self.object, self.other_scalar];
        for (value, literal) in &self.scalars {
            match test.truth(Some(value)) {
                Truth::Satisfied => {
                    yes.push(*literal);
                    others.push(*literal);
                }
                Truth::Unsatisfied => {}
                Truth::Indeterminate => others.push(*literal),
            }
        }
        no.push(!solver.any(others));
        match test {
            ClaimTest::Equals(_) | ClaimTest::OneOf(_) => no.push(self.other_scalar),
            ClaimTest::Contains(wanted) => {
                let wanted = match wanted {
                    Value::String(text) => Value::String(key(text)),
                    other => other.clone(),
                };
                let item = self.items.iter().find(|(item, _)| *item == wanted);
                let item = item.map_or(solver.never(), |(_, literal)| *literal);
                yes.push(solver.all([self.array, item]));
                no.push(solver.all([self.array, !item]));
            }
            ClaimTest::ContainsNumber(number) => {
                let is_set = solver.all([self.other_scalar, self.is_numbers]);
                let number = solver.known(self.numbers.get(number));
                yes.push(solver.all([is_set, number]));
                no.push(solver.all([is_set, !number]));
            }
            ClaimTest::Present(_) => {}
        }
        Three {
            yes: solver.any(yes),
            no: solver.any(no),
        }
    }
}

/// The claims at all paths that requirements refer to.
#[derive(Default)]
pub struct Claims(pub BTreeMap<String, Claim>);

impl Claims {
    pub fn note(&mut self, solver: &mut Solver, ClaimCondition { path, test }: &ClaimCondition) {
        let own = self.0.entry(path.as_str().to_owned());
        let claim = own.or_insert_with(|| Claim::new(solver, path.as_str()));
        claim.note(solver, test);
    }

    pub fn truth(
        &self,
        solver: &mut Solver,
        ClaimCondition { path, test }: &ClaimCondition,
    ) -> Three {
        match self.0.get(path.as_str()) {
            Some(claim) => claim.truth(solver, test),
            None => Three::unknown(solver),
        }
    }
}
