//! What a host can't do. Nothing is limited until the host says so.

use crate::config::AuditLog;
use crate::decision::Denial;
use crate::gate::request::authorizer::Outcome;
use crate::gate::{Gate, Notice, Ruling, StreamId};
use crate::http::headers::Headers;
use crate::metrics;
use crate::time::Timestamp;
use log::Level;

const TOO_MANY_FIELDS: &str = "it has more header fields than this gateway can read";

/// The limits of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostLimits {
    /// It hands out no body before the headers have gone upstream.
    pub withholds_bodies: bool,
    /// It can empty a header field, but only the first of a name: further ones go upstream.
    pub keeps_repeated_headers: bool,
    /// Longest line of its log, in bytes.
    pub log_line: Option<usize>,
    /// The lowest level that its log shows by default.
    pub shows: Option<Level>,
    /// A worker that ends is not told so, and makes no more callouts.
    pub ends_unannounced: bool,
}

impl Gate {
    /// Notes what this host can't do, and tells the operator what follows.
    pub fn limit(&mut self, limits: HostLimits) {
        self.host = limits;
        if limits.withholds_bodies {
            self.inspections.expect_none();
            let text = "this host hands out no body before a request goes upstream: a request whose \
                        model only the body names is denied where a rule needs the model; name \
                        models in endpoints or in the path";
            let level = match self.config.policy.names_models() {
                true => Level::Warn,
                false => Level::Info,
            };
            self.notices.push(Notice::Log(level, text.to_owned()));
        }
        let (log, level) = (self.config.audit.log, self.config.audit.level);
        if log != AuditLog::Off && limits.shows.is_some_and(|shown| level > shown) {
            let text = format!(
                "audit records are logged at {}, which the default log level of this host does not \
                 show; set audit.level: warn, or the host's log level to info",
                level.as_str().to_ascii_lowercase()
            );
            self.notices.push(Notice::Log(Level::Warn, text));
        }
        if limits.ends_unannounced && self.exporter.is_some() && log != AuditLog::All {
            let text = "audit records that wait for their export are lost when this host reloads; set \
                        audit.log: all, so that the log has them";
            self.notices.push(Notice::Log(Level::Warn, text.to_owned()));
        }
    }

    /// Refuses a request whose header fields the host can't hand out. `brief`: those that could be
    /// read one by one.
    pub fn begin_unread(&mut self, id: StreamId, brief: &Headers, now: Timestamp) -> Ruling {
        let mut exchange = self.exchange(id, brief, now);
        exchange.record.describe_unread(brief);
        self.exchanges.insert(id, exchange);
        let denial = Denial::RequestAmbiguous(TOO_MANY_FIELDS);
        self.rule(id, Outcome::Deny(denial))
    }

    /// The host makes no more callouts: writes the records that wait for their export to the log
    /// instead, unless they are there already.
    pub fn export_to_log(&mut self) {
        let Some(exporter) = &mut self.exporter else {
            return;
        };
        let lines = exporter.give_up();
        if lines.is_empty() {
            return;
        }
        let count = lines.len() as u64;
        let (log, level) = (self.config.audit.log, self.config.audit.level);
        if log != AuditLog::All {
            let shown = lines.into_iter().map(|line| Notice::Audit(level, line));
            self.notices.extend(shown);
        }
        let text = format!(
            "audit export: {count} records are in this log only, since this worker is ending"
        );
        self.notices
            .push(Notice::Add(metrics::EXPORT_LOST_RELOAD.into(), count));
        self.notices.push(Notice::Log(Level::Error, text));
    }
}
