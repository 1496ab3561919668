//! The plugin in one VM: its configuration, its ticks, and its callouts.
//!
//! Callouts are made here, since an answer to a call of a stream that is gone is lost. (Where a
//! request can be woken by nothing else, it makes a copy: see `alone`.)

use super::Shared;
use super::abi::{self, Buffer};
use super::calls::{self, SharedCalls};
use super::crypto::{self, Signatures};
use super::effects::{self, Taken};
use super::http::Http;
use super::kind::{Kind, kind};
use super::meters::{self, Gauges};
use super::response;
use super::shared::HostData;
use crate::config;
use crate::fetch::callout::Answer;
use crate::gate::{CallId, Gate, HostLimits, StreamId};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use std::rc::Rc;

/// How often the gate is told the time. A request's need for keys is met at the next tick, so this
/// is short; a tick with nothing due costs a few microseconds.
const TICK_MILLIS: u32 = 50;
/// Gauges are told once a second.
const TICKS_PER_SHOW: u32 = 1000 / TICK_MILLIS;
/// What ngx_wasm_module can't do: nginx cuts lines of its log at 2,047 bytes, of which its own prefix
/// takes some, and Kong logs at `notice`.
const NGINX: HostLimits = HostLimits {
    withholds_bodies: true,
    keeps_repeated_headers: true,
    log_line: Some(1800),
    shows: Some(log::Level::Warn),
    ends_unannounced: true,
};
/// Largest configuration we read.
const MAX_CONFIGURATION_BYTES: usize = 4 * 1024 * 1024;

pub struct Root {
    id: u32,
    gate: Shared,
    signatures: Signatures,
    calls: SharedCalls,
    ticks: u32,
    gauges: Gauges,
    owes_done: bool,
}

impl Root {
    pub fn new(id: u32) -> Self {
        Self {
            id,
            gate: Shared::default(),
            signatures: Signatures::default(),
            calls: SharedCalls::default(),
            ticks: 0,
            gauges: Gauges::default(),
            owes_done: false,
        }
    }

    /// Does what the gate wants done from the root, until it wants nothing more.
    fn settle(&mut self) {
        loop {
            let (wanted, wakeups, notices) = match self.gate.borrow_mut().as_mut() {
                Some(gate) => {
                    gate.share(abi::now(), &HostData);
                    (gate.take_calls(), gate.take_wakeups(), gate.take_notices())
                }
                None => return,
            };
            effects::tell(notices);
            let mut calls = self.calls.borrow_mut().take_queued();
            calls.extend(wanted);
            // Where none can be woken from here, each sees to itself.
            let wakeups = match kind() {
                Kind::Envoy => wakeups,
                Kind::Nginx => Vec::new(),
            };
            if calls.is_empty() && wakeups.is_empty() {
                return;
            }
            for call in calls {
                match calls::dispatch(&call.callout) {
                    Ok(token) => self.calls.borrow_mut().begun(token, call),
                    Err(error) => self.answered(call.ticket, Answer::Failed(error)),
                }
            }
            for stream in wakeups {
                self.resume(stream);
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.gate.borrow().as_ref().is_none_or(Gate::is_closed)
    }

    fn answered(&mut self, ticket: CallId, answer: Answer) {
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
        self.resume_request(stream);
        self.resume_response(stream);
        let _ = abi::set_effective_context(self.id);
    }

    fn resume_request(&self, stream: StreamId) {
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
    }

    fn resume_response(&self, stream: StreamId) {
        let now = abi::now();
        let returned = self
            .gate
            .borrow_mut()
            .as_mut()
            .and_then(|gate| gate.resume_response(stream, now));
        // From here a response is given up, not rewritten, so that no part of its body is replaced.
        if returned.is_some_and(|returned| response::take(returned, 0)) {
            abi::resume_response();
        }
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

/// The answer to a configuration that can't be used. Envoy keeps the last good one, or does not start.
/// With ngx_wasm_module nginx stays up, and callers of a filter that has refused wait for ever: there
/// each request is answered with status 500 instead, since there is no gate.
fn refused() -> bool {
    let answers_anyway = kind() == Kind::Nginx;
    if answers_anyway {
        let text = "every request is denied with status 500 until the configuration is corrected \
                    and the gateway is reloaded";
        abi::log(log::Level::Error, text);
    }
    answers_anyway
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
                    return refused();
                };
                self.signatures = signatures;
                let summary = config.summary();
                abi::log(
                    config.audit.level,
                    &format!("configuration accepted: {summary}"),
                );
                let now = abi::now();
                let mut gate = Gate::new(config, now);
                match kind() {
                    Kind::Envoy => {
                        let vm_id = abi::property(&["plugin_vm_id"]).unwrap_or_default();
                        gate.join(&vm_id, Some(&HostData), now);
                    }
                    Kind::Nginx => {
                        // Shared data that is not set up aborts the filter there.
                        gate.join(&[], None, now);
                        gate.limit(NGINX);
                    }
                }
                effects::tell(gate.take_notices());
                *self.gate.borrow_mut() = Some(gate);
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
                refused()
            }
        }
    }

    fn on_tick(&mut self) {
        let now = abi::now();
        self.calls.borrow_mut().ticked = Some(now);
        if let Some(gate) = self.gate.borrow_mut().as_mut() {
            gate.tick(now);
        }
        self.settle();
        meters::flush();
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(TICKS_PER_SHOW) {
            let gauges = self.gate.borrow().as_ref().map(|gate| gate.gauges(now));
            self.gauges.show(gauges.unwrap_or_default());
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(
            id,
            Rc::clone(&self.gate),
            Rc::clone(&self.calls),
            self.signatures,
        )))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Root {
    /// False: records are still on their way, and [`abi::done`] follows.
    fn on_done(&mut self) -> bool {
        // Elsewhere a callout may not begin here, and nobody may say later that it is done.
        if kind() == Kind::Envoy {
            let now = abi::now();
            if let Some(gate) = self.gate.borrow_mut().as_mut() {
                gate.leave(now, &HostData);
                gate.close(now, &HostData);
            }
            self.settle();
            self.owes_done = !self.is_closed();
        }
        meters::flush();
        self.gauges.withdraw();
        !self.owes_done
    }

    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _: usize) {
        let ended = self.calls.borrow_mut().ended(token);
        let Some(ticket) = ended else { return };
        self.answered(ticket, calls::read_answer(headers, body));
        // From here ngx_wasm_module allows no further call: what is wanted now waits for the tick.
        if kind() == Kind::Envoy {
            self.settle();
            if self.owes_done && self.is_closed() {
                self.owes_done = false;
                meters::flush();
                abi::done();
            }
        }
    }
}
