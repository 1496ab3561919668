//! Compares the table with a sorted map.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Record = [u8; 12];

fn record(key: u64, value: u32) -> Record {
    let mut record = [0; 12];
    record[..8].copy_from_slice(&key.to_be_bytes());
    record[8..].copy_from_slice(&value.to_be_bytes());
    record
}

fn content(records: &[Record]) -> Vec<u8> {
    records.as_flattened().to_vec()
}

#[derive(Clone, Debug)]
enum Action {
    Put(u64, u32),
    /// Removes the records of an id whose value is even.
    Thin(u64),
    /// Removes the records whose value is divisible by this number.
    Retain(u32),
}

/// A few ids in a few pieces, so that operations collide.
fn keys() -> impl Strategy<Value = u64> {
    (0..4_u64, 0..4_u64, 0..16_u64).prop_map(|(piece, id, low)| piece << 62 | id << 4 | low)
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        6 => (keys(), 0..100_u32).prop_map(|(key, value)| Action::Put(key, value)),
        2 => keys().prop_map(Action::Thin),
        1 => (1..7_u32).prop_map(Action::Retain),
    ];
    prop::collection::vec(action, 0..120)
}

fn value(record: &Record) -> u32 {
    u32::from_be_bytes(record[8..].try_into().unwrap())
}

proptest! {
    #[test]
    fn table_equals_a_sorted_map(actions in actions()) {
        let mut table = Table::<12>::default();
        let mut model: BTreeMap<u64, Record> = BTreeMap::new();
        let mut copy = Table::<12>::default();
        for (step, action) in actions.into_iter().enumerate() {
            match action {
                Action::Put(key, value) => {
                    table.put(record(key, value));
                    model.insert(key | 1, record(key, value));
                }
                Action::Thin(of) => {
                    let is_even = |record: &Record| value(record).is_multiple_of(2);
                    table.retain_of(Id::from_key(of), |record| !is_even(record));
                    model.retain(|key, record| {
                        Id::from_key(*key) != Id::from_key(of) || !is_even(record)
                    });
                }
                Action::Retain(by) => {
                    table.retain(|record| !value(record).is_multiple_of(by));
                    model.retain(|_, record| !value(record).is_multiple_of(by));
                }
            }
            prop_assert_eq!(table.len(), model.len());
            prop_assert_eq!(table.is_empty(), model.is_empty());
            for id in model.keys().map(|key| Id::from_key(*key)) {
                let of = model.iter().filter(|(key, _)| Id::from_key(**key) == id);
                let expected: Vec<Record> = of.map(|(_, record)| *record).collect();
                prop_assert_eq!(table.find(id), &expected[..]);
            }
            // A copy that takes over only the changed pieces is equal.
            let tag = 1 + step as u64;
            let changed: Vec<(usize, Vec<u8>)> =
                table.unshared().map(|(index, records)| (index, content(records))).collect();
            prop_assert!(table.tags().is_none() != changed.is_empty());
            for (index, content) in changed {
                table.note_shared(index, tag);
                prop_assert!(copy.take_over(index, &content, tag));
            }
            for (index, tag) in table.tags().unwrap().into_iter().enumerate() {
                if tag == EMPTY {
                    prop_assert!(copy.take_over(index, &[], EMPTY));
                }
                prop_assert_eq!(copy.tag(index), Some(tag));
            }
            prop_assert_eq!(copy.len(), table.len());
            for record in model.values() {
                prop_assert!(copy.find(Id::from_key(key(record))).contains(record));
            }
        }
    }
}

#[test]
fn unchanged_record_leaves_the_piece_shared() {
    let mut table = Table::<12>::default();
    table.put(record(16, 1));
    table.note_shared(0, 7);
    table.put(record(16, 1));
    table.retain(|_| true);
    assert_eq!(table.tag(0), Some(7));
    table.put(record(17, 1));
    assert_eq!((table.tag(0), table.len()), (None, 1), "bit 0 is content");
    table.note_shared(0, 8);
    table.retain(|_| false);
    assert_eq!(table.tag(0), Some(EMPTY));
    table.put(record(16, 1));
    table.note_shared(0, 9);
    table.unshare();
    assert_eq!(table.tag(0), None);
}

#[test]
fn malformed_piece_is_rejected() {
    let mut table = Table::<12>::default();
    let good = content(&[record(16, 1), record(32, 1)]);
    let twice = content(&[record(16, 1), record(17, 1)]);
    let unsorted = content(&[record(32, 1), record(16, 1)]);
    let elsewhere = content(&[record(1 << 63, 1)]);
    for bad in [&good[..23], &twice, &unsorted, &elsewhere] {
        assert!(!table.take_over(0, bad, 1));
    }
    assert!(table.is_empty());
    assert!(!table.take_over(PIECES, &[], 1));
    assert!(table.take_over(0, &good, 1));
    assert_eq!(table.len(), 2);
}

#[test]
fn growing_table_has_little_spare_capacity() {
    let mut table = Table::<12>::default();
    for number in 0..50_000_u64 {
        table.put(record(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), 0));
    }
    let capacity: usize = table
        .pieces
        .iter()
        .map(|piece| piece.records.capacity())
        .sum();
    assert!(capacity < 50_000 * 115 / 100, "{capacity}");
}
