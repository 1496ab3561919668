//! Reads the bytes of the plugin configuration, in either of two formats, into one JSON value.
//! A `StringValue`, and everything that Istio, Envoy Gateway and Kong pass, is JSON text. Plain YAML in Envoy arrives
//! in the wire format of `google.protobuf.Struct`.

use super::problem::Problem;
use super::proto;
use serde_json::Value;

/// The tag of a map entry's value. Every Struct with a member contains it. JSON never does: it forbids control
/// characters other than tabs and line breaks, even in strings.
/// The first byte does not distinguish the formats: a Struct begins with 0x0a, which is also a line break, and `{`
/// follows if its first entry is 123 bytes long.
const VALUE_TAG: u8 = 0x12;

/// Reads either format.
///
/// # Errors
/// [`Problem::Empty`], [`Problem::NotJson`] or [`Problem::NotStruct`].
pub(super) fn read(bytes: &[u8]) -> Result<Value, Problem> {
    let text = bytes.trim_ascii();
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    match bytes.contains(&VALUE_TAG) {
        // White space around a message is not trimmed, because serializers write none.
        true => proto::read_struct(bytes).map_err(Problem::NotStruct),
        false => {
            crate::json::parse_strict(text).map_err(|error| Problem::NotJson(error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::proto::{StructError, write};
    use super::*;
    use serde_json::json;

    #[test]
    fn both_formats_are_read() {
        let value = json!({"token": {"max_bytes": 24576, "types": ["JWT"]}, "usage": true});
        assert_eq!(read(value.to_string().as_bytes()).unwrap(), value);
        assert_eq!(
            read(format!("\n \t{value:#}\r\n").as_bytes()).unwrap(),
            value
        );
        assert_eq!(read(&write::object(&value)).unwrap(), value);
    }

    #[test]
    fn struct_that_begins_like_json_is_read_as_struct() {
        // Every length of the first entry, including those that equal white space or `{`.
        for length in 1..300 {
            for name in ["token", "endpoints", "revocation", "credentials", "{", "\""] {
                let value = json!({name: "x".repeat(length)});
                let bytes = write::object(&value);
                assert_eq!(read(&bytes).unwrap(), value, "{bytes:?}");
            }
        }
        let bytes = write::object(&json!({"revocation": "x".repeat(107)}));
        assert!(bytes.starts_with(b"\n{\n\nrevocation"), "{bytes:?}");
    }

    #[test]
    fn other_input_is_refused() {
        for empty in [&b""[..], b" \n"] {
            assert_eq!(read(empty), Err(Problem::Empty));
        }
        for text in [
            &b"{"[..],
            b"{\"a\":1,\"a\":2}",
            b"issuers: []",
            b"{} {}",
            b"\xff",
            b"{\"a\":\"\x01\"}",
        ] {
            assert!(matches!(read(text), Err(Problem::NotJson(_))), "{text:?}");
        }
        for bytes in [
            &b"\x12\x00"[..],
            b"\x0a\x03\x12\x01\x20",
            b"{\"a\":\"\x12\"}",
        ] {
            assert!(
                matches!(read(bytes), Err(Problem::NotStruct(_))),
                "{bytes:?}"
            );
        }
        let trailing = [write::object(&json!({"a": 1})), b"\n".to_vec()].concat();
        assert_eq!(
            read(&trailing),
            Err(Problem::NotStruct(StructError::Truncated))
        );
    }
}
