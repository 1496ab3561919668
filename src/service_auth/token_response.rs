//! Parsing of token endpoint responses: a token and its lifetime, or an error. Sources: RFC 6749 §5.1; Entra's
//! "client credentials flow". The instance metadata service writes numbers as strings.

use crate::fetch::callout::{Answer, CalloutError};
use crate::json;
use crate::secret::Secret;
use crate::time::Timestamp;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// The size limit of a response, in bytes. Entra's responses have 2 to 5 KB.
const MAX_BYTES: usize = 64 * 1024;
/// The maximum lifetime; longer lifetimes are shortened. A managed identity's token is valid for a day.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A token from a token endpoint.
#[derive(Debug)]
pub struct TokenResponse {
    pub token: Secret,
    /// The lifetime, counted from when the request was sent.
    pub life: Duration,
}

/// The reason why there is no token. Of the response's body, it contains only error codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenResponseError {
    Callout(CalloutError),
    /// An error response, with its OAuth error code and Entra's error number, if present.
    Refused {
        status: u16,
        error: Option<String>,
        number: Option<u64>,
    },
    TooLarge {
        bytes: usize,
    },
    NotJson,
    /// `access_token` is missing or cannot be sent in a header.
    NoToken,
    /// `token_type` is not Bearer.
    NotBearer,
    /// `expires_in` and `expires_on` are missing or invalid, or the token has already expired.
    NoLife,
}

impl fmt::Display for TokenResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callout(error) => error.fmt(f),
            Self::Refused {
                status,
                error,
                number,
            } => {
                write!(f, "the answer has status {status}")?;
                if let Some(error) = error {
                    write!(f, ", {error}")?;
                }
                number.map_or(Ok(()), |number| write!(f, " (AADSTS{number})"))
            }
            Self::TooLarge { bytes } => write!(
                f,
                "the answer has {bytes} bytes; the limit is {MAX_BYTES}"
            ),
            Self::NotJson => f.write_str("the answer is not a JSON object"),
            Self::NoToken => f.write_str("the answer has no valid access_token"),
            Self::NotBearer => f.write_str("the token_type in the answer is not Bearer"),
            Self::NoLife => {
                f.write_str("the answer has no valid expires_in or expires_on, or the token has already expired")
            }
        }
    }
}

/// Parses the answer to a token request that was sent at `requested_at`.
///
/// # Errors
/// [`TokenResponseError`] if the answer has no usable token.
pub fn read(answer: Answer, requested_at: Timestamp) -> Result<TokenResponse, TokenResponseError> {
    let (status, body) = match answer {
        Answer::Response { status, body } => (status, Zeroizing::new(body)),
        Answer::Failed(error) => return Err(TokenResponseError::Callout(error)),
    };
    if body.len() > MAX_BYTES {
        return Err(TokenResponseError::TooLarge { bytes: body.len() });
    }
    let members = json::parse_object(&body);
    if status != 200 {
        let members = members.unwrap_or_default();
        return Err(TokenResponseError::Refused {
            status,
            error: members.get("error").and_then(error_code),
            number: members
                .get("error_codes")
                .and_then(|all| all.get(0)?.as_u64()),
        });
    }
    let mut members = members.map_err(|_| TokenResponseError::NotJson)?;
    // Taken out before anything can fail, so that the token is always wiped.
    let token = match members.remove("access_token") {
        Some(Value::String(token)) => Secret::new(token),
        _ => return Err(TokenResponseError::NoToken),
    };
    if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenResponseError::NoToken);
    }
    let is_bearer = |kind: &Value| {
        kind.as_str()
            .is_some_and(|k| k.eq_ignore_ascii_case("bearer"))
    };
    let kind = members.get("token_type").filter(|kind| !kind.is_null());
    if !kind.is_none_or(is_bearer) {
        return Err(TokenResponseError::NotBearer);
    }
    let life = life(&members, requested_at).ok_or(TokenResponseError::NoLife)?;
    Ok(TokenResponse { token, life })
}

fn life(members: &Map<String, Value>, requested_at: Timestamp) -> Option<Duration> {
    let seconds = |name| members.get(name).and_then(whole_number);
    let life = match (seconds("expires_in"), seconds("expires_on")) {
        (Some(secs), _) => Duration::from_secs(secs),
        (None, Some(end)) => Timestamp::from_secs(end).since(requested_at),
        (None, None) => return None,
    };
    (!life.is_zero()).then_some(life.min(LONGEST_LIFE))
}

fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Returns an OAuth error code (RFC 6749 §5.2) that is safe to log.
fn error_code(value: &Value) -> Option<String> {
    let fit = |code: &&str| {
        code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    value.as_str().filter(fit).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const REQUESTED_AT: Timestamp = Timestamp::from_secs(1_000_000);

    fn answer(body: &Value) -> Answer {
        Answer::of(200, None, body.to_string().into_bytes())
    }

    #[test]
    fn lifetime_is_read_in_every_form() {
        for (body, secs) in [
            (json!({"expires_in": 3599}), Some(3599)),
            (
                json!({"expires_in": "86399", "expires_on": "1"}),
                Some(86_399),
            ),
            (json!({"expires_on": "1000060"}), Some(60)),
            (
                json!({"expires_on": 1_000_060, "expires_in": null}),
                Some(60),
            ),
            (json!({"expires_in": u64::MAX}), Some(86_400)),
            (json!({"expires_on": u64::MAX}), Some(86_400)),
            (json!({"expires_in": 0}), None),
            (json!({"expires_in": -5}), None),
            (json!({"expires_in": "soon"}), None),
            (json!({"expires_on": "999999"}), None),
            (json!({}), None),
        ] {
            let mut whole = body.clone();
            whole["access_token"] = json!("t");
            whole["token_type"] = json!("bearer");
            let read = read(answer(&whole), REQUESTED_AT);
            let expected = secs
                .map(Duration::from_secs)
                .ok_or(TokenResponseError::NoLife);
            assert_eq!(read.map(|response| response.life), expected, "{body}");
        }
    }

    #[test]
    fn null_token_type_counts_as_absent() {
        let body = json!({"access_token": "t", "expires_in": 60, "token_type": null});
        let response = read(answer(&body), REQUESTED_AT).unwrap();
        assert_eq!(response.token.expose(), "t");
    }

    #[test]
    fn unusable_answer_is_an_error() {
        let grant = |token: Value| answer(&json!({"access_token": token, "expires_in": 60}));
        let dpop = json!({"access_token": "t", "expires_in": 60, "token_type": "DPoP"});
        let raw = |body: &str| Answer::of(200, None, body.as_bytes().to_vec());
        for (answer, error) in [
            (grant(json!(null)), TokenResponseError::NoToken),
            (grant(json!("")), TokenResponseError::NoToken),
            (grant(json!("a b")), TokenResponseError::NoToken),
            (grant(json!("a\r\nx-evil: 1")), TokenResponseError::NoToken),
            (
                answer(&json!({"expires_in": 60})),
                TokenResponseError::NoToken,
            ),
            (answer(&dpop), TokenResponseError::NotBearer),
            (raw(""), TokenResponseError::NotJson),
            (raw("[]"), TokenResponseError::NotJson),
            (
                raw(r#"{"access_token":"a","access_token":"b"}"#),
                TokenResponseError::NotJson,
            ),
            (
                raw(&"x".repeat(70_000)),
                TokenResponseError::TooLarge { bytes: 70_000 },
            ),
            (
                Answer::Failed(CalloutError::Interrupted),
                TokenResponseError::Callout(CalloutError::Interrupted),
            ),
        ] {
            let shown = format!("{answer:?}");
            assert_eq!(
                read(answer, REQUESTED_AT).map(drop),
                Err(error),
                "{shown:.80}"
            );
        }
    }

    #[test]
    fn refusal_contains_only_error_codes() {
        let message = |status, body: Value| {
            let answer = Answer::of(status, None, body.to_string().into_bytes());
            read(answer, REQUESTED_AT)
                .map(drop)
                .unwrap_err()
                .to_string()
        };
        let body = json!({"error": "invalid_client", "error_codes": [7_000_215],
            "error_description": "AADSTS7000215: Invalid client secret provided."});
        assert_eq!(
            message(401, body),
            "the answer has status 401, invalid_client (AADSTS7000215)"
        );
        let hostile = json!({"error": "<script>\n", "error_codes": ["x"]});
        assert_eq!(message(400, hostile), "the answer has status 400");
        assert_eq!(message(500, json!("oops")), "the answer has status 500");
    }
}
