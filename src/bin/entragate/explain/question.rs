//! The request to explain, in the form in which the host passes it.

use super::Arguments;
use crate::clock::now;
use crate::failure::Failure;
use crate::input::{self, UNREADABLE};
use entragate::config::{ClientAddress, Config};
use entragate::http::headers::Headers;
use entragate::mcp::CALL;
use entragate::time::Timestamp;
use entragate::token::issuer::is_guid;
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::time::UNIX_EPOCH;

const FORWARDED_FOR: &str = "x-forwarded-for";

pub struct Question {
    pub headers: Headers,
    pub body: Option<Vec<u8>>,
    pub source: Option<IpAddr>,
    /// The URI in the client's certificate.
    pub peer: Option<String>,
    /// The cluster that the request is routed to.
    pub cluster: Option<String>,
    /// The caller's groups that Microsoft Graph would return.
    pub groups: Groups,
    pub now: Timestamp,
    /// The caller's token.
    pub token: Option<String>,
}

/// A request as a user states it.
pub struct Parts {
    pub method: String,
    pub path: String,
    pub host: String,
    /// Additional headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    pub token: Option<String>,
    pub body: Option<String>,
    pub source: Option<IpAddr>,
    pub peer: Option<String>,
    pub cluster: Option<String>,
    pub groups: Groups,
    pub now: Timestamp,
}

pub fn ask(arguments: &Arguments, config: &Config) -> Result<Question, Failure> {
    let Some((method, path)) = arguments.request.trim().split_once(' ') else {
        let text =
            "is not a valid request; write method and path, as in 'POST /v1/chat/completions'";
        return Err(Failure::of(UNREADABLE, "--request", text));
    };
    let body = arguments.body.clone().or_else(|| message(arguments));
    Ok(Question::of(
        Parts {
            method: method.to_owned(),
            path: path.trim().to_owned(),
            host: arguments.host.clone(),
            headers: arguments.header.clone(),
            token: token(arguments)?,
            body,
            source: arguments.source,
            peer: arguments.peer.clone(),
            cluster: arguments.cluster.clone(),
            groups: arguments.groups.clone().unwrap_or_default(),
            now: arguments.time.unwrap_or_else(now),
        },
        config,
    ))
}

/// The message that `--mcp-method` and `--tool` describe.
fn message(arguments: &Arguments) -> Option<String> {
    let (method, tool) = (&arguments.mcp_method, &arguments.tool);
    if method.is_none() && tool.is_none() {
        return None;
    }
    let mut message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": method.as_deref().unwrap_or(CALL),
    });
    if let (Some(tool), Some(members)) = (tool, message.as_object_mut()) {
        members.insert("params".to_owned(), json!({"name": tool}));
    }
    Some(message.to_string())
}

fn token(arguments: &Arguments) -> Result<Option<String>, Failure> {
    let text = match (&arguments.token, &arguments.token_file) {
        (Some(token), _) => token.clone(),
        (None, Some(file)) => input::read(file)
            .map_err(|error| Failure::of(UNREADABLE, input::name_of(file), error.to_string()))?,
        (None, None) => return Ok(None),
    };
    Ok(Some(text.trim().to_owned()))
}

/// The `x-forwarded-for` value of a request whose client is the entry `hop` from the right.
fn forwarded_for(source: IpAddr, hop: usize) -> String {
    let nearer = vec!["127.0.0.1".to_owned(); hop.saturating_sub(1)];
    let entries: Vec<String> = [source.to_string()].into_iter().chain(nearer).collect();
    entries.join(", ")
}

impl Question {
    /// Adds the headers that a host passes: the token in the header that the configuration expects, the type of the
    /// body, and the client's address behind proxies. A header that the user sets takes precedence.
    pub fn of(parts: Parts, config: &Config) -> Self {
        let own = |name: &str| parts.headers.iter().any(|(given, _)| given == name);
        let mut fields = vec![
            (":method".to_owned(), parts.method.clone()),
            (":path".to_owned(), parts.path.clone()),
            (":authority".to_owned(), parts.host.clone()),
        ];
        fields.extend(parts.headers.iter().cloned());
        if let (Some(token), Some(location)) = (&parts.token, config.token.locations.first()) {
            let value = match &location.scheme {
                Some(scheme) => format!("{scheme} {token}"),
                None => token.clone(),
            };
            fields.push((location.header.clone(), value));
        }
        if parts.body.is_some() && !own("content-type") {
            fields.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        if let (Some(source), ClientAddress::Forwarded(hop), false) =
            (parts.source, config.client_address, own(FORWARDED_FOR))
        {
            fields.push((FORWARDED_FOR.to_owned(), forwarded_for(source, hop)));
        }
        let mut headers: Headers = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        headers.is_all = parts.body.is_none();
        Self {
            headers,
            body: parts.body.map(String::into_bytes),
            source: parts.source,
            peer: parts.peer,
            cluster: parts.cluster,
            groups: parts.groups,
            now: parts.now,
            token: parts.token,
        }
    }

    /// Returns the host's property at a path, as bytes.
    pub fn property(&self, path: &str) -> Option<Vec<u8>> {
        let text = match path {
            "source\0address" => SocketAddr::new(self.source?, 0).to_string(),
            "connection\0uri_san_peer_certificate" => self.peer.clone()?,
            "xds\0cluster_name" => self.cluster.clone()?,
            _ => return None,
        };
        Some(text.into_bytes())
    }
}

/// Reads `--time`.
pub fn time(text: &str) -> Result<Timestamp, String> {
    let form = || "write it in UTC, as in 2026-11-23T07:30:00Z".to_owned();
    let time = humantime::parse_rfc3339(text).map_err(|_| form())?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| form())?;
    Ok(Timestamp::from_secs(since.as_secs()))
}

/// Groups of a caller.
#[derive(Clone, Debug, Default)]
pub struct Groups(pub Vec<String>);

/// Reads `--groups`.
pub fn groups(text: &str) -> Result<Groups, String> {
    let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
    let ids: Vec<String> = ids.map(str::to_owned).collect();
    match ids.iter().find(|id| !is_guid(id)) {
        Some(other) => Err(format!(
            "{other} is not a valid group; write its object id, a GUID"
        )),
        None => Ok(Groups(ids)),
    }
}

/// Reads one `--header`.
pub fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        }
        _ => Err("write the name, a colon and the value, as in 'x-api-key: secret'".to_owned()),
    }
}
