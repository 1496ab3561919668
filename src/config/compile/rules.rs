//! Compiles `rules`.

use super::super::error::{Findings, Reported};
use super::super::problem::Problem;
use super::super::wire::rule as wire;
use super::super::{path, wire::Config};
use super::names::{self, Names};
use super::{each, optional, patterns, require, text};
use crate::mcp::CALL;
use crate::pattern::Pattern;
use crate::policy::messages::Messages;
use crate::policy::requirement::Requirement;
use crate::policy::rule::{AnonymousRule, Clusters, Effect, Match, Mode, Models, Policy, Rule};
use std::sync::Arc;

const AT: &str = "rules";
/// The value of `credential` in rules that send no credential.
pub(super) const NO_CREDENTIAL: &str = "none";

#[inline(never)]
pub(super) fn compile(config: &Config, findings: &mut Findings) -> Result<Policy, Reported> {
    names::check(
        AT,
        config.rules.iter().map(|rule| rule.name.as_str()),
        findings,
    );
    let known = Known {
        issuers: Names::issuers(config.issuers.iter().map(|issuer| issuer.name.as_str())),
        credentials: Names::credentials(config.credentials.iter().map(|c| c.name.as_str())),
    };
    let rules = each(
        &config.rules,
        AT,
        findings,
        |rule, at, findings| match rule.anonymous {
            true => anonymous(rule, &known, at, findings).map(Compiled::Anonymous),
            false => ordinary(rule, &known, at, findings).map(Compiled::Ordinary),
        },
    )?;
    let (mut open, mut ordinary) = (Vec::new(), Vec::new());
    for rule in rules {
        match rule {
            Compiled::Anonymous(rule) => open.push(rule),
            Compiled::Ordinary(rule) => ordinary.push(rule),
        }
    }
    Ok(Policy::new(open, ordinary))
}

/// The names that rules can refer to.
struct Known<'w> {
    issuers: Names<'w>,
    credentials: Names<'w>,
}

enum Compiled {
    Anonymous(AnonymousRule),
    Ordinary(Rule),
}

#[inline(never)]
fn anonymous(
    wire: &wire::Rule,
    known: &Known<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<AnonymousRule, Reported> {
    let mut refused = None;
    for (field, given, what) in [
        ("require", wire.require.is_some(), "`require`"),
        (
            "effect",
            wire.effect == Some(wire::Effect::Deny),
            "`effect: deny`",
        ),
        (
            "mode",
            wire.mode == Some(wire::Mode::Shadow),
            "`mode: shadow`",
        ),
        (
            "match.issuers",
            wire.matches.issuers.is_some(),
            "`match.issuers`",
        ),
    ] {
        if given {
            let at = format!("{at}.{field}");
            refused = Some(findings.add(at, Problem::NotForAnonymous { field: what }));
        }
    }
    let m = &wire.matches;
    let narrowed =
        m.hosts.is_some() || m.methods.is_some() || m.paths.is_some() || m.clusters.is_some();
    if !narrowed && m.models.is_none() && m.issuers.is_none() {
        refused = Some(findings.absent(at, "match", Problem::AnonymousEverywhere));
    }
    let matches = matches(m, false, known, &path::member(at, "match"), findings);
    let named = wire
        .credential
        .as_deref()
        .filter(|name| *name != NO_CREDENTIAL);
    let credential = optional(named, |name| {
        known
            .credentials
            .find(name, &path::member(at, "credential"), findings)
    });
    let bill_to = bill_to(wire, named.is_some(), at, findings);
    match refused {
        Some(reported) => Err(reported),
        None => Ok(AnonymousRule {
            name: wire.name.as_str().into(),
            matches: matches?,
            credential: credential?,
            bill_to: bill_to?,
        }),
    }
}

#[inline(never)]
fn ordinary(
    wire: &wire::Rule,
    known: &Known<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Rule, Reported> {
    let denies = wire.effect == Some(wire::Effect::Deny);
    let match_at = path::member(at, "match");
    let matches = matches(&wire.matches, denies, known, &match_at, findings);
    let effect = effect(wire, known, at, findings);
    // An invalid effect has its own error.
    let sends = !matches!(
        &effect,
        Ok(Effect::Deny | Effect::Allow { credential: None })
    );
    let bill_to = bill_to(wire, sends, at, findings);
    let require = match (&wire.require, wire.effect) {
        (Some(requirement), _) => require::compile(
            requirement,
            &known.issuers,
            &path::member(at, "require"),
            findings,
        ),
        // A deny rule without a requirement denies every caller: an empty `all` is always satisfied.
        (None, Some(wire::Effect::Deny)) => Ok(Requirement::All(Vec::new())),
        (None, _) => Err(missing_in_allow_rule(
            at,
            "require",
            Problem::NoRequirement,
            findings,
        )),
    };
    Ok(Rule {
        name: wire.name.as_str().into(),
        matches: matches?,
        require: require?,
        effect: effect?,
        bill_to: bill_to?,
        mode: match wire.mode {
            None | Some(wire::Mode::Enforce) => Mode::Enforce,
            Some(wire::Mode::Shadow) => Mode::Shadow,
        },
    })
}

fn bill_to(
    wire: &wire::Rule,
    sends_credential: bool,
    at: &str,
    findings: &mut Findings,
) -> Result<Option<Arc<str>>, Reported> {
    if wire.bill_to.is_some() && !sends_credential {
        let rule = "has no effect in a rule that sends no credential; remove it";
        return Err(findings.add(path::member(at, "bill_to"), Problem::BadText { rule }));
    }
    text::bill_to(&wire.bill_to, at, findings)
}

/// Adds the error that a field of allow rules is missing, if the rule is known to be an allow rule.
fn missing_in_allow_rule(
    at: &str,
    field: &str,
    problem: Problem,
    findings: &mut Findings,
) -> Reported {
    let unsure = findings
        .unsure(at, "anonymous")
        .or(findings.unsure(at, "effect"));
    unsure.unwrap_or_else(|| findings.absent(at, field, problem))
}

fn effect(
    wire: &wire::Rule,
    known: &Known<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Effect, Reported> {
    let credential = wire.credential.as_deref();
    let credential_at = path::member(at, "credential");
    match (wire.effect.unwrap_or(wire::Effect::Allow), credential) {
        (wire::Effect::Deny, None) => Ok(Effect::Deny),
        (wire::Effect::Deny, Some(_)) => {
            Err(findings.add(credential_at, Problem::DenyWithCredential))
        }
        (wire::Effect::Allow, None) => Err(missing_in_allow_rule(
            at,
            "credential",
            Problem::NoCredential,
            findings,
        )),
        (wire::Effect::Allow, Some(NO_CREDENTIAL)) => Ok(Effect::Allow { credential: None }),
        (wire::Effect::Allow, Some(name)) => {
            let credential = known.credentials.find(name, &credential_at, findings)?;
            Ok(Effect::Allow {
                credential: Some(credential),
            })
        }
    }
}

#[inline(never)]
fn matches(
    wire: &wire::Match,
    denies: bool,
    known: &Known<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Match, Reported> {
    let hosts = entries(
        &wire.hosts,
        &path::member(at, "hosts"),
        findings,
        patterns::host,
    );
    let methods = entries(
        &wire.methods,
        &path::member(at, "methods"),
        findings,
        patterns::method,
    );
    let paths = entries(
        &wire.paths,
        &path::member(at, "paths"),
        findings,
        patterns::path,
    );
    let models = entries(
        &wire.models,
        &path::member(at, "models"),
        findings,
        |pattern, at, f| patterns::model(pattern, denies, at, f),
    );
    let mcp = messages(wire, denies, at, findings);
    let clusters = entries(
        &wire.clusters,
        &path::member(at, "clusters"),
        findings,
        patterns::cluster,
    );
    let issuers = entries(
        &wire.issuers,
        &path::member(at, "issuers"),
        findings,
        |name, at, f| known.issuers.find(name, at, f).map(|_| name.into()),
    );
    Ok(Match {
        hosts: hosts?,
        methods: methods?,
        paths: paths?,
        models: Models {
            patterns: models?,
            denies,
        },
        mcp: mcp?,
        clusters: Clusters {
            patterns: clusters?,
            denies,
        },
        issuers: issuers?,
    })
}

/// Compiles `mcp`.
#[inline(never)]
fn messages(
    wire: &wire::Match,
    denies: bool,
    at: &str,
    findings: &mut Findings,
) -> Result<Messages, Reported> {
    let Some(mcp) = &wire.mcp else {
        return Ok(Messages::default());
    };
    let at = path::member(at, "mcp");
    let tools_at = path::member(&at, "tools");
    let methods = entries(
        &mcp.methods,
        &path::member(&at, "methods"),
        findings,
        |pattern, at, f| patterns::message(pattern, denies, at, f),
    );
    let tools = entries(&mcp.tools, &tools_at, findings, |pattern, at, f| {
        patterns::tool(pattern, denies, at, f)
    });
    let mut refuse = |at: &str, rule| Err(findings.add(at, Problem::BadText { rule }));
    if mcp.methods.is_none() && mcp.tools.is_none() {
        return refuse(
            &at,
            "must have `methods` or `tools`; to match every message, write methods: [\"**\"]",
        );
    }
    if wire.paths.is_none() && wire.hosts.is_none() && wire.clusters.is_none() {
        return refuse(
            &at,
            "requires `paths`, `hosts` or `clusters` in the same `match`, because bodies that are not JSON-RPC are \
             refused there; add the path of the MCP server, such as paths: [/mcp]",
        );
    }
    let mut methods = methods?;
    if methods.is_empty() {
        methods.push(Pattern::path(CALL));
    }
    if mcp.tools.is_some() && !methods.iter().any(|pattern| pattern.matches(CALL)) {
        return refuse(
            &tools_at,
            "has no effect, because no pattern of `methods` matches tools/call; add tools/call, or remove the field",
        );
    }
    Ok(Messages {
        methods,
        tools: tools?,
        denies,
    })
}

/// Compiles the entries of one field. An absent field matches everything; an empty list is an error.
pub(super) fn entries<T>(
    given: &Option<Vec<String>>,
    at: &str,
    findings: &mut Findings,
    compile: impl Fn(&str, &str, &mut Findings) -> Result<T, Reported>,
) -> Result<Vec<T>, Reported> {
    match given.as_deref() {
        None => Ok(Vec::new()),
        Some([]) => {
            let otherwise = "list at least one entry, or remove the field to match everything";
            Err(findings.add(at, Problem::EmptyList { otherwise }))
        }
        Some(entries) => each(entries, at, findings, |entry, at, f| compile(entry, at, f)),
    }
}
