//! Schedules of fetches: the durations that keys, the feed and polled credentials have in common.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::span::Span;
use super::text::{self, HOUR, MILLISECOND, SECOND, YEAR};
use crate::fetch::refresh::Schedule;
use std::time::Duration;

/// A configured duration, and its default.
pub(super) type Given = (Option<Span>, Duration);

pub(super) struct Spans {
    pub(super) refresh: Given,
    pub(super) max_stale: Given,
    pub(super) timeout: Given,
}

/// `cooldown` is set to `refresh`; callers with another cooldown overwrite it.
#[inline(never)]
pub(super) fn compile(
    spans: Spans,
    at: &str,
    findings: &mut Findings,
) -> Result<Schedule, Reported> {
    let mut span = |(given, default), bounds, field| {
        text::duration(given, default, bounds, (at, field), findings)
    };
    let refresh = span(spans.refresh, SECOND..=YEAR, "refresh");
    let max_stale = span(spans.max_stale, SECOND..=YEAR, "max_stale");
    let timeout = span(spans.timeout, MILLISECOND..=HOUR, "timeout");
    let (refresh, max_stale) = (refresh?, max_stale?);
    if max_stale < refresh {
        let problem = Problem::StaleBeforeRefresh { refresh, max_stale };
        return Err(findings.add(path::member(at, "max_stale"), problem));
    }
    Ok(Schedule {
        refresh,
        max_stale,
        cooldown: refresh,
        timeout: timeout?,
    })
}
