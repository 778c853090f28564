//! Where in a document a value stands.

use super::Key;

/// Levels that are told apart; no provider says anything deeper.
const TRACKED: usize = 12;

/// Keys from the root to a value; an array's elements are [`Key::Item`].
#[derive(Clone, Debug, Default)]
pub struct Path {
    keys: [Key; TRACKED],
    indices: [u32; TRACKED],
    depth: usize,
}

impl Path {
    /// The keys, for matching. Of a value below the tracked levels only its first ancestors.
    pub fn keys(&self) -> &[Key] {
        self.keys.get(..self.depth.min(TRACKED)).unwrap_or_default()
    }

    /// Index of the element that stands at level `level` of the path; 0 where it is no element.
    pub fn index(&self, level: usize) -> u32 {
        self.indices.get(level).copied().unwrap_or_default()
    }

    /// Whether [`Path::keys`] has the whole path.
    pub const fn is_whole(&self) -> bool {
        self.depth <= TRACKED
    }

    pub(super) const fn clear(&mut self) {
        self.depth = 0;
    }
    pub(super) fn push(&mut self, key: Key) {
        self.depth += 1;
        self.set(key);
        if let Some(index) = self.indices.get_mut(self.depth - 1) {
            *index = 0;
        }
    }
    pub(super) fn set(&mut self, key: Key) {
        if let Some(last) = self.depth.checked_sub(1).and_then(|at| self.keys.get_mut(at)) {
            *last = key;
        }
    }
    pub(super) const fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
    pub(super) fn next_item(&mut self) {
        if let Some(index) = self.depth.checked_sub(1).and_then(|at| self.indices.get_mut(at)) {
            *index = index.saturating_add(1);
        }
    }
    /// Longest text worth keeping at this place.
    pub(super) fn cap(&self) -> usize {
        if !self.is_whole() {
            return 0;
        }
        // An element, or a member nobody knows, is worth what it is part of.
        let known = self.keys().iter().rev().find(|key| !matches!(key, Key::Item | Key::Unknown));
        known.map_or(0, |key| key.cap())
    }
}
