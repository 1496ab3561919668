//! Counts the instructions that the filter executes for a request, as the fuel of an interpreter and in a host without a proxy:
//! nearly the same in every run, even on a busy machine. The cost of host calls and the effect of a compiler are not included.

use std::error::Error;

use serde_json::{Value, json};
use strict_host::traffic::{Stage, Traffic, caller, token};
use testbed::{mint::Token, persona::Persona};

/// The number of counted requests, which follow the same number of warm-up requests.
const COUNTED: u64 = 100;

/// Fuel by the stage of a request.
#[derive(Default)]
struct Executed {
    headers: u64,
    body: u64,
    response: u64,
    end: u64,
}

/// Returns a table of the fuel that a warm, a cold and a denied request take.
pub fn table() -> Result<String, Box<dyn Error>> {
    let rows = [
        ("warm", count(json!({}), |_| caller(0))?),
        (
            "warm, `audit.log: off`",
            count(json!({"audit": {"log": "off"}}), |_| caller(0))?,
        ),
        (
            "warm, `usage: false`",
            count(json!({"usage": false}), |_| caller(0))?,
        ),
        (
            "cold",
            count(json!({"cache": {"entries": COUNTED / 2}}), caller)?,
        ),
        ("denied", count(json!({}), |_| token(Persona::Nora))?),
    ];
    let mut table = String::from(
        "| Fuel | headers | body | response | end | all |\n|---|---|---|---|---|---|\n",
    );
    for (name, executed) in rows {
        let Executed {
            headers,
            body,
            response,
            end,
        } = executed;
        let all = headers + body + response + end;
        table += &format!("| {name} | {headers} | {body} | {response} | {end} | {all} |\n");
    }
    Ok(table)
}

/// Returns the mean over requests with these tokens, under the shipped policy with these changes.
fn count(changes: Value, token_of: impl Fn(u64) -> Token) -> Result<Executed, Box<dyn Error>> {
    let mut traffic = Traffic::start(None, &changes)?;
    let mut sum = Executed::default();
    for index in 0..COUNTED * 2 {
        let mut last = traffic.host.executed();
        traffic.pass(&token_of(index), |host, stage| {
            let executed = host.executed() - std::mem::replace(&mut last, host.executed());
            if index >= COUNTED {
                *sum.of(stage) += executed;
            }
        });
    }
    Ok(Executed {
        headers: sum.headers / COUNTED,
        body: sum.body / COUNTED,
        response: sum.response / COUNTED,
        end: sum.end / COUNTED,
    })
}

impl Executed {
    fn of(&mut self, stage: Stage) -> &mut u64 {
        match stage {
            Stage::Headers => &mut self.headers,
            Stage::Body => &mut self.body,
            Stage::Response => &mut self.response,
            Stage::End => &mut self.end,
        }
    }
}
