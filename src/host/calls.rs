//! Callouts: queued calls, calls in flight, and their answers.

use super::abi::{self, Buffer, Map};
use super::kind::{Kind, kind};
use crate::fetch::callout::{Answer, Callout, CalloutError};
use crate::gate::{Call, CallId};
use crate::time::Timestamp;
use proxy_wasm::hostcalls;
use proxy_wasm::types::Status;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The maximum size of an answer; each kind of call has its own smaller limit.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The calls of the root context, shared with its requests.
#[derive(Default)]
pub struct Calls {
    /// Calls that requests need; the root makes them at its next tick.
    queued: Vec<Call>,
    /// Calls in flight, by the host's token.
    open: HashMap<u32, Call>,
    /// The time of the root's last tick.
    pub ticked: Option<Timestamp>,
}

pub type SharedCalls = Rc<RefCell<Calls>>;

impl Calls {
    pub fn queue(&mut self, calls: Vec<Call>) {
        self.queued.extend(calls);
    }

    pub fn take_queued(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.queued)
    }

    pub fn begun(&mut self, token: u32, call: Call) {
        self.open.insert(token, call);
    }

    pub fn ended(&mut self, token: u32) -> Option<CallId> {
        self.open.remove(&token).map(|call| call.call_id)
    }

    /// Returns a call that is queued or in flight.
    pub fn find(&self, is_wanted: impl Fn(CallId) -> bool) -> Option<&Call> {
        let mut all = self.open.values().chain(&self.queued);
        all.find(|call| is_wanted(call.call_id))
    }
}

/// Makes a call in the effective context and returns the host's token.
pub fn dispatch(callout: &Callout) -> Result<u32, CalloutError> {
    let target = &callout.target;
    if kind() == Kind::Nginx && !is_address(&target.cluster) {
        return Err(CalloutError::UnknownCluster);
    }
    let mut headers = vec![
        (":method", callout.method),
        (":scheme", target.scheme),
        (":authority", target.authority.as_str()),
        (":path", target.path.as_str()),
    ];
    headers.extend(
        callout
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let body = (!callout.body.is_empty()).then_some(callout.body.as_slice());
    // The SDK must make this call, since it must know the token of the answer.
    hostcalls::dispatch_http_call(&target.cluster, headers, body, Vec::new(), callout.timeout)
        .map_err(|status| match status {
            Status::BadArgument => CalloutError::UnknownCluster,
            _ => CalloutError::NoHost,
        })
}

/// Whether ngx_wasm_module accepts a text as a host with or without a port; it aborts the filter on any
/// other text.
fn is_address(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    !host.is_empty()
        && host.starts_with('[') == host.contains(':')
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Reads the answer announced by `on_http_call_response`.
pub fn read_answer(headers: usize, size: usize) -> Answer {
    // If a call failed before it was complete, it has no headers, and reading them would abort the VM.
    if headers == 0 {
        return Answer::Failed(CalloutError::Interrupted);
    }
    if size > MAX_ANSWER_BYTES {
        return Answer::Failed(CalloutError::TooLarge {
            size,
            limit: MAX_ANSWER_BYTES,
        });
    }
    let status = abi::header(Map::CallResponse, ":status")
        .and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok());
    let Some(status) = status else {
        return Answer::Failed(CalloutError::Interrupted);
    };
    let retry_after = abi::header(Map::CallResponse, "retry-after");
    let body = abi::buffer(Buffer::CallResponseBody, size);
    Answer::of(status, retry_after.as_deref(), body.unwrap_or_default())
}
