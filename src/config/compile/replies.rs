//! Compiles `replies`.

use super::super::error::{Findings, Reported};
use super::super::wire;
use super::{optional, resource, text};
use crate::keys::source::KeySource;
use crate::reply::{Detail, ReplyStyle};
use crate::token::issuer::Issuer;

use std::sync::Arc;

const REALM: &str = "hf";

#[inline(never)]
pub(super) fn compile(
    replies: &wire::Replies,
    issuers: &[(Issuer, KeySource)],
    findings: &mut Findings,
) -> Result<ReplyStyle, Reported> {
    let realm = replies.realm.as_deref().unwrap_or(REALM);
    let quotable = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    let obeys = !realm.is_empty() && realm.bytes().all(quotable);
    let rule = "cannot be quoted in WWW-Authenticate; write printable ASCII without \" and \\";
    let realm = text::ruled(realm, obeys, rule, "replies.realm", findings);
    let issuers = issuers.iter().map(|(issuer, _)| issuer);
    let resource = optional(replies.protected_resource.as_ref(), |wire| {
        resource::compile(wire, issuers, findings)
    });
    Ok(ReplyStyle {
        realm: realm?,
        detail: match replies.detail {
            None | Some(wire::Detail::Full) => Detail::Full,
            Some(wire::Detail::Minimal) => Detail::Minimal,
        },
        protected_resource: resource?.map(Arc::new),
    })
}
