//! Output of audit records: to the host's log and to the export service.

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
    /// Logs and exports a record. Every record is exported, even if `audit.log` omits it from the log.
    pub(in crate::gate) fn output(&mut self, mut record: Record, now: Timestamp) {
        let (log, longest) = (self.config.audit.log, self.host.log_line);
        let is_logged = match log {
            AuditLog::All => true,
            AuditLog::Denied => record.is_unserved(),
            AuditLog::Off => false,
        };
        let chains = &mut self.chains;
        let exported = self
            .exporter
            .is_some()
            .then(|| chains.export.write(&mut record, None));
        // A log that contains every record in full has the same lines as the export.
        let is_same = log == AuditLog::All && longest.is_none();
        let logged = is_logged.then(|| match &exported {
            Some(line) if is_same => line.clone(),
            Some(_) | None => chains.log.write(&mut record, longest),
        });
        if let (Some(exporter), Some(line)) = (&mut self.exporter, exported) {
            exporter.push(line, now);
            self.notices
                .push(Notice::Count(metrics::EXPORT_ACCEPTED.into()));
        }
        let level = self.config.audit.level;
        self.notices
            .extend(logged.map(|line| Notice::Audit(level, line)));
    }

    /// Begins the next export call, if one is due.
    pub(in crate::gate) fn begin_export(&mut self, now: Timestamp) {
        let Some(exporter) = &mut self.exporter else {
            return;
        };
        if let Some(losses) = exporter.take_losses(now) {
            self.notices.extend(loss_notices(losses));
        }
        let delivers = self.mailbox.as_ref().is_none_or(|own| own.delivers(now));
        let may_export = self.phase == Phase::Open && (delivers || exporter.is_pressed());
        if !may_export || self.service_tokens.is_coming(exporter.auth(), now) {
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
                let text = format!("audit export: recovered; {queued} records are queued");
                recovered.then_some((Level::Info, text))
            }
            Progress::Failed { failure, first } => {
                let text = format!(
                    "audit export: {failure}; {queued} records are queued and will be retried with \
                     increasing delays"
                );
                first.then_some((Level::Warn, text))
            }
            Progress::Refused { status } => {
                let text = format!(
                    "audit export: the service rejected records with status {status}; they will not \
                     be retried"
                );
                Some((Level::Error, text))
            }
        };
        let count = Notice::Count(metrics::export_call(good).into());
        self.notices.push(count);
        self.notices
            .extend(log.map(|(level, text)| Notice::Log(level, text)));
        match self.phase {
            Phase::Open => self.begin_export(now),
            Phase::Closing { .. } if good => self.flush_export(now),
            // There is no time for a retry while the plugin shuts down.
            Phase::Closing { .. } => self.phase = Phase::Closing { rounds: 0 },
            Phase::Closed => {}
        }
    }

    /// Begins an export call with the remaining records.
    pub(in crate::gate) fn flush_export(&mut self, now: Timestamp) {
        let call = self.exporter.as_mut().and_then(|own| own.begin(now));
        if let Some((attempt, callout)) = call {
            self.call(CallId::Export(attempt), callout, now);
        }
    }
}

fn loss_notices(losses: Losses) -> Vec<Notice> {
    let Losses { no_room, refused } = losses;
    let reasons = [
        (
            no_room,
            metrics::EXPORT_LOST_NO_ROOM,
            "the queue is full, and the oldest records were dropped",
        ),
        (
            refused,
            metrics::EXPORT_LOST_REFUSED,
            "the service rejected them",
        ),
    ];
    let notices = reasons.into_iter().filter(|(records, ..)| *records > 0);
    let notices = notices.flat_map(|(records, name, why)| {
        let text = format!("audit export: {records} records were lost: {why}");
        [
            Notice::Add(name.into(), records),
            Notice::Log(Level::Error, text),
        ]
    });
    notices.collect()
}
