//! The response to a forwarded request: it passes, is held until its body is complete, or is replaced by
//! a reply of the filter.
//!
//! A host that delivers no body while it holds the headers (Envoy without
//! `allow_on_headers_stop_iteration`) would leave a held response hanging. Until the host has delivered a
//! body once, the first piece is therefore due within `wait.timeout`. After that, a list of models is
//! denied and any other response passes. `limits.inspection_timeout` limits how long a response is held
//! ([`response_buffer`]); [`body_limits`](super::request::body_limits) limits the number and total size
//! of held responses.

pub(in crate::gate) mod model_usage;
pub(in crate::gate) mod quota;
pub(in crate::gate) mod response_buffer;
mod tools;
pub(in crate::gate) mod upstream;

use crate::audit::filter_state::StateValue;
use crate::decision::{Denial, Unavailable};
use crate::forward::Edit;
use crate::gate::response::response_buffer::{Held, Outcome};
use crate::gate::{Exchange, Gate, Marks, Notice, StreamId};
use crate::http::headers::Headers;
use crate::mcp::event_stream::EventStream;
use crate::metrics;
use crate::policy::tools::ToolView;
use crate::policy::view::View;
use crate::reply::{Reply, reply};
use crate::time::Timestamp;
use crate::usage::{Meter, Usage};

/// The value of `%RESPONSE_CODE_DETAILS%` for a response from the upstream.
const VIA_UPSTREAM: &[u8] = b"via_upstream";
/// Headers that are removed from every response.
const NEVER_RETURNED: [&str; 1] = ["set-cookie"];
/// The path that counts the tokens of a prompt without calling a model.
const COUNT_TOKENS: &str = "/v1/messages/count_tokens";
/// The upstream's challenge. It is removed if the filter sent a credential, because in that case the filter, not the
/// caller, authenticates to the upstream.
const CHALLENGE: &str = "www-authenticate";
/// Headers that describe the unfiltered body of a list.
const OF_THE_WHOLE: [&str; 7] = [
    "accept-ranges",
    "content-digest",
    "content-length",
    "content-md5",
    "digest",
    "etag",
    "last-modified",
];

/// What to do with a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Return {
    Pass,
    /// Hold headers and body, and pass the body to [`Gate::response_body`] until it returns a step.
    Hold,
    /// Set these headers, replace the body, and let the response pass.
    Rewrite {
        edits: Vec<Edit>,
        body: String,
    },
    /// Discard the response and send this reply.
    Replace(Reply),
}

/// What to do with a piece of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyUse {
    /// Pass it to [`Gate::response_body`] and forward it.
    Read,
    /// Pass it to [`Gate::response_body`], and hold it until a step is returned.
    Hold,
    /// Replace it with the result of [`Gate::filter_piece`].
    Filter,
}

/// A step for a response, and changes to make before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    pub step: Return,
    /// Headers to remove.
    pub remove: Vec<&'static str>,
    /// Headers to set.
    pub set: Vec<Edit>,
    pub marks: Marks,
}

/// The origin and time of an error response.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'h> {
    /// The host's response code details, if it reports them.
    pub details: Option<&'h [u8]>,
    pub now: Timestamp,
}

/// The state of a response.
#[derive(Debug, Default)]
pub struct Response {
    /// The models or tools that the caller may see, if the response may list them.
    pub view: Option<Shown>,
    /// The response's headers have arrived.
    pub begun: bool,
    pub(in crate::gate) held: Option<Held>,
    /// The response is a stream that may contain lists of tools.
    stream: Option<EventStream>,
    meter: Option<Meter>,
}

/// The entries of a list that a caller may see.
#[derive(Clone, Debug)]
pub enum Shown {
    Models(View),
    Tools(ToolView),
}

impl Response {
    /// Ends the response and returns its token usage.
    pub fn finish(&mut self) -> Option<Usage> {
        self.meter.take().map(Meter::finish)
    }
}

impl From<Return> for Returned {
    fn from(step: Return) -> Self {
        Self {
            step,
            remove: Vec::new(),
            set: Vec::new(),
            marks: Vec::new(),
        }
    }
}

impl Gate {
    /// Whether the response of a request must be passed to [`Gate::response`]: it must if the request was
    /// forwarded.
    pub fn wants_response(&self, id: StreamId) -> bool {
        let forwarded = |exchange: &Exchange| exchange.permitted && !exchange.response.begun;
        self.exchanges.get(&id).is_some_and(forwarded)
    }

    /// Whether [`Gate::response`] must know if the upstream or the proxy created the response.
    pub fn needs_origin(headers: &Headers) -> bool {
        // A proxy's error in response to a gRPC request has status 200.
        status(headers).is_none_or(|status| status >= 400) || headers.has("grpc-status")
    }

    /// Handles the headers of a response. `origin` is required if [`Gate::needs_origin`] is true.
    pub fn response(
        &mut self,
        id: StreamId,
        headers: &Headers,
        origin: Option<Origin<'_>>,
    ) -> Returned {
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            return Return::Pass.into();
        };
        exchange.response.begun = true;
        let details = origin.and_then(|origin| origin.details);
        let is_upstreams = details.is_none_or(|details| details == VIA_UPSTREAM);
        let status = status(headers);
        exchange.record.upstream_status = status.filter(|_| is_upstreams);
        if let Some(refusal) = self.quota_exceeded(id, headers, details) {
            return refusal;
        }
        self.note_left(headers);
        if let (Some(401), true, Some(origin)) = (status, is_upstreams, origin) {
            self.credential_rejected(id, origin.now);
        }
        if let Some(denial) = self.failure_by_status(id, status, is_upstreams) {
            return self.fail(id, &denial);
        }
        let mut remove = self.never_returned(id, headers);
        self.pass_without_tools(id, headers);
        let prepared = self.bind_session(id, headers).and_then(|session| {
            let is_held = is_upstreams && self.hold(id, status, headers)?;
            Ok((session, is_held))
        });
        let (session, step) = match prepared {
            Err(denial) => return self.fail(id, &denial),
            Ok((session, true)) => (session, Return::Hold),
            Ok((session, false)) => (session, Return::Pass),
        };
        if let (Return::Pass, Some(exchange)) = (&step, self.exchanges.get_mut(&id)) {
            exchange.record.status = status;
        }
        let is_list = step == Return::Pass && self.is_list(id, status);
        if step == Return::Pass && !is_list && is_upstreams && self.config.usage.is_some() {
            self.meter(id, status, headers);
        }
        if is_list {
            // A response to HEAD must not reveal the length of the unfiltered list, and the length of a filtered stream
            // is unknown.
            remove.extend(OF_THE_WHOLE.into_iter().filter(|name| headers.has(name)));
        }
        Returned {
            step,
            remove,
            set: Vec::from_iter(session),
            marks: Vec::new(),
        }
    }

    /// Returns what to do with the next piece of a response's body. `None`: it passes unread.
    pub fn response_body_use(&self, id: StreamId) -> Option<BodyUse> {
        let response = &self.exchanges.get(&id)?.response;
        if response.held.is_some() {
            Some(BodyUse::Hold)
        } else if response.stream.is_some() {
            Some(BodyUse::Filter)
        } else {
            let is_reading = response.meter.as_ref()?.is_reading();
            is_reading.then_some(BodyUse::Read)
        }
    }

    /// Takes the next piece of a response's body; `None` if the host could not read it. The body of a
    /// response that passes is read for its token usage.
    pub fn response_body(
        &mut self,
        id: StreamId,
        piece: Option<&[u8]>,
        is_last: bool,
    ) -> Option<Returned> {
        let exchange = self.exchanges.get_mut(&id)?;
        let Some(held) = &mut exchange.response.held else {
            if let Some(meter) = &mut exchange.response.meter {
                meter.feed(piece, is_last);
            }
            return None;
        };
        self.inspections.note_delivery();
        let outcome = match piece {
            None => held.purpose.give_up("the host could not read it"),
            Some(piece) if held.body.len() + piece.len() > held.limit => held
                .purpose
                .give_up("it is longer than limits.body_inspected"),
            Some(piece) => match self.bodies.grow(id, piece.len()) {
                Err(limit) => {
                    let outcome = held.purpose.give_up_at(limit);
                    self.note_exceeded(limit);
                    outcome
                }
                Ok(()) => {
                    held.body.extend_from_slice(piece);
                    if !is_last {
                        return None;
                    }
                    held.evaluate(exchange.response.view.as_ref())
                }
            },
        };
        Some(self.release(id, outcome))
    }

    /// Returns the denial for a status that means a failure of the gateway or the upstream.
    fn failure_by_status(
        &self,
        id: StreamId,
        status: Option<u16>,
        is_upstreams: bool,
    ) -> Option<Denial> {
        let forward = &self.config.forward;
        let credential = self.exchanges.get(&id)?.record.credential.as_ref();
        match (status?, credential) {
            (status @ (401 | 403), Some(name)) if forward.remap_auth && is_upstreams => {
                Some(Denial::CredentialRejected {
                    credential: name.clone(),
                    status,
                })
            }
            (503, _) if forward.remap_unavailable => {
                Some(Denial::EndpointUnavailable(if is_upstreams {
                    Unavailable::Asleep
                } else {
                    Unavailable::Unreachable
                }))
            }
            _ => None,
        }
    }

    fn never_returned(&self, id: StreamId, headers: &Headers) -> Vec<&'static str> {
        let exchange = self.exchanges.get(&id);
        let ours = exchange.is_some_and(|exchange| exchange.record.credential.is_some());
        let challenge = ours.then_some(CHALLENGE);
        let names = NEVER_RETURNED.into_iter().chain(challenge);
        names.filter(|name| headers.has(name)).collect()
    }

    /// Begins to read the token usage of a model's response.
    fn meter(&mut self, id: StreamId, status: Option<u16>, headers: &Headers) {
        if let Some(Exchange {
            record,
            response,
            session,
            ..
        }) = self.exchanges.get_mut(&id)
        {
            // An MCP server is not a model.
            let asks = !matches!(&*record.method, "GET" | "HEAD" | "OPTIONS")
                && *record.path != *COUNT_TOKENS
                && session.owner.is_none();
            let is_good = matches!(status, Some(200..=299));
            response.meter = (asks && is_good).then(|| Meter::new(headers));
        }
    }

    /// Whether a response may be a list of models to filter. An error response never is.
    fn is_list(&self, id: StreamId, status: Option<u16>) -> bool {
        let exchange = self.exchanges.get(&id);
        let had_view = exchange.is_some_and(|exchange| exchange.response.view.is_some());
        had_view && status.is_none_or(|status| status < 300)
    }

    pub(in crate::gate) fn release(&mut self, id: StreamId, outcome: Outcome) -> Returned {
        self.bodies.release(id);
        if let Some(exchange) = self.exchanges.get_mut(&id) {
            exchange.response.held = None;
        }
        match outcome {
            Outcome::Pass => Return::Pass.into(),
            Outcome::Failed(denial) => self.fail(id, &denial),
            Outcome::List(body) => {
                let edit = |name: &'static str, value: String| Edit {
                    name: name.into(),
                    value,
                };
                // A cache must not serve one caller's list to another caller.
                let edits = vec![
                    edit("cache-control", "no-store".to_owned()),
                    edit("content-type", "application/json".to_owned()),
                    edit("content-length", body.len().to_string()),
                ];
                Returned {
                    step: Return::Rewrite { edits, body },
                    remove: OF_THE_WHOLE.to_vec(),
                    set: Vec::new(),
                    marks: Vec::new(),
                }
            }
        }
    }

    /// Replaces the upstream's response with a denial.
    fn fail(&mut self, id: StreamId, denial: &Denial) -> Returned {
        self.note_failure(id, denial);
        let Some(exchange) = self.exchanges.get(&id) else {
            return Return::Pass.into();
        };
        let mark = || (StateValue::Code.name(), exchange.record.code.into());
        let is_marked = self.config.audit.filter_state.has(StateValue::Code);
        let reply = reply(denial, &self.config.replies, &exchange.reply_context);
        Returned {
            marks: Vec::from_iter(is_marked.then(mark)),
            ..Return::Replace(reply).into()
        }
    }

    /// Records and counts that the caller of a permitted request did not get the upstream's response.
    fn note_failure(&mut self, id: StreamId, denial: &Denial) {
        if let Some(Exchange { record, .. }) = self.exchanges.get_mut(&id) {
            record.fail(denial);
            let detail = match denial {
                Denial::CredentialRejected { credential, .. } => Some(&**credential),
                Denial::QuotaExceeded(limit) => {
                    Some(self.limit_labels.label(limit.name.as_deref()))
                }
                _ => None,
            };
            let count = metrics::upstream(record.code, detail);
            self.notices.push(Notice::Count(count.into()));
        }
    }
}

fn status(headers: &Headers) -> Option<u16> {
    headers.text(":status")?.parse().ok()
}

fn is_plain(headers: &Headers) -> bool {
    let plain = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
    headers.all("content-encoding").all(plain)
}
