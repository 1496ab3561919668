//! One exporter for all VMs: who delivers takes what the others hand over, and the others hand over
//! what they have. The plugin's end: what is left is sent, or left to the others.

use crate::export::Exporter;
use crate::gate::Gate;
use crate::sharing::mailbox::Role;
use crate::sharing::{Mailbox, SharedData, Unavailable};
use crate::time::Timestamp;

/// How far the plugin's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Open,
    /// What is left is being sent, and so often what others hand over meanwhile.
    Closing {
        rounds: u32,
    },
    Closed,
}

/// Others may go one by one; each can hand over once more before it does.
const LAST_ROUNDS: u32 = 16;

impl Gate {
    pub(in crate::gate) fn join_spool(
        &mut self,
        me: u64,
        data: &dyn SharedData,
    ) -> Result<(), Unavailable> {
        if self.exporter.is_some() {
            self.mailbox = Some(Mailbox::join(me, &self.config.export_seal, data)?);
        }
        Ok(())
    }

    /// Takes what others have handed over, or hands over.
    pub(in crate::gate) fn share_export(&mut self, now: Timestamp, data: &dyn SharedData) {
        let (Some(mailbox), Some(exporter)) = (&mut self.mailbox, &mut self.exporter) else {
            return;
        };
        if self.phase == Phase::Closed {
            return;
        }
        for (slot, rest) in exporter.take_progress() {
            mailbox.keep(slot, rest, data);
        }
        let is_last = self.phase != Phase::Open && !exporter.is_calling();
        if is_last {
            mailbox.hurry();
        }
        let role = mailbox.turn(now, data);
        if role != Role::Lead {
            exporter.pass_on();
        }
        // Who delivers too: its own outlive it as well.
        if role != Role::Independent && self.phase == Phase::Open && mailbox.accepts(now) {
            exporter.hand_over(now, |parcel| mailbox.put(parcel, now, data));
        }
        if role == Role::Lead {
            for (slot, content) in mailbox.take(now, data) {
                if !exporter.collect(slot, &content, now) {
                    mailbox.keep(slot, Vec::new(), data);
                }
            }
        }
        if is_last {
            self.end_export(now, data);
        }
    }

    /// The plugin goes: begins to send what is left of the records. To be followed by
    /// [`Gate::take_calls`], answers and [`Gate::share`] as ever, until [`Gate::is_closed`].
    pub fn close(&mut self, now: Timestamp, data: &dyn SharedData) {
        self.phase = Phase::Closing {
            rounds: LAST_ROUNDS,
        };
        if self.mailbox.is_none() {
            self.empty_export(now);
            return;
        }
        self.share_export(now, data);
    }

    /// Whether nothing more can be done for the records that are left.
    pub fn is_closed(&self) -> bool {
        let is_idle = |exporter: &Exporter| !exporter.is_calling();
        self.phase != Phase::Open && self.exporter.as_ref().is_none_or(is_idle)
    }

    /// No call is under way: sends what is left, if there is any and the last call went well. Else that
    /// is all: what is in the slots, and what has found no one to take it, stays there for others.
    fn end_export(&mut self, now: Timestamp, data: &dyn SharedData) {
        if let Phase::Closing {
            rounds: rounds @ 1..,
        } = &mut self.phase
            && self.exporter.as_ref().is_some_and(|own| !own.is_empty())
        {
            *rounds -= 1;
            self.empty_export(now);
        }
        let (Some(mailbox), Some(exporter)) = (&mut self.mailbox, &mut self.exporter) else {
            return;
        };
        if exporter.is_calling() {
            return;
        }
        exporter.pass_on();
        exporter.hand_over_all(|parcel| mailbox.put(parcel, now, data));
        mailbox.leave(now, data);
        self.phase = Phase::Closed;
    }
}
