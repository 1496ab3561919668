//! The text of a file → its documents: JSON, or YAML with any number of documents.

use serde_json::Value;

/// Reads all documents, passing over empty ones. A member named twice is an error in both forms.
///
/// # Errors
/// The parser's message, with line and column, and nothing of the text itself.
pub fn read(text: &str) -> Result<Vec<Value>, String> {
    if text.trim_start().starts_with('{')
        && let Ok(value) = entragate::json::parse_strict(text.trim().as_bytes())
    {
        return Ok(vec![value]);
    }
    // A snippet of the text around an error may show a credential.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_multiple_with_options::<Value>(text, options)
        .map(|documents| {
            documents
                .into_iter()
                .filter(|value| !value.is_null())
                .collect()
        })
        .map_err(|error| format!("is neither JSON nor YAML: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_json_and_yaml() {
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
    fn refuses_what_is_ambiguous() {
        for text in ["a: 1\na: 2\n", "{\"a\": 1, \"a\": 2}", "a: [1\n"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn says_where_but_shows_nothing() {
        let error = read("credentials:\n- {name: a, value: hf_secret}}\n").unwrap_err();
        assert!(error.contains("line 2"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
