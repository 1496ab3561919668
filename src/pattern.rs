//! Patterns for hosts, paths, models and clusters: `*` matches within a segment, `**` across segments; other
//! characters are literal.

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    separator: char,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// `*`: any text without the separator.
    Segment,
    /// `**`: any text.
    Any,
}

/// A literal that every matching text equals or begins with. Used to index patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'p> {
    Whole(&'p str),
    /// Ends with the pattern's separator and contains it at most [`Key::DEPTH`] times.
    Prefix(&'p str),
}

impl Key<'_> {
    pub const DEPTH: usize = 8;
}

impl Pattern {
    /// Compiles a pattern for paths or models. Segments are separated by `/`.
    pub fn path(text: &str) -> Self {
        Self::compile(text.to_owned(), '/')
    }

    /// Compiles a pattern for hosts. Segments are separated by `.`; case is ignored.
    pub fn host(text: &str) -> Self {
        Self::compile(text.to_ascii_lowercase(), '.')
    }

    /// Compiles a pattern for cluster names. Segments are separated by `/`; case-sensitive.
    pub fn cluster(text: &str) -> Self {
        Self::compile(text.to_owned(), '/')
    }

    fn compile(text: String, separator: char) -> Self {
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let stars = rest.len() - rest.trim_start_matches('*').len();
            if stars > 0 {
                parts.push(if stars == 1 { Part::Segment } else { Part::Any });
                rest = rest.trim_start_matches('*');
            } else {
                let (literal, tail) = rest.split_at(rest.find('*').unwrap_or(rest.len()));
                parts.push(Part::Literal(literal.to_owned()));
                rest = tail;
            }
        }
        Self {
            text,
            separator,
            parts,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the literal that all matching texts share, or `None` if there is none.
    pub fn key(&self) -> Option<Key<'_>> {
        let literal = match self.parts.as_slice() {
            [] => return Some(Key::Whole("")),
            [Part::Literal(literal)] => return Some(Key::Whole(literal)),
            [Part::Literal(literal), ..] => literal,
            [Part::Segment | Part::Any, ..] => return None,
        };
        let ends = literal.match_indices(self.separator).take(Key::DEPTH);
        let (at, separator) = ends.last()?;
        literal.get(..at + separator.len()).map(Key::Prefix)
    }

    /// Returns whether the whole text matches. Hosts must be in lower case.
    ///
    /// The cost is bounded by text length × parts, because no part backtracks.
    pub fn matches(&self, text: &str) -> bool {
        match self.parts.as_slice() {
            // Fast paths for the most common patterns.
            [Part::Any] => true,
            [Part::Literal(literal)] => text == literal,
            [Part::Literal(prefix), Part::Any] => text.starts_with(prefix),
            _ => self.walk(text),
        }
    }

    fn walk(&self, text: &str) -> bool {
        // The byte positions that the parts so far can reach.
        let mut reached = vec![false; text.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        for part in &self.parts {
            reached = self.step(part, text, &reached);
        }
        reached.last().copied().unwrap_or(false)
    }

    fn step(&self, part: &Part, text: &str, reached: &[bool]) -> Vec<bool> {
        let mut next = vec![false; reached.len()];
        let mut running = false;
        for (at, slot) in reached.iter().enumerate() {
            match part {
                Part::Literal(literal) => {
                    let follows =
                        *slot && text.get(at..).is_some_and(|tail| tail.starts_with(literal));
                    if follows && let Some(end) = next.get_mut(at + literal.len()) {
                        *end = true;
                    }
                }
                Part::Segment | Part::Any => {
                    running |= *slot;
                    if let Some(here) = next.get_mut(at) {
                        *here = running;
                    }
                    let is_separator = text.as_bytes().get(at) == Some(&(self.separator as u8));
                    if is_separator && *part == Part::Segment {
                        running = false;
                    }
                }
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_star_matches_within_a_segment() {
        for (pattern, text, expected) in [
            ("/v1/*", "/v1/models", true),
            ("/v1/*", "/v1/chat/completions", false),
            ("/v1/**", "/v1/chat/completions", true),
            ("/v1/**", "/v1/", true),
            ("/v1/**", "/v1", false),
            ("/v1/**", "/v10/x", false),
            ("**", "", true),
            ("/**/completions", "/v1/chat/completions", true),
            ("/**/completions", "/v1/chat/completion", false),
            ("meta-llama/*", "meta-llama/Llama-3.1-8B-Instruct", true),
            ("meta-llama/*", "meta-llama/", true),
            ("meta-llama/*", "mistral/x", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("", "", true),
            ("é*", "éa", true),
        ] {
            assert_eq!(
                Pattern::path(pattern).matches(text),
                expected,
                "{pattern} on {text}"
            );
        }
    }

    #[test]
    fn host_pattern_separates_at_dots_and_ignores_case() {
        assert!(Pattern::host("*.Contoso.com").matches("llama.contoso.com"));
        assert!(!Pattern::host("*.contoso.com").matches("a.b.contoso.com"));
        assert!(Pattern::host("**.contoso.com").matches("a.b.contoso.com"));
    }

    #[test]
    fn key_is_the_common_literal_prefix() {
        let (whole, prefix) = (Key::Whole, Key::Prefix);
        let deep = "/a".repeat(Key::DEPTH + 2) + "/*";
        for (pattern, expected) in [
            ("/v1/chat", Some(whole("/v1/chat"))),
            ("", Some(whole(""))),
            ("/v1/**", Some(prefix("/v1/"))),
            ("/v1/chat*x", Some(prefix("/v1/"))),
            ("/*", Some(prefix("/"))),
            ("v1*", None),
            ("*/v1", None),
            ("**", None),
            (&deep, Some(prefix("/a/a/a/a/a/a/a/"))),
        ] {
            assert_eq!(Pattern::path(pattern).key(), expected, "{pattern}");
        }
        assert_eq!(Pattern::host("A.b.*").key(), Some(prefix("a.b.")));
    }

    #[test]
    fn hostile_pattern_terminates_quickly() {
        let pattern = Pattern::path(&format!("{}b", "*a".repeat(200)));
        assert!(!pattern.matches(&"a".repeat(5000)));
    }
}
