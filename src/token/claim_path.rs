//! The path of a value in a claim set: a member's name, or a JSON Pointer (RFC 6901).

use super::claim_set::ClaimSet;
use crate::json::raw::{Object, Raw};
use serde_json::Value;

/// A compiled path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath {
    text: String,
    segments: Vec<String>,
}

impl ClaimPath {
    /// Parses a path. A text that begins with `/` is a JSON Pointer; any other text is the name of a
    /// top-level member, such as `https://example.com/roles`.
    ///
    /// Returns `None` if the text is empty or contains a `~` that is not part of `~0` or `~1`.
    pub fn parse(text: &str) -> Option<Self> {
        let segments = match text.strip_prefix('/') {
            None if text.is_empty() => return None,
            None => vec![text.to_owned()],
            Some(pointer) => pointer.split('/').map(unescape).collect::<Option<_>>()?,
        };
        Some(Self {
            text: text.to_owned(),
            segments,
        })
    }

    /// Creates the path of a top-level member.
    pub fn member(name: &str) -> Self {
        Self {
            text: name.to_owned(),
            segments: vec![name.to_owned()],
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the name if the path is that of a top-level member.
    pub fn member_name(&self) -> Option<&str> {
        match &*self.segments {
            [name] => Some(name),
            _ => None,
        }
    }

    /// The name of the top-level member, the first segment of the path.
    pub fn first(&self) -> Option<&str> {
        self.segments.first().map(String::as_str)
    }

    /// Returns the value at the path.
    pub fn find<'t>(&self, claims: &Object<'t>) -> Option<Raw<'t>> {
        let (first, rest) = self.segments.split_first()?;
        let member = claims.get(first)?;
        match rest {
            [] => Some(member),
            _ => descend(member, rest),
        }
    }

    /// Returns the value at the path in retained claims.
    pub fn read(&self, claims: &ClaimSet) -> Option<Value> {
        let (first, rest) = self.segments.split_first()?;
        descend(claims.raw(first)?, rest)?.value()
    }
}

fn descend<'t>(from: Raw<'t>, segments: &[String]) -> Option<Raw<'t>> {
    segments
        .iter()
        .try_fold(from, |value, segment| match value.items() {
            Some(mut items) => items.nth(index(segment)?),
            None => value.object()?.get(segment),
        })
}

fn unescape(segment: &str) -> Option<String> {
    let valid = segment
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    valid.then(|| segment.replace("~1", "/").replace("~0", "~"))
}

/// Parses an array index, which has no leading zeros (RFC 6901 §4).
fn index(segment: &str) -> Option<usize> {
    let canonical = segment == "0" || !segment.starts_with('0');
    (canonical && segment.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| segment.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_and_pointers_are_found() {
        let claims = json!({
            "roles": ["a"],
            "https://example.com/roles": ["b"],
            "realm_access": {"roles": ["c", "d"], "a~b": 1},
        });
        let text = claims.to_string();
        let claims = Object::read(&text).unwrap();
        let retained =
            ClaimSet::of(&claims, &claims.iter().map(|(name, _)| name).collect()).unwrap();
        let find = |path: &str| {
            let path = ClaimPath::parse(path).unwrap();
            let found = path.find(&claims).and_then(Raw::value);
            let is_present = path.first().is_some_and(|name| claims.has(name));
            assert_eq!(is_present.then(|| path.read(&retained)).flatten(), found);
            found
        };
        assert_eq!(find("roles"), Some(json!(["a"])));
        assert_eq!(find("https://example.com/roles"), Some(json!(["b"])));
        assert_eq!(find("/https:~1~1example.com~1roles"), Some(json!(["b"])));
        assert_eq!(find("/realm_access/roles/1"), Some(json!("d")));
        assert_eq!(find("/realm_access/a~0b"), Some(json!(1)));
        assert_eq!(find("/realm_access/roles/01"), None);
        assert_eq!(find("/realm_access/roles/-"), None);
        assert_eq!(find("/roles/0/x"), None);
    }

    #[test]
    fn invalid_path_is_rejected() {
        for text in ["", "/a~2", "/a~"] {
            assert_eq!(ClaimPath::parse(text), None, "{text}");
        }
    }
}
