//! Parts of messages: lists of names, and quoted excerpts of the configuration that never show a secret.

use std::fmt;

const MAX_CHARS: usize = 80;
/// Prefixes of Hugging Face tokens and JSON Web Tokens, which users may have put into the wrong field.
const SECRETS: [&str; 3] = ["hf_", "api_org_", "eyJ"];
/// The minimum number of letters and digits after the prefix, because `hf_read` could be a name.
const SECRET_CHARS: usize = 10;

/// Displays the text in quotes, with control characters escaped.
pub(super) struct Excerpt<'a>(pub &'a str);

impl Excerpt<'_> {
    /// Whether the text looks like a secret and must not be shown.
    pub(super) fn is_redacted(&self) -> bool {
        SECRETS.iter().any(|start| {
            self.0.split(start).skip(1).any(|rest| {
                rest.bytes().take_while(u8::is_ascii_alphanumeric).count() >= SECRET_CHARS
            })
        })
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_redacted() {
            return f.write_str("\"(redacted)\"");
        }
        match self.0.char_indices().nth(MAX_CHARS) {
            Some((end, _)) => write!(f, "{:?}…", self.0.get(..end).unwrap_or_default()),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// Displays names as `a, b or c`.
pub(super) struct List<'a>(pub &'a [&'static str]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let before = match index {
                0 => "",
                _ if index + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{before}{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpt_is_short_and_shows_no_secret() {
        assert_eq!(Excerpt("a\nb").to_string(), "\"a\\nb\"");
        assert_eq!(
            Excerpt("Bearer hf_abcdefghij").to_string(),
            "\"(redacted)\""
        );
        assert_eq!(Excerpt("hf_read").to_string(), "\"hf_read\"");
        assert!(Excerpt(&"é".repeat(500)).to_string().chars().count() < 90);
    }
}
