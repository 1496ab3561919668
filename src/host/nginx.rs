//! Requests that wait where no other context can wake them (ngx_wasm_module): each makes a copy of
//! the root's call it waits for, and is judged again when that ends. The host lets a request go as
//! soon as its last call has ended, unless it was answered; so there is always one of three things
//! then: a permit, an answer, or another call.

use crate::gate::{CallId, Gate, Ruling};
use crate::host::abi;
use crate::host::calls;
use crate::host::effects::{self, Taken};
use crate::host::http::Http;
use crate::host::kind::{Kind, kind};
use std::time::Duration;

/// With less time left no call is made: ngx_wasm_module closes the connection without an answer where
/// a call of a few milliseconds follows one that has timed out.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(50);
/// After so many copies without a good answer a request waits no longer: a service that fails at once
/// would else be called back to back.
const MOST_FAILURES: u32 = 3;

impl Http {
    /// Takes a step; a request that has to wait sees to it that it is woken.
    pub(super) fn take(&mut self, ruling: Ruling) -> Taken {
        match (effects::take(ruling), kind()) {
            (Taken::Waiting, Kind::Nginx) => self.wait_alone(),
            (taken, _) => taken,
        }
    }

    fn wait_alone(&mut self) -> Taken {
        let is_hopeful = self.own_failures < MOST_FAILURES;
        self.own_call = is_hopeful.then(|| self.copy_call()).flatten();
        match self.own_call {
            Some(_) => Taken::Waiting,
            None => self.decide_now(),
        }
    }

    /// Makes the call that is waited for once more, in this request's name. `None`: there is no such
    /// call, or the host would not make it.
    fn copy_call(&self) -> Option<(u32, CallId)> {
        let now = abi::now();
        let (ticket, callout) = {
            let mut gate = self.gate.borrow_mut();
            let gate = gate.as_mut()?;
            // What is due begins now, not at the next tick.
            gate.tick(now);
            let mut calls = self.calls.borrow_mut();
            calls.queue(gate.take_calls());
            let left = |ticket| gate.waits_for(self.id, ticket, now);
            let call = calls.find(|ticket| left(ticket).is_some())?;
            let mut callout = call.callout.clone();
            let left = left(call.ticket).filter(|left| *left >= SHORTEST_TIMEOUT)?;
            callout.timeout = callout.timeout.clamp(SHORTEST_TIMEOUT, left);
            (call.ticket, callout)
        };
        let token = calls::dispatch(&callout).ok()?;
        Some((token, ticket))
    }

    /// There is nothing to wait for.
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

    /// The copy has ended, and with this callback the host lets the request go.
    pub(super) fn own_call_ended(&mut self, token: u32, headers: usize, body: usize) {
        let answer = calls::read_answer(headers, body);
        let now = abi::now();
        let own = self.own_call.take_if(|(own, _)| *own == token);
        self.own_failures += u32::from(!answer.is_good());
        let ruling = own.and_then(|(_, ticket)| {
            self.ask(|gate| {
                gate.overheard(ticket, answer, now);
                gate.resume(self.id, now, &self.signatures)
            })
        });
        match ruling {
            Some(ruling) => drop(self.take(ruling)),
            None => effects::refuse("entragate.internal"),
        }
    }

    /// Asks the gate, and tells what it has to say beside.
    fn ask(&self, question: impl FnOnce(&mut Gate) -> Option<Ruling>) -> Option<Ruling> {
        let (ruling, notices) = {
            let mut gate = self.gate.borrow_mut();
            let gate = gate.as_mut()?;
            (question(gate), gate.take_notices())
        };
        effects::tell(notices);
        ruling
    }
}
