//! Header fields of a request or a response.

use std::ops::Range;

/// The ranges of a field's name and value in a buffer.
pub type Field = (Range<usize>, Range<usize>);

/// Header fields in their original order, in one buffer. Values are bytes, because they need not be UTF-8. They
/// may contain the caller's token; the module's allocator wipes freed memory.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    /// No content and no trailers follow.
    pub is_all: bool,
}

impl Headers {
    /// Takes ownership of a buffer that contains the fields. The buffer is not copied, because it may contain
    /// the caller's token.
    pub fn over(mut bytes: Vec<u8>, fields: Vec<Field>) -> Self {
        for (name, _) in &fields {
            if let Some(name) = bytes.get_mut(name.clone()) {
                name.make_ascii_lowercase();
            }
        }
        Self {
            bytes,
            fields,
            is_all: false,
        }
    }

    /// Appends a field.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend(name.iter().map(u8::to_ascii_lowercase));
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.fields.push((start..middle, middle..self.bytes.len()));
    }

    /// Iterates over all fields, with names in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(name, value)| {
            let slice = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
            (slice(name), slice(value))
        })
    }

    /// Returns all values of a field. `name` must be in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(own, _)| *own == name.as_bytes())
            .map(|(_, value)| value)
    }

    /// Returns the first value of a field. `name` must be in lower case.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        for (own, value) in &self.fields {
            // Most names differ in length, which is cheap to compare.
            if own.len() == name.len() && self.bytes.get(own.clone()) == Some(name.as_bytes()) {
                return self.bytes.get(value.clone());
            }
        }
        None
    }

    pub fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// Returns the value of a field that may occur only once. `name` must be in lower case.
    ///
    /// # Errors
    /// The field occurs several times, or under another name that [`is_same_name`] equates with it.
    pub fn only(&self, name: &str) -> Result<Option<&[u8]>, NotOne> {
        let mut found = self.iter().filter(|(own, _)| is_same_name(own, name));
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some((own, value)), None) if own == name.as_bytes() => Ok(Some(value)),
            (Some(_), None) => Err(NotOne::OtherName),
            (Some(_), Some(_)) => Err(NotOne::Several),
        }
    }

    /// Returns the first value of a field, if it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.first(name)?).ok()
    }
}

/// Why servers may differ on the value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOne {
    Several,
    /// The field's name differs only in `_`.
    OtherName,
}

/// Whether two header names are equal for a server that treats `_` as `-`: servers that pass headers as variables (CGI, WSGI) do.
pub fn is_same_name(own: &[u8], name: &str) -> bool {
    own.len() == name.len()
        && own
            .iter()
            .zip(name.bytes())
            .all(|(own, name)| fold(*own) == fold(name))
}

/// Returns `-` for `_`.
pub const fn fold(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte }
}

/// The framing of a request.
impl Headers {
    /// Returns whether the data after the headers belongs to another protocol. A GET with `upgrade` has no content (RFC
    /// 9110 §7.8) unless its headers declare content.
    pub fn begin_upgrade(&self) -> bool {
        self.text(":method") == Some("GET")
            && self.ask_for_upgrade()
            && !self.has("transfer-encoding")
            && self.all("content-length").all(|value| value == b"0")
    }

    /// Returns whether the request asks to switch to another protocol (RFC 9110 §7.8). Hosts pass the extended CONNECT
    /// of HTTP/2 and HTTP/3 in the same form.
    pub fn ask_for_upgrade(&self) -> bool {
        let is_upgrade = |value: &[u8]| {
            let mut options = value.split(|byte| *byte == b',');
            options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        };
        self.has("upgrade") && self.all("connection").any(is_upgrade)
    }

    /// Returns whether the headers declare that the request has no content.
    pub fn declare_no_content(&self) -> bool {
        let mut lengths = self.all("content-length");
        lengths.next() == Some(b"0") && lengths.next().is_none() && !self.has("transfer-encoding")
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(fields: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upgrade_without_framed_content_begins_an_upgrade() {
        let get = [(":method", "GET"), ("connection", "keep-alive, Upgrade")];
        let websocket = ("upgrade", "websocket");
        let check =
            |fields: &[(&str, &str)]| Headers::from_iter(fields.iter().copied()).begin_upgrade();
        assert!(check(&[get[0], get[1], websocket]));
        assert!(check(&[get[0], get[1], websocket, ("content-length", "0")]));
        for fields in [
            &[get[0], get[1]][..],
            &[get[0], websocket],
            &[get[0], ("connection", "upgraded"), websocket],
            &[(":method", "POST"), get[1], websocket],
            &[get[0], get[1], websocket, ("content-length", "5")],
            &[get[0], get[1], websocket, ("transfer-encoding", "chunked")],
        ] {
            assert!(!check(fields), "{fields:?}");
        }
    }

    #[test]
    fn only_one_content_length_of_zero_declares_no_content() {
        let zero = ("content-length", "0");
        let check = |fields: &[(&str, &str)]| {
            Headers::from_iter(fields.iter().copied()).declare_no_content()
        };
        assert!(check(&[zero]));
        for fields in [
            &[][..],
            &[zero, zero],
            &[("content-length", "00")],
            &[("content-length", "5")],
            &[zero, ("transfer-encoding", "chunked")],
        ] {
            assert!(!check(fields), "{fields:?}");
        }
    }

    #[test]
    fn headers_are_read_from_a_buffer() {
        let bytes = b"..X-A\0One\0x-b\0\xff".to_vec();
        let headers = Headers::over(bytes, vec![(2..5, 6..9), (10..13, 14..15), (20..30, 0..2)]);
        let fields: Vec<(&[u8], &[u8])> = headers.iter().collect();
        let expected: [(&[u8], &[u8]); 3] = [(b"x-a", b"One"), (b"x-b", b"\xff"), (b"", b"..")];
        assert_eq!(fields, expected);
    }

    #[test]
    fn headers_keep_duplicates_and_bytes() {
        let mut headers = Headers::from_iter([("X-A", "1"), ("x-a", "2")]);
        headers.push(b"x-b", b"\xff");
        assert_eq!(headers.all("x-a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(headers.text("x-b"), None);
        assert!(headers.has("x-b") && !headers.has("x-c"));
    }
}
