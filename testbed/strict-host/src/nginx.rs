//! Rules of ngx_wasm_module that Envoy does not have. Observed in its last commit (April 2025) with
//! nginx 1.27.4, and in the commit that Kong 3.9.0 pins with nginx 1.25.3; Wasmtime 27.

use super::rules::{Trap, trap};
use super::stream::{Fields, LocalReply};

/// A header map with more entries than this, pseudo-headers included, corrupts the filter's memory
/// when it is read.
pub(super) const MAX_PAIRS: usize = 100;
/// Longest line of nginx's error log, in bytes.
const MAX_LINE: usize = 2047;
/// What nginx and the engine write before the filter's text: time, level, process, connection, and
/// the filter's name and context.
const LINE_PREFIX: usize = 128;
/// Kong logs at `notice`, which shows warnings and errors of filters.
const KONG_LOG_LEVEL: u32 = 3;
/// `pw:<filter>:<name>` must fit in the default `max_metric_name_length`.
const MAX_METRIC_NAME: usize = 256 - "pw::entragate".len();
/// After one callout has ended, another one with a shorter timeout than this can lose the reply: the
/// connection is then closed without an answer.
const SHORTEST_SAFE_TIMEOUT_MILLIS: u32 = 20;

/// The kinds of metrics in the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl MetricKind {
    pub fn of(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Counter),
            1 => Some(Self::Gauge),
            2 => Some(Self::Histogram),
            _ => None,
        }
    }
}

/// The part of a log line that Kong's log shows; `None` if it does not show the line.
pub(super) fn shown(level: u32, mut text: String) -> Option<String> {
    if level < KONG_LOG_LEVEL {
        return None;
    }
    let mut end = text.len().min(MAX_LINE - LINE_PREFIX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    Some(text)
}

pub(super) fn may_define_metric(name: &str) -> Result<(), Trap> {
    match name.len() > MAX_METRIC_NAME {
        true => trap(format!("the metric name {name} is too long")),
        false => Ok(()),
    }
}

pub(super) fn may_increment(kind: MetricKind) -> Result<(), Trap> {
    match kind {
        MetricKind::Counter => Ok(()),
        kind => trap(format!("increment_metric on a {kind:?}")),
    }
}

pub(super) fn may_record(kind: MetricKind) -> Result<(), Trap> {
    match kind {
        MetricKind::Counter => trap("record_metric on a counter"),
        MetricKind::Gauge | MetricKind::Histogram => Ok(()),
    }
}

pub(super) fn may_read_pairs(count: usize) -> Result<(), Trap> {
    match count > MAX_PAIRS {
        true => trap(format!(
            "a map of {count} headers was read: memory is corrupted"
        )),
        false => Ok(()),
    }
}

pub(super) fn may_call_again(millis: u32) -> Result<(), Trap> {
    match millis < SHORTEST_SAFE_TIMEOUT_MILLIS {
        true => trap(format!(
            "a callout of {millis} ms after another one loses the reply"
        )),
        false => Ok(()),
    }
}

/// The details become the reason phrase of the status line, which the caller reads.
pub(super) fn may_reply(reply: &LocalReply) -> Result<(), Trap> {
    match reply.details.is_empty() {
        true => Ok(()),
        false => trap(format!("the caller reads the details: {:?}", reply.details)),
    }
}

/// A request's header fields as nginx holds them: what the filter sees, and what it has removed. The
/// filter no longer sees removed fields, but nginx's proxy still copies them upstream.
#[derive(Clone, Debug, Default)]
pub(super) struct Removed(Fields);

impl Removed {
    /// Removes every field of that name.
    pub fn remove(&mut self, fields: &mut Fields, name: &str) {
        let is_named = |(own, _): &(String, Vec<u8>)| own.eq_ignore_ascii_case(name);
        self.0
            .extend(fields.extract_if(.., |field| is_named(field)));
    }

    /// Sets the first field of that name; further ones are removed. A removed Authorization, which
    /// nginx knows by name, becomes visible again instead.
    pub fn set(&mut self, fields: &mut Fields, name: &str, value: &[u8]) {
        let is_named = |(own, _): &(String, Vec<u8>)| own.eq_ignore_ascii_case(name);
        if name.eq_ignore_ascii_case("authorization")
            && let Some(at) = self.0.iter().position(is_named)
        {
            self.0.remove(at);
        }
        let at = fields.iter().position(is_named);
        let mut same = fields.extract_if(.., |field| is_named(field));
        drop(same.next());
        self.0.extend(same);
        let field = (name.to_owned(), value.to_vec());
        fields.insert(at.unwrap_or(fields.len()), field);
    }

    /// The fields that nginx's proxy sends upstream. A field with an empty value is sent empty.
    pub fn sent_with(&self, fields: &Fields) -> Fields {
        fields.iter().chain(&self.0).cloned().collect()
    }
}
