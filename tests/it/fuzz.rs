//! Runs the fuzz targets without a fuzzer: on their corpora, on modified copies of these, and on random bytes, which are the
//! same in every run. `make fuzz` searches further.

use crate::random;
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use random::Random;
use std::fs;
use std::path::PathBuf;

impl Random {
    /// Changes a few bytes, or inserts a piece of another input.
    fn change(&mut self, original: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] = self.next() as u8,
                1 => bytes.insert(at, b"\".,{}[]:=\\u0\0\xff"[self.below(14)]),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                3 => bytes.truncate(at),
                4 => {
                    let from = self.below(other.len());
                    let to = (from + self.below(60)).min(other.len());
                    bytes.splice(at..at, other[from..to].iter().copied());
                }
                _ => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        bytes
    }
}

fn run(name: &str, changed: usize) {
    let (_, target) = targets::TARGETS
        .into_iter()
        .find(|(target_name, _)| *target_name == name)
        .unwrap();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut corpus: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    corpus.sort();
    let corpus: Vec<Vec<u8>> = corpus.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(
        corpus.len() >= 3,
        "the corpus has only {} inputs",
        corpus.len()
    );
    corpus.iter().for_each(|input| target(input));
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..changed {
        let (one, other) = (random.below(corpus.len()), random.below(corpus.len()));
        target(&random.change(&corpus[one], &corpus[other]));
        target(&random.bytes(300));
    }
    println!("fuzz: {name}: {} inputs", corpus.len() + 2 * changed);
}

#[test]
fn token_target_finds_no_failure() {
    run("token", 20_000);
}

#[test]
fn key_set_target_finds_no_failure() {
    run("key_set", 4_000);
}

#[test]
fn configuration_target_finds_no_failure() {
    run("configuration", 3_000);
}

#[test]
fn body_target_finds_no_failure() {
    run("body", 40_000);
}

#[test]
fn mcp_target_finds_no_failure() {
    run("mcp", 40_000);
}

#[test]
fn usage_target_finds_no_failure() {
    run("usage", 20_000);
}

#[test]
fn directory_target_finds_no_failure() {
    run("directory", 10_000);
}

#[test]
fn event_order_target_finds_no_failure() {
    run("gate", 1_500);
}

#[test]
fn every_fuzz_target_has_a_program_and_a_corpus() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (name, _) in targets::TARGETS {
        let program = fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("entragate_fuzz::{name}(data)")));
        assert!(manifest.contains(&format!("name = \"{name}\"")));
    }
}
