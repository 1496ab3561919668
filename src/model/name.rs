//! Names of models as rules match them.

use super::{Lack, Model};

/// What clients send where they do not know a name; a dedicated endpoint takes it for its own model.
const PLACEHOLDERS: [&str; 2] = ["dummy", "tgi"];

/// The model that a body names.
pub fn named(text: &str) -> Model {
    match clean(text) {
        Ok(name) => Model::Named(name),
        Err(lack) => Model::Lacking(lack),
    }
}

/// The model's id without its suffix (`:fastest`, a provider).
fn clean(text: &str) -> Result<String, Lack> {
    // A server that trims, or resolves dots as a path's, would serve another model than was judged.
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Lack::Unreadable("its model holds blanks"));
    }
    if text.contains("://") {
        return Err(Lack::Missing);
    }
    let id = text.split(':').next().unwrap_or_default();
    if id.is_empty() || PLACEHOLDERS.contains(&id) {
        return Err(Lack::Missing);
    }
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    if id.contains('\\') || id.split('/').any(odd) {
        return Err(Lack::Unreadable("its model is no plain name"));
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
            ("dummy", Err(Lack::Missing)),
            ("tgi", Err(Lack::Missing)),
            ("tgi:fastest", Err(Lack::Missing)),
            ("", Err(Lack::Missing)),
            (":fastest", Err(Lack::Missing)),
            ("https://x.endpoints.huggingface.cloud/", Err(Lack::Missing)),
        ] {
            assert_eq!(clean(text).as_deref(), expected.as_ref().copied(), "{text}");
        }
        for odd in [
            " org/name",
            "org/name ",
            "org/na\u{a0}me",
            "org/\0",
            "org/../x",
            "org/./x",
            "org//x",
            "/x",
            "org/",
            "org\\x",
        ] {
            assert!(matches!(clean(odd), Err(Lack::Unreadable(_))), "{odd:?}");
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
        assert_eq!(in_path("/models/tgi"), Some(Model::Lacking(Lack::Missing)));
    }
}
