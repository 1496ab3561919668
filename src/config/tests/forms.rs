//! Both formats give the same configuration, and no input causes a panic.

use super::super::proto::write;
use super::super::{load, node, source, wire};
use super::*;

#[test]
fn json_and_struct_give_the_same_configuration() {
    let config = base();
    let json = load(config.to_string().as_bytes(), &environment).unwrap();
    let wire = load(&write::object(&config), &environment).unwrap();
    assert_eq!(format!("{json:?}"), format!("{wire:?}"));
    // The errors are the same, too.
    let config = with("/token", json!({"max_bytes": 0, "x": 1.5}));
    let json = load(config.to_string().as_bytes(), &environment).unwrap_err();
    assert_eq!(
        json,
        load(&write::object(&config), &environment).unwrap_err()
    );
}

/// A generator of deterministic random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self
                .below(bytes.len().max(1))
                .min(bytes.len().saturating_sub(1));
            match self.below(5) {
                0 => bytes[at] = self.below(256) as u8,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"{}[]\",:0\x0a\x12\xff"[self.below(11)]),
                3 => bytes.truncate(at + 1),
                _ => {
                    let end = (at + self.below(30)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, copy);
                }
            }
            if bytes.is_empty() {
                bytes.push(b'{');
            }
        }
    }
}

#[test]
fn mutated_bytes_cause_no_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let config = base();
    for original in [config.to_string().into_bytes(), write::object(&config)] {
        for _ in 0..5_000 {
            let mut bytes = original.clone();
            random.mutate(&mut bytes);
            let _ = load(&bytes, &environment);
        }
    }
    for length in 0..200 {
        let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        assert!(load(&bytes, &environment).is_err());
    }
}

/// Moves values to the places of other values, so that every type occurs in place of every other type.
#[test]
fn misplaced_values_cause_no_panic_and_leak_no_secret() {
    let mut random = Random(7);
    let whole = yaml(include_str!("example.yaml"));
    let pieces = places(&whole, String::new());
    for _ in 0..1_500 {
        let mut config = whole.clone();
        for _ in 0..3 {
            let from = &pieces[random.below(pieces.len())];
            let to = &pieces[random.below(pieces.len())];
            let piece = whole.pointer(from).unwrap().clone();
            if let Some(place) = config.pointer_mut(to) {
                *place = piece;
            }
        }
        if let Err(errors) = try_load(&config) {
            let text = errors.to_string();
            assert!(
                !text.contains("hf_") && !text.contains("secret\""),
                "{text}"
            );
            assert!(errors.iter().count() <= 200, "{text}");
        }
        // The reader itself always returns a configuration, even if there are errors.
        let mut findings = super::super::error::Findings::default();
        assert!(
            node::read::<wire::Config>(&config, &mut findings).is_some(),
            "{config}"
        );
    }
}

fn places(value: &Value, at: String) -> Vec<String> {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.replace('~', "~0").replace('/', "~1"), member))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (index.to_string(), item))
            .collect(),
        _ => Vec::new(),
    };
    let deeper = inside
        .into_iter()
        .flat_map(|(name, inner)| places(inner, format!("{at}/{name}")));
    std::iter::once(at.clone())
        .chain(deeper.collect::<Vec<_>>())
        .collect()
}

#[test]
fn nesting_beyond_the_limit_is_refused() {
    let deep = |levels: usize| {
        let require = format!(
            "{}{{\"role\":\"x\"}}{}",
            "{\"not\":".repeat(levels),
            "}".repeat(levels)
        );
        let text = base()
            .to_string()
            .replace("{\"role\":\"Contractor\"}", &require);
        load(text.as_bytes(), &environment)
            .map(|_| ())
            .map_err(|errors| errors.to_string())
    };
    assert_eq!(deep(100), Ok(()));
    assert!(deep(10_000).unwrap_err().contains("recursion limit"));
    assert!(source::read(&[0x0a; 100_000]).is_err());
}
