//! One JSON-RPC message, or a batch of them (JSON-RPC 2.0 §4 to §6).

use super::{CALL, Mcp, RESPONSE};
use crate::decision::BodyUnavailable::{self, Ambiguous, Unreadable};
use crate::json::raw::{Defect, Object, Raw};
use std::borrow::Cow;
use std::sync::Arc;

/// The maximum number of messages in a batch, since each of them is decided.
pub const MAX_BATCH: usize = 32;
/// The maximum length of a method or tool, in bytes, since each is matched against the patterns of the rules. MCP
/// recommends at most 128 characters for tools.
const MAX_TEXT: usize = 256;
/// The maximum length of a name or URI that is kept, in bytes. A header cannot repeat a longer one.
const MAX_NAME: usize = 8192;
/// The maximum length of an id that a reply repeats, in bytes.
const MAX_ID: usize = 256;
/// The members of a message that determine what a server does with it.
const OF_MESSAGE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
/// The members of `params` that name what a method is applied to.
const OF_PARAMS: [&str; 2] = ["name", "uri"];

/// A message, reduced to what rules, replies and the check of the headers need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// [`RESPONSE`] for an answer to a request of the server.
    pub method: Arc<str>,
    /// The tool of a [`CALL`]; `None` if the call names no tool, or for another method.
    pub tool: Option<Arc<str>>,
    /// The id as written: text, number or null. `None` if the message has no id, or one that is too long to repeat.
    pub id: Option<Arc<str>>,
    /// The name or URI of what the method is applied to.
    pub name: Option<Arc<str>>,
}

impl Message {
    /// Returns a call of this tool; `None` if calls of a tool with this name are rejected.
    pub fn call(tool: &str) -> Option<Self> {
        let name: Arc<str> = fit(tool).ok()?.into();
        Some(Self {
            method: CALL.into(),
            tool: Some(name.clone()),
            id: None,
            name: Some(name),
        })
    }

    pub fn is_call(&self) -> bool {
        *self.method == *CALL
    }
}

/// Reads a body.
///
/// # Errors
/// Why the body is not JSON-RPC, or could be read differently by two servers.
pub fn read(body: &[u8]) -> Result<Mcp, BodyUnavailable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable("it is not UTF-8"))?;
    match text.trim_ascii_start().as_bytes().first() {
        None if text.is_empty() => Ok(Mcp::None),
        Some(b'[') => batch(text),
        Some(b'{') => {
            let message = message(&Object::parse(text).map_err(defective)?)?;
            Ok(Mcp::Message(Arc::new(message)))
        }
        _ => Err(NOT_JSON),
    }
}

fn batch(text: &str) -> Result<Mcp, BodyUnavailable> {
    let items = Raw::parse(text).map_err(defective)?.items();
    let mut messages = Vec::new();
    for item in items.ok_or(NOT_JSON)? {
        if messages.len() == MAX_BATCH {
            return Err(Unreadable("its batch has more than 32 messages"));
        }
        let object = item.object();
        let object = object.ok_or(Unreadable(
            "its batch contains a value that is not a message",
        ))?;
        messages.push(Arc::new(message(&object)?));
    }
    if messages.is_empty() {
        return Err(Unreadable("its batch is empty"));
    }
    Ok(Mcp::Batch(messages.into()))
}

fn message(object: &Object<'_>) -> Result<Message, BodyUnavailable> {
    let [_, id, method, params, result, error] = members(object, &OF_MESSAGE)?;
    let answers = result.is_some() || error.is_some();
    let method = match method {
        Some(_) if answers => {
            return Err(Ambiguous(
                "a JSON-RPC message has both a method and a result or an error",
            ));
        }
        Some(method) => method_of(method)?,
        None if answers => Cow::Borrowed(RESPONSE),
        None => return Err(Unreadable("its JSON-RPC message has no method")),
    };
    let [name, uri] = match params.and_then(Raw::object) {
        Some(params) => members(&params, &OF_PARAMS)?,
        None => [None, None],
    };
    let is_call = method == CALL;
    let name = match (is_call, name, uri) {
        (true, name, _) => name,
        (false, name, uri) if method.starts_with("resources/") => uri.or(name),
        (false, name, uri) => name.or(uri),
    };
    let name = name.and_then(Raw::text);
    if let (true, Some(tool)) = (is_call, &name) {
        fit(tool)?;
    }
    let name: Option<Arc<str>> = name
        .filter(|name| name.len() <= MAX_NAME)
        .map(|name| (*name).into());
    Ok(Message {
        method: (*method).into(),
        tool: name.clone().filter(|_| is_call),
        id: id_of(id)?,
        name,
    })
}

/// Returns the values of these members. A null member is included, since servers differ on whether it counts as
/// present.
fn members<'t, const N: usize>(
    object: &Object<'t>,
    names: &[&str; N],
) -> Result<[Option<Raw<'t>>; N], BodyUnavailable> {
    let mut values = [None; N];
    for (own, value) in object.iter() {
        let is_meant = |name: &&str| *name == own || is_same(own, name);
        let Some(index) = names.iter().position(is_meant) else {
            continue;
        };
        if names.get(index).is_none_or(|name| *name != own) {
            return Err(Ambiguous(
                "a member of its JSON-RPC message is not in lower case, or contains white space or a control character",
            ));
        }
        if let Some(slot) = values.get_mut(index) {
            *slot = Some(value);
        }
    }
    Ok(values)
}

/// Returns whether a server that reads names leniently treats them as equal. Servers written in Go ignore case, and
/// fold `ſ` to `s`. For servers written in C, a NUL ends the name.
fn is_same(own: &str, name: &str) -> bool {
    let own = own.split('\0').next().unwrap_or_default();
    let own = own.trim_matches(|c: char| is_space(c) || c.is_control());
    // No character takes more than four bytes.
    own.len() <= name.len() * 4 && folded(own) == name
}

/// Returns whether servers remove a character from the ends of a text. JavaScript also removes the byte order mark.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

fn folded(text: &str) -> String {
    text.to_uppercase().to_lowercase()
}

fn method_of(method: Raw<'_>) -> Result<Cow<'_, str>, BodyUnavailable> {
    let method = method.text();
    let method = method.ok_or(Unreadable(
        "the method of its JSON-RPC message is not a string",
    ))?;
    if method.is_empty() || method.len() > MAX_TEXT || !method.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(Ambiguous(
            "its JSON-RPC method is empty or too long, or contains white space or a character beyond ASCII",
        ));
    }
    if method != CALL && method.eq_ignore_ascii_case(CALL) {
        return Err(Ambiguous("its JSON-RPC method is not in lower case"));
    }
    Ok(method)
}

/// Checks a tool: a server that trims its name would use another tool.
fn fit(name: &str) -> Result<&str, BodyUnavailable> {
    if name.len() > MAX_TEXT
        || name.trim_matches(is_space) != name
        || name.contains(char::is_control)
    {
        return Err(Ambiguous(
            "the tool of its JSON-RPC message is too long, begins or ends with white space, or contains a control character",
        ));
    }
    Ok(name)
}

fn id_of(id: Option<Raw<'_>>) -> Result<Option<Arc<str>>, BodyUnavailable> {
    let Some(id) = id else { return Ok(None) };
    if id.is_text() || id.is_null() || id.number().is_some() {
        let written = id.as_written();
        return Ok((written.len() <= MAX_ID).then(|| written.into()));
    }
    Err(Unreadable(
        "the id of its JSON-RPC message is not a string or a number",
    ))
}

fn defective(defect: Defect) -> BodyUnavailable {
    match defect {
        Defect::Malformed => NOT_JSON,
        Defect::Duplicate => Ambiguous("a member of its JSON appears twice"),
    }
}

const NOT_JSON: BodyUnavailable = Unreadable("it is not well-formed JSON");

#[cfg(test)]
mod tests;
