//! Parsing of a compact JWS (RFC 7515 §7.1): split, decode, check the header. The signature is not
//! checked here; the result is [`Unverified`].

use crate::decision::Denial;
use crate::json::raw::{Object, Raw};
use crate::keys::algorithm::Algorithm;
use crate::text::excerpt;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::borrow::Cow;

/// The size limit of the encoded header, in bytes. Entra's header has about 130; jwt-simple's limit is 8192.
const MAX_HEADER_BYTES: usize = 4096;

/// A parsed token whose signature has not been checked.
#[derive(Clone, Debug)]
pub struct Unverified<'t> {
    /// The whole token.
    pub token: &'t str,
    pub algorithm: Algorithm,
    pub kid: Option<Cow<'t, str>>,
    /// The header's `typ`, which is one of the accepted types.
    pub typ: Option<Cow<'t, str>>,
    pub claims: Object<'t>,
    /// The encoded header and payload, which the signature covers.
    pub signing_input: &'t str,
    pub signature: &'t [u8],
}

impl<'t> Unverified<'t> {
    /// Parses a token. `types` are the accepted values of the header's `typ`, in lower case, without
    /// `application/`. `buffer` receives the decoded bytes.
    ///
    /// # Errors
    /// A denial for the first fault in the form or the header.
    pub fn parse(
        token: &'t str,
        types: &[String],
        buffer: &'t mut Vec<u8>,
    ) -> Result<Self, Denial> {
        let [header, payload, signature] = segments(token)?;
        if header.len() > MAX_HEADER_BYTES {
            return Err(Denial::TokenMalformed("its header is too large"));
        }
        buffer.resize(token.len(), 0);
        let mut buffer = buffer.as_mut_slice();
        let header = object(header, &mut buffer).ok_or(Denial::TokenMalformed(
            "its header is not a base64url-encoded JSON object",
        ))?;
        let algorithm = check_header(&header)?;
        let kid = optional_text(&header, "kid", "its kid is not a string")?;
        let typ = optional_text(&header, "typ", "its typ is not a string")?;
        if typ.as_ref().is_some_and(|typ| !is_accepted(typ, types)) {
            return Err(Denial::TokenForAnotherApi(
                "its header has the typ of another kind of token",
            ));
        }
        let claims = object(payload, &mut buffer).ok_or(Denial::TokenMalformed(
            "its payload is not a base64url-encoded JSON object",
        ))?;
        check_forms(&header)?;
        let signing_input = token
            .get(..token.len().saturating_sub(signature.len() + 1))
            .ok_or(Denial::Internal("the token is shorter than its parts"))?;
        let signature = decode(signature, &mut buffer).ok_or(Denial::TokenMalformed(
            "its signature is not valid base64url",
        ))?;
        if signature.is_empty() {
            return Err(Denial::TokenMalformed("its signature is empty"));
        }
        Ok(Self {
            token,
            algorithm,
            kid,
            typ,
            claims,
            signing_input,
            signature,
        })
    }

    /// Returns a claim that is a string.
    pub fn text(&self, name: &str) -> Option<Cow<'t, str>> {
        self.claims.get(name).and_then(Raw::text)
    }
}

fn segments(token: &str) -> Result<[&str; 3], Denial> {
    let malformed = Denial::TokenMalformed("it is not three segments separated by dots");
    let Some((header, rest)) = token.split_once('.') else {
        return Err(malformed);
    };
    let Some((payload, signature)) = rest.split_once('.') else {
        return Err(malformed);
    };
    match signature.split('.').count() {
        1 => Ok([header, payload, signature]),
        // A compact JWE has five segments (RFC 7516 §7.1).
        3 => Err(Denial::TokenEncrypted),
        _ => Err(malformed),
    }
}

/// Decodes a segment into the start of the buffer; `buffer` becomes the rest. The engine rejects padding
/// and non-zero trailing bits, so that a token has only one encoding.
fn decode<'t>(segment: &str, buffer: &mut &'t mut [u8]) -> Option<&'t [u8]> {
    let (own, rest) = std::mem::take(buffer).split_at_mut_checked(segment.len())?;
    *buffer = rest;
    let length = URL_SAFE_NO_PAD.decode_slice(segment, own).ok()?;
    own.get(..length)
}

fn object<'t>(segment: &str, buffer: &mut &'t mut [u8]) -> Option<Object<'t>> {
    Object::read(std::str::from_utf8(decode(segment, buffer)?).ok()?)
}

/// Checks the header and returns its algorithm. Members that change how the token is read are refused.
/// References to keys (`jku`, `jwk`, `x5u`, `x5c`) are never followed (RFC 8725 §3.10).
fn check_header(header: &Object<'_>) -> Result<Algorithm, Denial> {
    if header.has("enc") {
        return Err(Denial::TokenEncrypted);
    }
    let algorithm = match header.get("alg").and_then(Raw::text) {
        Some(name) => Algorithm::from_name(&name).ok_or_else(|| Denial::AlgorithmNotAllowed {
            algorithm: excerpt(&name),
        })?,
        None => return Err(Denial::TokenMalformed("its header has no alg")),
    };
    if header.has("crit") || header.has("b64") {
        // RFC 7515 §4.1.11: extensions that are not supported; `b64` is RFC 7797's.
        return Err(Denial::TokenMalformed("its header has critical extensions"));
    }
    if header.has("nonce") {
        // Microsoft Graph and SharePoint sign their tokens over a header that differs from the one sent.
        return Err(Denial::TokenForAnotherApi(
            "it is a token for Microsoft Graph or SharePoint",
        ));
    }
    Ok(algorithm)
}

/// Checks that registered header members have their registered forms (RFC 7515 §4.1). The filter does not
/// use them, but another reader of the same header might. A key in the header (`jwk`), jwt-simple's own
/// `salt` and compression (`zip`, RFC 8725 §3.6) are refused.
fn check_forms(header: &Object<'_>) -> Result<(), Denial> {
    let text = |value: Option<Raw<'_>>| value.is_none_or(Raw::is_text);
    let texts = |value: Raw<'_>| {
        let items = value.items();
        items.is_some_and(|mut items| items.all(Raw::is_text))
    };
    let names = ["cty", "jku", "x5u", "x5t", "x5t#S256"];
    let is_valid = names.iter().all(|name| text(header.get(name)))
        && header.get("x5c").is_none_or(texts)
        && !header.has("jwk")
        && !header.has("salt")
        && !header.has("zip");
    if !is_valid {
        return Err(Denial::TokenMalformed(
            "its header has a member that is malformed or not allowed in an access token",
        ));
    }
    Ok(())
}

fn optional_text<'t>(
    header: &Object<'t>,
    name: &str,
    otherwise: &'static str,
) -> Result<Option<Cow<'t, str>>, Denial> {
    match header.get(name) {
        None => Ok(None),
        Some(value) => match value.text() {
            Some(text) => Ok(Some(text)),
            None => Err(Denial::TokenMalformed(otherwise)),
        },
    }
}

fn is_accepted(typ: &str, types: &[String]) -> bool {
    const PREFIX: &str = "application/";
    let typ = match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    };
    types
        .iter()
        .any(|accepted| accepted.eq_ignore_ascii_case(typ))
}
