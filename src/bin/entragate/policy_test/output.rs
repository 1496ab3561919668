//! The results as text, JSON, JUnit XML and annotations of GitHub Actions.

pub mod annotations;
pub mod junit;
pub mod text;

use super::always;
use super::coverage::Coverage;
use super::run::Outcome;
use crate::prove::assertion::Verdict;
use serde_json::{Value, json};

/// The results of one file.
pub struct Results<'c> {
    /// The policy file.
    pub file: &'c str,
    pub cases: Vec<Outcome<'c>>,
    pub coverage: Coverage,
    pub always: Vec<Proof<'c>>,
    pub compare: Vec<Proof<'c>>,
}

/// The result of an assertion.
pub struct Proof<'c> {
    pub name: &'c str,
    pub line: Option<u64>,
    pub verdict: Verdict,
}

impl Proof<'_> {
    pub fn result(&self) -> &'static str {
        match self.verdict {
            Verdict::Proved => "proved",
            Verdict::Refuted(_) | Verdict::Shadowed(_) => "refuted",
            Verdict::Undecided => "undecided",
        }
    }

    pub fn is_proved(&self) -> bool {
        matches!(self.verdict, Verdict::Proved)
    }

    /// One line about a result that is not a proof.
    pub fn reason(&self) -> String {
        match &self.verdict {
            Verdict::Proved => String::new(),
            Verdict::Refuted(counterexample) => {
                let rule = counterexample.answer.text("rule");
                match &counterexample.other {
                    None => format!("rule {rule} permits a request that breaks the assertion"),
                    Some(other) => format!(
                        "rule {rule} permits a request for which the other configuration decides {}",
                        other.text("code")
                    ),
                }
            }
            Verdict::Shadowed(rules) => format!("no request is decided by: {}", rules.join(", ")),
            Verdict::Undecided => {
                "neither a proof nor a request that breaks the assertion was found".to_owned()
            }
        }
    }

    fn json(&self) -> Value {
        let counterexample = match &self.verdict {
            Verdict::Proved | Verdict::Undecided => Value::Null,
            Verdict::Refuted(counterexample) => {
                Value::Object(always::counterexample(counterexample))
            }
            Verdict::Shadowed(rules) => {
                json!({"claims": null, "request": null, "rule": rules.first(), "rules": rules})
            }
        };
        json!({"name": self.name, "result": self.result(), "counterexample": counterexample})
    }
}

impl<'c> Results<'c> {
    /// The results of assertions and comparisons.
    pub fn proofs(&self) -> impl Iterator<Item = &Proof<'c>> {
        self.always.iter().chain(&self.compare)
    }

    pub fn hold(&self) -> bool {
        self.cases.iter().all(Outcome::holds) && self.proofs().all(Proof::is_proved)
    }

    pub fn json(&self) -> Value {
        json!({
            "cases": self.cases.iter().map(Outcome::json).collect::<Vec<_>>(),
            "always": self.always.iter().map(Proof::json).collect::<Vec<_>>(),
            "compare": self.compare.iter().map(Proof::json).collect::<Vec<_>>(),
            "coverage": self.coverage.json(),
        })
    }
}
