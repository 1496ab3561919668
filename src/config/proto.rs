//! A strict parser of the wire format of `google.protobuf.Struct`, in which Envoy passes a configuration that is
//! plain YAML. Input that a serializer of this message never writes is an error.

use serde_json::{Map, Number, Value};
use std::fmt;

/// The nesting limit of serde_json.
const MAX_DEPTH: usize = 128;
/// Integers up to this value are exact in a double.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Why the bytes are not a valid Struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StructError {
    /// The bytes end inside a field.
    Truncated,
    /// An unknown field, a field of the wrong wire type, or a repeated field.
    Field {
        number: u64,
    },
    /// A string is not UTF-8.
    Text,
    /// An object has two members of this name.
    Duplicate {
        name: String,
    },
    /// A value has no kind.
    NoValue,
    /// A number cannot be represented in JSON: NaN or an infinity.
    NotFinite,
    TooDeep,
}

impl fmt::Display for StructError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end inside a field"),
            Self::Field { number } => write!(f, "field {number} is not allowed here"),
            Self::Text => f.write_str("a string is not UTF-8"),
            Self::Duplicate { name } => {
                write!(
                    f,
                    "{} appears twice in one object",
                    super::excerpt::Excerpt(name)
                )
            }
            Self::NoValue => f.write_str("a value is missing"),
            Self::NotFinite => f.write_str("a number is not finite"),
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH} levels"),
        }
    }
}

type Read<T> = Result<T, StructError>;

/// Reads one Struct. Numbers are doubles in the message; integral ones become integers.
///
/// # Errors
/// The first [`StructError`].
pub(super) fn read_struct(bytes: &[u8]) -> Read<Value> {
    object(bytes, MAX_DEPTH).map(Value::Object)
}

/// `Struct { map<string, Value> fields = 1; }`
fn object(bytes: &[u8], depth: usize) -> Read<Map<String, Value>> {
    let depth = depth.checked_sub(1).ok_or(StructError::TooDeep)?;
    let mut members = Map::new();
    for field in Fields(bytes) {
        let (name, value) = match field? {
            (1, Content::Bytes(entry)) => entry_of(entry, depth)?,
            (number, _) => return Err(StructError::Field { number }),
        };
        if members.contains_key(&name) {
            return Err(StructError::Duplicate { name });
        }
        members.insert(name, value);
    }
    Ok(members)
}

/// `Entry { string key = 1; Value value = 2; }`
fn entry_of(bytes: &[u8], depth: usize) -> Read<(String, Value)> {
    let (mut name, mut member) = (None, None);
    for field in Fields(bytes) {
        match field? {
            (1, Content::Bytes(key)) if name.is_none() => name = Some(text(key)?),
            (2, Content::Bytes(bytes)) if member.is_none() => member = Some(value(bytes, depth)?),
            (number, _) => return Err(StructError::Field { number }),
        }
    }
    // An empty string is the default, which serializers may omit.
    Ok((
        name.unwrap_or_default(),
        member.ok_or(StructError::NoValue)?,
    ))
}

/// `Value { oneof kind { null = 1; number = 2; string = 3; bool = 4; struct = 5; list = 6; } }`
fn value(bytes: &[u8], depth: usize) -> Read<Value> {
    let mut fields = Fields(bytes);
    let field = fields.next().ok_or(StructError::NoValue)??;
    let value = match field {
        (1, Content::Varint(0)) => Value::Null,
        (2, Content::Fixed64(bits)) => number(f64::from_bits(bits))?,
        (3, Content::Bytes(bytes)) => Value::String(text(bytes)?),
        (4, Content::Varint(bit @ (0 | 1))) => Value::Bool(bit == 1),
        (5, Content::Bytes(bytes)) => Value::Object(object(bytes, depth)?),
        (6, Content::Bytes(bytes)) => Value::Array(list(bytes, depth)?),
        (number, _) => return Err(StructError::Field { number }),
    };
    match fields.next() {
        None => Ok(value),
        Some(second) => Err(StructError::Field { number: second?.0 }),
    }
}

/// `ListValue { repeated Value values = 1; }`
fn list(bytes: &[u8], depth: usize) -> Read<Vec<Value>> {
    let depth = depth.checked_sub(1).ok_or(StructError::TooDeep)?;
    Fields(bytes)
        .map(|field| match field? {
            (1, Content::Bytes(bytes)) => value(bytes, depth),
            (number, _) => Err(StructError::Field { number }),
        })
        .collect()
}

fn text(bytes: &[u8]) -> Read<String> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| StructError::Text)
}

fn number(number: f64) -> Read<Value> {
    if number.fract() == 0.0 && number.abs() <= MAX_WHOLE {
        return Ok(Value::from(number as i64));
    }
    Number::from_f64(number)
        .map(Value::Number)
        .ok_or(StructError::NotFinite)
}

/// The content of a field, by wire type.
enum Content<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

/// Iterator over the fields of a message. It ends after the first error.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Read<(u64, Content<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Read<(u64, Content<'a>)> {
        let tag = self.varint()?;
        let content = match tag & 7 {
            0 => Content::Varint(self.varint()?),
            1 => Content::Fixed64(self.fixed64()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| StructError::Truncated)?;
                Content::Bytes(self.take(length)?)
            }
            _ => return Err(StructError::Field { number: tag >> 3 }),
        };
        Ok((tag >> 3, content))
    }

    fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(StructError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn fixed64(&mut self) -> Read<u64> {
        let bytes = self
            .take(8)?
            .try_into()
            .map_err(|_| StructError::Truncated)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Seven bits per byte, the lowest first; ten bytes hold 64 bits.
    fn varint(&mut self) -> Read<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(StructError::Truncated)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(StructError::Truncated)
    }
}

/// Writes the wire format in the same way as Envoy's protobuf library.
#[cfg(test)]
pub(super) mod write {
    use serde_json::Value;

    pub fn bytes_field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(content);
        out
    }

    pub fn object(value: &Value) -> Vec<u8> {
        let members = value.as_object().unwrap();
        members.iter().fold(Vec::new(), |mut out, (name, member)| {
            let mut entry = bytes_field(1, name.as_bytes());
            entry.extend(bytes_field(2, &any(member)));
            out.extend(bytes_field(1, &entry));
            out
        })
    }

    fn any(value: &Value) -> Vec<u8> {
        match value {
            Value::Null => vec![0x08, 0],
            Value::Bool(flag) => vec![0x20, u8::from(*flag)],
            Value::Number(number) => {
                let mut out = vec![0x11];
                out.extend(number.as_f64().unwrap().to_le_bytes());
                out
            }
            Value::String(text) => bytes_field(3, text.as_bytes()),
            Value::Object(_) => bytes_field(5, &object(value)),
            Value::Array(items) => {
                let items: Vec<u8> = items
                    .iter()
                    .flat_map(|item| bytes_field(1, &any(item)))
                    .collect();
                bytes_field(6, &items)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::write::{bytes_field, object as write_object};
    use super::*;
    use serde_json::json;

    #[test]
    fn struct_from_envoy_is_read() {
        let value = json!({
            "text": "é", "flag": true, "off": false, "none": null, "whole": 24576, "less": -3,
            "part": 0.5, "list": [1, [], {}, "x"], "deep": {"er": {"": 1}}, "long": "x".repeat(300),
        });
        assert_eq!(read_struct(&write_object(&value)).unwrap(), value);
        assert_eq!(read_struct(b"").unwrap(), json!({}));
        // Encoded by hand: {"a": 1}
        let bytes = b"\x0a\x0e\x0a\x01a\x12\x09\x11\0\0\0\0\0\0\xf0\x3f";
        assert_eq!(read_struct(bytes).unwrap(), json!({"a": 1}));
    }

    #[test]
    fn invalid_struct_is_refused() {
        let entry =
            |value: &[u8]| bytes_field(1, &[bytes_field(1, b"a"), bytes_field(2, value)].concat());
        let twice = [entry(&[0x20, 1]), entry(&[0x20, 1])].concat();
        for (bytes, error) in [
            (b"\x0a\x05a".to_vec(), StructError::Truncated),
            (b"\x0a".to_vec(), StructError::Truncated),
            (vec![0xff; 11], StructError::Truncated),
            (entry(&[0x11, 0]), StructError::Truncated),
            (bytes_field(2, b""), StructError::Field { number: 2 }),
            (entry(&[0x38, 0]), StructError::Field { number: 7 }),
            (entry(&[0x20, 2]), StructError::Field { number: 4 }),
            (entry(&[0x08, 1]), StructError::Field { number: 1 }),
            (entry(&[0x0d, 0, 0, 0, 0]), StructError::Field { number: 1 }),
            (entry(&[0x20, 1, 0x20, 1]), StructError::Field { number: 4 }),
            (
                [entry(&[0x20, 1]), vec![0]].concat(),
                StructError::Truncated,
            ),
            (entry(b"\x1a\x01\xff"), StructError::Text),
            (bytes_field(1, b"\x0a\x01\xff"), StructError::Text),
            (entry(b""), StructError::NoValue),
            (bytes_field(1, b"\x0a\x01a"), StructError::NoValue),
            (twice, StructError::Duplicate { name: "a".into() }),
            (
                entry(&[&[0x11][..], &f64::NAN.to_le_bytes()].concat()),
                StructError::NotFinite,
            ),
            (
                entry(&[&[0x11][..], &f64::INFINITY.to_le_bytes()].concat()),
                StructError::NotFinite,
            ),
        ] {
            assert_eq!(read_struct(&bytes), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused() {
        let lists = (0..1000).fold(vec![0x20, 1], |inner, _| {
            bytes_field(6, &bytes_field(1, &inner))
        });
        let entry = bytes_field(1, &[bytes_field(1, b"a"), bytes_field(2, &lists)].concat());
        assert_eq!(read_struct(&entry), Err(StructError::TooDeep));
    }
}
