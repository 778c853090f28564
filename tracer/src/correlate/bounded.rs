//! A map with a limit: the oldest entry makes room.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Keys are digests or ids; `evicted` counts what made room.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    map: HashMap<K, (V, u64)>,
    /// Keys in the order of their last insertion; an entry whose number is not the map's is stale.
    order: VecDeque<(K, u64)>,
    next: u64,
    limit: usize,
    evicted: u64,
}

impl<K: Hash + Eq + Copy, V> Bounded<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { map: HashMap::new(), order: VecDeque::new(), next: 0, limit, evicted: 0 }
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key).map(|(value, _)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key).map(|(value, _)| value)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.map.remove(key).map(|(value, _)| value)
    }

    /// Puts a value, or replaces it; it is the newest then.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.next += 1;
        self.order.push_back((key, self.next));
        self.map.insert(key, (value, self.next));
        while self.map.len() > self.limit || self.order.len() > self.limit.saturating_mul(2) {
            let Some((key, number)) = self.order.pop_front() else { break };
            if self.map.get(&key).is_some_and(|(_, newest)| *newest == number) {
                self.map.remove(&key);
                self.evicted += 1;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut map = Bounded::new(3);
        for n in 0..3 {
            map.insert(n, n);
        }
        // Seen again: not the oldest any more.
        map.insert(0, 10);
        map.insert(3, 3);
        assert_eq!((map.get(&0), map.get(&1), map.evicted()), (Some(&10), None, 1));
    }

    #[test]
    fn one_key_again_and_again_takes_no_room_and_pushes_nobody_out() {
        let mut map = Bounded::new(3);
        for n in 0..1000 {
            map.insert(n % 3, n);
        }
        assert!(map.order.len() <= 6, "{}", map.order.len());
        assert_eq!((map.len(), map.evicted()), (3, 0));
    }
}
