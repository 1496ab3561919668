//! Suggestions for "did you mean": the known name that is nearest to a mistyped one.

/// Longer names are not compared, because the comparison is quadratic.
const MAX_CHARS: usize = 64;

/// The nearest known name, if it is near enough. Case, `-` and `_` are ignored, so `clockSkew` finds `clock_skew`.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = letters(name);
    if name.is_empty() || name.len() > MAX_CHARS {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (distance(&name, &letters(candidate)), candidate))
        .filter(|(far, candidate)| *far <= 1.max(candidate.len().max(name.len()) / 3))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

fn letters(text: &str) -> Vec<char> {
    let letters = text.chars().filter(|c| !matches!(c, '_' | '-'));
    letters
        .map(|c| c.to_ascii_lowercase())
        .take(MAX_CHARS + 1)
        .collect()
}

/// The optimal string alignment distance (insertions, deletions, substitutions, transpositions), computed with three
/// rows.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let at = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut cost = (at(&last, j) + usize::from(a != b))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && from.get(i - 1) == Some(b) && to.get(j - 1) == Some(a);
            if swapped {
                cost = cost.min(at(&before_last, j - 1) + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_is_suggested() {
        for (name, known, expected) in [
            ("hf-raed", &["hf-write", "hf-read"][..], Some("hf-read")),
            ("clockSkew", &["clock_skew", "types"], Some("clock_skew")),
            ("credentail", &["credential"], Some("credential")),
            ("requires", &["require", "match"], Some("require")),
            ("model", &["models", "mode"], Some("models")),
            ("xyz", &["credential"], None),
            ("", &["a"], None),
            ("a", &["ab"], Some("ab")),
        ] {
            assert_eq!(nearest(name, known.iter().copied()), expected, "{name}");
        }
    }
}
