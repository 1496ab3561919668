//! Compiles `credentials[].http`: the secret store, and the schedule of polls.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::credential as wire;
use super::super::wire::service::SecretRef;
use super::auth::Auths;
use super::schedule::{self, Spans};
use super::text::{self, HOUR};
use super::{Environment, credentials, optional};
use crate::credential::polled::Store;
use crate::fetch::callout::Target;
use crate::fetch::refresh::Schedule;
use crate::secret::Secret;
use std::time::Duration;

const REFRESH: Duration = Duration::from_secs(300);
const MAX_STALE: Duration = HOUR;
const TIMEOUT: Duration = Duration::from_secs(5);
/// The time between early polls after the upstream rejected the value, and the maximum delay after a failure: the
/// credential must survive an outage of the store.
const COOLDOWN: Duration = Duration::from_secs(10);

#[inline(never)]
pub(super) fn compile(
    wire: &wire::Http,
    env: Environment<'_>,
    auths: &mut Auths<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Store, Reported> {
    let cluster = text::filled(&wire.cluster, &path::member(at, "cluster"), findings);
    let target = Target::parse(&wire.cluster, &wire.uri)
        .map_err(|error| findings.add(path::member(at, "uri"), Problem::BadUri(error)));
    let headers = headers(wire, env, &path::member(at, "headers"), findings);
    let auth = optional(wire.auth.as_ref(), |wire| {
        auths.compile(wire, &path::member(at, "auth"), findings)
    });
    let pointer = optional(wire.pointer.as_deref(), |pointer| {
        let is_pointer = pointer.starts_with('/');
        let at = path::member(at, "pointer");
        match is_pointer {
            true => text::claim_path(pointer, &at, findings).map(|_| pointer.to_owned()),
            false => {
                let rule = "is not a valid JSON Pointer; write one such as /data/data/token, or remove it if the \
                            response is the credential itself";
                Err(findings.add(at, Problem::BadText { rule }))
            }
        }
    });
    let schedule = schedule(wire, at, findings);
    cluster?;
    Ok(Store {
        target: target?,
        headers: headers?,
        auth: auth?,
        pointer: pointer?,
        schedule: schedule?,
    })
}

fn headers(
    wire: &wire::Http,
    env: Environment<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Vec<(String, Secret)>, Reported> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    let mut failed = None;
    for (name, SecretRef { env: variable }) in &wire.headers.0 {
        let at = path::member(at, name);
        let header = text::header_name(name, &at, findings);
        let value = credentials::variable(variable, env, &path::member(&at, "env"), findings);
        match (header, value) {
            (Ok(header), Ok(_)) if header == "authorization" && wire.auth.is_some() => {
                let why = "`auth` sets it";
                failed = Some(findings.add(at, Problem::ReservedHeader { why }));
            }
            (Ok(header), Ok(_)) if headers.iter().any(|(other, _)| *other == header) => {
                let first = "another entry in different case".to_owned();
                failed = Some(findings.add(at, Problem::DuplicateHeader { first }));
            }
            (Ok(header), Ok(value)) => headers.push((header, value)),
            (Err(reported), _) | (_, Err(reported)) => failed = Some(reported),
        }
    }
    match failed {
        None => Ok(headers),
        Some(reported) => Err(reported),
    }
}

fn schedule(wire: &wire::Http, at: &str, findings: &mut Findings) -> Result<Schedule, Reported> {
    let spans = Spans {
        refresh: (wire.refresh, REFRESH),
        max_stale: (wire.max_stale, MAX_STALE),
        timeout: (wire.timeout, TIMEOUT),
    };
    let schedule = schedule::compile(spans, at, findings)?;
    Ok(Schedule {
        cooldown: COOLDOWN.min(schedule.refresh),
        ..schedule
    })
}
