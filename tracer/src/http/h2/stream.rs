//! The streams that are open: one exchange each.
//!
//! Limits: [`super::MAX_STREAMS`] open, the last [`REMEMBERED`] closed ones known by number.

use std::collections::VecDeque;

use super::MAX_STREAMS;
use super::body::Body;
use crate::http::{ExchangeId, Side};

/// Frames may still be under way on a stream that was reset: they open no exchange.
const REMEMBERED: usize = 64;

/// One direction of a stream.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// Body bytes on the wire.
    pub(super) size: u64,
    /// `None` until the head, or the first byte where the head was not seen.
    pub(super) body: Option<Box<Body>>,
    pub(super) head: bool,
    pub(super) ended: bool,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) exchange: ExchangeId,
    pub(super) late: bool,
    pub(super) gap: bool,
    halves: [Half; 2],
}

impl Stream {
    pub(super) fn new(id: u32, exchange: ExchangeId) -> Self {
        Self { id, exchange, late: false, gap: false, halves: Default::default() }
    }

    pub(super) const fn half(&self, side: Side) -> &Half {
        &self.halves[side as usize]
    }

    pub(super) const fn half_mut(&mut self, side: Side) -> &mut Half {
        &mut self.halves[side as usize]
    }
}

#[derive(Debug, Default)]
pub(super) struct Streams {
    /// By number.
    open: Vec<Stream>,
    closed: VecDeque<u32>,
}

impl Streams {
    pub(super) fn get(&mut self, id: u32) -> Option<&mut Stream> {
        let at = self.open.binary_search_by_key(&id, |stream| stream.id).ok()?;
        self.open.get_mut(at)
    }

    /// `false` when all places are taken.
    pub(super) fn insert(&mut self, stream: Stream) -> bool {
        let full = self.open.len() >= MAX_STREAMS;
        if let (false, Err(at)) = (full, self.open.binary_search_by_key(&stream.id, |s| s.id)) {
            self.open.insert(at, stream);
        }
        !full
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Stream> {
        let at = self.open.binary_search_by_key(&id, |stream| stream.id).ok()?;
        if self.closed.len() == REMEMBERED {
            self.closed.pop_front();
        }
        self.closed.push_back(id);
        let stream = self.open.remove(at);
        if self.open.len() * 4 < self.open.capacity() {
            self.open.shrink_to(self.open.len() * 2);
        }
        Some(stream)
    }

    pub(super) fn was_closed(&self, id: u32) -> bool {
        self.closed.contains(&id)
    }

    /// When no place is free: the oldest stream whose end may have been lost, so that streams that
    /// never end do not fill the table for good.
    pub(super) fn expendable(&self) -> Option<u32> {
        if self.open.len() < MAX_STREAMS {
            return None;
        }
        self.open.iter().find(|stream| stream.gap).map(|stream| stream.id)
    }

    pub(super) fn ids(&self) -> Vec<u32> {
        self.open.iter().map(|stream| stream.id).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn memory(&self) -> usize {
        self.open.capacity() * size_of::<Stream>() + self.closed.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_no_more_than_the_cap() {
        let mut streams = Streams::default();
        for id in 0..MAX_STREAMS as u32 {
            assert!(streams.insert(Stream::new(2 * id + 1, ExchangeId(0))));
        }
        assert!(!streams.insert(Stream::new(9999, ExchangeId(0))));
        assert_eq!(streams.expendable(), None);
        streams.get(5).into_iter().for_each(|stream| stream.gap = true);
        assert_eq!(streams.expendable(), Some(5));
        assert!(streams.remove(5).is_some() && streams.was_closed(5));
        assert!(streams.memory() <= 24 * 1024, "{}", streams.memory());
    }
}
