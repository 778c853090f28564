//! Lines, across chunks.

use bytes::{Buf as _, Bytes, BytesMut};

use super::MAX_LINE;

/// A line under way.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: BytesMut,
    cut: bool,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: Bytes,
    pub(super) cut: bool,
}

impl Lines {
    /// Takes the next line off `data`; `None`: all of it was taken, the line goes on.
    pub(super) fn next(&mut self, data: &mut Bytes) -> Option<Line> {
        let Some(end) = memchr::memchr(b'\n', data) else {
            let rest = std::mem::take(data);
            self.keep(&rest);
            return None;
        };
        let mut text = data.split_to(end);
        data.advance(1);
        if !self.held.is_empty() || self.cut {
            self.keep(&text);
            text = self.held.split().freeze();
        }
        if text.last() == Some(&b'\r') {
            text.truncate(text.len() - 1);
        }
        let cut = std::mem::take(&mut self.cut) || text.len() > MAX_LINE;
        text.truncate(MAX_LINE);
        Some(Line { text, cut })
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.held.len());
        self.cut |= bytes.len() > room;
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether nothing of a line has come.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && !self.cut
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn memory(&self) -> usize {
        self.held.capacity()
    }
}
