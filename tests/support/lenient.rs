//! MCP servers that read a body less strictly than the filter: they use the first or the last of two members, ignore the case
//! of members and methods, trim names as JavaScript does, end texts at a NUL as C does, skip a byte order mark, and read only the
//! first value of the body.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// A JSON value that keeps repeated members.
#[derive(Clone, Debug)]
enum Node {
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    Scalar(Value),
}

/// How a server chooses a member.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    uses_last: bool,
    ignores_case: bool,
    /// A NUL ends a text.
    has_c_strings: bool,
}

/// All kinds of servers.
pub const SERVERS: [Server; 6] = [
    Server::of(false, false, false),
    Server::of(false, true, false),
    Server::of(true, false, false),
    Server::of(true, true, false),
    Server::of(false, true, true),
    Server::of(true, true, true),
];

/// A message as a server reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    /// The tool that the server would call.
    pub tool: Option<String>,
}

impl Server {
    const fn of(uses_last: bool, ignores_case: bool, has_c_strings: bool) -> Self {
        Self {
            uses_last,
            ignores_case,
            has_c_strings,
        }
    }

    /// Returns the requests and notifications that the server would handle.
    pub fn read(self, body: &[u8]) -> Vec<Seen> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Node>();
        match values.next() {
            Some(Ok(Node::Array(items))) => {
                items.iter().filter_map(|item| self.message(item)).collect()
            }
            Some(Ok(only)) => self.message(&only).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn message(self, node: &Node) -> Option<Seen> {
        let method = self.text(self.member(node, "method")?)?;
        let method = method.to_lowercase();
        let name = self
            .member(node, "params")
            .and_then(|params| self.member(params, "name"));
        let tool = name.and_then(|name| self.text(name));
        let tool = tool.filter(|_| method == "tools/call");
        Some(Seen {
            tool: tool.map(str::to_owned),
            method,
        })
    }

    fn member<'n>(self, node: &'n Node, name: &str) -> Option<&'n Node> {
        let Node::Object(members) = node else {
            return None;
        };
        let is_meant = |(own, _): &&(String, Node)| {
            if self.ignores_case {
                self.trimmed(own).to_uppercase() == name.to_uppercase()
            } else {
                own == name
            }
        };
        let mut found = members.iter().filter(is_meant);
        let member = if self.uses_last {
            found.next_back()
        } else {
            found.next()
        };
        member.map(|(_, value)| value)
    }

    fn text(self, node: &Node) -> Option<&str> {
        match node {
            Node::Scalar(value) => Some(self.trimmed(value.as_str()?)),
            Node::Object(_) | Node::Array(_) => None,
        }
    }

    fn trimmed(self, text: &str) -> &str {
        let end = text.find('\0').filter(|_| self.has_c_strings);
        let text = &text[..end.unwrap_or(text.len())];
        text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Node::Array(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(member) = members.next_entry()? {
            nodes.push(member);
        }
        Ok(Node::Object(nodes))
    }
}
