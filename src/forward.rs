//! The headers that are set on permitted requests, and the headers that are never forwarded.

pub mod mcp_session;
pub mod strip;

use crate::credential::store::InjectedCredential;
use crate::http::headers::Headers;
use crate::http::trace_context;
use crate::token::claim_path::ClaimPath;
use crate::token::claims::Claims;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// The compiled form of `forward`.
#[derive(Clone, Debug, Default)]
pub struct Forwarding {
    /// Headers (lower case) and the identity field that each carries to the upstream.
    pub identity_headers: Vec<(String, IdentityField)>,
    /// The payer (`X-HF-Bill-To`), unless the rule or the credential names another one.
    pub bill_to: Option<Arc<str>>,
    /// Whether the upstream's 401 and 403 for the injected credential become `credential_rejected`.
    pub remap_auth: bool,
    /// Whether a 503 becomes a 502, since some clients retry a 503 without a pause.
    pub remap_unavailable: bool,
    /// How long an endpoint that is scaled to zero may hold a request, in seconds.
    pub scale_up_seconds: Option<u64>,
    /// Whether lists of models contain only the models that the caller may use.
    pub filter_models: bool,
    /// Whether lists of MCP tools contain only the tools that the caller may call.
    pub filter_tools: bool,
}

/// The content of an identity header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityField {
    Object,
    Client,
    Tenant,
    Subject,
    Issuer,
    Kind,
    /// Any claim. An array is written as its members, joined by commas; an object as JSON.
    Claim(ClaimPath),
}

const BILL_TO: &str = "x-hf-bill-to";
const TRACESTATE: &str = "tracestate";
const SCALE_UP: &str = "x-scale-up-timeout";
/// The maximum length of the value of an identity header, in bytes before escaping.
const MAX_IDENTITY_BYTES: usize = 512;
/// The maximum length of the value of an identity header with an array or an object, in bytes.
const MAX_LIST_BYTES: usize = 4096;

/// A header to set, which replaces all headers with the same name.
#[derive(Clone, PartialEq, Eq)]
pub struct Edit {
    pub name: Cow<'static, str>,
    pub value: String,
}

impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.name == "authorization" {
            "(redacted)"
        } else {
            &self.value
        };
        write!(f, "{}: {value}", self.name)
    }
}

/// Properties of a permitted request that do not depend on its caller.
#[derive(Clone, Debug, Default)]
pub struct Onward {
    /// The request is for a list of models or tools that the filter will read.
    pub is_listing: bool,
    /// The id of the caller's session at the MCP server.
    pub session: Option<String>,
    /// The `traceparent` of a trace that begins at this filter.
    pub traceparent: Option<String>,
}

/// Returns the id of the trace that the request's `traceparent` continues.
pub fn continued_trace(headers: &Headers) -> Option<String> {
    let mut values = headers.all("traceparent");
    match (values.next(), values.next()) {
        (Some(only), None) => trace_context::trace_id(std::str::from_utf8(only).ok()?),
        _ => None,
    }
}

/// Returns the headers to set on a permitted request. An anonymous caller has no identity headers.
pub fn edits(
    forwarding: &Forwarding,
    credential: Option<&InjectedCredential>,
    caller: Option<&Claims>,
    onward: Onward,
) -> Vec<Edit> {
    const USUAL: usize = 8;
    let mut edits = Vec::with_capacity(USUAL);
    let mut set = |name: Cow<'static, str>, value: String| edits.push(Edit { name, value });
    if onward.is_listing {
        // The filter must be able to read the response.
        set("accept-encoding".into(), "identity".to_owned());
    }
    if let Some(session) = onward.session {
        set(mcp_session::HEADER.into(), session);
    }
    if let Some(traceparent) = onward.traceparent {
        set("traceparent".into(), traceparent);
    }
    if let Some(seconds) = forwarding.scale_up_seconds {
        set(SCALE_UP.into(), seconds.to_string());
    }
    if let Some(credential) = credential {
        let value = ["Bearer ", credential.value.expose()].concat();
        set("authorization".into(), value);
        if let Some(payer) = forwarding.payer(credential) {
            set(BILL_TO.into(), payer.to_string());
        }
    }
    if let Some(caller) = caller {
        for (name, field) in &forwarding.identity_headers {
            if let Some(value) = field.header_value(caller) {
                set(name.clone().into(), value);
            }
        }
    }
    edits
}

impl Forwarding {
    /// Returns the payer of a request with this credential. The rule takes precedence over the credential, and both
    /// take precedence over the general setting.
    pub fn payer<'p>(&'p self, credential: &'p InjectedCredential) -> Option<&'p Arc<str>> {
        credential.bill_to.as_ref().or(self.bill_to.as_ref())
    }

    /// Returns the names of the claims in identity headers.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.identity_headers.iter().filter_map(|(_, field)| {
            let IdentityField::Claim(path) = field else {
                return None;
            };
            path.first()
        })
    }
}

impl IdentityField {
    fn read<'c>(&self, caller: &'c Claims) -> Option<Cow<'c, str>> {
        let shared = |text: &'c Arc<str>| Cow::Borrowed(&**text);
        match self {
            Self::Object => Some(shared(&caller.object)),
            Self::Client => caller.client.as_ref().map(shared),
            Self::Tenant => caller.tenant.as_ref().map(shared),
            Self::Subject => caller.subject.as_ref().map(shared),
            Self::Issuer => Some(shared(&caller.issuer)),
            Self::Kind => caller.kind.map(|kind| kind.name().into()),
            Self::Claim(_) => None,
        }
    }

    fn header_value(&self, caller: &Claims) -> Option<String> {
        let Self::Claim(path) = self else {
            return self.read(caller).map(|text| header_value(&text));
        };
        match path.read(&caller.others)? {
            Value::Null => None,
            Value::Array(items) => Some(list_value(&items)),
            Value::Object(members) => {
                let json = Value::Object(members).to_string();
                // Truncated JSON would be invalid.
                (json.len() <= MAX_LIST_BYTES).then(|| item_value(&json))
            }
            scalar => Some(header_value(&text_of(&scalar))),
        }
    }
}

/// Returns the members of an array, joined by commas; members that do not fit are omitted.
fn list_value(items: &[Value]) -> String {
    let mut value = String::new();
    for (index, item) in items.iter().enumerate() {
        let item = item_value(&text_of(item));
        if value.len() + item.len() >= MAX_LIST_BYTES {
            break;
        }
        if index > 0 {
            value.push(',');
        }
        value.push_str(&item);
    }
    value
}

/// Returns the text of a string, or the JSON of any other value.
fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

/// Returns a text in which commas are escaped, since commas separate members.
fn item_value(text: &str) -> String {
    escaped(text.bytes(), |byte| byte != b',')
}

/// Percent-escapes every character that a header value can't contain, and `%` itself, so that a claim can't
/// end the header (request splitting).
fn header_value(text: &str) -> String {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'%';
    if text.len() <= MAX_IDENTITY_BYTES && text.bytes().all(plain) {
        return text.to_owned();
    }
    escaped(text.bytes().take(MAX_IDENTITY_BYTES), |_| true)
}

fn escaped(bytes: impl Iterator<Item = u8>, is_plain: impl Fn(u8) -> bool) -> String {
    let mut value = String::new();
    for byte in bytes {
        match byte {
            b' '..=b'~' if byte != b'%' && is_plain(byte) => value.push(char::from(byte)),
            _ => value.push_str(&format!("%{byte:02X}")),
        }
    }
    value
}
