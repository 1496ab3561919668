//! Formulas for the SAT solver.

use batsat::interface::SolverInterface;
use batsat::{Callbacks, lbool};
use std::cell::Cell;
use std::collections::HashMap;

pub use batsat::{Lit, Var};

/// How long to search for an implication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Values are propagated, but not tried. The time of a search that tries values grows with the size of all
    /// formulas, even if only a few literals are assumed.
    Quick,
    Thorough,
}

/// A solver, with gates whose values are determined by their inputs.
pub struct Solver {
    inner: batsat::Solver<Limit>,
    always: Lit,
    gates: HashMap<Vec<Lit>, Lit>,
    facts: Vec<Lit>,
}

/// Ends a search after a number of steps; each step decides a literal or resolves a conflict.
#[derive(Default)]
struct Limit {
    /// `None`: the search is not limited.
    left: Cell<Option<usize>>,
}

impl Callbacks for Limit {
    fn stop(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.map(|left| left.saturating_sub(1)));
        left == Some(0)
    }
}

impl Solver {
    pub fn new() -> Self {
        let mut inner = batsat::Solver::<Limit>::default();
        let always = Lit::new(inner.new_var_default(), true);
        inner.add_clause_reuse(&mut vec![always]);
        Self {
            inner,
            always,
            gates: HashMap::new(),
            facts: Vec::new(),
        }
    }

    pub fn always(&self) -> Lit {
        self.always
    }

    pub fn never(&self) -> Lit {
        !self.always
    }

    /// The literal of a fact; never true if nothing refers to the fact.
    pub fn known(&self, fact: Option<&Lit>) -> Lit {
        fact.copied().unwrap_or(self.never())
    }

    /// A new variable for a fact. The solver tries false first.
    pub fn variable(&mut self) -> Lit {
        let fact = self.auxiliary();
        self.facts.push(fact);
        fact
    }

    /// A new variable for a fact that is usually true: the solver tries true first.
    pub fn usual(&mut self) -> Lit {
        let fact = Lit::new(self.inner.new_var(lbool::TRUE, true), true);
        self.facts.push(fact);
        fact
    }

    /// The numbers of variables and clauses.
    #[cfg(test)]
    pub fn size(&self) -> (u64, u64) {
        (u64::from(self.inner.num_vars()), self.inner.num_clauses())
    }

    /// All facts with their values in the last assignment, in the order of their creation.
    pub fn assigned(&self) -> Vec<Lit> {
        let assigned = |fact: &Lit| if self.value(*fact) { *fact } else { !*fact };
        self.facts.iter().map(assigned).collect()
    }

    /// A new variable that is not a fact.
    pub fn auxiliary(&mut self) -> Lit {
        Lit::new(self.inner.new_var(lbool::FALSE, true), true)
    }

    /// Requires at least one of these to be true.
    pub fn require(&mut self, clause: &[Lit]) {
        self.inner.add_clause_reuse(&mut clause.to_vec());
    }

    /// Returns a literal that is true if and only if all of these are true.
    pub fn all(&mut self, parts: impl IntoIterator<Item = Lit>) -> Lit {
        let mut parts: Vec<Lit> = parts
            .into_iter()
            .filter(|part| *part != self.always)
            .collect();
        parts.sort_unstable();
        parts.dedup();
        let contradict = parts
            .windows(2)
            .any(|pair| matches!(pair, [one, other] if *one == !*other));
        if contradict || parts.contains(&self.never()) {
            return self.never();
        }
        match parts[..] {
            [] => return self.always,
            [only] => return only,
            _ => {}
        }
        if let Some(known) = self.gates.get(&parts) {
            return *known;
        }
        let gate = self.auxiliary();
        for part in &parts {
            self.require(&[!gate, *part]);
        }
        let mut clause: Vec<Lit> = parts.iter().map(|part| !*part).collect();
        clause.push(gate);
        self.require(&clause);
        self.gates.insert(parts, gate);
        gate
    }

    /// Returns a literal that is true if and only if any of these is true.
    pub fn any(&mut self, parts: impl IntoIterator<Item = Lit>) -> Lit {
        let parts: Vec<Lit> = parts.into_iter().map(|part| !part).collect();
        !self.all(parts)
    }

    /// Requires at most one of these to be true.
    pub fn at_most_one(&mut self, parts: &[Lit]) {
        // Whether one of the parts so far is true.
        let mut before: Option<Lit> = None;
        for part in parts {
            let so_far = self.auxiliary();
            self.require(&[!*part, so_far]);
            if let Some(before) = before {
                self.require(&[!before, !*part]);
                self.require(&[!before, so_far]);
            }
            before = Some(so_far);
        }
    }

    /// Requires exactly one of these to be true.
    pub fn exactly_one(&mut self, parts: &[Lit]) {
        self.require(parts);
        self.at_most_one(parts);
    }

    /// Returns whether there is an assignment in which all of these are true.
    pub fn is_satisfiable(&mut self, assumed: &[Lit]) -> bool {
        self.inner.solve_limited(assumed) == lbool::TRUE
    }

    /// Returns the literals of `assumed` that imply `goal`, if they are found.
    pub fn implying(&mut self, assumed: &[Lit], goal: Lit, effort: Effort) -> Option<Vec<Lit>> {
        let all: Vec<Lit> = assumed.iter().copied().chain([!goal]).collect();
        let limit = match effort {
            // Each step assumes one of the literals.
            Effort::Quick => Some(all.len()),
            Effort::Thorough => None,
        };
        self.inner.cb_mut().left.set(limit);
        let found = self.inner.solve_limited(&all);
        self.inner.cb_mut().left.set(None);
        (found == lbool::FALSE).then(|| self.core(assumed))
    }

    /// The value of a literal in the last assignment.
    pub fn value(&self, literal: Lit) -> bool {
        self.inner.value_lit(literal) == lbool::TRUE
    }

    /// The assumptions of the last call that together exclude every assignment.
    fn core(&self, assumed: &[Lit]) -> Vec<Lit> {
        let is_used = |literal: &Lit| self.inner.unsat_core_contains_var(literal.var());
        assumed.iter().copied().filter(is_used).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_have_the_value_of_their_inputs() {
        for values in 0..8 {
            let mut solver = Solver::new();
            let inputs = [(); 3].map(|()| solver.variable());
            let (all, any) = (solver.all(inputs), solver.any(inputs));
            let fixed: Vec<Lit> = inputs
                .iter()
                .enumerate()
                .map(|(at, input)| {
                    if values & 1 << at == 0 {
                        !*input
                    } else {
                        *input
                    }
                })
                .collect();
            assert!(solver.is_satisfiable(&fixed));
            assert_eq!(solver.value(all), values == 7);
            assert_eq!(solver.value(any), values != 0);
        }
    }

    #[test]
    fn trivial_gates_need_no_variable() {
        let mut solver = Solver::new();
        let a = solver.variable();
        let (always, never) = (solver.always(), solver.never());
        assert_eq!(solver.all([]), always);
        assert_eq!(solver.any([]), never);
        assert_eq!(solver.all([a, always, a]), a);
        assert_eq!(solver.all([a, never]), never);
        assert_eq!(solver.all([a, !a]), never);
        assert_eq!(solver.any([a, always]), always);
        let b = solver.variable();
        assert_eq!(solver.all([a, b]), solver.all([b, a]));
    }

    #[test]
    fn usual_fact_is_true_unless_it_is_excluded() {
        let mut solver = Solver::new();
        let facts: Vec<Lit> = (0..4).map(|_| solver.usual()).collect();
        solver.require(&[!facts[2]]);
        assert!(solver.is_satisfiable(&[]));
        let values: Vec<bool> = facts.iter().map(|fact| solver.value(*fact)).collect();
        assert_eq!(values, [true, true, false, true]);
    }

    #[test]
    fn fact_is_false_unless_it_is_required() {
        let mut solver = Solver::new();
        let facts: Vec<Lit> = (0..20).map(|_| solver.variable()).collect();
        solver.require(&[facts[3], facts[4]]);
        solver.require(&[!facts[3]]);
        assert!(solver.is_satisfiable(&[]));
        let found: Vec<Lit> = facts
            .iter()
            .copied()
            .filter(|fact| solver.value(*fact))
            .collect();
        assert_eq!(found, [facts[4]]);
    }

    #[test]
    fn exactly_one_of_several_is_true() {
        let mut solver = Solver::new();
        let parts: Vec<Lit> = (0..5).map(|_| solver.variable()).collect();
        solver.exactly_one(&parts);
        for (at, one) in parts.iter().enumerate() {
            assert!(solver.is_satisfiable(&[*one]));
            for other in &parts[at + 1..] {
                assert!(!solver.is_satisfiable(&[*one, *other]));
            }
        }
        let none: Vec<Lit> = parts.iter().map(|part| !*part).collect();
        assert!(!solver.is_satisfiable(&none));
    }

    #[test]
    fn only_assumptions_that_imply_the_goal_are_named() {
        for effort in [Effort::Quick, Effort::Thorough] {
            let mut solver = Solver::new();
            let parts: Vec<Lit> = (0..4).map(|_| solver.variable()).collect();
            let goal = solver.all([parts[0], parts[2]]);
            let found = solver.implying(&parts, goal, effort);
            assert_eq!(found, Some(vec![parts[0], parts[2]]));
            assert_eq!(solver.implying(&parts[..2], goal, effort), None);
            assert!(solver.is_satisfiable(&[parts[0], parts[1], !goal]));
        }
    }

    #[test]
    fn only_a_thorough_search_tries_values() {
        let mut solver = Solver::new();
        let [a, b, c, goal] = [(); 4].map(|()| solver.variable());
        // With `a`, all values of `b` and `c` imply the goal, but each value alone does not.
        for (b, c) in [(b, c), (b, !c), (!b, c), (!b, !c)] {
            solver.require(&[!a, b, c, goal]);
        }
        let unrelated = solver.variable();
        let assumed = [unrelated, a];
        assert_eq!(solver.implying(&assumed, goal, Effort::Quick), None);
        let found = solver.implying(&assumed, goal, Effort::Thorough);
        assert_eq!(found, Some(vec![a]));
    }
}
