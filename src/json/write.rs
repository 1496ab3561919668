//! A streaming JSON writer for output of every request. Members are written in call order; nothing is buffered,
//! looked up or sorted.
//!
//! The output is one line. Characters that could end the line, move a cursor or reverse the text direction are
//! escaped.

use crate::text::is_invisible;
use serde_json::{Map, Value};

/// A writer of one JSON object.
#[derive(Debug)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Begins an object. `capacity` is its approximate size in bytes.
    pub fn object(capacity: usize) -> Self {
        let mut text = Vec::with_capacity(capacity);
        text.push(b'{');
        Self(text)
    }

    pub fn finish(mut self) -> String {
        self.0.push(b'}');
        // Only UTF-8 was written.
        String::from_utf8(self.0).unwrap_or_default()
    }

    pub fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.push_text(text);
    }

    pub fn text_or_null(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(name, text),
            None => self.null(name),
        }
    }

    /// Writes bytes as text in hexadecimal.
    pub fn hex<const N: usize>(&mut self, name: &str, bytes: &[u8; N]) {
        self.name(name);
        self.0.push(b'"');
        let digits = bytes.map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 15)]);
        self.0.extend_from_slice(digits.as_flattened());
        self.0.push(b'"');
    }

    pub fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.push_number(number);
    }

    pub fn number_or_null(&mut self, name: &str, number: Option<u64>) {
        match number {
            Some(number) => self.number(name, number),
            None => self.null(name),
        }
    }

    pub fn flag(&mut self, name: &str, is_set: bool) {
        self.name(name);
        self.push(if is_set { "true" } else { "false" });
    }

    pub fn null(&mut self, name: &str) {
        self.name(name);
        self.push("null");
    }

    /// Writes a member whose value is an object; `members` writes the object's members.
    pub fn nested(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.push_object(members);
    }

    /// Writes a member whose value is an array of objects; `members` writes the members of each object.
    pub fn list<T>(&mut self, name: &str, items: &[T], members: impl Fn(&mut Self, &T)) {
        self.name(name);
        self.0.push(b'[');
        for item in items {
            self.separate();
            self.push_object(|writer| members(writer, item));
        }
        self.0.push(b']');
    }

    /// Writes a member of any value.
    pub fn value(&mut self, name: &str, value: &Value) {
        self.name(name);
        self.push_value(value);
    }

    /// Writes a member whose value is already well-formed JSON.
    pub fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.push(json);
    }

    /// Writes a member whose value is any object.
    pub fn members(&mut self, name: &str, members: &Map<String, Value>) {
        self.name(name);
        self.push_members(members);
    }

    fn name(&mut self, name: &str) {
        self.separate();
        self.0.push(b'"');
        self.push(name);
        self.0.push(b'"');
        self.0.push(b':');
    }

    /// Writes a comma, unless the next part is the first.
    fn separate(&mut self) {
        if !matches!(self.0.last(), Some(b'{' | b'[')) {
            self.0.push(b',');
        }
    }

    fn push_object(&mut self, members: impl FnOnce(&mut Self)) {
        self.0.push(b'{');
        members(self);
        self.0.push(b'}');
    }

    fn push_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.push_text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.push(&value.to_string()),
            Value::Array(items) => {
                self.0.push(b'[');
                for item in items {
                    self.separate();
                    self.push_value(item);
                }
                self.0.push(b']');
            }
            Value::Object(members) => self.push_members(members),
        }
    }

    fn push_members(&mut self, members: &Map<String, Value>) {
        self.push_object(|writer| {
            for (name, value) in members {
                writer.separate();
                writer.push_text(name);
                writer.0.push(b':');
                writer.push_value(value);
            }
        });
    }

    fn push_text(&mut self, text: &str) {
        let plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        self.0.push(b'"');
        if text.bytes().all(plain) {
            self.push(text);
        } else {
            text.chars().for_each(|c| self.push_escaped(c));
        }
        self.0.push(b'"');
    }

    fn push_escaped(&mut self, c: char) {
        match c {
            '"' => self.push("\\\""),
            '\\' => self.push("\\\\"),
            '\u{8}' => self.push("\\b"),
            '\t' => self.push("\\t"),
            '\n' => self.push("\\n"),
            '\u{c}' => self.push("\\f"),
            '\r' => self.push("\\r"),
            c if is_invisible(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    self.push(&format!("\\u{unit:04x}"));
                }
            }
            c => self.push(c.encode_utf8(&mut [0; 4])),
        }
    }

    fn push_number(&mut self, number: u64) {
        if number > 9 {
            self.push_number(number / 10);
        }
        self.0.push(b'0' + (number % 10) as u8);
    }

    fn push(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }
}

const fn hex_digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0' + value,
        _ => b'a' - 10 + value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::values;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn written_values_round_trip(value in values(), text: String, number: u64) {
            let mut writer = Writer::object(0);
            let members = Map::from_iter([("value".to_owned(), value)]);
            writer.members("members", &members);
            writer.text("text", &text);
            writer.number("number", number);
            let written = writer.finish();
            prop_assert!(!written.contains(is_invisible), "{}", written);
            let read: Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(read, json!({"members": members, "text": text, "number": number}));
        }
    }

    #[test]
    fn objects_nest_in_objects_and_arrays() {
        let mut writer = Writer::object(0);
        writer.list("none", &[], |_, _: &()| {});
        writer.list("two", &[1, 2], |writer, item| writer.number("n", *item));
        writer.nested("empty", |_| {});
        writer.nested("one", |writer| writer.text_or_null("a", None));
        writer.number_or_null("b", None);
        writer.hex("c", &[0x0f, 0xa9]);
        let expected = r#"{"none":[],"two":[{"n":1},{"n":2}],"empty":{},"one":{"a":null},"b":null,"c":"0fa9"}"#;
        assert_eq!(writer.finish(), expected);
    }

    #[test]
    fn plain_text_is_written_like_serde_json_writes_it() {
        for text in [
            "",
            "plain",
            "\"\\/",
            "\u{8}\t\n\u{c}\r",
            "\0\u{1b}\u{1f}",
            "é漢🦀",
        ] {
            let mut writer = Writer::object(0);
            writer.text("t", text);
            assert_eq!(writer.finish(), json!({ "t": text }).to_string());
        }
    }
}
