//! What a permitted request carries to the upstream, and what no request ever does.

use crate::credential::store::InjectedCredential;
use crate::http::headers::Headers;
use crate::http::trace_context;
use crate::model::catalog;
use crate::token::bearer::TokenLocation;
use crate::token::claim_path::ClaimPath;
use crate::token::claims::Claims;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// The compiled form of `forward`.
#[derive(Clone, Debug, Default)]
pub struct Forwarding {
    /// Header (lower case) and what of the identity it tells the upstream.
    pub identity_headers: Vec<(String, IdentityField)>,
    /// Value of `X-HF-Bill-To`.
    pub bill_to: Option<String>,
    /// Whether an upstream's 401 and 403 to our credential are told as our failure.
    pub remap_auth: bool,
    /// Whether a 503 is told as 502, which clients do not hammer.
    pub remap_unavailable: bool,
    /// How long a sleeping endpoint may hold a request, in seconds.
    pub scale_up_seconds: Option<u64>,
    /// Whether lists of models show only what the caller may use.
    pub filter_models: bool,
}

/// What an identity header can carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityField {
    Object,
    Client,
    Tenant,
    Subject,
    Issuer,
    Kind,
    /// Any claim. An array is told as its members, joined by commas; an object as its JSON.
    Claim(ClaimPath),
}

const BILL_TO: &str = "x-hf-bill-to";
const TRACESTATE: &str = "tracestate";
const SCALE_UP: &str = "x-scale-up-timeout";
/// What a caller could authenticate with, charge others by, or hold connections with; Hugging Face
/// reads some of them.
const NEVER_FORWARDED: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    BILL_TO,
    SCALE_UP,
];
/// What could have a list of models answered in part, or not at all.
const NEVER_WITH_LISTS: [&str; 5] = [
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "range",
];
/// Longest value of an identity header, in bytes before escaping.
const MAX_IDENTITY_BYTES: usize = 512;
/// Longest value of an identity header that tells an array or an object, in bytes.
const MAX_LIST_BYTES: usize = 4096;

/// A header to set on the request, replacing whatever the caller sent.
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

/// What a permitted request takes along whoever sends it.
#[derive(Clone, Debug, Default)]
pub struct Onward {
    /// Its answer is to be read.
    pub is_listing: bool,
    /// The trace that begins with us.
    pub traceparent: Option<String>,
}

/// The names of the caller's headers that must come off before anything else happens, as the caller
/// has spelled them: servers that pass headers as variables (CGI, WSGI) read `x_api_key` as `x-api-key`.
pub fn strip_credentials<'h>(
    headers: &'h Headers,
    locations: &[TokenLocation],
    forwarding: &Forwarding,
) -> Vec<&'h str> {
    let locations = locations.iter().map(|carrier| carrier.header.as_str());
    let identity = forwarding
        .identity_headers
        .iter()
        .map(|(name, _)| name.as_str());
    let never: Vec<&str> = NEVER_FORWARDED
        .into_iter()
        .chain(locations)
        .chain(identity)
        .collect();
    let listed = |names: &[&str], own: &[u8]| names.iter().any(|name| is_same(own, name));
    let breaks_trace = headers.has(TRACESTATE) && continued_trace(headers).is_none();
    let mut present = Vec::new();
    let mut partial = Vec::new();
    for (own, _) in headers.iter() {
        let list = if listed(&never, own) || (breaks_trace && is_same(own, TRACESTATE)) {
            &mut present
        } else if listed(&NEVER_WITH_LISTS, own) {
            &mut partial
        } else {
            continue;
        };
        // A name that matches one of ours is ASCII.
        list.extend(std::str::from_utf8(own));
    }
    if forwarding.filter_models && !partial.is_empty() && catalog::may_be_listing(headers) {
        present.append(&mut partial);
    }
    present.sort_unstable();
    present.dedup();
    present
}

/// Whether two names of headers are the same to a server that does not tell `_` from `-`.
fn is_same(own: &[u8], name: &str) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte };
    own.len() == name.len()
        && own
            .iter()
            .zip(name.bytes())
            .all(|(own, name)| fold(*own) == fold(name))
}

/// The id of the trace that a request belongs to.
pub fn continued_trace(headers: &Headers) -> Option<String> {
    let mut values = headers.all("traceparent");
    match (values.next(), values.next()) {
        (Some(only), None) => trace_context::trace_id(std::str::from_utf8(only).ok()?),
        _ => None,
    }
}

/// The headers of a permitted request. An anonymous caller has no identity to tell.
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
        // We have to read it.
        set("accept-encoding".into(), "identity".to_owned());
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
        if let Some(organization) = &forwarding.bill_to {
            set(BILL_TO.into(), organization.clone());
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
    /// The claims that identity headers tell, by name.
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
                // A part of it would be no JSON.
                (json.len() <= MAX_LIST_BYTES).then(|| item_value(&json))
            }
            scalar => Some(header_value(&text_of(&scalar))),
        }
    }
}

/// The members of an array, joined by commas: as many whole ones as fit.
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

/// A string's own text, or the JSON of any other value.
fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

/// A text without commas: they part members.
fn item_value(text: &str) -> String {
    escaped(text.bytes(), |byte| byte != b',')
}

/// Percent-escapes everything a header value can't hold, and `%` itself: a claim must not be able
/// to end the header (response and request splitting).
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
