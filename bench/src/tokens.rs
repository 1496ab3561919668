//! Entra tokens in large numbers.

use std::thread;

use serde_json::{Value, json};
use testbed::{entra::Entra, mint::Token, persona::Persona};

/// A token of Ada, who is permitted.
pub fn permitted(entra: &Entra) -> Vec<String> {
    vec![entra.token(Persona::Ada)]
}

/// A token of Nora, who satisfies no rule.
pub fn denied(entra: &Entra) -> Vec<String> {
    vec![entra.token(Persona::Nora)]
}

/// Tokens of `count` callers that differ only in their identity.
pub fn many(entra: &Entra, count: usize) -> Vec<String> {
    signed(entra, count, |_, token| token)
}

/// Tokens of `count` callers in so many groups that each token has 10 KB, about the size of an encrypted token.
pub fn long(entra: &Entra, count: usize) -> Vec<String> {
    signed(entra, count, |index, token| {
        let group = |number: usize| format!("{index:08}-0000-4000-8000-{number:012}");
        let groups: Vec<Value> = (0..165).map(|number| json!(group(number))).collect();
        token.claim("groups", groups)
    })
}

fn signed(
    entra: &Entra,
    count: usize,
    change: impl Fn(usize, Token) -> Token + Sync,
) -> Vec<String> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let sign_share = |worker: usize| {
        let indexes = (worker..count).step_by(workers);
        let token = |index| {
            let token = Token::of(Persona::Ada)
                .claim("oid", format!("690222be-ff1a-4d56-abd1-{index:012}"))
                .claim("uti", format!("bench-token-{index:010}"));
            entra.sign(change(index, token))
        };
        indexes.map(token).collect::<Vec<String>>()
    };
    thread::scope(|scope| {
        let sign_share = &sign_share;
        let threads: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || sign_share(worker)))
            .collect();
        let tokens = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("signing does not panic"));
        tokens.collect()
    })
}
