//! Values with three states as two literals: satisfied, unsatisfied, or neither.

use super::solver::{Lit, Solver};
use entragate::logic::{Formula, Operator};

/// At most one of the two is true in any assignment of the facts.
#[derive(Clone, Copy, Debug)]
pub struct Three {
    pub yes: Lit,
    pub no: Lit,
}

impl Three {
    pub fn known(is_satisfied: Lit) -> Self {
        Self {
            yes: is_satisfied,
            no: !is_satisfied,
        }
    }

    /// The value of an indeterminate condition.
    pub fn unknown(solver: &Solver) -> Self {
        Self {
            yes: solver.never(),
            no: solver.never(),
        }
    }

    /// The value of a comparison that is indeterminate if it fails and the claim cannot be read.
    pub fn unless_unclear(solver: &mut Solver, is_satisfied: Lit, unclear: Lit) -> Self {
        Self {
            yes: is_satisfied,
            no: solver.all([!is_satisfied, !unclear]),
        }
    }

    pub fn not(self) -> Self {
        Self {
            yes: self.no,
            no: self.yes,
        }
    }

    /// The value of a formula.
    pub fn of<C>(
        solver: &mut Solver,
        formula: &Formula<C>,
        condition: &mut impl FnMut(&mut Solver, &C) -> Self,
    ) -> Self {
        let mut parts = |solver: &mut Solver, parts: &[Formula<C>]| -> Vec<Self> {
            let each = |part| Self::of(solver, part, condition);
            parts.iter().map(each).collect()
        };
        match formula {
            Formula::Condition(leaf) => condition(solver, leaf),
            Formula::All(inner) => {
                let inner = parts(solver, inner);
                Self::combine(solver, Operator::All, &inner)
            }
            Formula::Any(inner) => {
                let inner = parts(solver, inner);
                Self::combine(solver, Operator::Any, &inner)
            }
            Formula::Not(inner) => Self::of(solver, inner, condition).not(),
        }
    }

    fn combine(solver: &mut Solver, operator: Operator, parts: &[Self]) -> Self {
        let yes = parts.iter().map(|part| part.yes);
        let no = parts.iter().map(|part| part.no);
        match operator {
            Operator::Any => Self {
                yes: solver.any(yes),
                no: solver.all(no),
            },
            Operator::All | Operator::Not => Self {
                yes: solver.all(yes),
                no: solver.any(no),
            },
        }
    }
}
