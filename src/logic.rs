//! Formulas over conditions, with three values (Kleene's strong logic).

/// The value of a condition or a formula, from false to true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    Unsatisfied,
    /// Facts are missing: for example, groups are omitted, the kind of caller, the actor or a claim is unclear, or the
    /// address is unknown.
    Indeterminate,
    Satisfied,
}

impl Truth {
    pub fn known(is_satisfied: bool) -> Self {
        if is_satisfied {
            Self::Satisfied
        } else {
            Self::Unsatisfied
        }
    }

    fn not(self) -> Self {
        match self {
            Self::Satisfied => Self::Unsatisfied,
            Self::Unsatisfied => Self::Satisfied,
            Self::Indeterminate => Self::Indeterminate,
        }
    }
}

/// Conditions of type `C`, combined with `all`, `any` and `not`.
#[derive(Clone, Debug, PartialEq)]
pub enum Formula<C> {
    Condition(C),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

impl<C> From<C> for Formula<C> {
    fn from(condition: C) -> Self {
        Self::Condition(condition)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    All,
    Any,
    /// Has exactly one part.
    Not,
}

impl Operator {
    /// Returns the value of a combination from the values of its parts. An empty `all` is
    /// satisfied, an empty `any` is not.
    pub fn truth(self, mut parts: impl Iterator<Item = Truth>) -> Truth {
        match self {
            Self::All => parts.min().unwrap_or(Truth::Satisfied),
            Self::Any => parts.max().unwrap_or(Truth::Unsatisfied),
            Self::Not => parts.next().map_or(Truth::Indeterminate, Truth::not),
        }
    }
}

impl<C> Formula<C> {
    /// Computes a value for each condition, and for each combination from the values of its parts.
    pub fn fold<'f, T>(
        &'f self,
        condition: &impl Fn(&'f C) -> T,
        combine: &impl Fn(Operator, &mut dyn Iterator<Item = T>) -> T,
    ) -> T {
        let value = |part: &'f Self| part.fold(condition, combine);
        match self {
            Self::Condition(leaf) => condition(leaf),
            Self::All(parts) => combine(Operator::All, &mut parts.iter().map(value)),
            Self::Any(parts) => combine(Operator::Any, &mut parts.iter().map(value)),
            Self::Not(part) => combine(Operator::Not, &mut std::iter::once(&**part).map(value)),
        }
    }

    pub fn evaluate<'f>(&'f self, condition: &impl Fn(&'f C) -> Truth) -> Truth {
        self.fold(condition, &|operator, parts| operator.truth(parts))
    }

    /// Calls the visitor with each condition and its polarity: false under an odd number of `not`.
    pub fn visit<'f>(&'f self, visitor: &mut dyn FnMut(&'f C, bool)) {
        self.visit_as(true, visitor);
    }

    fn visit_as<'f>(&'f self, polarity: bool, visitor: &mut dyn FnMut(&'f C, bool)) {
        match self {
            Self::Condition(condition) => visitor(condition, polarity),
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.visit_as(polarity, visitor);
                }
            }
            Self::Not(part) => part.visit_as(!polarity, visitor),
        }
    }

    /// Returns whether any condition passes the test.
    pub fn contains_any(&self, wanted: impl Fn(&C) -> bool) -> bool {
        let mut found = false;
        self.visit(&mut |condition, _| found |= wanted(condition));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{Indeterminate, Satisfied, Unsatisfied};
    use super::*;

    const VALUES: [Truth; 3] = [Unsatisfied, Indeterminate, Satisfied];

    fn value(formula: &Formula<Truth>) -> Truth {
        formula.evaluate(&|truth| *truth)
    }

    #[test]
    fn combination_follows_kleenes_tables() {
        let all = [
            [Unsatisfied, Unsatisfied, Unsatisfied],
            [Unsatisfied, Indeterminate, Indeterminate],
            [Unsatisfied, Indeterminate, Satisfied],
        ];
        for (left, row) in VALUES.into_iter().zip(all) {
            for (right, expected) in VALUES.into_iter().zip(row) {
                let parts = |l: Truth, r: Truth| vec![l.into(), r.into()];
                assert_eq!(value(&Formula::All(parts(left, right))), expected);
                // De Morgan: `any` is the negation of `all` of the negations.
                let any = value(&Formula::Any(parts(left.not(), right.not())));
                assert_eq!(any, expected.not(), "{left:?} {right:?}");
            }
        }
        let not = |truth: Truth| value(&Formula::Not(Box::new(truth.into())));
        assert_eq!(VALUES.map(not), [Satisfied, Indeterminate, Unsatisfied]);
        assert_eq!(value(&Formula::All(Vec::new())), Satisfied);
        assert_eq!(value(&Formula::Any(Vec::new())), Unsatisfied);
    }

    #[test]
    fn condition_under_two_nots_has_positive_polarity() {
        let not = |part| Formula::Not(Box::new(part));
        let formula = Formula::All(vec![
            'a'.into(),
            not(Formula::Any(vec!['b'.into(), not('c'.into())])),
        ]);
        let mut seen = Vec::new();
        formula.visit(&mut |name, polarity| seen.push((*name, polarity)));
        assert_eq!(seen, [('a', true), ('b', false), ('c', true)]);
    }
}
