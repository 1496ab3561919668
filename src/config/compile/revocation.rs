//! Compiles `revocation`: where and when the feed is fetched.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::service as wire;
use super::schedule::{self, Spans};
use super::text;
use super::{auth::Auths, optional};
use crate::fetch::callout::Target;
use crate::revocation::{OnStale, Source};
use std::time::Duration;

const AT: &str = "revocation";
const REFRESH: Duration = Duration::from_secs(10);
const MAX_STALE: Duration = Duration::from_secs(600);
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn compile(
    wire: Option<&wire::Revocation>,
    auths: &mut Auths<'_>,
    findings: &mut Findings,
) -> Result<Option<Source>, Reported> {
    optional(wire, |wire| {
        let cluster = text::filled(&wire.cluster, &path::member(AT, "cluster"), findings);
        let target = Target::parse(&wire.cluster, &wire.uri)
            .map_err(|error| findings.add(path::member(AT, "uri"), Problem::BadUri(error)));
        // Nothing triggers an early fetch of the feed; failures are retried within `refresh`.
        let spans = Spans {
            refresh: (wire.refresh, REFRESH),
            max_stale: (wire.max_stale, MAX_STALE),
            timeout: (wire.timeout, TIMEOUT),
        };
        let schedule = schedule::compile(spans, AT, findings);
        let auth = optional(wire.auth.as_ref(), |wire| {
            auths.compile(wire, &path::member(AT, "auth"), findings)
        });
        cluster?;
        Ok(Source {
            target: target?,
            schedule: schedule?,
            on_stale: match wire.on_stale {
                None | Some(wire::OnStale::Deny) => OnStale::Deny,
                Some(wire::OnStale::Allow) => OnStale::Allow,
            },
            auth: auth?,
        })
    })
}
