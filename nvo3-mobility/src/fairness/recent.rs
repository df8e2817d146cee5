//! Something for each sender that was heard lately, bounded.

use alloc::collections::BTreeMap;

/// A value for each key. At the bound, the key that was used the longest ago makes room.
#[derive(Debug)]
pub(crate) struct Recent<K, T> {
    limit: usize,
    uses: u64,
    /// Each value, with the number of its last use.
    values: BTreeMap<K, (T, u64)>,
    by_use: BTreeMap<u64, K>,
}

impl<K: Copy + Ord, T: Copy + Default> Recent<K, T> {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, uses: 0, values: BTreeMap::new(), by_use: BTreeMap::new() }
    }

    /// The value of a key; the default if it has none.
    pub(crate) fn get(&self, key: &K) -> T {
        self.values.get(key).map(|(value, _)| *value).unwrap_or_default()
    }

    /// Sets the value of a key, which is used now.
    pub(crate) fn put(&mut self, key: K, value: T) {
        self.uses += 1;
        if let Some((_, before)) = self.values.insert(key, (value, self.uses)) {
            self.by_use.remove(&before);
        }
        self.by_use.insert(self.uses, key);
        if self.values.len() > self.limit
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.values.remove(&oldest);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_used_the_longest_ago_makes_room() {
        let mut values = Recent::new(2);

        for n in [1, 2, 1, 3] {
            values.put(n, n);
        }

        assert_eq!([1, 2, 3].map(|n| values.get(&n)), [1, 0, 3]);
        assert_eq!((values.len(), values.by_use.len()), (2, 2));
    }
}
