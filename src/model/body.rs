//! Reads a request's body in pieces until everything that rules need is known: its model, its JSON-RPC messages, or
//! both.

use super::scanner::Scanner;
use super::{InPath, Model};
use crate::decision::BodyUnavailable;
use crate::http::headers::Headers;
use crate::mcp::Mcp;
use crate::mcp::reader::Reader;

/// The state of a body.
#[derive(Debug, Default)]
pub enum Body {
    /// The body is not read.
    #[default]
    Unasked,
    Coming(Box<Coming>),
    /// Everything needed has been read.
    Read(Content),
}

/// The parts of a body that rules need.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// The model; the value is the information in the path about it.
    pub model: Option<InPath>,
    pub messages: bool,
}

/// The parts that were read from a body. Parts that are not needed are unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub model: Model,
    pub mcp: Mcp,
}

/// A body that is being read.
#[derive(Debug)]
pub struct Coming {
    model: Part<(Scanner, InPath), Model>,
    mcp: Part<Reader, Mcp>,
}

/// A part of the content, and its state until it is known.
#[derive(Debug)]
enum Part<R, T> {
    Reading(R),
    Known(T),
}

impl Content {
    const UNREAD: Self = Self {
        model: Model::Unread,
        mcp: Mcp::Unread,
    };

    /// Returns the content of a body that cannot be read.
    pub fn unavailable(reason: BodyUnavailable) -> Self {
        Self {
            model: Model::Unavailable(reason),
            mcp: Mcp::Unavailable(reason),
        }
    }
}

impl Needed {
    pub fn is_nothing(&self) -> bool {
        self.model.is_none() && !self.messages
    }
}

impl Body {
    /// Starts reading a body, if its headers say that it is readable. If an unreadable body may be empty, the filter
    /// waits for its first byte: an empty body names no model and has no messages.
    pub fn expect(headers: &Headers, limit: usize, needed: Needed) -> Self {
        let unreadable = readable(headers, limit).err();
        let scanner = || match unreadable {
            None => Scanner::new(limit),
            Some(reason) => Scanner::expecting_none(reason),
        };
        let mut coming = Coming {
            model: match needed.model {
                Some(in_path) => Part::Reading((scanner(), in_path)),
                None => Part::Known(Model::Unread),
            },
            mcp: match needed.messages {
                true => Part::Reading(Reader::new(headers, limit, unreadable)),
                false => Part::Known(Mcp::Unread),
            },
        };
        match unreadable {
            Some(reason) if !may_be_empty(headers) => {
                coming.give_up(reason);
                Self::Read(coming.content().unwrap_or(Content::UNREAD))
            }
            _ => Self::Coming(Box::new(coming)),
        }
    }

    /// Processes the next piece. Returns true if everything needed is now known.
    pub fn feed(&mut self, piece: &[u8], is_last: bool) -> bool {
        let Self::Coming(coming) = self else {
            return false;
        };
        coming.feed(piece, is_last);
        self.end()
    }

    /// Ends reading without a result. Returns true if the body was still being read.
    pub fn give_up(&mut self, reason: BodyUnavailable) -> bool {
        let Self::Coming(coming) = self else {
            return false;
        };
        coming.give_up(reason);
        self.end()
    }

    fn end(&mut self) -> bool {
        let Self::Coming(coming) = self else {
            return false;
        };
        let Some(content) = coming.content() else {
            return false;
        };
        *self = Self::Read(content);
        true
    }

    pub fn is_coming(&self) -> bool {
        matches!(self, Self::Coming(_))
    }

    /// Whether the pieces are collected until the body is complete.
    pub fn is_collected(&self) -> bool {
        matches!(self, Self::Coming(coming) if matches!(coming.mcp, Part::Reading(_)))
    }

    /// Returns the parts that were read; they are unread until everything needed is known.
    pub fn content(&self) -> &Content {
        match self {
            Self::Unasked | Self::Coming(_) => &Content::UNREAD,
            Self::Read(content) => content,
        }
    }
}

impl Coming {
    fn feed(&mut self, piece: &[u8], is_last: bool) {
        if let Part::Reading((scanner, in_path)) = &mut self.model {
            let model = match scanner.feed(piece) {
                Err(reason) => Some(Model::Unavailable(reason)),
                Ok(()) => is_last.then(|| scanner.finish()),
            };
            if let Some(model) = model {
                self.model = Part::Known(in_path.with_body(model));
            }
        }
        if let Part::Reading(reader) = &mut self.mcp {
            let mcp = match reader.feed(piece) {
                Err(reason) => Some(Mcp::Unavailable(reason)),
                Ok(()) => is_last.then(|| reader.finish()),
            };
            if let Some(mcp) = mcp {
                self.mcp = Part::Known(mcp);
            }
        }
    }

    fn give_up(&mut self, reason: BodyUnavailable) {
        if let Part::Reading((_, in_path)) = &self.model {
            self.model = Part::Known(in_path.with_body(Model::Unavailable(reason)));
        }
        if let Part::Reading(_) = &self.mcp {
            self.mcp = Part::Known(Mcp::Unavailable(reason));
        }
    }

    /// Returns the content once all of it is known.
    fn content(&self) -> Option<Content> {
        match (&self.model, &self.mcp) {
            (Part::Known(model), Part::Known(mcp)) => Some(Content {
                model: model.clone(),
                mcp: mcp.clone(),
            }),
            _ => None,
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
fn readable(headers: &Headers, limit: usize) -> Result<(), BodyUnavailable> {
    let plain = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
    if !headers.all("content-encoding").all(plain) {
        return Err(BodyUnavailable::Unreadable("it is compressed"));
    }
    let mut types = headers.all("content-type");
    match (types.next(), types.next()) {
        (Some(own), None) if is_json(own) => {}
        _ => {
            return Err(BodyUnavailable::Unreadable(
                "its content-type is not application/json",
            ));
        }
    }
    let length = headers.text("content-length").map(str::parse::<u64>);
    match length {
        Some(Ok(length)) if length > limit as u64 => Err(BodyUnavailable::TooLarge { limit }),
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
                    BodyUnavailable::Unreadable(_) => "unreadable",
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
