//! Determines which functions the filter calls under typical traffic in the strict host.

use std::error::Error;

use serde_json::json;
use testbed::{
    mint::Token,
    persona::Persona,
    traffic::{Traffic, caller},
    vm::Entered,
};

/// The size of the filter's cache. More tokens than this are sent, so that some are evicted.
const CACHE_ENTRIES: u64 = 8;

/// Returns the functions that an instrumented filter calls, in groups, the most frequently called first: for a caller whose
/// token is cached, for a new caller, for a denied caller, in ticks, for a request without a token, at the start. Each function
/// is only in the first group that calls it.
///
/// # Errors
/// The filter does not start, or reports no function.
pub fn functions(wasm: Vec<u8>) -> Result<Vec<Entered>, Box<dyn Error>> {
    let policy = json!({"cache": {"entries": CACHE_ENTRIES}});
    let mut traffic = Traffic::start(Some(wasm), &policy)?;
    let at_start = traffic.host.take_entered();
    for index in 0..CACHE_ENTRIES * 4 {
        traffic.pass(&caller(index), |_, _| ());
    }
    let new = traffic.host.take_entered();
    traffic.pass(&caller(CACHE_ENTRIES * 4 - 1), |_, _| ());
    let cached = traffic.host.take_entered();
    traffic.pass(&Token::of(Persona::Nora), |_, _| ());
    let denied = traffic.host.take_entered();
    traffic.host.tick();
    let in_ticks = traffic.host.take_entered();
    traffic.pass_without_token();
    let without_token = traffic.host.take_entered();
    let mut groups = vec![cached, new, denied, in_ticks, without_token, at_start];
    let mut seen = Entered::new();
    for group in &mut groups {
        group.retain(|function| seen.insert(*function));
    }
    if groups.first().is_some_and(|cached| !cached.is_empty()) {
        Ok(groups)
    } else {
        Err("the filter reported no function that a request calls; is it instrumented?".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{instrument::instrument, module, ordered};

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
        let (wasm, _) = ordered(&built).unwrap();
        let groups = functions(instrument(&wasm).unwrap()).unwrap();
        let mut next = module::imported_functions(&wasm).unwrap();
        for group in groups {
            let end = next + group.len() as u32;
            assert_eq!(group, (next..end).collect());
            next = end;
        }
    }
}
