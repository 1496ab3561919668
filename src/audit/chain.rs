//! The chain of the records that one VM writes to one destination. Each record has its number and the hash of the
//! line before it, so that a missing or changed line is detected. The hash has no key: the chain shows accidents and
//! single edits, but not an adversary who recomputes all later lines.

use super::Record;
use crate::hash;
use serde::{Serialize, Serializer};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

/// The BLAKE2b-256 hash (RFC 7693) of a line, without its line break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(target_family = "wasm"),
    derive(schemars::JsonSchema),
    schemars(with = "String")
)]
pub struct LineHash(pub [u8; hash::LENGTH]);

/// A record's place in its chain.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub struct Link {
    /// The chain: a random id, new whenever a worker loads the configuration.
    pub instance: Arc<str>,
    /// The number of the record in its chain, from 1.
    pub seq: u64,
    /// The BLAKE2b-256 hash of the chain's line before this one, in hexadecimal. Null in the first record.
    pub prev: Option<LineHash>,
}

/// The end of one chain.
#[derive(Debug)]
pub struct Chain {
    instance: Arc<str>,
    written: u64,
    last: Option<LineHash>,
}

impl LineHash {
    pub fn of(line: &str) -> Self {
        Self(hash::blake2b(line.as_bytes()))
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(digits: &str) -> Option<Self> {
        let digit = |byte: &u8| (*byte as char).to_digit(16);
        let mut bytes = [0; hash::LENGTH];
        let pairs = digits.as_bytes().chunks(2);
        if digits.len() != bytes.len() * 2 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let [high, low] = pair else { return None };
            *byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
        }
        Some(Self(bytes))
    }
}

impl Serialize for LineHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = self.0.iter().map(|byte| format!("{byte:02x}"));
        serializer.serialize_str(&digits.collect::<String>())
    }
}

impl Default for Chain {
    /// Begins a chain. Its id is random: the standard library keys its hashers with the host's random numbers.
    fn default() -> Self {
        let id = RandomState::new().build_hasher().finish();
        Self {
            instance: format!("{id:016x}").into(),
            written: 0,
            last: None,
        }
    }
}

impl Chain {
    /// Returns the record's line as the next of the chain. If the line is longer than `longest` bytes, its texts are
    /// cut.
    pub fn write(&mut self, record: &mut Record, longest: Option<usize>) -> String {
        self.written = self.written.saturating_add(1);
        record.link = Link {
            instance: self.instance.clone(),
            seq: self.written,
            prev: self.last,
        };
        let whole = record.line();
        let line = match longest {
            Some(longest) if whole.len() > longest => record.line_within(longest),
            Some(_) | None => whole,
        };
        self.last = Some(LineHash::of(&line));
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::open;
    use crate::time::Timestamp;
    use serde_json::Value;

    fn record(path: &str) -> Record {
        let mut record = open(Timestamp::from_secs(0), &"policy".into());
        record.describe_request(&"GET".into(), &"host".into(), &path.into());
        record
    }

    #[test]
    fn line_names_the_hash_of_the_line_before_it() {
        let mut chain = Chain::default();
        let long = "/long".repeat(200);
        let lines = ["/a", &long, "/b"].map(|path| chain.write(&mut record(path), Some(900)));
        assert!(lines[1].contains(r#""shortened":true"#), "{}", lines[1]);
        let values = lines
            .each_ref()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        for (index, value) in values.iter().enumerate() {
            assert_eq!(value["seq"], index + 1);
            assert_eq!(value["instance"], values[0]["instance"]);
            let prev = value["prev"].as_str().and_then(LineHash::parse);
            let before = index.checked_sub(1).map(|before| &lines[before]);
            assert_eq!(prev, before.map(|line| LineHash::of(line)));
        }
    }

    #[test]
    fn every_chain_has_its_own_id() {
        let ids = [Chain::default(), Chain::default(), Chain::default()].map(|own| own.instance);
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0].len() == 16);
    }

    /// RFC 7693 has BLAKE2b-512 of "abc"; this value is coreutils' `printf abc | b2sum -l 256`.
    #[test]
    fn hash_equals_that_of_b2sum() {
        let digits = "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";
        assert_eq!(LineHash::parse(digits), Some(LineHash::of("abc")));
        assert_eq!(serde_json::to_value(LineHash::of("abc")).unwrap(), digits);
        for bad in ["", "bd", &digits.replace('d', "g"), &"é".repeat(32)] {
            assert_eq!(LineHash::parse(bad), None, "{bad}");
        }
    }
}
