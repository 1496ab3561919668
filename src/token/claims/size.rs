//! The memory use of claims, which the cache limits.

use super::{Claims, Texts};

impl Claims {
    /// The approximate memory use in bytes, within a few per cent.
    pub fn bytes(&self) -> usize {
        let texts = [
            &self.tenant,
            &self.subject,
            &self.client,
            &self.blueprint,
            &self.managed_identity,
            &self.token_id,
            &self.session,
        ];
        let lists = [
            &self.roles,
            &self.groups.listed,
            &self.scopes,
            &self.directory_roles,
            &self.elsewhere,
        ];
        let item = |text: usize| size_of::<Box<str>>() + block(text);
        let list =
            |list: &Texts| block(0) + list.iter().map(|text| item(text.len())).sum::<usize>();
        let texts = texts.into_iter().flatten().chain([&self.object]);
        size_of::<Self>()
            + texts.map(|text| shared(text.len())).sum::<usize>()
            + lists.into_iter().map(list).sum::<usize>()
            + block(self.others.bytes())
            + boxed(&self.rejection)
            + boxed(&self.step_up_at)
    }
}

/// The size of a heap block, including the allocator's overhead.
const fn block(bytes: usize) -> usize {
    const OVERHEAD: usize = 12;
    bytes + OVERHEAD
}

/// The heap size of an optional boxed value.
fn boxed<T>(value: &Option<Box<T>>) -> usize {
    value.as_ref().map_or(0, |_| block(size_of::<T>()))
}

/// The heap size of a reference-counted text.
const fn shared(bytes: usize) -> usize {
    block(bytes + 2 * size_of::<usize>())
}
