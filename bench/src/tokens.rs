//! Tokens as Entra makes them, in numbers.

use std::thread;

use serde_json::{Value, json};
use testbed::{entra::Entra, mint::Token, persona::Persona};

/// One of Ada's, who is permitted.
pub fn usual(entra: &Entra) -> Vec<String> {
    vec![entra.token(Persona::Ada)]
}

/// One of Nora's, whom no rule permits.
pub fn refused(entra: &Entra) -> Vec<String> {
    vec![entra.token(Persona::Nora)]
}

/// That many callers, alike but for who they are.
pub fn many(entra: &Entra, count: usize) -> Vec<String> {
    signed(entra, count, |_, token| token)
}

/// That many callers in so many groups that each token has 10 KB: what an encrypted token comes to as well.
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
    let of_worker = |worker: usize| {
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
        let of_worker = &of_worker;
        let threads: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || of_worker(worker)))
            .collect();
        let tokens = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("signing does not panic"));
        tokens.collect()
    })
}
