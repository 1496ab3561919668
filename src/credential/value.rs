//! Reads the value of a credential, which must be valid in a header, from the answer of a service.

use crate::fetch::callout::{Answer, CalloutError};
use crate::json;
use crate::secret::Secret;
use std::fmt;
use std::time::Duration;

/// The maximum size of an answer, in bytes. Stores return little more than the secret.
const MAX_ANSWER: usize = 64 * 1024;
/// The maximum length of a value, in bytes. Tokens that are JWTs have a few thousand bytes.
const MAX_VALUE: usize = 8 * 1024;

/// Why an answer contains no credential. The error does not contain any part of the answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError {
    Callout(CalloutError),
    Status(u16),
    TooLarge {
        size: usize,
    },
    /// The configuration has a pointer, and the answer is not JSON.
    NotJson,
    /// The pointer does not lead to a string.
    NoString,
    /// The value is empty, too long, or contains white space or other characters that are not
    /// visible ASCII.
    Unusable,
}

impl ValueError {
    /// Returns the time that the store asks the client to wait.
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
            Self::NotJson => f.write_str("the answer is not JSON"),
            Self::NoString => f.write_str("the pointer does not lead to a string"),
            Self::Unusable => write!(
                f,
                "the value can't be sent in a header: it must be 1 to {MAX_VALUE} visible ASCII characters"
            ),
        }
    }
}

/// Returns the value in an answer: the string at the JSON Pointer (RFC 6901), or the whole body
/// without surrounding white space.
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
            usable(text.ok_or(ValueError::NoString)?)
        }
    }
}

/// Returns the text as a secret, if a header can carry it unchanged.
pub fn usable(text: &str) -> Result<Secret, ValueError> {
    let fits = (1..=MAX_VALUE).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err(ValueError::Unusable)
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
    fn value_is_read_from_an_answer() {
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
    fn value_unfit_for_a_header_is_rejected() {
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
            (200, r#"{"v":7}"#, Some("/v"), NoString),
            (200, r#"{"v":null}"#, Some("/v"), NoString),
            (200, r#"{"v":"x"}"#, Some("/w"), NoString),
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
