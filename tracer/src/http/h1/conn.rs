//! One connection: what both sides send becomes exchanges.
//!
//! Requests and answers pair by order. After a hole the next message is looked for where a chunk
//! begins; a client that does not send ahead (nearly all) is answered on its last request.

use std::collections::VecDeque;

use bytes::Bytes;

use super::body::{Body, Part};
use super::head::{Head, Malformed, Start};
use super::line::Lines;
use super::{Counters, MAX_OPEN};
use crate::event::BootTime;
use crate::http::body::Decoder;
use crate::http::websocket::{self, DeflateParams};
use crate::http::{
    Close, ExchangeId, HttpEvent, Outcome, Protocol, RequestHead, ResponseHead, Side, Version,
    sniff,
};

#[derive(Debug, Default)]
enum State {
    /// Between messages, or inside a head.
    #[default]
    Start,
    Head(Box<Head>),
    Body {
        body: Body,
        decoder: Option<Box<Decoder>>,
        exchange: ExchangeId,
    },
    WebSocket(Box<websocket::Decoder>),
    /// The next message is looked for.
    Lost,
    /// Nothing more is read: a tunnel, or no HTTP.
    Over,
}

#[derive(Debug, Default)]
struct Sender {
    state: State,
    lines: Lines,
}

/// An exchange that has not ended.
#[derive(Debug)]
struct Open {
    id: ExchangeId,
    /// No answer to HEAD has a body.
    method: String,
    websocket: bool,
    sizes: [u64; 2],
    ended: [bool; 2],
    answered: bool,
    late: bool,
    gap: bool,
}

#[derive(Debug)]
pub struct Conn {
    senders: [Sender; 2],
    open: VecDeque<Open>,
    events: VecDeque<HttpEvent>,
    exchanges: u64,
    server_name: String,
    late: bool,
    counters: Counters,
}

const fn index(side: Side) -> usize {
    match side {
        Side::Request => 0,
        Side::Response => 1,
    }
}

impl Conn {
    /// A connection seen from its first byte on.
    pub fn new() -> Self {
        Self {
            senders: [Sender::default(), Sender::default()],
            open: VecDeque::new(),
            events: VecDeque::new(),
            exchanges: 0,
            server_name: String::new(),
            late: false,
            counters: Counters::default(),
        }
    }

    /// A connection met in its middle. Chunks should be as the library wrote them.
    pub fn late() -> Self {
        let lost = || Sender { state: State::Lost, ..Sender::default() };
        Self { senders: [lost(), lost()], late: true, ..Self::new() }
    }

    /// The flow's server name, for requests that name no host.
    pub fn set_server_name(&mut self, name: &str) {
        self.server_name = name.to_ascii_lowercase();
    }

    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The exchange that `side` is busy with: the one whose body it sends, else the next in turn.
    /// `None` as well when that one has ended before its body did.
    fn current(&mut self, side: Side) -> Option<&mut Open> {
        if let State::Body { exchange, .. } = &self.senders[index(side)].state {
            let id = *exchange;
            return self.open.iter_mut().find(|open| open.id == id);
        }
        match side {
            Side::Request => self.open.back_mut(),
            Side::Response => self.open.front_mut(),
        }
    }

    fn read(&mut self, side: Side, at: BootTime, data: &mut Bytes) -> Result<(), Malformed> {
        while !data.is_empty() {
            let sender = &mut self.senders[index(side)];
            match &mut sender.state {
                State::Over => {
                    data.clear();
                }
                State::Lost => {
                    let found = match side {
                        Side::Request => sniff::client(data) == sniff::Sniffed::Http1,
                        Side::Response => sniff::is_http1_answer(data),
                    };
                    if !found {
                        data.clear();
                        return Ok(());
                    }
                    self.counters.places_found += 1;
                    sender.lines.clear();
                    sender.state = State::Start;
                    self.found(side, at);
                }
                State::WebSocket(_) => self.websocket(side, at, std::mem::take(data)),
                State::Start => {
                    let Some(line) = sender.lines.next(data) else { return Ok(()) };
                    // RFC 9112 section 2.2: empty lines before a request are ignored.
                    if line.text.is_empty() {
                        continue;
                    }
                    self.counters.lines_cut += u64::from(line.cut);
                    let start = Start::read(side, &line.text)?;
                    let head = Head { start: Some(start), ..Head::default() };
                    sender.state = State::Head(Box::new(head));
                }
                State::Head(head) => {
                    let Some(line) = sender.lines.next(data) else { return Ok(()) };
                    self.counters.lines_cut += u64::from(line.cut);
                    if !line.text.is_empty() {
                        head.line(&line.text, line.cut)?;
                        continue;
                    }
                    let head = std::mem::take(head);
                    sender.state = State::Start;
                    self.head(side, at, *head)?;
                }
                State::Body { .. } => self.body(side, at, data)?,
            }
        }
        Ok(())
    }

    fn head(&mut self, side: Side, at: BootTime, mut head: Head) -> Result<(), Malformed> {
        match (head.start.take(), side) {
            (Some(Start::Request { method, target, version }), Side::Request) => {
                self.request(at, head, method, target, version)
            }
            (Some(Start::Answer { status, version }), Side::Response) => {
                self.answer(at, head, status, version)
            }
            _ => Err(Malformed),
        }
    }

    fn request(
        &mut self,
        at: BootTime,
        head: Head,
        method: String,
        target: String,
        version: Version,
    ) -> Result<(), Malformed> {
        // RFC 9112 section 6.1: a request must not leave its end to guesses.
        if head.odd_transfer {
            return Err(Malformed);
        }
        // Nothing of the last answer was seen, and its place is lost: it is over.
        if matches!(self.senders[1].state, State::Lost) && !self.late {
            while !self.open.is_empty() {
                self.end_front(at, Outcome::Lost);
            }
        }
        let authority = match target.split_once("://") {
            Some((_, rest)) => {
                rest.split(['/', '?', '#']).next().unwrap_or_default().to_lowercase()
            }
            None if method == "CONNECT" => target.to_lowercase(),
            None if !head.host.is_empty() => head.host.clone(),
            None => self.server_name.clone(),
        };
        let target = match target.split_once("://") {
            Some((_, rest)) => {
                rest.find('/').map_or_else(|| "/".to_owned(), |at| rest[at..].to_owned())
            }
            None => target,
        };
        let body = if head.chunked {
            Body::chunked()
        } else {
            Body::Length(head.content_length.unwrap_or(0))
        };
        let decoder = self.decoder(&head);
        let id = self.open(method.clone(), head.websocket, false);
        self.events.push_back(HttpEvent::RequestHead {
            id,
            at,
            head: Box::new(RequestHead {
                version,
                method,
                target,
                authority,
                headers: head.headers,
            }),
        });
        self.begin_body(Side::Request, at, body, decoder, id);
        Ok(())
    }

    fn open(&mut self, method: String, websocket: bool, late: bool) -> ExchangeId {
        if self.open.len() == MAX_OPEN {
            self.counters.requests_overflowed += 1;
            self.end_front(BootTime::default(), Outcome::Lost);
        }
        let id = ExchangeId(self.exchanges);
        self.exchanges += 1;
        self.open.push_back(Open {
            id,
            method,
            websocket,
            sizes: [0; 2],
            ended: [late, false],
            answered: false,
            late,
            gap: false,
        });
        id
    }

    fn answer(
        &mut self,
        at: BootTime,
        head: Head,
        status: u16,
        version: Version,
    ) -> Result<(), Malformed> {
        if (100..200).contains(&status) && status != 101 {
            self.counters.interim += 1;
            return Ok(());
        }
        if self.open.front().is_none_or(|open| open.answered) {
            // Its request was before we came, in a hole not known yet, or never.
            self.counters.stray_answers += 1;
            let id = self.open(String::new(), false, true);
            let head = RequestHead {
                version,
                method: String::new(),
                target: String::new(),
                authority: self.server_name.clone(),
                headers: crate::http::headers::Headers::default(),
            };
            self.events.push_back(HttpEvent::RequestHead { id, at, head: Box::new(head) });
            // It belongs before what has been asked since.
            self.open.rotate_right(1);
        }
        let decoder = self.decoder(&head);
        let Some(open) = self.open.front_mut() else { return Ok(()) };
        open.answered = true;
        let (id, asked_websocket) = (open.id, open.websocket);
        let no_body = open.method == "HEAD" || matches!(status, 101 | 204 | 304);
        let tunnel = open.method == "CONNECT" && (200..300).contains(&status);
        let extensions =
            head.headers.first("sec-websocket-extensions").and_then(DeflateParams::parse);
        let body = if no_body {
            Body::Length(0)
        } else if head.chunked {
            Body::chunked()
        } else if head.odd_transfer {
            Body::UntilClose
        } else {
            head.content_length.map_or(Body::UntilClose, Body::Length)
        };
        self.events.push_back(HttpEvent::ResponseHead {
            id,
            at,
            head: Box::new(ResponseHead { version, status, headers: head.headers }),
        });
        if status == 101 || tunnel {
            self.upgrade(status == 101 && asked_websocket, extensions);
            return Ok(());
        }
        self.begin_body(Side::Response, at, body, decoder, id);
        Ok(())
    }

    /// HTTP is over on this connection.
    fn upgrade(&mut self, websocket: bool, deflate: Option<DeflateParams>) {
        self.counters.tunnels += u64::from(!websocket);
        for (sender, side) in self.senders.iter_mut().zip([Side::Request, Side::Response]) {
            sender.lines.clear();
            sender.state = if websocket {
                State::WebSocket(Box::new(websocket::Decoder::new(side, deflate)))
            } else {
                State::Over
            };
        }
    }

    fn decoder(&mut self, head: &Head) -> Option<Box<Decoder>> {
        let content = head.headers.first("content-encoding");
        let coding = match (content, &head.transfer_coding) {
            (Some(content), Some(transfer)) => Some(format!("{content}, {transfer}")),
            (None, Some(transfer)) => Some(transfer.clone()),
            (content, None) => content.map(str::to_owned),
        };
        Decoder::new(coding.as_deref()).ok().map(Box::new)
    }

    fn begin_body(
        &mut self,
        side: Side,
        at: BootTime,
        body: Body,
        decoder: Option<Box<Decoder>>,
        exchange: ExchangeId,
    ) {
        let empty = matches!(body, Body::Length(0));
        let unreadable = decoder.is_none() && !empty;
        self.senders[index(side)].state = State::Body { body, decoder, exchange };
        if unreadable {
            self.unreadable(side, at);
        }
        if empty {
            self.end_side(side, at);
        }
    }

    fn unreadable(&mut self, side: Side, at: BootTime) {
        self.counters.unreadable_bodies += 1;
        self.hole(side, at, None);
    }

    fn hole(&mut self, side: Side, at: BootTime, bytes: Option<u64>) {
        if let Some(open) = self.current(side) {
            open.gap = true;
            let id = open.id;
            self.events.push_back(HttpEvent::Gap { id, at, side, bytes });
        }
    }

    fn body(&mut self, side: Side, at: BootTime, data: &mut Bytes) -> Result<(), Malformed> {
        let sender = &mut self.senders[index(side)];
        let State::Body { body, decoder, exchange } = &mut sender.state else { return Ok(()) };
        let id = *exchange;
        match body.next(&mut sender.lines, data)? {
            None => {}
            Some(Part::End(trailers)) => {
                if let (Some(headers), Side::Response) = (trailers, side)
                    && self.open.iter().any(|open| open.id == id)
                {
                    self.events.push_back(HttpEvent::ResponseTrailers { id, at, headers });
                }
                self.end_side(side, at);
            }
            Some(Part::Data(part)) => {
                let whole = matches!(body, Body::Length(0));
                let events = &mut self.events;
                if let Some(open) = self.open.iter_mut().find(|open| open.id == id) {
                    open.sizes[index(side)] += part.len() as u64;
                    let decoded = decoder.as_mut().map_or(Ok(()), |decoder| {
                        decoder.push(part, &mut |data| {
                            events.push_back(match side {
                                Side::Request => HttpEvent::RequestBody { id, at, data },
                                Side::Response => HttpEvent::ResponseBody { id, at, data },
                            });
                        })
                    });
                    if decoded.is_err() {
                        self.unreadable(side, at);
                    }
                }
                if whole {
                    self.end_side(side, at);
                }
            }
        }
        Ok(())
    }

    /// A message of one side is over.
    fn end_side(&mut self, side: Side, at: BootTime) {
        let busy_with = self.current(side).map(|open| {
            open.ended[index(side)] = true;
            (open.id, open.sizes[index(side)])
        });
        self.senders[index(side)].state = State::Start;
        let Some((id, size)) = busy_with else { return };
        self.events.push_back(match side {
            Side::Request => HttpEvent::RequestEnd { id, at, size },
            Side::Response => HttpEvent::ResponseEnd { id, at, size },
        });
        self.end_whole(at);
    }

    /// Ends the exchange in front when both its messages are over.
    fn end_whole(&mut self, at: BootTime) {
        while self.open.front().is_some_and(|open| open.ended == [true, true]) {
            self.end_front(at, Outcome::Complete);
        }
    }

    fn end_front(&mut self, at: BootTime, outcome: Outcome) {
        let Some(open) = self.open.pop_front() else { return };
        let complete = open.ended[1];
        self.events.push_back(HttpEvent::End {
            id: open.id,
            at,
            outcome: if complete { Outcome::Complete } else { outcome },
            late: open.late,
            gap: open.gap,
            request_size: open.sizes[0],
            response_size: open.sizes[1],
        });
    }

    /// A message begins after the place was lost.
    fn found(&mut self, side: Side, at: BootTime) {
        match side {
            // The request before this one has ended, we did not see where.
            Side::Request => {
                if let Some(open) = self.open.back_mut() {
                    open.ended[0] = true;
                }
                self.end_whole(at);
            }
            // This answers the last request: nobody asks again before the answer has come.
            Side::Response => {
                while self.open.len() > 1 {
                    self.end_front(at, Outcome::Lost);
                }
                if self.open.front().is_some_and(|open| open.answered) {
                    self.end_front(at, Outcome::Lost);
                }
            }
        }
    }

    fn lose(&mut self, side: Side) {
        self.counters.places_lost += 1;
        let sender = &mut self.senders[index(side)];
        sender.lines.clear();
        sender.state = State::Lost;
    }

    fn websocket(&mut self, side: Side, at: BootTime, data: Bytes) {
        let Some(id) = self.open.front().map(|open| open.id) else { return };
        let State::WebSocket(decoder) = &mut self.senders[index(side)].state else { return };
        let len = data.len() as u64;
        decoder.push(data);
        let mut gap = false;
        while let Some(piece) = decoder.poll() {
            self.events.push_back(match piece {
                websocket::Piece::Message { data, last } => {
                    HttpEvent::Message { id, at, side, data, last }
                }
                websocket::Piece::Gap { .. } => {
                    gap = true;
                    HttpEvent::Gap { id, at, side, bytes: None }
                }
            });
        }
        if let Some(open) = self.open.front_mut() {
            open.sizes[index(side)] += len;
            open.gap |= gap;
        }
    }
}

impl Default for Conn {
    fn default() -> Self {
        Self::new()
    }
}

impl Protocol for Conn {
    fn push(&mut self, side: Side, at: BootTime, mut data: Bytes) {
        if self.read(side, at, &mut data).is_err() {
            self.counters.malformed += 1;
            self.hole(side, at, None);
            self.lose(side);
        }
    }

    fn gap(&mut self, side: Side, at: BootTime, len: Option<u64>) {
        let sender = &mut self.senders[index(side)];
        match &mut sender.state {
            State::Over | State::Lost => {}
            State::WebSocket(decoder) => {
                decoder.gap(len);
                self.hole(side, at, len);
            }
            State::Start if sender.lines.is_empty() && self.open.is_empty() => self.lose(side),
            State::Start | State::Head(_) => {
                if side == Side::Response {
                    // What is missing is this answer's head.
                    if let Some(open) = self.open.front_mut() {
                        open.answered = true;
                    }
                }
                if side == Side::Response || matches!(sender.state, State::Head(_)) {
                    self.hole(side, at, len);
                }
                self.lose(side);
            }
            State::Body { body, decoder, .. } => {
                let known = body.skip(len);
                let over = matches!(body, Body::Length(0));
                // What is compressed cannot be read without its beginning.
                if decoder.as_ref().is_some_and(|decoder| !decoder.is_identity()) {
                    *decoder = None;
                }
                if let (Some(len), true, Some(open)) = (len, known, self.current(side)) {
                    open.sizes[index(side)] += len;
                }
                self.hole(side, at, len);
                if !known {
                    self.lose(side);
                } else if over {
                    self.end_side(side, at);
                }
            }
        }
    }

    fn close(&mut self, side: Side, at: BootTime, how: Close) {
        let outcome = match (how, side) {
            (Close::Lost, _) => Outcome::Lost,
            (Close::Failed, _) | (Close::ByPeer, Side::Response) => Outcome::Cut,
            (Close::ByPeer, Side::Request) | (Close::ByProcess, _) => Outcome::ClientGone,
        };
        let response = &self.senders[1].state;
        let until_close = matches!(response, State::Body { body: Body::UntilClose, .. });
        let websocket = matches!(response, State::WebSocket(_));
        if side == Side::Response && how == Close::ByPeer && until_close {
            self.end_side(Side::Response, at);
        }
        if side == Side::Request && how == Close::ByPeer {
            // Half closed: the answer may still come.
            return;
        }
        while let Some(open) = self.open.front_mut() {
            let outcome = if websocket && how != Close::Lost { Outcome::Complete } else { outcome };
            // A hole hides how it ended.
            let lost = matches!(self.senders[1].state, State::Lost) && open.gap;
            self.end_front(at, if lost { Outcome::Lost } else { outcome });
        }
    }

    fn poll(&mut self) -> Option<HttpEvent> {
        self.events.pop_front()
    }

    fn open_exchanges(&self) -> usize {
        self.open.len()
    }

    fn memory(&self) -> usize {
        let senders: usize = self
            .senders
            .iter()
            .map(|sender| {
                sender.lines.memory()
                    + match &sender.state {
                        State::Head(head) => size_of::<Head>() + head.headers.memory(),
                        State::Body { decoder, .. } => decoder.as_ref().map_or(0, |d| d.memory()),
                        State::WebSocket(decoder) => decoder.memory(),
                        _ => 0,
                    }
            })
            .sum();
        size_of::<Self>()
            + senders
            + self.open.capacity() * size_of::<Open>()
            + self.events.capacity() * size_of::<HttpEvent>()
    }
}
