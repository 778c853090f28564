//! HTTP as values: what both versions' parsers say to the layer that knows AI providers.
//!
//! In: ordered plaintext of a flow, or holes in it. Out: [`HttpEvent`]s, several exchanges
//! interleaved where the protocol interleaves them. Bodies are content-decoded and never held whole.

pub mod body;
pub mod h1;
pub mod h2;
pub mod headers;
pub mod sniff;
pub mod sse;
pub mod websocket;

use bytes::Bytes;

use self::headers::Headers;
use crate::event::BootTime;

/// Numbers the exchanges of one flow, from 0, in the order their requests began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Http10,
    Http11,
    Http2,
}

impl Version {
    /// `network.protocol.version`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Request,
    Response,
}

#[derive(Clone, Debug)]
pub struct RequestHead {
    pub version: Version,
    /// Upper case as sent; empty when it was lost.
    pub method: String,
    /// Path and query as sent; the query goes no further than the decoder (it may hold keys).
    /// Empty when it was lost.
    pub target: String,
    /// `Host` or `:authority`, lower case, port kept; else the flow's server name; empty when neither is known.
    pub authority: String,
    pub headers: Headers,
}

impl RequestHead {
    /// The path without its query.
    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }
    /// The query without its question mark, `""` when there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
    /// Host of `authority`, without the port.
    pub fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
                host
            }
            _ => &self.authority,
        }
    }
    /// Port of `authority` when it names one.
    pub fn port(&self) -> Option<u16> {
        self.authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
    }
}

#[derive(Clone, Debug)]
pub struct ResponseHead {
    pub version: Version,
    /// 200 to 599; interim answers are not reported, 101 is. 0 when it was lost.
    pub status: u16,
    pub headers: Headers,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response ended where its framing says.
    Complete,
    /// The server (or the network) ended the connection before the response ended, or before it began.
    Cut,
    /// The client closed first (freed the connection, reset its stream, exited).
    ClientGone,
    /// HTTP/2 RST_STREAM from the server, with the error code.
    Reset(u32),
    /// Our own loss: the end was not seen.
    Lost,
    /// The bytes were not HTTP.
    Malformed,
}

#[derive(Clone, Debug)]
pub enum HttpEvent {
    RequestHead {
        id: ExchangeId,
        at: BootTime,
        head: Box<RequestHead>,
    },
    /// Content-decoded; `id`s of several exchanges may interleave.
    RequestBody {
        id: ExchangeId,
        at: BootTime,
        data: Bytes,
    },
    /// `size`: body bytes on the wire, before content decoding, chunk framing left out.
    RequestEnd {
        id: ExchangeId,
        at: BootTime,
        size: u64,
    },
    ResponseHead {
        id: ExchangeId,
        at: BootTime,
        head: Box<ResponseHead>,
    },
    ResponseBody {
        id: ExchangeId,
        at: BootTime,
        data: Bytes,
    },
    /// Trailers' allowed headers.
    ResponseTrailers {
        id: ExchangeId,
        at: BootTime,
        headers: Headers,
    },
    ResponseEnd {
        id: ExchangeId,
        at: BootTime,
        size: u64,
    },
    /// One WebSocket message, or a piece of one (`last` ends it), inflated. Control frames are not reported.
    Message {
        id: ExchangeId,
        at: BootTime,
        side: Side,
        data: Bytes,
        last: bool,
    },
    /// Bytes of this side's body are missing here (lost, or beyond a cap): what was parsed before and
    /// what comes after do not join. `bytes` when known.
    Gap {
        id: ExchangeId,
        at: BootTime,
        side: Side,
        bytes: Option<u64>,
    },
    /// Always last for an exchange, once. `late`: the exchange's beginning was not seen (attached in
    /// the middle, or unknown header indices); `gap`: something of it was lost;
    /// `request_size`/`response_size`: wire bytes of the bodies so far.
    End {
        id: ExchangeId,
        at: BootTime,
        outcome: Outcome,
        late: bool,
        gap: bool,
        request_size: u64,
        response_size: u64,
    },
}

impl HttpEvent {
    pub const fn id(&self) -> ExchangeId {
        match self {
            Self::RequestHead { id, .. }
            | Self::RequestBody { id, .. }
            | Self::RequestEnd { id, .. }
            | Self::ResponseHead { id, .. }
            | Self::ResponseBody { id, .. }
            | Self::ResponseTrailers { id, .. }
            | Self::ResponseEnd { id, .. }
            | Self::Message { id, .. }
            | Self::Gap { id, .. }
            | Self::End { id, .. } => *id,
        }
    }
}

/// One connection's parser, whatever the version. Sans-IO: bytes and time in, events out.
///
/// `Partial` is the silence of `poll`, a hole is [`Protocol::gap`], broken bytes are
/// [`Outcome::Malformed`]: three things. Nothing here ever fails; a parser that lost its place drains
/// and counts until it finds the next message.
pub trait Protocol: std::fmt::Debug + Send {
    /// The next bytes of one side, in order.
    fn push(&mut self, side: Side, at: BootTime, data: Bytes);
    /// Bytes of one side were lost here; `len` when known.
    fn gap(&mut self, side: Side, at: BootTime, len: Option<u64>);
    /// The side says nothing more (EOF or close_notify on what the process reads, or the process
    /// closed); the other side may go on.
    fn close(&mut self, side: Side, at: BootTime, how: Close);
    /// The next event; `None`: feed me more.
    fn poll(&mut self) -> Option<HttpEvent>;
    /// Exchanges begun and not ended.
    fn open_exchanges(&self) -> usize;
    /// Bytes of memory held for this connection, roughly: for caps and figures.
    fn memory(&self) -> usize;
}

/// How a side of a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The peer ended it: a read returned end of stream.
    ByPeer,
    /// The traced process ended it: freed the connection object, or exited.
    ByProcess,
    /// A read or write failed for good (reset).
    Failed,
    /// We cannot follow it any more (evicted, agent stops).
    Lost,
}
