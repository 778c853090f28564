//! The dynamic table of RFC 7541, section 2.3.2: newest entry first.
//!
//! Limits: `limit` bytes by the RFC's own measure (name + value + 32 each), which also bounds memory.
//! An entry's name or value may be unknown (its literal was too long to keep, or its name was a
//! reference to something unseen): it takes its place, so that indices stay right, and says nothing.

use std::collections::VecDeque;

/// RFC 7541, section 4.1.
const ENTRY_OVERHEAD: usize = 32;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Option<Box<[u8]>>,
    pub(super) value: Option<Box<[u8]>>,
}

impl Entry {
    fn size(&self) -> usize {
        let len = |part: &Option<Box<[u8]>>| part.as_ref().map_or(0, |bytes| bytes.len());
        ENTRY_OVERHEAD + len(&self.name) + len(&self.value)
    }
}

pub(super) struct Table {
    entries: VecDeque<Entry>,
    /// Sum of the entries' sizes, never above `limit`.
    size: usize,
    limit: usize,
}

/// Header values may be credentials: sizes only.
impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} entries, {} of {} bytes)", self.entries.len(), self.size, self.limit)
    }
}

impl Table {
    pub(super) const fn new(limit: usize) -> Self {
        Self { entries: VecDeque::new(), size: 0, limit }
    }

    /// The entry inserted `age` insertions before the newest.
    pub(super) fn get(&self, age: usize) -> Option<&Entry> {
        self.entries.get(age)
    }

    /// Inserts as newest; one larger than the whole table empties it (RFC 7541, section 4.4).
    /// Returns whether it is in.
    pub(super) fn insert(&mut self, entry: Entry) -> bool {
        let size = entry.size();
        self.shrink_to(self.limit.saturating_sub(size));
        let fits = size <= self.limit;
        if fits {
            self.size += size;
            self.entries.push_front(entry);
        }
        fits
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.shrink_to(limit);
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.size = 0;
    }

    /// Bytes of memory held, roughly.
    pub(super) fn memory(&self) -> usize {
        let text = self.size.saturating_sub(self.entries.len() * ENTRY_OVERHEAD);
        text + self.entries.capacity() * size_of::<Entry>()
    }

    fn shrink_to(&mut self, most: usize) {
        while self.size > most {
            let Some(oldest) = self.entries.pop_back() else { break };
            self.size -= oldest.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, value: &str) -> Entry {
        Entry { name: Some(name.as_bytes().into()), value: Some(value.as_bytes().into()) }
    }

    #[test]
    fn evicts_the_oldest() {
        let mut table = Table::new(70);
        table.insert(entry("a", "1"));
        table.insert(entry("b", "2"));
        table.insert(entry("c", "3"));
        assert_eq!(table.get(0).and_then(|e| e.name.as_deref()), Some(&b"c"[..]));
        assert_eq!(table.get(1).and_then(|e| e.name.as_deref()), Some(&b"b"[..]));
        assert!(table.get(2).is_none());
        table.set_limit(34);
        assert!(table.get(1).is_none());
    }

    #[test]
    fn an_entry_too_large_empties_the_table() {
        let mut table = Table::new(70);
        table.insert(entry("a", "1"));
        table.insert(entry("a", &"x".repeat(70)));
        assert!(table.get(0).is_none());
        assert_eq!(table.size, 0);
    }
}
