//! Export by one VM on behalf of all: the leading VM collects the records that other VMs hand over
//! through the mailbox. When the plugin shuts down, the remaining records are sent or handed over.

use crate::export::Exporter;
use crate::gate::Gate;
use crate::sharing::mailbox::Role;
use crate::sharing::{Mailbox, SharedData, Unavailable};
use crate::time::Timestamp;

/// The phase of the plugin's shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Open,
    /// Remaining records are being sent. `rounds` limits the number of further calls for records that other VMs hand
    /// over during this phase.
    Closing {
        rounds: u32,
    },
    Closed,
}

/// Other VMs may shut down one after the other, and each can hand over records once more before that.
const LAST_ROUNDS: u32 = 16;

impl Gate {
    /// Joins the mailbox of the configuration, if records are exported.
    pub(in crate::gate) fn join_mailbox(
        &mut self,
        me: u64,
        data: &dyn SharedData,
    ) -> Result<(), Unavailable> {
        if self.exporter.is_some() {
            self.mailbox = Some(Mailbox::join(me, &self.config.export_mac, data)?);
        }
        Ok(())
    }

    /// Collects the records that other VMs have handed over, or hands over the records of this VM.
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
        // The leading VM also hands over, so that its own records survive its end.
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

    /// Begins the shutdown by sending the remaining records. The host continues with
    /// [`Gate::take_calls`], [`Gate::answered`] and [`Gate::share`] until [`Gate::is_closed`].
    pub fn close(&mut self, now: Timestamp, data: &dyn SharedData) {
        self.phase = Phase::Closing {
            rounds: LAST_ROUNDS,
        };
        if self.mailbox.is_none() {
            self.flush_export(now);
            return;
        }
        self.share_export(now, data);
    }

    /// Whether the shutdown is complete: it has begun, and no export call is in flight.
    pub fn is_closed(&self) -> bool {
        let is_idle = |exporter: &Exporter| !exporter.is_calling();
        self.phase != Phase::Open && self.exporter.as_ref().is_none_or(is_idle)
    }

    /// Sends the remaining records if there are any and the last call succeeded. Otherwise the shutdown
    /// ends: remaining records are handed over and stay in the mailbox for other VMs.
    fn end_export(&mut self, now: Timestamp, data: &dyn SharedData) {
        if let Phase::Closing {
            rounds: rounds @ 1..,
        } = &mut self.phase
            && self.exporter.as_ref().is_some_and(|own| !own.is_empty())
        {
            *rounds -= 1;
            self.flush_export(now);
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
