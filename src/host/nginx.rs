//! Pending requests on ngx_wasm_module, where no other context can resume a request. Each request makes its own copy of
//! the root's call for which it waits, and is decided again when the copy ends. The host forwards a request when its
//! last call has ended, unless the request was answered. So every callback must end with a permit, an answer or another
//! call.

use crate::gate::{CallId, Gate, Ruling};
use crate::host::abi;
use crate::host::calls;
use crate::host::effects::{self, Taken};
use crate::host::http::Http;
use crate::host::kind::{Kind, kind};
use std::time::Duration;

/// The minimum timeout of a call. ngx_wasm_module closes the connection without an answer if a call of a few
/// milliseconds follows one that timed out.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(50);
/// The number of failed copies after which a request stops waiting. Otherwise a service that fails immediately
/// would be called without a pause.
const MAX_FAILURES: u32 = 3;

impl Http {
    /// Executes a ruling. A request that must wait makes the call that resumes it.
    pub(super) fn take(&mut self, ruling: Ruling) -> Taken {
        match (effects::take(ruling), kind()) {
            (Taken::Waiting, Kind::Nginx) => self.wait_for_own_call(),
            (taken, _) => taken,
        }
    }

    fn wait_for_own_call(&mut self) -> Taken {
        let may_retry = self.own_failures < MAX_FAILURES;
        self.own_call = may_retry.then(|| self.copy_call()).flatten();
        match self.own_call {
            Some(_) => Taken::Waiting,
            None => self.decide_now(),
        }
    }

    /// Makes a copy of the call that the request waits for, in the request's context. `None`: there is no such
    /// call, or the host refused it.
    fn copy_call(&self) -> Option<(u32, CallId)> {
        let now = abi::now();
        let (call_id, callout) = {
            let mut gate = self.gate.borrow_mut();
            let gate = gate.as_mut()?;
            // Due calls begin now rather than at the next tick.
            gate.tick(now);
            let mut calls = self.calls.borrow_mut();
            calls.queue(gate.take_calls());
            let left = |call_id| gate.waits_for(self.id, call_id, now);
            let call = calls.find(|call_id| left(call_id).is_some())?;
            let mut callout = call.callout.clone();
            let left = left(call.call_id).filter(|left| *left >= SHORTEST_TIMEOUT)?;
            callout.timeout = callout.timeout.clamp(SHORTEST_TIMEOUT, left);
            (call.call_id, callout)
        };
        let token = calls::dispatch(&callout).ok()?;
        Some((token, call_id))
    }

    /// Decides the request now, since there is no call for which it could wait.
    fn decide_now(&self) -> Taken {
        let now = abi::now();
        let ruling = self.ask(|gate| gate.give_up(self.id, now, &self.signatures));
        match ruling.map(effects::take) {
            Some(Taken::Waiting) | None => {
                effects::refuse("entragate.internal");
                Taken::Ended
            }
            Some(taken) => taken,
        }
    }

    /// Handles the end of the copy. The host forwards the request after this callback unless it is answered or
    /// makes another call.
    pub(super) fn own_call_ended(&mut self, token: u32, headers: usize, body: usize) {
        let answer = calls::read_answer(headers, body);
        let now = abi::now();
        let own = self.own_call.take_if(|(own, _)| *own == token);
        self.own_failures += u32::from(!answer.is_good());
        let ruling = own.and_then(|(_, call_id)| {
            self.ask(|gate| {
                gate.copy_answered(call_id, answer, now);
                gate.resume(self.id, now, &self.signatures)
            })
        });
        match ruling {
            Some(ruling) => drop(self.take(ruling)),
            None => effects::refuse("entragate.internal"),
        }
    }

    /// Queries the gate and reports its notices.
    fn ask(&self, question: impl FnOnce(&mut Gate) -> Option<Ruling>) -> Option<Ruling> {
        let (ruling, notices) = {
            let mut gate = self.gate.borrow_mut();
            let gate = gate.as_mut()?;
            (question(gate), gate.take_notices())
        };
        effects::report(notices);
        ruling
    }
}
