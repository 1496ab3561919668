//! Paths in the configuration, such as `rules[2].credential`.

use super::excerpt::Excerpt;
use std::cmp::Ordering;
use std::fmt::Write;

/// The path of a member. A name with other characters is quoted in brackets.
pub(super) fn member(parent: &str, name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'@');
    if name.is_empty() || !name.bytes().all(plain) || Excerpt(name).is_redacted() {
        return format!("{parent}[{}]", Excerpt(name));
    }
    match parent.is_empty() {
        true => name.to_owned(),
        false => format!("{parent}.{name}"),
    }
}

/// The path of a list's item.
pub(super) fn item(parent: &str, index: usize) -> String {
    let mut path = parent.to_owned();
    // Writing to a String cannot fail.
    let _ = write!(path, "[{index}]");
    path
}

/// The path of the enclosing value; the root is its own parent.
pub(super) fn parent(path: &str) -> &str {
    path.rfind(['.', '['])
        .and_then(|end| path.get(..end))
        .unwrap_or_default()
}

/// Whether `path` is `outer` or inside it.
pub(super) fn is_within(path: &str, outer: &str) -> bool {
    match path.strip_prefix(outer) {
        Some(rest) => outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']),
        None => false,
    }
}

/// Orders paths: `rules[2]` before `rules[10]`, and a value before the values inside it.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (parts(left), parts(right));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let order = match (a.parse::<usize>(), b.parse::<usize>()) {
                    (Ok(a), Ok(b)) => a.cmp(&b),
                    _ => a.cmp(b),
                };
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split(['.', '[', ']']).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_composed_of_members_and_items() {
        assert_eq!(member("", "rules"), "rules");
        assert_eq!(item("rules", 2), "rules[2]");
        assert_eq!(member("rules[2]", "credential"), "rules[2].credential");
        assert_eq!(member("a", "b.c"), "a[\"b.c\"]");
        assert_eq!(parent("rules[2].credential"), "rules[2]");
        assert_eq!(parent("rules[2]"), "rules");
        assert_eq!(parent("rules"), "");
    }

    #[test]
    fn inner_path_is_recognized() {
        assert!(is_within("rules[1].name", "rules[1]"));
        assert!(is_within("rules[1]", ""));
        assert!(!is_within("rules[11]", "rules[1"));
        assert!(!is_within("rules[1]", "rules[1].name"));
        assert!(!is_within("rules_more", "rules"));
    }

    #[test]
    fn paths_are_ordered_by_index_and_depth() {
        let mut paths = ["rules[10]", "rules[2].name", "rules[2]", "issuers", ""];
        paths.sort_by(|a, b| compare(a, b));
        assert_eq!(
            paths,
            ["", "issuers", "rules[2]", "rules[2].name", "rules[10]"]
        );
    }
}
