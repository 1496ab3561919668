//! Normalization of request paths.

use std::borrow::Cow;

/// Returns the path of a request target as rules match it: without query, percent-decoded once.
///
/// # Errors
/// The reason why the path is ambiguous. A path that a rule's pattern and the upstream's router could read differently
/// is refused, not corrected.
pub fn normalize(target: &str) -> Result<Cow<'_, str>, &'static str> {
    if target == "*" {
        return Ok(target.into());
    }
    if !target.starts_with('/') {
        return Err("the path does not begin with a slash");
    }
    if target.contains('#') {
        return Err("the path contains a fragment");
    }
    let path = target.split('?').next().unwrap_or_default();
    if path.contains('\\') {
        return Err("the path contains a backslash");
    }
    let decoded = decode_once(path)?;
    if decoded.as_bytes().windows(2).any(|pair| pair == b"//") {
        return Err("the path contains an empty segment");
    }
    for segment in decoded.split('/') {
        match segment {
            "." | ".." => return Err("the path contains a dot segment"),
            _ if segment.starts_with("..;") || segment.starts_with(".;") => {
                return Err("the path contains a dot segment with parameters");
            }
            _ => {}
        }
    }
    Ok(decoded)
}

fn decode_once(path: &str) -> Result<Cow<'_, str>, &'static str> {
    let is_plain = |byte: u8| byte != b'%' && !byte.is_ascii_control();
    if path.bytes().all(is_plain) {
        return Ok(path.into());
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'%' => {
                let digit = |byte: Option<u8>| (byte? as char).to_digit(16);
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let (Some(high), Some(low)) = (high, low) else {
                    return Err("the path contains an invalid percent escape");
                };
                match (high * 16 + low) as u8 {
                    b'/' | b'\\' => return Err("the path contains an encoded slash"),
                    decoded => decoded,
                }
            }
            byte => byte,
        };
        if decoded.is_ascii_control() {
            return Err("the path contains a control character");
        }
        bytes.push(decoded);
    }
    let decoded = String::from_utf8(bytes).map_err(|_| "the path is not UTF-8")?;
    Ok(decoded.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unambiguous_path_is_decoded_without_query() {
        for (target, path) in [
            ("/v1/models", "/v1/models"),
            ("/v1/models?x=/../", "/v1/models"),
            ("/v1/mo%64els", "/v1/models"),
            ("/hf-inference/models/a/b..c", "/hf-inference/models/a/b..c"),
            ("/%E2%82%AC", "/€"),
            ("/a%20b", "/a b"),
            ("/a%252fb", "/a%2fb"),
            ("/", "/"),
            ("*", "*"),
        ] {
            assert_eq!(normalize(target).as_deref(), Ok(path), "{target}");
        }
    }

    #[test]
    fn ambiguous_path_is_refused() {
        for target in [
            "",
            "v1",
            "/../x",
            "/a/..",
            "/a/./b",
            "/a//b",
            "//a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%0d%0a",
            "/a%7f",
            "/a/..;x=1/b",
            "/a%2e%2e/../b",
            "/%2e%2e/b",
            "/%2e",
            "/a%",
            "/a%4",
            "/a%zz",
            "/%ff",
            "/a#b",
            "/.;/a",
            "/a\tb",
        ] {
            assert!(normalize(target).is_err(), "{target:?}");
        }
    }
}
