//! `replies` and `audit`: what a decision looks like to the caller, and to those who keep watch.

use super::super::error::{Findings, Reported};
use super::super::wire::{self, service};
use super::super::{AuditLog, AuditSettings};
use super::{each, text};
use crate::reply::{Detail, ReplyStyle};

const REALM: &str = "hf";

pub(super) fn compile(
    replies: &wire::Replies,
    findings: &mut Findings,
) -> Result<ReplyStyle, Reported> {
    let realm = replies.realm.as_deref().unwrap_or(REALM);
    let quotable = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    let obeys = !realm.is_empty() && realm.bytes().all(quotable);
    let rule = "can't be quoted in WWW-Authenticate; write printable ASCII without \" and \\";
    Ok(ReplyStyle {
        realm: text::ruled(realm, obeys, rule, "replies.realm", findings)?,
        detail: match replies.detail {
            None | Some(wire::Detail::Full) => Detail::Full,
            Some(wire::Detail::Minimal) => Detail::Minimal,
        },
    })
}

pub(super) fn audit(
    audit: &service::Audit,
    findings: &mut Findings,
) -> Result<AuditSettings, Reported> {
    Ok(AuditSettings {
        log: match audit.log {
            None | Some(service::Log::All) => AuditLog::All,
            Some(service::Log::Denied) => AuditLog::Denied,
            Some(service::Log::Off) => AuditLog::Off,
        },
        claims: each(
            &audit.claims,
            "audit.claims",
            findings,
            |claim, at, findings| text::claim_path(claim, at, findings),
        )?,
    })
}
