//! The token exchange request to Hugging Face for one person, and its response (RFC 8693).

use super::subject::SubjectRule;
use super::value::{self, ValueError};
use crate::fetch::callout::{Answer, Callout, CalloutError, Target, form};
use crate::json;
use crate::secret::Secret;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// Hugging Face's own token type: the subject is an e-mail address, which it accepts from this
/// client without proof.
const SUBJECT_TYPE: &str = "urn:huggingface:token-type:user-email";
const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The maximum size of a response, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// The lifetime of a token without `expires_in`, which RFC 6749 §5.1 only recommends.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// The maximum time that a token is kept, regardless of the response.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The compiled form of `credentials[].token_exchange`.
#[derive(Clone, Debug)]
pub struct TokenExchange {
    pub target: Target,
    /// The authorization of the OAuth app: [`basic`].
    pub authorization: Secret,
    pub subject: SubjectRule,
    /// Space-separated scopes; `None` requests none.
    pub scope: Option<String>,
    pub timeout: Duration,
    /// Maximum number of people whose tokens are kept.
    pub entries: usize,
}

/// Returns the value of an Authorization header with client credentials (RFC 6749 §2.3.1: both
/// parts are form-encoded before they are joined).
pub fn basic(client_id: &str, client_secret: &Secret) -> Secret {
    let secret = form::escape(client_secret.expose());
    let pair = format!("{}:{secret}", form::escape(client_id));
    Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair)))
}

impl TokenExchange {
    pub fn callout(&self, subject: &str) -> Callout {
        let mut fields = vec![
            ("grant_type", GRANT_TYPE),
            ("subject_token", subject),
            ("subject_token_type", SUBJECT_TYPE),
        ];
        fields.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        Callout::form(self.target.clone(), &fields, self.timeout)
            .header("authorization", self.authorization.expose())
    }
}

/// One person's token and its lifetime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub value: Secret,
    pub lifetime: Duration,
}

/// Why a response contains no token. Of the response's body, it contains only the OAuth error code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeError {
    /// `invalid_grant`: the person is not a member.
    NotAMember,
    Callout(CalloutError),
    /// Another error of the token endpoint; `code` is an error code of RFC 6749 §5.2.
    Refused {
        status: u16,
        code: Option<String>,
    },
    /// A response with status 200 that is not a valid token response.
    NoToken(&'static str),
    Value(ValueError),
}

impl ExchangeError {
    /// Returns how long the token endpoint asks the client to wait.
    pub fn pause(&self) -> Duration {
        match self {
            Self::Callout(error) => error.pause(),
            _ => Duration::ZERO,
        }
    }
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAMember => f.write_str("the person is not a member of the organization"),
            Self::Callout(error) => error.fmt(f),
            Self::Refused {
                status,
                code: Some(code),
            } => write!(f, "the token endpoint answered {status} {code}"),
            Self::Refused { status, code: None } => {
                write!(f, "the token endpoint answered with status {status}")
            }
            Self::NoToken(reason) => write!(f, "the token endpoint's answer {reason}"),
            Self::Value(error) => error.fmt(f),
        }
    }
}

/// Reads a response of the token endpoint.
pub fn read(answer: &Answer) -> Result<Token, ExchangeError> {
    let (status, body) = match answer {
        Answer::Response { status, body } => (*status, body),
        Answer::Failed(error) => return Err(ExchangeError::Callout(*error)),
    };
    let members = if body.len() <= MAX_ANSWER {
        json::parse_object(body).ok()
    } else {
        None
    };
    match (status, members) {
        (200, Some(members)) => read_token(&members),
        (200, None) => Err(ExchangeError::NoToken(
            "is not a JSON object, or exceeds 64 KiB",
        )),
        (status, members) => Err(refusal(status, &members.unwrap_or_default())),
    }
}

fn read_token(members: &Map<String, Value>) -> Result<Token, ExchangeError> {
    let text = |name| members.get(name).and_then(Value::as_str);
    let value = text("access_token").ok_or(ExchangeError::NoToken("has no access_token"))?;
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(ExchangeError::NoToken("has a token_type other than bearer"));
    }
    if text("issued_token_type").is_some_and(|kind| kind != ACCESS_TOKEN_TYPE) {
        return Err(ExchangeError::NoToken("has no access token"));
    }
    let lifetime = match members.get("expires_in") {
        None | Some(Value::Null) => DEFAULT_LIFETIME,
        Some(seconds) => match seconds.as_u64().filter(|seconds| *seconds > 0) {
            Some(seconds) => Duration::from_secs(seconds).min(MAX_LIFETIME),
            None => return Err(ExchangeError::NoToken("has an invalid expires_in")),
        },
    };
    let value = value::usable(value).map_err(ExchangeError::Value)?;
    Ok(Token { value, lifetime })
}

fn refusal(status: u16, members: &Map<String, Value>) -> ExchangeError {
    const LONGEST_CODE: usize = 64;
    let is_code = |code: &&str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        code.len() <= LONGEST_CODE && code.bytes().all(allowed)
    };
    let code = members.get("error").and_then(Value::as_str);
    match (status, code.filter(is_code)) {
        (400..=499, Some("invalid_grant")) => ExchangeError::NotAMember,
        (status, code) => ExchangeError::Refused {
            status,
            code: code.map(str::to_owned),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::claim_path::ClaimPath;
    use serde_json::json;

    fn exchange() -> TokenExchange {
        TokenExchange {
            target: Target::parse("hf", "https://huggingface.co/oauth/token").unwrap(),
            authorization: basic("an id", &Secret::new("s:e/c%r+t".into())),
            subject: SubjectRule {
                claim: ClaimPath::member("preferred_username"),
                domains: vec!["contoso.com".into()],
                app: None,
            },
            scope: Some("read-endpoints read-repos".into()),
            timeout: Duration::from_secs(5),
            entries: 10,
        }
    }

    #[test]
    fn exchange_request_has_the_documented_form() {
        let callout = exchange().callout("ada+x@contoso.com");
        assert_eq!(callout.method, "POST");
        assert_eq!(
            std::str::from_utf8(&callout.body).unwrap(),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token=ada%2Bx%40contoso.com\
             &subject_token_type=urn%3Ahuggingface%3Atoken-type%3Auser-email\
             &scope=read-endpoints%20read-repos"
        );
        let basic = callout
            .headers
            .last()
            .unwrap()
            .1
            .strip_prefix("Basic ")
            .unwrap();
        let pair = BASE64_STANDARD.decode(basic).unwrap();
        assert_eq!(pair, b"an%20id:s%3Ae%2Fc%25r%2Bt");
    }

    fn answer(status: u16, body: Value) -> Result<Token, ExchangeError> {
        let body = body.to_string().into_bytes();
        read(&Answer::Response { status, body })
    }

    #[test]
    fn token_response_is_read() {
        let good = json!({"access_token": "t", "token_type": "bearer", "expires_in": 28800,
            "scope": "read-endpoints", "issued_token_type": ACCESS_TOKEN_TYPE});
        let token = answer(200, good.clone()).unwrap();
        assert_eq!(token.value.expose(), "t");
        assert_eq!(token.lifetime, Duration::from_secs(28_800));
        for (name, value, lifetime) in [
            ("expires_in", json!(null), Ok(DEFAULT_LIFETIME)),
            ("expires_in", json!(10_000_000), Ok(MAX_LIFETIME)),
            ("expires_in", json!(0), Err(())),
            ("expires_in", json!(-1), Err(())),
            ("expires_in", json!("28800"), Err(())),
            ("access_token", json!(null), Err(())),
            ("access_token", json!("a b"), Err(())),
            ("token_type", json!("Bearer"), Ok(token.lifetime)),
            ("token_type", json!("DPoP"), Err(())),
            ("token_type", json!(null), Err(())),
            ("issued_token_type", json!("urn:x:refresh"), Err(())),
        ] {
            let mut changed = good.clone();
            changed[name] = value;
            let read = answer(200, changed.clone()).map(|token| token.lifetime);
            assert_eq!(read.map_err(drop), lifetime, "{changed}");
        }
    }

    #[test]
    fn only_invalid_grant_means_not_a_member() {
        let refused = |status, code: Option<&str>| ExchangeError::Refused {
            status,
            code: code.map(str::to_owned),
        };
        for (status, body, error) in [
            (
                400,
                json!({"error": "invalid_grant"}),
                ExchangeError::NotAMember,
            ),
            (
                403,
                json!({"error": "invalid_grant", "error_description": "x"}),
                ExchangeError::NotAMember,
            ),
            (
                500,
                json!({"error": "invalid_grant"}),
                refused(500, Some("invalid_grant")),
            ),
            (
                401,
                json!({"error": "invalid_client"}),
                refused(401, Some("invalid_client")),
            ),
            (400, json!({"error": "hf_secret-like"}), refused(400, None)),
            (502, json!("bad gateway"), refused(502, None)),
        ] {
            assert_eq!(answer(status, body.clone()), Err(error), "{status} {body}");
        }
    }
}
