//! Extraction of the bearer token from the request's headers (RFC 6750 §2.1).

use super::jws::Unverified;
use crate::decision::Denial;
use crate::http::headers::Headers;

/// A header that may carry the caller's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLocation {
    /// The header's name in lower case.
    pub header: String,
    /// The scheme before the token. `None`: the whole value is the token.
    pub scheme: Option<String>,
}

/// Schemes of tokens that are bound to a key. The filter cannot check the proof of possession.
const BOUND_SCHEMES: [&str; 3] = ["DPoP", "PoP", "MTLS_POP"];
/// Headers in which clients of other APIs send a key or a token.
const KEY_HEADERS: [&str; 2] = ["x-api-key", "api-key"];
const DIFFERENT_TOKENS: &str = "two headers contain different tokens";
/// Prefixes of Hugging Face tokens. `hf_` includes `hf_oauth_` and `hf_jwt_`.
const HUGGING_FACE_PREFIXES: [&str; 2] = ["hf_", "api_org_"];

/// The bytes in place of the token: not empty and within the size limit, but otherwise unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer<'h>(&'h [u8]);

/// Returns the token from the first location whose header is present. Some clients send the same token in
/// two headers.
///
/// # Errors
/// A denial if no header is present, the header is repeated, the token is empty or too long, or another
/// location has a different token.
pub fn extract<'h>(
    headers: &'h Headers,
    locations: &'h [TokenLocation],
    max_bytes: usize,
) -> Result<Bearer<'h>, Denial> {
    for location in locations {
        let mut values = headers.all(&location.header);
        let Some(value) = values.next() else {
            continue;
        };
        if values.next().is_some() {
            return Err(Denial::TokenMalformed("its header appears more than once"));
        }
        let token = match &location.scheme {
            Some(scheme) => {
                let token = without_scheme(value, scheme)?;
                token.ok_or_else(|| missing(headers, locations))?
            }
            None => value.trim_ascii(),
        };
        let bearer = Bearer::bounded(token, max_bytes)?;
        let differs = |other: &TokenLocation| {
            other.header != location.header && other.has_other_than(token, headers)
        };
        if locations.iter().any(differs) {
            return Err(Denial::RequestAmbiguous(DIFFERENT_TOKENS));
        }
        return Ok(bearer);
    }
    Err(missing(headers, locations))
}

fn missing(headers: &Headers, locations: &[TokenLocation]) -> Denial {
    let is_read = |name: &str| locations.iter().any(|location| location.header == name);
    let is_unread = |name: &&str| !is_read(name) && headers.all(name).next().is_some();
    Denial::TokenMissing {
        unread: KEY_HEADERS.into_iter().find(is_unread),
    }
}

impl TokenLocation {
    /// Returns whether the header is present and contains anything other than exactly this token.
    fn has_other_than(&self, token: &[u8], headers: &Headers) -> bool {
        headers.all(&self.header).enumerate().any(|(index, value)| {
            let presented = match &self.scheme {
                Some(scheme) => without_scheme(value, scheme).ok().flatten(),
                None => Some(value.trim_ascii()),
            };
            index > 0 || presented != Some(token)
        })
    }
}

/// Returns the token after the scheme; `None` if the scheme is different.
///
/// # Errors
/// [`Denial::TokenBound`] if the scheme requires proof of possession.
fn without_scheme<'h>(value: &'h [u8], wanted: &str) -> Result<Option<&'h [u8]>, Denial> {
    let value = value.trim_ascii();
    let end = value
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    if scheme.eq_ignore_ascii_case(wanted.as_bytes()) {
        Ok(Some(rest.trim_ascii()))
    } else if BOUND_SCHEMES
        .iter()
        .any(|bound| scheme.eq_ignore_ascii_case(bound.as_bytes()))
    {
        Err(Denial::TokenBound)
    } else {
        Ok(None)
    }
}

impl<'h> Bearer<'h> {
    fn bounded(bytes: &'h [u8], limit: usize) -> Result<Self, Denial> {
        match bytes.len() {
            0 => Err(Denial::TokenMalformed("it is empty")),
            bytes if bytes > limit => Err(Denial::TokenTooLarge { bytes, limit }),
            _ => Ok(Self(bytes)),
        }
    }

    /// The bytes, unmodified.
    pub fn bytes(self) -> &'h [u8] {
        self.0
    }

    /// Parses the token. [`Bearer::token`] checks the characters only if parsing fails, because parsing a
    /// compact JWS decodes every character. `buffer` receives the decoded bytes.
    ///
    /// # Errors
    /// The error of [`Bearer::token`], otherwise that of [`Unverified::parse`].
    pub fn unverified<'t>(
        self,
        types: &[String],
        buffer: &'t mut Vec<u8>,
    ) -> Result<Unverified<'t>, Denial>
    where
        'h: 't,
    {
        let text = match std::str::from_utf8(self.0) {
            Ok(text) => text,
            Err(_) => self.token()?,
        };
        Unverified::parse(text, types, buffer).or_else(|denial| self.token().and(Err(denial)))
    }

    /// Returns the token as text.
    ///
    /// # Errors
    /// A denial if the characters are not those of a bearer token, or if it is a Hugging Face token.
    pub fn token(self) -> Result<&'h str, Denial> {
        // All characters of RFC 6750's b64token, although a JWS needs fewer, so that Hugging Face tokens are recognized
        // below.
        let allowed = |byte: &u8| {
            matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
                || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
        };
        let token = match std::str::from_utf8(self.0) {
            Ok(text) if self.0.iter().all(allowed) => text,
            _ if self.0.contains(&b',') => {
                return Err(Denial::TokenMalformed("its header contains several values"));
            }
            _ => {
                return Err(Denial::TokenMalformed(
                    "it contains characters that are not allowed in a token",
                ));
            }
        };
        if HUGGING_FACE_PREFIXES
            .iter()
            .any(|prefix| token.starts_with(prefix))
        {
            return Err(Denial::HuggingFaceToken);
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer() -> Vec<TokenLocation> {
        vec![TokenLocation {
            header: "authorization".into(),
            scheme: Some("Bearer".into()),
        }]
    }

    fn extract_from(fields: &[(&str, &[u8])]) -> Result<String, &'static str> {
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value);
        }
        let mut locations = bearer();
        locations.push(TokenLocation {
            header: "x-api-key".into(),
            scheme: None,
        });
        extract(&headers, &locations, 64)
            .and_then(Bearer::token)
            .map(str::to_owned)
            .map_err(|denial| denial.code())
    }

    #[test]
    fn first_header_present_supplies_the_token() {
        for value in [
            "Bearer a.b.c",
            "bearer a.b.c",
            "BEARER   a.b.c ",
            "  Bearer a.b.c",
        ] {
            assert_eq!(
                extract_from(&[("authorization", value.as_bytes())]),
                Ok("a.b.c".into())
            );
        }
        let both: [(&str, &[u8]); 2] =
            [("x-api-key", b"d.e.f"), ("authorization", b"Bearer d.e.f")];
        assert_eq!(extract_from(&both), Ok("d.e.f".into()));
        let longest = "a".repeat(64);
        let value = format!("Bearer {longest}");
        assert_eq!(
            extract_from(&[("authorization", value.as_bytes())]),
            Ok(longest)
        );
        assert_eq!(extract_from(&both[..1]), Ok("d.e.f".into()));
    }

    #[test]
    fn different_tokens_in_two_headers_are_ambiguous() {
        let with_key = |values: &[&'static str]| {
            let mut fields = vec![("authorization", &b"Bearer a.b.c"[..])];
            fields.extend(values.iter().map(|value| ("x-api-key", value.as_bytes())));
            extract_from(&fields)
        };
        for same in ["a.b.c", " a.b.c "] {
            assert_eq!(with_key(&[same]), Ok("a.b.c".into()));
        }
        for other in ["d.e.f", "Bearer a.b.c", "A.b.c", "hf_abc", ""] {
            assert_eq!(with_key(&[other]), Err("request_ambiguous"), "{other}");
        }
        assert_eq!(with_key(&["a.b.c", "a.b.c"]), Err("request_ambiguous"));
        // If the value of the first location is unusable, it determines the error.
        let fields: [(&str, &[u8]); 2] =
            [("authorization", b"Basic dTpw"), ("x-api-key", b"a.b.c")];
        assert_eq!(extract_from(&fields), Err("token_missing"));
        // A header that is not configured has no effect.
        let fields: [(&str, &[u8]); 2] =
            [("authorization", b"Bearer a.b.c"), ("api-key", b"d.e.f")];
        assert_eq!(extract_from(&fields), Ok("a.b.c".into()));
    }

    #[test]
    fn only_rfc_6750_characters_are_accepted() {
        let plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
        for byte in 0..=u8::MAX {
            let token = [b'a', byte, b'b'];
            let token = Bearer(&token).token();
            assert_eq!(token.is_ok(), plain.contains(&byte), "{byte}");
        }
    }

    #[test]
    fn several_values_and_bad_characters_have_different_reasons() {
        let refused = |token: &[u8]| match Bearer(token).token() {
            Err(Denial::TokenMalformed(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(b"a.b.c,d"), "its header contains several values");
        assert_eq!(
            refused(b"a.b c"),
            "it contains characters that are not allowed in a token"
        );
    }

    #[test]
    fn invalid_header_is_denied_with_its_own_code() {
        let long = [b"Bearer ".as_slice(), &[b'a'; 65]].concat();
        let cases: [(&[u8], &str); 17] = [
            (b"Bearer", "token_malformed"),
            (b"Bearer ", "token_malformed"),
            (b"", "token_missing"),
            (b"Basic dTpw", "token_missing"),
            (b"a.b.c", "token_missing"),
            (b"DPoP a.b.c", "token_bound"),
            (b"pop a.b.c", "token_bound"),
            (b"MTLS_POP a.b.c", "token_bound"),
            (b"Bearer a.b.c,Bearer d.e.f", "token_malformed"),
            (b"Bearer a.b.c, d", "token_malformed"),
            (b"Bearer a.b c", "token_malformed"),
            (b"Bearer \xff\xfe.b.c", "token_malformed"),
            (b"Bearer a.b\x00.c", "token_malformed"),
            (b"Bearer hf_abcdef", "hugging_face_token"),
            (b"Bearer hf_oauth_abc", "hugging_face_token"),
            (b"Bearer api_org_abc", "hugging_face_token"),
            (&long, "token_too_large"),
        ];
        for (value, code) in cases {
            let text = String::from_utf8_lossy(value).into_owned();
            assert_eq!(
                extract_from(&[("authorization", value)]),
                Err(code),
                "{text}"
            );
        }
        assert_eq!(extract_from(&[]), Err("token_missing"));
        let twice: [(&str, &[u8]); 2] = [
            ("authorization", b"Bearer a.b.c"),
            ("authorization", b"Bearer a.b.c"),
        ];
        assert_eq!(extract_from(&twice), Err("token_malformed"));
    }
}
