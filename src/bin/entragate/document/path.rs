//! Paths within a document, as messages write them: `rules[2].credential`.

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Member(String),
    Item(usize),
}

/// The path of a member.
pub fn member(parent: &str, name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'@');
    if name.is_empty() || !name.bytes().all(plain) {
        format!("{parent}[{name:?}]")
    } else if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

/// The path of an item of a list.
pub fn item(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

/// The path of a value inside the value at `outer`.
pub fn join(outer: &str, inner: &str) -> String {
    if outer.is_empty() || inner.is_empty() || inner.starts_with('[') {
        format!("{outer}{inner}")
    } else {
        format!("{outer}.{inner}")
    }
}

/// The steps of a path. An unreadable rest is dropped, since a path only serves to find a line.
pub fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let (step, after) = match rest.strip_prefix('[') {
            Some(inner) if inner.starts_with('"') => match quoted(inner) {
                Some((name, after)) => (Step::Member(name), after),
                None => break,
            },
            Some(inner) => match inner.split_once(']') {
                Some((index, after)) => match index.parse() {
                    Ok(index) => (Step::Item(index), after),
                    Err(_) => break,
                },
                None => break,
            },
            None => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                (Step::Member(name.to_owned()), after)
            }
        };
        steps.push(step);
        rest = after;
    }
    steps
}

/// Reads `"name"]` and returns the name and the text after the bracket.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })?;
    let name = serde_json::from_str(text.get(..=end)?).ok()?;
    Some((name, text.get(end + 1..)?.strip_prefix(']')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_split_into_its_steps() {
        let named = |name: &str| Step::Member(name.to_owned());
        assert_eq!(
            steps("data[\"envoy.yaml\"].a[2].b"),
            [
                named("data"),
                named("envoy.yaml"),
                named("a"),
                Step::Item(2),
                named("b")
            ]
        );
        assert_eq!(steps("[1]"), [Step::Item(1)]);
        assert!(steps("").is_empty());
    }

    #[test]
    fn path_is_written_in_the_form_in_which_it_is_read() {
        let path = item(&member(&member("", "data"), "a.b"), 0);
        assert_eq!(path, "data[\"a.b\"][0]");
        assert_eq!(join("x", &path), "x.data[\"a.b\"][0]");
        assert_eq!(join("x", "[0]"), "x[0]");
        assert_eq!(join("x", ""), "x");
    }
}
