//! A compact JWS (RFC 7515 §7.1), taken apart and believed in nothing: split, decoded, its header
//! checked. What comes out is [`Unverified`].

use super::algorithm::Algorithm;
use crate::decision::Denial;
use crate::json;
use crate::text::excerpt;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// Longest encoded header, in bytes; Entra's has about 130. jwt-simple's limit is 8192.
const MAX_HEADER_BYTES: usize = 4096;

/// A token whose signature nobody has checked yet.
#[derive(Clone, Debug)]
pub struct Unverified<'t> {
    /// The whole token.
    pub token: &'t str,
    pub algorithm: Algorithm,
    pub kid: Option<String>,
    /// The header's `typ`, already found acceptable.
    pub typ: Option<String>,
    pub claims: Map<String, Value>,
    /// Header and payload as they were signed.
    pub signing_input: &'t str,
    pub signature: Vec<u8>,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart. `types`: accepted header `typ`, lower case, without `application/`.
    ///
    /// # Errors
    /// A denial that names the first thing wrong with its form or header.
    pub fn parse(token: &'t str, types: &[String]) -> Result<Self, Denial> {
        let segments: Vec<&str> = token.split('.').collect();
        let (header, payload, signature) = match segments.as_slice() {
            [header, payload, signature] => (*header, *payload, *signature),
            [_, _, _, _, _] => return Err(Denial::TokenEncrypted),
            _ => {
                return Err(Denial::TokenMalformed(
                    "it is not three segments parted by dots",
                ));
            }
        };
        if header.len() > MAX_HEADER_BYTES {
            return Err(Denial::TokenMalformed("its header is too large"));
        }
        let header = object(header, "its header is not base64url of a JSON object")?;
        let algorithm = check_header(&header)?;
        let kid = optional_text(&header, "kid", "its kid is not a string")?;
        let typ = optional_text(&header, "typ", "its typ is not a string")?;
        if typ.as_ref().is_some_and(|typ| !is_accepted(typ, types)) {
            return Err(Denial::TokenForAnotherApi(
                "its header names another type of token",
            ));
        }
        let claims = object(payload, "its payload is not base64url of a JSON object")?;
        check_forms(&header, &claims)?;
        let signature_bytes = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| Denial::TokenMalformed("its signature is not base64url"))?;
        if signature_bytes.is_empty() {
            return Err(Denial::TokenMalformed("its signature is empty"));
        }
        let signing_input = token
            .get(..token.len().saturating_sub(signature.len() + 1))
            .ok_or(Denial::Internal("a token shorter than its parts"))?;
        Ok(Self {
            token,
            algorithm,
            kid,
            typ,
            claims,
            signing_input,
            signature: signature_bytes,
        })
    }

    /// A claim that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }
}

fn object(segment: &str, otherwise: &'static str) -> Result<Map<String, Value>, Denial> {
    // The engine is strict: no padding, no stray bits, so one token has one spelling.
    let bytes = URL_SAFE_NO_PAD
        .decode(segment)
        .map_err(|_| Denial::TokenMalformed(otherwise))?;
    json::parse_object(&bytes).map_err(|_| Denial::TokenMalformed(otherwise))
}

/// Members that would change how the token is read are refused; members that would only tell where
/// to find a key (`jku`, `jwk`, `x5u`, `x5c`) are never looked at (RFC 8725 §3.10).
fn check_header(header: &Map<String, Value>) -> Result<Algorithm, Denial> {
    if header.contains_key("enc") {
        return Err(Denial::TokenEncrypted);
    }
    let algorithm = match header.get("alg") {
        Some(Value::String(name)) => {
            Algorithm::from_name(name).ok_or_else(|| Denial::AlgorithmNotAllowed {
                algorithm: excerpt(name),
            })?
        }
        _ => return Err(Denial::TokenMalformed("its header names no algorithm")),
    };
    if header.contains_key("crit") || header.contains_key("b64") {
        // RFC 7515 §4.1.11: an extension we do not understand; RFC 7797's is one.
        return Err(Denial::TokenMalformed("its header has critical extensions"));
    }
    if header.contains_key("nonce") {
        // Microsoft Graph and SharePoint tokens: signed over another header than the one sent.
        return Err(Denial::TokenForAnotherApi("it is one for Microsoft Graph"));
    }
    Ok(algorithm)
}

/// Members with registered meanings have their registered forms (RFC 7515 §4.1, OpenID Connect Core
/// §2), though we use none of these: jwt-simple takes no others, and a token must mean the same
/// whoever checks its signature. Nor does it take a key (`jwk`); its own `salt` is no part of a JWS,
/// and neither is compression (`zip`, RFC 8725 §3.6).
fn check_forms(header: &Map<String, Value>, claims: &Map<String, Value>) -> Result<(), Denial> {
    let text = |value: Option<&Value>| value.is_none_or(Value::is_string);
    let texts = |value: &Value| {
        let items = value.as_array();
        items.is_some_and(|items| items.iter().all(Value::is_string))
    };
    let names = ["cty", "jku", "x5u", "x5t", "x5t#S256"];
    let header_is_fit = names.iter().all(|name| text(header.get(*name)))
        && header.get("x5c").is_none_or(texts)
        && !header.contains_key("jwk")
        && !header.contains_key("salt")
        && !header.contains_key("zip");
    if !header_is_fit {
        return Err(Denial::TokenMalformed(
            "a member of its header has a form or a meaning that no access token's has",
        ));
    }
    match text(claims.get("nonce")) && !claims.get("aud").is_some_and(Value::is_null) {
        true => Ok(()),
        false => Err(Denial::TokenMalformed("its nonce or its aud is not a text")),
    }
}

fn optional_text(
    header: &Map<String, Value>,
    name: &str,
    otherwise: &'static str,
) -> Result<Option<String>, Denial> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Denial::TokenMalformed(otherwise)),
    }
}

fn is_accepted(typ: &str, types: &[String]) -> bool {
    let typ = typ.to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    types.iter().any(|accepted| accepted == typ)
}
