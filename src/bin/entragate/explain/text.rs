//! The answer as text.

use super::answer::{Answer, kind};
use crate::report::{GREEN, RED, YELLOW, paint, printable};
use entragate::logic::Truth;
use entragate::policy::rule::Mode;
use entragate::policy::trace::{ClauseTrace, RuleKind, RuleTrace};
use std::fmt::Write;

pub fn of(answer: &Answer) -> String {
    let mut text = Text {
        lines: String::new(),
    };
    text.verdict(answer);
    text.caller(answer);
    text.token(answer);
    text.line(0, "rules, in the order of evaluation:");
    for rule in &answer.rules {
        text.rule(rule);
    }
    text.lines
}

struct Text {
    lines: String,
}

impl Text {
    fn line(&mut self, depth: usize, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.lines, "{:1$}{line}", "", depth * 2);
    }

    fn verdict(&mut self, answer: &Answer) {
        let (word, colour) = match (answer.is_denied(), answer.status) {
            (true, _) => ("denied", RED),
            (false, Some(_)) => ("answered", GREEN),
            (false, None) => ("permitted", GREEN),
        };
        let status = answer.status.map(|status| format!(", status {status}"));
        let status = status.unwrap_or_default();
        let line = format!("{}: {}{status}", paint(word, colour), answer.text("code"));
        self.line(0, &line);
        for (label, member) in [
            ("", "reason"),
            ("rule: ", "rule"),
            ("credential: ", "credential"),
            ("billed: ", "bill_to"),
            ("model: ", "model"),
            ("JSON-RPC method: ", "mcp_method"),
            ("tool: ", "mcp_tool"),
        ] {
            if !answer.text(member).is_empty() {
                self.line(1, &format!("{label}{}", answer.text(member)));
            }
        }
        if let Some(challenge) = &answer.challenge {
            self.line(1, &format!("WWW-Authenticate: {challenge}"));
        }
    }

    fn caller(&mut self, answer: &Answer) {
        if answer.text("issuer").is_empty() {
            return;
        }
        let checked = if answer.is_verified {
            ""
        } else {
            " (the signature is not verified)"
        };
        self.line(0, &format!("caller{checked}:"));
        for (label, member) in [
            ("issuer", "issuer"),
            ("tenant", "tid"),
            ("object id", "oid"),
            ("client", "client"),
        ] {
            let value = match answer.text(member) {
                "" => "unknown",
                value => value,
            };
            self.line(1, &format!("{label}: {}", printable(value)));
        }
    }

    fn token(&mut self, answer: &Answer) {
        let Some(token) = &answer.token else {
            return;
        };
        self.line(0, "token:");
        for (label, value) in token.lines() {
            self.line(1, &format!("{label}: {}", printable(&value)));
        }
        for member in ["actor", "blueprint"] {
            if !answer.text(member).is_empty() {
                self.line(1, &format!("{member}: {}", answer.text(member)));
            }
        }
    }

    fn rule(&mut self, rule: &RuleTrace) {
        let mut finding = finding(rule);
        if rule.mode == Mode::Shadow {
            finding.push_str(" (shadow mode: no effect)");
        }
        self.line(
            1,
            &format!("{} ({}): {finding}", rule.rule, kind(rule.kind)),
        );
        if let (Some(true) | None, Some(clause)) = (rule.matches, &rule.require) {
            self.clause(2, clause);
        }
    }

    fn clause(&mut self, depth: usize, clause: &ClauseTrace) {
        let mark = match clause.truth {
            Truth::Satisfied => paint("yes", GREEN),
            Truth::Unsatisfied => paint("no ", RED),
            Truth::Indeterminate => paint("?  ", YELLOW),
        };
        let similar = clause.similar.as_ref().map(|similar| {
            format!(" (did you mean {similar}, which the token has? Upper and lower case differ)")
        });
        let similar = similar.unwrap_or_default();
        self.line(depth, &format!("{mark} {}{similar}", clause.text));
        for part in &clause.parts {
            self.clause(depth + 1, part);
        }
    }
}

fn finding(rule: &RuleTrace) -> String {
    match (rule.matches, &rule.require) {
        (Some(false), _) => match rule.mismatch {
            Some(field) => format!("does not match this request (match.{})", field.name()),
            None => "does not match this request".to_owned(),
        },
        (None, _) => "may match this request, whose body is unknown".to_owned(),
        (Some(true), None) if rule.kind == RuleKind::Anonymous => "requires no token".to_owned(),
        (Some(true), None) => "is not evaluated: the caller is not authenticated".to_owned(),
        (Some(true), Some(clause)) => effect(rule.kind, clause.truth).to_owned(),
    }
}

fn effect(kind: RuleKind, truth: Truth) -> &'static str {
    match (kind, truth) {
        (RuleKind::Deny, Truth::Satisfied) => "denies",
        (RuleKind::Deny, Truth::Unsatisfied) => "does not deny",
        (RuleKind::Deny, Truth::Indeterminate) => "is indeterminate, and therefore denies",
        (_, Truth::Satisfied) => "is satisfied",
        (_, Truth::Unsatisfied) => "is not satisfied",
        (_, Truth::Indeterminate) => "is indeterminate, and therefore does not permit",
    }
}
