//! Request methods.

use super::headers::Headers;

/// Returns the method. Methods are case-sensitive, but some servers ignore case, so lower case is refused. TRACE
/// and TRACK are refused because the server echoes the request, including the credential.
///
/// # Errors
/// The reason why the method is refused.
pub fn method(headers: &Headers) -> Result<&str, &'static str> {
    let method = headers
        .text(":method")
        .ok_or("its method is missing or not UTF-8")?;
    if !is_accepted(method) {
        return Err("its method is not in upper case, or asks the server to echo the request");
    }
    Ok(method)
}

/// Returns whether requests with this method are accepted.
pub fn is_accepted(method: &str) -> bool {
    let is_upper = |byte: u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    !method.is_empty() && method.bytes().all(is_upper) && !matches!(method, "TRACE" | "TRACK")
}
