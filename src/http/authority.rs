//! The host of a request.

use super::headers::Headers;
use std::borrow::Cow;

/// Returns the host of a request in lower case, without port. Empty if the request has no host, as in HTTP/1.0.
///
/// # Errors
/// The reason why the host is ambiguous. Proxies choose a route by the unmodified authority, so an authority
/// that is not exactly `host` or `host:port` could be routed to an upstream other than the one that rules expect for
/// the host.
pub fn host(headers: &Headers) -> Result<Cow<'_, str>, &'static str> {
    let mut authorities = headers.all(":authority").chain(headers.all("host"));
    let Some(authority) = authorities.next() else {
        return Ok(Cow::Borrowed(""));
    };
    if authorities.any(|other| other != authority) {
        return Err("it has two different hosts");
    }
    let authority = std::str::from_utf8(authority).map_err(|_| MALFORMED)?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(MALFORMED)?;
            // Zone ids are refused, because they are local to the sender.
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| MALFORMED)?;
            (format!("[{address}]").into(), port)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            if !is_name(host) {
                return Err(MALFORMED);
            }
            (lowercase(host), port)
        }
    };
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(host),
        Some(port) if is_port(port) => Ok(host),
        _ => Err(MALFORMED),
    }
}

fn lowercase(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        name.into()
    }
}

const MALFORMED: &str = "its authority is not exactly a host, or a host and a port";

/// Returns whether `host` is a DNS name or an IPv4 address. A trailing dot is refused, because a proxy that
/// does not strip it (`strip_trailing_host_dot`) finds no route for the host.
fn is_name(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    host.split('.')
        .all(|label| !label.is_empty() && label.bytes().all(plain))
}

/// Returns whether `port` is 1 to 65535, without a sign or leading zeros.
fn is_port(port: &str) -> bool {
    port.len() <= 5
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && !port.starts_with('0')
        && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authority: &str) -> Result<String, &'static str> {
        host(&Headers::from_iter([(":authority", authority)])).map(Cow::into_owned)
    }

    #[test]
    fn host_is_lower_case_without_port() {
        for (authority, expected) in [
            ("Llama.Contoso.com:443", "llama.contoso.com"),
            ("a.b:1", "a.b"),
            ("a.b:65535", "a.b"),
            ("team_a.x-y", "team_a.x-y"),
            ("10.0.0.1:8080", "10.0.0.1"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("[0:0::1]", "[::1]"),
        ] {
            assert_eq!(read(authority).as_deref(), Ok(expected), "{authority}");
        }
    }

    #[test]
    fn authority_that_is_not_exactly_host_and_port_is_ambiguous() {
        for authority in [
            "",
            ":",
            ":80",
            "a.b:",
            "a.b.",
            "a.b.:80",
            "a.b..",
            ".a.b",
            "a..b",
            "a.b:0",
            "a.b:00443",
            "a.b:65536",
            "a.b:99999999999",
            "a.b:+1",
            "a.b:80x",
            "a.b:80:90",
            "a.b: 80",
            " a.b",
            "a.b ",
            "a.b,c.d",
            "user@a.b",
            "user:80@a.b",
            "a.b/",
            "a.b/x",
            "a.b?x",
            "a.b#x",
            "a.b\\c",
            "a%2eb",
            "a.b\t",
            "\u{fc}.b",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[::1]80",
            "[::1%25eth0]",
            "[a.b]",
            "[]",
        ] {
            assert_eq!(read(authority), Err(MALFORMED), "{authority:?}");
        }
        let mut bytes = Headers::default();
        bytes.push(b":authority", b"a\xff.b");
        assert_eq!(host(&bytes), Err(MALFORMED));
    }

    #[test]
    fn host_header_is_used_without_authority_and_must_not_differ() {
        let of = |fields: &[(&str, &str)]| {
            host(&Headers::from_iter(fields.iter().copied())).map(Cow::into_owned)
        };
        assert_eq!(of(&[("host", "A.b")]).as_deref(), Ok("a.b"));
        assert_eq!(
            of(&[(":authority", "a"), ("host", "a")]).as_deref(),
            Ok("a")
        );
        assert!(of(&[(":authority", "a"), ("host", "b")]).is_err());
        assert!(of(&[("host", "a"), ("host", "b")]).is_err());
        assert_eq!(of(&[]).as_deref(), Ok(""));
    }
}
