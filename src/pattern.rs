//! Patterns of hosts, paths and models: `*` within a segment, `**` across segments, otherwise
//! literal.

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
    /// `*`: any run without the separator.
    Segment,
    /// `**`: any run at all.
    Any,
}

/// What every text that a pattern matches is or begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'p> {
    Whole(&'p str),
    /// Ends with the pattern's separator, and holds it no more than [`Key::DEPTH`] times.
    Prefix(&'p str),
}

impl Key<'_> {
    pub const DEPTH: usize = 8;
}

impl Pattern {
    /// Compiles a pattern of paths or models, whose segments `/` parts.
    pub fn path(text: &str) -> Self {
        Self::compile(text.to_owned(), '/')
    }

    /// Compiles a pattern of hosts, whose segments `.` parts; case does not matter.
    pub fn host(text: &str) -> Self {
        Self::compile(text.to_ascii_lowercase(), '.')
    }

    /// Compiles a pattern of cluster names, whose segments `/` separates; case matters.
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

    /// `None`: nothing is common to all that matches.
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

    /// Whether the whole text matches. Hosts must be handed in lower case.
    ///
    /// Cost is bounded by text length × parts: each wildcard only ever moves forward.
    pub fn matches(&self, text: &str) -> bool {
        match self.parts.as_slice() {
            // What most patterns are; the general way finds the same.
            [Part::Any] => true,
            [Part::Literal(literal)] => text == literal,
            [Part::Literal(prefix), Part::Any] => text.starts_with(prefix),
            _ => self.walk(text),
        }
    }

    fn walk(&self, text: &str) -> bool {
        // The byte positions that the parts so far can have consumed up to.
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
                    let parted = text.as_bytes().get(at) == Some(&(self.separator as u8));
                    if parted && *part == Part::Segment {
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
    fn stars_stay_in_their_segment() {
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
    fn hosts_part_at_dots_and_ignore_case() {
        assert!(Pattern::host("*.Contoso.com").matches("llama.contoso.com"));
        assert!(!Pattern::host("*.contoso.com").matches("a.b.contoso.com"));
        assert!(Pattern::host("**.contoso.com").matches("a.b.contoso.com"));
    }

    #[test]
    fn a_key_is_what_all_that_matches_begins_with() {
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
    fn hostile_patterns_stay_cheap() {
        let pattern = Pattern::path(&format!("{}b", "*a".repeat(200)));
        assert!(!pattern.matches(&"a".repeat(5000)));
    }
}
