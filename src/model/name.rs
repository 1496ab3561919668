//! Model names as rules match them.

use super::Model;
use crate::decision::BodyUnavailable;

/// Placeholders that clients send if they do not know the name. A dedicated endpoint accepts them
/// for its own model.
const PLACEHOLDERS: [&str; 2] = ["dummy", "tgi"];

/// Returns the model for a name in a body.
pub fn named(text: &str) -> Model {
    match clean(text) {
        Ok(name) => Model::Named(name),
        Err(reason) => Model::Unavailable(reason),
    }
}

/// Returns the model's id without its suffix (`:fastest`, or a provider). Any text is an id if all
/// servers read it the same way: `org/name`, a file path, or another name.
fn clean(text: &str) -> Result<String, BodyUnavailable> {
    let (id, suffix) = match text.split_once(':') {
        Some((id, suffix)) => (id, suffix),
        None => (text, ""),
    };
    if text.is_empty() || text.contains("://") {
        return Err(BodyUnavailable::Missing);
    }
    // A server that trims white space would use a model other than the one that the rules matched.
    let blank = |c: char| c.is_whitespace() && c != ' ';
    if text.trim() != text || text.contains(|c: char| c.is_control() || blank(c)) {
        return Err(BodyUnavailable::Ambiguous(
            "its model begins or ends with white space, or contains a control character",
        ));
    }
    if id.is_empty() || PLACEHOLDERS.contains(&id) {
        return Err(BodyUnavailable::Missing);
    }
    // The same applies to a server that resolves the model as a file path.
    let absolute = id.strip_prefix('/').unwrap_or(id);
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    if text.contains('\\') || suffix.contains('/') || absolute.split('/').any(odd) {
        return Err(BodyUnavailable::Ambiguous(
            "its model contains a backslash, an empty, `.` or `..` segment, or a slash in its suffix",
        ));
    }
    if id.ends_with(' ') {
        return Err(BodyUnavailable::Ambiguous(
            "its model has a space before its suffix",
        ));
    }
    Ok(id.to_owned())
}

/// Returns the model that a path names: `/hf-inference/models/{id}` or `/models/{id}`, possibly
/// with more segments. An id is `org/name`, or one segment if it is the last segment or is followed by the task. `path`
/// is normalized.
pub fn in_path(path: &str) -> Option<Model> {
    let path = path.strip_prefix("/hf-inference").unwrap_or(path);
    let mut segments = path.strip_prefix("/models/")?.split('/');
    let (first, second) = (segments.next()?, segments.next().unwrap_or_default());
    let more = segments.next().is_some();
    if first.is_empty() {
        return None;
    }
    Some(match second {
        "" => named(first),
        "pipeline" | "v1" if more => named(first),
        name => named(&format!("{first}/{name}")),
    })
}

/// Returns the model that any part of a path may name, for any route to the upstream: the segments
/// after a segment `models`.
pub fn within_path(path: &str) -> Option<Model> {
    let at = path.find("/models/")?;
    in_path(path.get(at..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffix_is_removed_and_placeholder_is_missing() {
        for (text, expected) in [
            ("org/name", Ok("org/name")),
            ("org/name:fastest", Ok("org/name")),
            ("org/name:hf-inference", Ok("org/name")),
            ("gpt2", Ok("gpt2")),
            ("a/b:c:d", Ok("a/b")),
            ("dummy", Err(BodyUnavailable::Missing)),
            ("tgi", Err(BodyUnavailable::Missing)),
            ("tgi:fastest", Err(BodyUnavailable::Missing)),
            ("", Err(BodyUnavailable::Missing)),
            (":fastest", Err(BodyUnavailable::Missing)),
            (
                "https://x.endpoints.huggingface.cloud/",
                Err(BodyUnavailable::Missing),
            ),
        ] {
            assert_eq!(clean(text).as_deref(), expected.as_ref().copied(), "{text}");
        }
        for id in [
            "/models/llama.gguf",
            "/x",
            "models/llama.gguf",
            "llama.gguf",
            "my model",
            "org/na\u{e9}me",
            "модель",
            "name@main",
            "a+b=c,d;e",
            "..hidden",
            "a/b/c/d",
        ] {
            assert_eq!(clean(id).as_deref(), Ok(id), "{id}");
        }
        for odd in [
            " org/name",
            "org/name ",
            "org/name :fastest",
            "org/na\u{a0}me",
            "org/na\tme",
            "org/\0",
            "org/../x",
            "/../x",
            "../x",
            "org/./x",
            "org//x",
            "//x",
            "/",
            "org/",
            "org\\x",
            "org/x:../y",
            "C:\\models\\x.gguf",
        ] {
            assert!(
                matches!(clean(odd), Err(BodyUnavailable::Ambiguous(_))),
                "{odd:?}"
            );
        }
    }

    #[test]
    fn model_is_found_in_any_part_of_a_path() {
        for (path, expected) in [
            ("/v1/models/org/name", Some("org/name")),
            ("/ai/models/org/name/v1/chat", Some("org/name")),
            ("/models/org/name", Some("org/name")),
            ("/v1/models/", None),
            ("/v1/models", None),
            ("/v1/submodels/x", None),
            ("/v1/chat/completions", None),
        ] {
            let named = within_path(path);
            assert_eq!(named.as_ref().and_then(Model::name), expected, "{path}");
        }
    }

    #[test]
    fn model_is_read_from_a_path() {
        for (path, expected) in [
            ("/models/org/name", Some("org/name")),
            ("/hf-inference/models/org/name", Some("org/name")),
            ("/models/org/name/", Some("org/name")),
            ("/models/gpt2", Some("gpt2")),
            ("/models/gpt2/", Some("gpt2")),
            ("/models/gpt2/pipeline/fill-mask", Some("gpt2")),
            ("/models/gpt2/v1/chat/completions", Some("gpt2")),
            (
                "/models/org/name/pipeline/feature-extraction",
                Some("org/name"),
            ),
            ("/models/org/name/v1/chat/completions", Some("org/name")),
            ("/models/org/name:fastest", Some("org/name")),
            ("/models/", None),
            ("/models", None),
            ("/v1/models/org/name", None),
            ("/hf-inference/v1/chat", None),
        ] {
            let named = in_path(path);
            assert_eq!(named.as_ref().and_then(Model::name), expected, "{path}");
        }
        assert_eq!(
            in_path("/models/tgi"),
            Some(Model::Unavailable(BodyUnavailable::Missing))
        );
    }
}
