//! A sorted table of small records in a fixed number of pieces. A worker holds up to 200,000 records, so they have no
//! overhead. A piece is the unit that workers share: after a change, only the changed pieces are copied.

use super::id::{FREE_BITS, Id};
use std::fmt;

/// The number of pieces. A record belongs to the piece of the first byte of its key.
pub const PIECES: usize = 256;
/// Spare capacity of a piece that grows: an eighth, and this many records.
const SPARE: usize = 4;
/// The tag of a piece without records, which is not shared.
pub const EMPTY: u64 = 0;

/// Records of `N` bytes. The first eight bytes of a record are its key, in big-endian order.
#[derive(Clone, Default)]
pub struct Table<const N: usize> {
    /// Empty until the first record.
    pieces: Vec<Piece<N>>,
    records: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece<const N: usize> {
    records: Vec<[u8; N]>,
    /// The tag under which this content is shared. `None`: the content was changed since.
    tag: Option<u64>,
}

impl<const N: usize> Default for Piece<N> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            tag: Some(EMPTY),
        }
    }
}

/// Omits the records.
impl<const N: usize> fmt::Debug for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} records)", self.records)
    }
}

/// Returns the key of a record.
pub fn key<const N: usize>(record: &[u8; N]) -> u64 {
    record
        .first_chunk()
        .map_or(0, |key| u64::from_be_bytes(*key))
}

impl<const N: usize> Table<N> {
    pub const fn len(&self) -> usize {
        self.records
    }

    pub const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Returns all records of an id.
    pub fn find(&self, id: Id) -> &[[u8; N]] {
        let records = self
            .pieces
            .get(place(id.bits()))
            .map_or(&[][..], |piece| &piece.records);
        let start = records.partition_point(|record| key(record) < id.bits());
        let rest = records.get(start..).unwrap_or_default();
        let is_same = |record: &&[u8; N]| Id::from_key(key(record)) == id;
        let end = rest.iter().take_while(is_same).count();
        rest.get(..end).unwrap_or_default()
    }

    /// Returns all records in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &[u8; N]> {
        self.pieces.iter().flat_map(|piece| &piece.records)
    }

    /// Inserts a record, or replaces the record with the same key. Bit 0 of the key is ignored in comparisons.
    pub fn put(&mut self, record: [u8; N]) {
        if self.pieces.is_empty() {
            self.pieces.resize_with(PIECES, Piece::default);
        }
        let wanted = key(&record);
        let Some(piece) = self.pieces.get_mut(place(wanted)) else {
            return;
        };
        let records = &mut piece.records;
        let at = records.partition_point(|own| key(own) | 1 < wanted | 1);
        match records.get_mut(at) {
            Some(own) if key(own) | 1 == wanted | 1 => {
                if *own == record {
                    return;
                }
                *own = record;
            }
            _ => {
                if records.len() == records.capacity() {
                    records.reserve_exact(records.len() / 8 + SPARE);
                }
                records.insert(at, record);
                self.records += 1;
            }
        }
        piece.tag = None;
    }

    /// Keeps the records for which `keep` returns true. `keep` may change a record, except for the part of its key
    /// that determines the order.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut [u8; N]) -> bool) {
        for piece in &mut self.pieces {
            self.records -= piece.retain(&mut keep);
        }
    }

    /// Keeps the records of one id for which `keep` returns true.
    pub fn retain_of(&mut self, id: Id, mut keep: impl FnMut(&mut [u8; N]) -> bool) {
        if self.find(id).is_empty() {
            return;
        }
        if let Some(piece) = self.pieces.get_mut(place(id.bits())) {
            self.records -=
                piece.retain(&mut |record| Id::from_key(key(record)) != id || keep(record));
        }
    }

    /// Returns the pieces that were changed since they were shared, with their content.
    pub fn unshared(&self) -> impl Iterator<Item = (usize, &[[u8; N]])> {
        let pieces = self.pieces.iter().enumerate();
        let unshared = pieces.filter(|(_, piece)| piece.tag.is_none());
        unshared.map(|(index, piece)| (index, piece.records.as_slice()))
    }

    /// Records that the current content of a piece is shared under this tag.
    pub fn note_shared(&mut self, index: usize, tag: u64) {
        if let Some(piece) = self.pieces.get_mut(index) {
            piece.tag = Some(tag);
        }
    }

    /// Marks all pieces as not shared.
    pub fn unshare(&mut self) {
        for piece in &mut self.pieces {
            piece.tag = piece.records.is_empty().then_some(EMPTY);
        }
    }

    /// Returns the tags of all pieces, if all are shared.
    pub fn tags(&self) -> Option<Vec<u64>> {
        if self.pieces.is_empty() {
            return Some(vec![EMPTY; PIECES]);
        }
        self.pieces.iter().map(|piece| piece.tag).collect()
    }

    /// Returns the tag under which the current content of a piece is shared.
    pub fn tag(&self, index: usize) -> Option<u64> {
        self.pieces
            .get(index)
            .map_or(Some(EMPTY), |piece| piece.tag)
    }

    /// Replaces the content of a piece with shared content. Returns false if the content is malformed.
    pub fn take_over(&mut self, index: usize, content: &[u8], tag: u64) -> bool {
        let (records, rest) = content.as_chunks::<N>();
        let is_sorted = records.is_sorted_by(|one, next| key(one) | 1 < key(next) | 1);
        let is_ours = |record: &[u8; N]| place(key(record)) == index;
        if !rest.is_empty() || !is_sorted || !records.iter().all(is_ours) {
            return false;
        }
        if self.pieces.is_empty() {
            self.pieces.resize_with(PIECES, Piece::default);
        }
        let Some(piece) = self.pieces.get_mut(index) else {
            return false;
        };
        self.records = self.records - piece.records.len() + records.len();
        // The old records are freed first, so that both are never in memory.
        piece.records = Vec::new();
        piece.records = records.to_vec();
        piece.tag = Some(tag);
        true
    }
}

impl<const N: usize> Piece<N> {
    /// Returns the number of removed records.
    fn retain(&mut self, keep: &mut impl FnMut(&mut [u8; N]) -> bool) -> usize {
        let before = self.records.len();
        let mut is_changed = false;
        self.records.retain_mut(|record| {
            let old = *record;
            let keeps = keep(record);
            is_changed |= !keeps || *record != old;
            keeps
        });
        if is_changed {
            self.tag = self.records.is_empty().then_some(EMPTY);
        }
        before - self.records.len()
    }
}

/// The piece of a key.
fn place(key: u64) -> usize {
    usize::from(u8::try_from(key >> (u64::BITS - 8)).unwrap_or_default())
}

const _: () = assert!(FREE_BITS >= 1, "bit 0 of a key is not part of the id");

#[cfg(test)]
mod tests;
