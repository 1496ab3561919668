//! A request's body as it comes, as far as its model is wanted.

use super::scanner::Scanner;
use super::{Lack, Model};
use crate::request::Headers;

/// What is known of a body.
#[derive(Debug, Default)]
pub enum Body {
    /// Nobody asks.
    #[default]
    Unasked,
    Coming(Box<Scanner>),
    /// All that is needed has come; never [`Model::Unread`].
    Read(Model),
}

impl Body {
    /// A body to be read, if its headers say that it can be. One that can't be read is waited for as
    /// long as it may turn out to be empty: a request without content names no model.
    pub fn expect(headers: &Headers, limit: usize) -> Self {
        match readable(headers, limit) {
            Ok(()) => Self::Coming(Box::new(Scanner::new(limit))),
            Err(lack) if may_be_empty(headers) => {
                Self::Coming(Box::new(Scanner::expecting_none(lack)))
            }
            Err(lack) => Self::Read(Model::Lacking(lack)),
        }
    }

    /// Takes the next piece. True when this was what was missing.
    pub fn feed(&mut self, piece: &[u8], is_last: bool) -> bool {
        let Self::Coming(scanner) = self else {
            return false;
        };
        let model = match scanner.feed(piece) {
            Err(lack) => Model::Lacking(lack),
            Ok(()) if is_last => scanner.finish(),
            Ok(()) => return false,
        };
        *self = Self::Read(model);
        true
    }

    /// Nothing more can be had of it. True when something was missing.
    pub fn give_up(&mut self, lack: Lack) -> bool {
        let was_coming = self.is_coming();
        if was_coming {
            *self = Self::Read(Model::Lacking(lack));
        }
        was_coming
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

/// Whether the headers leave open that no content follows.
fn may_be_empty(headers: &Headers) -> bool {
    let is_zero = |value: &[u8]| value.iter().all(|byte| *byte == b'0');
    headers.all("content-length").all(is_zero)
}

/// Whether the headers promise plain JSON of an acceptable size.
fn readable(headers: &Headers, limit: usize) -> Result<(), Lack> {
    let plain = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
    if !headers.all("content-encoding").all(plain) {
        return Err(Lack::Unreadable("it is compressed"));
    }
    let mut types = headers.all("content-type");
    match (types.next(), types.next()) {
        (Some(own), None) if is_json(own) => {}
        _ => return Err(Lack::Unreadable("its content-type is not application/json")),
    }
    let length = headers.text("content-length").map(str::parse::<u64>);
    match length {
        Some(Ok(length)) if length > limit as u64 => Err(Lack::TooLarge { limit }),
        _ => Ok(()),
    }
}

/// `application/json` or `…+json`, in UTF-8.
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
    fn only_plain_json_is_read() {
        let check = |fields: &[(&str, &str)]| {
            readable(&Headers::from_iter(fields.iter().copied()), 100).map_err(|lack| match lack {
                Lack::Unreadable(_) => "unreadable",
                _ => "too large",
            })
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
