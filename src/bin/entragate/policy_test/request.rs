//! Requests of cases.

use crate::explain::question::{Groups, Parts, Question};
use entragate::config::Config;
use entragate::mcp::CALL;
use entragate::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::UNIX_EPOCH;

/// A request, as the filter sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: String,
    pub path: String,
    #[serde(default = "localhost")]
    pub host: String,
    /// The Envoy cluster that the request is routed to.
    pub cluster: Option<String>,
    /// The model in the body.
    pub model: Option<String>,
    /// A text, or an object that is sent as JSON.
    pub body: Option<Value>,
    /// The JSON-RPC method of a request to an MCP server.
    pub mcp_method: Option<String>,
    /// The tool that a request to an MCP server calls.
    pub tool: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub source: Option<IpAddr>,
    #[serde(default, deserialize_with = "time")]
    pub time: Option<Timestamp>,
    /// The URI in the client certificate.
    pub peer: Option<String>,
}

fn localhost() -> String {
    "localhost".to_owned()
}

fn time<'d, D: serde::Deserializer<'d>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(from)?;
    let time = humantime::parse_rfc3339(&text).ok();
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let since = since.ok_or_else(|| {
        serde::de::Error::custom(format!(
            "time: {text:?} is not a time in UTC; write it as in 2026-11-23T07:30:00Z"
        ))
    })?;
    Ok(Some(Timestamp::from_secs(since.as_secs())))
}

impl Request {
    /// Checks conditions that serde does not check.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        let is_mcp = self.mcp_method.is_some() || self.tool.is_some();
        if self.body.is_some() && (self.model.is_some() || is_mcp) || self.model.is_some() && is_mcp
        {
            return Err(
                "request: `body`, `model`, and `mcp_method` or `tool`, exclude each other"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Returns the request as the host passes it.
    pub fn question(
        &self,
        token: Option<String>,
        groups: Option<&Vec<String>>,
        now: Timestamp,
        config: &Config,
    ) -> Question {
        let headers = self.headers.iter();
        Question::of(
            Parts {
                method: self.method.clone(),
                path: self.path.clone(),
                host: self.host.clone(),
                headers: headers
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                    .collect(),
                token,
                body: self.body(),
                source: self.source,
                peer: self.peer.clone(),
                cluster: self.cluster.clone(),
                groups: Groups(groups.cloned().unwrap_or_default()),
                now,
            },
            config,
        )
    }

    fn body(&self) -> Option<String> {
        if let Some(body) = &self.body {
            return Some(match body {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
        }
        if let Some(model) = &self.model {
            return Some(json!({"messages": [], "model": model}).to_string());
        }
        if self.mcp_method.is_none() && self.tool.is_none() {
            return None;
        }
        let mut message = Map::new();
        message.insert("jsonrpc".into(), "2.0".into());
        message.insert("id".into(), 1.into());
        let method = self.mcp_method.as_deref().unwrap_or(CALL);
        message.insert("method".into(), method.into());
        if let Some(tool) = &self.tool {
            message.insert("params".into(), json!({ "name": tool }));
        }
        Some(Value::Object(message).to_string())
    }
}

/// Returns the request target for a decoded path.
pub fn escaped(path: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'?' | b'#' | b'\\');
    let mut target = String::new();
    for byte in path.bytes() {
        if is_plain(byte) {
            target.push(char::from(byte));
        } else {
            target.push_str(&format!("%{byte:02X}"));
        }
    }
    target
}
