//! Determines what the filter executes under typical traffic in the strict host.

use std::error::Error;

use serde_json::{Value, json};
use strict_host::{
    Branches, Numbers, Report,
    traffic::{Traffic, caller, token},
};
use testbed::persona::Persona;

/// The size of the filter's cache. More tokens than this are sent, so that some are evicted.
const CACHE_ENTRIES: u64 = 8;

/// What an instrumented filter executes.
pub struct Profile {
    /// The called functions in groups, the most frequently called first; each function is only in the first group that calls it.
    pub functions: Vec<Numbers>,
    /// The direct calls of all groups except the start.
    pub calls: Numbers,
    /// The branches that chat requests execute, and the further branches of the other groups except the start.
    pub branches: Branches,
}

/// Runs an instrumented filter.
///
/// # Errors
/// The filter does not start, or reports no function.
pub fn profile(wasm: &[u8]) -> Result<Profile, Box<dyn Error>> {
    let mut traffic = start(wasm, json!({}))?;
    let at_start = traffic.host.take_report();
    let chat_requests = chat_requests(&mut traffic);
    traffic.pass_stream(&caller(0));
    let stream = traffic.host.take_report();
    let model = model_request(wasm)?;
    traffic.host.tick();
    let in_ticks = traffic.host.take_report();
    traffic.pass_without_token();
    let without_token = traffic.host.take_report();

    let mut branches = Branches::default();
    for group in &chat_requests {
        branches.zero.extend(&group.branches.zero);
        branches.nonzero.extend(&group.branches.nonzero);
    }
    let others = [stream, model, in_ticks, without_token];
    for group in &others {
        supplement(&mut branches, &group.branches);
    }
    let groups: Vec<Report> = chat_requests.into_iter().chain(others).collect();
    let calls = groups.iter().flat_map(|group| &group.calls).copied();
    let calls = calls.collect();
    let mut functions: Vec<Numbers> = groups.into_iter().map(|group| group.functions).collect();
    functions.push(at_start.functions);
    let mut seen = Numbers::new();
    for group in &mut functions {
        group.retain(|function| seen.insert(*function));
    }
    if functions.first().is_none_or(Numbers::is_empty) {
        return Err(
            "the filter reported no function that a request calls; is it instrumented?".into(),
        );
    }
    Ok(Profile {
        functions,
        calls,
        branches,
    })
}

fn start(wasm: &[u8], mut changes: Value) -> Result<Traffic, Box<dyn Error>> {
    changes["cache"] = json!({"entries": CACHE_ENTRIES});
    Traffic::start(Some(wasm.to_vec()), &changes)
}

/// Chat requests of callers whose tokens are cached, of new callers, and of one who is denied.
fn chat_requests(traffic: &mut Traffic) -> [Report; 3] {
    for index in 0..CACHE_ENTRIES * 4 {
        traffic.pass(&caller(index), |_, _| ());
    }
    let new = traffic.host.take_report();
    for index in [CACHE_ENTRIES * 4 - 2, CACHE_ENTRIES * 4 - 1].repeat(4) {
        traffic.pass(&caller(index), |_, _| ());
    }
    let cached = traffic.host.take_report();
    traffic.pass(&token(Persona::Nora), |_, _| ());
    let denied = traffic.host.take_report();
    [cached, new, denied]
}

/// A chat request whose model is read, since a rule names models.
fn model_request(wasm: &[u8]) -> Result<Report, Box<dyn Error>> {
    let by_model = json!([{
        "name": "by-model",
        "match": {"models": ["meta-llama/*"]},
        "require": {"role": "Model.Query"},
        "credential": "hf-read",
    }]);
    let mut traffic = start(wasm, json!({"rules": by_model}))?;
    traffic.host.take_report();
    traffic.pass(&caller(0), |_, _| ());
    Ok(traffic.host.take_report())
}

/// Adds the branches that `others` have and `own` do not.
fn supplement(own: &mut Branches, others: &Branches) {
    let zero = &others.zero - &own.nonzero;
    let nonzero = &others.nonzero - &own.zero;
    own.zero.extend(zero);
    own.nonzero.extend(nonzero);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{instrument::instrument, module, optimized};

    #[test]
    fn typical_callers_are_permitted() {
        let mut traffic = Traffic::start(None, &json!({})).unwrap();
        traffic.pass(&caller(0), |_, _| ());
        let logs = traffic.host.logs().join("\n");
        assert!(logs.contains(r#""code":"permitted""#), "{logs}");
    }

    #[test]
    fn ordered_filter_starts_with_the_called_functions() {
        let built = std::fs::read(testbed::envoy::wasm_path()).expect("run `make build`");
        let (wasm, _) = optimized(&built).unwrap();
        let groups = profile(&instrument(&wasm).unwrap()).unwrap().functions;
        let mut next = module::imported_functions(&wasm).unwrap();
        for group in groups {
            let end = next + group.len() as u32;
            assert_eq!(group, (next..end).collect());
            next = end;
        }
    }

    #[test]
    fn branches_of_others_are_added_only_if_own_requests_do_not_execute_them() {
        let mut own = Branches {
            zero: [1, 3].into(),
            nonzero: [2, 3].into(),
        };
        let others = Branches {
            zero: [1, 2, 3, 4, 6].into(),
            nonzero: [1, 2, 3, 5, 6].into(),
        };
        supplement(&mut own, &others);
        assert_eq!(own.zero, [1, 3, 4, 6].into());
        assert_eq!(own.nonzero, [2, 3, 5, 6].into());
    }
}
