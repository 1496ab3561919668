//! Request methods.

use super::headers::Headers;

/// The method, if every server reads the same in it: methods are compared by case, but some servers
/// fold them, and TRACE and TRACK echo the request with the credential in it.
pub fn method(headers: &Headers) -> Result<String, &'static str> {
    let method = headers.text(":method").ok_or("it has no readable method")?;
    if !is_read(method) {
        return Err("its method is not in upper case, or asks the server to echo the request");
    }
    Ok(method.to_owned())
}

/// Whether requests with that method are judged at all.
pub fn is_read(method: &str) -> bool {
    let is_upper = |byte: u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    !method.is_empty() && method.bytes().all(is_upper) && !matches!(method, "TRACE" | "TRACK")
}
