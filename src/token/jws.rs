//! A compact JWS (RFC 7515 §7.1), taken apart and believed in nothing: split, decoded, its header
//! checked. What comes out is [`Unverified`].

use crate::decision::Denial;
use crate::json::raw::{Object, Raw};
use crate::keys::algorithm::Algorithm;
use crate::text::excerpt;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::borrow::Cow;

/// Longest encoded header, in bytes; Entra's has about 130. jwt-simple's limit is 8192.
const MAX_HEADER_BYTES: usize = 4096;

/// A token whose signature nobody has checked yet.
#[derive(Clone, Debug)]
pub struct Unverified<'t> {
    /// The whole token.
    pub token: &'t str,
    pub algorithm: Algorithm,
    pub kid: Option<Cow<'t, str>>,
    /// The header's `typ`, already found acceptable.
    pub typ: Option<Cow<'t, str>>,
    pub claims: Object<'t>,
    /// Header and payload as they were signed.
    pub signing_input: &'t str,
    pub signature: &'t [u8],
}

impl<'t> Unverified<'t> {
    /// Takes a token apart. `types`: accepted header `typ`, lower case, without `application/`.
    /// `room`: where what is decoded is put.
    ///
    /// # Errors
    /// A denial that names the first thing wrong with its form or header.
    pub fn parse(token: &'t str, types: &[String], room: &'t mut Vec<u8>) -> Result<Self, Denial> {
        let [header, payload, signature] = segments(token)?;
        if header.len() > MAX_HEADER_BYTES {
            return Err(Denial::TokenMalformed("its header is too large"));
        }
        room.resize(token.len(), 0);
        let mut room = room.as_mut_slice();
        let header = object(header, &mut room).ok_or(Denial::TokenMalformed(
            "its header is not base64url of a JSON object",
        ))?;
        let algorithm = check_header(&header)?;
        let kid = optional_text(&header, "kid", "its kid is not a string")?;
        let typ = optional_text(&header, "typ", "its typ is not a string")?;
        if typ.as_ref().is_some_and(|typ| !is_accepted(typ, types)) {
            return Err(Denial::TokenForAnotherApi(
                "its header names another type of token",
            ));
        }
        let claims = object(payload, &mut room).ok_or(Denial::TokenMalformed(
            "its payload is not base64url of a JSON object",
        ))?;
        check_forms(&header)?;
        let signing_input = token
            .get(..token.len().saturating_sub(signature.len() + 1))
            .ok_or(Denial::Internal("a token shorter than its parts"))?;
        let signature = decode(signature, &mut room)
            .ok_or(Denial::TokenMalformed("its signature is not base64url"))?;
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

    /// A claim that is a string.
    pub fn text(&self, name: &str) -> Option<Cow<'t, str>> {
        self.claims.get(name).and_then(Raw::text)
    }
}

fn segments(token: &str) -> Result<[&str; 3], Denial> {
    let malformed = Denial::TokenMalformed("it is not three segments parted by dots");
    let Some((header, rest)) = token.split_once('.') else {
        return Err(malformed);
    };
    let Some((payload, signature)) = rest.split_once('.') else {
        return Err(malformed);
    };
    match signature.contains('.') {
        false => Ok([header, payload, signature]),
        true if signature.split('.').count() == 3 => Err(Denial::TokenEncrypted),
        true => Err(malformed),
    }
}

/// A segment, decoded into the front of the room, whose rest is left. The engine is strict: no
/// padding, no stray bits, so one token has one spelling.
fn decode<'t>(segment: &str, room: &mut &'t mut [u8]) -> Option<&'t [u8]> {
    let (own, rest) = std::mem::take(room).split_at_mut_checked(segment.len())?;
    *room = rest;
    let length = URL_SAFE_NO_PAD.decode_slice(segment, own).ok()?;
    own.get(..length)
}

fn object<'t>(segment: &str, room: &mut &'t mut [u8]) -> Option<Object<'t>> {
    Object::read(std::str::from_utf8(decode(segment, room)?).ok()?)
}

/// Members that would change how the token is read are refused; members that would only tell where
/// to find a key (`jku`, `jwk`, `x5u`, `x5c`) are never looked at (RFC 8725 §3.10).
fn check_header(header: &Object<'_>) -> Result<Algorithm, Denial> {
    if header.has("enc") {
        return Err(Denial::TokenEncrypted);
    }
    let algorithm = match header.get("alg").and_then(Raw::text) {
        Some(name) => Algorithm::from_name(&name).ok_or_else(|| Denial::AlgorithmNotAllowed {
            algorithm: excerpt(&name),
        })?,
        None => return Err(Denial::TokenMalformed("its header names no algorithm")),
    };
    if header.has("crit") || header.has("b64") {
        // RFC 7515 §4.1.11: an extension we do not understand; RFC 7797's is one.
        return Err(Denial::TokenMalformed("its header has critical extensions"));
    }
    if header.has("nonce") {
        // Microsoft Graph and SharePoint tokens: signed over another header than the one sent.
        return Err(Denial::TokenForAnotherApi("it is one for Microsoft Graph"));
    }
    Ok(algorithm)
}

/// Members of the header with registered meanings must have their registered forms (RFC 7515 §4.1),
/// though the filter uses none of these: another reader of the same header might. A key in the header
/// (`jwk`), jwt-simple's own `salt` and compression (`zip`, RFC 8725 §3.6) are refused.
fn check_forms(header: &Object<'_>) -> Result<(), Denial> {
    let text = |value: Option<Raw<'_>>| value.is_none_or(Raw::is_text);
    let texts = |value: Raw<'_>| {
        let items = value.items();
        items.is_some_and(|mut items| items.all(Raw::is_text))
    };
    let names = ["cty", "jku", "x5u", "x5t", "x5t#S256"];
    let header_is_fit = names.iter().all(|name| text(header.get(name)))
        && header.get("x5c").is_none_or(texts)
        && !header.has("jwk")
        && !header.has("salt")
        && !header.has("zip");
    if !header_is_fit {
        return Err(Denial::TokenMalformed(
            "a member of its header has a form or a meaning that no access token's has",
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
