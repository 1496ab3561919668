//! A map from digests to values, ordered by last use. Each value has one slot. Slots refer to each other by
//! their index in one vector, so inserting or removing a value usually allocates and moves nothing.

use super::TokenDigest;

/// The index of a slot. [`NONE`] means no slot.
type SlotIndex = u32;
const NONE: SlotIndex = SlotIndex::MAX;
const FIRST_SLOTS: usize = 16;

#[derive(Debug)]
pub(super) struct Lru<V> {
    slots: Vec<Slot<V>>,
    /// The first slot of each bucket. The number of buckets is a power of two; the digest selects the
    /// bucket.
    buckets: Vec<SlotIndex>,
    newest: SlotIndex,
    oldest: SlotIndex,
    /// The first slot without a value. Such slots form a list by `next_in_bucket`.
    free: SlotIndex,
    len: usize,
}

#[derive(Debug)]
struct Slot<V> {
    digest: TokenDigest,
    value: Option<V>,
    newer: SlotIndex,
    older: SlotIndex,
    next_in_bucket: SlotIndex,
}

impl<V> Lru<V> {
    /// The maximum memory use of one value: up to a quarter of the slots and half of the buckets may be
    /// spare.
    pub(super) const BYTES: usize = size_of::<Slot<V>>() * 5 / 4 + 2 * size_of::<SlotIndex>();

    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            buckets: Vec::new(),
            newest: NONE,
            oldest: NONE,
            free: NONE,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the value and marks it as most recently used.
    pub(super) fn find(&mut self, digest: &TokenDigest) -> Option<&V> {
        let index = self.index(digest)?;
        self.unlink(index);
        self.link(index);
        self.slot(index)?.value.as_ref()
    }

    /// Returns the value without marking it as used.
    #[cfg(test)]
    pub(super) fn peek(&self, digest: &TokenDigest) -> Option<&V> {
        self.slot(self.index(digest)?)?.value.as_ref()
    }

    /// Returns the least recently used value.
    pub(super) fn oldest(&self) -> Option<&V> {
        self.slot(self.oldest)?.value.as_ref()
    }

    pub(super) fn remove_oldest(&mut self) -> Option<V> {
        self.free(self.oldest)
    }

    pub(super) fn remove(&mut self, digest: &TokenDigest) -> Option<V> {
        let index = self.index(digest)?;
        self.free(index)
    }

    /// Removes the values for which `keep` returns false.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        for index in (0..NONE).take(self.slots.len()) {
            let value = self.slot(index).and_then(|slot| slot.value.as_ref());
            if value.is_some_and(|value| !keep(value)) {
                self.free(index);
            }
        }
    }

    /// Inserts a value as most recently used. The digest must not have a value.
    pub(super) fn insert(&mut self, digest: TokenDigest, value: V) {
        let slot = Slot {
            digest,
            value: Some(value),
            newer: NONE,
            older: NONE,
            next_in_bucket: NONE,
        };
        let index = self.free;
        let index = match self.slots.get_mut(index as usize) {
            Some(spare) => {
                self.free = spare.next_in_bucket;
                *spare = slot;
                index
            }
            None => match self.push(slot) {
                Some(index) => index,
                None => return,
            },
        };
        self.len += 1;
        self.add_to_bucket(index);
        self.link(index);
    }

    /// Adds a slot. Returns `None` if no index is left; memory runs out long before. Not inlined, because a
    /// free slot is usually available.
    #[cold]
    #[inline(never)]
    fn push(&mut self, slot: Slot<V>) -> Option<SlotIndex> {
        let count = self.slots.len();
        let index = SlotIndex::try_from(count)
            .ok()
            .filter(|index| *index != NONE)?;
        if count == self.slots.capacity() {
            self.slots.reserve_exact((count / 4).max(FIRST_SLOTS));
        }
        if count == self.buckets.len() {
            self.buckets = vec![NONE; (2 * count).max(FIRST_SLOTS)];
            // Every slot has a value, because no slot was free.
            (0..index).for_each(|index| self.add_to_bucket(index));
        }
        self.slots.push(slot);
        Some(index)
    }

    fn slot(&self, index: SlotIndex) -> Option<&Slot<V>> {
        self.slots.get(index as usize)
    }

    fn slot_mut(&mut self, index: SlotIndex) -> Option<&mut Slot<V>> {
        self.slots.get_mut(index as usize)
    }

    fn index(&self, digest: &TokenDigest) -> Option<SlotIndex> {
        let mut index = *self.buckets.get(bucket_of(digest, &self.buckets))?;
        loop {
            let slot = self.slot(index)?;
            if slot.digest == *digest {
                return Some(index);
            }
            index = slot.next_in_bucket;
        }
    }

    /// Inserts a slot at the start of its bucket.
    fn add_to_bucket(&mut self, index: SlotIndex) {
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return;
        };
        let bucket = bucket_of(&slot.digest, &self.buckets);
        if let Some(first) = self.buckets.get_mut(bucket) {
            slot.next_in_bucket = std::mem::replace(first, index);
        }
    }

    /// Removes a slot from its bucket.
    fn remove_from_bucket(&mut self, index: SlotIndex) {
        let Some(slot) = self.slot(index) else {
            return;
        };
        let next = slot.next_in_bucket;
        let bucket = bucket_of(&slot.digest, &self.buckets);
        let Some(first) = self.buckets.get_mut(bucket) else {
            return;
        };
        if *first == index {
            *first = next;
            return;
        }
        let mut previous = *first;
        while let Some(slot) = self.slot_mut(previous) {
            if slot.next_in_bucket == index {
                slot.next_in_bucket = next;
                return;
            }
            previous = slot.next_in_bucket;
        }
    }

    /// Makes a slot the most recently used.
    fn link(&mut self, index: SlotIndex) {
        let previous = std::mem::replace(&mut self.newest, index);
        match self.slot_mut(previous) {
            Some(slot) => slot.newer = index,
            None => self.oldest = index,
        }
        if let Some(slot) = self.slot_mut(index) {
            (slot.newer, slot.older) = (NONE, previous);
        }
    }

    /// Removes a slot from the order of use.
    fn unlink(&mut self, index: SlotIndex) {
        let Some((newer, older)) = self.slot(index).map(|slot| (slot.newer, slot.older)) else {
            return;
        };
        match self.slot_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slot_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }

    /// Removes a slot's value and adds the slot to the free list.
    fn free(&mut self, index: SlotIndex) -> Option<V> {
        self.unlink(index);
        self.remove_from_bucket(index);
        let next = self.free;
        let slot = self.slot_mut(index)?;
        let value = slot.value.take()?;
        slot.next_in_bucket = next;
        self.free = index;
        self.len -= 1;
        Some(value)
    }
}

/// Returns the bucket of a digest. The digest is uniformly distributed, so a part of it suffices.
fn bucket_of(digest: &TokenDigest, buckets: &[SlotIndex]) -> usize {
    let first = digest.0.first_chunk().copied().unwrap_or_default();
    u32::from_le_bytes(first) as usize & buckets.len().wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// Digests of which many share a bucket.
    fn digest(n: u8) -> TokenDigest {
        let mut digest = [0; 32];
        (digest[0], digest[9]) = (n % 4, n);
        TokenDigest(digest)
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8),
        Find(u8),
        Remove(u8),
        RemoveOldest,
        Retain(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        let digest = || 0..80_u8;
        prop_oneof![
            6 => digest().prop_map(Step::Insert),
            3 => digest().prop_map(Step::Find),
            2 => digest().prop_map(Step::Remove),
            1 => Just(Step::RemoveOldest),
            1 => (2..7_u8).prop_map(Step::Retain),
        ]
    }

    fn in_order(lru: &Lru<u8>) -> Vec<u8> {
        let mut index = lru.oldest;
        let mut values = Vec::new();
        while let Some(slot) = lru.slot(index) {
            values.push(slot.value.unwrap());
            index = slot.newer;
        }
        values
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn lru_behaves_like_a_list(steps in vec(step(), 0..300)) {
            // Ordered from the least to the most recent use.
            let mut list: Vec<u8> = Vec::new();
            let mut lru = Lru::new();
            for step in steps {
                match step {
                    Step::Insert(n) if list.contains(&n) => {}
                    Step::Insert(n) => {
                        lru.insert(digest(n), n);
                        list.push(n);
                    }
                    Step::Find(n) => {
                        let found = list.iter().position(|lru| *lru == n).map(|at| list.remove(at));
                        prop_assert_eq!(lru.find(&digest(n)).copied(), found);
                        list.extend(found);
                    }
                    Step::Remove(n) => {
                        let found = list.iter().position(|lru| *lru == n).map(|at| list.remove(at));
                        prop_assert_eq!(lru.remove(&digest(n)), found);
                    }
                    Step::RemoveOldest => {
                        let first = (!list.is_empty()).then(|| list.remove(0));
                        prop_assert_eq!(lru.remove_oldest(), first);
                    }
                    Step::Retain(by) => {
                        lru.retain(|n| n % by != 0);
                        list.retain(|n| n % by != 0);
                    }
                }
                prop_assert_eq!(lru.len(), list.len());
                prop_assert_eq!(lru.oldest(), list.first());
                prop_assert_eq!(in_order(&lru), list.clone());
            }
            for n in 0..80 {
                prop_assert_eq!(lru.find(&digest(n)).is_some(), list.contains(&n));
            }
        }
    }

    #[test]
    fn slots_are_reused_and_few_are_spare() {
        let mut lru = Lru::new();
        for round in 0..1000_u32 {
            lru.insert(TokenDigest::of(&round.to_le_bytes()), round);
            if round >= 100 {
                assert_eq!(lru.remove_oldest(), Some(round - 100));
            }
        }
        assert_eq!(lru.slots.len(), 101);
        let mut reallocations = 0;
        for round in 1000..20_000_u32 {
            let capacity = lru.slots.capacity();
            lru.insert(TokenDigest::of(&round.to_le_bytes()), round);
            reallocations += usize::from(lru.slots.capacity() != capacity);
            let spare = lru.slots.capacity() - lru.slots.len();
            assert!(spare <= lru.slots.len() / 4 + FIRST_SLOTS, "{spare}");
            assert!(lru.buckets.len() <= 2 * lru.slots.len().max(FIRST_SLOTS));
            assert!(lru.buckets.len().is_power_of_two());
            let bytes = lru.slots.capacity() * size_of::<Slot<u32>>() + size_of_val(&*lru.buckets);
            assert!(bytes <= Lru::<u32>::BYTES * (lru.len() + FIRST_SLOTS));
        }
        assert!(reallocations < 30, "{reallocations}");
        assert!(Lru::<u32>::BYTES < 2 * size_of::<Slot<u32>>());
        // Buckets stay short.
        let longest = |bucket: &SlotIndex| {
            let next = |index: &SlotIndex| lru.slot(*index).map(|slot| slot.next_in_bucket);
            std::iter::successors(Some(*bucket), next).count() - 1
        };
        assert!(lru.buckets.iter().map(longest).max() < Some(12));
    }
}
