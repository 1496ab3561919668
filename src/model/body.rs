//! Reads a request's body in pieces until its model is known.

use super::scanner::Scanner;
use super::{InPath, Model, ModelUnavailable};
use crate::http::headers::Headers;

/// The state of a body.
#[derive(Debug, Default)]
pub enum Body {
    /// The body is not read.
    #[default]
    Unasked,
    Coming(Box<Coming>),
    /// Everything needed has been read. Never [`Model::Unread`].
    Read(Model),
}

/// A body that is being read, and the model in the path that it must not contradict.
#[derive(Debug)]
pub struct Coming {
    scanner: Scanner,
    in_path: InPath,
}

impl Body {
    /// Starts reading a body, if its headers say that it is readable. An unreadable body may still
    /// turn out to be empty, so the filter waits for its first byte: an empty body names no model.
    /// `in_path` is what the path says about the model.
    pub fn expect(headers: &Headers, limit: usize, in_path: InPath) -> Self {
        match readable(headers, limit) {
            Ok(()) => Self::Coming(Box::new(Coming {
                scanner: Scanner::new(limit),
                in_path,
            })),
            Err(reason) if may_be_empty(headers) => Self::Coming(Box::new(Coming {
                scanner: Scanner::expecting_none(reason),
                in_path,
            })),
            Err(reason) => Self::Read(in_path.with_body(Model::Unavailable(reason))),
        }
    }

    /// Processes the next piece. Returns true if the model is now known.
    pub fn feed(&mut self, piece: &[u8], is_last: bool) -> bool {
        let Self::Coming(coming) = self else {
            return false;
        };
        let model = match coming.scanner.feed(piece) {
            Err(reason) => Model::Unavailable(reason),
            Ok(()) if is_last => coming.scanner.finish(),
            Ok(()) => return false,
        };
        *self = Self::Read(coming.in_path.with_body(model));
        true
    }

    /// Ends reading without a result. Returns true if the body was still being read.
    pub fn give_up(&mut self, reason: ModelUnavailable) -> bool {
        let Self::Coming(coming) = self else {
            return false;
        };
        *self = Self::Read(coming.in_path.with_body(Model::Unavailable(reason)));
        true
    }

    pub fn is_coming(&self) -> bool {
        matches!(self, Self::Coming(_))
    }

    pub fn model(&self) -> Model {
        match self {
            Self::Unasked | Self::Coming(_) => Model::Unread,
            Self::Read(model) => model.clone(),
        }
    }
}

/// Returns whether the headers allow an empty body.
fn may_be_empty(headers: &Headers) -> bool {
    let is_zero = |value: &[u8]| value.iter().all(|byte| *byte == b'0');
    headers.all("content-length").all(is_zero)
}

/// Returns whether a body with these headers can name a model. JSON can, and forms can in some
/// APIs. Images, audio and bodies without a content type cannot.
pub fn may_name_model(headers: &Headers) -> bool {
    let mut types = headers.all("content-type");
    match (types.next(), types.next()) {
        (None, _) => false,
        (Some(only), None) => {
            let kind = only.split(|byte| matches!(byte, b';' | b',')).next();
            let kind = kind.unwrap_or_default().trim_ascii().to_ascii_lowercase();
            kind.ends_with(b"json")
                || kind.starts_with(b"multipart/")
                || kind.starts_with(b"text/")
                || kind == b"application/x-www-form-urlencoded"
                || only.contains(&b',')
        }
        (Some(_), Some(_)) => true,
    }
}

/// Checks that the headers announce uncompressed JSON within the size limit.
fn readable(headers: &Headers, limit: usize) -> Result<(), ModelUnavailable> {
    let plain = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
    if !headers.all("content-encoding").all(plain) {
        return Err(ModelUnavailable::Unreadable("it is compressed"));
    }
    let mut types = headers.all("content-type");
    match (types.next(), types.next()) {
        (Some(own), None) if is_json(own) => {}
        _ => {
            return Err(ModelUnavailable::Unreadable(
                "its content-type is not application/json",
            ));
        }
    }
    let length = headers.text("content-length").map(str::parse::<u64>);
    match length {
        Some(Ok(length)) if length > limit as u64 => Err(ModelUnavailable::TooLarge { limit }),
        _ => Ok(()),
    }
}

/// Returns whether the type is `application/json` or `…+json`, in UTF-8.
fn is_json(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else {
        return false;
    };
    let lower = value.to_ascii_lowercase();
    let mut parts = lower.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let json = kind == "application/json"
        || (kind.starts_with("application/") && kind.ends_with("+json") && !kind.contains(','));
    let utf8 = |part: &str| match part.strip_prefix("charset=") {
        Some(charset) => matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"),
        None => !part.starts_with("charset") && !part.contains(','),
    };
    json && parts.all(utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_and_forms_may_name_a_model() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/Problem+JSON; charset=utf-8", true),
            ("application/x-ndjson", true),
            ("multipart/form-data; boundary=x", true),
            ("application/x-www-form-urlencoded", true),
            ("text/plain", true),
            ("audio/flac", false),
            ("image/png", false),
            ("application/octet-stream", false),
            ("audio/flac, application/json", true),
        ] {
            let headers = Headers::from_iter([("content-type", value)]);
            assert_eq!(may_name_model(&headers), expected, "{value}");
        }
        assert!(!may_name_model(&Headers::default()));
        let twice = [
            ("content-type", "audio/flac"),
            ("content-type", "audio/flac"),
        ];
        assert!(may_name_model(&Headers::from_iter(twice)));
    }

    #[test]
    fn only_uncompressed_json_is_read() {
        let check = |fields: &[(&str, &str)]| {
            readable(&Headers::from_iter(fields.iter().copied()), 100).map_err(
                |reason| match reason {
                    ModelUnavailable::Unreadable(_) => "unreadable",
                    _ => "too large",
                },
            )
        };
        let json = ("content-type", "application/json");
        for fields in [
            &[json][..],
            &[("content-type", "Application/JSON; charset=\"UTF-8\"")],
            &[("content-type", "application/vnd.x+json ;charset=utf-8")],
            &[json, ("content-encoding", "Identity")],
            &[json, ("content-length", "100")],
        ] {
            assert_eq!(check(fields), Ok(()), "{fields:?}");
        }
        for fields in [
            &[][..],
            &[("content-type", "text/plain")],
            &[("content-type", "multipart/form-data; boundary=x")],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "application/json; charset=utf-16")],
            &[("content-type", "application/json; charset = utf-16")],
            &[("content-type", "application/json, multipart/form-data")],
            &[json, json],
            &[json, ("content-encoding", "gzip")],
            &[
                json,
                ("content-encoding", "identity"),
                ("content-encoding", "br"),
            ],
        ] {
            assert_eq!(check(fields), Err("unreadable"), "{fields:?}");
        }
        assert_eq!(check(&[json, ("content-length", "101")]), Err("too large"));
    }
}
