//! One direction of a connection in order, holes made visible.
//!
//! In: chunks with the offset of their first byte, nearly in order: two threads on two CPUs can
//! write one connection. Out: bytes in order, or a [`Piece::Gap`] of known length. Limits: chunks
//! that wait for an earlier one are at most [`MAX_WAITING`] and [`MAX_WAITING_BYTES`]; beyond that
//! what they wait for is given up as a gap.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf as _, Bytes};

/// Chunks held back for an earlier one.
pub const MAX_WAITING: usize = 16;
/// Bytes held back for an earlier one.
pub const MAX_WAITING_BYTES: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The next bytes.
    Data(Bytes),
    /// So many bytes are missing here.
    Gap(u64),
}

/// Discards, for the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes that had been delivered or given up already.
    pub duplicate_bytes: u64,
    pub gaps: u64,
    pub gap_bytes: u64,
}

#[derive(Debug, Default)]
pub struct Reassembly {
    /// Offset of the next byte to deliver.
    next: u64,
    /// Early chunks by offset; all offsets are beyond `next`.
    waiting: BTreeMap<u64, Bytes>,
    waiting_bytes: usize,
    ready: VecDeque<Piece>,
    counts: Counts,
}

impl Reassembly {
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes held back.
    pub const fn memory(&self) -> usize {
        self.waiting_bytes
    }

    /// Takes a chunk.
    pub fn push(&mut self, offset: u64, data: Bytes) {
        if data.is_empty() {
            return;
        }
        if offset > self.next {
            self.hold(offset, data);
            while self.waiting.len() > MAX_WAITING || self.waiting_bytes > MAX_WAITING_BYTES {
                self.give_up();
            }
            return;
        }
        self.deliver(offset, data);
        self.release();
    }

    /// The direction has moved `total` bytes and will move no more, or not be followed: what is
    /// missing is given up.
    pub fn finish(&mut self, total: u64) {
        while !self.waiting.is_empty() {
            self.give_up();
        }
        if total > self.next {
            self.skip(total - self.next);
        }
    }

    /// The next piece; `None`: feed me more.
    pub fn poll(&mut self) -> Option<Piece> {
        self.ready.pop_front()
    }

    fn hold(&mut self, offset: u64, data: Bytes) {
        self.waiting_bytes += data.len();
        if let Some(replaced) = self.waiting.insert(offset, data) {
            self.waiting_bytes -= replaced.len();
            self.counts.duplicate_bytes += replaced.len() as u64;
        }
    }

    /// Delivers what of a chunk that begins at or before `next` is new.
    fn deliver(&mut self, offset: u64, mut data: Bytes) {
        let old = (self.next - offset).min(data.len() as u64);
        self.counts.duplicate_bytes += old;
        // `old` is at most the chunk's own length.
        data.advance(old as usize);
        if !data.is_empty() {
            self.next += data.len() as u64;
            self.ready.push_back(Piece::Data(data));
        }
    }

    /// Delivers the chunks that wait for nothing any more.
    fn release(&mut self) {
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() <= self.next
        {
            let (offset, data) = entry.remove_entry();
            self.waiting_bytes -= data.len();
            self.deliver(offset, data);
        }
    }

    /// Stops waiting for what is before the earliest held chunk.
    fn give_up(&mut self) {
        if let Some((offset, _)) = self.waiting.first_key_value() {
            self.skip(offset - self.next);
            self.release();
        }
    }

    fn skip(&mut self, len: u64) {
        self.counts.gaps += 1;
        self.counts.gap_bytes += len;
        self.next += len;
        self.ready.push_back(Piece::Gap(len));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(direction: &mut Reassembly) -> Vec<Piece> {
        std::iter::from_fn(|| direction.poll()).collect()
    }

    fn data(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn a_late_chunk_is_waited_for() {
        let mut direction = Reassembly::default();
        direction.push(0, data("ab"));
        direction.push(4, data("ef"));
        direction.push(2, data("cd"));
        assert_eq!(drain(&mut direction), ["ab", "cd", "ef"].map(|t| Piece::Data(data(t))));
        assert_eq!(direction.counts(), Counts::default());
    }

    #[test]
    fn a_hole_at_the_very_end_is_a_gap() {
        let mut direction = Reassembly::default();
        direction.push(0, data("ab"));
        direction.finish(10);
        assert_eq!(drain(&mut direction), [Piece::Data(data("ab")), Piece::Gap(8)]);
        assert_eq!(direction.counts().gap_bytes, 8);
    }

    #[test]
    fn waiting_is_bounded() {
        let mut direction = Reassembly::default();
        for index in 0..1000 {
            direction.push(10 + 100 * index, Bytes::from(vec![b'x'; 50]));
            assert!(
                direction.waiting.len() <= MAX_WAITING && direction.memory() <= MAX_WAITING_BYTES
            );
        }
        let pieces = drain(&mut direction);
        assert_eq!(pieces[0], Piece::Gap(10));
        assert_eq!(pieces[2], Piece::Gap(50));
    }

    proptest! {
        /// Whatever is lost, repeated or out of order: bytes and gaps cover the stream exactly once,
        /// and no byte is delivered at another's place.
        #[test]
        fn every_byte_is_delivered_or_in_a_gap(
            cuts in proptest::collection::vec(1usize..40, 1..60),
            fate in proptest::collection::vec((0u8..10, 0usize..4), 60),
        ) {
            let total: usize = cuts.iter().sum();
            let stream: Vec<u8> = (0..total).map(|i| (i % 251) as u8).collect();
            let mut chunks = Vec::new();
            let mut at = 0;
            for (len, (what, late)) in cuts.iter().zip(&fate) {
                let chunk = (at as u64, Bytes::copy_from_slice(&stream[at..at + len]));
                let place = chunks.len().saturating_sub(*late);
                match what {
                    0 => {}
                    1 => { chunks.push(chunk.clone()); chunks.push(chunk); }
                    _ => chunks.insert(place, chunk),
                }
                at += len;
            }
            let mut direction = Reassembly::default();
            for (offset, data) in chunks {
                direction.push(offset, data);
            }
            direction.finish(total as u64);
            let mut place = 0;
            for piece in drain(&mut direction) {
                match piece {
                    Piece::Data(data) => {
                        prop_assert_eq!(&data[..], &stream[place..place + data.len()]);
                        place += data.len();
                    }
                    Piece::Gap(len) => place += len as usize,
                }
            }
            prop_assert_eq!(place, total);
        }
    }
}
