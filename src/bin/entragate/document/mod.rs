//! Parses the text of a file into documents: JSON, or YAML with any number of documents.

pub mod lines;
pub mod path;

use lines::Lines;
use serde_json::Value;

/// A document of a file, with the lines of its members as far as they are known.
#[derive(Clone, Debug)]
pub struct Located {
    pub value: Value,
    pub lines: Option<Lines>,
}

/// Reads all documents that are not empty, with the lines of their members. A duplicate member is an error in JSON and
/// in YAML.
///
/// # Errors
/// The parser's message, with line and column, and without parts of the text.
pub fn read_located(text: &str) -> Result<Vec<Located>, String> {
    let values = read_all(text)?;
    let options = serde_saphyr::options! { with_snippet: false };
    let lines = serde_saphyr::from_multiple_with_options::<Lines>(text, options);
    let lines = lines
        .ok()
        .filter(|lines| lines.len() == values.len())
        .unwrap_or_default();
    let mut lines = lines.into_iter();
    let located = values.into_iter().map(|value| Located {
        value,
        lines: lines.next(),
    });
    Ok(located.filter(|located| !located.value.is_null()).collect())
}

fn read_all(text: &str) -> Result<Vec<Value>, String> {
    if text.trim_start().starts_with('{')
        && let Ok(value) = entragate::json::parse_strict(text.trim().as_bytes())
    {
        return Ok(vec![value]);
    }
    // A snippet of the text around an error may show a credential.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_multiple_with_options::<Value>(text, options)
        .map_err(|error| sentence(&error))
}

/// The parser's message as a sentence. The parser's own names for its limits are not understandable.
fn sentence(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let at = text.find(" at line ").and_then(|at| text.get(at..));
    let at = at.unwrap_or_default();
    if text.contains("budget breached") {
        let at = at.split(" (").next().unwrap_or_default();
        format!(
            "has more values, aliases or nesting than the YAML parser reads{at}; split the file, or write it as JSON"
        )
    } else if text.contains("recursion limit") {
        format!("is nested too deeply{at}; flatten it")
    } else if text.contains("tabs disallowed") {
        format!("is indented with a tab{at}; use spaces")
    } else {
        format!("is neither JSON nor YAML: {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_and_yaml_are_read() {
        let read = |text: &str| {
            read_located(text).map(|all| all.into_iter().map(|one| one.value).collect::<Vec<_>>())
        };
        let value = json!({"a": [1, "x", true], "b": {"c": "24h"}});
        assert_eq!(read(&format!(" {value}\n")), Ok(vec![value.clone()]));
        assert_eq!(
            read("a: [1, x, true]\nb:\n  c: 24h # day\n"),
            Ok(vec![value.clone()])
        );
        assert_eq!(
            read("{a: [1, x, true], b: {c: 24h}}"),
            Ok(vec![value.clone()])
        );
        assert_eq!(
            read("---\na: 1\n---\n---\nb: \"2\"\n"),
            Ok(vec![json!({"a": 1}), json!({"b": "2"})])
        );
        assert_eq!(
            read("x: &x {a: 1}\ny: *x\n"),
            Ok(vec![json!({"x": {"a": 1}, "y": {"a": 1}})])
        );
    }

    #[test]
    fn members_and_items_have_lines() {
        let text = "# x\na:\n  b: [1,\n    {c: 2}]\n---\n---\nd: &d\n  e: 1\nf: *d\ng: |\n  text\n";
        let documents = read_located(text).unwrap();
        let line = |document: usize, path: &str| {
            let lines = documents[document].lines.as_ref().unwrap();
            lines.find(&path::steps(path))
        };
        assert_eq!(documents.len(), 2);
        for (document, path, expected) in [
            (0, "", 2),
            (0, "a", 2),
            (0, "a.b", 3),
            (0, "a.b[1]", 4),
            (0, "a.b[1].c", 4),
            (0, "a.b[1].absent", 4),
            (1, "d", 7),
            (1, "d.e", 8),
            (1, "f", 9),
            (1, "g", 10),
        ] {
            assert_eq!(line(document, path), expected, "{path}");
        }
        let json = read_located("{\n \"a\": [\n\t1,\n {\"b\": \"\\ud83d\\ude00\"}\n]}\n").unwrap();
        let lines = json[0].lines.as_ref().unwrap();
        assert_eq!(lines.find(&path::steps("a[1].b")), 4);
    }

    #[test]
    fn ambiguous_or_malformed_document_is_refused() {
        for text in ["a: 1\na: 2\n", "{\"a\": 1, \"a\": 2}", "a: [1\n"] {
            assert!(read_located(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_of_the_parser_are_reported_as_sentences() {
        let many = "- 1\n".repeat(300_000);
        let deep = format!("a: {}{}", "[".repeat(3000), "]".repeat(3000));
        for (text, expected) in [
            (
                many.as_str(),
                "has more values, aliases or nesting than the YAML parser reads at line ",
            ),
            (&deep, "is nested too deeply at line 1, "),
            ("a:\n\t- b\n", "is indented with a tab at line 2, "),
        ] {
            let error = read_located(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("budget"), "{error}");
        }
    }

    #[test]
    fn parse_error_has_a_line_and_no_text() {
        let error = read_located("credentials:\n- {name: a, value: hf_secret}}\n").unwrap_err();
        assert!(error.contains("line 2"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
