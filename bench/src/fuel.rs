//! What the filter executes for a request, in a host without a proxy and in an interpreter's fuel: nearly the same in
//! every run, on a machine however busy. Not in it: what the host's calls cost, and what a compiler makes of it all.

use std::error::Error;

use serde_json::{Value, json};
use testbed::{
    everyday::{Everyday, Stage, caller},
    mint::Token,
    persona::Persona,
};

/// Requests that are counted, after as many that are not.
const COUNTED: u64 = 100;

/// By what a request comes to: its headers, its body, its response, its end.
#[derive(Default)]
struct Executed {
    headers: u64,
    body: u64,
    response: u64,
    end: u64,
}

/// A table of what a warm, a cold and a denied request take.
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
        ("denied", count(json!({}), |_| Token::of(Persona::Nora))?),
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

/// The mean over requests of such tokens, under the shipped policy with these changes.
fn count(changes: Value, token: impl Fn(u64) -> Token) -> Result<Executed, Box<dyn Error>> {
    let mut day = Everyday::start(None, &changes)?;
    let mut sum = Executed::default();
    for index in 0..COUNTED * 2 {
        let mut last = day.host.executed();
        day.pass(&token(index), |host, stage| {
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
