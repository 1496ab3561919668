//! The root context, one plugin in one VM: configuration, ticks and callouts.
//!
//! Callouts are made here, since the answer to a call of an ended stream would be lost. On nginx each pending
//! request makes a copy of the call (see [`nginx`](super::nginx)).

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

/// The period of ticks. Calls that a request needs are made at the next tick, so the period is short. A tick
/// without due work costs a few microseconds.
const TICK_MILLIS: u32 = 50;
/// Gauges are passed to the host once a second.
const TICKS_PER_SHOW: u32 = 1000 / TICK_MILLIS;
/// The limits of ngx_wasm_module. nginx cuts log lines at 2,047 bytes, including its own prefix, and Kong's log
/// level is `notice`.
const NGINX: HostLimits = HostLimits {
    withholds_bodies: true,
    withholds_responses: true,
    keeps_repeated_headers: true,
    log_line: Some(1800),
    shows: Some(log::Level::Warn),
    ends_unannounced: true,
};
/// The maximum size of a configuration.
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

    /// Executes the gate's calls, wake-ups and notices until there are none left.
    fn settle(&mut self) {
        loop {
            let (wanted, wakeups, notices) = match self.gate.borrow_mut().as_mut() {
                Some(gate) => {
                    gate.share(abi::now(), &HostData);
                    (gate.take_calls(), gate.take_wakeups(), gate.take_notices())
                }
                None => return,
            };
            effects::report(notices);
            let mut calls = self.calls.borrow_mut().take_queued();
            calls.extend(wanted);
            // On nginx requests can't be resumed from here; each resumes after its own call.
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
                    Err(error) => self.answered(call.call_id, Answer::Failed(error)),
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

    fn answered(&mut self, call_id: CallId, answer: Answer) {
        let now = abi::now();
        if let Some(gate) = self.gate.borrow_mut().as_mut() {
            gate.answered(call_id, answer, now);
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
        // A response resumed from here is never rewritten, so no part of its body is replaced.
        if returned.is_some_and(|returned| response::take(returned, 0)) {
            abi::resume_response();
        }
    }
}

/// Reports to the gate how many bytes of a request have arrived, if the gate needs it.
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

/// Returns the result of `on_configure` for an invalid configuration. Envoy keeps the last valid one or does not
/// start. nginx keeps running, and requests to a filter that has rejected its configuration would hang. On nginx the
/// result is therefore true, and every request is answered with status 500, since there is no gate.
fn refused() -> bool {
    let answers_anyway = kind() == Kind::Nginx;
    if answers_anyway {
        let text = "every request is denied with status 500 until the configuration is corrected \
                    and the gateway is reloaded";
        abi::log(log::Level::Error, text);
    }
    answers_anyway
}

/// Drops the gate's state of a stream that no longer exists.
pub fn forget(gate: &Shared, stream: StreamId) {
    // A stream can end while the gate is borrowed; then its state is dropped later.
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
                        let vm_id = abi::property("plugin_vm_id").unwrap_or_default();
                        gate.join(&vm_id, Some(&HostData), now);
                    }
                    Kind::Nginx => {
                        // nginx aborts the filter if shared data is not configured.
                        gate.join(&[], None, now);
                        gate.limit(NGINX);
                    }
                }
                effects::report(gate.take_notices());
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
    /// Returns false while records are still being sent; [`abi::done`] follows.
    fn on_done(&mut self) -> bool {
        // Other hosts allow no callout here and no `done` later.
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
        let Some(call_id) = ended else { return };
        self.answered(call_id, calls::read_answer(headers, body));
        // ngx_wasm_module allows no further call from here, so queued calls wait for the next tick.
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
