//! Finding a frame again after a hole, or in the middle of a connection.
//!
//! Where a chunk begins a frame likely begins. It is believed when frames with plausible headers
//! follow each other up to the chunk's very end, or three in a row; a chain that runs out of a chunk
//! is followed through the next ones, its frames skipped. Prefers missing frames to wrong ones.

use bytes::{Buf, Bytes};

use super::frame::HEADER_LEN;
use super::reader::FixedBuf;

/// Headers in a row that are believed when they do not end with the chunk.
const ENOUGH: u8 = 3;

/// A chain of frames that may be one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Candidate {
    /// Payload bytes until the next header.
    skip: usize,
    header: FixedBuf,
    /// Plausible headers so far.
    frames: u8,
}

#[derive(Debug)]
pub(super) enum Verdict {
    /// A frame begins where the data now stands.
    Found,
    Maybe(Candidate),
    No,
}

impl Candidate {
    /// Whether `chunk` begins with a frame.
    pub(super) fn look(chunk: &Bytes, max_frame: u32) -> Verdict {
        let mut rest = chunk.clone();
        Self::default().go_on(&mut rest, max_frame)
    }

    /// Follows the chain through `data`, taking off what it passed.
    pub(super) fn go_on(mut self, data: &mut Bytes, max_frame: u32) -> Verdict {
        loop {
            let take = self.skip.min(data.len());
            self.skip -= take;
            data.advance(take);
            if self.skip > 0 {
                return Verdict::Maybe(self);
            }
            if self.frames > 0 && (data.is_empty() || self.frames >= ENOUGH) {
                return Verdict::Found;
            }
            if !self.header.fill(data, HEADER_LEN) {
                return Verdict::Maybe(self);
            }
            let header = self.header.header();
            if !header.plausible(max_frame) {
                return Verdict::No;
            }
            self.frames += 1;
            self.skip = header.length as usize;
            self.header = FixedBuf::default();
        }
    }
}
