//! Runs cases through the filter's own gate.

use super::caller;
use super::expectation::{effects, got};
use super::file::{Caller, Case};
use crate::clock;
use crate::explain::answer::{self, Answer};
use crate::explain::keys;
use crate::offline;
use entragate::config::Config;
use serde_json::{Map, Value, json};

/// The result of one case.
pub struct Outcome<'c> {
    pub case: &'c Case,
    /// The differences from the expectation; empty if the case succeeds.
    pub differences: Vec<String>,
    pub answer: Answer,
}

/// A configuration that decides without a network.
pub fn prepare(config: &mut Config) {
    offline::prepare(config);
    offline::answer_graph(config);
    caller::provide_keys(config);
}

/// Runs one case. `config` is prepared.
///
/// # Errors
/// The reason why the caller's token cannot be made.
pub fn run<'c>(case: &'c Case, config: &Config) -> Result<Outcome<'c>, String> {
    let now = case.request.time.unwrap_or_else(clock::now);
    let mut config = config.clone();
    let (token, groups) = match &case.caller {
        Caller::WithoutToken => (None, None),
        Caller::Token(token) => (Some(token.clone()), None),
        Caller::Described(caller) => {
            let token = caller::token(caller, &config, now);
            let token = token.map_err(|text| format!("caller.{text}"))?;
            (Some(token), caller.graph_groups.as_ref())
        }
    };
    if groups.is_none() {
        // If the case does not contain the answer to a lookup, the lookup is disabled.
        config.directories.iter_mut().for_each(|each| *each = None);
    }
    let question = case.request.question(token, groups, now, &config);
    if let Caller::Token(_) = case.caller {
        keys::accept(&question, &mut config);
    }
    let answer = answer::of(config, question, None, true)
        .ok_or("the token's keys cannot be replaced, so no decision is made")?;
    Ok(Outcome {
        differences: case.expect.differences(&answer),
        case,
        answer,
    })
}

impl Outcome<'_> {
    pub fn holds(&self) -> bool {
        self.differences.is_empty()
    }

    pub fn json(&self) -> Value {
        let mut got: Map<String, Value> = got(&self.answer);
        got.insert("shadow".into(), json!(effects(&self.answer)));
        json!({
            "name": self.case.name,
            "ok": self.holds(),
            "got": got,
            "differences": self.differences,
        })
    }
}
