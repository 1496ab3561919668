//! Encoding of queries and forms (`application/x-www-form-urlencoded`). A space is encoded as `%20`, which is
//! valid in both.

/// Encodes fields as `name=value&…`. Escapes all characters except RFC 3986's unreserved ones.
pub fn encode(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        push(&mut text, name);
        text.push('=');
        push(&mut text, value);
    }
    text
}

/// Escapes one text.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    push(&mut escaped, text);
    escaped
}

fn push(to: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |half: u8| char::from(DIGITS.get(usize::from(half)).copied().unwrap_or(b'0'));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_are_escaped() {
        let fields = [
            ("scope", "https://graph.microsoft.com/.default"),
            ("client_secret", "a~b-c._d&e=f+g %é"),
        ];
        assert_eq!(
            encode(&fields),
            "scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&\
             client_secret=a~b-c._d%26e%3Df%2Bg%20%25%C3%A9"
        );
        assert_eq!(encode(&[]), "");
    }
}
