//! Compiles `endpoints` and `limits`.

use super::super::error::{Findings, Reported};
use super::super::problem::Problem;
use super::super::wire::service::{Endpoint as Wire, ModelFrom};
use super::super::{Limits, path, wire};
use super::rules::entries;
use super::text::{self, HOUR, MILLISECOND};
use super::{each, patterns};
use crate::model::endpoint::{Endpoint, Endpoints, Source};
use crate::model::{Model, name};
use std::time::Duration;

const BODY_INSPECTED: usize = 1024 * 1024;
/// The limit is necessary because the host holds the whole body of every inspected request.
const MOST_INSPECTED: usize = 64 * 1024 * 1024;
const INSPECTIONS: usize = 256;
const MOST_INSPECTIONS: usize = 1_000_000;
const INSPECTED_BYTES: usize = 64 * 1024 * 1024;
const MOST_INSPECTED_BYTES: usize = 1024 * 1024 * 1024;
const INSPECTION_TIMEOUT: Duration = Duration::from_secs(10);

#[inline(never)]
pub(super) fn compile(wire: &[Wire], findings: &mut Findings) -> Result<Endpoints, Reported> {
    each(wire, "endpoints", findings, endpoint).map(Endpoints)
}

#[inline(never)]
pub(super) fn limits(wire: &wire::Limits, findings: &mut Findings) -> Result<Limits, Reported> {
    let at = ("limits", "body_inspected");
    let most = 1..=MOST_INSPECTED;
    let body = text::number(wire.body_inspected, BODY_INSPECTED, most, at, findings);
    let at = ("limits", "inspections");
    let most = 1..=MOST_INSPECTIONS;
    let inspections = text::number(wire.inspections, INSPECTIONS, most, at, findings);
    let at = ("limits", "inspected_bytes");
    let most = 1..=MOST_INSPECTED_BYTES;
    let bytes = text::number(wire.inspected_bytes, INSPECTED_BYTES, most, at, findings);
    let at = ("limits", "inspection_timeout");
    let bounds = MILLISECOND..=HOUR;
    let timeout = text::duration(
        wire.inspection_timeout,
        INSPECTION_TIMEOUT,
        bounds,
        at,
        findings,
    );
    let (body_inspected, inspected_bytes) = (body?, bytes?);
    if inspected_bytes < body_inspected {
        let problem = Problem::BelowBodyInspected { body_inspected };
        return Err(findings.add("limits.inspected_bytes", problem));
    }
    Ok(Limits {
        body_inspected,
        inspections: inspections?,
        inspected_bytes,
        inspection_timeout: timeout?,
    })
}

#[inline(never)]
fn endpoint(wire: &Wire, at: &str, findings: &mut Findings) -> Result<Endpoint, Reported> {
    let hosts_at = path::member(at, "hosts");
    let hosts = entries(&wire.hosts, &hosts_at, findings, patterns::host);
    let clusters_at = path::member(at, "clusters");
    let clusters = entries(&wire.clusters, &clusters_at, findings, patterns::cluster);
    let paths_at = path::member(at, "paths");
    let paths = entries(&wire.paths, &paths_at, findings, patterns::path);
    let source = match (&wire.model, wire.model_from) {
        (Some(model), None) => fixed(model, &path::member(at, "model"), findings),
        (None, Some(ModelFrom::Path)) => Ok(Source::Path),
        (None, Some(ModelFrom::Body)) => Ok(Source::Body),
        (model, model_from) => {
            let given = [model.is_some(), model_from.is_some()];
            Err(findings.exactly_one(at, CHOICES, given))
        }
    };
    Ok(Endpoint {
        hosts: hosts?,
        clusters: clusters?,
        paths: paths?,
        source: source?,
    })
}

/// The sources of an endpoint's model: exactly one must be set.
pub(in crate::config) const CHOICES: &[&str; 2] = &["model", "model_from"];

fn fixed(model: &str, at: &str, findings: &mut Findings) -> Result<Source, Reported> {
    match name::named(model) {
        Model::Named(name) if name == model => Ok(Source::Fixed(name)),
        _ => {
            let rule = "is not a valid model id; write the id alone, such as org/name";
            Err(findings.add(at, Problem::BadText { rule }))
        }
    }
}
