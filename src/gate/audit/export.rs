//! Where audit records go: to the host's log, and to the service they are exported to.

use crate::audit::Record;
use crate::config::AuditLog;
use crate::export::{Attempt, Losses, Progress};
use crate::fetch::callout::Answer;
use crate::gate::audit::handover::Phase;
use crate::gate::fetch::answers::CallId;
use crate::gate::{Gate, Notice};
use crate::metrics;
use crate::time::Timestamp;
use log::Level;

impl Gate {
    /// Keeps a record. What is exported is every decision, whatever the log shows.
    pub(in crate::gate) fn keep(&mut self, record: &Record, now: Timestamp) {
        let logged = match self.config.audit.log {
            AuditLog::All => true,
            AuditLog::Denied => record.is_unserved(),
            AuditLog::Off => false,
        };
        if !logged && self.exporter.is_none() {
            return;
        }
        let line = record.line();
        let logged = logged.then(|| self.fit_for_log(record, &line));
        if let Some(exporter) = &mut self.exporter {
            exporter.push(line, now);
            self.notices
                .push(Notice::Count(metrics::EXPORT_ACCEPTED.into()));
        }
        let level = self.config.audit.level;
        self.notices
            .extend(logged.map(|line| Notice::Audit(level, line)));
    }

    /// The line of a record that this host's log holds in full.
    fn fit_for_log(&self, record: &Record, line: &str) -> String {
        match self.host.log_line {
            Some(longest) if line.len() > longest => record.line_within(longest),
            Some(_) | None => line.to_owned(),
        }
    }

    /// Begins the export's next call, if one is due.
    pub(in crate::gate) fn begin_export(&mut self, now: Timestamp) {
        let Some(exporter) = &mut self.exporter else {
            return;
        };
        if let Some(losses) = exporter.take_losses(now) {
            self.notices.extend(complaints(losses));
        }
        let delivers = self.mailbox.as_ref().is_none_or(|own| own.delivers(now));
        let is_ours = self.phase == Phase::Open && (delivers || exporter.is_pressed());
        if !is_ours || self.leases.is_coming(exporter.auth(), now) {
            return;
        }
        if let Some((attempt, callout)) = exporter.due(now) {
            self.call(CallId::Export(attempt), callout, now);
        }
    }

    pub(in crate::gate) fn export_answered(
        &mut self,
        attempt: Attempt,
        answer: &Answer,
        now: Timestamp,
    ) {
        let Some(exporter) = &mut self.exporter else {
            return;
        };
        let progress = exporter.answered(attempt, answer, now);
        let queued = exporter.len();
        let good = matches!(progress, Progress::Delivered { .. });
        let log = match progress {
            Progress::Late => return,
            Progress::Delivered { records, recovered } => {
                self.notices
                    .push(Notice::Add(metrics::EXPORT_DELIVERED.into(), records));
                let text = format!("audit export: records arrive again, {queued} are queued");
                recovered.then_some((Level::Info, text))
            }
            Progress::Failed { failure, first } => {
                let text = format!(
                    "audit export: {failure}; {queued} records are queued, and tried again with \
                     growing pauses"
                );
                first.then_some((Level::Warn, text))
            }
            Progress::Refused { status } => {
                let text =
                    format!("audit export: the service refuses records for good: status {status}");
                Some((Level::Error, text))
            }
        };
        let count = Notice::Count(metrics::export_call(good).into());
        self.notices.push(count);
        self.notices
            .extend(log.map(|(level, text)| Notice::Log(level, text)));
        match self.phase {
            Phase::Open => self.begin_export(now),
            Phase::Closing { .. } if good => self.empty_export(now),
            // One failure ends it: there is no time for more.
            Phase::Closing { .. } => self.phase = Phase::Closing { rounds: 0 },
            Phase::Closed => {}
        }
    }

    pub(in crate::gate) fn empty_export(&mut self, now: Timestamp) {
        let call = self.exporter.as_mut().and_then(|own| own.begin(now));
        if let Some((attempt, callout)) = call {
            self.call(CallId::Export(attempt), callout, now);
        }
    }
}

fn complaints(losses: Losses) -> Vec<Notice> {
    let Losses { no_room, refused } = losses;
    let told = [
        (
            no_room,
            metrics::EXPORT_LOST_NO_ROOM,
            "the queue is full, and newer ones need the room",
        ),
        (
            refused,
            metrics::EXPORT_LOST_REFUSED,
            "the service has refused them",
        ),
    ];
    let notices = told.into_iter().filter(|(records, ..)| *records > 0);
    let notices = notices.flat_map(|(records, name, why)| {
        let text = format!("audit export: {records} records are lost: {why}");
        [
            Notice::Add(name.into(), records),
            Notice::Log(Level::Error, text),
        ]
    });
    notices.collect()
}
