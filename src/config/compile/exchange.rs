//! Compiles `credentials[].token_exchange`: one token per user.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::credential as wire;
use super::text::{self, HOUR, MILLISECOND};
use super::{Environment, credentials, each, optional};
use crate::credential::exchange::{TokenExchange, basic};
use crate::credential::subject::{self, SubjectRule};
use crate::fetch::callout::Target;
use std::sync::Arc;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);
const ENTRIES: usize = 4096;
pub(in crate::config) const MOST_ENTRIES: usize = 65_536;

#[inline(never)]
pub(super) fn compile(
    wire: &wire::TokenExchange,
    env: Environment<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<TokenExchange, Reported> {
    let inside = |name: &str| path::member(at, name);
    let cluster = text::filled(&wire.cluster, &inside("cluster"), findings);
    let target = Target::parse(&wire.cluster, &wire.uri)
        .map_err(|error| findings.add(inside("uri"), Problem::BadUri(error)));
    let client_id = text::filled(&wire.client_id, &inside("client_id"), findings);
    let secret_at = path::member(&inside("client_secret"), "env");
    let secret = credentials::client_secret(&wire.client_secret.env, env, &secret_at, findings);
    let subject = subject(wire, at, findings);
    let scope = scope(wire, &inside("scopes"), findings);
    let timeout = MILLISECOND..=HOUR;
    let timeout = text::duration(wire.timeout, TIMEOUT, timeout, (at, "timeout"), findings);
    let bounds = 1..=MOST_ENTRIES;
    let entries = text::number(wire.entries, ENTRIES, bounds, (at, "entries"), findings);
    cluster?;
    Ok(TokenExchange {
        target: target?,
        authorization: basic(&client_id?, &secret?),
        subject: subject?,
        scope: scope?,
        timeout: timeout?,
        entries: entries?,
    })
}

fn subject(
    wire: &wire::TokenExchange,
    at: &str,
    findings: &mut Findings,
) -> Result<SubjectRule, Reported> {
    let claim_at = path::member(at, "subject_claim");
    let claim = text::claim_path(&wire.subject_claim, &claim_at, findings);
    let domains_at = path::member(at, "subject_domains");
    let domains = match wire.subject_domains.as_slice() {
        [] => {
            let otherwise = "list the e-mail domains of your own users, because Hugging Face trusts any address \
                             that the filter sends";
            Err(findings.add(domains_at, Problem::EmptyList { otherwise }))
        }
        domains => each(domains, &domains_at, findings, |domain, at, findings| {
            let rule = "is not a valid e-mail domain; write one such as contoso.com";
            let is_domain = is_domain(domain);
            text::ruled(domain, is_domain, rule, at, findings)
                .map(|domain| domain.to_ascii_lowercase())
        }),
    };
    let app_at = path::member(at, "app_subject");
    let app = optional(wire.app_subject.as_deref(), |app| {
        let domain = subject::domain(app);
        let accepts = |accepted: &String| domain.is_some_and(|d| accepted.eq_ignore_ascii_case(d));
        let rule = "is not an e-mail address in one of `subject_domains`; write the member that represents callers \
                    that are applications";
        let is_accepted = wire.subject_domains.iter().any(accepts);
        text::ruled(app, is_accepted, rule, &app_at, findings).map(Arc::from)
    });
    Ok(SubjectRule {
        claim: claim?,
        domains: domains?,
        app: app?,
    })
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(allowed)
    };
    text.contains('.') && text.split('.').all(is_label)
}

/// RFC 6749 §3.3.
fn scope(
    wire: &wire::TokenExchange,
    at: &str,
    findings: &mut Findings,
) -> Result<Option<String>, Reported> {
    let scopes = each(&wire.scopes, at, findings, |scope, at, findings| {
        let is_scope = text::is_visible(scope) && !scope.contains(['"', '\\']);
        let rule = "is not a valid scope; write one per entry, without spaces";
        text::ruled(scope, is_scope, rule, at, findings)
    })?;
    Ok((!scopes.is_empty()).then(|| scopes.join(" ")))
}
