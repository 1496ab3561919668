//! Lists of models in the format of OpenAI's `GET /v1/models` and `GET /v1/models/{id}`.

use crate::http::headers::Headers;
use crate::http::path::normalize;
use crate::json;
use crate::model::request::Request;
use serde_json::{Value, json};

const LIST: &str = "/v1/models";

/// The models that a request lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing<'r> {
    All,
    One(&'r str),
}

impl<'r> Listing<'r> {
    pub fn asked_by(request: &'r Request) -> Option<Self> {
        match &*request.method {
            "GET" | "HEAD" => Self::at(&request.path),
            _ => None,
        }
    }

    /// Returns the listing at a normalized path.
    fn at(path: &'r str) -> Option<Self> {
        let rest = path.strip_prefix(LIST)?;
        match rest.strip_prefix('/') {
            Some(id) if !id.is_empty() => Some(Self::One(id.trim_end_matches('/'))),
            Some(_) => Some(Self::All),
            None if rest.is_empty() => Some(Self::All),
            None => None,
        }
    }
}

/// Returns whether a request may list models.
pub fn may_be_listing(headers: &Headers) -> bool {
    let path = headers.text(":path").map(normalize);
    path.is_some_and(|path| path.is_ok_and(|path| Listing::at(&path).is_some()))
}

/// Returns the list with only those entries whose id may be shown. All other members are dropped, because they could
/// also name models.
///
/// # Errors
/// The reason why the list cannot be read.
pub fn filter(body: &[u8], shows: impl Fn(&str) -> bool) -> Result<String, &'static str> {
    let shown = |entries: Vec<Value>| {
        let mine = |entry: &Value| entry["id"].as_str().is_some_and(&shows);
        entries.into_iter().filter(mine).collect::<Vec<_>>()
    };
    let list = json::parse_strict(body).map_err(|_| "it is not well-formed JSON")?;
    match list {
        // Together and other providers answer with a bare array.
        Value::Array(entries) => Ok(Value::Array(shown(entries)).to_string()),
        Value::Object(mut members) => match members.remove("data") {
            Some(Value::Array(entries)) => {
                Ok(json!({"object": "list", "data": shown(entries)}).to_string())
            }
            // Servers written in Go encode an empty list as null.
            Some(Value::Null) => Ok(json!({"object": "list", "data": []}).to_string()),
            _ => Err("its data is not an array"),
        },
        _ => Err("it is not a list"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_is_recognized_by_its_path() {
        for (path, expected) in [
            ("/v1/models", Some(Listing::All)),
            ("/v1/models/", Some(Listing::All)),
            ("/v1/models/gpt2", Some(Listing::One("gpt2"))),
            ("/v1/models/org/name", Some(Listing::One("org/name"))),
            ("/v1/models/org/name/", Some(Listing::One("org/name"))),
            ("/v1/modelsx", None),
            ("/v1/chat/completions", None),
            ("/models/org/name", None),
        ] {
            assert_eq!(Listing::at(path), expected, "{path}");
        }
    }

    #[test]
    fn listing_is_recognized_in_any_spelling_of_the_path() {
        let listing = |path| may_be_listing(&Headers::from_iter([(":path", path)]));
        assert!(listing("/v1/mo%64els?limit=1"));
        assert!(!listing("/v1/chat/completions"));
        assert!(!listing("/v1/models/../x"));
    }

    #[test]
    fn filter_keeps_only_shown_entries() {
        let body =
            br#"{"models":[{"name":"secret"}],"first_id":"secret","has_more":false,"object":"list",
            "data":[{"id":"a","x":[1]},{"id":"secret"},{"name":"secret"},"secret",{"id":5}]}"#;
        let list = filter(body, |id| id == "a").unwrap();
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!(
            list,
            json!({"object": "list", "data": [{"id": "a", "x": [1]}]})
        );
        assert_eq!(
            filter(br#"[{"id":"a"},{"id":"b"}]"#, |id| id == "b").unwrap(),
            r#"[{"id":"b"}]"#
        );
        assert_eq!(
            filter(br#"{"object":"list","data":null}"#, |_| true).unwrap(),
            r#"{"data":[],"object":"list"}"#
        );
        for odd in [
            &b""[..],
            b"{",
            b"{}",
            b"5",
            br#"{"data":{}}"#,
            br#"{"data":[],"data":[]}"#,
            b"\xff",
        ] {
            assert!(filter(odd, |_| true).is_err(), "{odd:?}");
        }
    }
}
