use super::*;
use crate::prove::facts::texts::Form;
use crate::prove::glob::tests::{Numbers, texts};
use std::collections::HashSet;

const FORM: Form = Form {
    separator: '/',
    never: &[],
    written: &[],
    unwritten: &[],
    special: &[],
};

/// Patterns of one text, related, with a literal for each.
struct Related {
    solver: Solver,
    texts: Texts,
    literals: Vec<Lit>,
}

impl Related {
    /// A pattern that ignores case begins with `i:`.
    fn new<P: AsRef<str>>(patterns: &[P]) -> Self {
        let (mut solver, mut texts) = (Solver::new(), Texts::new(FORM));
        let literal = |pattern: &P| match pattern.as_ref().strip_prefix("i:") {
            Some(folded) => texts.matches(&mut solver, folded, true),
            None => texts.matches(&mut solver, pattern.as_ref(), false),
        };
        let literals = patterns.iter().map(literal).collect();
        texts.relate(&mut solver);
        Self {
            solver,
            texts,
            literals,
        }
    }

    /// Whether the first pattern implies the second one, for the solver alone.
    fn is_implied(&mut self) -> bool {
        let [one, other] = self.literals[..] else {
            panic!("two patterns");
        };
        !self.solver.is_satisfiable(&[one, !other])
    }

    /// Whether the first two patterns exclude each other, for the solver alone.
    fn is_excluded(&mut self) -> bool {
        !self.solver.is_satisfiable(&self.literals[..2])
    }
}

#[test]
fn every_text_satisfies_the_relations_of_random_patterns() {
    let mut numbers = Numbers(3);
    let all = texts(&['a', 'b', '/', 'A'], 5);
    for _ in 0..300 {
        let patterns: Vec<String> = (0..2 + numbers.below(5))
            .map(|_| {
                let text = numbers.text(&["a", "b", "/", "/", "*", "**", "A"], 6);
                match numbers.below(3) {
                    0 => format!("i:{}", text.to_lowercase()),
                    _ => text,
                }
            })
            .collect();
        let mut related = Related::new(&patterns);
        let mut seen = HashSet::new();
        for text in &all {
            let values: Vec<Lit> = related
                .texts
                .values_of(text)
                .map(|(literal, matches)| if matches { literal } else { !literal })
                .collect();
            if seen.insert(values.clone()) {
                assert!(
                    related.solver.is_satisfiable(&values),
                    "{patterns:?} {text}"
                );
            }
        }
    }
}

#[test]
fn patterns_that_share_texts_are_related_before_the_search() {
    let long = "a".repeat(200);
    let long_path = format!("/{long}/**");
    let long_segment = format!("/{long}/*");
    let long_folded_segment = format!("i:/{long}/*");
    let long_deep = format!("/{long}/*/c");
    let long_whole = format!("/{long}/b");
    let long_folded = format!("i:/{long}/B").to_lowercase();
    let long_folded_path = format!("i:/{long}/**");
    for (one, other) in [
        ("/a", "/*"),
        ("/a/b", "/a/**"),
        ("/a/b/**", "/a/**"),
        ("/a/*", "/a/**"),
        ("/a/*/c", "/a/**/c"),
        ("/**", "**"),
        ("m/X", "i:m/*"),
        ("M/*", "i:m/*"),
        ("i:m/x", "i:m/*"),
        // A search with patterns of this length is given up.
        (&long_whole, &long_path),
        (&long_whole, &long_segment),
        (&long_folded, &long_folded_segment),
        (&long_deep, &long_path),
        (&long_folded, &long_folded_path),
        (&long_whole, &long_folded_path),
    ] {
        assert!(Related::new(&[one, other]).is_implied(), "{one} {other}");
        // The same with the patterns created in the other order.
        let mut related = Related::new(&[other, one]);
        related.literals.reverse();
        assert!(related.is_implied(), "{other} {one}");
        assert!(!related.is_excluded(), "{one} {other}");
    }
}

#[test]
fn patterns_without_a_common_text_exclude_each_other() {
    let long = "a".repeat(200);
    let (one_long, other_long) = (format!("/{long}/b"), format!("/{long}/b/**"));
    for (one, other) in [
        ("/a", "/b"),
        ("/a", "/a/**"),
        ("/a/**", "/b/**"),
        ("/a/b/c/**", "/a/d/**"),
        ("/a/x/b", "/a/y/*"),
        ("/a/*", "/a/*/c"),
        (&one_long, &other_long),
    ] {
        assert!(Related::new(&[one, other]).is_excluded(), "{one} {other}");
        assert!(Related::new(&[other, one]).is_excluded(), "{other} {one}");
    }
    // Only the third pattern relates them: a text that begins with `N/` begins with `n/` in lower case.
    assert!(Related::new(&["i:m/**", "N/**", "i:n/**"]).is_excluded());
}

#[test]
fn number_of_pairs_is_limited() {
    let chain =
        |count: usize| -> Vec<String> { (0..count).map(|at| "a".repeat(at) + "**").collect() };
    assert_eq!(Related::new(&chain(4)).texts.pairs().len(), 6);
    assert_eq!(Related::new(&chain(210)).texts.pairs().len(), MOST_PAIRS);
}
