//! The search for a request that makes a formula true.
//!
//! The solver proposes facts. The search looks for texts with these facts, and passes the request through the filter's
//! gate. If no text has the facts, the constraint that they exclude each other is added permanently. If the gate
//! disagrees, or the search for a text is given up, this combination of facts is excluded, and the result can no longer
//! be a proof.

use super::concrete::{Obstacle, Wanted, Witness, write};
use super::facts::Facts;
use super::solver::{Effort, Lit, Solver};
use entragate::config::Config;
use std::collections::HashSet;

/// The result of a search.
#[derive(Debug)]
pub enum Search<T> {
    /// No request makes the formula true.
    Nothing,
    Found(T),
    /// Neither a proof nor a request was found.
    Undecided,
}

/// The maximum number of requests that are tried.
const MOST_ROUNDS: usize = 400;
/// The maximum number of requests that the gate may refuse.
pub const MOST_REFUSALS: usize = 60;
/// The maximum number of facts that are left out one by one to find those that the goal needs.
const MOST_MINIMIZED: usize = 40;

/// Searches for a request that makes `goal` true and that `confirm` accepts. Requests have tokens of `config`.
pub fn search<T>(
    solver: &mut Solver,
    facts: &Facts,
    config: &Config,
    goal: Lit,
    confirm: &mut dyn FnMut(&Witness) -> Option<T>,
) -> Search<T> {
    // True only in this search, because the combinations that it excludes may be possible.
    let guard = solver.auxiliary();
    let result = guarded(solver, facts, config, [guard, goal], confirm);
    solver.require(&[!guard]);
    result
}

/// Searches while `guard` is true.
fn guarded<T>(
    solver: &mut Solver,
    facts: &Facts,
    config: &Config,
    [guard, goal]: [Lit; 2],
    confirm: &mut dyn FnMut(&Witness) -> Option<T>,
) -> Search<T> {
    let mut is_exact = true;
    let mut refusals = 0;
    'rounds: for _ in 0..MOST_ROUNDS {
        if !solver.is_satisfiable(&[guard, goal]) {
            return if is_exact {
                Search::Nothing
            } else {
                Search::Undecided
            };
        }
        let assigned = solver.assigned();
        let mut wanted = Wanted {
            values: assigned
                .iter()
                .map(|fact| (fact.var(), fact.sign()))
                .collect(),
            core: HashSet::new(),
        };
        // A few unnecessary facts are usually harmless, and it takes long to find the minimal set.
        for effort in [Effort::Quick, Effort::Thorough] {
            wanted.core = core(solver, goal, &assigned, effort).into_iter().collect();
            match write(facts, &wanted, config) {
                Err(Obstacle::Impossible(together)) => {
                    let clause: Vec<Lit> = together.into_iter().map(|literal| !literal).collect();
                    solver.require(&clause);
                    continue 'rounds;
                }
                Err(Obstacle::Unknown) => {}
                Ok(witness) => {
                    if let Some(found) = confirm(&witness) {
                        return Search::Found(found);
                    }
                }
            }
        }
        is_exact = false;
        refusals += 1;
        if refusals == MOST_REFUSALS {
            break;
        }
        let left_out = wanted.core.iter().map(|literal| !*literal);
        let clause: Vec<Lit> = left_out.chain([!guard]).collect();
        solver.require(&clause);
    }
    Search::Undecided
}

/// Returns the facts that make the goal true.
pub fn core(solver: &mut Solver, goal: Lit, assigned: &[Lit], effort: Effort) -> Vec<Lit> {
    let mut all = assigned.to_vec();
    if effort == Effort::Quick {
        // True facts come first: they make many other facts false, which are then not needed.
        all.sort_by_key(|fact| !fact.sign());
    }
    let mut core = solver.implying(&all, goal, effort).unwrap_or(all);
    if core.len() <= MOST_MINIMIZED {
        let mut at = 0;
        while at < core.len() {
            let mut fewer = core.clone();
            fewer.remove(at);
            match solver.implying(&fewer, goal, effort) {
                Some(smaller) => core = smaller,
                None => at += 1,
            }
        }
    }
    core
}
