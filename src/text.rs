//! Text helpers: safe excerpts of untrusted text, and character checks.

use std::borrow::Cow;

/// Returns an excerpt of untrusted text for a message: short, printable ASCII, in quotes.
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 100;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    let clean = |c: char| match c {
        '"' | '\\' => '\'',
        ' '..='~' => c,
        _ => '?',
    };
    format!("'{}'", shown.chars().map(clean).collect::<String>())
}

/// Returns whether a character is invisible or changes how other characters are displayed: control characters, line and
/// paragraph separators, direction marks (Unicode TR36, "Trojan Source") and zero-width spaces.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Replaces each character for which `fits` returns false with `instead`.
pub fn fitted<'t>(text: Cow<'t, str>, fits: impl Fn(char) -> bool, instead: &str) -> Cow<'t, str> {
    if text.chars().all(&fits) {
        text
    } else {
        text.replace(|c| !fits(c), instead).into()
    }
}

/// Returns whether a text is the concatenation of the parts.
pub fn consists_of<const N: usize>(text: &str, parts: [&str; N]) -> bool {
    let rest = parts
        .into_iter()
        .try_fold(text, |rest, part| rest.strip_prefix(part));
    rest == Some("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_consists_of_exactly_its_parts() {
        for (text, expected) in [
            ("abc", true),
            ("ab", false),
            ("abcd", false),
            ("xabc", false),
            ("acb", false),
            ("", false),
        ] {
            assert_eq!(consists_of(text, ["a", "", "bc"]), expected, "{text}");
        }
        assert!(consists_of("", []));
    }
}
