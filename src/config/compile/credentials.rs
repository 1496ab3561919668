//! Compiles `credentials`.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::credential as wire;
use super::auth::Auths;
use super::rules::{NO_CREDENTIAL, entries};
use super::{Environment, each, exchange, names, patterns, polled, text};
use crate::credential::{Credential, Source};
use crate::secret::Secret;

const AT: &str = "credentials";
/// The sources of a credential: exactly one must be set.
pub(in crate::config) const SOURCES: &[&str; 4] = &["env", "value", "http", "token_exchange"];

#[inline(never)]
pub(super) fn compile(
    credentials: &[wire::Credential],
    env: Environment<'_>,
    auths: &mut Auths<'_>,
    findings: &mut Findings,
) -> Result<Vec<Credential>, Reported> {
    names::check(
        AT,
        credentials
            .iter()
            .map(|credential| credential.name.as_str()),
        findings,
    );
    each(credentials, AT, findings, |wire, at, findings| {
        if wire.name == NO_CREDENTIAL {
            let rule =
                "is reserved: rules write `credential: none` to send none; choose another name";
            findings.add(path::member(at, "name"), Problem::BadText { rule });
        }
        let clusters_at = path::member(at, "clusters");
        let clusters = entries(&wire.clusters, &clusters_at, findings, patterns::cluster);
        let source = source(wire, env, auths, at, findings);
        let bill_to = text::bill_to(&wire.bill_to, at, findings);
        Ok(Credential {
            name: wire.name.as_str().into(),
            clusters: clusters?,
            bill_to: bill_to?,
            source: source?,
        })
    })
}

#[inline(never)]
fn source(
    wire: &wire::Credential,
    env: Environment<'_>,
    auths: &mut Auths<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Source, Reported> {
    match (&wire.env, &wire.value, &wire.http, &wire.token_exchange) {
        (Some(name), None, None, None) => {
            variable(name, env, &path::member(at, "env"), findings).map(Source::Fixed)
        }
        (None, Some(value), None, None) => {
            let at = path::member(at, "value");
            secret(value.clone(), None, &at, findings).map(Source::Fixed)
        }
        (None, None, Some(http), None) => {
            let at = path::member(at, "http");
            polled::compile(http, env, auths, &at, findings)
                .map(Box::new)
                .map(Source::Polled)
        }
        (None, None, None, Some(wire)) => {
            let at = path::member(at, "token_exchange");
            let exchange = exchange::compile(wire, env, &at, findings);
            exchange.map(Box::new).map(Source::Exchanged)
        }
        (env, value, http, exchange) => {
            let given = [
                env.is_some(),
                value.is_some(),
                http.is_some(),
                exchange.is_some(),
            ];
            Err(findings.exactly_one(at, SOURCES, given))
        }
    }
}

/// Reads the secret in an environment variable, for use in a header.
pub(super) fn variable(
    name: &str,
    env: Environment<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Secret, Reported> {
    let (name, value) = read_variable(name, env, at, findings)?;
    secret(value, Some(name), at, findings)
}

/// Reads the client secret in an environment variable. It may be any text, since token requests encode it.
pub(super) fn client_secret(
    name: &str,
    env: Environment<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Secret, Reported> {
    read_variable(name, env, at, findings).map(|(_, value)| Secret::new(value))
}

/// Reads an environment variable. Line breaks at the end of the value are removed, because they come from the file from
/// which the value was read.
fn read_variable(
    name: &str,
    env: Environment<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<(String, String), Reported> {
    let is_name = !name.is_empty() && !name.contains(['=', '\0']);
    let rule = "is not a valid environment variable name; write one such as HF_TOKEN";
    let name = text::ruled(name, is_name, rule, at, findings)?;
    let Some(mut value) = env(&name) else {
        return Err(findings.add(at, Problem::MissingVariable { name }));
    };
    value.truncate(value.trim_end_matches(['\r', '\n']).len());
    match value.is_empty() {
        true => Err(findings.add(at, Problem::EmptyVariable { name })),
        false => Ok((name, value)),
    }
}

/// Checks a value that is sent in a header unchanged.
fn secret(
    value: String,
    variable: Option<String>,
    at: &str,
    findings: &mut Findings,
) -> Result<Secret, Reported> {
    match text::is_visible(&value) {
        true => Ok(Secret::new(value)),
        false => Err(findings.add(at, Problem::BadSecret { variable })),
    }
}
