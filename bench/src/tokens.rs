//! Entra tokens in large numbers.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

use serde_json::{Value, json};
use strict_host::traffic;
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

/// Tokens by these issuers, signed by the key of the stand-in for Entra ID.
pub fn of_issuers(entra: &Entra, issuers: &[String]) -> Vec<String> {
    let token = |issuer: &String| entra.sign(Token::of(Persona::Ada).claim("iss", issuer.as_str()));
    issuers.iter().map(token).collect()
}

/// Tokens of the callers with these numbers, each signed once.
pub fn numbered(entra: &Entra, numbers: &BTreeSet<usize>) -> BTreeMap<usize, String> {
    let all: Vec<usize> = numbers.iter().copied().collect();
    let tokens = signed_numbers(entra, &all, |_, token| token);
    tokens.into_iter().collect()
}

fn signed(
    entra: &Entra,
    count: usize,
    change: impl Fn(usize, Token) -> Token + Sync,
) -> Vec<String> {
    let all: Vec<usize> = (0..count).collect();
    let tokens = signed_numbers(entra, &all, change);
    tokens.into_iter().map(|(_, token)| token).collect()
}

fn signed_numbers(
    entra: &Entra,
    numbers: &[usize],
    change: impl Fn(usize, Token) -> Token + Sync,
) -> Vec<(usize, String)> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let token = |number: usize| {
        let token = Token::of(Persona::Ada)
            .claim("oid", traffic::oid(number as u64))
            .claim("uti", format!("bench-token-{number:010}"));
        (number, entra.sign(change(number, token)))
    };
    let share = |numbers: &[usize]| numbers.iter().copied().map(&token).collect::<Vec<_>>();
    thread::scope(|scope| {
        let share = &share;
        let threads: Vec<_> = numbers
            .chunks(numbers.len().div_ceil(threads).max(1))
            .map(|numbers| scope.spawn(move || share(numbers)))
            .collect();
        let tokens = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("signing does not panic"));
        tokens.collect()
    })
}
