//! Which functions are called by what a gateway sees all day, in the strict host.

use std::error::Error;

use serde_json::json;
use testbed::{
    everyday::{Everyday, caller},
    mint::Token,
    persona::Persona,
    vm::Entered,
};

/// So many tokens are remembered, and more come: the others are forgotten for them.
const REMEMBERED: u64 = 8;

/// The functions that an instrumented filter calls, in groups, the most often called first: by a caller who is known, by one
/// who is new, by one who is denied, by ticks, by a request without a token, at the start. Each function is in the first
/// of its groups alone.
///
/// # Errors
/// The filter does not start, or tells of nothing.
pub fn by_requests(wasm: Vec<u8>) -> Result<Vec<Entered>, Box<dyn Error>> {
    let policy = json!({"cache": {"entries": REMEMBERED}});
    let mut day = Everyday::start(Some(wasm), &policy)?;
    let at_start = day.host.take_entered();
    for index in 0..REMEMBERED * 4 {
        day.pass(&caller(index), |_, _| ());
    }
    let new = day.host.take_entered();
    day.pass(&caller(REMEMBERED * 4 - 1), |_, _| ());
    let known = day.host.take_entered();
    day.pass(&Token::of(Persona::Nora), |_, _| ());
    let denied = day.host.take_entered();
    day.host.tick();
    let by_ticks = day.host.take_entered();
    day.pass_nobody();
    let by_nobody = day.host.take_entered();
    let mut groups = vec![known, new, denied, by_ticks, by_nobody, at_start];
    let mut seen = Entered::new();
    for group in &mut groups {
        group.retain(|function| seen.insert(*function));
    }
    match groups.first().is_some_and(|known| !known.is_empty()) {
        true => Ok(groups),
        false => Err("it tells of no function that a request calls".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{instrument::instrument, module, ordered};

    #[test]
    fn callers_of_an_ordinary_day_are_permitted() {
        let mut day = Everyday::start(None, &json!({})).unwrap();
        day.pass(&caller(0), |_, _| ());
        let logs = day.host.logs().join("\n");
        assert!(logs.contains(r#""code":"permitted""#), "{logs}");
    }

    #[test]
    fn ordered_filter_has_called_functions_in_front() {
        let built = std::fs::read(testbed::envoy::wasm_path()).expect("run `make build`");
        let (wasm, _) = ordered(&built).unwrap();
        let groups = by_requests(instrument(&wasm).unwrap()).unwrap();
        let mut next = module::imported_functions(&wasm).unwrap();
        for group in groups {
            let end = next + group.len() as u32;
            assert_eq!(group, (next..end).collect());
            next = end;
        }
    }
}
