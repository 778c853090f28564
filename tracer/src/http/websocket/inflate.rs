//! permessage-deflate (RFC 7692): what was agreed, and one direction's inflater.
//!
//! In: a message's compressed payload in parts. Out: pieces of at most [`PIECE`] bytes, one a call.
//! Holds one DEFLATE window. Context lost is lost until the sender forgets it too.

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

use super::{MAX_INFLATED, MAX_RATIO};
use crate::http::Side;

/// Inflated bytes of one piece.
const PIECE: usize = 16 * 1024;
/// The ratio says nothing before this many bytes.
const RATIO_FROM: u64 = 64 * 1024;
/// Left out at the end of each message: RFC 7692, section 7.2.1.
const TAIL: Bytes = Bytes::from_static(&[0x00, 0x00, 0xff, 0xff]);

/// What the upgrade's answer agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeflateParams {
    pub client_no_context_takeover: bool,
    pub server_no_context_takeover: bool,
}

impl DeflateParams {
    /// Reads the answer's `Sec-WebSocket-Extensions`; `None` without permessage-deflate. Window
    /// sizes do not matter: ours is the largest.
    pub fn parse(extensions: &str) -> Option<Self> {
        let agreed = extensions.split(',').find_map(|extension| {
            let mut parts = extension.split(';').map(str::trim);
            (parts.next() == Some("permessage-deflate")).then_some(parts)
        })?;
        let mut params = Self::default();
        for name in agreed {
            params.client_no_context_takeover |= name == "client_no_context_takeover";
            params.server_no_context_takeover |= name == "server_no_context_takeover";
        }
        Some(params)
    }

    /// Whether what `side` sends begins each message with an empty window.
    pub(super) const fn forgets(self, side: Side) -> bool {
        match side {
            Side::Request => self.client_no_context_takeover,
            Side::Response => self.server_no_context_takeover,
        }
    }
}

/// What one call gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inflated {
    Piece(Bytes),
    /// All input was used; the message goes on.
    Idle,
    /// The message has ended.
    Done,
    /// It does not inflate, or to too much; `ended`: the message has ended all the same.
    Failed {
        ended: bool,
    },
}

#[derive(Debug)]
pub(super) struct Inflater {
    stream: Decompress,
    /// Each message starts with an empty window.
    forgets: bool,
    /// The window is not what the sender's is.
    torn: bool,
    input: Bytes,
    /// The tail is still to be added.
    ending: bool,
    /// The last piece was full: there may be more without more input.
    full: bool,
    taken: u64,
    given: u64,
    done: bool,
}

impl Inflater {
    /// A 32 KiB window and the decoder's tables.
    pub(super) const MEMORY: usize = 48 * 1024;

    pub(super) fn new(forgets: bool) -> Self {
        Self {
            stream: Decompress::new(false),
            forgets,
            torn: false,
            input: Bytes::new(),
            ending: false,
            full: false,
            taken: 0,
            given: 0,
            done: false,
        }
    }

    /// A message begins; `false`: it cannot be read.
    pub(super) fn begin(&mut self) -> bool {
        if self.forgets {
            self.stream.reset(false);
            self.torn = false;
        }
        self.input = Bytes::new();
        (self.ending, self.full, self.done) = (false, false, false);
        (self.taken, self.given) = (0, 0);
        !self.torn
    }

    /// Adds input once [`Inflater::next`] was idle.
    pub(super) fn feed(&mut self, part: Bytes, ends: bool) {
        self.taken += part.len() as u64;
        self.input = part;
        self.ending = ends;
        self.done = ends;
    }

    /// Part of the message is missing.
    pub(super) fn tear(&mut self) {
        self.torn = true;
        self.input = Bytes::new();
    }

    pub(super) fn next(&mut self) -> Inflated {
        loop {
            if self.input.is_empty() && self.ending {
                self.input = TAIL;
                self.ending = false;
            }
            if self.input.is_empty() && !self.full {
                return if self.done { Inflated::Done } else { Inflated::Idle };
            }
            let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
            let mut piece = Vec::with_capacity(PIECE);
            let status = self.stream.decompress_vec(&self.input, &mut piece, FlushDecompress::Sync);
            let taken = (self.stream.total_in() - before_in) as usize;
            let given = self.stream.total_out() - before_out;
            self.input.advance(taken.min(self.input.len()));
            self.full = piece.len() == piece.capacity();
            self.given += given;
            let too_much = self.given > MAX_INFLATED
                || (self.given > RATIO_FROM && self.given > MAX_RATIO * self.taken);
            match status {
                _ if too_much => return self.fail(),
                // A final block may end a message (RFC 7692, section 7.2.3.4); a new stream follows.
                Ok(Status::StreamEnd) => self.stream.reset(false),
                Ok(_) if taken > 0 || given > 0 || self.input.is_empty() => {}
                _ => return self.fail(),
            }
            if !piece.is_empty() {
                // A small message must not keep a large buffer.
                piece.shrink_to_fit();
                return Inflated::Piece(piece.into());
            }
        }
    }

    fn fail(&mut self) -> Inflated {
        self.tear();
        Inflated::Failed { ended: self.done }
    }
}
