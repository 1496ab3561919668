//! Patterns of hosts, paths, models, JSON-RPC messages and clusters, and methods. A pattern that can never match is an
//! error, since its rule would deny or permit less than its author intends.

use super::super::error::{Findings, Reported};
use super::super::problem::Problem;
use super::text;
use crate::http::method;
use crate::pattern::Pattern;

pub(super) fn host(pattern: &str, at: &str, findings: &mut Findings) -> Result<Pattern, Reported> {
    let rule = match pattern {
        "" => "is an empty pattern; write a host such as llama.contoso.com or *.contoso.com",
        _ if pattern.contains("://") || pattern.contains('/') => {
            "contains more than a host name; write the name alone, such as llama.contoso.com"
        }
        _ if !pattern.starts_with('[') && pattern.contains(':') => {
            "contains a port, but hosts are matched without port; remove the port"
        }
        _ if pattern.ends_with('.') => {
            "ends with the root dot, but hosts are matched without it; remove the last \
                                        dot"
        }
        _ if !text::is_visible(pattern) => {
            "is not a valid host; write it in ASCII (international names as xn--…) and without spaces"
        }
        _ => return Ok(Pattern::host(pattern)),
    };
    Err(findings.add(at, Problem::BadPattern { rule }))
}

pub(super) fn path(pattern: &str, at: &str, findings: &mut Findings) -> Result<Pattern, Reported> {
    let dots = |segment: &str| segment == "." || segment == "..";
    let rule = match pattern {
        "" => "is an empty pattern; write a path such as /v1/chat/completions or /v1/**",
        _ if !pattern.starts_with(['/', '*']) => {
            "does not begin with a slash, so it never matches; add the slash"
        }
        _ if pattern.contains(['?', '#']) => {
            "contains a query or fragment, but paths are matched without them; remove them"
        }
        _ if pattern.contains("//") || pattern.contains('\\') || pattern.split('/').any(dots) => {
            "contains //, a backslash, or a . or .. segment: requests with such a path are refused, so it never \
             matches; remove it"
        }
        _ if is_escaped(pattern) => {
            "contains an escape, but paths are matched percent-decoded; write the character itself"
        }
        _ if pattern.contains(char::is_control) => "contains a control character; remove it",
        _ => return Ok(Pattern::path(pattern)),
    };
    Err(findings.add(at, Problem::BadPattern { rule }))
}

/// Reads a pattern of Envoy cluster names.
pub(super) fn cluster(
    pattern: &str,
    at: &str,
    findings: &mut Findings,
) -> Result<Pattern, Reported> {
    let rule = match pattern {
        "" => "is an empty pattern; write a cluster's name such as huggingface or hf-*",
        _ if pattern.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            "contains a space or control character; write the cluster name as it is in Envoy"
        }
        _ => return Ok(Pattern::cluster(pattern)),
    };
    Err(findings.add(at, Problem::BadPattern { rule }))
}

/// `denies` is true for deny rules.
pub(super) fn model(
    pattern: &str,
    denies: bool,
    at: &str,
    findings: &mut Findings,
) -> Result<Pattern, Reported> {
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    let rule = match pattern {
        "" => "is an empty pattern; write a model such as org/name or org/*",
        _ if pattern.contains(':') => {
            "contains a suffix (:fastest, a provider), but models are matched without suffix; remove the colon and \
             the text after it"
        }
        _ if pattern.trim() != pattern
            || pattern.contains(|c: char| c.is_control() || (c.is_whitespace() && c != ' '))
            || pattern.contains('\\') =>
        {
            "begins or ends with a space, or contains a control character or backslash: requests for such models \
             are refused, so it never matches; remove it"
        }
        _ if pattern
            .strip_prefix('/')
            .unwrap_or(pattern)
            .split('/')
            .any(odd) =>
        {
            "contains an empty, . or .. segment: requests for such models are refused, so it never matches; remove it"
        }
        _ => return Ok(spelled(pattern, denies)),
    };
    Err(findings.add(at, Problem::BadPattern { rule }))
}

/// Reads a pattern of JSON-RPC methods. `denies` is true for deny rules.
pub(super) fn message(
    pattern: &str,
    denies: bool,
    at: &str,
    findings: &mut Findings,
) -> Result<Pattern, Reported> {
    let rule = match pattern {
        "" => "is an empty pattern; write a method such as tools/call or notifications/*",
        _ if !pattern.bytes().all(|byte| byte.is_ascii_graphic()) => {
            "contains a space or a character beyond ASCII: requests with such methods are refused, so it never matches; \
             remove it"
        }
        _ => return Ok(spelled(pattern, denies)),
    };
    Err(findings.add(at, Problem::BadPattern { rule }))
}

/// Reads a pattern of tools. `denies` is true for deny rules.
pub(super) fn tool(
    pattern: &str,
    denies: bool,
    at: &str,
    findings: &mut Findings,
) -> Result<Pattern, Reported> {
    let rule = match pattern {
        "" => "is an empty pattern; write a tool such as hub_repo_search or hub_*",
        _ if pattern.trim() != pattern || pattern.contains(char::is_control) => {
            "begins or ends with a space, or contains a control character: requests for such tools are refused, so it \
             never matches; remove it"
        }
        _ => return Ok(spelled(pattern, denies)),
    };
    Err(findings.add(at, Problem::BadPattern { rule }))
}

/// A deny rule ignores case.
fn spelled(pattern: &str, denies: bool) -> Pattern {
    if denies {
        Pattern::path(&pattern.to_lowercase())
    } else {
        Pattern::path(pattern)
    }
}

pub(super) fn method(name: &str, at: &str, findings: &mut Findings) -> Result<String, Reported> {
    let rule = match name {
        _ if name.contains('*') => {
            "is not a method: patterns are not supported here; to match any method, remove `methods`"
        }
        _ if !text::is_token(name) => "is not a valid method; write one such as GET or POST",
        _ if !method::is_accepted(&name.to_ascii_uppercase()) => {
            "is a method whose requests are refused, so it never matches; remove it"
        }
        _ => return Ok(name.to_ascii_uppercase()),
    };
    Err(findings.add(at, Problem::BadPattern { rule }))
}

fn is_escaped(pattern: &str) -> bool {
    pattern.split('%').skip(1).any(|rest| {
        let mut digits = rest.bytes().take(2);
        digits.len() == 2 && digits.all(|byte| byte.is_ascii_hexdigit())
    })
}
