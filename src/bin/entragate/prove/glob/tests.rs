use super::*;
use entragate::pattern::Pattern;

/// A generator of random numbers that are the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    pub fn text(&mut self, alphabet: &[&str], longest: usize) -> String {
        let length = self.below(longest + 1);
        (0..length)
            .map(|_| alphabet[self.below(alphabet.len())])
            .collect()
    }
}

/// All texts up to this length.
pub fn texts(alphabet: &[char], longest: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..longest {
        last = last
            .iter()
            .flat_map(|text| alphabet.iter().map(move |c| format!("{text}{c}")))
            .collect();
        all.extend(last.clone());
    }
    all
}

#[test]
fn glob_matches_the_same_texts_as_the_pattern_of_the_rules() {
    let mut numbers = Numbers(1);
    let texts = texts(&['a', 'b', '/', 'A'], 4);
    for _ in 0..300 {
        let text = numbers.text(&["a", "b", "/", "*", "**", "A"], 5);
        let (pattern, glob) = (Pattern::path(&text), Glob::of(&text, false));
        let lower = text.to_lowercase();
        let (folding, folded) = (Pattern::path(&lower), Glob::of(&lower, true));
        for text in &texts {
            assert_eq!(
                glob.matches(text, '/'),
                pattern.matches(text),
                "{glob:?} {text}"
            );
            let expected = folding.matches(&text.to_lowercase());
            assert_eq!(folded.matches(text, '/'), expected, "{folded:?} {text}");
        }
    }
}

/// If a search finds nothing, the result is compared with all short texts; if it finds a text, the text is compared
/// with the patterns.
#[test]
fn search_finds_a_text_if_and_only_if_there_is_one() {
    let mut numbers = Numbers(2);
    let texts = texts(&['a', 'b', '/', 'A', 'x'], 4);
    let (mut found, mut nothing) = (0, 0);
    for _ in 0..3000 {
        let mut globs = |most: usize| -> Vec<Glob> {
            let count = numbers.below(most + 1);
            (0..count)
                .map(|_| {
                    let text = numbers.text(&["a", "b", "/", "*", "**", "A"], 4);
                    let folds = numbers.below(3) == 0;
                    Glob::of(&if folds { text.to_lowercase() } else { text }, folds)
                })
                .collect()
        };
        let (with, without) = (globs(2), globs(3));
        let fits = |text: &str| {
            with.iter().all(|glob| glob.matches(text, '/'))
                && !without.iter().any(|glob| glob.matches(text, '/'))
        };
        let with_all: Vec<&Glob> = with.iter().collect();
        let without_all: Vec<&Glob> = without.iter().collect();
        match search(&with_all, &without_all, '/') {
            Found::Text(text) => {
                assert!(fits(&text), "{with:?} {without:?} {text}");
                found += 1;
            }
            Found::Nothing => {
                let missed = texts.iter().find(|text| fits(text));
                assert_eq!(missed, None, "{with:?} {without:?}");
                nothing += 1;
            }
            Found::Unknown => {
                let missed = texts.iter().find(|text| fits(text));
                assert_eq!(
                    missed, None,
                    "a text that can be written is found: {with:?} {without:?}"
                );
            }
        }
    }
    assert!(found > 500 && nothing > 500, "{found} {nothing}");
}

/// The lower case of the Kelvin sign is `k`, so it can match only one of these patterns.
#[test]
fn character_with_an_unusual_lower_case_is_considered() {
    let (folded, plain, upper) = (
        Glob::of("k", true),
        Glob::of("k", false),
        Glob::of("K", false),
    );
    assert!(folded.matches("\u{212a}", '/'));
    assert_eq!(search(&[&folded], &[&plain, &upper], '/'), Found::Unknown);
    let letter = Glob::of("é", false);
    assert_eq!(search(&[&folded, &letter], &[], '/'), Found::Unknown);
}

#[test]
fn separator_limits_the_single_star() {
    let glob = |text| Glob::of(text, false);
    let (any, one, deep) = (glob("/a/**"), glob("/a/*"), glob("/a/*/*"));
    assert_eq!(search(&[&one], &[&any], '/'), Found::Nothing);
    assert_eq!(
        search(&[&any], &[&one, &deep], '/'),
        Found::Text("/a///".into())
    );
    assert_eq!(search(&[&one, &deep], &[], '/'), Found::Nothing);
}

#[test]
fn search_with_long_patterns_is_given_up() {
    for length in [MOST_NODES + 1, 200] {
        let long = Glob::of(&"a".repeat(length), false);
        assert_eq!(search(&[&long], &[], '/'), Found::Unknown);
        assert!(!long.matches(&"a".repeat(length), '/'));
    }
    let text = "a".repeat(MOST_NODES);
    let longest = Glob::of(&text, false);
    assert!(longest.matches(&text, '/'));
    assert_eq!(search(&[&longest], &[], '/'), Found::Text(text));
}

#[test]
fn text_has_a_character_outside_the_patterns_if_necessary() {
    let glob = |text| Glob::of(text, false);
    let (any, none, a, b) = (glob("*"), glob(""), glob("**a**"), glob("**b**"));
    assert_eq!(
        search(&[&any], &[&none, &a, &b], '/'),
        Found::Text("c".into())
    );
}
