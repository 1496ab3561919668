//! The headers that repeat parts of the body (revision 2026-07-28, Streamable HTTP, "Standard Request Headers"). An
//! intermediary may act on them, so they must agree with the body.

use super::{Mcp, Message, RESPONSE};
use crate::decision::BodyUnavailable::{self, Ambiguous};
use crate::http::headers::Headers;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// The values of `Mcp-Method` and `Mcp-Name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    method: Option<Vec<u8>>,
    name: Option<Vec<u8>>,
    /// One of the headers is present more than once, or under another name.
    is_ambiguous: bool,
}

impl Declared {
    pub fn of(headers: &Headers) -> Self {
        let [method, name] = [METHOD, NAME].map(|name| headers.only(name));
        let value = |only: Option<&[u8]>| only.map(<[u8]>::to_vec);
        Self {
            is_ambiguous: method.is_err() || name.is_err(),
            method: method.ok().and_then(value),
            name: name.ok().and_then(value),
        }
    }

    /// Checks that the headers agree with the body.
    ///
    /// # Errors
    /// [`Ambiguous`] if they do not.
    pub fn agree_with(&self, mcp: &Mcp) -> Result<(), BodyUnavailable> {
        if self.is_ambiguous {
            return Err(Ambiguous(
                "Mcp-Method or Mcp-Name occurs more than once, or with `_` in its name",
            ));
        }
        match mcp {
            Mcp::Message(message) if !self.describes(message) => Err(Ambiguous(
                "Mcp-Method or Mcp-Name does not agree with the body",
            )),
            Mcp::Batch(_) if self.method.is_some() || self.name.is_some() => Err(Ambiguous(
                "Mcp-Method or Mcp-Name occurs together with a batch",
            )),
            _ => Ok(()),
        }
    }

    fn describes(&self, message: &Message) -> bool {
        let is_method =
            |own: &Vec<u8>| *message.method != *RESPONSE && **own == *message.method.as_bytes();
        let is_name = |own: &Vec<u8>| {
            let name = message.name.as_deref().map(str::as_bytes);
            name.is_some_and(|name| decoded(own).as_deref() == Some(name))
        };
        self.method.as_ref().is_none_or(is_method) && self.name.as_ref().is_none_or(is_name)
    }
}

/// Decodes a value ("Value Encoding"): `=?base64?…?=`, or the value itself. `None`: it is not valid Base64.
fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let encoded = value.strip_prefix(b"=?base64?");
    match encoded.and_then(|rest| rest.strip_suffix(b"?=")) {
        Some(encoded) => BASE64_STANDARD.decode(encoded).ok(),
        None => Some(value.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::read;
    use super::*;

    fn agrees(fields: &[(&str, &str)], body: &str) -> bool {
        let declared = Declared::of(&Headers::from_iter(fields.iter().copied()));
        declared.agree_with(&read(body.as_bytes()).unwrap()).is_ok()
    }

    #[test]
    fn headers_must_agree_with_the_body() {
        let call = r#"{"id":1,"method":"tools/call","params":{"name":"a_b","uri":"x"}}"#;
        let resource =
            r#"{"id":1,"method":"resources/read","params":{"uri":"file:///a","name":"x"}}"#;
        let unicode = r#"{"id":1,"method":"prompts/get","params":{"name":"gr\u00fc\u00df"}}"#;
        let list = r#"{"id":1,"method":"tools/list"}"#;
        let response = r#"{"id":1,"result":{}}"#;
        let method = |value| ("Mcp-Method", value);
        let name = |value| ("Mcp-Name", value);
        for (fields, body, expected) in [
            (&[][..], call, true),
            (&[method("tools/call"), name("a_b")], call, true),
            (&[name("a_b")], call, true),
            (&[name("=?base64?YV9i?=")], call, true),
            (&[name("=?base64?YV9i")], call, false),
            (&[name("=?base64?YV9?=")], call, false),
            (&[name("=?BASE64?YV9i?=")], call, false),
            (&[method("tools/list")], call, false),
            (&[method("Tools/Call")], call, false),
            (&[method("tools/call, tools/call")], call, false),
            (&[name("x")], call, false),
            (&[name("A_B")], call, false),
            (&[name("")], call, false),
            (&[method("tools/call"), method("tools/call")], call, false),
            (&[name("a_b"), name("a_b")], call, false),
            // Servers that pass headers as variables read them as the same header.
            (&[("mcp_method", "tools/list")], call, false),
            (&[("mcp_method", "tools/call")], call, false),
            (&[name("a_b"), ("mcp_name", "a_b")], call, false),
            (
                &[method("resources/read"), name("file:///a")],
                resource,
                true,
            ),
            (&[name("x")], resource, false),
            (&[name("=?base64?Z3LDvMOf?=")], unicode, true),
            (&[name("gr\u{fc}\u{df}")], unicode, true),
            (&[method("tools/list")], list, true),
            (&[method("tools/list"), name("a")], list, false),
            (&[name("")], list, false),
            (&[method("response")], response, false),
            (&[], response, true),
            (&[], "", true),
            (
                &[method("tools/call")],
                "[{\"method\":\"tools/call\"}]",
                false,
            ),
            (
                &[name("a")],
                "[{\"method\":\"tools/call\",\"params\":{\"name\":\"a\"}}]",
                false,
            ),
            (&[], "[{\"method\":\"tools/call\"}]", true),
        ] {
            assert_eq!(agrees(fields, body), expected, "{fields:?} {body}");
        }
    }
}
