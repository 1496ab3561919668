//! The plugin in one VM: its configuration, its ticks, and every callout.
//!
//! Callouts are made here alone, since an answer to a call of a stream that is gone is lost.

use super::Shared;
use super::abi::{self, Buffer, Map};
use super::crypto::{self, Signatures};
use super::effects::{self, Taken};
use super::http::Http;
use crate::callout::{Answer, Callout, CalloutError};
use crate::config;
use crate::gate::{Call, Gate, StreamId, Ticket};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, Status};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// How often the gate is told the time. A request's need for keys is met at the next tick, so this
/// is short; a tick with nothing due costs a few microseconds.
const TICK_MILLIS: u32 = 50;
/// Largest answer we read; every kind has a smaller limit of its own.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Largest configuration we read.
const MAX_CONFIGURATION_BYTES: usize = 4 * 1024 * 1024;

pub struct Root {
    id: u32,
    gate: Shared,
    signatures: Signatures,
    /// Calls under way, by the host's token.
    calls: HashMap<u32, Ticket>,
}

impl Root {
    pub fn new(id: u32) -> Self {
        Self {
            id,
            gate: Rc::new(RefCell::new(None)),
            signatures: Signatures::default(),
            calls: HashMap::new(),
        }
    }

    /// Does what the gate wants done from the root, until it wants nothing more.
    fn settle(&mut self) {
        loop {
            let (calls, wakeups, notices) = match self.gate.borrow_mut().as_mut() {
                Some(gate) => (gate.take_calls(), gate.take_wakeups(), gate.take_notices()),
                None => return,
            };
            effects::tell(notices);
            if calls.is_empty() && wakeups.is_empty() {
                return;
            }
            for Call { ticket, callout } in calls {
                match dispatch(&callout) {
                    Ok(token) => {
                        self.calls.insert(token, ticket);
                    }
                    Err(error) => self.answered(ticket, Answer::Failed(error)),
                }
            }
            for stream in wakeups {
                self.resume(stream);
            }
        }
    }

    fn answered(&mut self, ticket: Ticket, answer: Answer) {
        let now = abi::now();
        if let Some(gate) = self.gate.borrow_mut().as_mut() {
            gate.answered(ticket, answer, now);
        }
    }

    fn resume(&self, stream: StreamId) {
        if !abi::set_effective_context(stream) {
            forget(&self.gate, stream);
            return;
        }
        note_received(&self.gate, stream);
        let now = abi::now();
        let ruling = self
            .gate
            .borrow_mut()
            .as_mut()
            .and_then(|gate| gate.resume(stream, now, &self.signatures));
        if ruling.map(effects::take) == Some(Taken::Forwarded) {
            abi::resume_request();
        }
        let _ = abi::set_effective_context(self.id);
    }
}

/// Tells the gate how much of a request has come, if that could help it.
pub fn note_received(gate: &Shared, stream: StreamId) {
    let in_doubt = |gate: &Gate| gate.doubts_body(stream);
    if !gate.borrow().as_ref().is_some_and(in_doubt) {
        return;
    }
    if let Some(bytes) = abi::received()
        && let Some(gate) = gate.borrow_mut().as_mut()
    {
        gate.note_received(stream, bytes);
    }
}

/// Drops what the gate knows of a stream that is gone.
pub fn forget(gate: &Shared, stream: StreamId) {
    // A stream can end while the gate is at work; its entry is then found gone later.
    if let Ok(mut gate) = gate.try_borrow_mut()
        && let Some(gate) = gate.as_mut()
    {
        gate.forget(stream);
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        let text = abi::buffer(Buffer::PluginConfiguration, MAX_CONFIGURATION_BYTES);
        let env = |name: &str| std::env::var(name).ok();
        match config::load(&text.unwrap_or_default(), &env) {
            Ok(config) => {
                let Some(signatures) = crypto::choose(config.crypto) else {
                    return false;
                };
                self.signatures = signatures;
                let summary = config.summary();
                abi::log(
                    log::Level::Info,
                    &format!("configuration accepted: {summary}"),
                );
                *self.gate.borrow_mut() = Some(Gate::new(config, abi::now()));
                abi::set_tick_period(TICK_MILLIS);
                true
            }
            Err(errors) => {
                for error in errors.iter() {
                    abi::log(
                        log::Level::Error,
                        &format!("configuration refused: {error}"),
                    );
                }
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let now = abi::now();
        if let Some(gate) = self.gate.borrow_mut().as_mut() {
            gate.tick(now);
        }
        self.settle();
        effects::flush_counters();
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(
            id,
            Rc::clone(&self.gate),
            self.signatures,
        )))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _: usize) {
        if let Some(ticket) = self.calls.remove(&token) {
            self.answered(ticket, read_answer(headers, body));
            self.settle();
        }
    }
}

fn read_answer(headers: usize, size: usize) -> Answer {
    // A call that failed midway has no headers at all; asking for them then would be fatal.
    if headers == 0 {
        return Answer::Failed(CalloutError::Interrupted);
    }
    if size > MAX_ANSWER_BYTES {
        return Answer::Failed(CalloutError::TooLarge {
            size,
            limit: MAX_ANSWER_BYTES,
        });
    }
    let status = abi::header(Map::CallResponseHeaders, ":status")
        .and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok());
    let Some(status) = status else {
        return Answer::Failed(CalloutError::Interrupted);
    };
    let retry_after = abi::header(Map::CallResponseHeaders, "retry-after");
    let body = abi::buffer(Buffer::CallResponseBody, size);
    Answer::of(status, retry_after.as_deref(), body.unwrap_or_default())
}

fn dispatch(callout: &Callout) -> Result<u32, CalloutError> {
    let target = &callout.target;
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
    // The SDK must make this call, or it would not know the token of the answer.
    hostcalls::dispatch_http_call(&target.cluster, headers, body, Vec::new(), callout.timeout)
        .map_err(|status| match status {
            Status::BadArgument => CalloutError::UnknownCluster,
            _ => CalloutError::NoHost,
        })
}
