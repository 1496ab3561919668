//! Requests that arrived at a stand-in, unchanged.

use axum::http::request::Parts;
use bytes::Bytes;
use serde_json::Value;

/// One request as the stand-in saw it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The authority: HTTP/2's `:authority` or HTTP/1's `host`.
    pub host: String,
    /// All pairs, duplicates included; names in lower case, values as text (invalid UTF-8 replaced).
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Recorded {
    pub(crate) fn new(parts: &Parts, body: Bytes) -> Recorded {
        let headers: Vec<(String, String)> = parts
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        let host = parts
            .uri
            .authority()
            .map(|authority| authority.to_string())
            .or_else(|| parts.headers.get("host")?.to_str().ok().map(str::to_owned))
            .unwrap_or_default();
        Recorded {
            method: parts.method.to_string(),
            path: parts
                .uri
                .path_and_query()
                .map_or_else(String::new, |path| path.to_string()),
            host,
            headers,
            body,
        }
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).first().copied()
    }

    /// All values of a header.
    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The credential of `Authorization: Bearer …`.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The body as JSON; `null` when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether `needle` occurs in the path, any header or the body: to show that the caller's token was not forwarded.
    pub fn contains(&self, needle: &str) -> bool {
        self.path.contains(needle)
            || self
                .headers
                .iter()
                .any(|(name, value)| name.contains(needle) || value.contains(needle))
            || String::from_utf8_lossy(&self.body).contains(needle)
    }
}
