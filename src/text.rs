//! Foreign texts in messages, logs and records; and what a text is made of.

use std::borrow::Cow;

/// A foreign text made fit for a message: short, printable ASCII, in quotes.
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

/// Whether a character shows as nothing, or changes how others show: control characters, line and
/// paragraph separators, marks of direction (Unicode TR36, "Trojan source"), blanks of no width.
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

/// A text with `instead` for each of its characters that does not fit.
pub fn fitted<'t>(text: Cow<'t, str>, fits: impl Fn(char) -> bool, instead: &str) -> Cow<'t, str> {
    match text.chars().all(&fits) {
        true => text,
        false => text.replace(|c| !fits(c), instead).into(),
    }
}

/// Whether a text is these parts, one behind the other.
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
    fn a_text_is_its_parts_and_nothing_more() {
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
