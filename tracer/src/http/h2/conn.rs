//! One connection: pieces of both directions become exchanges.
//!
//! In: what the two [`Reader`]s say. Out: [`HttpEvent`]s. A frame that a peer would refuse is counted
//! and ignored; only a place that is lost costs more: the header table and the joints of open bodies.

use std::collections::VecDeque;

use bytes::Bytes;

use super::body::{Body, Said};
use super::head::Head;
use super::hpack::{Decoder, Limits};
use super::reader::{Hole, Piece, Reader};
use super::stream::{Half, Stream, Streams};
use super::{Counters, FIELD, HEADER_LIST, TABLE};
use crate::event::BootTime;
use crate::http::{
    Close, ExchangeId, HttpEvent, Outcome, Protocol, RequestHead, ResponseHead, Side, Version,
};

const MAX_FRAME_SIZE: u16 = 5;
const MAX_WINDOW: i64 = 0x7fff_ffff;
/// Events kept allocated between polls.
const QUEUE_KEPT: usize = 32;

/// What one side of the connection sends.
#[derive(Debug)]
struct Sender {
    reader: Reader,
    hpack: Decoder,
    block: Option<Block>,
    /// Sum of the connection-level window updates it sent, less what it let in; starts as RFC 9113,
    /// section 6.9.2 says.
    window: i64,
}

/// A header block on its way.
#[derive(Debug)]
struct Block {
    stream: u32,
    end_stream: bool,
    promised: bool,
    head: Head,
}

impl Sender {
    fn new(reader: Reader) -> Self {
        let limits = Limits { table: TABLE, field: FIELD, list: HEADER_LIST };
        Self { reader, hpack: Decoder::observer(limits), block: None, window: 65_535 }
    }

    fn memory(&self) -> usize {
        self.hpack.memory() + self.block.as_ref().map_or(0, |block| block.head.memory())
    }
}

/// A passive HTTP/2 connection.
#[derive(Debug)]
pub struct Conn {
    senders: [Sender; 2],
    streams: Streams,
    events: VecDeque<HttpEvent>,
    exchanges: u64,
    server_name: String,
    /// Highest stream a request was seen on.
    highest: u32,
    /// Streams between these two (both excluded) may have begun unseen.
    unseen: (u32, u32),
    counters: Counters,
}

impl Conn {
    /// A connection seen from its first byte on: by ALPN, or by the preface.
    pub fn new() -> Self {
        Self::with([Reader::fresh(true), Reader::fresh(false)], (0, 0))
    }

    /// A connection met in its middle, or perhaps so. Chunks should be as the library wrote them:
    /// frames are looked for where they begin.
    pub fn late() -> Self {
        Self::with([Reader::late(), Reader::late()], (0, u32::MAX))
    }

    fn with(readers: [Reader; 2], unseen: (u32, u32)) -> Self {
        Self {
            senders: readers.map(Sender::new),
            streams: Streams::default(),
            events: VecDeque::new(),
            exchanges: 0,
            server_name: String::new(),
            highest: 0,
            unseen,
            counters: Counters::default(),
        }
    }

    /// The flow's server name, for requests without `:authority`.
    pub fn set_server_name(&mut self, name: &str) {
        self.server_name = name.to_ascii_lowercase();
    }

    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    fn piece(&mut self, side: Side, at: BootTime, piece: Piece) {
        match piece {
            Piece::Ignored => {}
            Piece::Preface => self.seen_from_the_start(),
            Piece::Block { stream, end_stream, promised } => {
                self.counters.pushes += u64::from(promised);
                self.counters.frame_errors += u64::from(promised && side == Side::Request);
                let head = Head::default();
                self.sender(side).block = Some(Block { stream, end_stream, promised, head });
            }
            Piece::Fragment(fragment) => self.fragment(side, &fragment),
            Piece::BlockEnd => self.block_end(side, at),
            Piece::Data { stream, data } => self.data(side, at, stream, data),
            Piece::DataEnd { stream, end_stream, size } => {
                self.sender(other(side)).window -= i64::from(size);
                match self.streams.get(stream) {
                    Some(open) if open.half(side).ended => self.counters.frame_errors += 1,
                    Some(_) if end_stream => self.end_half(side, at, stream),
                    Some(_) => {}
                    None => self.stray(stream),
                }
            }
            Piece::Reset { stream, code } => self.reset(side, at, stream, code),
            Piece::Setting { id, value } => self.setting(side, id, value),
            Piece::GoAway { last } => self.go_away(side, at, last),
            Piece::WindowUpdate { stream, increment } => self.window(side, stream, increment),
            Piece::Error { voids, .. } => {
                self.counters.frame_errors += 1;
                if voids {
                    self.forget(side);
                }
            }
            Piece::PlaceLost => self.lost(side, at),
            Piece::PlaceFound => {
                self.counters.places_found += 1;
                self.forget(side);
            }
        }
    }

    /// A preface was seen where the connection was thought to be old.
    fn seen_from_the_start(&mut self) {
        if self.highest == 0 && self.streams.len() == 0 {
            self.unseen = (0, 0);
            let response = self.sender(Side::Response);
            if response.reader.is_lost() {
                response.reader = Reader::fresh(false);
            }
        }
    }

    fn sender(&mut self, side: Side) -> &mut Sender {
        &mut self.senders[side as usize]
    }

    /// Part of a header block was not read: the table cannot be followed through it.
    fn forget(&mut self, side: Side) {
        let sender = self.sender(side);
        sender.hpack.forget();
        sender.block = None;
    }

    fn fragment(&mut self, side: Side, fragment: &Bytes) {
        let sender = &mut self.senders[side as usize];
        let Some(block) = &mut sender.block else { return };
        let (head, promised) = (&mut block.head, block.promised);
        let result = sender.hpack.push(fragment, &mut |field| {
            if !promised {
                head.field(field);
            }
        });
        self.broken(side, result.is_err());
    }

    /// What is known of a broken block's head stays; the rest is unknown.
    fn broken(&mut self, side: Side, broken: bool) {
        if broken {
            self.counters.header_errors += 1;
            if let Some(block) = &mut self.sender(side).block {
                block.head.unknown += 1;
            }
        }
    }

    fn block_end(&mut self, side: Side, at: BootTime) {
        let finished = self.sender(side).hpack.finish();
        self.counters.fields_left_out += finished.unwrap_or(0);
        self.broken(side, finished.is_err());
        let Some(block) = self.sender(side).block.take() else { return };
        self.counters.unknown_fields += block.head.unknown;
        self.counters.fields_left_out += block.head.left_out;
        self.counters.malformed += u64::from(block.head.malformed);
        if block.promised {
            return;
        }
        if block.stream.is_multiple_of(2) {
            // A pushed response, or a client that may not number so.
            self.counters.frame_errors += u64::from(side == Side::Request);
            self.counters.stray_frames += 1;
            return;
        }
        match side {
            Side::Request => self.request(at, block),
            Side::Response => self.response(at, block),
        }
    }

    fn request(&mut self, at: BootTime, block: Block) {
        let Block { stream, end_stream, head, .. } = block;
        if let Some(open) = self.streams.get(stream) {
            // Trailers.
            self.counters.malformed += u64::from(head.has_pseudo() || !end_stream);
            self.counters.frame_errors += u64::from(open.half(Side::Request).ended);
            if end_stream {
                self.end_half(Side::Request, at, stream);
            }
            return;
        }
        if stream <= self.highest || self.streams.was_closed(stream) {
            self.counters.frame_errors += u64::from(!self.streams.was_closed(stream));
            self.counters.stray_frames += 1;
            return;
        }
        if !head.has_pseudo() && head.unknown == 0 {
            // No request: trailers of one that was not seen, or nonsense.
            self.counters.malformed += u64::from(!self.may_be_unseen(stream));
            return;
        }
        self.counters.malformed += u64::from(head.unknown == 0 && !head.is_whole_request());
        self.highest = stream;
        self.unseen.1 = self.unseen.1.min(stream);
        let late = head.unknown > 0;
        if self.open(at, stream, late, Some(head)) && end_stream {
            self.end_half(Side::Request, at, stream);
        }
    }

    /// Opens an exchange, its request's head seen or not. `false`: there is no place for it.
    fn open(&mut self, at: BootTime, stream: u32, late: bool, head: Option<Head>) -> bool {
        if let Some(oldest) = self.streams.expendable() {
            self.end(at, oldest, Outcome::Lost);
        }
        let id = ExchangeId(self.exchanges);
        let mut open = Stream::new(stream, id);
        open.late = late;
        let seen = head.is_some();
        let head = head.unwrap_or_default();
        *open.half_mut(Side::Request) = Half {
            head: seen,
            body: seen.then(|| Box::new(Body::under(&head))),
            ..Half::default()
        };
        if !self.streams.insert(open) {
            self.counters.streams_overflowed += 1;
            return false;
        }
        self.exchanges += 1;
        let head = Box::new(RequestHead {
            version: Version::Http2,
            method: head.method.unwrap_or_default(),
            target: head.path.unwrap_or_default(),
            authority: head.authority.unwrap_or_else(|| self.server_name.clone()),
            headers: head.headers,
        });
        self.events.push_back(HttpEvent::RequestHead { id, at, head });
        true
    }

    const fn may_be_unseen(&self, stream: u32) -> bool {
        self.unseen.0 < stream && stream < self.unseen.1
    }

    /// Makes sure that an exchange is there for a stream whose request may have been missed.
    fn followed(&mut self, at: BootTime, stream: u32) -> bool {
        if self.streams.get(stream).is_some() {
            return true;
        }
        stream % 2 == 1
            && self.may_be_unseen(stream)
            && !self.streams.was_closed(stream)
            && self.open(at, stream, true, None)
    }

    /// A frame of no stream we follow: of one that ended, or of one that cannot be.
    const fn stray(&mut self, stream: u32) {
        self.counters.stray_frames += 1;
        if stream > self.highest && !self.may_be_unseen(stream) {
            self.counters.frame_errors += 1;
        }
    }

    fn response(&mut self, at: BootTime, block: Block) {
        let Block { stream, end_stream, head, .. } = block;
        if !self.followed(at, stream) {
            return self.stray(stream);
        }
        let Some(open) = self.streams.get(stream) else { return };
        let id = open.exchange;
        let half = open.half_mut(Side::Response);
        if half.ended {
            self.counters.frame_errors += 1;
            return;
        }
        match head.status {
            Some(100..=199) if !half.head && !end_stream => {
                self.counters.interim += 1;
                return;
            }
            None if half.head || half.body.is_some() || (end_stream && head.unknown == 0) => {
                let headers = head.headers;
                self.events.push_back(HttpEvent::ResponseTrailers { id, at, headers });
            }
            _ if half.head => self.counters.malformed += 1,
            status => {
                half.head = true;
                half.body = Some(Box::new(Body::under(&head)));
                open.late |= head.unknown > 0;
                let (status, headers) = (status.unwrap_or(0), head.headers);
                let head = Box::new(ResponseHead { version: Version::Http2, status, headers });
                self.events.push_back(HttpEvent::ResponseHead { id, at, head });
            }
        }
        if end_stream {
            self.end_half(Side::Response, at, stream);
        }
    }

    fn data(&mut self, side: Side, at: BootTime, stream: u32, data: Bytes) {
        if !self.followed(at, stream) {
            // Counted at the frame's end.
            return;
        }
        let Some(open) = self.streams.get(stream) else { return };
        let id = open.exchange;
        let half = open.half_mut(side);
        if half.ended {
            return;
        }
        half.size += data.len() as u64;
        let headless = half.body.is_none();
        let body = half.body.get_or_insert_with(|| Box::new(Body::headless()));
        self.counters.grpc_messages += body.count_grpc(&data);
        let said = body.push(data);
        self.counters.unreadable_bodies += u64::from(said == Said::Unreadable);
        open.gap |= headless || said == Said::Unreadable;
        if headless || said == Said::Unreadable {
            self.events.push_back(HttpEvent::Gap { id, at, side, bytes: None });
        }
        if let Said::Data(data) = said {
            self.events.push_back(match side {
                Side::Request => HttpEvent::RequestBody { id, at, data },
                Side::Response => HttpEvent::ResponseBody { id, at, data },
            });
        }
    }

    fn end_half(&mut self, side: Side, at: BootTime, stream: u32) {
        let Some(open) = self.streams.get(stream) else { return };
        let id = open.exchange;
        let half = open.half_mut(side);
        if half.ended {
            return;
        }
        half.ended = true;
        let size = half.size;
        // The content decoder is not needed any more, while the stream may stay for long.
        let expected = half.body.take().and_then(|body| body.expected);
        let whole = open.half(Side::Request).ended && open.half(Side::Response).ended;
        // A HEAD's or 304's answer promises bytes that do not come.
        let short = expected.is_some_and(|expected| expected != size && size > 0);
        self.counters.malformed += u64::from(short);
        self.events.push_back(match side {
            Side::Request => HttpEvent::RequestEnd { id, at, size },
            Side::Response => HttpEvent::ResponseEnd { id, at, size },
        });
        if whole {
            self.end(at, stream, Outcome::Complete);
        }
    }

    fn end(&mut self, at: BootTime, stream: u32, outcome: Outcome) {
        let Some(open) = self.streams.remove(stream) else { return };
        let answered = open.half(Side::Response).ended;
        self.events.push_back(HttpEvent::End {
            id: open.exchange,
            at,
            outcome: if answered { Outcome::Complete } else { outcome },
            late: open.late,
            gap: open.gap,
            request_size: open.half(Side::Request).size,
            response_size: open.half(Side::Response).size,
        });
    }

    fn reset(&mut self, side: Side, at: BootTime, stream: u32, code: u32) {
        self.counters.resets += 1;
        if !self.followed(at, stream) {
            return self.stray(stream);
        }
        let outcome = match side {
            Side::Request => Outcome::ClientGone,
            Side::Response => Outcome::Reset(code),
        };
        self.end(at, stream, outcome);
    }

    /// RFC 9113, section 6.5.2. The header table's size binds the other side's encoder and is of no
    /// use here: see [`Decoder::announce`].
    fn setting(&mut self, side: Side, id: u16, value: u32) {
        let valid = match id {
            // ENABLE_PUSH, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE
            2 => value <= 1,
            4 => i64::from(value) <= MAX_WINDOW,
            MAX_FRAME_SIZE => (16_384..1 << 24).contains(&value),
            _ => true,
        };
        self.counters.frame_errors += u64::from(!valid);
        if valid && id == MAX_FRAME_SIZE {
            self.sender(other(side)).reader.allow_frames(value);
        }
    }

    fn go_away(&mut self, side: Side, at: BootTime, last: u32) {
        self.counters.goaways += 1;
        if side == Side::Response {
            // Requests above `last` were not and will not be acted on: section 6.8.
            for id in self.streams.ids() {
                if id > last {
                    self.end(at, id, Outcome::Cut);
                }
            }
        }
    }

    fn window(&mut self, side: Side, stream: u32, increment: u32) {
        let mut valid = increment > 0;
        if stream == 0 {
            let sender = self.sender(side);
            sender.window += i64::from(increment);
            // A hole hides what used the window up: begin anew instead of counting for ever.
            if sender.window > MAX_WINDOW {
                sender.window = 65_535;
                valid = false;
            }
        }
        self.counters.frame_errors += u64::from(!valid);
    }

    fn lost(&mut self, side: Side, at: BootTime) {
        self.counters.places_lost += 1;
        self.forget(side);
        if side == Side::Request {
            let empty = self.unseen.1 <= self.unseen.0.saturating_add(1);
            self.unseen = (if empty { self.highest } else { self.unseen.0 }, u32::MAX);
        }
        for id in self.streams.ids() {
            self.hole(side, at, id, None);
        }
    }

    /// Bytes of a stream's body are missing.
    fn hole(&mut self, side: Side, at: BootTime, stream: u32, bytes: Option<u64>) {
        let Some(open) = self.streams.get(stream) else { return };
        let id = open.exchange;
        let half = open.half_mut(side);
        if half.ended {
            return;
        }
        half.size += bytes.unwrap_or(0);
        if let Some(body) = &mut half.body {
            body.gap();
        }
        open.gap = true;
        self.events.push_back(HttpEvent::Gap { id, at, side, bytes });
    }
}

impl Default for Conn {
    fn default() -> Self {
        Self::new()
    }
}

const fn other(side: Side) -> Side {
    match side {
        Side::Request => Side::Response,
        Side::Response => Side::Request,
    }
}

impl Protocol for Conn {
    fn push(&mut self, side: Side, at: BootTime, mut data: Bytes) {
        if let Some(piece) = self.sender(side).reader.begin_chunk(&mut data) {
            self.piece(side, at, piece);
        }
        while let Some(piece) = self.sender(side).reader.next(&mut data) {
            self.piece(side, at, piece);
        }
    }

    fn gap(&mut self, side: Side, at: BootTime, len: Option<u64>) {
        match self.sender(side).reader.gap(len) {
            Hole::Harmless => {}
            Hole::InData(stream) => {
                if self.followed(at, stream) {
                    self.hole(side, at, stream, len);
                }
            }
            Hole::Lost => self.lost(side, at),
        }
    }

    fn close(&mut self, side: Side, at: BootTime, how: Close) {
        let outcome = match (how, side) {
            (Close::Lost, _) => Outcome::Lost,
            (Close::Failed, _) | (Close::ByPeer, Side::Response) => Outcome::Cut,
            (Close::ByPeer, Side::Request) | (Close::ByProcess, _) => Outcome::ClientGone,
        };
        // Unlike HTTP/1 there is no half-closed connection: an end of stream without END_STREAM on
        // every stream cuts them all (RFC 9113, section 5.4.1).
        for id in self.streams.ids() {
            self.end(at, id, outcome);
        }
    }

    fn poll(&mut self) -> Option<HttpEvent> {
        let event = self.events.pop_front();
        if event.is_none() && self.events.capacity() > QUEUE_KEPT {
            self.events = VecDeque::new();
        }
        event
    }

    fn open_exchanges(&self) -> usize {
        self.streams.len()
    }

    fn memory(&self) -> usize {
        size_of::<Self>()
            + self.server_name.len()
            + self.senders.iter().map(Sender::memory).sum::<usize>()
            + self.streams.memory()
            + self.events.capacity() * size_of::<HttpEvent>()
    }
}
