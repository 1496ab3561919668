//! Patterns of hosts, paths and models, and methods: what could never match is refused, since a rule that
//! silently matches nothing denies less, or permits less, than its author thinks.

use super::super::error::{Findings, Reported};
use super::super::problem::Problem;
use super::text;
use crate::http::method;
use crate::pattern::Pattern;

pub(super) fn host(pattern: &str, at: &str, findings: &mut Findings) -> Result<Pattern, Reported> {
    let rule = match pattern {
        "" => "is an empty pattern; write a host such as llama.contoso.com or *.contoso.com",
        _ if pattern.contains("://") || pattern.contains('/') => {
            "is a host with more than its name; write the name alone, such as llama.contoso.com"
        }
        _ if !pattern.starts_with('[') && pattern.contains(':') => {
            "is matched without port; remove the port"
        }
        _ if pattern.ends_with('.') => "is matched without the root dot; remove the last dot",
        _ if !text::is_visible(pattern) => {
            "is no host; write it in ASCII (international names as xn--…) and without blanks"
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
            "begins with no slash, so it never matches; add it"
        }
        _ if pattern.contains(['?', '#']) => {
            "is matched without query and fragment; remove what follows the path"
        }
        _ if pattern.contains("//") || pattern.contains('\\') || pattern.split('/').any(dots) => {
            "holds //, a backslash or a segment of dots: such requests are refused, so it never \
             matches; remove that part"
        }
        _ if is_escaped(pattern) => {
            "is matched percent-decoded; write the character itself in place of the escape"
        }
        _ if pattern.contains(char::is_control) => "holds a control character; remove it",
        _ => return Ok(Pattern::path(pattern)),
    };
    Err(findings.add(at, Problem::BadPattern { rule }))
}

/// A pattern of Envoy cluster names.
pub(super) fn cluster(
    pattern: &str,
    at: &str,
    findings: &mut Findings,
) -> Result<Pattern, Reported> {
    let rule = match pattern {
        "" => "is an empty pattern; write a cluster's name such as huggingface or hf-*",
        _ if pattern.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            "holds a blank or control character; write the cluster's name as Envoy has it"
        }
        _ => return Ok(Pattern::cluster(pattern)),
    };
    Err(findings.add(at, Problem::BadPattern { rule }))
}

/// `denies`: for rules that deny.
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
            "is matched without suffix (:fastest, a provider); remove what begins with the colon"
        }
        _ if pattern.trim() != pattern
            || pattern.contains(|c: char| c.is_control() || (c.is_whitespace() && c != ' '))
            || pattern.contains('\\') =>
        {
            "begins or ends with a blank, or holds a control character or backslash: such models are \
             refused, so it never matches; remove it"
        }
        _ if pattern
            .strip_prefix('/')
            .unwrap_or(pattern)
            .split('/')
            .any(odd) =>
        {
            "holds an empty segment or one of dots: such models are refused, so it never matches; \
             remove it"
        }
        _ if denies => return Ok(Pattern::path(&pattern.to_lowercase())),
        _ => return Ok(Pattern::path(pattern)),
    };
    Err(findings.add(at, Problem::BadPattern { rule }))
}

pub(super) fn method(name: &str, at: &str, findings: &mut Findings) -> Result<String, Reported> {
    let rule = match name {
        _ if name.contains('*') => {
            "is no method: methods have no patterns; to match any, remove \
                                    `methods`"
        }
        _ if !text::is_token(name) => "is no method; write one such as GET or POST",
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
