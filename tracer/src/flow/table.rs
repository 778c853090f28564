//! Every connection being followed: chunks in, HTTP events out.
//!
//! In: the kernel's flow records. Out: [`HttpEvent`]s with the [`FlowInfo`] of their flow, and
//! [`Verdict`]s. Limits: [`MAX_FLOWS`] flows, the one idle longest gives way; [`MAX_SNIFF`] bytes held
//! while a flow's protocol is not known.

use std::collections::HashMap;

use super::reassembly::{Piece, Reassembly};
use crate::event::{
    BootTime, Chunk, Direction, EndReason, FlowEnd, FlowKey, FlowOpen, KernelEvent, ProcessKey,
    Verdict,
};
use crate::http::sniff::{self, Sniffed};
use crate::http::{Close, HttpEvent, Protocol, Side, h1, h2};

pub const MAX_FLOWS: usize = 65_536;
/// Bytes held of a flow that may yet turn out to be HTTP.
const MAX_SNIFF: usize = 4096;
/// Chunks of a flow met in its middle that are looked at for a beginning.
const MAX_LATE_CHUNKS: u32 = 256;

/// What is known of a flow besides its bytes.
#[derive(Clone, Debug, Default)]
pub struct FlowInfo {
    pub key: FlowKey,
    /// SNI, lower case.
    pub server_name: Option<String>,
    pub cgroup_id: u64,
    /// This process answers: the other end asks.
    pub is_server: bool,
    /// As the kernel last had it.
    pub verdict: Verdict,
}

/// What the table says.
#[derive(Debug)]
pub enum FlowEvent {
    Http(HttpEvent),
    /// What the kernel should do with the rest of the flow.
    Verdict(Verdict),
    /// The flow is over; nothing more comes of it.
    Closed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub opened: u64,
    pub closed: u64,
    pub evicted: u64,
    /// Flows that speak something else.
    pub not_http: u64,
    /// Chunks of flows whose opening was lost.
    pub unannounced: u64,
    pub gaps: u64,
    pub gap_bytes: u64,
}

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
struct Flow {
    info: FlowInfo,
    from_start: bool,
    directions: [Reassembly; 2],
    reader: Reader,
    last: BootTime,
}

/// All flows of one worker.
#[derive(Debug, Default)]
pub struct FlowTable {
    flows: HashMap<FlowKey, Flow>,
    by_process: HashMap<ProcessKey, Vec<FlowKey>>,
    counts: Counts,
}

/// Takes what the table says of a flow.
pub type Say<'a> = &'a mut dyn FnMut(&FlowInfo, FlowEvent);

impl FlowTable {
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    pub fn len(&self) -> usize {
        self.flows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        self.flows.values().map(Flow::memory).sum()
    }

    /// Takes a record.
    pub fn push(&mut self, event: KernelEvent, say: Say<'_>) {
        match event {
            KernelEvent::FlowOpen(open) => self.open(open, say),
            KernelEvent::Data(chunk) => self.data(chunk, say),
            KernelEvent::FlowEnd(end) => self.end(&end, say),
            KernelEvent::Exit(exit) => {
                // Threads exit too; a process does when its first thread's id does.
                for key in self.by_process.remove(&exit.origin.process).unwrap_or_default() {
                    if let Some(mut flow) = self.flows.remove(&key) {
                        self.counts.closed += 1;
                        flow.finish(None, exit.origin.at, Close::ByProcess, say, &mut self.counts);
                    }
                }
            }
            KernelEvent::Handshake(_)
            | KernelEvent::Exec(_)
            | KernelEvent::Fork(_)
            | KernelEvent::Map(_) => {}
        }
    }

    /// Nothing more will come: all flows end as lost.
    pub fn finish(&mut self, at: BootTime, say: Say<'_>) {
        self.by_process.clear();
        for (_, mut flow) in self.flows.drain() {
            flow.finish(None, at, Close::Lost, say, &mut self.counts);
        }
    }

    fn open(&mut self, open: FlowOpen, say: Say<'_>) {
        if self.flows.len() >= MAX_FLOWS {
            self.evict(open.origin.at, say);
        }
        self.counts.opened += 1;
        let info = FlowInfo {
            key: open.key,
            server_name: open.server_name,
            cgroup_id: open.origin.cgroup_id,
            is_server: false,
            verdict: open.verdict,
        };
        let flow = Flow::new(info, open.from_start, open.origin.at);
        self.by_process.entry(open.key.process).or_default().push(open.key);
        self.flows.insert(open.key, flow);
    }

    fn data(&mut self, chunk: Chunk, say: Say<'_>) {
        if !self.flows.contains_key(&chunk.key) {
            self.counts.unannounced += 1;
            self.open(
                FlowOpen {
                    origin: chunk.origin,
                    key: chunk.key,
                    verdict: chunk.verdict,
                    server_name: None,
                    // Its first record was lost; its bytes count from 0 all the same.
                    from_start: chunk.offset == 0,
                    fd: None,
                },
                say,
            );
        }
        let Some(flow) = self.flows.get_mut(&chunk.key) else { return };
        let at = chunk.origin.at;
        flow.last = at;
        // What the other direction waits for would have come before an answer to it did.
        let other = chunk.direction.opposite();
        if flow.directions[other.index()].memory() > 0 {
            flow.directions[other.index()].finish(0);
            flow.advance(other, at, say, &mut self.counts);
        }
        flow.info.verdict = chunk.verdict;
        flow.directions[chunk.direction.index()].push(chunk.offset, chunk.data);
        flow.advance(chunk.direction, at, say, &mut self.counts);
    }

    fn end(&mut self, end: &FlowEnd, say: Say<'_>) {
        let at = end.origin.at;
        if end.reason == EndReason::Eof {
            // The process may still write, or read on after a renegotiation.
            if let Some(flow) = self.flows.get_mut(&end.key) {
                let inbound = Direction::Inbound;
                flow.directions[inbound.index()].finish(end.bytes[inbound.index()]);
                flow.advance(inbound, at, say, &mut self.counts);
                let side = flow.side(inbound);
                flow.close(side, at, Close::ByPeer, say);
            }
            return;
        }
        let Some(mut flow) = self.flows.remove(&end.key) else { return };
        self.counts.closed += 1;
        if let Some(keys) = self.by_process.get_mut(&end.key.process) {
            keys.retain(|key| *key != end.key);
            if keys.is_empty() {
                self.by_process.remove(&end.key.process);
            }
        }
        let how = match end.reason {
            EndReason::Failed => Close::Failed,
            EndReason::Freed | EndReason::ProcessExit | EndReason::Eof => Close::ByProcess,
        };
        flow.finish(Some(end.bytes), at, how, say, &mut self.counts);
    }

    fn evict(&mut self, at: BootTime, say: Say<'_>) {
        let oldest = self.flows.iter().min_by_key(|(_, flow)| flow.last).map(|(key, _)| *key);
        let Some(mut flow) = oldest.and_then(|key| self.flows.remove(&key)) else { return };
        self.counts.evicted += 1;
        flow.finish(None, at, Close::Lost, say, &mut self.counts);
    }
}

impl Flow {
    fn new(info: FlowInfo, from_start: bool, at: BootTime) -> Self {
        Self {
            info,
            from_start,
            directions: [Reassembly::default(), Reassembly::default()],
            reader: Reader::Sniffing { held: Vec::new(), bytes: 0, chunks: 0 },
            last: at,
        }
    }

    fn memory(&self) -> usize {
        let reader = match &self.reader {
            Reader::Sniffing { bytes, .. } => *bytes,
            Reader::Http(protocol) => protocol.memory(),
            Reader::Ignored => 0,
        };
        size_of::<Self>() + reader + self.directions.iter().map(Reassembly::memory).sum::<usize>()
    }

    /// Who of the two speaks in this direction.
    const fn side(&self, direction: Direction) -> Side {
        match (direction, self.info.is_server) {
            (Direction::Outbound, false) | (Direction::Inbound, true) => Side::Request,
            _ => Side::Response,
        }
    }

    /// Hands on what is in order.
    fn advance(&mut self, direction: Direction, at: BootTime, say: Say<'_>, counts: &mut Counts) {
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
        let late = !self.from_start;
        let name = self.info.server_name.as_deref().unwrap_or_default();
        let found = if late { late_protocol(held, name) } else { fresh_protocol(held, name) };
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
                if late {
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

    fn close(&mut self, side: Side, at: BootTime, how: Close, say: Say<'_>) {
        if let Reader::Http(protocol) = &mut self.reader {
            protocol.close(side, at, how);
        }
        self.drain(say);
    }

    /// The flow is over. `totals`: bytes each direction moved, when known.
    fn finish(
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

/// A connection's reader from a point on; the server name is for requests that name no host.
fn http1(late: bool, server_name: &str) -> Box<dyn Protocol> {
    let mut conn = if late { h1::Conn::late() } else { h1::Conn::new() };
    conn.set_server_name(server_name);
    Box::new(conn)
}

fn http2(late: bool, server_name: &str) -> Box<dyn Protocol> {
    let mut conn = if late { h2::Conn::late() } else { h2::Conn::new() };
    conn.set_server_name(server_name);
    Box::new(conn)
}

enum Found {
    Protocol { protocol: Box<dyn Protocol>, is_server: bool },
    NotHttp,
    Unsure,
}

type Held = [(Direction, BootTime, Piece)];

/// By the first bytes of whoever speaks first.
fn fresh_protocol(held: &Held, name: &str) -> Found {
    let mut first: [Vec<u8>; 2] = Default::default();
    for (direction, _, piece) in held {
        if let Piece::Data(data) = piece {
            let start = &mut first[direction.index()];
            let room = 64usize.saturating_sub(start.len());
            start.extend_from_slice(data.get(..data.len().min(room)).unwrap_or_default());
        }
    }
    let [outbound, inbound] = first;
    let speaks = |bytes: &[u8]| if bytes.is_empty() { None } else { Some(sniff::client(bytes)) };
    match (speaks(&outbound), speaks(&inbound)) {
        (Some(Sniffed::Http1), _) => protocol(http1(false, name), false),
        (Some(Sniffed::Http2), _) => protocol(http2(false, name), false),
        (_, Some(Sniffed::Http1)) => protocol(http1(false, name), true),
        (_, Some(Sniffed::Http2)) => protocol(http2(false, name), true),
        // A server of HTTP/2 may send its settings first; an HTTP/1 answer to a request unseen.
        (Some(Sniffed::NotHttp), _) if sniff::is_http2_frame(&outbound) && inbound.is_empty() => {
            Found::Unsure
        }
        (None, Some(Sniffed::NotHttp)) if sniff::is_http2_frame(&inbound) => Found::Unsure,
        (None, _) if sniff::is_http1_answer(&inbound) => protocol(http1(false, name), false),
        (Some(Sniffed::NotHttp), _) | (_, Some(Sniffed::NotHttp)) => Found::NotHttp,
        _ => Found::Unsure,
    }
}

/// By the beginning of the last chunk of a flow met in its middle.
fn late_protocol(held: &Held, name: &str) -> Found {
    let Some((direction, _, Piece::Data(data))) = held.last() else { return Found::Unsure };
    let outbound = *direction == Direction::Outbound;
    match sniff::client(data) {
        Sniffed::Http1 => return protocol(http1(true, name), !outbound),
        Sniffed::Http2 => return protocol(http2(false, name), !outbound),
        Sniffed::NotHttp | Sniffed::Unsure => {}
    }
    if sniff::is_http1_answer(data) {
        protocol(http1(true, name), outbound)
    } else if sniff::is_http2_frame(data) {
        // Which end this is shows only in the frames; clients are what we are here for.
        protocol(http2(true, name), false)
    } else {
        Found::Unsure
    }
}

fn protocol(protocol: Box<dyn Protocol>, is_server: bool) -> Found {
    Found::Protocol { protocol, is_server }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::{Exit, Origin};
    use crate::http::Outcome;

    fn key() -> FlowKey {
        FlowKey::default()
    }

    fn chunk(direction: Direction, offset: u64, text: &str) -> KernelEvent {
        KernelEvent::Data(Chunk {
            origin: Origin::default(),
            key: key(),
            direction,
            offset,
            verdict: Verdict::Capture,
            data: Bytes::copy_from_slice(text.as_bytes()),
        })
    }

    fn open() -> KernelEvent {
        KernelEvent::FlowOpen(FlowOpen {
            origin: Origin::default(),
            key: key(),
            verdict: Verdict::Capture,
            server_name: Some("api.openai.com".into()),
            from_start: true,
            fd: None,
        })
    }

    fn run(events: Vec<KernelEvent>) -> (Vec<HttpEvent>, bool, Counts) {
        let mut table = FlowTable::default();
        let (mut http, mut server) = (Vec::new(), false);
        let mut say = |info: &FlowInfo, event: FlowEvent| {
            server = info.is_server;
            if let FlowEvent::Http(event) = event {
                http.push(event);
            }
        };
        for event in events {
            table.push(event, &mut say);
        }
        let counts = *table.counts();
        (http, server, counts)
    }

    const REQUEST: &str = "GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
    const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

    #[test]
    fn a_client_and_a_server() {
        for (ask, reply, is_server) in [
            (Direction::Outbound, Direction::Inbound, false),
            (Direction::Inbound, Direction::Outbound, true),
        ] {
            let (http, server, _) =
                run(vec![open(), chunk(ask, 0, REQUEST), chunk(reply, 0, ANSWER)]);
            assert_eq!(server, is_server);
            let end = http.last().unwrap();
            assert!(matches!(end, HttpEvent::End { outcome: Outcome::Complete, .. }), "{end:?}");
        }
    }

    #[test]
    fn a_process_that_goes_ends_its_calls() {
        let (http, ..) = run(vec![
            open(),
            chunk(Direction::Outbound, 0, REQUEST),
            KernelEvent::Exit(Exit { origin: Origin::default(), code: 9 }),
        ]);
        assert!(matches!(http.last(), Some(HttpEvent::End { outcome: Outcome::ClientGone, .. })));
    }

    #[test]
    fn what_is_no_http_is_let_go() {
        let (http, _, counts) = run(vec![open(), chunk(Direction::Outbound, 0, "EHLO me\r\n")]);
        assert_eq!((http.len(), counts.not_http), (0, 1));
    }

    #[test]
    fn a_lost_answer_costs_one_exchange() {
        let second = REQUEST.len() as u64;
        let answered = ANSWER.len() as u64;
        let (http, _, counts) = run(vec![
            open(),
            chunk(Direction::Outbound, 0, REQUEST),
            chunk(Direction::Outbound, second, REQUEST),
            chunk(Direction::Inbound, answered, ANSWER),
            KernelEvent::FlowEnd(FlowEnd {
                origin: Origin::default(),
                key: key(),
                reason: EndReason::Freed,
                bytes: [2 * second, 2 * answered],
            }),
        ]);
        let ends: Vec<_> = http
            .iter()
            .filter_map(|event| match event {
                HttpEvent::End { id, outcome, gap, .. } => Some((id.0, *outcome, *gap)),
                _ => None,
            })
            .collect();
        assert_eq!(ends, [(0, Outcome::Lost, true), (1, Outcome::Complete, false)]);
        assert_eq!(counts.gap_bytes, answered);
    }
}
