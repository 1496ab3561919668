//! Limits of the host. There are none until [`Gate::limit`] sets them.

use crate::config::AuditLog;
use crate::decision::Denial;
use crate::gate::request::authorizer::Outcome;
use crate::gate::{Connection, Gate, Notice, Ruling, StreamId};
use crate::http::headers::Headers;
use crate::metrics;
use crate::time::Timestamp;
use log::Level;

const TOO_MANY_FIELDS: &str = "it has more header fields than this gateway can read";

/// The limits of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostLimits {
    /// The host delivers no body before the headers have gone upstream.
    pub withholds_bodies: bool,
    /// The host does not pass responses to [`Gate::response`].
    pub withholds_responses: bool,
    /// The host empties only the first header field with a name; the other fields with this name go upstream.
    pub keeps_repeated_headers: bool,
    /// The maximum length of a log line, in bytes.
    pub log_line: Option<usize>,
    /// The lowest level that the host's log shows by default.
    pub shows: Option<Level>,
    /// A worker ends without notice and can't make callouts before it does.
    pub ends_unannounced: bool,
}

impl Gate {
    /// Sets the host's limits, and logs their consequences.
    pub fn limit(&mut self, limits: HostLimits) {
        self.host = limits;
        if limits.withholds_bodies {
            self.inspections.expect_none();
            let text = "this host delivers no body before a request goes upstream, so rules that need it deny: rules \
                        with mcp, and rules that name models if only the body names the model; name the model in \
                        endpoints or in the path";
            let level = if self.config.policy.depends_on_bodies() {
                Level::Warn
            } else {
                Level::Info
            };
            self.notices.push(Notice::Log(level, text.to_owned()));
        }
        let (log, level) = (self.config.audit.log, self.config.audit.level);
        if log != AuditLog::Off && limits.shows.is_some_and(|shown| level > shown) {
            let text = format!(
                "audit records are logged at level {}, which this host does not show by default; set \
                 audit.level: warn, or set the host's log level to info",
                level.as_str().to_ascii_lowercase()
            );
            self.notices.push(Notice::Log(Level::Warn, text));
        }
        if limits.ends_unannounced && self.exporter.is_some() && log != AuditLog::All {
            let text = "audit records that have not been exported are lost when this host reloads; \
                        set audit.log: all to keep them in the log";
            self.notices.push(Notice::Log(Level::Warn, text.to_owned()));
        }
    }

    /// Denies a request whose header fields the host can't deliver. `brief` contains the fields that
    /// could be read individually.
    pub fn begin_unread(
        &mut self,
        id: StreamId,
        brief: &Headers,
        connection: &Connection,
        now: Timestamp,
    ) -> Ruling {
        let mut exchange = self.exchange(id, brief, now);
        self.note_connection(&mut exchange, brief, connection, now);
        exchange.record.describe_unread(brief);
        self.exchanges.insert(id, exchange);
        let denial = Denial::RequestAmbiguous(TOO_MANY_FIELDS);
        self.rule(id, Outcome::Deny(denial))
    }

    /// Ends the export because the host makes no more callouts. The records that were not exported are
    /// logged, unless they were logged already.
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
            "audit export: {count} records were not exported because this worker is ending; they are \
             in this log only"
        );
        self.notices
            .push(Notice::Add(metrics::EXPORT_LOST_RELOAD.into(), count));
        self.notices.push(Notice::Log(Level::Error, text));
    }
}
