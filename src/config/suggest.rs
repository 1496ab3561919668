//! Suggestions for "did you mean": the known name that is most similar to a mistyped one.

use strsim::osa_distance;

/// Longer names, in bytes, are not compared, because the comparison is quadratic.
const MAX_LENGTH: usize = 64;

/// The most similar known name, if it is similar enough. Case, `-` and `_` are ignored, so `clockSkew` finds
/// `clock_skew`.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = letters(name);
    if name.is_empty() || name.len() > MAX_LENGTH {
        return None;
    }
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_LENGTH)
        .map(|candidate| (osa_distance(&name, &letters(candidate)), candidate))
        .filter(|(far, candidate)| *far <= 1.max(candidate.len().max(name.len()) / 3))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

fn letters(text: &str) -> String {
    let letters = text.chars().filter(|c| !matches!(c, '_' | '-'));
    letters.map(|c| c.to_ascii_lowercase()).collect()
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
