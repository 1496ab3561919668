//! Sessions with MCP servers (MCP 2025-11-25, "Session Management"). A server chooses a session's id and recognizes the session by the id
//! alone. Therefore the caller gets the id with a MAC over the id and the caller's identity, so that only this caller
//! can use the session. The filter keeps no state: every worker and every gateway with the same secrets accepts the id.

use crate::http::headers::{Headers, NotOne};
use crate::sharing::mac::Mac;
use crate::token::claims::Claims;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

pub const HEADER: &str = "mcp-session-id";
/// The maximum length of a server's id, in bytes.
const MAX_ID: usize = 1024;
/// Separates the id from the MAC. A MAC does not contain this character.
const SEPARATOR: char = '.';

/// The identity that a session belongs to: a caller, or all callers that a rule permits without a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// Returns the owner of a request's session; `None`: the request is permitted without a token.
    pub fn of(caller: Option<&Claims>) -> Self {
        let identity = caller.map(|caller| json!([caller.issuer, caller.tenant, caller.object]));
        Self(json!(["mcp session", identity]).to_string())
    }
}

/// Returns the session id of a request or response.
///
/// # Errors
/// The headers contain several ids, or a header that a server could mistake for an id.
pub fn id(headers: &Headers) -> Result<Option<&[u8]>, &'static str> {
    headers.only(HEADER).map_err(|error| match error {
        NotOne::Several => "it has several Mcp-Session-Id headers",
        NotOne::OtherName => "a header's name differs from mcp-session-id only in `_`",
    })
}

/// Returns the id that a caller gets for a server's id. `None`: the id is too long, or contains characters other than
/// visible ASCII.
pub fn bind(mac: &Mac, owner: &Owner, id: &[u8]) -> Option<String> {
    let is_visible = id.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(id).ok()?;
    if id.is_empty() || id.len() > MAX_ID || !is_visible {
        return None;
    }
    let closed = mac.close(&owner.0, id.to_vec());
    let tag = URL_SAFE_NO_PAD.encode(closed.get(id.len()..)?);
    Some(format!("{text}{SEPARATOR}{tag}"))
}

/// Returns the server's id for an id that was issued to this caller.
pub fn open<'i>(mac: &Mac, owner: &Owner, bound: &'i [u8]) -> Option<&'i str> {
    let (id, tag) = std::str::from_utf8(bound).ok()?.rsplit_once(SEPARATOR)?;
    if id.len() > MAX_ID {
        return None;
    }
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    let closed = [id.as_bytes(), &tag].concat();
    let opened = mac.open(&owner.0, &closed)?;
    (opened == id.as_bytes()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        Owner(name.to_owned())
    }

    fn mac(secret: &str) -> Mac {
        Mac::of([secret.as_bytes()])
    }

    #[test]
    fn id_is_accepted_only_from_its_owner_with_the_same_key() {
        let id = "1868a90c-5a6e.x";
        let bound = bind(&mac("a"), &owner("ada"), id.as_bytes()).unwrap();
        assert!(bound.starts_with(id) && bound.bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(open(&mac("a"), &owner("ada"), bound.as_bytes()), Some(id));
        assert_eq!(open(&mac("a"), &owner("eve"), bound.as_bytes()), None);
        assert_eq!(open(&mac("b"), &owner("ada"), bound.as_bytes()), None);
        assert_eq!(open(&mac("a"), &owner("ada"), id.as_bytes()), None, "bare");
        for at in 0..bound.len() {
            assert_eq!(
                open(&mac("a"), &owner("ada"), &bound.as_bytes()[..at]),
                None
            );
            let mut forged = bound.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(&mac("a"), &owner("ada"), &forged), None, "byte {at}");
        }
        for odd in [
            &b""[..],
            b".",
            b"\xff.\xff",
            b"a.b.c",
            format!("{bound}A").as_bytes(),
        ] {
            assert_eq!(open(&mac("a"), &owner("ada"), odd), None);
        }
        // A byte of the MAC does not become a part of the id.
        let tag = URL_SAFE_NO_PAD
            .decode(bound.rsplit_once(SEPARATOR).unwrap().1)
            .unwrap();
        let moved = [
            id.as_bytes(),
            &tag[..1],
            b".",
            URL_SAFE_NO_PAD.encode(&tag[1..]).as_bytes(),
        ]
        .concat();
        assert_eq!(open(&mac("a"), &owner("ada"), &moved), None);
    }

    #[test]
    fn id_of_a_server_is_short_and_visible() {
        let bind = |id: &[u8]| bind(&mac("a"), &owner("ada"), id);
        assert!(bind(&[b'a'; MAX_ID]).is_some());
        for odd in [
            &b""[..],
            &[b'a'; MAX_ID + 1],
            b"a b",
            b"a\t",
            b"\xc3\xa4",
            b"\x7f",
        ] {
            assert_eq!(bind(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn owner_is_issuer_tenant_and_object() {
        let claims = |issuer: &str, tenant: Option<&str>, object: &str| {
            let mut claims = crate::token::claims::tests::anyone();
            claims.issuer = issuer.into();
            claims.tenant = tenant.map(Into::into);
            claims.object = object.into();
            Owner::of(Some(&claims))
        };
        let one = claims("a", Some("t"), "o");
        assert_eq!(claims("a", Some("t"), "o"), one);
        let others = [
            claims("b", Some("t"), "o"),
            claims("a", Some("u"), "o"),
            claims("a", None, "o"),
            claims("a", Some("t"), "p"),
            claims("a", Some("t\",\"o"), ""),
            Owner::of(None),
        ];
        for other in others {
            assert_ne!(other, one);
        }
    }

    #[test]
    fn several_or_misspelled_headers_are_refused() {
        let read = |fields: &[(&str, &str)]| {
            let headers = Headers::from_iter(fields.iter().copied());
            id(&headers).map(|id| id.map(<[u8]>::to_vec))
        };
        assert_eq!(read(&[("accept", "a")]), Ok(None));
        assert_eq!(read(&[("Mcp-Session-Id", "a")]), Ok(Some(b"a".to_vec())));
        for odd in [
            &[("mcp-session-id", "a"), ("mcp-session-id", "a")][..],
            &[("mcp-session-id", "a"), ("mcp_session-id", "b")],
            &[("mcp_session_id", "a")],
        ] {
            assert!(read(odd).is_err());
        }
    }
}
