//! Compiles `audit` and `usage`.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::service as wire;
use super::super::{AuditLog, AuditSettings};
use super::auth::Auths;
use super::text::{self, HOUR, MILLISECOND};
use super::{each, optional};
use crate::audit::filter_state::{FilterState, StateValue};
use crate::export::{Format, Settings};
use crate::fetch::callout::Target;
use crate::usage::charge::{MOST, Metering};
use std::time::Duration;

const EXPORT: &str = "audit.export";
const BATCH: usize = 100;
/// The maximum length of the queue.
const LARGEST_BATCH: usize = 10_000;
const EVERY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(5);

#[inline(never)]
pub(super) fn compile(
    audit: &wire::Audit,
    auths: &mut Auths<'_>,
    findings: &mut Findings,
) -> Result<AuditSettings, Reported> {
    let export = optional(audit.export.as_ref(), |wire| export(wire, auths, findings));
    let claims = each(
        &audit.claims,
        "audit.claims",
        findings,
        |claim, at, findings| text::claim_path(claim, at, findings),
    );
    Ok(AuditSettings {
        log: match audit.log {
            None | Some(wire::Log::All) => AuditLog::All,
            Some(wire::Log::Denied) => AuditLog::Denied,
            Some(wire::Log::Off) => AuditLog::Off,
        },
        level: match audit.level {
            None | Some(wire::Level::Info) => log::Level::Info,
            Some(wire::Level::Warn) => log::Level::Warn,
        },
        claims: claims?,
        filter_state: filter_state(audit.filter_state.as_ref()),
        export: export?,
    })
}

fn filter_state(wire: Option<&wire::FilterState>) -> FilterState {
    match wire {
        None | Some(wire::FilterState::All(true)) => FilterState::ALL,
        Some(wire::FilterState::All(false)) => FilterState::NONE,
        Some(wire::FilterState::Named(values)) => {
            values.iter().map(|value| state(*value)).collect()
        }
    }
}

fn state(value: wire::StateValue) -> StateValue {
    match value {
        wire::StateValue::Code => StateValue::Code,
        wire::StateValue::Rule => StateValue::Rule,
        wire::StateValue::Oid => StateValue::Oid,
        wire::StateValue::Client => StateValue::Client,
        wire::StateValue::Model => StateValue::Model,
        wire::StateValue::PromptTokens => StateValue::PromptTokens,
        wire::StateValue::CompletionTokens => StateValue::CompletionTokens,
        wire::StateValue::TotalTokens => StateValue::TotalTokens,
    }
}

#[inline(never)]
pub(super) fn usage(
    wire: Option<&wire::Usage>,
    findings: &mut Findings,
) -> Result<Option<Metering>, Reported> {
    match wire {
        None | Some(wire::Usage::Read(true)) => Ok(Some(Metering::default())),
        Some(wire::Usage::Read(false)) => Ok(None),
        Some(wire::Usage::Charged(charged)) => {
            let most = usize::try_from(MOST).unwrap_or(usize::MAX);
            let at = ("usage", "unknown_tokens");
            let tokens = text::number(charged.unknown_tokens, 0, 0..=most, at, findings)?;
            let unknown_tokens = u64::try_from(tokens).unwrap_or(MOST);
            Ok(Some(Metering { unknown_tokens }))
        }
    }
}

#[inline(never)]
fn export(
    wire: &wire::Export,
    auths: &mut Auths<'_>,
    findings: &mut Findings,
) -> Result<Settings, Reported> {
    let cluster = text::filled(&wire.cluster, &path::member(EXPORT, "cluster"), findings);
    let target = Target::parse(&wire.cluster, &wire.uri)
        .map_err(|error| findings.add(path::member(EXPORT, "uri"), Problem::BadUri(error)));
    let format = format(wire, findings);
    let at = |field| (EXPORT, field);
    let batch = text::number(wire.batch, BATCH, 1..=LARGEST_BATCH, at("batch"), findings);
    let bounds = MILLISECOND..=HOUR;
    let every = text::duration(wire.every, EVERY, bounds.clone(), at("every"), findings);
    let timeout = text::duration(wire.timeout, TIMEOUT, bounds, at("timeout"), findings);
    let auth = optional(wire.auth.as_ref(), |wire| {
        auths.compile(wire, &path::member(EXPORT, "auth"), findings)
    });
    cluster?;
    Ok(Settings {
        target: target?,
        format: format?,
        batch: batch?,
        every: every?,
        timeout: timeout?,
        auth: auth?,
    })
}

/// Azure Monitor also accepts an array without `TimeGenerated`, but does not show its records.
fn format(wire: &wire::Export, findings: &mut Findings) -> Result<Format, Reported> {
    match wire.format {
        None if wire
            .uri
            .to_ascii_lowercase()
            .contains("/datacollectionrules/") =>
        {
            let rule =
                "is the address of Azure Monitor's Logs Ingestion API; write format: azure_monitor";
            Err(findings.add(path::member(EXPORT, "uri"), Problem::BadText { rule }))
        }
        None | Some(wire::ExportFormat::Json) => Ok(Format::Json),
        Some(wire::ExportFormat::AzureMonitor) => Ok(Format::AzureMonitor),
        Some(wire::ExportFormat::Otlp) => Ok(Format::Otlp),
    }
}
