//! A table for people.

use super::{Proof, Results};
use crate::explain::text as explanation;
use crate::policy_test::run::Outcome;
use crate::prove::assertion::Verdict;
use crate::report::{GREEN, RED, YELLOW, paint, printable};
use std::fmt::Write;

pub fn of(results: &Results<'_>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let widest = |text: fn(&Outcome<'_>) -> String| {
        let widths = results.cases.iter().map(|case| text(case).chars().count());
        widths.max().unwrap_or_default()
    };
    let (names, codes) = (widest(name), widest(code));
    for outcome in &results.cases {
        let mark = if outcome.holds() {
            paint("ok    ", GREEN)
        } else {
            paint("failed", RED)
        };
        let line = format!(
            "{mark}  {:names$}  {:codes$}  {}",
            name(outcome),
            code(outcome),
            by(outcome)
        );
        let _ = writeln!(text, "{}", line.trim_end());
        for difference in &outcome.differences {
            let _ = writeln!(text, "        {}", printable(difference));
        }
        let reason = outcome.answer.text("reason");
        if !outcome.holds() && !reason.is_empty() {
            let _ = writeln!(text, "        {}", printable(reason));
        }
    }
    coverage(results, &mut text);
    for proof in results.proofs() {
        self::proof(proof, &mut text);
    }
    if !results.cases.is_empty() {
        let failed = results.cases.iter().filter(|case| !case.holds()).count();
        let _ = writeln!(text, "{}", summary(results.cases.len(), failed));
    }
    if results.proofs().next().is_some() {
        let count = |result: &str| {
            let found = results.proofs().filter(|proof| proof.result() == result);
            format!("{} {result}", found.count())
        };
        let counts = ["proved", "refuted", "undecided"].map(count);
        let _ = writeln!(
            text,
            "{} assertions: {}",
            results.proofs().count(),
            counts.join(", ")
        );
    }
    text
}

/// Writes an assertion; for a counterexample, also the explanation of its decision.
fn proof(proof: &Proof<'_>, text: &mut String) {
    let colour = match proof.verdict {
        Verdict::Proved => GREEN,
        Verdict::Refuted(_) | Verdict::Shadowed(_) => RED,
        Verdict::Undecided => YELLOW,
    };
    let name = printable(proof.name);
    let _ = writeln!(
        text,
        "{}  {name}",
        paint(&format!("{:9}", proof.result()), colour)
    );
    if !proof.is_proved() {
        let _ = writeln!(text, "        {}", proof.reason());
    }
    if let Verdict::Refuted(counterexample) = &proof.verdict {
        let witness = &counterexample.witness;
        for (label, value) in [
            ("caller", witness.caller.clone()),
            ("request", Some(witness.request.clone())),
        ] {
            let value = value.map_or_else(|| "none".to_owned(), |value| value.to_string());
            let _ = writeln!(text, "        {label}: {}", printable(&value));
        }
        for line in explanation::of(&counterexample.answer).lines() {
            let _ = writeln!(text, "        {line}");
        }
    }
}

fn name(outcome: &Outcome<'_>) -> String {
    printable(&outcome.case.name).into_owned()
}

fn code(outcome: &Outcome<'_>) -> String {
    outcome.answer.text("code").to_owned()
}

/// The rule and the credential of the decision.
fn by(outcome: &Outcome<'_>) -> String {
    let (rule, credential) = (
        outcome.answer.text("rule"),
        outcome.answer.text("credential"),
    );
    match (rule, credential) {
        (rule, "") => rule.to_owned(),
        (rule, credential) => format!("{rule} with {credential}"),
    }
}

fn coverage(results: &Results<'_>, text: &mut String) {
    let coverage = &results.coverage;
    if results.cases.is_empty() || coverage.rules.is_empty() && coverage.clauses.is_empty() {
        return;
    }
    let _ = writeln!(text, "not covered by the cases:");
    for rule in &coverage.rules {
        let _ = writeln!(text, "  rule {rule} decides no case");
    }
    for (rule, clause) in &coverage.clauses {
        let clause = printable(clause);
        let _ = writeln!(text, "  in rule {rule}, no case depends on: {clause}");
    }
}

fn summary(cases: usize, failed: usize) -> String {
    let plural = if cases == 1 { "case" } else { "cases" };
    if failed == 0 {
        format!("{cases} {plural}, all as expected")
    } else {
        format!("{cases} {plural}, {failed} failed")
    }
}
