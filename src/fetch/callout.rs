//! Calls of our own to other services: what to ask, and what came back. The host shell makes them.

pub mod form;

use crate::secret::Secret;
use std::time::Duration;
use zeroize::Zeroize;

/// Where a callout goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Envoy cluster, or `host:port` on Kong.
    pub cluster: String,
    /// `https` or `http`.
    pub scheme: &'static str,
    /// Host, with the port where the URI names one.
    pub authority: String,
    /// Path and query, beginning with `/`.
    pub path: String,
}

/// Why a text is no callout address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriError {
    /// Neither `https://` nor `http://`.
    Scheme,
    /// No host, user information in front of it, or a port that is no number.
    Authority,
    /// A fragment, a blank, or a character that must be escaped.
    Character,
}

impl std::fmt::Display for UriError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Scheme => "must begin with https:// or http://",
            Self::Authority => "must name a host, with an optional numeric port and no user",
            Self::Character => "must hold only URI characters (RFC 3986) and no fragment",
        })
    }
}

impl Target {
    /// Splits an absolute `http` or `https` URI (RFC 3986).
    ///
    /// # Errors
    /// [`UriError`] says which part is wrong.
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
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
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

/// Without the values of headers, and the body: secrets may stand there.
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

/// Prefers JSON and excludes nothing: answers are read by their content, and some servers answer 406 to
/// a callout that does not accept the media type they offer (kube-apiserver's keys are
/// `application/jwk-set+json`).
const ACCEPT: &str = "application/json, */*;q=0.1";

impl Callout {
    /// A GET that accepts any media type and prefers JSON.
    pub fn get(target: Target, timeout: Duration) -> Self {
        Self {
            target,
            method: "GET",
            headers: vec![("accept".into(), ACCEPT.into())],
            body: Vec::new(),
            timeout,
        }
    }

    /// A POST of that body, which accepts any media type and prefers JSON.
    pub fn post(target: Target, content_type: &str, body: Vec<u8>, timeout: Duration) -> Self {
        let mut callout = Self::get(target, timeout).header("content-type", content_type);
        callout.method = "POST";
        callout.body = body;
        callout
    }

    /// A POST of a form, as token endpoints want it (RFC 6749 §4.4.2).
    pub fn form(target: Target, fields: &[(&str, &str)], timeout: Duration) -> Self {
        let body = form::encode(fields).into_bytes();
        Self::post(target, "application/x-www-form-urlencoded", body, timeout)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a bearer token.
    pub fn bearer(mut self, token: &Secret) -> Self {
        let value = format!("Bearer {}", token.expose());
        self.headers.push(("authorization".into(), value));
        self
    }
}

/// How a callout ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A complete response, whatever its status.
    Response { status: u16, body: Vec<u8> },
    /// No (complete) response: refused, reset, timed out, or the host would not even begin.
    Failed(CalloutError),
}

impl Answer {
    /// What a complete response means; `retry_after` is that header's value. A service that is busy
    /// and says for how long (429 or 503, RFC 9110 §10.2.3) has not answered yet.
    pub fn of(status: u16, retry_after: Option<&[u8]>, body: Vec<u8>) -> Self {
        let busy = matches!(status, 429 | 503);
        match retry_after.filter(|_| busy).and_then(read_pause) {
            Some(pause) => Self::Failed(CalloutError::Busy { status, pause }),
            None => Self::Response { status, body },
        }
    }

    /// Whether it says that all went well.
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

/// Seconds; the other form, a date, is none that the services we call use.
fn read_pause(value: &[u8]) -> Option<Duration> {
    let secs = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs).min(LONGEST_PAUSE))
}

/// No service may send us away for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Why a callout has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalloutError {
    /// The host knows no such cluster.
    UnknownCluster,
    /// The cluster has no host to send to.
    NoHost,
    /// The call began and ended without a response.
    Interrupted,
    /// The response is larger than the bound for its kind, in bytes.
    TooLarge { size: usize, limit: usize },
    /// The service has too much to do, and says for how long.
    Busy { status: u16, pause: Duration },
    /// There is no token to call with; the call was not made.
    NoToken,
}

impl CalloutError {
    /// How long the service asks not to be called.
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
            Self::UnknownCluster => f.write_str("the host knows no cluster of that name"),
            Self::NoHost => f.write_str("the cluster has no host to send to"),
            Self::Interrupted => f.write_str("the call ended without a response"),
            Self::TooLarge { size, limit } => {
                write!(
                    f,
                    "the response of {size} bytes exceeds the limit of {limit}"
                )
            }
            Self::Busy { status, pause } => write!(
                f,
                "the answer has status {status} and asks to wait for {} s",
                pause.as_secs()
            ),
            Self::NoToken => f.write_str("there is no token to call with"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_uris() {
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
    fn refuses_what_is_no_address() {
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
    fn callouts_exclude_no_media_type() {
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
    fn only_who_is_busy_may_send_us_away_and_not_for_ever() {
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
