//! Values by digest, and in the order of their last use. Each has one slot; slots name each other by
//! their places in one list, so that nothing is allocated or moved where a value comes or goes.

use super::TokenDigest;

/// Where a slot stands. That of [`NONE`] does not exist.
type Place = u32;
const NONE: Place = Place::MAX;
const FIRST_SLOTS: usize = 16;

#[derive(Debug)]
pub(super) struct Lru<V> {
    slots: Vec<Slot<V>>,
    /// The first slot of each chain; as many as a power of two. The digest tells which it is.
    chains: Vec<Place>,
    newest: Place,
    oldest: Place,
    /// The first of the slots without a value, which are chained.
    free: Place,
    len: usize,
}

#[derive(Debug)]
struct Slot<V> {
    digest: TokenDigest,
    value: Option<V>,
    newer: Place,
    older: Place,
    chained: Place,
}

impl<V> Lru<V> {
    /// What one takes in memory at most: a quarter of the slots may be spare, and half of the chains.
    pub(super) const BYTES: usize = size_of::<Slot<V>>() * 5 / 4 + 2 * size_of::<Place>();

    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            chains: Vec::new(),
            newest: NONE,
            oldest: NONE,
            free: NONE,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The value, which is now the one used last.
    pub(super) fn find(&mut self, digest: &TokenDigest) -> Option<&V> {
        let place = self.place(digest)?;
        self.unlink(place);
        self.link(place);
        self.slot(place)?.value.as_ref()
    }

    /// The value, which is no use of it.
    #[cfg(test)]
    pub(super) fn peek(&self, digest: &TokenDigest) -> Option<&V> {
        self.slot(self.place(digest)?)?.value.as_ref()
    }

    /// The value used least recently.
    pub(super) fn oldest(&self) -> Option<&V> {
        self.slot(self.oldest)?.value.as_ref()
    }

    pub(super) fn remove_oldest(&mut self) -> Option<V> {
        self.free(self.oldest)
    }

    pub(super) fn remove(&mut self, digest: &TokenDigest) -> Option<V> {
        let place = self.place(digest)?;
        self.free(place)
    }

    /// Removes all but those.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&V) -> bool) {
        for place in (0..NONE).take(self.slots.len()) {
            let value = self.slot(place).and_then(|slot| slot.value.as_ref());
            if value.is_some_and(|value| !stays(value)) {
                self.free(place);
            }
        }
    }

    /// A value for a digest that has none, as the one used last.
    pub(super) fn insert(&mut self, digest: TokenDigest, value: V) {
        let slot = Slot {
            digest,
            value: Some(value),
            newer: NONE,
            older: NONE,
            chained: NONE,
        };
        let place = self.free;
        let place = match self.slots.get_mut(place as usize) {
            Some(spare) => {
                self.free = spare.chained;
                *spare = slot;
                place
            }
            None => match self.push(slot) {
                Some(place) => place,
                None => return,
            },
        };
        self.len += 1;
        self.chain(place);
        self.link(place);
    }

    /// `None`: no place is left; memory ends long before. Mostly one is free: it stays out of the way.
    #[cold]
    #[inline(never)]
    fn push(&mut self, slot: Slot<V>) -> Option<Place> {
        let count = self.slots.len();
        let place = Place::try_from(count).ok().filter(|place| *place != NONE)?;
        if count == self.slots.capacity() {
            self.slots.reserve_exact((count / 4).max(FIRST_SLOTS));
        }
        if count == self.chains.len() {
            self.chains = vec![NONE; (2 * count).max(FIRST_SLOTS)];
            // All have a value: none was free.
            (0..place).for_each(|place| self.chain(place));
        }
        self.slots.push(slot);
        Some(place)
    }

    fn slot(&self, place: Place) -> Option<&Slot<V>> {
        self.slots.get(place as usize)
    }

    fn slot_mut(&mut self, place: Place) -> Option<&mut Slot<V>> {
        self.slots.get_mut(place as usize)
    }

    fn place(&self, digest: &TokenDigest) -> Option<Place> {
        let mut place = *self.chains.get(chain_of(digest, &self.chains))?;
        loop {
            let slot = self.slot(place)?;
            if slot.digest == *digest {
                return Some(place);
            }
            place = slot.chained;
        }
    }

    /// Puts a slot at the beginning of its chain.
    fn chain(&mut self, place: Place) {
        let Some(slot) = self.slots.get_mut(place as usize) else {
            return;
        };
        let chain = chain_of(&slot.digest, &self.chains);
        if let Some(first) = self.chains.get_mut(chain) {
            slot.chained = std::mem::replace(first, place);
        }
    }

    /// Takes a slot out of its chain.
    fn unchain(&mut self, place: Place) {
        let Some(slot) = self.slot(place) else {
            return;
        };
        let behind = slot.chained;
        let chain = chain_of(&slot.digest, &self.chains);
        let Some(first) = self.chains.get_mut(chain) else {
            return;
        };
        if *first == place {
            *first = behind;
            return;
        }
        let mut before = *first;
        while let Some(slot) = self.slot_mut(before) {
            if slot.chained == place {
                slot.chained = behind;
                return;
            }
            before = slot.chained;
        }
    }

    /// Makes a slot the newest.
    fn link(&mut self, place: Place) {
        let before = std::mem::replace(&mut self.newest, place);
        match self.slot_mut(before) {
            Some(slot) => slot.newer = place,
            None => self.oldest = place,
        }
        if let Some(slot) = self.slot_mut(place) {
            (slot.newer, slot.older) = (NONE, before);
        }
    }

    /// Joins the neighbours that a slot stands between.
    fn unlink(&mut self, place: Place) {
        let Some((newer, older)) = self.slot(place).map(|slot| (slot.newer, slot.older)) else {
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

    fn free(&mut self, place: Place) -> Option<V> {
        self.unlink(place);
        self.unchain(place);
        let next = self.free;
        let slot = self.slot_mut(place)?;
        let value = slot.value.take()?;
        slot.chained = next;
        self.free = place;
        self.len -= 1;
        Some(value)
    }
}

/// Which chain a digest belongs to: a part of it is as good as all.
fn chain_of(digest: &TokenDigest, chains: &[Place]) -> usize {
    let first = digest.0.first_chunk().copied().unwrap_or_default();
    u32::from_le_bytes(first) as usize & chains.len().wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// Many of one chain.
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

    fn in_order(own: &Lru<u8>) -> Vec<u8> {
        let mut place = own.oldest;
        let mut values = Vec::new();
        while let Some(slot) = own.slot(place) {
            values.push(slot.value.unwrap());
            place = slot.newer;
        }
        values
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn does_what_a_list_does(steps in vec(step(), 0..300)) {
            // From the least recent use to the most recent.
            let mut list: Vec<u8> = Vec::new();
            let mut own = Lru::new();
            for step in steps {
                match step {
                    Step::Insert(n) if list.contains(&n) => {}
                    Step::Insert(n) => {
                        own.insert(digest(n), n);
                        list.push(n);
                    }
                    Step::Find(n) => {
                        let found = list.iter().position(|own| *own == n).map(|at| list.remove(at));
                        prop_assert_eq!(own.find(&digest(n)).copied(), found);
                        list.extend(found);
                    }
                    Step::Remove(n) => {
                        let found = list.iter().position(|own| *own == n).map(|at| list.remove(at));
                        prop_assert_eq!(own.remove(&digest(n)), found);
                    }
                    Step::RemoveOldest => {
                        let first = (!list.is_empty()).then(|| list.remove(0));
                        prop_assert_eq!(own.remove_oldest(), first);
                    }
                    Step::Retain(by) => {
                        own.retain(|n| n % by != 0);
                        list.retain(|n| n % by != 0);
                    }
                }
                prop_assert_eq!(own.len(), list.len());
                prop_assert_eq!(own.oldest(), list.first());
                prop_assert_eq!(in_order(&own), list.clone());
            }
            for n in 0..80 {
                prop_assert_eq!(own.find(&digest(n)).is_some(), list.contains(&n));
            }
        }
    }

    #[test]
    fn a_slot_is_used_again_and_few_are_spare() {
        let mut own = Lru::new();
        for round in 0..1000_u32 {
            own.insert(TokenDigest::of(&round.to_le_bytes()), round);
            if round >= 100 {
                assert_eq!(own.remove_oldest(), Some(round - 100));
            }
        }
        assert_eq!(own.slots.len(), 101);
        let mut moves = 0;
        for round in 1000..20_000_u32 {
            let room = own.slots.capacity();
            own.insert(TokenDigest::of(&round.to_le_bytes()), round);
            moves += usize::from(own.slots.capacity() != room);
            let spare = own.slots.capacity() - own.slots.len();
            assert!(spare <= own.slots.len() / 4 + FIRST_SLOTS, "{spare}");
            assert!(own.chains.len() <= 2 * own.slots.len().max(FIRST_SLOTS));
            assert!(own.chains.len().is_power_of_two());
            let bytes = own.slots.capacity() * size_of::<Slot<u32>>() + size_of_val(&*own.chains);
            assert!(bytes <= Lru::<u32>::BYTES * (own.len() + FIRST_SLOTS));
        }
        assert!(moves < 30, "{moves}");
        assert!(Lru::<u32>::BYTES < 2 * size_of::<Slot<u32>>());
        // Chains stay short.
        let longest = |chain: &Place| {
            let next = |place: &Place| own.slot(*place).map(|slot| slot.chained);
            std::iter::successors(Some(*chain), next).count() - 1
        };
        assert!(own.chains.iter().map(longest).max() < Some(12));
    }
}
