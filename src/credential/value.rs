//! What a service has answered → a value fit for a header.

use crate::fetch::callout::{Answer, CalloutError};
use crate::json;
use crate::secret::Secret;
use std::fmt;
use std::time::Duration;

/// Longest answer we read, in bytes: stores say more than the secret, but not much.
const MAX_ANSWER: usize = 64 * 1024;
/// Longest value we take, in bytes: tokens that are JWTs have a few thousand.
const MAX_VALUE: usize = 8 * 1024;

/// Why an answer holds no credential. Never says what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError {
    Callout(CalloutError),
    Status(u16),
    TooLarge {
        size: usize,
    },
    /// The configuration's pointer asks for JSON.
    NotJson,
    /// The pointer leads to no text.
    NothingThere,
    /// Empty, too long, or with a blank or anything else that is not visible ASCII.
    Unusable,
}

impl ValueError {
    /// How long the store asks not to be called.
    pub fn pause(&self) -> Duration {
        match self {
            Self::Callout(error) => error.pause(),
            _ => Duration::ZERO,
        }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callout(error) => error.fmt(f),
            Self::Status(status) => write!(f, "the answer has status {status}"),
            Self::TooLarge { size } => write!(
                f,
                "the answer of {size} bytes exceeds the limit of {MAX_ANSWER}"
            ),
            Self::NotJson => f.write_str("the answer is no JSON"),
            Self::NothingThere => f.write_str("no text stands where the pointer leads"),
            Self::Unusable => write!(
                f,
                "what came can't be a header's value: it must be 1 to {MAX_VALUE} visible ASCII \
                 characters"
            ),
        }
    }
}

/// The value in an answer: the text at that JSON Pointer (RFC 6901), or the whole body without the
/// blanks around it.
pub fn read(answer: &Answer, pointer: Option<&str>) -> Result<Secret, ValueError> {
    let body = match answer {
        Answer::Response { status: 200, body } => body,
        Answer::Response { status, .. } => return Err(ValueError::Status(*status)),
        Answer::Failed(error) => return Err(ValueError::Callout(*error)),
    };
    if body.len() > MAX_ANSWER {
        return Err(ValueError::TooLarge { size: body.len() });
    }
    match pointer {
        None => {
            let text = std::str::from_utf8(body).map_err(|_| ValueError::Unusable)?;
            usable(text.trim_ascii())
        }
        Some(pointer) => {
            let document = json::parse_strict(body).map_err(|_| ValueError::NotJson)?;
            let text = document.pointer(pointer).and_then(|value| value.as_str());
            usable(text.ok_or(ValueError::NothingThere)?)
        }
    }
}

/// The text as a secret, if a header can carry it as it is.
pub fn usable(text: &str) -> Result<Secret, ValueError> {
    let fits = (1..=MAX_VALUE).contains(&text.len());
    match fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Secret::new(text.to_owned())),
        false => Err(ValueError::Unusable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(status: u16, body: &str, pointer: Option<&str>) -> Result<String, ValueError> {
        let body = body.as_bytes().to_vec();
        let secret = read(&Answer::Response { status, body }, pointer)?;
        Ok(secret.expose().to_owned())
    }

    #[test]
    fn reads_what_stores_answer() {
        let vault =
            r#"{"request_id":"x","data":{"data":{"token":"secret-1"},"metadata":{"version":3}}}"#;
        let key_vault =
            r#"{"value":"secret-2","id":"https://v/secrets/hf/1","attributes":{"enabled":true}}"#;
        for (body, pointer, expected) in [
            (vault, Some("/data/data/token"), "secret-1"),
            (key_vault, Some("/value"), "secret-2"),
            (r#"[{"a~b/c":"\u0078"}]"#, Some("/0/a~0b~1c"), "x"),
            (" secret-3\r\n", None, "secret-3"),
        ] {
            assert_eq!(value(200, body, pointer).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn refuses_what_no_header_should_carry() {
        use ValueError::*;
        let long = "x".repeat(MAX_VALUE + 1);
        let huge = " ".repeat(MAX_ANSWER + 1);
        let size = huge.len();
        for (status, body, pointer, error) in [
            (200, "", None, Unusable),
            (200, " \n", None, Unusable),
            (200, "a b", None, Unusable),
            (200, "a\nb", None, Unusable),
            (200, "a\0", None, Unusable),
            (200, "\u{e9}", None, Unusable),
            (200, &long, None, Unusable),
            (200, &huge, None, TooLarge { size }),
            (200, r#"{"v":""}"#, Some("/v"), Unusable),
            (200, r#"{"v":" x"}"#, Some("/v"), Unusable),
            (200, r#"{"v":"x\r\ny: z"}"#, Some("/v"), Unusable),
            (200, r#"{"v":7}"#, Some("/v"), NothingThere),
            (200, r#"{"v":null}"#, Some("/v"), NothingThere),
            (200, r#"{"v":"x"}"#, Some("/w"), NothingThere),
            (200, r#"{"v":"x","v":"y"}"#, Some("/v"), NotJson),
            (200, "<html>", Some("/v"), NotJson),
            (204, "secret", None, Status(204)),
            (302, "secret", None, Status(302)),
            (403, "secret", None, Status(403)),
        ] {
            assert_eq!(value(status, body, pointer), Err(error), "{body:.40}");
        }
    }
}
