//! Callouts (calls of the filter to other services) and their answers. The host shell makes the calls.

pub mod form;

use crate::secret::Secret;
use std::time::Duration;
use zeroize::Zeroize;

/// The destination of a callout.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// The Envoy cluster, or `host:port` on Kong.
    pub cluster: String,
    /// `https` or `http`.
    pub scheme: &'static str,
    /// The host, and the port if the URI has one.
    pub authority: String,
    /// The path and query, beginning with `/`.
    pub path: String,
}

/// Omits the query, because it may contain the state of an earlier answer.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        let Self {
            cluster,
            scheme,
            authority,
            ..
        } = self;
        write!(f, "Target({cluster}: {scheme}://{authority}{path})")
    }
}

/// The reason why a text is not a valid callout URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriError {
    /// The scheme is neither `https://` nor `http://`.
    Scheme,
    /// The host is missing, user information is present, or the port is not a valid number.
    Authority,
    /// The URI contains a fragment, a space, or a character that must be escaped.
    Character,
}

impl std::fmt::Display for UriError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Scheme => "must begin with https:// or http://",
            Self::Authority => {
                "must have a host, with an optional numeric port and no user information"
            }
            Self::Character => "must contain only URI characters (RFC 3986) and no fragment",
        })
    }
}

impl Target {
    /// Splits an absolute `http` or `https` URI (RFC 3986).
    ///
    /// # Errors
    /// [`UriError`] for the part that is invalid.
    pub fn parse(cluster: &str, uri: &str) -> Result<Self, UriError> {
        let (scheme, rest) = match (uri.strip_prefix("https://"), uri.strip_prefix("http://")) {
            (Some(rest), _) => ("https", rest),
            (_, Some(rest)) => ("http", rest),
            _ => return Err(UriError::Scheme),
        };
        let printable = |c: char| c.is_ascii_graphic() && !"#\"<>\\^`{|}".contains(c);
        if !rest.chars().all(printable) {
            return Err(UriError::Character);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !is_authority(authority) {
            return Err(UriError::Authority);
        }
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Self {
            cluster: cluster.to_owned(),
            scheme,
            authority: authority.to_ascii_lowercase(),
            path,
        })
    }
}

fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    !host.is_empty()
        && !host.contains('@')
        && (host.starts_with('[') == host.contains(':'))
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// One request to make.
#[derive(Clone, PartialEq, Eq)]
pub struct Callout {
    pub target: Target,
    pub method: &'static str,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub timeout: Duration,
}

/// Omits header values and the body, because they may contain secrets.
impl std::fmt::Debug for Callout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Callout")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

impl Drop for Callout {
    fn drop(&mut self) {
        self.headers
            .iter_mut()
            .for_each(|(_, value)| value.zeroize());
        self.body.zeroize();
    }
}

/// Prefers JSON but accepts any media type. Answers are parsed regardless of their media type, and some servers answer
/// 406 if the request does not accept the media type that they offer (kube-apiserver's keys are
/// `application/jwk-set+json`).
const ACCEPT: &str = "application/json, */*;q=0.1";

impl Callout {
    /// Creates a GET that accepts any media type and prefers JSON.
    pub fn get(target: Target, timeout: Duration) -> Self {
        Self {
            target,
            method: "GET",
            headers: vec![("accept".into(), ACCEPT.into())],
            body: Vec::new(),
            timeout,
        }
    }

    /// Creates a POST that accepts any media type and prefers JSON.
    pub fn post(target: Target, content_type: &str, body: Vec<u8>, timeout: Duration) -> Self {
        let mut callout = Self::get(target, timeout).header("content-type", content_type);
        callout.method = "POST";
        callout.body = body;
        callout
    }

    /// Creates a POST of a form, as token endpoints require (RFC 6749 §4.4.2).
    pub fn form(target: Target, fields: &[(&str, &str)], timeout: Duration) -> Self {
        let body = form::encode(fields).into_bytes();
        Self::post(target, "application/x-www-form-urlencoded", body, timeout)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a bearer token.
    pub fn bearer(mut self, token: &Secret) -> Self {
        let value = format!("Bearer {}", token.expose());
        self.headers.push(("authorization".into(), value));
        self
    }
}

/// The result of a callout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A complete response with any status.
    Response { status: u16, body: Vec<u8> },
    /// No complete response: the call was refused, reset, timed out or could not be started.
    Failed(CalloutError),
}

impl Answer {
    /// Creates the answer for a complete response. `retry_after` is the value of the header with this name. A response
    /// with status 429 or 503 and a delay (RFC 9110 §10.2.3) is [`CalloutError::Busy`].
    pub fn of(status: u16, retry_after: Option<&[u8]>, body: Vec<u8>) -> Self {
        let busy = matches!(status, 429 | 503);
        match retry_after.filter(|_| busy).and_then(read_pause) {
            Some(pause) => Self::Failed(CalloutError::Busy { status, pause }),
            None => Self::Response { status, body },
        }
    }

    /// Returns whether the response has a status below 300.
    pub fn is_good(&self) -> bool {
        self.status().is_some_and(|status| status < 300)
    }

    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Response { status, .. } => Some(*status),
            Self::Failed(_) => None,
        }
    }
}

/// Reads a delay in seconds. The other form, a date, is not used by the services that the filter calls.
fn read_pause(value: &[u8]) -> Option<Duration> {
    let secs = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs).min(LONGEST_PAUSE))
}

/// The maximum delay that a service can request.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The reason why a callout has no usable response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalloutError {
    /// The cluster does not exist.
    UnknownCluster,
    /// The cluster has no available host.
    NoHost,
    /// The call was started but ended without a response.
    Interrupted,
    /// The response exceeds the size limit for its kind, in bytes.
    TooLarge { size: usize, limit: usize },
    /// The service is overloaded and requests a delay before the next call.
    Busy { status: u16, pause: Duration },
    /// No service token was available, so the call was not made.
    NoToken,
}

impl CalloutError {
    /// The delay that the service requests before the next call.
    pub fn pause(&self) -> Duration {
        match self {
            Self::Busy { pause, .. } => *pause,
            _ => Duration::ZERO,
        }
    }
}

impl std::fmt::Display for CalloutError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownCluster => f.write_str("the host has no cluster with this name"),
            Self::NoHost => f.write_str("the cluster has no available host"),
            Self::Interrupted => f.write_str("the call ended without a response"),
            Self::TooLarge { size, limit } => {
                write!(f, "the response has {size} bytes; the limit is {limit}")
            }
            Self::Busy { status, pause } => write!(
                f,
                "the answer has status {status} and requests a delay of {} s",
                pause.as_secs()
            ),
            Self::NoToken => f.write_str("no service token is available"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_is_split_into_its_parts() {
        let target = Target::parse("entra", "https://Login.example:8443/t/keys?appid=1").unwrap();
        assert_eq!(target.scheme, "https");
        assert_eq!(target.authority, "login.example:8443");
        assert_eq!(target.path, "/t/keys?appid=1");
        assert_eq!(Target::parse("c", "http://h").unwrap().path, "/");
        assert_eq!(Target::parse("c", "http://h?x=1").unwrap().path, "/?x=1");
        assert_eq!(
            Target::parse("c", "http://[::1]:80/").unwrap().authority,
            "[::1]:80"
        );
    }

    #[test]
    fn invalid_uri_is_rejected() {
        use UriError::*;
        for (uri, error) in [
            ("ftp://h/", Scheme),
            ("h/keys", Scheme),
            ("https:///keys", Authority),
            ("https://user@h/", Authority),
            ("https://h:port/", Authority),
            ("https://h:0/", Authority),
            ("https://::1/", Authority),
            ("https://h/a b", Character),
            ("https://h/\r\nx", Character),
            ("https://h/#f", Character),
        ] {
            assert_eq!(Target::parse("c", uri), Err(error), "{uri}");
        }
    }

    #[test]
    fn every_callout_accepts_any_media_type() {
        let target = Target::parse("c", "https://h/").unwrap();
        let timeout = Duration::from_secs(1);
        for callout in [
            Callout::get(target.clone(), timeout),
            Callout::post(target.clone(), "application/json", Vec::new(), timeout),
            Callout::form(target, &[], timeout),
        ] {
            let accept = callout.headers.iter().find(|(name, _)| name == "accept");
            let (_, accept) = accept.expect("it has an accept header");
            let ranges: Vec<&str> = accept.split(',').map(str::trim).collect();
            assert_eq!(ranges, ["application/json", "*/*;q=0.1"]);
        }
    }

    #[test]
    fn only_busy_status_sets_a_bounded_delay() {
        let of = |status, value: &str| Answer::of(status, Some(value.as_bytes()), b"x".to_vec());
        let busy = |status, secs| {
            let pause = Duration::from_secs(secs);
            Answer::Failed(CalloutError::Busy { status, pause })
        };
        let body = b"x".to_vec();
        assert_eq!(of(429, "17"), busy(429, 17));
        assert_eq!(of(503, " 0 "), busy(503, 0));
        assert_eq!(of(429, "18446744073709551615"), busy(429, 3600));
        for (status, value) in [
            (200, "17"),
            (429, "-1"),
            (429, "soon"),
            (429, "Mon, 23 Nov 2026 01:00:00 GMT"),
        ] {
            let body = body.clone();
            assert_eq!(of(status, value), Answer::Response { status, body });
        }
        let status = 429;
        assert_eq!(
            Answer::of(status, None, body.clone()),
            Answer::Response { status, body }
        );
    }
}
