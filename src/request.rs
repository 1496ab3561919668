//! A request as the core sees it: its header fields, and the few facts that rules ask about.

mod authority;

use crate::cluster::Cluster;
use crate::decision::Denial;
use crate::model::Model;
use crate::model::endpoint::{Endpoints, Target};
use std::ops::Range;

/// Where name and value of a field are in a buffer.
pub type Field = (Range<usize>, Range<usize>);

/// Header fields in their order, in one buffer. Values are bytes: nothing says they are UTF-8. The
/// caller's token is among them: the module's heap wipes what is freed.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    /// No content and no trailers follow.
    pub is_all: bool,
}

impl Headers {
    /// Takes over a buffer that holds these fields; it is not copied, since the caller's token is in it.
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

    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend(name.iter().map(u8::to_ascii_lowercase));
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.fields.push((start..middle, middle..self.bytes.len()));
    }

    /// Every field, names in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(name, value)| {
            let slice = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
            (slice(name), slice(value))
        })
    }

    /// All values of a field. `name` in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(own, _)| *own == name.as_bytes())
            .map(|(_, value)| value)
    }

    /// The first value.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        for (own, value) in &self.fields {
            // Most are told apart by their length.
            if own.len() == name.len() && self.bytes.get(own.clone()) == Some(name.as_bytes()) {
                return self.bytes.get(value.clone());
            }
        }
        None
    }

    pub fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The first value, if it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.first(name)?).ok()
    }
}

/// What the header fields of a request say about its framing.
impl Headers {
    /// Whether what follows belongs to another protocol: a GET with `upgrade` has no content (RFC 9110
    /// §7.8) unless its headers frame some.
    pub fn begin_upgrade(&self) -> bool {
        let is_upgrade = |value: &[u8]| {
            let mut options = value.split(|byte| *byte == b',');
            options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        };
        self.text(":method") == Some("GET")
            && self.has("upgrade")
            && self.all("connection").any(is_upgrade)
            && !self.has("transfer-encoding")
            && self.all("content-length").all(|value| value == b"0")
    }

    /// Whether they say that there is no content.
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

/// What rules match on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// Lower case, without port.
    pub host: String,
    /// Without query, percent-decoded once, unambiguous.
    pub path: String,
    /// The upstream cluster that the host has chosen.
    pub cluster: Cluster,
    pub model: Model,
}

impl Request {
    /// Reads method, host and path from the pseudo-headers (or `host`), and as much of the model as
    /// they tell.
    ///
    /// # Errors
    /// [`Denial::RequestAmbiguous`] when two servers could read the request differently.
    pub fn read(
        headers: &Headers,
        cluster: &Cluster,
        endpoints: &Endpoints,
    ) -> Result<Self, Denial> {
        let method = method(headers).map_err(Denial::RequestAmbiguous)?;
        let host = authority::host(headers).map_err(Denial::RequestAmbiguous)?;
        let target = headers
            .text(":path")
            .ok_or(Denial::RequestAmbiguous("no readable path"))?;
        let path = normalize(target).map_err(Denial::RequestAmbiguous)?;
        let mut request = Self {
            model: Model::None,
            method,
            host,
            path,
            cluster: cluster.clone(),
        };
        request.model = endpoints.model(request.target(), !headers.is_all);
        Ok(request)
    }

    /// Where it goes.
    pub fn target(&self) -> Target<'_> {
        Target {
            host: &self.host,
            cluster: &self.cluster,
            path: &self.path,
        }
    }
}

/// The method, if every server reads the same in it: methods are compared by case, but some servers
/// fold them, and TRACE and TRACK echo the request with the credential in it.
fn method(headers: &Headers) -> Result<String, &'static str> {
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

/// The path of a request target as rules match it: without query and fragment, percent-decoded once.
///
/// # Errors
/// What makes it ambiguous: a path that our pattern and the upstream's router could read
/// differently is refused, not repaired.
pub fn normalize(target: &str) -> Result<String, &'static str> {
    if target == "*" {
        return Ok(target.to_owned());
    }
    if !target.starts_with('/') {
        return Err("the path does not begin with a slash");
    }
    if target.contains('#') {
        return Err("the path holds a fragment");
    }
    let path = target.split('?').next().unwrap_or_default();
    if path.contains('\\') {
        return Err("the path holds a backslash");
    }
    let decoded = decode_once(path)?;
    if decoded.as_bytes().windows(2).any(|pair| pair == b"//") {
        return Err("the path holds an empty segment");
    }
    for segment in decoded.split('/') {
        match segment {
            "." | ".." => return Err("the path holds a dot segment"),
            _ if segment.starts_with("..;") || segment.starts_with(".;") => {
                return Err("the path holds a dot segment with parameters");
            }
            _ => {}
        }
    }
    Ok(decoded)
}

fn decode_once(path: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'%' => {
                let digit = |byte: Option<u8>| (byte? as char).to_digit(16);
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let (Some(high), Some(low)) = (high, low) else {
                    return Err("the path holds a bad percent escape");
                };
                match (high * 16 + low) as u8 {
                    b'/' | b'\\' => return Err("the path holds an encoded slash"),
                    decoded => decoded,
                }
            }
            byte => byte,
        };
        if decoded.is_ascii_control() {
            return Err("the path holds a control character");
        }
        bytes.push(decoded);
    }
    String::from_utf8(bytes).map_err(|_| "the path is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_pass_and_lose_their_query() {
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
    fn whatever_could_be_read_twice_is_refused() {
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

    fn read(fields: &[(&str, &str)]) -> Result<Request, Denial> {
        let headers = Headers::from_iter(fields.iter().copied());
        Request::read(&headers, &Cluster::default(), &Endpoints::default())
    }

    #[test]
    fn reads_a_request() {
        let request = [
            (":method", "POST"),
            (":path", "/v1/x?y"),
            (":authority", "H:1"),
        ];
        let request = read(&request).unwrap();
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/v1/x")
        );
        assert_eq!(request.host, "h");
        assert!(read(&[]).is_err());
    }

    #[test]
    fn methods_in_upper_case_are_read_and_echoing_ones_are_refused() {
        for (method, is_read) in [
            ("GET", true),
            ("POST", true),
            ("M-SEARCH", true),
            ("get", false),
            ("Post", false),
            ("TRACE", false),
            ("TRACK", false),
            ("trace", false),
            ("", false),
            ("GET ", false),
            ("G\u{212a}T", false),
        ] {
            let fields = [(":method", method), (":path", "/"), (":authority", "h")];
            assert_eq!(read(&fields).is_ok(), is_read, "{method:?}");
        }
        assert!(read(&[(":path", "/"), (":authority", "h")]).is_err());
    }

    #[test]
    fn upgrade_without_framed_content_has_no_content() {
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
    fn headers_take_over_a_buffer() {
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
