//! Names of models as rules match them.

use super::{Model, ModelUnavailable};

/// What clients send where they do not know a name; a dedicated endpoint takes it for its own model.
const PLACEHOLDERS: [&str; 2] = ["dummy", "tgi"];

/// The model that a body names.
pub fn named(text: &str) -> Model {
    match clean(text) {
        Ok(name) => Model::Named(name),
        Err(lack) => Model::Lacking(lack),
    }
}

/// The model's id without its suffix (`:fastest`, a provider). An id is any text that a server can
/// read in one way only: `org/name`, a file's path, or any other name.
fn clean(text: &str) -> Result<String, ModelUnavailable> {
    let (id, suffix) = match text.split_once(':') {
        Some((id, suffix)) => (id, suffix),
        None => (text, ""),
    };
    if text.is_empty() || text.contains("://") {
        return Err(ModelUnavailable::Missing);
    }
    // A server that trims blanks would serve another model than was judged.
    let blank = |c: char| c.is_whitespace() && c != ' ';
    if text.trim() != text || text.contains(|c: char| c.is_control() || blank(c)) {
        return Err(ModelUnavailable::Ambiguous(
            "its model begins or ends with a blank, or holds a control character",
        ));
    }
    if id.is_empty() || PLACEHOLDERS.contains(&id) {
        return Err(ModelUnavailable::Missing);
    }
    // So would a server that resolves the model as a file's path.
    let absolute = id.strip_prefix('/').unwrap_or(id);
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    if text.contains('\\') || suffix.contains('/') || absolute.split('/').any(odd) {
        return Err(ModelUnavailable::Ambiguous(
            "its model holds a backslash, an empty segment or one of dots, or a slash in its suffix",
        ));
    }
    if id.ends_with(' ') {
        return Err(ModelUnavailable::Ambiguous(
            "its model has a blank before its suffix",
        ));
    }
    Ok(id.to_owned())
}

/// The model that a path names: `/hf-inference/models/{id}` or `/models/{id}`, and what follows. An
/// id is `org/name`, or one segment where nothing or the task follows it. `path` is normalized.
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

/// The model that any part of a path may name, whatever route it takes to the upstream: what follows
/// a segment `models`.
pub fn within_path(path: &str) -> Option<Model> {
    let at = path.find("/models/")?;
    in_path(path.get(at..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_suffix_and_placeholders_name_nothing() {
        for (text, expected) in [
            ("org/name", Ok("org/name")),
            ("org/name:fastest", Ok("org/name")),
            ("org/name:hf-inference", Ok("org/name")),
            ("gpt2", Ok("gpt2")),
            ("a/b:c:d", Ok("a/b")),
            ("dummy", Err(ModelUnavailable::Missing)),
            ("tgi", Err(ModelUnavailable::Missing)),
            ("tgi:fastest", Err(ModelUnavailable::Missing)),
            ("", Err(ModelUnavailable::Missing)),
            (":fastest", Err(ModelUnavailable::Missing)),
            (
                "https://x.endpoints.huggingface.cloud/",
                Err(ModelUnavailable::Missing),
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
                matches!(clean(odd), Err(ModelUnavailable::Ambiguous(_))),
                "{odd:?}"
            );
        }
    }

    #[test]
    fn any_part_of_a_path_may_name_a_model() {
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
    fn paths_name_models() {
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
            Some(Model::Lacking(ModelUnavailable::Missing))
        );
    }
}
