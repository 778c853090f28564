//! One flow: its directions put in order, its protocol found, its bytes read.
//!
//! In: chunks at their offsets. Out: [`FlowEvent`]s. Limits: [`MAX_SNIFF`] bytes or [`MAX_LATE_CHUNKS`]
//! chunks held while the protocol is not known.

use super::protocol::{Found, fresh, late};
use super::reassembly::{Piece, Reassembly};
use super::table::{Counts, FlowEvent, FlowInfo, Say};
use crate::event::{BootTime, Direction, Verdict};
use crate::http::{Close, Protocol, Side};

/// Bytes held of a flow that may yet turn out to be HTTP.
const MAX_SNIFF: usize = 4096;
/// Chunks of a flow met in its middle that are looked at for a beginning.
const MAX_LATE_CHUNKS: u32 = 256;

#[derive(Debug)]
enum Reader {
    /// Held until the protocol is known.
    Sniffing {
        held: Vec<(Direction, BootTime, Piece)>,
        bytes: usize,
        chunks: u32,
    },
    Http(Box<dyn Protocol>),
    Ignored,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) info: FlowInfo,
    from_start: bool,
    pub(super) directions: [Reassembly; 2],
    reader: Reader,
    /// When its last chunk came.
    pub(super) last: BootTime,
}

impl Connection {
    pub(super) fn new(info: FlowInfo, from_start: bool, at: BootTime) -> Self {
        Self {
            info,
            from_start,
            directions: [Reassembly::default(), Reassembly::default()],
            reader: Reader::Sniffing { held: Vec::new(), bytes: 0, chunks: 0 },
            last: at,
        }
    }

    pub(super) fn memory(&self) -> usize {
        let reader = match &self.reader {
            Reader::Sniffing { bytes, .. } => *bytes,
            Reader::Http(protocol) => protocol.memory(),
            Reader::Ignored => 0,
        };
        size_of::<Self>() + reader + self.directions.iter().map(Reassembly::memory).sum::<usize>()
    }

    /// Who of the two speaks in this direction.
    pub(super) const fn side(&self, direction: Direction) -> Side {
        match (direction, self.info.is_server) {
            (Direction::Outbound, false) | (Direction::Inbound, true) => Side::Request,
            _ => Side::Response,
        }
    }

    /// Hands on what is in order.
    pub(super) fn advance(
        &mut self,
        direction: Direction,
        at: BootTime,
        say: Say<'_>,
        counts: &mut Counts,
    ) {
        while let Some(piece) = self.directions[direction.index()].poll() {
            if let Piece::Gap(len) = piece {
                counts.gaps += 1;
                counts.gap_bytes += len;
            }
            self.piece(direction, at, piece, say, counts);
        }
        self.drain(say);
    }

    fn piece(
        &mut self,
        direction: Direction,
        at: BootTime,
        piece: Piece,
        say: Say<'_>,
        counts: &mut Counts,
    ) {
        let side = self.side(direction);
        match &mut self.reader {
            Reader::Ignored => {}
            Reader::Http(protocol) => match piece {
                Piece::Data(data) => protocol.push(side, at, data),
                Piece::Gap(len) => protocol.gap(side, at, Some(len)),
            },
            Reader::Sniffing { held, bytes, chunks } => {
                if let Piece::Data(data) = &piece {
                    *bytes += data.len();
                }
                *chunks += 1;
                held.push((direction, at, piece));
                let full = *bytes > MAX_SNIFF || *chunks > MAX_LATE_CHUNKS;
                self.sniff(full, say, counts);
            }
        }
    }

    /// Looks at what is held; once the protocol is known, reads it.
    fn sniff(&mut self, full: bool, say: Say<'_>, counts: &mut Counts) {
        let Reader::Sniffing { held, bytes, .. } = &mut self.reader else { return };
        // From a hole on, the beginning is not the connection's.
        self.from_start &= !held.iter().any(|(_, _, piece)| matches!(piece, Piece::Gap(_)));
        let met_late = !self.from_start;
        let name = self.info.server_name.as_deref().unwrap_or_default();
        let found = if met_late { late(held, name) } else { fresh(held, name) };
        match found {
            Found::Protocol { protocol, is_server } => {
                self.info.is_server = is_server;
                let held = std::mem::take(held);
                self.reader = Reader::Http(protocol);
                for (direction, at, piece) in held {
                    self.piece(direction, at, piece, say, counts);
                }
            }
            Found::Unsure if !full => {
                // Chunks that begin nothing are of no use.
                if met_late {
                    held.clear();
                    *bytes = 0;
                }
            }
            Found::Unsure | Found::NotHttp => {
                counts.not_http += 1;
                self.reader = Reader::Ignored;
                say(&self.info, FlowEvent::Verdict(Verdict::Ignore));
            }
        }
    }

    fn drain(&mut self, say: Say<'_>) {
        if let Reader::Http(protocol) = &mut self.reader {
            while let Some(event) = protocol.poll() {
                say(&self.info, FlowEvent::Http(event));
            }
        }
    }

    pub(super) fn close(&mut self, side: Side, at: BootTime, how: Close, say: Say<'_>) {
        if let Reader::Http(protocol) = &mut self.reader {
            protocol.close(side, at, how);
        }
        self.drain(say);
    }

    /// The flow is over. `totals`: bytes each direction moved, when known.
    pub(super) fn finish(
        &mut self,
        totals: Option<[u64; 2]>,
        at: BootTime,
        how: Close,
        say: Say<'_>,
        counts: &mut Counts,
    ) {
        for direction in [Direction::Outbound, Direction::Inbound] {
            let total = totals.map_or(0, |totals| totals[direction.index()]);
            self.directions[direction.index()].finish(total);
            self.advance(direction, at, say, counts);
        }
        // A server's process that goes cuts what its client waits for.
        let how = match (how, self.info.is_server) {
            (Close::ByProcess, true) => Close::ByPeer,
            (how, _) => how,
        };
        self.close(Side::Response, at, how, say);
        self.close(Side::Request, at, how, say);
        say(&self.info, FlowEvent::Closed);
    }
}
